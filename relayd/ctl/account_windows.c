/* SPDX-License-Identifier: MIT */
/* account_windows.c - the control method account.windows: what providers told
 * of the limits of subscriptions, or tell when they are asked now. */
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/dial.h"
#include "relayd/loop.h"
#include "relayd/renew.h"
#include "relayd/signin.h"

static void
put_windows(struct ctl_call *c, const struct account *a)
{
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

struct asking {
	struct ctl_call *call;
	struct fetch *fetch;
	struct renew_wait wait;
	bool renewed; /* once is enough */
};

static void renew_first(struct asking *k, struct account *a);

static void
on_limits(void *arg, const struct fetch_result *result)
{
	struct asking *k = arg;
	struct ctl_call *c = k->call;
	struct account *a = pool_find(c->daemon->pool, ctl_text(c, "name"));
	struct why why = result->why;
	enum err e = result->e;

	k->fetch = NULL;
	if (!e && a && result->status == 401 && !k->renewed &&
	    renew_is_possible(a)) {
		renew_first(k, a);
		return;
	}
	free(k);
	if (!e &&
	    (!a || !a->provider->oauth || !a->provider->oauth->limits_read))
		e = why_set(&why, ERR_UNKNOWN, "name",
		    "the account was changed meanwhile");
	if (!e)
		e = a->provider->oauth->limits_read(result->status,
		    result->body, &a->windows, &why);
	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	for (unsigned i = 0; i < a->windows.count; i++)
		if (!a->windows.at[i].told_at)
			a->windows.at[i].told_at = clock_wall_ms();
	answer_windows(c);
}

static void
abandon_asking(struct ctl_call *c)
{
	struct asking *k = c->state;

	fetch_cancel(k->fetch);
	renew_leave(&k->wait);
	free(k);
	ctl_refusef(c, ERR_CLOSED, "", "relayd is stopping");
}

static enum err
send_asking(struct asking *k, const struct account *a, struct why *out_why)
{
	struct ctl_call *c = k->call;
	const char *fields[OAUTH_FIELDS + 1] = { NULL };
	struct oauth_flow flow;
	struct oauth_ask ask;
	enum err e;

	oauth_ask_init(&ask);
	e = oauth_flow_init(&flow, &a->rec, c->daemon->conf,
	    c->daemon->client_secrets, out_why);
	if (!e)
		e = a->provider->oauth->limits_ask(&flow, a->credential, &ask);
	if (!e) {
		struct fetch_ask to = { .method = ask.method,
			.url = buf_cstr(&ask.url),
			.fields = fields,
			.body = buf_str(&ask.body),
			.total_ms = SIGNIN_TOTAL_MS,
			.answer_max = OAUTH_ANSWER_MAX };

		for (unsigned i = 0; i < ask.count; i++)
			fields[i] = buf_cstr(&ask.fields[i]);
		to.way.allow_private = a->rec.allow_private;
		outlet_lead(&a->outlet, &to.way);
		k->fetch = fetch_start(c->daemon->dialer, &to, on_limits, k);
	}
	oauth_ask_fini(&ask);
	return e;
}

static void
on_renewed_first(void *arg, enum err e, const struct why *why)
{
	struct asking *k = arg;
	struct ctl_call *c = k->call;
	const struct account *a =
	    pool_find(c->daemon->pool, ctl_text(c, "name"));
	struct why w = *why;

	if (!e &&
	    (!a || !a->provider->oauth || !a->provider->oauth->limits_ask))
		e = why_set(&w, ERR_UNKNOWN, "name",
		    "the account was changed meanwhile");
	if (!e)
		e = account_check_allowed(a, &w);
	if (!e)
		e = send_asking(k, a, &w);
	if (e) {
		free(k);
		ctl_refuse(c, e == ERR_DENIED ? ERR_VALUE : e, &w);
	}
}

/* A token that has ended says nothing of the account. */
static void
renew_first(struct asking *k, struct account *a)
{
	k->renewed = true;
	k->wait = (struct renew_wait){ .done = on_renewed_first, .arg = k };
	renew_join(k->call->daemon->renewals, a, &k->wait);
}

static enum err
ask_limits(struct ctl_call *c, struct account *a, struct why *out_why)
{
	struct asking *k = xcalloc(1, sizeof(*k));
	enum err e = OK;

	k->call = c;
	if (renew_is_needed(c->daemon->renewals, a))
		renew_first(k, a);
	else
		e = send_asking(k, a, out_why);
	if (e)
		free(k);
	else
		ctl_wait(c, abandon_asking, k);
	return e;
}

void
ctl_account_windows(struct ctl_call *c)
{
	struct str name = ctl_text(c, "name");
	struct account *a = NULL;
	struct why why = { .text = "" };
	enum err e = OK;

	if (name.len && !(a = pool_find(c->daemon->pool, name))) {
		ctl_refusef(c, ERR_UNKNOWN, "name",
		    "there is no account \"%.*s\"",
		    STR_ARG(str_first(name, 60)));
		return;
	}
	if (!ctl_flag(c, "ask")) {
		answer_windows(c);
		return;
	}
	if (!a)
		e = why_set(&why, ERR_VALUE, "name",
		    "say which account is to be asked for its limits");
	else if (!a->provider->oauth || !a->provider->oauth->limits_ask)
		e = why_set(&why, ERR_UNSUPPORTED, "ask",
		    "accounts of the kind %s cannot be asked for their limits",
		    a->provider->name);
	else if (c->peer.role < CTL_OPS)
		e = why_set(&why, ERR_DENIED, "ask",
		    "asking the provider is for those who run relayd (ops)");
	else
		e = account_check_allowed(a, &why);
	if (!e)
		e = ask_limits(c, a, &why);
	if (e)
		ctl_refuse(c, e, &why);
}
