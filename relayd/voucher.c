/* SPDX-License-Identifier: MIT */
/* voucher.c - the vouchers there are: found by id and by code, loaded, and who
 * has guessed too often. */
#include "relayd/voucher.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/apikey.h"
#include "relayd/loop.h"

void
vouchers_init(struct vouchers *all, struct loop *l, struct store *s,
    struct keyring *keys, struct budgets *budgets,
    const struct settings *settings)
{
	uint8_t seed[MAP_SEED];

	*all = (struct vouchers){ .loop = l,
		.store = s,
		.keys = keys,
		.budgets = budgets,
		.settings = settings };
	TAILQ_INIT(&all->list);
	randombytes_buf(seed, sizeof(seed));
	map_init(&all->by_id, seed);
	map_init(&all->by_hash, seed);
}

static void
voucher_free(struct voucher *v)
{
	free(v->blob);
	free(v);
}

void
vouchers_fini(struct vouchers *all)
{
	struct voucher *v;

	while ((v = TAILQ_FIRST(&all->list))) {
		TAILQ_REMOVE(&all->list, v, link);
		voucher_free(v);
	}
	map_fini(&all->by_id);
	map_fini(&all->by_hash);
}

/* --- finding --------------------------------------------------------------- */

struct voucher *
vouchers_find(const struct vouchers *all, struct str id)
{
	return map_get(&all->by_id, id);
}

static struct str
hash_str(const uint8_t hash[SEAL_INDEX_BYTES])
{
	return str_at((const char *)hash, SEAL_INDEX_BYTES);
}

enum err
vouchers_match(const struct vouchers *all, struct str code,
    struct voucher **out, struct why *out_why)
{
	uint8_t hash[SEAL_INDEX_BYTES];
	char text[VOUCHER_CODE_LEN + 1];
	struct voucher *v;
	enum err e = voucher_code_read(code, text, out_why);

	if (e)
		return e;
	voucher_code_hash(&all->keys->index, text, hash);
	sodium_memzero(text, sizeof(text));
	v = map_get(&all->by_hash, hash_str(hash));
	if (!v || sodium_memcmp(v->rec.hash, hash, sizeof(hash)))
		return why_set(out_why, ERR_UNKNOWN, "code",
		    "there is no voucher with this code");
	*out = v;
	return OK;
}

const char *
voucher_state(const struct voucher_rec *r, int64_t wall_ms)
{
	if (r->revoked_at)
		return "revoked";
	if (r->redeemed_at)
		return "redeemed";
	return r->expires_at && (int64_t)r->expires_at <= wall_ms ? "expired"
								  : "unused";
}

/* --- guessing -------------------------------------------------------------- */

static unsigned *
tries_of(struct vouchers *all, struct str who)
{
	struct voucher_guesses *g = &all->guesses;
	int64_t minute = loop_ms(all->loop) / 60000;
	unsigned i;

	if (minute != g->minute)
		*g = (struct voucher_guesses){ .minute = minute };
	for (i = 0; i < g->count; i++)
		if (str_eq(str_of(g->at[i].who),
			str_first(who, sizeof(g->at[i].who) - 1)))
			return &g->at[i].tries;
	if (g->count == VOUCHER_GUESSERS)
		return NULL;
	g->count++;
	snprintf(g->at[i].who, sizeof(g->at[i].who), "%.*s", STR_ARG(who));
	return &g->at[i].tries;
}

/* When more of them guess than can be told apart, nobody may for the rest of
 * the minute. */
bool
vouchers_may_guess(struct vouchers *all, struct str who)
{
	const unsigned *tries = tries_of(all, who);

	return tries && *tries < VOUCHER_GUESSES;
}

void
vouchers_guessed(struct vouchers *all, struct str who)
{
	unsigned *tries = tries_of(all, who);

	if (tries)
		(*tries)++;
}

/* --- taking up what is stored ---------------------------------------------- */

static bool
is_before(const struct voucher_rec *a, const struct voucher_rec *b)
{
	if (a->created_at != b->created_at)
		return a->created_at < b->created_at;
	return str_cmp(a->id, b->id) < 0;
}

static void
index_add(struct vouchers *all, struct voucher *v)
{
	all->count++;
	map_set(&all->by_id, v->rec.id, v);
	map_set(&all->by_hash, hash_str(v->rec.hash), v);
}

static void
insert(struct vouchers *all, struct voucher *v)
{
	struct voucher *before = TAILQ_LAST(&all->list, voucher_list);

	while (before && is_before(&v->rec, &before->rec))
		before = TAILQ_PREV(before, voucher_list, link);
	if (before)
		TAILQ_INSERT_AFTER(&all->list, before, v, link);
	else
		TAILQ_INSERT_HEAD(&all->list, v, link);
	index_add(all, v);
}

static enum err
adopt(struct voucher *v, char *take_blob, size_t len)
{
	struct voucher_rec rec;
	enum err e = voucher_rec_read(str_at(take_blob, len), &rec);

	if (e) {
		free(take_blob);
		return e;
	}
	free(v->blob);
	v->blob = take_blob;
	v->rec = rec;
	return OK;
}

struct voucher *
vouchers_take_up(struct vouchers *all, char *take_blob, size_t len)
{
	struct voucher *fresh = xcalloc(1, sizeof(*fresh)), *v;
	enum err e = adopt(fresh, take_blob, len);

	/* The writer has just encoded it. */
	assert(e == OK);
	v = vouchers_find(all, fresh->rec.id);
	if (!v) {
		insert(all, fresh);
		return fresh;
	}
	/* Neither hash nor place of one ever changes. */
	free(v->blob);
	v->blob = fresh->blob;
	v->rec = fresh->rec;
	free(fresh);
	return v;
}

void
vouchers_drop(struct vouchers *all, struct voucher *v)
{
	map_del(&all->by_id, v->rec.id);
	map_del(&all->by_hash, hash_str(v->rec.hash));
	TAILQ_REMOVE(&all->list, v, link);
	all->count--;
	voucher_free(v);
}

struct load {
	struct job job;
	struct vouchers *all;
	struct why *why;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	struct voucher *v = xcalloc(1, sizeof(*v));
	enum err e = adopt(v, xmemdup(value.at, value.len), value.len);

	if (e) {
		free(v);
		l->job.result = why_set(l->why, e, "voucher",
		    "the voucher %.*s cannot be read: %s", STR_ARG(key),
		    err_text(e));
		return false;
	}
	TAILQ_INSERT_TAIL(&l->all->list, v, link);
	index_add(l->all, v);
	return true;
}

static int
compare(const void *a, const void *b)
{
	const struct voucher *const *x = a, *const *y = b;

	return is_before(&(*x)->rec, &(*y)->rec) ? -1 : 1;
}

/* They came by id. */
static void
put_in_order(struct vouchers *all)
{
	struct voucher **at = xcalloc(all->count + 1, sizeof(struct voucher *));
	struct voucher *v;
	size_t n = 0;

	TAILQ_FOREACH (v, &all->list, link)
		at[n++] = v;
	qsort(at, n, sizeof(struct voucher *), compare);
	TAILQ_INIT(&all->list);
	for (size_t i = 0; i < n; i++)
		TAILQ_INSERT_TAIL(&all->list, at[i], link);
	free(at);
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;
	enum err e;

	l->why = out_why;
	e = txn_scan(t, TABLE_voucher, STR(""), false, load_one, l);
	return e ? e : l->job.result;
}

enum err
vouchers_load(struct vouchers *all, struct why *out_why)
{
	struct load l = { .job.work = load_work, .all = all };
	enum err e = store_now(all->store, LANE_READ, &l.job);

	put_in_order(all);
	if (e && out_why)
		*out_why = l.job.why;
	return e;
}
