/* SPDX-License-Identifier: MIT */
/* voucher_redeem.c - a voucher given to a key, and what is left of it taken
 * back: each one transaction over voucher, budget, key and audit. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/apikey.h"
#include "relayd/audit.h"
#include "relayd/budget.h"
#include "relayd/loop.h"
#include "relayd/setting.h"
#include "relayd/spent.h"
#include "relayd/unit.h"
#include "relayd/voucher.h"

#define RECORD_MAX (8 * 1024)

/* One change of all three.  What the store holds of budget and key is copied,
 * as writing moves it; what it is to hold is taken up on the loop. */
struct exchange {
	struct job job;
	struct vouchers *all;
	struct audit_who who;
	char voucher_id[16], key_id[16], new_budget[16];
	char *reason;
	uint64_t if_rev;
	bool may_begin, revokes;
	int64_t now_ms;
	int64_t quota_max, time_max_ms; /* 0: no bound */
	/* The least that its budget has used, as the loop knows: what requests
	 * under way have reserved is not taken from them. */
	int64_t used_least;

	char *voucher_blob, *budget_blob, *key_blob;
	struct voucher_rec voucher;
	struct budget_rec budget;
	struct apikey_rec key;
	bool has_budget, has_key;
	struct buf voucher_out, budget_out, key_out;
	voucher_saved *done;
	void *arg;
};

static void
exchange_free(struct exchange *x)
{
	free(x->reason);
	free(x->voucher_blob);
	free(x->budget_blob);
	free(x->key_blob);
	buf_fini(&x->voucher_out);
	buf_fini(&x->budget_out);
	buf_fini(&x->key_out);
	free(x);
}

/* --- what the store has ---------------------------------------------------- */

static enum err
get_key(struct exchange *x, struct txn *t, struct str id)
{
	struct str stored;
	enum err e = txn_get(t, TABLE_apikey, id, &stored);

	if (e)
		return e;
	x->key_blob = xmemdup(stored.at, stored.len);
	x->has_key = true;
	return apikey_rec_read(str_at(x->key_blob, stored.len), &x->key);
}

static enum err
get_budget(struct exchange *x, struct txn *t, struct str id)
{
	struct str stored;
	enum err e = txn_get(t, TABLE_budget, id, &stored);

	if (e)
		return e;
	x->budget_blob = xmemdup(stored.at, stored.len);
	x->has_budget = true;
	return budget_rec_read(str_at(x->budget_blob, stored.len), &x->budget);
}

/* Of rated cost before one of real cost. */
struct search {
	struct str key_id;
	char rated[16], real[16];
	enum err failed;
};

static bool
is_quota(const struct budget_rec *r, struct str key_id)
{
	return str_eq(r->scope, str_of(budget_scope_word(BUDGET_KEY))) &&
	    str_eq(r->subject, key_id) && !r->class.len &&
	    str_eq(r->window, STR("life")) &&
	    str_eq(r->action, str_of(budget_action_word(BUDGET_DENY)));
}

static bool
look_at_budget(void *arg, struct str key, struct str value)
{
	struct search *s = arg;
	struct budget_rec r;
	enum budget_unit unit;

	(void)key;
	s->failed = budget_rec_read(value, &r);
	if (s->failed)
		return false;
	if (!is_quota(&r, s->key_id) || budget_unit_read(r.unit, &unit))
		return true;
	if (unit == BUDGET_COST_RATED)
		snprintf(s->rated, sizeof(s->rated), "%.*s", STR_ARG(r.id));
	else if (unit == BUDGET_COST_REAL)
		snprintf(s->real, sizeof(s->real), "%.*s", STR_ARG(r.id));
	return true;
}

static enum err
find_quota(struct exchange *x, struct txn *t)
{
	struct search s = { .key_id = x->key.id };
	enum err e =
	    txn_scan(t, TABLE_budget, STR(""), false, look_at_budget, &s);

	if (!e)
		e = s.failed;
	if (e || (!s.rated[0] && !s.real[0]))
		return e;
	return get_budget(x, t, str_of(s.rated[0] ? s.rated : s.real));
}

static void
add_row(void *arg, int64_t at_ms, int64_t sum)
{
	int64_t *total = arg;

	(void)at_ms;
	*total += sum;
}

/* What is left of the budget; never below zero. */
static enum err
left_of_budget(struct exchange *x, struct txn *t, int64_t *out)
{
	int64_t used = 0;
	enum err e = spent_each(t, x->budget.id, add_row, &used);

	if (used < x->used_least)
		used = x->used_least;
	*out = used < x->budget.amount ? x->budget.amount - used : 0;
	return e;
}

/* --- giving ---------------------------------------------------------------- */

static enum err
check_usable(const struct voucher_rec *v, struct str key_id, int64_t now_ms,
    struct why *out_why)
{
	if (v->revoked_at)
		return why_set(out_why, ERR_EXISTS, "code",
		    "this voucher was revoked");
	if (v->redeemed_at && str_eq(v->key_id, key_id))
		return why_set(out_why, ERR_EXISTS, "code",
		    "this voucher was redeemed for this key already");
	if (v->redeemed_at)
		return why_set(out_why, ERR_EXISTS, "code",
		    "this voucher was redeemed already");
	if (v->expires_at && (int64_t)v->expires_at <= now_ms)
		return why_set(out_why, ERR_EXISTS, "code",
		    "this voucher has expired");
	return OK;
}

static enum err
begin_budget(struct exchange *x, struct why *out_why)
{
	if (!x->may_begin)
		return why_set(out_why, ERR_VALUE, "key",
		    "this key may use any amount for life, and a voucher of "
		    "quota would only limit it; to begin such a limit with "
		    "what the voucher gives, say so (begin)");
	x->budget = (struct budget_rec){ .id = str_of(x->new_budget),
		.scope = str_of(budget_scope_word(BUDGET_KEY)),
		.subject = x->key.id,
		.unit = str_of(budget_unit_word(BUDGET_COST_RATED)),
		.window = STR("life"),
		.action = str_of(budget_action_word(BUDGET_DENY)) };
	return OK;
}

static enum err
give_quota(struct exchange *x, struct txn *t, struct why *out_why)
{
	struct voucher_rec *v = &x->voucher;
	struct budget_rec to;
	char max[BUDGET_TEXT];
	int64_t left = 0;
	enum err e = find_quota(x, t);

	if (!e && !x->has_budget)
		e = begin_budget(x, out_why);
	if (!e)
		e = left_of_budget(x, t, &left);
	if (e)
		return e;
	if (x->quota_max && left > x->quota_max - v->quota_micro) {
		budget_amount_text(BUDGET_COST_REAL, x->quota_max, max);
		return why_set(out_why, ERR_LIMIT, "code",
		    "the key would have more than %s left, which is as much "
		    "as vouchers may give; use some of it first",
		    max);
	}
	to = x->budget;
	to.amount += v->quota_micro;
	v->budget_id = to.id;
	v->limit_micro = to.amount;
	return budget_put(t, &x->budget, &to, &x->who, &x->budget_out, out_why);
}

static enum err
give_time(struct exchange *x, struct txn *t, struct why *out_why)
{
	struct voucher_rec *v = &x->voucher;
	struct apikey_rec to = x->key;
	int64_t from = (int64_t)to.expires_at, until;
	char max[UNIT_TEXT];

	/* What it has begins with its first use. */
	if (apikey_is_unused(&to) && !from)
		from = x->now_ms + (int64_t)to.expires_after;
	if (!from && !x->may_begin)
		return why_set(out_why, ERR_VALUE, "key",
		    "this key never expires, and a voucher of time would only "
		    "make it; to let it expire when the voucher's time is "
		    "over, say so (begin)");
	until = (from > x->now_ms ? from : x->now_ms) + v->time_ms;
	if (x->time_max_ms && until > x->now_ms + x->time_max_ms) {
		unit_write_ms(x->time_max_ms, max);
		return why_set(out_why, ERR_LIMIT, "code",
		    "the key would expire in more than %s, which is as much as "
		    "vouchers may give; come again later",
		    max);
	}
	if (apikey_is_unused(&to)) {
		to.expires_after = (uint64_t)(until - x->now_ms);
		/* Nothing was left, and now something is. */
		to.expires_at = 0;
	} else {
		to.expires_at = v->key_expires_at = (uint64_t)until;
	}
	return apikey_put(t, &x->key, &to, &x->who, &x->key_out, out_why);
}

static enum err
redeem(struct exchange *x, struct txn *t, struct why *out_why)
{
	const struct voucher_rec old = x->voucher;
	enum err e = get_key(x, t, str_of(x->key_id));

	if (e == ERR_UNKNOWN)
		return why_set(out_why, e, "key", "the key is gone");
	if (!e)
		e = check_usable(&old, x->key.id, x->now_ms, out_why);
	if (!e && x->key.disabled)
		e = why_set(out_why, ERR_DENIED, "key", "the key is disabled");
	if (!e && old.quota_micro)
		e = give_quota(x, t, out_why);
	if (!e && old.time_ms)
		e = give_time(x, t, out_why);
	if (e)
		return e;
	x->voucher.redeemed_at = (uint64_t)x->now_ms;
	x->voucher.key_id = x->key.id;
	x->voucher.user = x->key.owner;
	return voucher_put(t, &old, &x->voucher, &x->who, &x->voucher_out,
	    out_why);
}

/* --- taking back ----------------------------------------------------------- */

static int64_t
lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static enum err
take_quota(struct exchange *x, struct txn *t, struct why *out_why)
{
	struct voucher_rec *v = &x->voucher;
	struct budget_rec to;
	int64_t left = 0;
	enum err e = get_budget(x, t, v->budget_id);

	/* A limit that was removed limits nobody. */
	if (e == ERR_UNKNOWN)
		return OK;
	if (!e)
		e = left_of_budget(x, t, &left);
	if (e)
		return e;
	v->quota_back_micro = lesser(v->quota_micro, left);
	if (!v->quota_back_micro)
		return OK;
	to = x->budget;
	to.amount -= v->quota_back_micro;
	return budget_put(t, &x->budget, &to, &x->who, &x->budget_out, out_why);
}

static enum err
take_time(struct exchange *x, struct txn *t, struct why *out_why)
{
	struct voucher_rec *v = &x->voucher;
	struct apikey_rec to;
	int64_t left = 0;
	enum err e = get_key(x, t, v->key_id);

	if (e)
		return e == ERR_UNKNOWN ? OK : e;
	to = x->key;
	left = apikey_is_unused(&to) ? (int64_t)to.expires_after
				     : (int64_t)to.expires_at - x->now_ms;
	v->time_back_ms = left > 0 ? lesser(v->time_ms, left) : 0;
	if (!v->time_back_ms)
		return OK;
	if (!apikey_is_unused(&to))
		to.expires_at -= (uint64_t)v->time_back_ms;
	else if (v->time_back_ms < (int64_t)to.expires_after)
		to.expires_after -= (uint64_t)v->time_back_ms;
	else
		/* Nothing is left, which is not the same as no end. */
		to.expires_at = (uint64_t)x->now_ms;
	return apikey_put(t, &x->key, &to, &x->who, &x->key_out, out_why);
}

static enum err
revoke(struct exchange *x, struct txn *t, struct why *out_why)
{
	const struct voucher_rec old = x->voucher;
	char by[32];
	enum err e = OK;

	if (old.revoked_at)
		return why_set(out_why, ERR_EXISTS, "voucher",
		    "%.*s was revoked already", STR_ARG(old.id));
	if (old.budget_id.len)
		e = take_quota(x, t, out_why);
	if (!e && old.redeemed_at && old.time_ms)
		e = take_time(x, t, out_why);
	if (e)
		return e;
	snprintf(by, sizeof(by), "uid:%llu", (unsigned long long)x->who.uid);
	x->voucher.revoked_at = (uint64_t)x->now_ms;
	x->voucher.revoked_by = str_of(by);
	x->voucher.reason = str_of(x->reason);
	return voucher_put(t, &old, &x->voucher, &x->who, &x->voucher_out,
	    out_why);
}

/* --- the job --------------------------------------------------------------- */

static enum err
exchange_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct exchange *x = (struct exchange *)j;
	enum err e = voucher_get(t, str_of(x->voucher_id), x->if_rev,
	    &x->voucher_blob, &x->voucher, out_why);

	if (e)
		return e;
	return x->revokes ? revoke(x, t, out_why) : redeem(x, t, out_why);
}

static void
exchange_done(struct job *j)
{
	struct exchange *x = (struct exchange *)j;
	struct voucher *v = NULL;
	char *blob;
	size_t len;

	if (!j->result) {
		if (buf_len(&x->budget_out)) {
			blob = buf_take(&x->budget_out, &len);
			budgets_take_up(x->all->budgets, blob, len);
		}
		if (buf_len(&x->key_out)) {
			blob = buf_take(&x->key_out, &len);
			keyring_take_up(x->all->keys, blob, len);
		}
		blob = buf_take(&x->voucher_out, &len);
		v = vouchers_take_up(x->all, blob, len);
	}
	x->done(x->arg, j->result, &j->why, v);
	exchange_free(x);
}

static struct exchange *
exchange_new(struct vouchers *all, struct str id, const struct audit_who *who,
    voucher_saved *done, void *arg)
{
	struct exchange *x = xcalloc(1, sizeof(*x));

	x->job = (struct job){ .work = exchange_work, .done = exchange_done };
	x->all = all;
	x->who = *who;
	snprintf(x->voucher_id, sizeof(x->voucher_id), "%.*s", STR_ARG(id));
	x->now_ms = clock_wall_ms();
	buf_init(&x->voucher_out, VOUCHER_RECORD_MAX);
	buf_init(&x->budget_out, RECORD_MAX);
	buf_init(&x->key_out, RECORD_MAX);
	x->done = done;
	x->arg = arg;
	return x;
}

/* What can be said before the store is asked. */
static enum err
check_ask(struct vouchers *all, const struct voucher_ask *ask,
    struct voucher **out, struct why *out_why)
{
	const struct apikey *k = keyring_id(all->keys, ask->key_id);
	enum err e;

	/* The second word of the choice: no. */
	if (all->settings->voucher_enabled)
		return why_set(out_why, ERR_DENIED, "",
		    "no vouchers are taken here (setting voucher_enabled)");
	if (!k)
		return why_set(out_why, ERR_UNKNOWN, "key", "the key is gone");
	if (k->rec.disabled || k->owner_disabled)
		return why_set(out_why, ERR_DENIED, "key",
		    "the key is disabled");
	if (!vouchers_may_guess(all, ask->guesser))
		return why_set(out_why, ERR_AGAIN, "code",
		    "too many wrong codes; try again in a minute");
	e = vouchers_match(all, ask->code, out, out_why);
	if (e)
		vouchers_guessed(all, ask->guesser);
	return e;
}

void
voucher_redeem(struct vouchers *all, const struct voucher_ask *ask,
    const struct audit_who *who, voucher_saved *done, void *arg)
{
	const struct settings *s = all->settings;
	struct voucher *v = NULL;
	struct exchange *x;
	struct why why;
	enum err e = check_ask(all, ask, &v, &why);

	if (e) {
		done(arg, e, &why, NULL);
		return;
	}
	x = exchange_new(all, v->rec.id, who, done, arg);
	snprintf(x->key_id, sizeof(x->key_id), "%.*s", STR_ARG(ask->key_id));
	budget_make_id(x->new_budget);
	x->may_begin = ask->may_begin;
	x->quota_max = (int64_t)s->voucher_quota_max * 1000000;
	x->time_max_ms = s->voucher_time_max_ms;
	store_post(all->store, LANE_WRITE, &x->job);
}

void
voucher_revoke(struct vouchers *all, struct str id, struct str reason,
    uint64_t if_rev, const struct audit_who *who, voucher_saved *done,
    void *arg)
{
	struct exchange *x = exchange_new(all, id, who, done, arg);
	const struct voucher *v = vouchers_find(all, id);
	const struct budget *b =
	    v ? budgets_find(all->budgets, v->rec.budget_id) : NULL;

	x->revokes = true;
	x->reason = xmemdup(reason.at, reason.len);
	x->if_rev = if_rev;
	if (b)
		x->used_least = b->used + b->reserved;
	store_post(all->store, LANE_WRITE, &x->job);
}
