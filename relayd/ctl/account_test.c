/* SPDX-License-Identifier: MIT */
/* account_test.c - the control method account.test: a small real prompt, and
 * what came back, in the upstream's own words.  The credential is in the
 * request and nowhere in the answer, even when the upstream repeats it. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/dialect.h"
#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/control.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/dial.h"
#include "relayd/inert.h"
#include "relayd/loop.h"
#include "relayd/modelrule.h"
#include "relayd/probe.h"
#include "relayd/renew.h"

#define PROMPT_MAX 2000
#define ANSWER_MAX (256 * 1024)
#define WORDS_MAX  2000 /* of an upstream's error that are shown */
#define TOTAL_MS   60000
#define TOKENS_MAX 64

struct test {
	struct ctl_call *call;
	struct fetch *fetch;
	const struct dialect *dialect;
	const struct provider *kind;
	struct probe probe;
	char *account, *model;
	char *secret; /* to take out of what comes back */
	struct renew_wait wait;
	bool renewed; /* once is enough */
};

static void renew_first(struct test *t, struct account *a);

/* --- asking ---------------------------------------------------------------- */

static const struct dialect *
dialect_of(const struct provider *p)
{
	static const struct dialect *const all[] = {
#define X(name) &dialect_##name,
#include "proto/dialect.def"
#undef X
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (p->serves(all[i], OP_GENERATE))
			return all[i];
	return NULL;
}

/* The model that was asked for, else one the account names in full, else one
 * its kind is known to have. */
static struct str
choose_model(const struct ctl_call *c, const struct account *a)
{
	struct str asked = ctl_text(c, "model"), rest = a->rec.models;
	struct modelrule rule;

	if (asked.len)
		return asked;
	while (modelrule_next(&rest, &rule))
		if (rule.type != MODELRULE_NOT && str_chr(rule.glob, '*') < 0 &&
		    str_chr(rule.glob, '?') < 0)
			return rule.glob;
	for (unsigned i = 0; a->provider->models && a->provider->models[i]; i++)
		if (account_has_model(a, str_of(a->provider->models[i])))
			return str_of(a->provider->models[i]);
	return STR("");
}

static void
put_message(struct json_out *j, const char *list, const char *text_key,
    struct str prompt)
{
	json_put_key(j, list);
	json_open(j, '[');
	json_open(j, '{');
	json_say(j, "role", STR("user"));
	json_say(j, text_key, prompt);
	json_close(j, '}');
	json_close(j, ']');
}

static void
put_gemini(struct json_out *j, struct str prompt)
{
	json_put_key(j, "contents");
	json_open(j, '[');
	json_open(j, '{');
	json_say(j, "role", STR("user"));
	json_put_key(j, "parts");
	json_open(j, '[');
	json_open(j, '{');
	json_say(j, "text", prompt);
	json_close(j, '}');
	json_close(j, ']');
	json_close(j, '}');
	json_close(j, ']');
	json_put_key(j, "generationConfig");
	json_open(j, '{');
	json_say_i64(j, "maxOutputTokens", TOKENS_MAX);
	json_close(j, '}');
}

static enum err
write_body(const struct dialect *dialect, const struct provider *p,
    struct str model, struct str prompt, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out);
	json_open(&j, '{');
	if (dialect == &dialect_gemini) {
		put_gemini(&j, prompt);
	} else if (dialect == &dialect_openai_responses) {
		json_say(&j, "model", model);
		put_message(&j, "input", "content", prompt);
		json_say_i64(&j, "max_output_tokens", TOKENS_MAX);
	} else {
		/* OpenAI's newer models refuse the older name, others do not
		 * know the newer one. */
		bool newer = p == &provider_openai_api;

		json_say(&j, "model", model);
		put_message(&j, "messages", "content", prompt);
		json_say_i64(&j, newer ? "max_completion_tokens" : "max_tokens",
		    TOKENS_MAX);
	}
	json_close(&j, '}');
	return json_end(&j);
}

/* --- hearing --------------------------------------------------------------- */

/* An upstream that repeats what it was sent must not tell it on. */
static void
mask(char *text, size_t len, const char *secret)
{
	struct str rest = str_of(secret), part;

	while (inert_next_part(&rest, &part)) {
		size_t from = 0;
		ptrdiff_t at;

		while ((at = str_find(str_at(text + from, len - from), part)) >=
		    0) {
			memset(text + from + at, '*', part.len);
			from += (size_t)at + part.len;
		}
	}
}

/* The first element of the array, or the member, on the way down. */
static const struct json *
walk(const struct json *v, const char *const *path)
{
	for (; v && *path; path++)
		v = (*path)[0] == '[' ? json_first(v) : json_at(v, *path);
	return v;
}

static struct str
find_text(const struct json *root)
{
	static const char *const paths[][8] = {
		{ "content", "[", "text", NULL },
		{ "choices", "[", "message", "content", NULL },
		{ "candidates", "[", "content", "parts", "[", "text", NULL },
		{ "output", "[", "content", "[", "text", NULL },
	};
	struct str text = STR("");

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct json *v = walk(root, paths[i]);

		if (v && json_as_str(v, &text) == OK)
			return text;
	}
	return STR("");
}

static void
put_usage(struct json_out *j, const struct watch *w)
{
	if (!w->usage.known)
		return;
	json_put_key(j, "usage");
	json_open(j, '{');
	json_say_i64(j, "input", w->usage.input);
	json_say_i64(j, "output", w->usage.output);
	json_say_i64(j, "cache_read", w->usage.cache_read);
	json_say_i64(j, "reasoning", w->usage.reasoning);
	json_close(j, '}');
}

static void
put_times(struct json_out *j, const struct fetch_result *r)
{
	json_say_i64(j, "name_us", r->name_us);
	json_say_i64(j, "connect_us", r->connect_us);
	json_say_i64(j, "tls_us", r->tls_us);
	json_say_i64(j, "first_us", r->first_us);
	json_say_i64(j, "total_us", r->total_us);
}

static void
put_good(struct test *t, struct json_out *j, struct str body)
{
	struct watch w = { .began = false };
	struct json *root = NULL;

	t->dialect->watch_body(&w, body);
	put_usage(j, &w);
	if (w.model[0])
		json_say(j, "answered_by", str_of(w.model));
	if (json_parse(body, ANSWER_MAX, &root, NULL) == OK)
		json_say(j, "text", str_first(find_text(root), WORDS_MAX));
	json_free(root);
}

static void
put_result(struct test *t, const struct fetch_result *r, char *body)
{
	struct json_out *j = &t->call->out;
	bool ok = !r->e && r->status >= 200 && r->status < 300;
	struct why why = { .text = "" };
	struct buf made;
	enum err e = OK;

	buf_init(&made, 2 * ANSWER_MAX);
	if (ok)
		e = probe_read(&t->probe.ask, t->kind, r->status, r->type,
		    str_at(body, r->body.len), &made, &why);
	json_open(j, '{');
	json_say(j, "account", str_of(t->account));
	json_say(j, "model", str_of(t->model));
	json_say(j, "dialect", str_of(t->dialect->name));
	json_say_bool(j, "ok", ok && !e);
	json_say_i64(j, "status", r->status);
	put_times(j, r);
	if (e)
		json_say(j, "error", str_of(why.text));
	else if (ok)
		put_good(t, j, buf_str(&made));
	else if (r->e)
		json_say(j, "error", str_of(r->why.text));
	else
		json_say(j, "error",
		    str_first(str_at(body, r->body.len), WORDS_MAX));
	json_close(j, '}');
	buf_fini(&made);
}

static void
test_free(struct test *t)
{
	probe_fini(&t->probe);
	explicit_bzero(t->secret, strlen(t->secret));
	free(t->secret);
	free(t->account);
	free(t->model);
	free(t);
}

static void
on_fetched(void *arg, const struct fetch_result *r)
{
	struct test *t = arg;
	struct account *a =
	    pool_find(t->call->daemon->pool, str_of(t->account));
	char *body;

	t->fetch = NULL;
	if (!r->e && r->status == 401 && !t->renewed && a &&
	    renew_is_possible(a)) {
		renew_first(t, a);
		return;
	}
	body = r->body.len ? xmemdup(r->body.at, r->body.len) : NULL;

	if (body)
		mask(body, r->body.len, t->secret);
	put_result(t, r, body);
	ctl_answer(t->call, 0, STR(""));
	free(body);
	test_free(t);
}

/* The daemon ends first. */
static void
abandon(struct ctl_call *c)
{
	struct test *t = c->state;

	fetch_cancel(t->fetch);
	renew_leave(&t->wait);
	test_free(t);
	ctl_refuse(c, ERR_CLOSED, NULL);
}

static void
start(struct test *t, const struct account *a)
{
	struct ctl_call *c = t->call;
	struct fetch_ask ask = { .method = "POST",
		.url = buf_cstr(&t->probe.url),
		.fields = t->probe.fields,
		.body = buf_str(&t->probe.body),
		.total_ms = TOTAL_MS,
		.answer_max = ANSWER_MAX };

	ask.way.allow_private = a->rec.allow_private;
	outlet_lead(&a->outlet, &ask.way);
	free(t->secret);
	t->secret = t->probe.ask.credential.len
	    ? xmemdup(t->probe.ask.credential.at, t->probe.ask.credential.len)
	    : xstrdup("");
	t->fetch = fetch_start(c->daemon->dialer, &ask, on_fetched, t);
}

static enum err
prepare(struct test *t, const struct account *a, struct str model,
    struct str prompt, struct why *out_why)
{
	struct str there = modelrule_upstream(a->rec.models, model);
	struct buf body;
	enum err e;

	buf_init(&body, 8 * PROMPT_MAX + 1024);
	e = write_body(t->dialect, a->provider, there, prompt, &body);
	if (!e)
		e = probe_init(&t->probe, a, t->dialect, OP_GENERATE, there,
		    buf_str(&body), clock_wall_ms(), out_why);
	/* They were borrowed for the writing alone. */
	t->probe.ask.model = STR("");
	buf_fini(&body);
	return e;
}

static enum err
send_test(struct test *t, const struct account *a, struct why *out_why)
{
	struct str prompt = ctl_text(t->call, "prompt");
	enum err e;

	if (!prompt.len)
		prompt = STR("Say hello in one word.");
	e = account_check_allowed(a, out_why);
	if (!e)
		e = prepare(t, a, str_of(t->model), prompt, out_why);
	if (!e)
		start(t, a);
	return e;
}

static void
on_renewed(void *arg, enum err e, const struct why *why)
{
	struct test *t = arg;
	struct ctl_call *c = t->call;
	const struct account *a =
	    pool_find(c->daemon->pool, str_of(t->account));
	struct why w = *why;

	if (!e && (!a || a->provider != t->kind))
		e = why_set(&w, ERR_UNKNOWN, "name",
		    "the account was changed meanwhile");
	if (!e)
		e = send_test(t, a, &w);
	if (e) {
		test_free(t);
		ctl_refuse(c, e == ERR_DENIED ? ERR_VALUE : e, &w);
	}
}

/* A token that has ended says nothing of the account. */
static void
renew_first(struct test *t, struct account *a)
{
	t->renewed = true;
	/* What was asked with the old one. */
	probe_fini(&t->probe);
	memset(&t->probe, 0, sizeof(t->probe));
	t->wait = (struct renew_wait){ .done = on_renewed, .arg = t };
	renew_join(t->call->daemon->renewals, a, &t->wait);
}

void
ctl_account_test(struct ctl_call *c)
{
	struct account *a = pool_find(c->daemon->pool, ctl_text(c, "name"));
	const struct dialect *dialect = a ? dialect_of(a->provider) : NULL;
	struct str prompt = ctl_text(c, "prompt"), model;
	struct why why = { .text = "" };
	struct test *t;
	enum err e;

	if (!a || !dialect) {
		ctl_refusef(c, ERR_UNKNOWN, "name",
		    "there is no account \"%.*s\" that could be asked",
		    STR_ARG(str_first(ctl_text(c, "name"), 60)));
		return;
	}
	model = choose_model(c, a);
	t = xcalloc(1, sizeof(*t));
	*t = (struct test){ .call = c,
		.dialect = dialect,
		.kind = a->provider,
		.account = xmemdup(a->rec.name.at, a->rec.name.len),
		.model = xmemdup(model.at, model.len) };
	e = model.len ? ctl_check_text(model, 128, "model", &why)
		      : why_set(&why, ERR_VALUE, "model",
			    "say which model to ask: --model NAME");
	if (!e && prompt.len > PROMPT_MAX)
		e = why_set(&why, ERR_LIMIT, "prompt",
		    "a prompt has at most %d bytes here", PROMPT_MAX);
	t->secret = xstrdup("");
	if (!e)
		e = account_check_allowed(a, &why);
	if (!e && renew_is_needed(c->daemon->renewals, a))
		renew_first(t, a);
	else if (!e)
		e = send_test(t, a, &why);
	if (e) {
		test_free(t);
		ctl_refuse(c, e, &why);
	} else {
		ctl_wait(c, abandon, t);
	}
}
