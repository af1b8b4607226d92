/* SPDX-License-Identifier: MIT */
/* notice_queue.c - what waits to be told, in memory.
 *
 * An entry that is gone stays until its deletion was handed to the store; so
 * does a queue whose store is stuck stay within its bounds, by taking no more. */
#include "relayd/notice_queue.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/notice.h"

#define WAIT_FIRST_MS 5000
#define WAIT_MOST_MS  3600000
/* A clock that was set back must not keep a notice for longer than this. */
#define AHEAD_MAX_MS (2 * WAIT_MOST_MS)

void
notice_queue_init(struct notice_queue *q)
{
	*q = (struct notice_queue){ .last = 0 };
	TAILQ_INIT(&q->entries);
	TAILQ_INIT(&q->gone);
	TAILQ_INIT(&q->dirty);
}

static void
entry_free(struct notice_entry *e)
{
	free(e->blob);
	free(e);
}

void
notice_queue_fini(struct notice_queue *q)
{
	struct notice_entry *e;

	while ((e = TAILQ_FIRST(&q->entries))) {
		TAILQ_REMOVE(&q->entries, e, link);
		entry_free(e);
	}
	while ((e = TAILQ_FIRST(&q->gone))) {
		TAILQ_REMOVE(&q->gone, e, link);
		entry_free(e);
	}
}

static void
make_dirty(struct notice_queue *q, struct notice_entry *e)
{
	if (e->is_dirty)
		return;
	e->is_dirty = true;
	TAILQ_INSERT_TAIL(&q->dirty, e, dirty);
}

static unsigned *
counter_of(struct notice_queue *q, const struct notice_entry *e)
{
	return e->rec.failed_at ? &q->failed : &q->waiting;
}

/* --- in and out ------------------------------------------------------------ */

void
notice_queue_remove(struct notice_queue *q, struct notice_entry *e)
{
	TAILQ_REMOVE(&q->entries, e, link);
	--*counter_of(q, e);
	e->is_gone = true;
	if (!e->is_stored) {
		/* The store has never heard of it. */
		if (e->is_dirty)
			TAILQ_REMOVE(&q->dirty, e, dirty);
		entry_free(e);
		return;
	}
	TAILQ_INSERT_TAIL(&q->gone, e, link);
	q->leaving++;
	make_dirty(q, e);
}

/* The oldest one that nobody works on. */
static struct notice_entry *
oldest(struct notice_queue *q, bool failed)
{
	struct notice_entry *e;

	TAILQ_FOREACH (e, &q->entries, link)
		if (!e->is_going && !e->rec.failed_at == !failed)
			return e;
	return NULL;
}

static bool
make_room(struct notice_queue *q)
{
	struct notice_entry *e;

	if (q->leaving >= NOTICE_QUEUE_MAX)
		return false;
	if (q->waiting + q->failed < NOTICE_QUEUE_MAX)
		return true;
	e = oldest(q, true);
	if (!e)
		e = oldest(q, false);
	if (!e)
		return false;
	q->dropped += !e->rec.failed_at;
	notice_queue_remove(q, e);
	return true;
}

static struct notice_entry *
entry_new(struct notice_queue *q, uint64_t number, char *take_blob, size_t len)
{
	struct notice_entry *e = xcalloc(1, sizeof(*e));

	e->blob = take_blob;
	if (notice_rec_read(str_at(take_blob, len), &e->rec)) {
		entry_free(e);
		return NULL;
	}
	e->number = number;
	snprintf(e->error, sizeof(e->error), "%.*s", STR_ARG(e->rec.error));
	e->rec.error = str_of(e->error);
	TAILQ_INSERT_TAIL(&q->entries, e, link);
	++*counter_of(q, e);
	q->last = number;
	return e;
}

struct notice_entry *
notice_queue_add(struct notice_queue *q, const struct notice_rec *r)
{
	struct notice_entry *e;
	struct buf blob;
	size_t len;
	char *bytes;

	if (!make_room(q)) {
		q->dropped++;
		return NULL;
	}
	buf_init(&blob, NOTICE_RECORD_MAX);
	if (notice_rec_write(r, &blob)) {
		buf_fini(&blob);
		q->dropped++;
		return NULL;
	}
	bytes = buf_take(&blob, &len);
	e = entry_new(q, q->last + 1, bytes, len);
	/* It was written by us a moment ago. */
	assert(e);
	make_dirty(q, e);
	return e;
}

enum err
notice_queue_load(struct notice_queue *q, uint64_t number, struct str record)
{
	struct notice_entry *e;

	if (number <= q->last || record.len > NOTICE_RECORD_MAX)
		return ERR_CORRUPT;
	e = entry_new(q, number, xmemdup(record.at, record.len), record.len);
	if (!e)
		return ERR_CORRUPT;
	e->is_stored = true;
	return OK;
}

/* --- choosing -------------------------------------------------------------- */

static bool
is_critical(const struct notice_entry *e)
{
	for (int i = 0; i < NOTICE_EVENTS; i++) {
		const struct notice_row *row = notice_row((enum notice_event)i);

		if (str_eq(e->rec.event, str_of(row->name)))
			return row->severity == NOTICE_CRITICAL;
	}
	return false;
}

/* When it may be tried. */
static int64_t
due_ms(const struct notice_entry *e, int64_t wall_ms)
{
	int64_t at_ms = (int64_t)e->rec.next_at;

	return at_ms > wall_ms + AHEAD_MAX_MS ? wall_ms : at_ms;
}

struct notice_entry *
notice_queue_pick(struct notice_queue *q, struct str channel, int64_t wall_ms,
    bool critical_only, int64_t *out_next_ms)
{
	struct notice_entry *e, *best = NULL;

	*out_next_ms = 0;
	TAILQ_FOREACH (e, &q->entries, link) {
		int64_t at_ms = due_ms(e, wall_ms);

		if (e->is_going || e->rec.failed_at ||
		    !str_eq(e->rec.channel, channel))
			continue;
		if (critical_only && !is_critical(e))
			continue;
		if (at_ms > wall_ms) {
			if (!*out_next_ms || at_ms < *out_next_ms)
				*out_next_ms = at_ms;
			continue;
		}
		if (!best || e->refusals < best->refusals)
			best = e;
	}
	return best;
}

/* --- what came of it ------------------------------------------------------- */

static void
set_error(struct notice_entry *e, const char *error)
{
	if (error != e->error)
		snprintf(e->error, sizeof(e->error), "%s", error);
	e->rec.error = str_of(e->error);
}

void
notice_queue_later(struct notice_queue *q, struct notice_entry *e,
    int64_t next_ms, const char *error)
{
	e->rec.attempts++;
	e->rec.next_at = (uint64_t)next_ms;
	set_error(e, error);
	make_dirty(q, e);
}

void
notice_queue_hurry(struct notice_queue *q, struct str channel)
{
	struct notice_entry *e;

	TAILQ_FOREACH (e, &q->entries, link) {
		if (!e->rec.next_at || !str_eq(e->rec.channel, channel))
			continue;
		e->rec.next_at = 0;
		e->refusals = 0;
		make_dirty(q, e);
	}
}

void
notice_queue_fail(struct notice_queue *q, struct notice_entry *e,
    int64_t wall_ms, const char *error)
{
	struct notice_entry *old;

	q->waiting--;
	q->failed++;
	e->rec.failed_at = (uint64_t)wall_ms;
	set_error(e, error);
	make_dirty(q, e);
	if (q->failed > NOTICE_FAILED_MAX && (old = oldest(q, true)))
		notice_queue_remove(q, old);
}

unsigned
notice_queue_expire(struct notice_queue *q, struct str channel, int64_t wall_ms,
    const char *error)
{
	struct notice_entry *e, *next;
	unsigned n = 0;

	for (e = TAILQ_FIRST(&q->entries); e; e = next) {
		next = TAILQ_NEXT(e, link);
		if (e->is_going || e->rec.failed_at ||
		    !str_eq(e->rec.channel, channel) ||
		    wall_ms - (int64_t)e->rec.at < NOTICE_LIFE_MS)
			continue;
		/* Failing one may remove another, which is an older one. */
		notice_queue_fail(q, e, wall_ms, error);
		n++;
	}
	return n;
}

unsigned
notice_queue_clear(struct notice_queue *q, struct str channel, bool all)
{
	struct notice_entry *e, *next;
	unsigned n = 0;

	for (e = TAILQ_FIRST(&q->entries); e; e = next) {
		next = TAILQ_NEXT(e, link);
		if (e->is_going || (!all && !e->rec.failed_at) ||
		    (channel.len && !str_eq(e->rec.channel, channel)))
			continue;
		notice_queue_remove(q, e);
		n++;
	}
	return n;
}

unsigned
notice_queue_count(const struct notice_queue *q, struct str channel,
    bool failed)
{
	const struct notice_entry *e;
	unsigned n = 0;

	TAILQ_FOREACH (e, &q->entries, link)
		n += !e->rec.failed_at == !failed &&
		    str_eq(e->rec.channel, channel);
	return n;
}

int64_t
notice_wait_ms(unsigned failures, uint32_t random)
{
	int64_t wait_ms = WAIT_FIRST_MS;

	while (failures-- > 1 && wait_ms < WAIT_MOST_MS)
		wait_ms *= 2;
	if (wait_ms > WAIT_MOST_MS)
		wait_ms = WAIT_MOST_MS;
	return wait_ms - wait_ms / 4 + (int64_t)random % (wait_ms / 2 + 1);
}

/* --- for the store --------------------------------------------------------- */

bool
notice_queue_flush(struct notice_queue *q, uint64_t *out_number,
    struct buf *out)
{
	struct notice_entry *e = TAILQ_FIRST(&q->dirty);

	if (!e)
		return false;
	TAILQ_REMOVE(&q->dirty, e, dirty);
	e->is_dirty = false;
	*out_number = e->number;
	buf_clear(out);
	if (e->is_gone) {
		TAILQ_REMOVE(&q->gone, e, link);
		q->leaving--;
		entry_free(e);
		return true;
	}
	/* All its texts are bounded, far below the buffer's ceiling. */
	if (notice_rec_write(&e->rec, out))
		abort();
	e->is_stored = true;
	return true;
}

void
notice_queue_unsure(struct notice_queue *q)
{
	struct notice_entry *e;

	TAILQ_FOREACH (e, &q->entries, link)
		make_dirty(q, e);
}
