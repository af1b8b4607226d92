/* SPDX-License-Identifier: MIT */
/* keeping.h - which sums are right: of which zone they are, and from when on
 * there are any.
 *
 * Kept in the store, so that it changes in the transaction that makes it so.
 * While sums move from one zone to another each receipt is counted in one of
 * the two:
 *
 *	receipts	......................|.....................
 *	are in		 next		    moved	zone (or none yet)
 */
#ifndef RELAYD_KEEPING_H
#define RELAYD_KEEPING_H

#include <stdatomic.h>

#include "proto/ulid.h"

#include "relayd/rollup.h"

struct txn;

/* The zones there were names of since the start: the loop adds, all threads
 * look, none goes before the end. */
#define ZONES_MAX 32
struct zones {
	struct zone *at[ZONES_MAX];
	atomic_uint count;
};

void zones_fini(struct zones *z);
/* NULL: there is none of that name. */
const struct zone *zones_find(struct zones *z, struct str name);
/* On the loop, or before there are threads.  NULL: there are too many. */
const struct zone *zones_need(struct zones *z, struct str name);

struct keeping {
	const struct zone *zone; /* NULL: none */
	const struct zone *next; /* NULL: nothing moves */
	struct ulid moved;
	uint32_t receipts_from; /* the minute from which on there are all */
	uint32_t from[PERIOD_COUNT];
};

/* The names in the store, before the first keeping_read(). */
enum err keeping_zones(struct txn *t, struct zones *z) CHECKED;
/* A store without it has sums of UTC, and all of them. */
enum err
keeping_read(struct txn *t, struct zones *z, struct keeping *out) CHECKED;
enum err keeping_write(struct txn *t, const struct keeping *k) CHECKED;

/* Receipts that come into the sums, or change there, in one transaction. */
struct booking {
	struct keeping keeping;
	struct sums sums;
	struct buf attempts, encoded;
};
/* To be ended also when it fails. */
enum err
booking_begin(struct booking *b, struct txn *t, struct zones *z) CHECKED;
/* A new one, into the table receipt too. */
enum err booking_add(struct booking *b, struct txn *t, const struct ulid *id,
    const struct receipt_rec *r) CHECKED;
void booking_add_price(struct booking *b, const struct ulid *id,
    const struct receipt_rec *from, const struct receipt_rec *to);
/* From the one zone to the other; `moved` is not changed by it. */
void booking_move(struct booking *b, const struct ulid *id,
    const struct receipt_rec *r);
/* Into the store, if there was no error before. */
enum err booking_end(struct booking *b, struct txn *t, enum err before) CHECKED;

#endif
