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
#include "relayd/trash.h"

/* --- rows ------------------------------------------------------------------ */

static bool
is_wanted(struct ctl_call *c, const struct apikey *k)
{
	struct str state = ctl_text(c, "state"), tag = ctl_text(c, "tag");
	struct str owner = ctl_text(c, "owner");

	if (!ctl_may_see(c, k->rec.owner))
		return false;
	if (owner.len && !str_eq(owner, k->rec.owner))
		return false;
	if (tag.len && !ctl_has_tag(k->rec.tags, tag))
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
ctl_list_keys(struct ctl_call *c, const struct apikey_list *list)
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
	TAILQ_FOREACH (k, list, link) {
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
ctl_key_list(struct ctl_call *c)
{
	ctl_list_keys(c, &c->daemon->keys->keys);
}

void
ctl_key_trash(struct ctl_call *c)
{
	ctl_list_keys(c, &c->daemon->keys->trash);
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

void
ctl_key_set(struct ctl_call *c)
{
	char tags[CTL_TAGS_SIZE];
	struct apikey_rec r;
	struct apikey *k;
	struct why why;
	enum err e;

	if (ctl_names_many(c)) {
		ctl_set_many(c);
		return;
	}
	if (!ctl_has(c, "key")) {
		ctl_refusef(c, ERR_VALUE, "key",
		    "which one? say its name or id, or several with --match, "
		    "--tag or --owned-by");
		return;
	}
	k = ctl_want_key(c);
	if (!k)
		return;
	r = k->rec;
	e = ctl_take_key(c, &r, tags, &why);
	ctl_finish_key(c, k, &r, e, &why);
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
	ctl_finish_key(c, k, &r, e, &why);
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

/* --- the trash ------------------------------------------------------------- */

static void
on_deleted(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	int64_t keep_ms;
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	keep_ms = c->daemon->settings.trash_keep_ms;
	json_open(&c->out, '{');
	json_say(&c->out, "key", ctl_text(c, "key"));
	json_say(&c->out, "id", k->rec.id);
	json_say(&c->out, "name", k->rec.name);
	json_say_bool(&c->out, "removed", true);
	if (keep_ms)
		json_say_i64(&c->out, "purge_at",
		    (int64_t)k->rec.deleted_at + keep_ms);
	json_close(&c->out, '}');
	ctl_answer(c, k->rec.rev, STR(""));
}

void
ctl_key_rm(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct apikey *k = ctl_want_key(c);
	char by[PEER_OWNER];
	struct apikey_rec r;
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
		r = k->rec;
		r.deleted_at = (uint64_t)clock_wall_ms();
		r.deleted_by = peer_owner(&c->peer, by);
		apikey_save(c->daemon->keys, &r, STR(""), true, k->rec.rev,
		    &who, on_deleted, c);
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

static struct apikey *
want_deleted(struct ctl_call *c)
{
	struct str said = ctl_text(c, "key");
	struct apikey *k = keyring_find_deleted(c->daemon->keys, said);

	if (!k)
		ctl_refusef(c, ERR_UNKNOWN, "key",
		    "there is no key \"%.*s\" in the trash, or more than one "
		    "of that name (say its id); `key trash` lists them",
		    STR_ARG(str_first(said, 60)));
	return k;
}

/* Its name may have gone to another meanwhile. */
void
ctl_key_restore(struct ctl_call *c)
{
	struct apikey *k = want_deleted(c);
	char tags[CTL_TAGS_SIZE];
	struct apikey_rec r;
	struct why why;
	enum err e = OK;

	if (!k)
		return;
	r = k->rec;
	r.deleted_at = 0;
	r.deleted_by = STR("");
	if (ctl_has(c, "name"))
		e = ctl_take_key(c, &r, tags, &why);
	else if (keyring_has_name(c->daemon->keys, &r))
		e = why_set(&why, ERR_EXISTS, "name",
		    "there is another key \"%.*s\" by now; give this one a "
		    "new name: --name NAME",
		    STR_ARG(r.name));
	ctl_finish_key(c, k, &r, e, &why);
}

static void
on_purged(void *arg, enum err e, const struct why *why, unsigned count)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '{');
	json_say_i64(&c->out, "purged", count);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

/* What would go, and what goes with it. */
static void
rehearse_purge(struct ctl_call *c, const struct apikey *only)
{
	const struct apikey *k;
	unsigned n = 0;

	TAILQ_FOREACH (k, &c->daemon->keys->trash, link)
		n += !only || k == only;
	json_open(&c->out, '{');
	json_say_i64(&c->out, "purged", n);
	json_say_bool(&c->out, "dry_run", true);
	json_close(&c->out, '}');
	ctl_answer(c, only ? only->rec.rev : 0, STR(""));
}

void
ctl_key_purge(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct daemon *d = c->daemon;
	const struct apikey *k = NULL;
	struct why why;
	enum err e = OK;

	if (ctl_has(c, "key") == ctl_flag(c, "all")) {
		ctl_refusef(c, ERR_VALUE, "key",
		    "which one? say a key of `key trash`, or --all");
		return;
	}
	if (ctl_has(c, "key") && !(k = want_deleted(c)))
		return;
	if (k)
		e = ctl_check_rev(c, k->rec.rev, &why);
	if (e)
		ctl_refuse(c, e, &why);
	else if (c->dry_run)
		rehearse_purge(c, k);
	else if (k)
		trash_purge(d->keys, d->budgets, &k->rec.id, 1, &who, on_purged,
		    c);
	else
		trash_purge_before(d->keys, d->budgets, INT64_MAX, &who,
		    on_purged, c);
}
