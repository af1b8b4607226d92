/* SPDX-License-Identifier: MIT */
/* notice_queue.h - what waits to be told, in memory, and what of it the store
 * does not know yet.
 *
 *	  waits --- told, or no longer wanted ---> gone (until the store knows)
 *	  ^   |
 *	later +--- given up ---> failed --- cleared ---> gone
 *
 * Bounded: when it is full the oldest failed one gives way, then the oldest
 * one that waits.  Knows no loop, no store and no clock. */
#ifndef RELAYD_NOTICE_QUEUE_H
#define RELAYD_NOTICE_QUEUE_H

#include <sys/queue.h>

#include "store/rec.h"

#define NOTICE_QUEUE_MAX  10000
#define NOTICE_FAILED_MAX 1000
/* An entry as a record is never larger. */
#define NOTICE_RECORD_MAX 4096
#define NOTICE_ERROR_MAX  200
/* Given up after that long. */
#define NOTICE_LIFE_MS (INT64_C(24) * 3600 * 1000)

struct notice_entry {
	TAILQ_ENTRY(notice_entry) link;	 /* by number */
	TAILQ_ENTRY(notice_entry) dirty; /* what the store does not know */
	uint64_t number;
	struct notice_rec rec; /* its strs point into blob, or to error */
	char *blob;
	char error[NOTICE_ERROR_MAX];
	unsigned refusals; /* answers that were a no */
	bool is_dirty, is_stored, is_gone, is_going;
};

TAILQ_HEAD(notice_entries, notice_entry);

struct notice_queue {
	struct notice_entries entries, gone, dirty;
	uint64_t last; /* number */
	unsigned waiting, failed, leaving;
	uint64_t dropped; /* ever */
};

void notice_queue_init(struct notice_queue *q);
void notice_queue_fini(struct notice_queue *q);

/* A copy of the record at the end; NULL: there is no room, because the store
 * does not take what has gone. */
struct notice_entry *
notice_queue_add(struct notice_queue *q, const struct notice_rec *r);
/* What the store has, in the order of the numbers. */
enum err notice_queue_load(struct notice_queue *q, uint64_t number,
    struct str record) CHECKED;

/* The entry that is next for a channel: what was refused least often, then
 * what is oldest.  NULL: none now; *out_next_ms is when there may be one, 0
 * when there is none at all. */
struct notice_entry *
notice_queue_pick(struct notice_queue *q, struct str channel, int64_t wall_ms,
    bool critical_only, int64_t *out_next_ms);

/* It was told, or nobody wants it any more; e is no longer the caller's. */
void notice_queue_remove(struct notice_queue *q, struct notice_entry *take_e);
/* Try again then. */
void notice_queue_later(struct notice_queue *q, struct notice_entry *e,
    int64_t next_ms, const char *error);
/* What waits for a channel may be tried at once. */
void notice_queue_hurry(struct notice_queue *q, struct str channel);
/* Never again. */
void notice_queue_fail(struct notice_queue *q, struct notice_entry *e,
    int64_t wall_ms, const char *error);
/* Fail all of a channel that are older than NOTICE_LIFE_MS, but for those that
 * are under way; how many. */
unsigned notice_queue_expire(struct notice_queue *q, struct str channel,
    int64_t wall_ms, const char *error);
/* Remove what has failed (with `all`, also what waits) of a channel (empty:
 * of all); how many. */
unsigned
notice_queue_clear(struct notice_queue *q, struct str channel, bool all);
unsigned notice_queue_count(const struct notice_queue *q, struct str channel,
    bool failed);

/* The wait after so many failures in a row: 5 s, doubled each time, at most an
 * hour, a quarter more or less as `random` says. */
int64_t notice_wait_ms(unsigned failures, uint32_t random);

/* --- for the store --------------------------------------------------------- */

/* The next thing the store has to be told: number, and the record in `out`,
 * which is empty when it is to be deleted.  False: it knows all. */
bool notice_queue_flush(struct notice_queue *q, uint64_t *out_number,
    struct buf *out);
/* Some of what it was told was lost: tell it of all again.  What was to be
 * deleted comes back with the next start, and is told once more. */
void notice_queue_unsure(struct notice_queue *q);

#endif
