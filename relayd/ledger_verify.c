/* SPDX-License-Identifier: MIT */
/* ledger_verify.c - do the sums add up?
 *
 *	receipts of a day  =  its minutes, hours and the day
 *	days of a month	   =  the month
 *	months		   =  the totals
 *
 * Each line is looked at in one transaction, because its two sides must agree
 * while requests go on ending; a day, then a month, at a time. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/keeping.h"
#include "relayd/ledger.h"
#include "relayd/receipt.h"

struct verify_job {
	struct job job;
	struct store *store;
	struct zones *zones;
	const struct zone *zone;
	struct keeping keeping;
	ledger_verify_done *done;
	void *arg;

	struct ledger_check check;
	enum period doing; /* days, then months, then totals */
	uint32_t minute;   /* the next one to look for */
	uint32_t begin, end;
	enum period of; /* the one whose sums are looked at */
	struct sums want;
	bool ended;
	enum err bad;
};

static struct ulid
first_id_of(uint32_t minute)
{
	static const uint8_t zeros[ULID_RANDOM];

	return ulid_make((int64_t)minute * 60000, zeros);
}

static struct str
id_key(const struct ulid *id)
{
	return str_at((const char *)id->byte, sizeof(id->byte));
}

/* --- where there is anything ------------------------------------------------- */

static bool
note_receipt(void *arg, struct str key, struct str value)
{
	uint32_t *minute = arg;
	struct ulid id;

	(void)value;
	if (key.len == sizeof(id.byte)) {
		memcpy(id.byte, key.at, sizeof(id.byte));
		*minute = minute_of_ms(ulid_ms(&id));
	}
	return false;
}

struct first_sum {
	enum period period;
	uint32_t minute;
};

static bool
note_sum(void *arg, struct str key, struct str value)
{
	struct first_sum *f = arg;
	struct rollup_at at;

	(void)value;
	if (!rollup_key_read(key, &at) && at.period == f->period)
		f->minute = at.minute;
	return false;
}

static enum err
nearest_sum(struct txn *t, enum period p, uint32_t minute, uint32_t *io_nearest)
{
	struct first_sum f = { .period = p, .minute = ZONE_NEVER };
	struct rollup_key k = rollup_key_from(p, minute);
	enum err e;

	e = txn_scan(t, TABLE_rollup, str_at(k.bytes, k.len), false, note_sum,
	    &f);
	if (f.minute < *io_nearest)
		*io_nearest = f.minute;
	return e;
}

/* The first day or month of which there is anything; ZONE_NEVER: none. */
static enum err
find_next(struct verify_job *v, struct txn *t)
{
	static const enum period of_days[] = { PERIOD_MINUTE, PERIOD_HOUR,
		PERIOD_DAY };
	static const enum period of_months[] = { PERIOD_DAY, PERIOD_MONTH };
	bool days = v->doing == PERIOD_DAY;
	struct ulid id = first_id_of(v->minute);
	uint32_t nearest = ZONE_NEVER;
	enum err e = OK;

	if (days)
		e = txn_scan(t, TABLE_receipt, id_key(&id), false, note_receipt,
		    &nearest);
	for (unsigned i = 0; !e && i < (days ? 3 : 2); i++)
		e = nearest_sum(t, days ? of_days[i] : of_months[i], v->minute,
		    &nearest);
	v->begin = nearest;
	if (nearest == ZONE_NEVER)
		return e;
	v->begin = zone_begin(v->zone, v->doing, nearest);
	v->end = zone_next(v->zone, v->doing, nearest);
	return e;
}

/* --- what there should be ------------------------------------------------------ */

static bool
want_receipt(void *arg, struct str key, struct str value)
{
	struct verify_job *v = arg;
	struct receipt_rec r;
	struct ulid id;

	if (key.len != sizeof(id.byte)) {
		v->bad = ERR_CORRUPT;
		return false;
	}
	memcpy(id.byte, key.at, sizeof(id.byte));
	if (minute_of_ms(ulid_ms(&id)) >= v->end)
		return false;
	v->bad = receipt_rec_read(value, &r);
	if (v->bad)
		return false;
	sums_add(&v->want, &id, &r);
	v->check.receipts++;
	return true;
}

static enum err
want_receipts(struct verify_job *v, struct txn *t)
{
	struct ulid id = first_id_of(v->begin);

	v->want.skip = 1u << PERIOD_MONTH | 1u << PERIOD_TOTAL;
	return txn_scan(t, TABLE_receipt, id_key(&id), false, want_receipt, v);
}

/* A sum of a shorter period, under the key of the longer one. */
static bool
want_sum(void *arg, struct str key, struct str value)
{
	struct verify_job *v = arg;
	struct rollup_key to;
	struct rollup_rec sum;
	struct rollup_at at;

	v->bad = rollup_key_read(key, &at);
	if (v->bad || at.period != v->of || at.minute >= v->end)
		return false;
	v->bad = rollup_rec_read(value, &sum);
	if (v->bad)
		return false;
	to = rollup_key_of(v->doing, v->begin, at.of, at.first, at.second);
	rollup_add(sums_at(&v->want, str_at(to.bytes, to.len)), &sum);
	return true;
}

static enum err
want_sums(struct verify_job *v, struct txn *t, enum period of)
{
	struct rollup_key k = rollup_key_from(of, v->begin);

	v->of = of;
	return txn_scan(t, TABLE_rollup, str_at(k.bytes, k.len), false,
	    want_sum, v);
}

/* --- what there is --------------------------------------------------------------- */

static void
differs(struct verify_job *v, const struct rollup_at *at, const char *how)
{
	char when[ZONE_TEXT];

	if (v->check.differences++ > 0)
		return;
	zone_text(v->zone, at->minute, when);
	snprintf(v->check.first, sizeof(v->check.first),
	    "%s %s, %s \"%.*s\"%s%.*s: %s", period_name(at->period),
	    at->period == PERIOD_TOTAL ? "" : when, dimension_name(at->of),
	    STR_ARG(str_first(at->first, 32)), at->second.len ? " " : "",
	    STR_ARG(str_first(at->second, 32)), how);
}

static bool
is_nothing(const struct rollup_rec *sum)
{
	static const struct rollup_rec nothing;

	return memcmp(sum, &nothing, sizeof(nothing)) == 0;
}

static bool
compare_sum(void *arg, struct str key, struct str value)
{
	struct verify_job *v = arg;
	struct rollup_rec *want, have;
	struct rollup_at at;

	v->bad = rollup_key_read(key, &at);
	if (v->bad || at.period != v->of || at.minute >= v->end)
		return false;
	/* About to go. */
	if (at.minute < v->keeping.from[at.period])
		return true;
	v->check.sums++;
	want = map_del(&v->want.by_key, key);
	if (!want)
		differs(v, &at, "there are no receipts for it");
	else if (rollup_rec_read(value, &have))
		differs(v, &at, "it cannot be read");
	else if (memcmp(want, &have, sizeof(have)) != 0)
		differs(v, &at, "it is not the sum of its receipts");
	free(want);
	return true;
}

static enum err
compare(struct verify_job *v, struct txn *t, enum period of)
{
	struct rollup_key k = rollup_key_from(of, v->begin);
	enum err e;

	v->of = of;
	e = txn_scan(t, TABLE_rollup, str_at(k.bytes, k.len), false,
	    compare_sum, v);
	return e ? e : v->bad;
}

/* What was wanted and not met. */
static void
count_missing(struct verify_job *v)
{
	struct rollup_at where;
	struct str key;
	size_t at = 0;
	void *sum;

	while (map_next(&v->want.by_key, &at, &key, &sum))
		if (!is_nothing(sum) && !rollup_key_read(key, &where))
			differs(v, &where, "it is missing");
}

static enum err
verify_days(struct verify_job *v, struct txn *t)
{
	enum err e = want_receipts(v, t);

	if (!e)
		e = v->bad;
	if (!e)
		e = compare(v, t, PERIOD_MINUTE);
	if (!e)
		e = compare(v, t, PERIOD_HOUR);
	return e ? e : compare(v, t, PERIOD_DAY);
}

static enum err
verify_long(struct verify_job *v, struct txn *t, enum period parts)
{
	enum err e = want_sums(v, t, parts);

	if (!e)
		e = v->bad;
	return e ? e : compare(v, t, v->doing);
}

/* The next day, the next month, or all totals. */
static enum err
verify_one(struct verify_job *v, struct txn *t)
{
	enum err e;

	sums_init(&v->want, v->zone);
	memcpy(v->want.from, v->keeping.from, sizeof(v->want.from));
	if (v->doing == PERIOD_DAY)
		e = verify_days(v, t);
	else if (v->doing == PERIOD_MONTH)
		e = verify_long(v, t, PERIOD_DAY);
	else
		e = verify_long(v, t, PERIOD_MONTH);
	if (!e)
		count_missing(v);
	sums_fini(&v->want);
	return e;
}

/* The first day, or month, of which all is there that it is compared with. */
static uint32_t
first_whole(const struct verify_job *v)
{
	uint32_t from = v->keeping.receipts_from, begin;

	if (v->doing == PERIOD_MONTH && v->keeping.from[PERIOD_DAY] > from)
		from = v->keeping.from[PERIOD_DAY];
	if (from == 0)
		return 0;
	begin = zone_begin(v->zone, v->doing, from);
	return begin == from ? from : zone_next(v->zone, v->doing, from);
}

static enum err
verify_begin(struct verify_job *v, struct txn *t, struct why *out_why)
{
	enum err e = keeping_read(t, v->zones, &v->keeping);
	uint32_t first;

	if (e)
		return e;
	if (v->keeping.next)
		return why_set(out_why, ERR_BUSY, "sums",
		    "the sums are being rebuilt for the zone %.*s; ask again "
		    "in a while",
		    STR_ARG(zone_name(v->keeping.next)));
	v->zone = v->keeping.zone;
	first = first_whole(v);
	if (v->doing == PERIOD_DAY)
		v->check.since = first;
	if (v->minute < first)
		v->minute = first;
	return OK;
}

static enum err
verify_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct verify_job *v = (struct verify_job *)j;
	enum err e = verify_begin(v, t, out_why);

	v->begin = 0;
	v->end = ZONE_NEVER;
	if (!e && v->doing != PERIOD_TOTAL)
		e = find_next(v, t);
	if (e)
		return e;
	if (v->begin != ZONE_NEVER) {
		v->minute = v->end;
		v->ended = v->doing == PERIOD_TOTAL;
		return verify_one(v, t);
	}
	v->doing = v->doing == PERIOD_DAY ? PERIOD_MONTH : PERIOD_TOTAL;
	v->minute = 0;
	return OK;
}

static void
verify_done(struct job *j)
{
	struct verify_job *v = (struct verify_job *)j;

	if (!j->result && !v->ended) {
		store_post(v->store, LANE_READ, j);
		return;
	}
	v->done(v->arg, j->result, &j->why, &v->check);
	free(v);
}

void
ledger_verify(struct ledger *l, ledger_verify_done *done, void *arg)
{
	struct verify_job *v = xcalloc(1, sizeof(*v));

	v->job = (struct job){ .work = verify_work, .done = verify_done };
	v->store = ledger_store(l);
	v->zones = ledger_zones(l);
	v->doing = PERIOD_DAY;
	v->done = done;
	v->arg = arg;
	store_post(v->store, LANE_READ, &v->job);
}
