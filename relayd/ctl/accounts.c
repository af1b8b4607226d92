/* SPDX-License-Identifier: MIT */
/* accounts.c - control methods about upstream accounts.  Never shows a secret:
 * what is sealed leaves this process only on its way to its upstream. */
#include <stdio.h>
#include <stdlib.h>

#include "relayd/account.h"
#include "relayd/conf.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/group.h"
#include "relayd/loop.h"
#include "relayd/notice.h"
#include "relayd/relay.h"

/* The text of all fields of one record. */
#define TEXT_MAX 8192
/* All keys of an account. */
#define KEYS_MAX (ACCOUNT_KEYS_MAX * (ACCOUNT_KEY_MOST + 1))

/* --- rows ------------------------------------------------------------------ */

/* A monotonic moment as wall clock. */
static int64_t
wall_of(const struct ctl_call *c, int64_t at_ms)
{
	return clock_wall_ms() + (at_ms - loop_ms(c->daemon->loop));
}

/* Of some models alone. */
static void
put_part(struct ctl_call *c, const struct gate_part *g, int64_t now_ms)
{
	struct json_out *j = &c->out;

	if (g->until_ms <= now_ms)
		return;
	json_open(j, '{');
	json_say(j, "gate", str_of(gate_name(g->which)));
	json_say(j, "text", str_of(gate_text(g->which)));
	json_say(j, "family", str_of(g->of));
	json_say_bool(j, "long_context", g->is_long);
	json_say(j, "reason", str_of(g->reason));
	json_say_i64(j, "until_at", wall_of(c, g->until_ms));
	json_close(j, '}');
}

static void
put_gates(struct ctl_call *c, const struct account *a)
{
	int64_t now = loop_ms(c->daemon->loop);
	struct json_out *j = &c->out;

	json_put_key(j, "gates");
	json_open(j, '[');
	for (int i = 0; i < GATE_COUNT; i++) {
		if (a->gates.until_ms[i] <= now)
			continue;
		json_open(j, '{');
		json_say(j, "gate", str_of(gate_name((enum gate)i)));
		json_say(j, "text", str_of(gate_text((enum gate)i)));
		json_say(j, "reason", str_of(a->gates.reason[i]));
		json_say_i64(j, "until_at", wall_of(c, a->gates.until_ms[i]));
		json_close(j, '}');
	}
	for (unsigned i = 0; i < a->parts.count; i++)
		put_part(c, &a->parts.at[i], now);
	json_close(j, ']');
}

/* What may be shown of the keys of an account with several. */
static void
put_keys(struct ctl_call *c, const struct account *a)
{
	int64_t now = loop_ms(c->daemon->loop), until;
	struct json_out *j = &c->out;
	enum gate which;

	if (!a->keys.count)
		return;
	json_put_key(j, "keys");
	json_open(j, '[');
	for (unsigned i = 0; i < a->keys.count; i++) {
		const struct account_key *k = &a->keys.at[i];

		until = gate_until(&k->gates, now, &which);
		json_open(j, '{');
		json_say(j, "end", account_keys_end(k));
		json_say(j, "state",
		    str_of(until ? gate_name(which) : "ready"));
		if (until) {
			json_say(j, "reason", str_of(k->gates.reason[which]));
			json_say_i64(j, "since_at", k->since_wall_ms);
			json_say_i64(j, "until_at", wall_of(c, until));
		}
		json_say_i64(j, "requests", (int64_t)k->requests);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* The groups it is in, and the keys that name it. */
static void
put_ties(struct ctl_call *c, const struct account *a)
{
	struct json_out *j = &c->out;
	const struct group *g;

	json_put_key(j, "groups");
	json_open(j, '[');
	TAILQ_FOREACH (g, &c->daemon->groups->list, link)
		if (group_member_of(g, a))
			json_put_string(j, g->rec.name);
	json_close(j, ']');
	json_put_key(j, "bound_keys");
	json_open(j, '[');
	ctl_put_bound(c, TIER_ACCOUNT, a->rec.name);
	json_close(j, ']');
}

static void
put_members(struct ctl_call *c, const struct account *a)
{
	struct json_out *j = &c->out;
	int64_t until = 0;
	const char *state = account_state(a, loop_ms(c->daemon->loop), &until);

	ctl_put_rec(j, &account_kind, &a->rec);
	json_say(j, "way", outlet_name(&a->outlet));
	if (a->outlet.no_way)
		json_say(j, "no_way", str_of(a->outlet.no_way));
	json_say(j, "state", str_of(state));
	if (until)
		json_say_i64(j, "until_at", wall_of(c, until));
	put_gates(c, a);
	if (a->soft_until_ms > loop_ms(c->daemon->loop))
		json_say_i64(j, "last_until_at", wall_of(c, a->soft_until_ms));
	put_keys(c, a);
	put_ties(c, a);
	json_say_i64(j, "in_flight", a->in_flight);
	if (a->turn)
		json_say(j, "turn", str_of(a->turn->id_text));
	json_say_bool(j, "draining", a->draining);
	json_say_i64(j, "sessions", a->sessions);
	json_say_i64(j, "requests", (int64_t)a->requests);
	json_say_i64(j, "failures", (int64_t)a->failures);
	json_say(j, "last_error", str_of(a->last_error));
	json_say_i64(j, "last_error_at", a->last_error_wall_ms);
	json_say_i64(j, "used_at",
	    a->used_us ? wall_of(c, a->used_us / 1000) : 0);
}

static void
put_account(struct ctl_call *c, const struct account *a)
{
	json_open(&c->out, '{');
	put_members(c, a);
	json_close(&c->out, '}');
}

static struct account *
find(struct ctl_call *c)
{
	return pool_find(c->daemon->pool, ctl_text(c, "name"));
}

/* The account a call names; refuses the call when there is none. */
static struct account *
find_or_refuse(struct ctl_call *c)
{
	struct account *a = find(c);

	if (!a)
		ctl_refusef(c, ERR_UNKNOWN, "name",
		    "there is no account \"%.*s\"",
		    STR_ARG(str_first(ctl_text(c, "name"), 60)));
	return a;
}

/* --- looking --------------------------------------------------------------- */

static void
put_kind(struct json_out *j, const struct provider *p)
{
	const struct field *f;

	json_open(j, '{');
	json_say(j, "name", str_of(p->name));
	json_say(j, "label", str_of(p->label));
	json_say(j, "url", str_of(p->url ? p->url : ""));
	json_say(j, "auth", str_of(p->auth));
	json_put_key(j, "fields");
	json_open(j, '[');
	for (unsigned i = 0; (f = account_field_at(p, i)); i++)
		ctl_put_field(j, f);
	json_close(j, ']');
	json_close(j, '}');
}

static void
refuse_kind(struct ctl_call *c, struct str kind)
{
	struct why why;

	ctl_refuse(c, provider_refuse(kind, &why), &why);
}

void
ctl_account_kinds(struct ctl_call *c)
{
	struct str kind = ctl_text(c, "kind");
	const struct provider *p;

	if (kind.len && !provider_find(kind)) {
		refuse_kind(c, kind);
		return;
	}
	json_open(&c->out, '[');
	for (unsigned i = 0; (p = provider_at(i)); i++)
		if (!kind.len || str_eq(kind, str_of(p->name)))
			put_kind(&c->out, p);
	json_close(&c->out, ']');
	ctl_answer(c, 0, STR(""));
}

static bool
is_wanted(struct ctl_call *c, const struct account *a)
{
	struct str kind = ctl_text(c, "kind"), state = ctl_text(c, "state");
	int64_t until;

	if (str_cmp(a->rec.name, c->cursor) <= 0 && c->cursor.len)
		return false;
	if (kind.len && !str_eq(kind, a->rec.kind))
		return false;
	return !state.len ||
	    str_eq(state,
		str_of(account_state(a, loop_ms(c->daemon->loop), &until)));
}

void
ctl_account_list(struct ctl_call *c)
{
	struct str last = STR(""), next = STR("");
	const struct account *a;
	unsigned n = 0;

	json_open(&c->out, '[');
	TAILQ_FOREACH (a, &c->daemon->pool->accounts, link) {
		if (!is_wanted(c, a))
			continue;
		if (!ctl_has_room(c, n)) {
			next = last;
			break;
		}
		put_account(c, a);
		last = a->rec.name;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, next);
}

void
ctl_account_show(struct ctl_call *c)
{
	const struct account *a = find_or_refuse(c);

	if (!a)
		return;
	put_account(c, a);
	ctl_answer(c, a->rec.rev, STR(""));
}

/* --- changing -------------------------------------------------------------- */

/* A record under construction. */
struct draft {
	struct account_rec rec;
	struct account_secrets secrets;
	struct buf text;
	struct buf keys; /* of a kind with several; wiped */
};

/* Records point into the text, so it must not move while it grows. */
static void
draft_begin(struct draft *d)
{
	char *at;
	size_t room;

	buf_init(&d->text, TEXT_MAX);
	buf_init(&d->keys, KEYS_MAX);
	if (buf_room(&d->text, TEXT_MAX, &at, &room))
		abort();
	d->secrets = (struct account_secrets){ .credential = { NULL, 0 } };
}

static void
draft_end(struct draft *d)
{
	buf_fini(&d->text);
	buf_wipe(&d->keys);
	buf_fini(&d->keys);
}

static enum err
draft_take_fields(struct draft *d, const struct provider *p,
    const struct json *fields, struct why *out_why)
{
	for (const struct json *m = json_first(fields); m; m = json_next(m)) {
		struct str value;
		enum err e = json_as_str(m, &value);

		if (!e)
			e = account_field_set(&d->rec, p, json_key(m), value,
			    &d->text, out_why);
		if (e)
			return e;
	}
	return OK;
}

static enum err
draft_take_secrets(struct draft *d, const struct provider *p,
    const struct ctl_call *c, struct why *out_why)
{
	struct str credential = str_trim(ctl_text(c, "credential"));
	struct str password = ctl_text(c, "proxy_password");
	enum err e = OK;

	if (p->many_keys && credential.len) {
		e = account_keys_read(credential, &d->keys, out_why);
		credential = buf_str(&d->keys);
	} else {
		e = ctl_check_text(credential, 4096, "credential", out_why);
	}
	if (!e)
		e = ctl_check_text(password, 1024, "proxy_password", out_why);
	if (e)
		return e;
	if (ctl_has(c, "credential") && !credential.len)
		return why_set(out_why, ERR_VALUE, "credential",
		    "the credential is empty");
	if (credential.len)
		d->secrets.credential = credential;
	if (ctl_has(c, "proxy_password"))
		d->secrets.proxy_password = password.at ? password : STR("");
	return OK;
}

static enum err
draft_take_end(struct draft *d, const struct ctl_call *c, struct why *out_why)
{
	if (!ctl_has(c, "expires"))
		return OK;
	return ctl_read_end(ctl_text(c, "expires"), clock_wall_ms(), "expires",
	    "`account hold` takes an account out of use now", &d->rec.ends_at,
	    out_why);
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct account *a)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	if (c->method == CTL_M_account_hold || c->method == CTL_M_account_drain)
		notice_raise(c->daemon->notices, NOTICE_account_held,
		    a->rec.name, "by %.*s%s%.*s", STR_ARG(a->rec.held_by),
		    a->rec.held_reason.len ? ": " : "",
		    STR_ARG(a->rec.held_reason));
	else if (c->method == CTL_M_account_release)
		notice_raise(c->daemon->notices, NOTICE_account_released,
		    a->rec.name, "by uid:%ld", (long)c->peer.uid);
	if (c->method == CTL_M_account_drain)
		pool_drain(c->daemon->pool, a);
	else if (!a->rec.held)
		a->draining = false;
	/* A fresh key may serve where the others rest. */
	if (c->method == CTL_M_account_key_add)
		account_open(a);
	put_account(c, a);
	ctl_answer(c, a->rec.rev, STR(""));
}

/* The answer to a rehearsal: what would be different. */
static void
answer_rehearsal(struct ctl_call *c, const struct account_rec *from,
    const struct draft *d, uint64_t rev)
{
	struct json_out *j = &c->out;

	json_open(j, '{');
	json_say(j, "name", d->rec.name);
	json_put_key(j, "changes");
	json_open(j, '[');
	ctl_put_changes(j, &account_kind, from, &d->rec);
	json_close(j, ']');
	json_say_bool(j, "dry_run", true);
	json_close(j, '}');
	ctl_answer(c, rev, STR(""));
}

/* Subscriptions are the owner of the host's to allow; and who signs in has no
 * credential to type. */
static enum err
check_oauth(const struct ctl_call *c, const struct provider *p,
    struct why *out_why)
{
	if (!p->oauth)
		return OK;
	if (!c->daemon->conf->oauth_accounts)
		return why_set(out_why, ERR_DENIED, "kind",
		    "accounts of the kind %s are subscriptions, which are not "
		    "allowed here: oauth_accounts in relayd.conf; see "
		    "relayd-accounts(7)",
		    p->name);
	if (!account_field_find(p, STR("credential")) ||
	    !ctl_text(c, "credential").len)
		return why_set(out_why, ERR_UNSUPPORTED, "kind",
		    "accounts of the kind %s are added by signing in: relayctl "
		    "account login %s NAME%s",
		    p->name, p->name,
		    p->many_keys ? "; or with keys: --credential -" : "");
	return OK;
}

/* Of the form that the kind's credentials have? */
static enum err
check_credential(const struct draft *d, const struct provider *p,
    struct why *out_why)
{
	if (!d->secrets.credential.at || !p->check_credential)
		return OK;
	return p->check_credential(d->secrets.credential, out_why);
}

static enum err
check_required(const struct draft *d, const struct provider *p,
    struct why *out_why)
{
	const struct field *f = account_field_find(p, STR("credential"));

	if (f && f->required && !d->secrets.credential.at)
		return why_set(out_why, ERR_VALUE, "credential",
		    "an account of this kind needs a credential: typed at a "
		    "terminal, --credential - from a pipe, or "
		    "--credential-file FILE");
	return check_credential(d, p, out_why);
}

void
ctl_account_add(struct ctl_call *c)
{
	const struct provider *p = provider_find(ctl_text(c, "kind"));
	const struct audit_who who = ctl_who(c);
	struct account_rec nothing = { .priority = 0 };
	struct draft d;
	struct why why = { .text = "" };
	enum err e;

	if (!p) {
		refuse_kind(c, ctl_text(c, "kind"));
		return;
	}
	draft_begin(&d);
	account_rec_init(&d.rec);
	d.rec.name = ctl_text(c, "name");
	d.rec.kind = str_of(p->name);
	e = check_oauth(c, p, &why);
	if (!e)
		e = draft_take_fields(&d, p, json_at(c->params, "fields"),
		    &why);
	if (!e)
		e = draft_take_secrets(&d, p, c, &why);
	if (!e)
		e = draft_take_end(&d, c, &why);
	if (!e)
		e = check_required(&d, p, &why);
	if (!e)
		e = account_check(&d.rec, &why);
	if (!e)
		e = proxies_check_said(c->daemon->proxies, d.rec.proxy, &why);
	if (!e && find(c))
		e = why_set(&why, ERR_EXISTS, "name",
		    "there is an account of that name already");
	if (e)
		ctl_refuse(c, e, &why);
	else if (c->dry_run)
		answer_rehearsal(c, &nothing, &d, 0);
	else
		account_save(c->daemon->pool, &d.rec, &d.secrets, false, 0,
		    &who, on_saved, c);
	draft_end(&d);
}

/* Check the draft of an account that is there, then rehearse or save it. */
static void
finish(struct ctl_call *c, const struct account *a, struct draft *d, enum err e,
    struct why *why)
{
	const struct audit_who who = ctl_who(c);

	if (!e)
		e = account_check(&d->rec, why);
	if (!e && !str_eq(d->rec.proxy, a->rec.proxy))
		e = proxies_check_said(c->daemon->proxies, d->rec.proxy, why);
	if (!e)
		e = ctl_check_rev(c, a->rec.rev, why);
	if (e)
		ctl_refuse(c, e, why);
	else if (c->dry_run)
		answer_rehearsal(c, &a->rec, d, a->rec.rev);
	else
		account_save(c->daemon->pool, &d->rec, &d->secrets, true,
		    c->if_rev, &who, on_saved, c);
	draft_end(d);
}

/* Keys are for who has not signed in. */
static enum err
check_keys(const struct account *a, struct why *out_why)
{
	if (!a->provider->many_keys || !a->rec.refresh_token.len)
		return OK;
	return why_set(out_why, ERR_UNSUPPORTED, "name",
	    "somebody has signed in to %.*s; make an account of its own for "
	    "keys",
	    STR_ARG(a->rec.name));
}

void
ctl_account_set(struct ctl_call *c)
{
	struct account *a = find_or_refuse(c);
	struct why why = { .text = "" };
	struct draft d;
	enum err e;

	if (!a)
		return;
	draft_begin(&d);
	d.rec = a->rec;
	e = draft_take_fields(&d, a->provider, json_at(c->params, "fields"),
	    &why);
	if (!e)
		e = draft_take_secrets(&d, a->provider, c, &why);
	if (!e)
		e = draft_take_end(&d, c, &why);
	if (!e && d.secrets.credential.at)
		e = check_keys(a, &why);
	if (!e)
		e = check_credential(&d, a->provider, &why);
	finish(c, a, &d, e, &why);
}

/* --- single keys ----------------------------------------------------------- */

static enum err
check_has_keys(const struct account *a, struct why *out_why)
{
	if (a->provider->many_keys)
		return check_keys(a, out_why);
	return why_set(out_why, ERR_UNSUPPORTED, "name",
	    "accounts of the kind %s have one credential: relayctl account set "
	    "%.*s --credential -",
	    a->provider->name, STR_ARG(a->rec.name));
}

/* The new keys stand for those that are there now, and for no others. */
static void
finish_keys(struct ctl_call *c, const struct account *a, struct draft *d,
    enum err e, struct why *why)
{
	d->rec = a->rec;
	d->secrets.credential = buf_str(&d->keys);
	if (!e)
		e = ctl_check_rev(c, a->rec.rev, why);
	if (!e)
		c->if_rev = a->rec.rev;
	finish(c, a, d, e, why);
}

void
ctl_account_key_add(struct ctl_call *c)
{
	struct account *a = find_or_refuse(c);
	struct why why = { .text = "" };
	struct buf all;
	struct draft d;
	enum err e;

	if (!a)
		return;
	draft_begin(&d);
	buf_init(&all, 2 * KEYS_MAX + 8192);
	e = check_has_keys(a, &why);
	if (!e)
		e = buf_addf(&all, "%.*s ", STR_ARG(a->credential));
	if (!e && !str_trim(ctl_text(c, "credential")).len)
		e = why_set(&why, ERR_VALUE, "credential", "no key came");
	if (!e && buf_add(&all, ctl_text(c, "credential")))
		e = why_set(&why, ERR_LIMIT, "credential",
		    "these keys are too long");
	if (!e)
		e = account_keys_read(buf_str(&all), &d.keys, &why);
	buf_wipe(&all);
	buf_fini(&all);
	finish_keys(c, a, &d, e, &why);
}

void
ctl_account_key_rm(struct ctl_call *c)
{
	struct account *a = find_or_refuse(c);
	struct str end = ctl_text(c, "end");
	struct why why = { .text = "" };
	struct account_key *gone = NULL;
	struct draft d;
	enum err e;

	if (!a)
		return;
	draft_begin(&d);
	e = check_has_keys(a, &why);
	if (!e && account_keys_find_end(&a->keys, end, &gone))
		e = why_set(&why, ERR_UNKNOWN, "end",
		    "say the last characters, four or more, of one of its "
		    "keys; relayctl account show %.*s lists them",
		    STR_ARG(a->rec.name));
	if (!e && a->keys.count == 1)
		e = why_set(&why, ERR_VALUE, "end",
		    "it is the only one; add another first, or remove the "
		    "account");
	for (unsigned i = 0; !e && i < a->keys.count; i++)
		if (&a->keys.at[i] != gone)
			e = buf_addf(&d.keys, "%s%.*s",
			    buf_len(&d.keys) ? " " : "",
			    STR_ARG(a->keys.at[i].text));
	finish_keys(c, a, &d, e, &why);
}

void
ctl_account_hold(struct ctl_call *c)
{
	struct account *a = find_or_refuse(c);
	struct str reason = ctl_text(c, "reason");
	struct why why = { .text = "" };
	char by[32];
	struct draft d;
	enum err e;

	if (!a)
		return;
	draft_begin(&d);
	snprintf(by, sizeof(by), "uid:%ld", (long)c->peer.uid);
	d.rec = a->rec;
	d.rec.held = true;
	d.rec.held_reason = reason;
	d.rec.held_by = str_of(by);
	d.rec.held_at = (uint64_t)clock_wall_ms();
	d.rec.held_until = 0;
	e = ctl_check_text(reason, 200, "reason", &why);
	if (!e && ctl_has(c, "until"))
		e = ctl_read_end(ctl_text(c, "until"), clock_wall_ms(), "until",
		    "`account release` ends a hold now", &d.rec.held_until,
		    &why);
	finish(c, a, &d, e, &why);
}

void
ctl_account_drain(struct ctl_call *c)
{
	ctl_account_hold(c);
}

void
ctl_account_release(struct ctl_call *c)
{
	struct account *a = find_or_refuse(c);
	struct why why = { .text = "" };
	struct draft d;

	if (!a)
		return;
	draft_begin(&d);
	d.rec = a->rec;
	d.rec.held = false;
	d.rec.held_reason = d.rec.held_by = STR("");
	d.rec.held_at = d.rec.held_until = 0;
	finish(c, a, &d, OK, &why);
}

void
ctl_account_reset(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct account *a = find_or_refuse(c);

	if (!a)
		return;
	audit_post(c->daemon->store, &who, "account", a->rec.name,
	    STR("failures forgotten"));
	account_open(a);
	account_keys_forgive(&a->keys);
	a->last_error[0] = '\0';
	a->is_trouble_told = false;
	a->last_error_wall_ms = 0;
	pool_note_room(c->daemon->pool, a);
	put_account(c, a);
	ctl_answer(c, a->rec.rev, STR(""));
}

static void
on_removed(void *arg, enum err e, const struct why *why, struct account *a)
{
	struct ctl_call *c = arg;

	(void)a;
	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "name", ctl_text(c, "name"));
	json_say_bool(&c->out, "removed", true);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

void
ctl_account_rm(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct account *a = find_or_refuse(c);
	struct why why;
	enum err e;

	if (!a)
		return;
	e = ctl_check_rev(c, a->rec.rev, &why);
	if (!e)
		e = ctl_check_unbound(c, TIER_ACCOUNT, a->rec.name, &why);
	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	if (!c->dry_run) {
		account_delete(c->daemon->pool, a->rec.name, c->if_rev, &who,
		    on_removed, c);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "name", a->rec.name);
	json_say_i64(&c->out, "in_flight", a->in_flight);
	json_say_bool(&c->out, "dry_run", true);
	json_close(&c->out, '}');
	ctl_answer(c, a->rec.rev, STR(""));
}
