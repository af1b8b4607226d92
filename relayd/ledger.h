/* SPDX-License-Identifier: MIT */
/* ledger.h - what every request cost, kept before its answer has ended.
 *
 *	loop				    store's writer, every 10 ms
 *	ledger_open(), ledger_done() --> ring --> receipts, sums, ring's position
 *
 * An entry in the ring survives a kill, and the position is kept in the same
 * transaction as what came of the entries before it, so nothing is lost and
 * nothing is counted twice.  A request that was open when the daemon died has
 * a receipt all the same: interrupted, its tokens estimated. */
#ifndef RELAYD_LEDGER_H
#define RELAYD_LEDGER_H

#include "proto/ulid.h"

#include "store/rec.h"

#include "relayd/rollup.h"

struct ledger;
struct price_table;
struct store;
struct zones;

/* Before store_start(): take over what earlier runs left in dir, make this
 * run's ring there, and become the store's feed. */
enum err ledger_new(struct store *s, const char *dir, struct ledger **out,
    struct why *out_why) CHECKED;
/* After store_close().  The ring's file is removed when it was drained. */
void ledger_free(struct ledger *l);

/* What ledger_new() found. */
struct ledger_found {
	unsigned rings;	      /* of earlier runs */
	unsigned damaged;     /* of them unreadable, and set aside as *.bad */
	uint64_t entries;     /* taken over from the others */
	uint64_t interrupted; /* requests that were open */
};
const struct ledger_found *ledger_found(const struct ledger *l);

/* A request is sent to an account for the first time: r says what is known by
 * now.  Long texts are cut.  ERR_FULL: the disk does not keep up, and what is
 * left of the ring (above LEDGER_FILL_MAX, or promised) is for the ends of
 * requests that were let in before. */
enum err ledger_open(struct ledger *l, const struct ulid *id,
    const struct receipt_rec *r) CHECKED;
/* One that was opened has ended; before the client sees the end.  There is
 * always room for that: it was promised. */
void ledger_end(struct ledger *l, const struct ulid *id,
    const struct receipt_rec *r);
/* One has ended that never came to an account.  ERR_FULL. */
enum err ledger_done(struct ledger *l, const struct ulid *id,
    const struct receipt_rec *r) CHECKED;
/* How full the ring is, 0 to 100; above LEDGER_FILL_MAX it is tight. */
#define LEDGER_FILL_MAX 75
unsigned ledger_fill(const struct ledger *l);
bool ledger_is_tight(const struct ledger *l);

/* Days and months are those of that IANA zone from now on.  Sums of another
 * one move there, a slice at a time, also over a restart.  Before store_start()
 * or on the loop.  ERR_LIMIT: it was another one too often. */
enum err ledger_use_zone(struct ledger *l, struct str name) CHECKED;

/* What is older goes, a slice at a time; 0: kept for good. */
struct ledger_keep {
	int64_t receipts_ms, minutes_ms, hours_ms, days_ms;
};
void
ledger_prune(struct ledger *l, const struct ledger_keep *keep, int64_t now_ms);
/* Is it moving or pruning? */
bool ledger_is_tended(const struct ledger *l);

/* Where its questions go, and whose days they are of. */
struct store *ledger_store(struct ledger *l);
const struct zone *ledger_zone(const struct ledger *l);
struct zones *ledger_zones(struct ledger *l);

/* --- questions: asked on the loop, answered there, never at once ----------- */

/* What was used, from the sums.  Of zeros it is all there ever was, in one
 * row:  { .by = DIMENSION_KEY, .key = id, .per = PERIOD_DAY, .since_ms = t } */
struct usage_query {
	enum dimension by;
	enum period per; /* a row for each of them */
	/* since <= moment < until, on the wall clock, widened to whole periods
	 * of `per`; of a total, to minutes or hours, whichever are kept.  until
	 * 0: no end. */
	int64_t since_ms, until_ms;
	/* Only of these; .at NULL: of all.  A key is its id. */
	struct str key, account, model, client, user, tag;
	/* Only of keys with one of these ids, when keys is not NULL. */
	const struct str *keys;
	size_t key_count;
	/* The largest by cost of the whole time; 0: all. */
	unsigned top;
	/* A page: rows of that moment and later, without so many of the first,
	 * and at most so many; 0: no such bound. */
	int64_t page_ms;
	size_t skip, limit;
	bool want_total; /* in the answer, over all pages */
};
struct usage_row {
	struct str name, model; /* the model is that of a pair */
	uint32_t minute; /* its period's beginning since 1970; 0 of a total */
	struct rollup_rec sum;
};
/* Rows in order of time and name, or, with `top` in a total, of cost. */
struct usage_answer {
	const struct usage_row *rows;
	size_t count;
	uint32_t since, until;	 /* as widened; ZONE_NEVER: no end */
	struct rollup_rec total; /* if it was wanted */
	bool is_moving;		 /* sums are being rebuilt: it is not final */
};
/* The answer lasts for the call; of an error it is empty. */
typedef void ledger_usage_done(void *arg, enum err e, const struct why *why,
    const struct usage_answer *answer);
void ledger_usage(struct ledger *l, const struct usage_query *q,
    ledger_usage_done *done, void *arg);
/* Can it be answered from sums?  What asks for more than a pair of names, or
 * for shorter periods than are kept, is refused with the reason. */
enum err
usage_query_check(const struct usage_query *q, struct why *out_why) CHECKED;

#define LEDGER_RECEIPTS_MAX 200

struct receipts_query {
	/* since <= id < before; all zero: no such bound. */
	struct ulid since, before;
	unsigned limit; /* 0: LEDGER_RECEIPTS_MAX, which is also the most */
	/* Only of these; .at NULL: any, empty: of none. */
	struct str key_id, account, model, client, user, tag;
	int outcome; /* enum outcome + 1; 0: any */
	/* Only of keys in this list; NULL: of all. */
	const struct str *keys;
	size_t key_count;
};
struct receipt_row {
	struct ulid id;
	struct receipt_rec rec;
};
/* Newest first; they last for the call.  `more`: there may be older ones, ask
 * again with `before` as the last row's id. */
typedef void ledger_receipts_done(void *arg, enum err e, const struct why *why,
    const struct receipt_row *rows, size_t count, bool more);
void ledger_receipts(struct ledger *l, const struct receipts_query *q,
    ledger_receipts_done *done, void *arg);
/* The one of that id: one row or none. */
void ledger_receipt(struct ledger *l, const struct ulid *id,
    ledger_receipts_done *done, void *arg);

/* Sum all receipts again and compare with the sums that are kept, as far back
 * as there are receipts.  ERR_BUSY: the sums are moving. */
struct ledger_check {
	uint64_t receipts, sums; /* looked at */
	uint64_t differences;	 /* must be 0 */
	char first[160];	 /* the first of them, for people */
	uint32_t
	    since; /* the minute from which on there are receipts; 0: all */
};
typedef void ledger_verify_done(void *arg, enum err e, const struct why *why,
    const struct ledger_check *check);
void ledger_verify(struct ledger *l, ledger_verify_done *done, void *arg);

/* Price the receipts of that moment and later ones again, at the rates of
 * their time; with `apply` they and their sums become so.  `prices` must last until
 * it is done. */
#define RECOMPUTE_MODELS 32
struct ledger_recompute {
	uint64_t receipts, changed, unpriced_before, unpriced_after;
	uint64_t lost; /* had a price, and have none now */
	int64_t cost_before_micro, cost_after_micro;
	int64_t rated_before_micro, rated_after_micro;
	/* The first models of which receipts change. */
	struct recomputed_model {
		char name[96];
		uint64_t changed, lost;
		int64_t difference_micro;
	} models[RECOMPUTE_MODELS];
	unsigned models_count;
};
typedef void ledger_recompute_done(void *arg, enum err e, const struct why *why,
    const struct ledger_recompute *sum);
void ledger_recompute(struct ledger *l, const struct price_table *prices,
    int64_t from_ms, bool apply, ledger_recompute_done *done, void *arg);

/* All requests since a moment (wall clock): requests, costs and unpriced of
 * the sum are right to the millisecond, what else is in it is of whole hours. */
typedef void ledger_spent_done(void *arg, enum err e, const struct why *why,
    const struct rollup_rec *sum);
void ledger_spent(struct ledger *l, int64_t since_ms, ledger_spent_done *done,
    void *arg);

#endif
