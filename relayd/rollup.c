/* SPDX-License-Identifier: MIT */
/* rollup.c - sums of receipts: which keys one belongs to, and adding up. */
#include "relayd/rollup.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "proto/mem.h"
#include "proto/ulid.h"

#include "store/store.h"

#include "relayd/receipt.h"

/* A rollup is a byte of version and a dozen numbers. */
#define ENCODED_MAX 256

static const struct dimension_row dimensions[] = {
#define X(name_, letter_, word, first_, second_, finest_)                      \
	{ .name = word,                                                        \
		.letter = letter_,                                             \
		.first = PART_##first_,                                        \
		.second = PART_##second_,                                      \
		.finest = PERIOD_##finest_ },
#include "relayd/dimension.def"
#undef X
};

static const char *const parts[PART_COUNT] = {
	[PART_NONE] = "",
	[PART_KEY] = "key",
	[PART_ACCOUNT] = "account",
	[PART_MODEL] = "model",
	[PART_CLIENT] = "client",
	[PART_USER] = "user",
	[PART_TAG] = "tag",
};

const struct dimension_row *
dimension_row(enum dimension d)
{
	return &dimensions[d];
}

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

void
dimension_words(char *out, size_t size)
{
	size_t at = 0;

	for (unsigned i = 0; i < DIMENSION_COUNT && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s",
		    i == 0			  ? ""
			: i + 1 < DIMENSION_COUNT ? ", "
						  : " or ",
		    dimensions[i].name);
}

const char *
part_name(enum part p)
{
	return parts[p];
}

bool
dimension_keeps(enum dimension d, enum period p)
{
	return period_letter(p) &&
	    (p == PERIOD_TOTAL || p >= dimensions[d].finest);
}

/* --- keys ------------------------------------------------------------------ */

static size_t
put_name(char *to, struct str name)
{
	name = str_first(name, ROLLUP_NAME_MAX);
	if (name.len > 0)
		memcpy(to, name.at, name.len);
	return name.len;
}

struct rollup_key
rollup_key_from(enum period p, uint32_t minute)
{
	struct rollup_key k = { .len = ROLLUP_HEAD - 1 };

	k.bytes[0] = period_letter(p);
	for (unsigned i = 0; i < 4; i++)
		k.bytes[1 + i] = (char)(minute >> (24 - 8 * i));
	return k;
}

struct rollup_key
rollup_key_of(enum period p, uint32_t minute, enum dimension d,
    struct str first, struct str second)
{
	struct rollup_key k = rollup_key_from(p, minute);

	k.bytes[5] = dimensions[d].letter;
	k.len = ROLLUP_HEAD + put_name(k.bytes + ROLLUP_HEAD, first);
	if (dimensions[d].second) {
		k.bytes[k.len++] = 0;
		k.len += put_name(k.bytes + k.len, second);
	}
	return k;
}

static bool
read_letters(struct str key, struct rollup_at *out)
{
	unsigned p = 0, d = 0;

	while (p < PERIOD_COUNT && period_letter((enum period)p) != key.at[0])
		p++;
	while (d < DIMENSION_COUNT && dimensions[d].letter != key.at[5])
		d++;
	out->period = (enum period)p;
	out->of = (enum dimension)d;
	return p < PERIOD_COUNT && d < DIMENSION_COUNT;
}

/* What is first in a pair is a key's id or an account's name, and has no byte
 * of zero in it; a model is what a client said, and may have anything. */
enum err
rollup_key_read(struct str key, struct rollup_at *out)
{
	struct str name;
	const char *end;

	if (key.len < ROLLUP_HEAD || !read_letters(key, out))
		return ERR_CORRUPT;
	out->minute = 0;
	for (unsigned i = 1; i < 5; i++)
		out->minute = out->minute << 8 | (uint8_t)key.at[i];
	name = str_skip(key, ROLLUP_HEAD);
	out->first = name;
	out->second = str_at(NULL, 0);
	if (!dimensions[out->of].second)
		return OK;
	end = name.len ? memchr(name.at, 0, name.len) : NULL;
	if (!end)
		return ERR_CORRUPT;
	out->first = str_first(name, (size_t)(end - name.at));
	out->second = str_skip(name, out->first.len + 1);
	return OK;
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

#define NEGATE_U64(name) r->name = 0 - r->name;
#define NEGATE_I64(name) r->name = (int64_t)(0 - (uint64_t)r->name);

void
rollup_negate(struct rollup_rec *r)
{
#define X(type, name, since) NEGATE_##type(name)
#include "store/rec/rollup.def"
#undef X
}

void
sums_init(struct sums *s, const struct zone *zone)
{
	uint8_t seed[MAP_SEED];

	*s = (struct sums){ .zone = zone };
	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		abort();
	map_init(&s->by_key, seed);
	s->spent = (struct spent){ .begun = false };
}

void
sums_fini(struct sums *s)
{
	size_t at = 0;
	void *sum;

	while (map_next(&s->by_key, &at, NULL, &sum))
		free(sum);
	map_fini(&s->by_key);
	spent_fini(&s->spent);
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

/* The moment of a receipt, as the beginnings of its periods. */
struct moment {
	struct sums *sums;
	uint32_t begin[PERIOD_COUNT];
	bool is_kept[PERIOD_COUNT];
};

static void
moment_init(struct moment *m, struct sums *s, const struct ulid *id)
{
	uint32_t minute = minute_of_ms(ulid_ms(id));

	m->sums = s;
	for (unsigned i = 0; i < PERIOD_COUNT; i++) {
		enum period p = (enum period)i;

		m->is_kept[i] = period_letter(p) && !(s->skip & 1u << i);
		if (!m->is_kept[i])
			continue;
		m->begin[i] = zone_begin(s->zone, p, minute);
		m->is_kept[i] = m->begin[i] >= s->from[i];
	}
}

static void
add_pair(const struct moment *m, enum dimension d, struct str first,
    struct str second, const struct rollup_rec *r)
{
	struct rollup_rec more = *r;
	struct rollup_key k;

	if (m->sums->minus)
		rollup_negate(&more);
	for (unsigned i = 0; i < PERIOD_COUNT; i++) {
		if (!m->is_kept[i] || !dimension_keeps(d, (enum period)i))
			continue;
		k = rollup_key_of((enum period)i, m->begin[i], d, first,
		    second);
		rollup_add(sums_at(m->sums, str_at(k.bytes, k.len)), &more);
	}
}

static void
add_one(const struct moment *m, enum dimension d, struct str name,
    const struct rollup_rec *r)
{
	add_pair(m, d, name, (struct str){ .at = NULL }, r);
}

static void
add_account(const struct moment *m, struct str account, struct str model,
    const struct rollup_rec *r)
{
	add_one(m, DIMENSION_ACCOUNT, account, r);
	add_pair(m, DIMENSION_ACCOUNT_MODEL, account, model, r);
}

/* The accounts get a request for each try, and the last one the rest. */
static void
add_accounts(const struct moment *m, const struct receipt_rec *r,
    struct str model, const struct rollup_rec *whole)
{
	struct rollup_rec rest = *whole;
	struct str list = r->attempts;
	struct attempt_rec a;
	bool any = false;

	while (receipt_attempts_next(r, &list, &a)) {
		struct rollup_rec one = { .requests = 1,
			.errors = a.outcome != ATTEMPT_OK };

		add_account(m, a.account, model, &one);
		any = true;
	}
	if (any)
		rest.requests = rest.errors = 0;
	add_account(m, r->account, model, &rest);
}

/* The next of a list with commas, without the blanks around it. */
static bool
tag_next(struct str *rest, struct str *out)
{
	ptrdiff_t comma;

	if (!rest->at)
		return false;
	comma = str_find(*rest, STR(","));
	*out = str_trim(comma < 0 ? *rest : str_first(*rest, (size_t)comma));
	*rest =
	    comma < 0 ? str_at(NULL, 0) : str_skip(*rest, (size_t)comma + 1);
	return true;
}

static bool
tag_stands_before(struct str tags, struct str tag)
{
	struct str rest = str_first(tags, (size_t)(tag.at - tags.at)), other;

	while (tag_next(&rest, &other))
		if (str_eq(other, tag))
			return true;
	return false;
}

/* Each tag once, whatever somebody wrote; without any, under no name. */
static void
add_tags(const struct moment *m, struct str tags, const struct rollup_rec *r)
{
	struct str rest = tags, tag;
	bool any = false;

	while (tag_next(&rest, &tag)) {
		if (tag.len == 0 || tag_stands_before(tags, tag))
			continue;
		add_one(m, DIMENSION_TAG, tag, r);
		any = true;
	}
	if (!any)
		add_one(m, DIMENSION_TAG, (struct str){ .at = NULL }, r);
}

/* All but the accounts, which count tries. */
static void
add_names(const struct moment *m, const struct receipt_rec *r, struct str model,
    const struct rollup_rec *one)
{
	const struct str none = { .at = NULL };

	add_one(m, DIMENSION_ALL, none, one);
	add_one(m, DIMENSION_KEY, r->key_id, one);
	add_one(m, DIMENSION_MODEL, model, one);
	add_one(m, DIMENSION_CLIENT, r->account.len ? r->client : none, one);
	add_one(m, DIMENSION_USER, r->user, one);
	add_tags(m, r->tags, one);
	add_pair(m, DIMENSION_KEY_MODEL, r->key_id, model, one);
}

/* Only a model that an account was asked for is one. */
static struct str
model_of(const struct receipt_rec *r)
{
	return r->account.len ? r->model : str_at(NULL, 0);
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
	struct moment m;

	moment_init(&m, s, id);
	add_names(&m, r, model_of(r), &one);
	add_accounts(&m, r, model_of(r), &one);
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
	struct moment m;

	moment_init(&m, s, id);
	add_names(&m, to, model_of(to), &more);
	add_account(&m, to->account, model_of(to), &more);
}

static bool
is_nothing(const struct rollup_rec *sum)
{
	static const struct rollup_rec nothing;

	return memcmp(sum, &nothing, sizeof(nothing)) == 0;
}

static enum err
add_to_table(struct txn *t, struct str key, const struct rollup_rec *more,
    struct buf *scratch)
{
	struct rollup_rec sum = { .requests = 0 };
	bool is_there = false;
	struct str kept;
	enum err e;

	e = txn_get(t, TABLE_rollup, key, &kept);
	if (!e) {
		is_there = true;
		e = rollup_rec_read(kept, &sum);
	} else if (e == ERR_UNKNOWN) {
		e = OK;
	}
	if (e)
		return e;
	rollup_add(&sum, more);
	if (is_nothing(&sum))
		return is_there ? txn_del(t, TABLE_rollup, key) : OK;
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
		if (!is_nothing(sum))
			e = add_to_table(t, key, sum, &scratch);
	buf_fini(&scratch);
	return e ? e : spent_write(&s->spent, t);
}
