/* SPDX-License-Identifier: MIT */
/* proxies.c - control methods about the ways out.  Never shows a password. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/control.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/notices.h"
#include "relayd/proxy.h"

/* The text of all fields of one record. */
#define TEXT_MAX     8192
#define PASSWORD_MAX 1024
/* Names that a refusal tells. */
#define NAMES_MAX 200

/* --- rows ------------------------------------------------------------------ */

static bool
is_default(const struct ctl_call *c, const struct proxy *p)
{
	const char *standard = c->daemon->proxies->standard;

	return standard && str_eq(p->rec.name, str_of(standard));
}

static void
put_users(struct ctl_call *c, const struct proxy *p)
{
	const struct account *a;

	json_put_key(&c->out, "accounts");
	json_open(&c->out, '[');
	TAILQ_FOREACH (a, &c->daemon->pool->accounts, link)
		if (a->outlet.via == p)
			json_put_string(&c->out, a->rec.name);
	json_close(&c->out, ']');
}

static void
put_channels(struct ctl_call *c, const struct proxy *p)
{
	const struct channel *ch;

	json_put_key(&c->out, "channels");
	json_open(&c->out, '[');
	TAILQ_FOREACH (ch, &c->daemon->notices->channels.list, link)
		if (str_eq(ch->rec.proxy, p->rec.name))
			json_put_string(&c->out, ch->rec.name);
	json_close(&c->out, ']');
}

static void
put_proxy(struct ctl_call *c, const struct proxy *p)
{
	struct json_out *j = &c->out;
	int64_t until = proxy_rests_until(p, loop_ms(c->daemon->loop));

	json_open(j, '{');
	ctl_put_rec_but(j, &proxy_kind, &p->rec, STR("user"));
	json_say(j, "url", str_of(p->shown));
	json_say_bool(j, "has_user", p->user.len > 0);
	json_say_bool(j, "has_password", p->password.len > 0);
	json_say_bool(j, "is_default", is_default(c, p));
	put_users(c, p);
	put_channels(c, p);
	if (until)
		json_say_i64(j, "rests_until",
		    clock_wall_ms() + until - loop_ms(c->daemon->loop));
	json_say(j, "last_error", str_of(p->last_error));
	json_say_i64(j, "last_error_at", p->last_error_wall_ms);
	json_say_i64(j, "tested_at", p->tested_wall_ms);
	json_say_i64(j, "tested_us", p->tested_us);
	json_say(j, "address", str_of(p->address));
	json_close(j, '}');
}

static struct proxy *
find(struct ctl_call *c)
{
	return proxy_find(c->daemon->proxies, ctl_text(c, "name"));
}

static struct proxy *
find_or_refuse(struct ctl_call *c)
{
	struct proxy *p = find(c);

	if (!p)
		ctl_refusef(c, ERR_UNKNOWN, "name",
		    "there is no proxy \"%.*s\"",
		    STR_ARG(str_first(ctl_text(c, "name"), 60)));
	return p;
}

/* --- looking --------------------------------------------------------------- */

void
ctl_proxy_list(struct ctl_call *c)
{
	struct str last = STR(""), next = STR("");
	const struct proxy *p;
	unsigned n = 0;

	json_open(&c->out, '[');
	TAILQ_FOREACH (p, &c->daemon->proxies->list, link) {
		if (c->cursor.len && str_cmp(p->rec.name, c->cursor) <= 0)
			continue;
		if (!ctl_has_room(c, n)) {
			next = last;
			break;
		}
		put_proxy(c, p);
		last = p->rec.name;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, next);
}

void
ctl_proxy_show(struct ctl_call *c)
{
	const struct proxy *p = find_or_refuse(c);

	if (!p)
		return;
	put_proxy(c, p);
	ctl_answer(c, p->rec.rev, STR(""));
}

/* --- changing -------------------------------------------------------------- */

/* A record under construction. */
struct draft {
	struct proxy_rec rec;
	struct str password;
	struct buf text;
};

/* Records point into the text, so it must not move while it grows. */
static void
draft_begin(struct draft *d)
{
	char *at;
	size_t room;

	*d = (struct draft){ .rec = { .rev = 0 } };
	buf_init(&d->text, TEXT_MAX);
	if (buf_room(&d->text, TEXT_MAX, &at, &room))
		abort();
}

static enum err
draft_take(struct draft *d, const struct ctl_call *c, struct why *out_why)
{
	const struct json *fields = json_at(c->params, "fields");
	struct str password = ctl_text(c, "password");
	enum err e = OK;

	if (ctl_has(c, "url"))
		e = proxy_take_url(&d->rec, ctl_text(c, "url"), &d->text,
		    out_why);
	for (const struct json *f = json_first(fields); !e && f;
	     f = json_next(f)) {
		struct str value;

		e = json_as_str(f, &value);
		if (!e)
			e = proxy_field_set(&d->rec, json_key(f), value,
			    &d->text, out_why);
	}
	if (!e && ctl_has(c, "password")) {
		e = ctl_check_text(password, PASSWORD_MAX, "password", out_why);
		d->password = password.at ? password : STR("");
	}
	return e;
}

/* A password is somebody's. */
static enum err
check_user(const struct draft *d, const struct proxy *p, struct why *out_why)
{
	bool has =
	    d->password.at ? d->password.len > 0 : p && p->password.len > 0;

	if (!has || d->rec.user.len)
		return OK;
	return why_set(out_why, ERR_VALUE, "url",
	    "names no user, to whom the password would belong: "
	    "socks5h://user@host:port");
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct proxy *p)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	put_proxy(c, p);
	ctl_answer(c, p->rec.rev, STR(""));
}

static void
answer_rehearsal(struct ctl_call *c, const struct proxy *p,
    const struct draft *d)
{
	struct proxy_rec from = { .rev = 0 }, to = d->rec;
	struct json_out *j = &c->out;

	if (p)
		from = p->rec;
	to.user = STR("");
	json_open(j, '{');
	json_say(j, "name", d->rec.name);
	json_put_key(j, "changes");
	json_open(j, '[');
	ctl_put_changes(j, &proxy_kind, &from, &to);
	/* That the user is another is told, not who it is. */
	if (!str_eq(p ? p->user : STR(""), d->rec.user)) {
		json_open(j, '{');
		json_say(j, "field", STR("user"));
		json_close(j, '}');
	}
	json_close(j, ']');
	json_say_bool(j, "dry_run", true);
	json_close(j, '}');
	ctl_answer(c, from.rev, STR(""));
}

/* Check the draft, then rehearse or save it. */
static void
finish(struct ctl_call *c, const struct proxy *p, struct draft *d, enum err e,
    struct why *why)
{
	const struct audit_who who = ctl_who(c);

	if (!e)
		e = proxy_check(&d->rec, why);
	if (!e)
		e = check_user(d, p, why);
	if (!e && p)
		e = ctl_check_rev(c, p->rec.rev, why);
	if (e)
		ctl_refuse(c, e, why);
	else if (c->dry_run)
		answer_rehearsal(c, p, d);
	else
		proxy_save(c->daemon->proxies, &d->rec, d->password, p != NULL,
		    c->if_rev, &who, on_saved, c);
	buf_fini(&d->text);
}

void
ctl_proxy_add(struct ctl_call *c)
{
	struct why why = { .text = "" };
	struct draft d;
	enum err e;

	draft_begin(&d);
	d.rec.name = ctl_text(c, "name");
	e = draft_take(&d, c, &why);
	if (!e && find(c))
		e = why_set(&why, ERR_EXISTS, "name",
		    "there is a proxy of that name already");
	if (!e && c->daemon->proxies->count >= PROXIES_MAX)
		e = why_set(&why, ERR_LIMIT, "name",
		    "there are %d proxies, and no more are kept", PROXIES_MAX);
	finish(c, NULL, &d, e, &why);
}

void
ctl_proxy_set(struct ctl_call *c)
{
	struct proxy *p = find_or_refuse(c);
	struct why why = { .text = "" };
	struct draft d;
	enum err e;

	if (!p)
		return;
	draft_begin(&d);
	d.rec = p->rec;
	d.rec.user = p->user;
	e = draft_take(&d, c, &why);
	finish(c, p, &d, e, &why);
}

/* --- removing -------------------------------------------------------------- */

static void
on_removed(void *arg, enum err e, const struct why *why, struct proxy *p)
{
	struct ctl_call *c = arg;

	(void)p;
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

/* Nobody's way out is taken away unsaid. */
static enum err
check_unused(struct ctl_call *c, const struct proxy *p, struct why *out_why)
{
	char names[NAMES_MAX] = "";
	const struct account *a;
	const struct channel *ch;
	unsigned count = 0;
	size_t len = 0;

	if (ctl_flag(c, "force"))
		return OK;
	TAILQ_FOREACH (a, &c->daemon->pool->accounts, link) {
		if (a->outlet.via != p)
			continue;
		if (len + a->rec.name.len + 8 < sizeof(names))
			len += (size_t)snprintf(names + len,
			    sizeof(names) - len, "%s%.*s", count ? ", " : "",
			    STR_ARG(a->rec.name));
		else if (len && names[len - 1] != '.')
			len += (size_t)snprintf(names + len,
			    sizeof(names) - len, ", ...");
		count++;
	}
	if (count)
		return why_set(out_why, ERR_BUSY, "name",
		    "it is the way out of %u account%s: %s; with --force they "
		    "are out of use until they have another",
		    count, count == 1 ? "" : "s", names);
	TAILQ_FOREACH (ch, &c->daemon->notices->channels.list, link)
		if (str_eq(ch->rec.proxy, p->rec.name))
			return why_set(out_why, ERR_BUSY, "name",
			    "it is the way out of the channel %.*s, which "
			    "tells nobody without it; --force removes it",
			    STR_ARG(ch->rec.name));
	if (is_default(c, p))
		return why_set(out_why, ERR_BUSY, "name",
		    "proxy_default names it: relayctl unset proxy_default");
	return OK;
}

void
ctl_proxy_rm(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct proxy *p = find_or_refuse(c);
	struct why why;
	enum err e;

	if (!p)
		return;
	e = ctl_check_rev(c, p->rec.rev, &why);
	if (!e)
		e = check_unused(c, p, &why);
	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	if (!c->dry_run) {
		proxy_delete(c->daemon->proxies, p->rec.name, c->if_rev, &who,
		    on_removed, c);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "name", p->rec.name);
	put_users(c, p);
	json_say_bool(&c->out, "dry_run", true);
	json_close(&c->out, '}');
	ctl_answer(c, p->rec.rev, STR(""));
}
