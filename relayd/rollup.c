/* SPDX-License-Identifier: MIT */
/* rollup.c - sums of receipts: which keys one belongs to, and adding up. */
#include "relayd/rollup.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "proto/mem.h"
#include "proto/ulid.h"

#include "store/store.h"

#include "relayd/receipt.h"

/* A rollup is a byte of version and a dozen numbers. */
#define ENCODED_MAX 256

static const struct {
	char letter;
	const char *name;
} dimensions[] = {
#define X(name, letter, word) { letter, word },
#include "relayd/dimension.def"
#undef X
};

const char *
dimension_name(enum dimension d)
{
	return dimensions[d].name;
}

enum err
dimension_read(struct str word, enum dimension *out)
{
	for (unsigned i = 0; i < DIMENSION_COUNT; i++) {
		if (str_eq(word, str_of(dimensions[i].name))) {
			*out = (enum dimension)i;
			return OK;
		}
	}
	return ERR_UNKNOWN;
}

/* --- keys ------------------------------------------------------------------ */

struct rollup_key
rollup_key_of(enum dimension d, uint32_t day, struct str name)
{
	struct rollup_key k;

	name = str_first(name, ROLLUP_NAME_MAX);
	k.bytes[0] = dimensions[d].letter;
	for (unsigned i = 0; i < 4; i++)
		k.bytes[1 + i] = (char)(day >> (24 - 8 * i));
	if (name.len > 0)
		memcpy(k.bytes + 5, name.at, name.len);
	k.len = 5 + name.len;
	return k;
}

enum err
rollup_key_read(struct str key, enum dimension *out_dimension,
    uint32_t *out_day, struct str *out_name)
{
	uint32_t day = 0;

	if (key.len < 5)
		return ERR_CORRUPT;
	for (unsigned i = 1; i < 5; i++)
		day = day << 8 | (uint8_t)key.at[i];
	for (unsigned i = 0; i < DIMENSION_COUNT; i++) {
		if (dimensions[i].letter != key.at[0])
			continue;
		*out_dimension = (enum dimension)i;
		*out_day = day;
		*out_name = str_skip(key, 5);
		return OK;
	}
	return ERR_CORRUPT;
}

/* --- sums ------------------------------------------------------------------ */

/* Tokens are what an upstream says.  Wrapping keeps a sum the same in any
 * order, even of nonsense. */
#define ADD_U64(name) sum->name += r->name;
#define ADD_I64(name)                                                          \
	sum->name = (int64_t)((uint64_t)sum->name + (uint64_t)r->name);

void
rollup_add(struct rollup_rec *sum, const struct rollup_rec *r)
{
#define X(type, name, since) ADD_##type(name)
#include "store/rec/rollup.def"
#undef X
}

void
sums_init(struct sums *s)
{
	uint8_t seed[MAP_SEED];

	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		abort();
	map_init(&s->by_key, seed);
}

void
sums_fini(struct sums *s)
{
	size_t at = 0;
	void *sum;

	while (map_next(&s->by_key, &at, NULL, &sum))
		free(sum);
	map_fini(&s->by_key);
}

struct rollup_rec *
sums_at(struct sums *s, struct str key)
{
	struct rollup_rec *sum = map_get(&s->by_key, key);

	if (!sum) {
		sum = xcalloc(1, sizeof(*sum));
		map_set(&s->by_key, key, sum);
	}
	return sum;
}

static void
add_under(struct sums *s, enum dimension d, uint32_t day, struct str name,
    const struct rollup_rec *r)
{
	struct rollup_key k = rollup_key_of(d, day, name);

	rollup_add(sums_at(s, str_at(k.bytes, k.len)), r);
}

/* The accounts get a request for each try, and the last one the rest. */
static void
add_accounts(struct sums *s, uint32_t day, const struct receipt_rec *r,
    const struct rollup_rec *whole)
{
	struct rollup_rec rest = *whole;
	struct str list = r->attempts;
	struct attempt_rec a;
	bool any = false;

	while (rec_attempts_next(&list, &a)) {
		struct rollup_rec one = { .requests = 1,
			.errors = a.outcome != ATTEMPT_OK };

		add_under(s, DIMENSION_ACCOUNT, day, a.account, &one);
		any = true;
	}
	if (any)
		rest.requests = rest.errors = 0;
	add_under(s, DIMENSION_ACCOUNT, day, r->account, &rest);
}

void
sums_add(struct sums *s, const struct ulid *id, const struct receipt_rec *r)
{
	struct rollup_rec one = {
		.requests = 1,
		.errors = receipt_is_error(r),
		.estimated = (r->flags & RECEIPT_ESTIMATED) != 0,
		.input = r->input,
		.output = r->output,
		.cache_read = r->cache_read,
		.cache_write_5m = r->cache_write_5m,
		.cache_write_1h = r->cache_write_1h,
		.reasoning = r->reasoning,
		.searches = r->searches,
		.cost_micro = r->cost_micro,
		.rated_micro = r->rated_micro,
		.unpriced = (r->flags & RECEIPT_UNPRICED) != 0,
		.bytes_in = r->bytes_in,
		.bytes_out = r->bytes_out,
		.total_us = r->total_us,
	};
	const struct str none = { .at = NULL };
	bool tried = r->account.len > 0;
	uint32_t day = receipt_day(id);

	add_under(s, DIMENSION_ALL, day, none, &one);
	add_under(s, DIMENSION_KEY, day, r->key_id, &one);
	add_under(s, DIMENSION_MODEL, day, tried ? r->model : none, &one);
	add_under(s, DIMENSION_CLIENT, day, tried ? r->client : none, &one);
	add_accounts(s, day, r, &one);
}

void
sums_add_price(struct sums *s, const struct ulid *id,
    const struct receipt_rec *from, const struct receipt_rec *to)
{
	struct rollup_rec more = {
		.cost_micro = to->cost_micro - from->cost_micro,
		.rated_micro = to->rated_micro - from->rated_micro,
		.unpriced = (uint64_t)((to->flags & RECEIPT_UNPRICED) != 0) -
		    ((from->flags & RECEIPT_UNPRICED) != 0),
	};
	const struct str none = { .at = NULL };
	bool tried = to->account.len > 0;
	uint32_t day = receipt_day(id);

	add_under(s, DIMENSION_ALL, day, none, &more);
	add_under(s, DIMENSION_KEY, day, to->key_id, &more);
	add_under(s, DIMENSION_MODEL, day, tried ? to->model : none, &more);
	add_under(s, DIMENSION_CLIENT, day, tried ? to->client : none, &more);
	add_under(s, DIMENSION_ACCOUNT, day, to->account, &more);
}

static enum err
add_to_table(struct txn *t, struct str key, const struct rollup_rec *more,
    struct buf *scratch)
{
	struct rollup_rec sum = { .requests = 0 };
	struct str kept;
	enum err e;

	e = txn_get(t, TABLE_rollup, key, &kept);
	if (!e)
		e = rollup_rec_read(kept, &sum);
	else if (e == ERR_UNKNOWN)
		e = OK;
	if (e)
		return e;
	rollup_add(&sum, more);
	buf_clear(scratch);
	e = rollup_rec_write(&sum, scratch);
	if (e)
		return e;
	return txn_put(t, TABLE_rollup, key, buf_str(scratch));
}

enum err
sums_write(const struct sums *s, struct txn *t)
{
	struct buf scratch;
	enum err e = OK;
	struct str key;
	size_t at = 0;
	void *sum;

	buf_init(&scratch, ENCODED_MAX);
	while (!e && map_next(&s->by_key, &at, &key, &sum))
		e = add_to_table(t, key, sum, &scratch);
	buf_fini(&scratch);
	return e;
}
