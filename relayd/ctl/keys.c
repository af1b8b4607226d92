/* SPDX-License-Identifier: MIT */
/* keys.c - control methods about the keys there are.  Those of a person
 * (my.*) come here too, their role narrowed to what is theirs. */
#include <stdio.h>
#include <stdlib.h>

#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"

/* --- rows ------------------------------------------------------------------ */

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

	if (!ctl_may_see(c, k->rec.owner))
		return false;
	if (owner.len && !str_eq(owner, k->rec.owner))
		return false;
	if (tag.len && !has_tag(k->rec.tags, tag))
		return false;
	return !state.len ||
	    str_eq(state, str_of(apikey_state(k, clock_wall_ms())));
}

/* A page ends with a key that may be gone when the next is asked for, so the
 * cursor is its place: moment and id. */
struct place {
	uint64_t at;
	struct str id;
};

#define PLACE_TEXT 48

static enum err
read_place(struct str cursor, struct place *out, struct why *out_why)
{
	struct str at = str_cut(&cursor, '-');

	out->at = 0;
	out->id = cursor;
	if (at.len && (str_u64(at, &out->at) || !cursor.len))
		return why_set(out_why, ERR_VALUE, "cursor", "no such page");
	return OK;
}

static bool
is_behind(const struct apikey *k, const struct place *p)
{
	if (k->rec.created_at != p->at)
		return k->rec.created_at > p->at;
	return str_cmp(k->rec.id, p->id) > 0;
}

void
ctl_key_list(struct ctl_call *c)
{
	char next[PLACE_TEXT] = "";
	const struct apikey *k, *last = NULL;
	struct place from;
	struct why why;
	unsigned n = 0;

	if (read_place(c->cursor, &from, &why)) {
		ctl_refuse(c, ERR_VALUE, &why);
		return;
	}
	json_open(&c->out, '[');
	TAILQ_FOREACH (k, &c->daemon->keys->keys, link) {
		if (!is_behind(k, &from) || !is_wanted(c, k))
			continue;
		if (last && !ctl_has_room(c, n)) {
			snprintf(next, sizeof(next), "%llu-%.*s",
			    (unsigned long long)last->rec.created_at,
			    STR_ARG(last->rec.id));
			break;
		}
		ctl_put_key(c, k);
		last = k;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, str_of(next));
}

void
ctl_key_show(struct ctl_call *c)
{
	const struct apikey *k = ctl_want_key(c);

	if (!k)
		return;
	ctl_put_key(c, k);
	ctl_answer(c, k->rec.rev, STR(""));
}

void
ctl_key_find(struct ctl_call *c)
{
	struct str value = str_trim(ctl_text(c, "value"));
	const struct apikey *k = keyring_match(c->daemon->keys, value);

	if (k) {
		ctl_put_key(c, k);
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

static void
on_saved(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	ctl_put_key(c, k);
	ctl_answer(c, k->rec.rev, STR(""));
}

/* Rehearse or save.  What is saved is all of the record, so it must be the one
 * that was read: another change that is on its way to the store wins, and this
 * one is stale. */
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
		ctl_rehearse_key(c, &k->rec, r);
	else
		apikey_save(c->daemon->keys, r, STR(""), true, k->rec.rev, &who,
		    on_saved, c);
}

void
ctl_key_set(struct ctl_call *c)
{
	struct apikey *k = ctl_want_key(c);
	struct apikey_rec r;
	struct why why;
	enum err e;

	if (!k)
		return;
	r = k->rec;
	e = ctl_take_key(c, &r, &why);
	finish(c, k, &r, e, &why);
}

/* What an operator has disabled stays so until an operator enables it. */
static void
set_disabled(struct ctl_call *c, bool disabled)
{
	bool self = c->peer.role == CTL_SELF;
	struct apikey *k = ctl_want_key(c);
	struct apikey_rec r;
	enum err e = OK;
	struct why why;

	if (!k)
		return;
	r = k->rec;
	if (self && r.disabled && !r.self_disabled)
		e = why_set(&why, ERR_DENIED, "key",
		    "an operator has disabled this key, and only an operator "
		    "can enable it");
	r.disabled = disabled;
	r.self_disabled = disabled && self;
	finish(c, k, &r, e, &why);
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
	struct apikey *k = ctl_want_key(c);
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
