/* SPDX-License-Identifier: MIT */
/* spent.c - what was charged to budgets, in receipts and in the store. */
#include "relayd/spent.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "proto/mem.h"

#include "store/store.h"

#define KEY_LEN (BUDGET_ID_LEN + 8)

static const char letters[] = {
#define X(name, word, letter, text) letter,
#include "relayd/budget_unit.def"
#undef X
};

int64_t
spent_clamp(int64_t n)
{
	return n < 0 ? 0 : n > SPENT_MAX ? SPENT_MAX : n;
}

/* --- in receipts ----------------------------------------------------------- */

enum err
spent_put(struct buf *out, const struct spent_charge *c)
{
	return buf_addf(out, "%s%.*s@%" PRId64 "%c", buf_len(out) ? " " : "",
	    STR_ARG(c->id), c->at_ms, letters[c->unit]);
}

static bool
is_id(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] < 'a' || s.at[i] > 'z')
			return false;
	return s.len == BUDGET_ID_LEN;
}

bool
spent_next(struct str *rest, struct spent_charge *out)
{
	struct str at;
	size_t unit;

	if (!rest->len)
		return false;
	at = str_cut(rest, ' ');
	out->id = str_cut(&at, '@');
	if (!is_id(out->id) || at.len < 2)
		return false;
	for (unit = 0; unit < BUDGET_UNITS; unit++)
		if (at.at[at.len - 1] == letters[unit])
			break;
	out->unit = (enum budget_unit)unit;
	return unit < BUDGET_UNITS &&
	    !str_i64(str_first(at, at.len - 1), &out->at_ms) && out->at_ms >= 0;
}

/* --- on the way ------------------------------------------------------------ */

struct spent_key {
	char bytes[KEY_LEN];
};

static struct spent_key
key_of(struct str id, int64_t at_ms)
{
	struct spent_key k;

	assert(id.len == BUDGET_ID_LEN);
	memcpy(k.bytes, id.at, BUDGET_ID_LEN);
	for (unsigned i = 0; i < 8; i++)
		k.bytes[BUDGET_ID_LEN + i] =
		    (char)((uint64_t)at_ms >> (56 - 8 * i));
	return k;
}

static int64_t
number_of(const char *be)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < 8; i++)
		n = n << 8 | (uint8_t)be[i];
	return (int64_t)n;
}

void
spent_fini(struct spent *s)
{
	size_t at = 0;
	void *sum;

	if (!s->begun)
		return;
	while (map_next(&s->by_key, &at, NULL, &sum))
		free(sum);
	map_fini(&s->by_key);
	s->begun = false;
}

static void
begin(struct spent *s)
{
	uint8_t seed[MAP_SEED];

	if (s->begun)
		return;
	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		abort();
	map_init(&s->by_key, seed);
	s->begun = true;
}

void
spent_add(struct spent *s, struct str charges, const struct budget_need *need)
{
	struct spent_charge c;

	while (spent_next(&charges, &c)) {
		struct spent_key k = key_of(c.id, c.at_ms);
		struct str key = str_at(k.bytes, sizeof(k.bytes));
		int64_t *sum;

		if (!need->of[c.unit])
			continue;
		begin(s);
		sum = map_get(&s->by_key, key);
		if (!sum) {
			sum = xcalloc(1, sizeof(*sum));
			map_set(&s->by_key, key, sum);
		}
		*sum += spent_clamp(need->of[c.unit]);
	}
}

/* --- in the store ---------------------------------------------------------- */

/* Keys of a budget's rows, copied out of a scan, because nothing may be
 * deleted during one. */
struct row_keys {
	struct str id;
	struct spent_key key[SPENT_ROWS_MAX + 1];
	unsigned count;
};

static bool
note_key(void *arg, struct str key, struct str value)
{
	struct row_keys *r = arg;

	(void)value;
	if (key.len != KEY_LEN || !str_starts(key, r->id) ||
	    r->count == SPENT_ROWS_MAX + 1)
		return false;
	memcpy(r->key[r->count++].bytes, key.at, KEY_LEN);
	return true;
}

/* The oldest row goes when one more has come than are kept. */
static enum err
prune(struct txn *t, struct str id)
{
	struct row_keys rows = { .id = id };
	enum err e = txn_scan(t, TABLE_spent, id, false, note_key, &rows);

	if (e || rows.count <= SPENT_ROWS_MAX)
		return e;
	return txn_del(t, TABLE_spent, str_at(rows.key[0].bytes, KEY_LEN));
}

static enum err
add_row(struct txn *t, struct str key, int64_t more)
{
	struct str id = str_first(key, BUDGET_ID_LEN), kept;
	char value[8];
	int64_t sum = 0;
	bool is_new;
	enum err e;

	e = txn_get(t, TABLE_budget, id, &kept);
	if (e)
		return e == ERR_UNKNOWN ? OK : e;
	e = txn_get(t, TABLE_spent, key, &kept);
	is_new = e == ERR_UNKNOWN;
	if (e && !is_new)
		return e;
	if (!is_new && kept.len != sizeof(value))
		return ERR_CORRUPT;
	if (!is_new)
		sum = number_of(kept.at);
	sum += more;
	for (unsigned i = 0; i < 8; i++)
		value[i] = (char)((uint64_t)sum >> (56 - 8 * i));
	e = txn_put(t, TABLE_spent, key, str_at(value, sizeof(value)));
	return !e && is_new ? prune(t, id) : e;
}

enum err
spent_write(const struct spent *s, struct txn *t)
{
	enum err e = OK;
	struct str key;
	size_t at = 0;
	void *sum;

	if (!s->begun)
		return OK;
	while (!e && map_next(&s->by_key, &at, &key, &sum))
		e = add_row(t, key, *(int64_t *)sum);
	return e;
}

struct reading {
	struct str id;
	spent_row *fn;
	void *arg;
};

static bool
read_row(void *arg, struct str key, struct str value)
{
	struct reading *r = arg;

	if (key.len != KEY_LEN || !str_starts(key, r->id) || value.len != 8)
		return false;
	r->fn(r->arg, number_of(key.at + BUDGET_ID_LEN), number_of(value.at));
	return true;
}

enum err
spent_each(struct txn *t, struct str id, spent_row *fn, void *arg)
{
	struct reading r = { .id = id, .fn = fn, .arg = arg };

	return txn_scan(t, TABLE_spent, id, false, read_row, &r);
}

enum err
spent_drop(struct txn *t, struct str id)
{
	struct row_keys rows = { .id = id };
	enum err e = txn_scan(t, TABLE_spent, id, false, note_key, &rows);

	for (unsigned i = 0; !e && i < rows.count; i++)
		e = txn_del(t, TABLE_spent, str_at(rows.key[i].bytes, KEY_LEN));
	return e;
}
