/* SPDX-License-Identifier: MIT */
/* oauth.c - control methods of signing in: what a person is shown, what they
 * bring back, and whose account that is.  No code or token is ever told. */
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/conf.h"
#include "relayd/control.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/price_table.h"
#include "relayd/renew.h"
#include "relayd/signin.h"

/* The text of all fields of one record. */
#define TEXT_MAX 8192

/* --- answers ----------------------------------------------------------------- */

/* What a sign-in has told, never how. */
static void
put_identity(struct ctl_call *c, const struct account *a)
{
	struct json_out *j = &c->out;
	int64_t end = (int64_t)a->rec.expires_at;

	json_open(j, '{');
	json_say(j, "name", a->rec.name);
	json_say(j, "kind", a->rec.kind);
	json_say(j, "email", a->rec.email);
	json_say(j, "plan", a->rec.plan);
	json_say(j, "scopes", a->rec.scopes);
	json_say(j, "subject", a->rec.subject);
	json_say(j, "organization", a->rec.organization);
	if (a->rec.project_found.len)
		json_say(j, "project_found", a->rec.project_found);
	if (a->rec.expires_at && end <= clock_wall_ms()) {
		json_say_i64(j, "expired_at", end);
		json_say(j, "hint",
		    renew_is_possible(a)
			? STR("the token has ended, and is renewed at once")
			: STR("the token has ended: sign in again"));
	} else if (a->rec.expires_at) {
		json_say_i64(j, "expires_at", end);
	}
	json_say_i64(j, "renewed_at", (int64_t)a->rec.renewed_at);
	json_say_bool(j, "renews", renew_is_possible(a));
	json_close(j, '}');
}

static void
put_open(struct ctl_call *c, const struct signin *s)
{
	struct json_out *j = &c->out;
	struct loop *l = c->daemon->loop;
	const struct provider *p = s->flow.provider;
	struct buf url;

	buf_init(&url, 16 * 1024);
	if (signin_address(s, &url))
		abort();
	json_open(j, '{');
	json_say(j, "id", str_of(s->id));
	json_say(j, "name", s->rec.name);
	json_say(j, "kind", str_of(p->name));
	json_say(j, "notice", str_of(p->oauth->notice));
	json_say(j, "url", buf_str(&url));
	json_say(j, "user_code", buf_str(&s->device.user_code));
	json_say_bool(j, "pastes", !s->by_device);
	if (s->pace_s)
		json_say_i64(j, "interval_s", s->pace_s);
	json_say_i64(j, "ends_at", clock_wall_ms() + (s->ends_ms - loop_ms(l)));
	json_close(j, '}');
	buf_fini(&url);
}

static void
on_signin(void *arg, const struct signin_end *end)
{
	struct ctl_call *c = arg;

	if (end->e == ERR_AGAIN && end->open) {
		json_open(&c->out, '{');
		json_say_bool(&c->out, "pending", true);
		json_say_i64(&c->out, "interval_s", end->open->pace_s);
		json_close(&c->out, '}');
		ctl_answer(c, 0, STR(""));
	} else if (end->e) {
		ctl_refuse(c, end->e, &end->why);
	} else if (end->account) {
		put_identity(c, end->account);
		ctl_answer(c, end->account->rec.rev, STR(""));
	} else {
		put_open(c, end->open);
		ctl_answer(c, 0, STR(""));
	}
}

/* relayd stops: the store may still have it, but nobody hears of it. */
static void
abandon(struct ctl_call *c)
{
	signin_forget(c->daemon->signins, c);
	ctl_refusef(c, ERR_CLOSED, "", "relayd is stopping");
}

/* --- beginning ----------------------------------------------------------------- */

static enum err
check_allowed(const struct ctl_call *c, const struct provider *p,
    struct str kind, struct why *out_why)
{
	if (!p)
		return provider_refuse(kind, out_why);
	if (!p->oauth)
		return why_set(out_why, ERR_UNSUPPORTED, "kind",
		    "nobody signs in to accounts of the kind %s: relayctl "
		    "account add %s NAME",
		    p->name, p->name);
	if (!c->daemon->conf->oauth_accounts)
		return why_set(out_why, ERR_DENIED, "kind",
		    "accounts of the kind %s are subscriptions, which are not "
		    "allowed here: oauth_accounts in relayd.conf; see "
		    "relayd-accounts(7)",
		    p->name);
	return OK;
}

/* A record made of the call's name and fields; it points into text. */
static enum err
draft(const struct ctl_call *c, const struct provider *p, struct buf *text,
    struct account_rec *out, struct why *out_why)
{
	enum err e = OK;
	size_t room;
	char *at;

	/* Records point into the text, so it must not move while it grows. */
	buf_init(text, TEXT_MAX);
	if (buf_room(text, TEXT_MAX, &at, &room))
		abort();
	account_rec_init(out);
	out->name = ctl_text(c, "name");
	out->kind = str_of(p->name);
	for (const struct json *m = json_first(json_at(c->params, "fields"));
	     m && !e; m = json_next(m)) {
		struct str value;

		e = json_as_str(m, &value);
		if (!e)
			e = account_field_set(out, p, json_key(m), value, text,
			    out_why);
	}
	if (!e)
		e = ctl_check_text(ctl_text(c, "proxy_password"), 1024,
		    "proxy_password", out_why);
	if (!e)
		e = account_check(out, out_why);
	if (!e)
		e = proxies_check_said(c->daemon->proxies, out->proxy, out_why);
	if (!e && pool_find(c->daemon->pool, out->name))
		e = why_set(out_why, ERR_EXISTS, "name",
		    "there is an account of that name already; relayctl "
		    "account reauth signs in to it again");
	return e;
}

void
ctl_oauth_begin(struct ctl_call *c)
{
	struct str kind = ctl_text(c, "kind");
	const struct provider *p = provider_find(kind);
	struct account_rec rec;
	struct why why = { .text = "" };
	struct signin_ask ask = { .rec = &rec,
		.proxy_password = ctl_text(c, "proxy_password"),
		.uid = c->peer.uid,
		.by_device = ctl_flag(c, "device") };
	struct buf text;
	enum err e = check_allowed(c, p, kind, &why);

	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	e = draft(c, p, &text, &rec, &why);
	if (!e) {
		ctl_wait(c, abandon, NULL);
		e = signin_begin(c->daemon->signins, &ask, on_signin, c, &why);
	}
	if (e)
		ctl_refuse(c, e, &why);
	buf_fini(&text);
}

static struct account *
find_or_refuse(struct ctl_call *c)
{
	struct account *a = pool_find(c->daemon->pool, ctl_text(c, "name"));

	if (!a)
		ctl_refusef(c, ERR_UNKNOWN, "name",
		    "there is no account \"%.*s\"",
		    STR_ARG(str_first(ctl_text(c, "name"), 60)));
	return a;
}

void
ctl_oauth_again(struct ctl_call *c)
{
	struct signin_ask ask = { .uid = c->peer.uid,
		.again = true,
		.replaces = ctl_flag(c, "replace"),
		.by_device = ctl_flag(c, "device") };
	const struct account *a = find_or_refuse(c);
	struct why why = { .text = "" };
	enum err e;

	if (!a)
		return;
	ask.rec = &a->rec;
	ask.proxy_password = a->proxy_password;
	e = check_allowed(c, a->provider, a->rec.kind, &why);
	if (!e) {
		ctl_wait(c, abandon, NULL);
		e = signin_begin(c->daemon->signins, &ask, on_signin, c, &why);
	}
	if (e)
		ctl_refuse(c, e, &why);
}

/* --- those under way ------------------------------------------------------------ */

static const char *
what_next(const struct signin *s)
{
	switch (s->state) {
	case SIGNIN_STARTING:
		return "starting";
	case SIGNIN_OPEN:
		return s->by_device ? "code to type" : "answer to paste";
	case SIGNIN_ASKING:
	case SIGNIN_SAVING:
		break;
	}
	return "ending";
}

static int64_t
left_ms(const struct ctl_call *c, const struct signin *s)
{
	int64_t left = s->ends_ms - loop_ms(c->daemon->loop);

	return left > 0 ? left : 0;
}

void
ctl_oauth_list(struct ctl_call *c)
{
	const struct signin *s = NULL;
	struct json_out *j = &c->out;

	json_open(j, '[');
	while ((s = signin_next(c->daemon->signins, s, c->peer.uid))) {
		json_open(j, '{');
		json_say(j, "id", str_of(s->id));
		json_say(j, "name", s->rec.name);
		json_say(j, "kind", str_of(s->flow.provider->name));
		json_say(j, "state", str_of(what_next(s)));
		json_say_bool(j, "again", s->is_again);
		json_say_i64(j, "uid", (int64_t)s->uid);
		json_say_i64(j, "left_ms", left_ms(c, s));
		json_close(j, '}');
	}
	json_close(j, ']');
	ctl_answer(c, 0, STR(""));
}

/* By its id or its account's name; nothing said: the only one there is. */
static enum err
find_open(const struct ctl_call *c, struct str said, const struct signin **out,
    struct why *out_why)
{
	const struct signin *s = NULL, *found = NULL;
	unsigned fit = 0;

	while ((s = signin_next(c->daemon->signins, s, c->peer.uid))) {
		if (said.len && !str_eq(said, str_of(s->id)) &&
		    !str_eq(said, s->rec.name))
			continue;
		found = s;
		fit++;
	}
	if (fit > 1)
		return why_set(out_why, ERR_VALUE, "id",
		    "%u sign-ins are under way%s: say the id of one; relayctl "
		    "account logins lists them",
		    fit, said.len ? " for that account" : "");
	if (!fit)
		return why_set(out_why, ERR_UNKNOWN, "id",
		    "there is no such sign-in (any more): begin again: "
		    "relayctl account login KIND NAME, or account reauth "
		    "NAME");
	if (found->state == SIGNIN_STARTING)
		return why_set(out_why, ERR_BUSY, "id",
		    "the provider is just being asked for the code");
	*out = found;
	return OK;
}

void
ctl_oauth_resume(struct ctl_call *c)
{
	const struct signin *s;
	struct why why = { .text = "" };
	enum err e = find_open(c, ctl_text(c, "id"), &s, &why);

	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	put_open(c, s);
	ctl_answer(c, 0, STR(""));
}

/* --- going on ------------------------------------------------------------------- */

static struct signin *
signin_or_refuse(struct ctl_call *c)
{
	struct signin *s =
	    signin_find(c->daemon->signins, ctl_text(c, "id"), c->peer.uid);

	if (!s)
		ctl_refusef(c, ERR_UNKNOWN, "id",
		    "there is no such sign-in (any more): it is done, was "
		    "cancelled, is older than ten minutes, or relayd was "
		    "started since; begin again: relayctl account login KIND "
		    "NAME, or account reauth NAME");
	return s;
}

void
ctl_oauth_finish(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct signin *s = signin_or_refuse(c);
	struct why why = { .text = "" };
	enum err e;

	if (!s)
		return;
	ctl_wait(c, abandon, NULL);
	e = signin_finish(s, ctl_text(c, "answer"), &who, on_signin, c, &why);
	if (e)
		ctl_refuse(c, e, &why);
}

void
ctl_oauth_poll(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct signin *s = signin_or_refuse(c);
	struct why why = { .text = "" };
	enum err e;

	if (!s)
		return;
	ctl_wait(c, abandon, NULL);
	e = signin_poll(s, &who, on_signin, c, &why);
	if (e)
		ctl_refuse(c, e, &why);
}

void
ctl_oauth_cancel(struct ctl_call *c)
{
	struct signin *s = signin_or_refuse(c);

	if (!s)
		return;
	if (signin_cancel(s)) {
		ctl_refusef(c, ERR_BUSY, "id",
		    "too late: the account is being stored");
		return;
	}
	json_open(&c->out, '{');
	json_say_bool(&c->out, "cancelled", true);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

/* --- files of other clients --------------------------------------------------------- */

void
ctl_account_import(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	const struct provider *p = NULL;
	struct account_rec rec;
	struct signin_ask ask = { .rec = &rec,
		.proxy_password = ctl_text(c, "proxy_password"),
		.uid = c->peer.uid };
	struct why why = { .text = "" };
	struct oauth_grant grant;
	struct buf file, text;
	enum err e;

	buf_init(&text, TEXT_MAX);
	buf_init(&file, 1024 * 1024);
	oauth_grant_init(&grant);
	e = price_unpack(ctl_text(c, "from"), &file, &why);
	if (!e)
		e = oauth_import(buf_str(&file), &p, &grant, &why);
	if (!e)
		e = check_allowed(c, p, STR(""), &why);
	if (!e)
		e = draft(c, p, &text, &rec, &why);
	if (!e) {
		ctl_wait(c, abandon, NULL);
		e = signin_import(c->daemon->signins, &ask, &grant, &who,
		    on_signin, c, &why);
	}
	if (e)
		ctl_refuse(c, e, &why);
	oauth_grant_fini(&grant);
	buf_fini(&text);
	buf_wipe(&file);
}

/* --- renewing ------------------------------------------------------------------------ */

struct renewing {
	struct renew_wait wait;
	struct ctl_call *call;
};

static void
on_renewed(void *arg, enum err e, const struct why *why)
{
	struct renewing *r = arg;
	struct ctl_call *c = r->call;
	const struct account *a =
	    pool_find(c->daemon->pool, ctl_text(c, "name"));
	struct why gone;

	free(r);
	if (!e && !a)
		e = why_set(&gone, ERR_UNKNOWN, "name",
		    "the account was removed meanwhile");
	if (e) {
		/* That the provider denies it is no question of rights. */
		ctl_refuse(c, e == ERR_DENIED ? ERR_VALUE : e, a ? why : &gone);
		return;
	}
	put_identity(c, a);
	ctl_answer(c, a->rec.rev, STR(""));
}

static void
abandon_renewing(struct ctl_call *c)
{
	struct renewing *r = c->state;

	renew_leave(&r->wait);
	free(r);
	ctl_refusef(c, ERR_CLOSED, "", "relayd is stopping");
}

void
ctl_account_refresh(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct account *a = find_or_refuse(c);
	struct renewing *r;
	struct why why;

	if (!a)
		return;
	if (account_check_allowed(a, &why)) {
		ctl_refuse(c, ERR_DENIED, &why);
		return;
	}
	if (!renew_is_possible(a)) {
		ctl_refusef(c, ERR_UNSUPPORTED, "name",
		    "%.*s has nothing to renew its credential with%s",
		    STR_ARG(a->rec.name),
		    a->provider->oauth
			? "; sign in again: relayctl account reauth NAME"
			: ": it is an API key");
		return;
	}
	audit_post(c->daemon->store, &who, "account", a->rec.name,
	    STR("token to be renewed"));
	r = calloc(1, sizeof(*r));
	if (!r)
		abort();
	r->call = c;
	r->wait = (struct renew_wait){ .done = on_renewed, .arg = r };
	renew_join(c->daemon->renewals, a, &r->wait);
	ctl_wait(c, abandon_renewing, r);
}
