/* SPDX-License-Identifier: MIT */
/* queue.c - who waits for a place, and whose turn it is.
 *
 * Weights are small and a turn costs one, so a flow that is in turn is served
 * `weight` times in a row, then goes to the end of the round: no deficit is
 * ever left over, and a turn costs a look at each flow at most. */
#include "relayd/queue.h"

#include <assert.h>

/* A key with few places may have so many waiting all the same. */
#define ROOM_LEAST 3

void
queue_init(struct queue *q)
{
	*q = (struct queue){ .count = 0 };
	TAILQ_INIT(&q->flows);
}

void
queue_flow_init(struct queue_flow *f)
{
	*f = (struct queue_flow){ .weight = 1 };
	TAILQ_INIT(&f->waiters);
}

/* --- coming and going ------------------------------------------------------ */

static bool
comes_before(const struct queue_waiter *a, const struct queue_waiter *b)
{
	return a->yields != b->yields ? b->yields : a->nr < b->nr;
}

static void
insert(struct queue *q, struct queue_flow *f, struct queue_waiter *w)
{
	struct queue_waiter *before;

	assert(!w->in);
	TAILQ_FOREACH_REVERSE(before, &f->waiters, queue_waiters, link)
	if (comes_before(before, w))
		break;
	if (before)
		TAILQ_INSERT_AFTER(&f->waiters, before, w, link);
	else
		TAILQ_INSERT_HEAD(&f->waiters, w, link);
	if (!f->count++) {
		f->left = 0;
		TAILQ_INSERT_TAIL(&q->flows, f, link);
	}
	w->in = q;
	w->flow = f;
	q->count++;
}

void
queue_enter(struct queue *q, struct queue_flow *f, struct queue_waiter *w)
{
	w->nr = ++q->last_nr;
	insert(q, f, w);
}

void
queue_again(struct queue *q, struct queue_flow *f, struct queue_waiter *w)
{
	bool is_alone = !f->count;

	assert(w->nr);
	insert(q, f, w);
	if (!is_alone)
		return;
	/* It went to the end of the round for a turn that was none. */
	TAILQ_REMOVE(&q->flows, f, link);
	TAILQ_INSERT_HEAD(&q->flows, f, link);
}

void
queue_leave(struct queue_waiter *w)
{
	struct queue_flow *f = w->flow;

	if (!w->in)
		return;
	TAILQ_REMOVE(&f->waiters, w, link);
	w->in->count--;
	if (!--f->count)
		TAILQ_REMOVE(&w->in->flows, f, link);
	w->in = NULL;
}

/* --- turns ----------------------------------------------------------------- */

static struct queue_waiter *
first_fit(const struct queue_flow *f, queue_fits *fits, void *arg)
{
	struct queue_waiter *w;

	TAILQ_FOREACH (w, &f->waiters, link)
		if (fits(arg, w))
			return w;
	return NULL;
}

struct queue_waiter *
queue_next(struct queue *q, queue_fits *fits, void *arg)
{
	struct queue_waiter *w = NULL;
	struct queue_flow *f;

	TAILQ_FOREACH (f, &q->flows, link) {
		w = first_fit(f, fits, arg);
		if (w)
			break;
	}
	if (!w)
		return NULL;
	if (!f->left)
		f->left = f->weight;
	if (!--f->left) {
		TAILQ_REMOVE(&q->flows, f, link);
		TAILQ_INSERT_TAIL(&q->flows, f, link);
	}
	queue_leave(w);
	return w;
}

/* --- looking --------------------------------------------------------------- */

/* Turns of its own flow up to its own. */
static unsigned
own_turns(const struct queue_waiter *w)
{
	const struct queue_waiter *before = w;
	unsigned n = 0;

	for (; before; before = TAILQ_PREV(before, queue_waiters, link))
		n++;
	return n;
}

static unsigned
left_now(const struct queue_flow *f)
{
	return f->left ? f->left : f->weight;
}

unsigned
queue_position(const struct queue_waiter *w)
{
	const struct queue_flow *own = w->flow, *f;
	unsigned turns = own_turns(w), position = turns, rounds = 0;
	bool is_ahead = true;

	assert(own->weight);
	/* So often its flow comes round before the turn is its own. */
	if (turns > left_now(own))
		rounds = (turns - left_now(own) - 1) / own->weight + 1;
	TAILQ_FOREACH (f, &w->in->flows, link) {
		uint64_t most;

		if (f == own) {
			is_ahead = false;
			continue;
		}
		most = (uint64_t)f->weight * rounds;
		if (is_ahead)
			most += left_now(f);
		else if (rounds)
			most += left_now(f) - f->weight;
		position += most < f->count ? (unsigned)most : f->count;
	}
	return position;
}

const struct queue_waiter *
queue_walk(const struct queue *q, const struct queue_waiter *w)
{
	const struct queue_flow *f;

	if (w && TAILQ_NEXT(w, link))
		return TAILQ_NEXT(w, link);
	f = w ? TAILQ_NEXT(w->flow, link) : TAILQ_FIRST(&q->flows);
	return f ? TAILQ_FIRST(&f->waiters) : NULL;
}

unsigned
queue_room(uint64_t said, uint64_t places)
{
	uint64_t room = said ? said : places > ROOM_LEAST ? places : ROOM_LEAST;

	return room < 1000000 ? (unsigned)room : 1000000;
}

int64_t
queue_wait_ms(unsigned position, int64_t hold_ms, uint64_t places)
{
	uint64_t turns = position, hold = hold_ms > 0 ? (uint64_t)hold_ms : 0;

	if (!places)
		places = 1;
	if (hold > INT64_C(24) * 3600 * 1000)
		hold = INT64_C(24) * 3600 * 1000;
	return (int64_t)((turns * hold + places - 1) / places);
}
