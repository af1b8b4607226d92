/* SPDX-License-Identifier: MIT */
/* ledger_tend.c - moving sums from zone to zone, and pruning.
 *
 * One job of the store's writer, which does a slice of some milliseconds and
 * comes back until there is nothing left.  What it was doing stands in the
 * store (keeping.h), so a daemon that is stopped in between goes on where it
 * was.  Nothing is pruned while sums move: a receipt that is gone could not be
 * taken off where it was counted. */
#include "relayd/ledger_tend.h"

#include <stdlib.h>
#include <time.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/ledger.h"

/* The scan of a slice; writing what came of it takes about as long. */
#define SLICE_NS   (2 * 1000000)
#define LOOK_EVERY 16
#define PRUNE_MAX  512

struct tending {
	struct job job;
	struct store *store;
	struct zones *zones;
	/* The loop's, also while the job is under way. */
	const struct zone *wanted; /* where all sums shall be; NULL: as is */
	bool is_busy;

	const struct zone *to;
	struct ledger_keep keep;
	int64_t prune_ms; /* as if it were then; 0: nothing is to be pruned */

	/* Of a slice. */
	struct keeping keeping;
	struct booking booking; /* of a move */
	int64_t until_ns;
	unsigned count;
	struct ulid at; /* the first receipt that was not looked at */
	bool more;
	enum err bad;
	enum period period; /* whose sums are pruned */
	size_t pruned;
	struct {
		size_t len;
		char bytes[ROLLUP_KEY_MAX];
	} keys[PRUNE_MAX];
};

static int64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static struct str
id_key(const struct ulid *id)
{
	return str_at((const char *)id->byte, sizeof(id->byte));
}

static bool
time_is_up(struct tending *t)
{
	return ++t->count % LOOK_EVERY == 0 && clock_ns() >= t->until_ns;
}

/* --- to another zone --------------------------------------------------------- */

static bool
move_receipt(void *arg, struct str key, struct str value)
{
	struct tending *t = arg;
	struct receipt_rec r;
	struct ulid id;

	if (key.len != sizeof(id.byte)) {
		t->bad = ERR_CORRUPT;
		return false;
	}
	memcpy(id.byte, key.at, sizeof(id.byte));
	if (time_is_up(t)) {
		t->at = id;
		t->more = true;
		return false;
	}
	t->bad = receipt_rec_read(value, &r);
	if (t->bad)
		return false;
	booking_move(&t->booking, &id, &r);
	return true;
}

static enum err
move_slice(struct tending *t, struct txn *txn)
{
	struct keeping *k = &t->keeping;
	enum err e;

	t->more = false;
	e = booking_begin(&t->booking, txn, t->zones);
	t->booking.keeping = *k;
	if (!e)
		e = txn_scan(txn, TABLE_receipt, id_key(&k->moved), false,
		    move_receipt, t);
	if (!e)
		e = t->bad;
	e = booking_end(&t->booking, txn, e);
	if (e)
		return e;
	k->moved = t->at;
	if (!t->more) {
		k->zone = k->next;
		k->next = NULL;
		k->moved = (struct ulid){ { 0 } };
	}
	return keeping_write(txn, k);
}

static bool
note_any(void *arg, struct str key, struct str value)
{
	(void)key;
	(void)value;
	*(bool *)arg = true;
	return false;
}

/* Where there are no receipts, there is nothing to move. */
static enum err
move_begin(struct tending *t, struct txn *txn)
{
	struct keeping *k = &t->keeping;
	bool any = false;
	enum err e;

	e = txn_scan(txn, TABLE_receipt, STR(""), false, note_any, &any);
	if (e)
		return e;
	k->moved = (struct ulid){ { 0 } };
	if (any)
		k->next = t->to;
	else
		k->zone = t->to;
	return keeping_write(txn, k);
}

/* A move that was begun is ended first, unless nothing was moved yet. */
static void
move_choose(struct tending *t)
{
	static const struct ulid none;
	struct keeping *k = &t->keeping;

	if (k->next && t->to && k->next != t->to && !k->zone &&
	    memcmp(&k->moved, &none, sizeof(none)) == 0)
		k->next = t->to;
}

/* --- pruning ----------------------------------------------------------------- */

static bool
note_sum(void *arg, struct str key, struct str value)
{
	struct tending *t = arg;
	struct rollup_at at;

	(void)value;
	t->bad = rollup_key_read(key, &at);
	if (t->bad || at.period != t->period ||
	    at.minute >= t->keeping.from[at.period] || t->pruned == PRUNE_MAX)
		return false;
	t->keys[t->pruned].len = key.len;
	memcpy(t->keys[t->pruned++].bytes, key.at, key.len);
	return true;
}

static bool
note_receipt(void *arg, struct str key, struct str value)
{
	struct tending *t = arg;
	struct ulid id;

	(void)value;
	if (key.len != sizeof(id.byte)) {
		t->bad = ERR_CORRUPT;
		return false;
	}
	memcpy(id.byte, key.at, sizeof(id.byte));
	if (minute_of_ms(ulid_ms(&id)) >= t->keeping.receipts_from ||
	    t->pruned == PRUNE_MAX)
		return false;
	t->keys[t->pruned].len = key.len;
	memcpy(t->keys[t->pruned++].bytes, key.at, key.len);
	return true;
}

static enum err
delete_noted(struct tending *t, struct txn *txn, enum table table)
{
	enum err e = t->bad;
	size_t i = 0;

	for (; !e && i < t->pruned; i++) {
		if (i % LOOK_EVERY == 0 && clock_ns() >= t->until_ns)
			break;
		e = txn_del(txn, table,
		    str_at(t->keys[i].bytes, t->keys[i].len));
	}
	t->more |= t->pruned > 0;
	t->pruned = 0;
	return e;
}

static enum err
prune_sums(struct tending *t, struct txn *txn, enum period p)
{
	struct rollup_key from = rollup_key_from(p, 0);
	enum err e;

	t->period = p;
	e = txn_scan(txn, TABLE_rollup, str_at(from.bytes, from.len), false,
	    note_sum, t);
	return e ? e : delete_noted(t, txn, TABLE_rollup);
}

/* The beginning of the period that was so long ago, if that is later than
 * where there is anything now. */
static bool
advance(const struct tending *t, uint32_t *io_from, int64_t keep_ms,
    enum period p)
{
	uint32_t from;

	if (!keep_ms || keep_ms >= t->prune_ms)
		return false;
	from =
	    zone_begin(t->keeping.zone, p, minute_of_ms(t->prune_ms - keep_ms));
	if (from <= *io_from)
		return false;
	*io_from = from;
	return true;
}

/* First it is said, so that whoever checks no longer looks there. */
static enum err
prune_slice(struct tending *t, struct txn *txn)
{
	struct keeping *k = &t->keeping;
	const struct ledger_keep *keep = &t->keep;
	unsigned moved = 0;
	enum err e = OK;

	t->more = false;
	/* All of them go forward. */
	moved += advance(t, &k->receipts_from, keep->receipts_ms, PERIOD_DAY);
	moved +=
	    advance(t, &k->from[PERIOD_MINUTE], keep->minutes_ms, PERIOD_HOUR);
	moved += advance(t, &k->from[PERIOD_HOUR], keep->hours_ms, PERIOD_DAY);
	moved += advance(t, &k->from[PERIOD_DAY], keep->days_ms, PERIOD_MONTH);
	if (moved)
		e = keeping_write(txn, k);
	for (unsigned p = PERIOD_MINUTE; !e && !t->more && p <= PERIOD_DAY; p++)
		e = prune_sums(t, txn, (enum period)p);
	if (e || t->more)
		return e;
	e = txn_scan(txn, TABLE_receipt, STR(""), false, note_receipt, t);
	return e ? e : delete_noted(t, txn, TABLE_receipt);
}

/* --- slice after slice ------------------------------------------------------- */

static enum err
tend_work(struct job *j, struct txn *txn, struct why *out_why)
{
	struct tending *t = (struct tending *)j;
	struct keeping *k = &t->keeping;
	enum err e = keeping_read(txn, t->zones, k);

	(void)out_why;
	t->until_ns = clock_ns() + SLICE_NS;
	t->count = 0;
	t->pruned = 0;
	t->more = false;
	t->bad = OK;
	if (e)
		return e;
	if (!k->next && t->to && k->zone != t->to) {
		t->more = true;
		return move_begin(t, txn);
	}
	if (k->next) {
		move_choose(t);
		e = move_slice(t, txn);
		t->more = true;
		return e;
	}
	return t->prune_ms ? prune_slice(t, txn) : OK;
}

static void
tend(struct tending *t)
{
	if (t->is_busy)
		return;
	t->is_busy = true;
	t->to = t->wanted;
	store_post(t->store, LANE_WRITE, &t->job);
}

static void
tend_done(struct job *j)
{
	struct tending *t = (struct tending *)j;

	/* What failed is tried again when something calls for it. */
	t->is_busy = false;
	if (!j->result && (t->more || t->to != t->wanted))
		tend(t);
	else
		t->prune_ms = 0;
}

struct tending *
tending_new(struct store *s, struct zones *zones)
{
	struct tending *t = xcalloc(1, sizeof(*t));

	t->job.work = tend_work;
	t->job.done = tend_done;
	t->store = s;
	t->zones = zones;
	return t;
}

void
tending_free(struct tending *t)
{
	free(t);
}

void
tending_move(struct tending *t, const struct zone *to)
{
	t->wanted = to;
	tend(t);
}

void
tending_prune(struct tending *t, const struct ledger_keep *keep, int64_t now_ms)
{
	if (t->is_busy)
		return;
	t->keep = *keep;
	t->prune_ms = now_ms;
	tend(t);
}

bool
tending_busy(const struct tending *t)
{
	return t->is_busy;
}
