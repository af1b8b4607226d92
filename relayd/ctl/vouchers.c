/* SPDX-License-Identifier: MIT */
/* vouchers.c - control methods about vouchers: made, looked at, taken back,
 * and given by people to keys of theirs. */
#include <stdio.h>
#include <stdlib.h>

#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/unit.h"
#include "relayd/voucher.h"

#define NOTE_MAX_BYTES	 500
#define REASON_MAX_BYTES 200

/* --- rows ------------------------------------------------------------------ */

static void
say_time(struct json_out *j, const char *name, int64_t ms)
{
	char text[UNIT_TEXT] = "";

	if (ms)
		unit_write_ms(ms, text);
	json_say(j, name, str_of(text));
}

static void
put_voucher(struct ctl_call *c, const struct voucher_rec *r)
{
	const struct apikey *k =
	    r->key_id.len ? keyring_id(c->daemon->keys, r->key_id) : NULL;
	struct json_out *j = &c->out;
	char but[80];

	/* What operators write to themselves is theirs; and of what has not
	 * happened there is nothing to say. */
	snprintf(but, sizeof(but), "%s%s%s",
	    c->peer.role > CTL_SELF ? "" : "note,created_by,",
	    r->budget_id.len ? "" : "limit_micro,",
	    r->revoked_at ? "" : "quota_back_micro,time_back_ms");
	json_open(j, '{');
	ctl_put_rec_but(j, &voucher_kind, r, str_of(but));
	json_say(j, "state", str_of(voucher_state(r, clock_wall_ms())));
	json_say(j, "key", k ? k->rec.name : r->key_id);
	say_time(j, "time", r->time_ms);
	say_time(j, "time_back", r->time_back_ms);
	json_close(j, '}');
}

/* By what is said of it: the id, or the code. */
static struct voucher *
find_or_refuse(struct ctl_call *c)
{
	struct str id = ctl_text(c, "voucher");
	struct voucher *v = NULL;
	struct why why;
	enum err e;

	if (ctl_has(c, "code") == ctl_has(c, "voucher")) {
		ctl_refusef(c, ERR_VALUE, "voucher",
		    "which one? say its id, as `voucher ls` lists it, or give "
		    "its code with --code -");
		return NULL;
	}
	if (ctl_has(c, "code")) {
		e = vouchers_match(c->daemon->vouchers, ctl_text(c, "code"), &v,
		    &why);
		if (e)
			ctl_refuse(c, e, &why);
		return e ? NULL : v;
	}
	v = vouchers_find(c->daemon->vouchers, id);
	if (!v)
		ctl_refusef(c, ERR_UNKNOWN, "voucher",
		    "there is no voucher \"%.*s\"; `voucher ls` lists them",
		    STR_ARG(str_first(id, 60)));
	return v;
}

/* A page ends with one that may be gone when the next is asked for, so the
 * cursor is its place: moment and id. */
#define PLACE_TEXT 48

static enum err
read_place(struct str cursor, uint64_t *out_at, struct str *out_id,
    struct why *out_why)
{
	struct str at = str_cut(&cursor, '-');

	*out_at = 0;
	*out_id = cursor;
	if (at.len && (str_u64(at, out_at) || !cursor.len))
		return why_set(out_why, ERR_VALUE, "cursor", "no such page");
	return OK;
}

typedef bool wanted(struct ctl_call *c, const struct voucher_rec *r);

static void
list(struct ctl_call *c, wanted *wants)
{
	const struct voucher *v, *last = NULL;
	char next[PLACE_TEXT] = "";
	struct str from_id;
	uint64_t from_at;
	struct why why;
	unsigned n = 0;

	if (read_place(c->cursor, &from_at, &from_id, &why)) {
		ctl_refuse(c, ERR_VALUE, &why);
		return;
	}
	json_open(&c->out, '[');
	TAILQ_FOREACH (v, &c->daemon->vouchers->list, link) {
		if (v->rec.created_at < from_at ||
		    (v->rec.created_at == from_at &&
			str_cmp(v->rec.id, from_id) <= 0) ||
		    !wants(c, &v->rec))
			continue;
		if (last && !ctl_has_room(c, n)) {
			snprintf(next, sizeof(next), "%llu-%.*s",
			    (unsigned long long)last->rec.created_at,
			    STR_ARG(last->rec.id));
			break;
		}
		put_voucher(c, &v->rec);
		last = v;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, str_of(next));
}

static bool
is_in_state(struct ctl_call *c, const struct voucher_rec *r)
{
	struct str state = ctl_text(c, "state");

	return !state.len ||
	    str_eq(state, str_of(voucher_state(r, clock_wall_ms())));
}

void
ctl_voucher_list(struct ctl_call *c)
{
	list(c, is_in_state);
}

/* Of a key that is gone, its id is left to ask by. */
static bool
is_of_history(struct ctl_call *c, const struct voucher_rec *r)
{
	struct str key = ctl_text(c, "key"), user = ctl_text(c, "user");
	const struct apikey *k;

	if (!r->redeemed_at || !ctl_may_see(c, r->user) ||
	    (user.len && !str_eq(user, r->user)))
		return false;
	if (!key.len || str_eq(key, r->key_id))
		return true;
	k = ctl_find_key(c, key);
	return k && str_eq(k->rec.id, r->key_id);
}

void
ctl_voucher_history(struct ctl_call *c)
{
	list(c, is_of_history);
}

void
ctl_voucher_show(struct ctl_call *c)
{
	const struct voucher *v = find_or_refuse(c);

	if (!v)
		return;
	put_voucher(c, &v->rec);
	ctl_answer(c, v->rec.rev, STR(""));
}

/* --- making ---------------------------------------------------------------- */

static enum err
take_quota(const struct ctl_call *c, struct voucher_rec *io,
    struct why *out_why)
{
	const struct settings *s = &c->daemon->settings;
	enum budget_unit unit;
	struct why why;

	if (!ctl_has(c, "quota"))
		return OK;
	if (budget_amount_read(ctl_text(c, "quota"), &unit, &io->quota_micro,
		&why))
		return why_set(out_why, ERR_VALUE, "quota",
		    "is no amount of money; write for example '20 usd'");
	if (!budget_unit_is_money(unit))
		return why_set(out_why, ERR_VALUE, "quota",
		    "vouchers are for money; write for example '20 usd'");
	if (!io->quota_micro)
		return why_set(out_why, ERR_VALUE, "quota", "that is nothing");
	if (s->voucher_quota_max &&
	    io->quota_micro > (int64_t)s->voucher_quota_max * 1000000)
		return why_set(out_why, ERR_LIMIT, "quota",
		    "that is more than %llu dollars (setting "
		    "voucher_quota_max), and nobody could redeem it",
		    (unsigned long long)s->voucher_quota_max);
	return OK;
}

static enum err
take_time(const struct ctl_call *c, struct voucher_rec *io, struct why *out_why)
{
	const struct settings *s = &c->daemon->settings;
	char max[UNIT_TEXT];
	struct why why;

	if (!ctl_has(c, "time"))
		return OK;
	if (unit_read_ms(ctl_text(c, "time"), &io->time_ms, &why))
		return why_set(out_why, ERR_VALUE, "time",
		    "is no amount of time; write for example 30d or 12h");
	if (!io->time_ms)
		return why_set(out_why, ERR_VALUE, "time", "that is nothing");
	if (s->voucher_time_max_ms && io->time_ms > s->voucher_time_max_ms) {
		unit_write_ms(s->voucher_time_max_ms, max);
		return why_set(out_why, ERR_LIMIT, "time",
		    "that is more than %s (setting voucher_time_max), and "
		    "nobody could redeem it",
		    max);
	}
	return OK;
}

static enum err
take_expiry(const struct ctl_call *c, struct voucher_rec *io,
    struct why *out_why)
{
	int64_t now = clock_wall_ms(), at;
	enum err e;

	if (!ctl_has(c, "expires") ||
	    str_eq(ctl_text(c, "expires"), STR("never")))
		return OK;
	e = ctl_read_when(ctl_text(c, "expires"), now, true, "expires", &at,
	    out_why);
	if (!e && at <= now)
		e = why_set(out_why, ERR_VALUE, "expires",
		    "that is in the past");
	if (!e)
		io->expires_at = (uint64_t)at;
	return e;
}

static enum err
take_new(const struct ctl_call *c, struct voucher_rec *io, unsigned *out_count,
    struct why *out_why)
{
	int64_t count = ctl_has(c, "count") ? ctl_number(c, "count") : 1;
	enum err e;

	if (count < 1 || count > VOUCHERS_BATCH)
		return why_set(out_why, ERR_VALUE, "count",
		    "from 1 to %d at once", VOUCHERS_BATCH);
	*out_count = (unsigned)count;
	e = take_quota(c, io, out_why);
	if (!e)
		e = take_time(c, io, out_why);
	if (!e)
		e = take_expiry(c, io, out_why);
	if (!e && !io->quota_micro && !io->time_ms)
		e = why_set(out_why, ERR_VALUE, "quota",
		    "for what? say --quota '20 usd', --time 30d, or both");
	if (!e && ctl_has(c, "note")) {
		io->note = str_trim(ctl_text(c, "note"));
		e = ctl_check_text(io->note, NOTE_MAX_BYTES, "note", out_why);
	}
	return e;
}

static void
on_made(void *arg, enum err e, const struct why *why,
    const struct voucher_made *made, unsigned count)
{
	struct ctl_call *c = arg;
	struct json_out *j = &c->out;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(j, '{');
	json_put_key(j, "made");
	json_open(j, '[');
	for (unsigned i = 0; i < count; i++) {
		json_open(j, '{');
		json_say(j, "id", str_of(made[i].id));
		json_say(j, "code", str_of(made[i].code));
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
	ctl_answer(c, 0, STR(""));
}

void
ctl_voucher_create(struct ctl_call *c)
{
	static const struct voucher_rec nothing;
	const struct audit_who who = ctl_who(c);
	struct voucher_rec r = nothing;
	char own[PEER_OWNER];
	unsigned count = 0;
	struct why why;
	enum err e = take_new(c, &r, &count, &why);

	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	r.created_by = peer_owner(&c->peer, own);
	if (!c->dry_run) {
		vouchers_make(c->daemon->vouchers, &r, count, &who, on_made, c);
		return;
	}
	json_open(&c->out, '{');
	json_say_i64(&c->out, "count", count);
	json_put_key(&c->out, "changes");
	json_open(&c->out, '[');
	ctl_put_changes(&c->out, &voucher_kind, &nothing, &r);
	json_close(&c->out, ']');
	json_say_bool(&c->out, "dry_run", true);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

/* --- removing and taking back ---------------------------------------------- */

static void
on_saved(void *arg, enum err e, const struct why *why, struct voucher *v)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
	} else if (v) {
		put_voucher(c, &v->rec);
		ctl_answer(c, v->rec.rev, STR(""));
	} else {
		json_open(&c->out, '{');
		json_say(&c->out, "voucher", ctl_text(c, "voucher"));
		json_say_bool(&c->out, "removed", true);
		json_close(&c->out, '}');
		ctl_answer(c, 0, STR(""));
	}
}

/* A rehearsal shows which one it would be. */
static bool
is_rehearsed(struct ctl_call *c, const struct voucher *v)
{
	struct why why;
	enum err e = ctl_check_rev(c, v->rec.rev, &why);

	if (!e && !c->dry_run)
		return false;
	if (e) {
		ctl_refuse(c, e, &why);
		return true;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "id", v->rec.id);
	json_say(&c->out, "state",
	    str_of(voucher_state(&v->rec, clock_wall_ms())));
	json_say_bool(&c->out, "dry_run", true);
	json_close(&c->out, '}');
	ctl_answer(c, v->rec.rev, STR(""));
	return true;
}

void
ctl_voucher_rm(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	const struct voucher *v = find_or_refuse(c);

	if (v && !is_rehearsed(c, v))
		voucher_remove(c->daemon->vouchers, v->rec.id, c->if_rev, &who,
		    on_saved, c);
}

void
ctl_voucher_revoke(struct ctl_call *c)
{
	struct str reason = str_trim(ctl_text(c, "reason"));
	const struct audit_who who = ctl_who(c);
	const struct voucher *v = find_or_refuse(c);
	struct why why;
	enum err e;

	if (!v)
		return;
	e = ctl_check_text(reason, REASON_MAX_BYTES, "reason", &why);
	if (e)
		ctl_refuse(c, e, &why);
	else if (!is_rehearsed(c, v))
		voucher_revoke(c->daemon->vouchers, v->rec.id, reason,
		    c->if_rev, &who, on_saved, c);
}

/* --- a person's ------------------------------------------------------------ */

/* The only one they have need not be named. */
static const struct apikey *
want_own_key(struct ctl_call *c, struct str owner)
{
	const struct apikey *k, *found = NULL;
	unsigned n = 0;

	if (ctl_has(c, "key"))
		return ctl_want_key(c);
	TAILQ_FOREACH (k, &c->daemon->keys->keys, link)
		if (str_eq(k->rec.owner, owner)) {
			found = k;
			n++;
		}
	if (n == 1)
		return found;
	ctl_refusef(c, ERR_VALUE, "key",
	    n ? "for which of your keys? `my keys` lists them"
	      : "you have no key that it could be for");
	return NULL;
}

void
ctl_my_redeem(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct voucher_ask ask = { .may_begin = ctl_flag(c, "begin"),
		.code = ctl_text(c, "code") };
	const struct apikey *k;
	char own[PEER_OWNER];

	c->peer.role = CTL_SELF;
	ask.guesser = peer_owner(&c->peer, own);
	k = want_own_key(c, ask.guesser);
	if (!k)
		return;
	ask.key_id = k->rec.id;
	voucher_redeem(c->daemon->vouchers, &ask, &who, on_saved, c);
}
