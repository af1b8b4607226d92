/* SPDX-License-Identifier: MIT */
/* account_windows.c - the control method account.windows: what providers told
 * of the limits of subscriptions, or tell when they are asked now. */
#include "relayd/account.h"
#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/question.h"
#include "relayd/relay.h"

static void
put_windows(struct ctl_call *c, const struct account *a)
{
	int64_t now_ms = loop_ms(c->daemon->loop);
	struct json_out *j = &c->out;

	for (unsigned i = 0; i < a->windows.count; i++) {
		const struct window *w = &a->windows.at[i];

		json_open(j, '{');
		json_say(j, "account", a->rec.name);
		json_say(j, "window", str_of(w->name));
		if (w->used_ppm >= 0)
			json_say_i64(j, "used_ppm", w->used_ppm);
		json_say(j, "status", str_of(w->status));
		json_say_i64(j, "reset_at", w->reset_at);
		json_say_i64(j, "told_at", w->told_at);
		if (w->hourly_ppm > 0)
			json_say_i64(j, "hourly_ppm", w->hourly_ppm);
		if (window_full_at(w))
			json_say_i64(j, "full_at", window_full_at(w));
		if (w->stop_ms[0] > now_ms)
			json_say_i64(j, "stop_until_at",
			    clock_wall_ms() + w->stop_ms[0] - now_ms);
		json_close(j, '}');
	}
}

static void
answer_windows(struct ctl_call *c)
{
	struct str name = ctl_text(c, "name");
	const struct account *a;

	json_open(&c->out, '[');
	TAILQ_FOREACH (a, &c->daemon->pool->accounts, link)
		if (!name.len || str_eq(name, a->rec.name))
			put_windows(c, a);
	json_close(&c->out, ']');
	ctl_answer(c, 0, STR(""));
}

static void
hear_limits(struct ctl_call *c, struct account *a,
    const struct fetch_result *result)
{
	struct why why;
	enum err e = a->provider->oauth->limits_read(result->status,
	    result->body, &a->windows, &why);

	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	for (unsigned i = 0; i < a->windows.count; i++)
		if (!a->windows.at[i].told_at)
			a->windows.at[i].told_at = clock_wall_ms();
	windows_turn(&a->windows, &a->stop, clock_wall_ms(),
	    loop_ms(c->daemon->loop), c->daemon->relays->draw());
	answer_windows(c);
}

static enum err
ask_limits(struct question *q, const struct account *a, struct why *out_why)
{
	const struct daemon *d = q->call->daemon;
	struct oauth_flow flow;
	struct oauth_ask ask;
	enum err e;

	oauth_ask_init(&ask);
	e = oauth_flow_init(&flow, &a->rec, d->conf, d->client_secrets,
	    out_why);
	if (!e)
		e = a->provider->oauth->limits_ask(&flow, a->credential, &ask);
	if (!e) {
		const char *fields[OAUTH_FIELDS + 1] = { NULL };
		struct fetch_ask to = { .method = ask.method,
			.url = buf_cstr(&ask.url),
			.fields = fields,
			.body = buf_str(&ask.body),
			.answer_max = OAUTH_ANSWER_MAX };

		for (unsigned i = 0; i < ask.count; i++)
			fields[i] = buf_cstr(&ask.fields[i]);
		question_fetch(q, a, &to);
	}
	oauth_ask_fini(&ask);
	return e;
}

void
ctl_account_windows(struct ctl_call *c)
{
	struct str name = ctl_text(c, "name");
	struct account *a = NULL;

	if (name.len && !(a = pool_find(c->daemon->pool, name)))
		ctl_refusef(c, ERR_UNKNOWN, "name",
		    "there is no account \"%.*s\"",
		    STR_ARG(str_first(name, 60)));
	else if (!ctl_flag(c, "ask"))
		answer_windows(c);
	else if (!a)
		ctl_refusef(c, ERR_VALUE, "name",
		    "say which account is to be asked for its limits");
	else if (!a->provider->oauth || !a->provider->oauth->limits_ask)
		ctl_refusef(c, ERR_UNSUPPORTED, "ask",
		    "accounts of the kind %s cannot be asked for their limits",
		    a->provider->name);
	else
		question_begin(c, a, ask_limits, hear_limits);
}
