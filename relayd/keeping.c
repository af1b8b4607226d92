/* SPDX-License-Identifier: MIT */
/* keeping.c - which sums are right, and adding to those. */
#include "relayd/keeping.h"

#include "store/journal.h"
#include "store/store.h"

#include "relayd/receipt.h"

#define KEY STR("keeping")
/* Two names of zones, and numbers. */
#define ENCODED_MAX 1024
/* As two entries of the ring come to at most. */
#define RECEIPT_MAX ((size_t)2 * JOURNAL_ENTRY_MAX)

/* What does not depend on a zone. */
#define ZONELESS (1u << PERIOD_MINUTE | 1u << PERIOD_TOTAL)

/* --- zones ------------------------------------------------------------------- */

void
zones_fini(struct zones *z)
{
	unsigned count = atomic_load(&z->count);

	for (unsigned i = 0; i < count; i++)
		zone_free(z->at[i]);
	atomic_store(&z->count, 0);
}

const struct zone *
zones_find(struct zones *z, struct str name)
{
	unsigned count = atomic_load(&z->count);

	for (unsigned i = 0; i < count; i++)
		if (str_eq(zone_name(z->at[i]), name))
			return z->at[i];
	return NULL;
}

const struct zone *
zones_need(struct zones *z, struct str name)
{
	const struct zone *known = zones_find(z, name);
	unsigned count = atomic_load(&z->count);

	if (known || count == ZONES_MAX)
		return known;
	z->at[count] = zone_new(name);
	atomic_store(&z->count, count + 1);
	return z->at[count];
}

/* --- in the store ------------------------------------------------------------ */

static enum err
read_rec(struct txn *t, struct keeping_rec *out)
{
	struct str kept;
	enum err e = txn_get(t, TABLE_meta, KEY, &kept);

	*out = (struct keeping_rec){ .zone = STR("UTC") };
	if (e)
		return e == ERR_UNKNOWN ? OK : e;
	return keeping_rec_read(kept, out);
}

enum err
keeping_zones(struct txn *t, struct zones *z)
{
	struct keeping_rec r;
	enum err e = read_rec(t, &r);

	if (e)
		return e;
	if (r.zone.len && !zones_need(z, r.zone))
		return ERR_LIMIT;
	return r.next.len && !zones_need(z, r.next) ? ERR_LIMIT : OK;
}

enum err
keeping_read(struct txn *t, struct zones *z, struct keeping *out)
{
	struct keeping_rec r;
	enum err e = read_rec(t, &r);

	if (e)
		return e;
	*out = (struct keeping){
		.zone = r.zone.len ? zones_find(z, r.zone) : NULL,
		.next = r.next.len ? zones_find(z, r.next) : NULL,
		.receipts_from = (uint32_t)r.receipts_from,
		.from = { [PERIOD_MINUTE] = (uint32_t)r.minutes_from,
		    [PERIOD_HOUR] = (uint32_t)r.hours_from,
		    [PERIOD_DAY] = (uint32_t)r.days_from },
	};
	memcpy(out->moved.byte, r.moved, sizeof(r.moved));
	/* Whoever wrote a name had needed its zone before. */
	return (r.zone.len && !out->zone) || (r.next.len && !out->next)
	    ? ERR_CORRUPT
	    : OK;
}

enum err
keeping_write(struct txn *t, const struct keeping *k)
{
	struct keeping_rec r = {
		.receipts_from = k->receipts_from,
		.minutes_from = k->from[PERIOD_MINUTE],
		.hours_from = k->from[PERIOD_HOUR],
		.days_from = k->from[PERIOD_DAY],
	};
	struct buf bytes;
	enum err e;

	if (k->zone)
		r.zone = zone_name(k->zone);
	if (k->next)
		r.next = zone_name(k->next);
	memcpy(r.moved, k->moved.byte, sizeof(r.moved));
	buf_init(&bytes, ENCODED_MAX);
	e = keeping_rec_write(&r, &bytes);
	if (!e)
		e = txn_put(t, TABLE_meta, KEY, buf_str(&bytes));
	buf_fini(&bytes);
	return e;
}

/* --- adding ------------------------------------------------------------------ */

enum err
booking_begin(struct booking *b, struct txn *t, struct zones *z)
{
	enum err e;

	sums_init(&b->sums, NULL);
	buf_init(&b->attempts, RECEIPT_MAX);
	buf_init(&b->encoded, RECEIPT_MAX);
	e = keeping_read(t, z, &b->keeping);
	if (!e)
		memcpy(b->sums.from, b->keeping.from, sizeof(b->sums.from));
	return e;
}

enum err
booking_end(struct booking *b, struct txn *t, enum err before)
{
	enum err e = before ? before : sums_write(&b->sums, t);

	sums_fini(&b->sums);
	buf_fini(&b->attempts);
	buf_fini(&b->encoded);
	return e;
}

/* The zone that a receipt is counted in; NULL: in none yet. */
static const struct zone *
zone_of(const struct keeping *k, const struct ulid *id)
{
	if (k->next && memcmp(id, &k->moved, sizeof(*id)) < 0)
		return k->next;
	return k->zone;
}

enum err
booking_add(struct booking *b, struct txn *t, const struct ulid *id,
    const struct receipt_rec *r)
{
	struct receipt_rec kept = *r;
	enum err e;

	b->sums.zone = zone_of(&b->keeping, id);
	if (b->sums.zone)
		sums_add(&b->sums, id, r);
	receipt_compact(&kept, &b->attempts);
	buf_clear(&b->encoded);
	e = receipt_rec_write(&kept, &b->encoded);
	return e ? e
		 : txn_put(t, TABLE_receipt,
		       str_at((const char *)id->byte, sizeof(id->byte)),
		       buf_str(&b->encoded));
}

void
booking_add_price(struct booking *b, const struct ulid *id,
    const struct receipt_rec *from, const struct receipt_rec *to)
{
	b->sums.zone = zone_of(&b->keeping, id);
	if (b->sums.zone)
		sums_add_price(&b->sums, id, from, to);
}

void
booking_move(struct booking *b, const struct ulid *id,
    const struct receipt_rec *r)
{
	struct sums *sums = &b->sums;

	sums->skip = b->keeping.zone ? ZONELESS : 0;
	if (b->keeping.zone) {
		sums->zone = b->keeping.zone;
		sums->minus = true;
		sums_add(sums, id, r);
		sums->minus = false;
	}
	sums->zone = b->keeping.next;
	sums_add(sums, id, r);
}
