/* SPDX-License-Identifier: MIT */
/* queue.h - who waits for a place, and whose turn it is.
 *
 *	queue	flow k1	[ w w w w ]	in the order in which they came
 *		flow k7	[ w ]
 *		flow k3	[ w w ]		the flows take turns
 *
 * A flow is all that one key has waiting.  Inside a flow the first one comes
 * first; between flows it is deficit round robin: in each round a flow may be
 * served as often as its weight says.  A flow is in the round only while it
 * waits, so that nobody saves up turns.
 *
 * Pure: it knows no clock and no request, owns no memory, and wakes nobody. */
#ifndef RELAYD_QUEUE_H
#define RELAYD_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct queue;
struct queue_flow;

struct queue_waiter {
	TAILQ_ENTRY(queue_waiter) link;
	struct queue *in; /* NULL: it does not wait */
	struct queue_flow *flow;
	void *owner;
	uint64_t nr; /* in the order of arrival */
	bool yields; /* to those of its flow that do not */
};

TAILQ_HEAD(queue_waiters, queue_waiter);

struct queue_flow {
	TAILQ_ENTRY(queue_flow) link;
	struct queue_waiters waiters;
	unsigned count;
	unsigned weight; /* from 1 */
	unsigned left;	 /* turns of this round; 0: its round begins anew */
};

TAILQ_HEAD(queue_flows, queue_flow);

struct queue {
	struct queue_flows flows; /* those with waiters; next round's at the
				     end */
	unsigned count;
	uint64_t last_nr;
};

void queue_init(struct queue *q);
void queue_flow_init(struct queue_flow *f);

/* Wait, behind those of the flow that came before. */
void queue_enter(struct queue *q, struct queue_flow *f, struct queue_waiter *w);
/* The turn was of no use: wait again, where it stood. */
void queue_again(struct queue *q, struct queue_flow *f, struct queue_waiter *w);
/* Nothing if it does not wait. */
void queue_leave(struct queue_waiter *w);

/* Whose turn is it, of those that `fits` takes?  It waits no more.  A flow of
 * which none fits keeps its place in the round.  NULL: none fits. */
typedef bool queue_fits(void *arg, struct queue_waiter *w);
struct queue_waiter *queue_next(struct queue *q, queue_fits *fits, void *arg);

/* How many turns until it has had its own; 1: the next one is.  As the flows
 * are now, when every turn fits. */
unsigned queue_position(const struct queue_waiter *w);

/* From flow to flow, in each from the first to the last; NULL begins, and
 * ends. */
const struct queue_waiter *
queue_walk(const struct queue *q, const struct queue_waiter *w);

/* So many of one key may wait: said, or (0) as many as have a place, but 3. */
unsigned queue_room(uint64_t said, uint64_t places);
/* How long until that turn, when each place is kept for hold_ms. */
int64_t queue_wait_ms(unsigned position, int64_t hold_ms, uint64_t places);

#endif
