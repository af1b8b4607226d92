/* SPDX-License-Identifier: MIT */
/* keys.c - control methods about the keys of clients.  A key's value is shown
 * once, in the answer that made it; only its hash is kept. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/price.h"

#define NAME_MAX_BYTES	64
#define OWNER_MAX_BYTES 64
#define NOTE_MAX_BYTES	500
#define TAGS_MAX_BYTES	200
#define RATE_MAX_BYTES	24

/* --- rows ------------------------------------------------------------------ */

static void
put_key(struct ctl_call *c, const struct apikey *k)
{
	struct json_out *j = &c->out;

	json_open(j, '{');
	ctl_put_rec(j, &apikey_kind, &k->rec);
	json_say(j, "state", str_of(apikey_state(k, clock_wall_ms())));
	json_say_i64(j, "in_flight", k->in_flight);
	json_say_i64(j, "requests", (int64_t)k->requests);
	json_say_i64(j, "used_at", k->used_wall_ms);
	json_close(j, '}');
}

/* A key that may not be seen is not there. */
static struct apikey *
find_or_refuse(struct ctl_call *c)
{
	struct apikey *k = keyring_find(c->daemon->keys, ctl_text(c, "key"));

	if (k && ctl_may_see(c, k->rec.owner))
		return k;
	ctl_refusef(c, ERR_UNKNOWN, "key",
	    "there is no key \"%.*s\", or more than one of that name (say its "
	    "id)",
	    STR_ARG(str_first(ctl_text(c, "key"), 60)));
	return NULL;
}

static bool
has_tag(struct str tags, struct str tag)
{
	struct str member;

	while (str_list_next(&tags, &member))
		if (str_eq(member, tag))
			return true;
	return false;
}

static bool
is_wanted(struct ctl_call *c, const struct apikey *k)
{
	struct str state = ctl_text(c, "state"), tag = ctl_text(c, "tag");
	struct str owner = ctl_text(c, "owner");

	if (c->cursor.len && str_cmp(k->rec.id, c->cursor) <= 0)
		return false;
	if (!ctl_may_see(c, k->rec.owner))
		return false;
	if (owner.len && !str_eq(owner, k->rec.owner))
		return false;
	if (tag.len && !has_tag(k->rec.tags, tag))
		return false;
	return !state.len ||
	    str_eq(state, str_of(apikey_state(k, clock_wall_ms())));
}

void
ctl_key_list(struct ctl_call *c)
{
	struct str last = STR(""), next = STR("");
	const struct apikey *k;
	unsigned n = 0;

	json_open(&c->out, '[');
	TAILQ_FOREACH (k, &c->daemon->keys->keys, link) {
		if (!is_wanted(c, k))
			continue;
		if (!ctl_has_room(c, n)) {
			next = last;
			break;
		}
		put_key(c, k);
		last = k->rec.id;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, next);
}

void
ctl_key_show(struct ctl_call *c)
{
	const struct apikey *k = find_or_refuse(c);

	if (!k)
		return;
	put_key(c, k);
	ctl_answer(c, k->rec.rev, STR(""));
}

void
ctl_key_find(struct ctl_call *c)
{
	struct str value = str_trim(ctl_text(c, "value"));
	const struct apikey *k = keyring_match(c->daemon->keys, value);

	if (k) {
		put_key(c, k);
		ctl_answer(c, k->rec.rev, STR(""));
	} else if (!apikey_well_formed(value)) {
		ctl_refusef(c, ERR_SYNTAX, "value",
		    "this is no key of a relayd, or a character of it is "
		    "wrong");
	} else {
		ctl_refusef(c, ERR_UNKNOWN, "value",
		    "this key is well-formed, but not one of ours (any more)");
	}
}

/* --- changing -------------------------------------------------------------- */

static enum err
take_text(const struct ctl_call *c, const char *name, size_t max,
    struct str *io, struct why *out_why)
{
	if (!ctl_has(c, name))
		return OK;
	*io = str_trim(ctl_text(c, name));
	return ctl_check_text(*io, max, name, out_why);
}

static enum err
take_expiry(const struct ctl_call *c, uint64_t *io_expires_at,
    struct why *out_why)
{
	struct str when = ctl_text(c, "expires");
	int64_t now = clock_wall_ms(), at;
	enum err e;

	if (!ctl_has(c, "expires"))
		return OK;
	if (str_eq(when, STR("never"))) {
		*io_expires_at = 0;
		return OK;
	}
	e = ctl_read_when(when, now, true, "expires", &at, out_why);
	if (e)
		return e;
	if (at <= now)
		return why_set(out_why, ERR_VALUE, "expires",
		    "that is in the past; `key disable` ends a key now");
	*io_expires_at = (uint64_t)at;
	return OK;
}

/* Names are how people tell keys apart: one each. */
static enum err
check_name(const struct ctl_call *c, const struct apikey_rec *r,
    struct why *out_why)
{
	const struct apikey *k;

	if (!r->name.len)
		return why_set(out_why, ERR_VALUE, "name", "a key has a name");
	TAILQ_FOREACH (k, &c->daemon->keys->keys, link)
		if (str_eq(k->rec.name, r->name) && !str_eq(k->rec.id, r->id))
			return why_set(out_why, ERR_EXISTS, "name",
			    "there is a key \"%.*s\" already",
			    STR_ARG(r->name));
	return OK;
}

static enum err
take_params(const struct ctl_call *c, struct apikey_rec *io,
    struct why *out_why)
{
	enum err e = take_text(c, "name", NAME_MAX_BYTES, &io->name, out_why);
	int64_t rate;

	if (!e)
		e = check_name(c, io, out_why);
	if (!e)
		e = take_text(c, "owner", OWNER_MAX_BYTES, &io->owner, out_why);
	if (!e)
		e = take_text(c, "note", NOTE_MAX_BYTES, &io->note, out_why);
	if (!e)
		e = take_text(c, "tags", TAGS_MAX_BYTES, &io->tags, out_why);
	if (!e)
		e = take_text(c, "rate", RATE_MAX_BYTES, &io->rate, out_why);
	if (!e && price_rate_read(io->rate, &rate))
		e = why_set(out_why, ERR_VALUE, "rate",
		    "a rate is a factor above 0 and at most 1000, for example "
		    "1.25");
	if (!e)
		e = take_expiry(c, &io->expires_at, out_why);
	return e;
}

static void
answer_rehearsal(struct ctl_call *c, const struct apikey_rec *from,
    const struct apikey_rec *to)
{
	struct json_out *j = &c->out;

	json_open(j, '{');
	json_say(j, "id", from->id);
	json_say(j, "name", to->name);
	json_put_key(j, "changes");
	json_open(j, '[');
	ctl_put_changes(j, &apikey_kind, from, to);
	json_close(j, ']');
	json_say_bool(j, "dry_run", true);
	json_close(j, '}');
	ctl_answer(c, from->rev, STR(""));
}

/* Waits for the store with the value that is to be shown. */
struct creation {
	struct ctl_call *call;
	char value[APIKEY_VALUE_LEN + 1];
};

static void
on_created(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	struct creation *made = arg;
	struct ctl_call *c = made->call;

	if (e) {
		ctl_refuse(c, e, why);
	} else {
		json_open(&c->out, '{');
		json_say(&c->out, "value", str_of(made->value));
		json_put_key(&c->out, "key");
		put_key(c, k);
		json_close(&c->out, '}');
		ctl_answer(c, k->rec.rev, STR(""));
	}
	explicit_bzero(made, sizeof(*made));
	free(made);
}

void
ctl_key_create(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	const struct apikey_rec nothing = { .rev = 0 };
	struct apikey_rec r = nothing;
	struct creation *made;
	struct why why;
	char id[10];
	enum err e = take_params(c, &r, &why);

	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	if (c->dry_run) {
		answer_rehearsal(c, &nothing, &r);
		return;
	}
	apikey_make_id(id);
	made = xcalloc(1, sizeof(*made));
	made->call = c;
	apikey_make_value(made->value);
	r.id = str_of(id);
	r.value_end = str_at(made->value + APIKEY_VALUE_LEN - 4, 4);
	apikey_save(c->daemon->keys, &r, str_of(made->value), false, 0, &who,
	    on_created, made);
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	put_key(c, k);
	ctl_answer(c, k->rec.rev, STR(""));
}

/* Rehearse or save. */
static void
finish(struct ctl_call *c, const struct apikey *k, const struct apikey_rec *r,
    enum err e, struct why *why)
{
	const struct audit_who who = ctl_who(c);

	if (!e)
		e = ctl_check_rev(c, k->rec.rev, why);
	if (e)
		ctl_refuse(c, e, why);
	else if (c->dry_run)
		answer_rehearsal(c, &k->rec, r);
	else
		apikey_save(c->daemon->keys, r, STR(""), true, c->if_rev, &who,
		    on_saved, c);
}

void
ctl_key_set(struct ctl_call *c)
{
	struct apikey *k = find_or_refuse(c);
	struct apikey_rec r;
	struct why why;
	enum err e;

	if (!k)
		return;
	r = k->rec;
	e = take_params(c, &r, &why);
	finish(c, k, &r, e, &why);
}

static void
set_disabled(struct ctl_call *c, bool disabled)
{
	struct apikey *k = find_or_refuse(c);
	struct apikey_rec r;
	struct why why;

	if (!k)
		return;
	r = k->rec;
	r.disabled = disabled;
	finish(c, k, &r, OK, &why);
}

void
ctl_key_disable(struct ctl_call *c)
{
	set_disabled(c, true);
}

void
ctl_key_enable(struct ctl_call *c)
{
	set_disabled(c, false);
}

static void
on_removed(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	struct ctl_call *c = arg;

	(void)k;
	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "key", ctl_text(c, "key"));
	json_say_bool(&c->out, "removed", true);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

void
ctl_key_rm(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct apikey *k = find_or_refuse(c);
	struct why why;
	enum err e;

	if (!k)
		return;
	e = ctl_check_rev(c, k->rec.rev, &why);
	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	if (!c->dry_run) {
		apikey_delete(c->daemon->keys, k->rec.id, c->if_rev, &who,
		    on_removed, c);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "id", k->rec.id);
	json_say(&c->out, "name", k->rec.name);
	json_say_i64(&c->out, "in_flight", k->in_flight);
	json_say_bool(&c->out, "dry_run", true);
	json_close(&c->out, '}');
	ctl_answer(c, k->rec.rev, STR(""));
}
