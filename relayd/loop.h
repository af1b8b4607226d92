/* SPDX-License-Identifier: MIT */
/* loop.h - the one loop: callbacks note, then it is decided, then buried.
 *
 *	for (;;) {
 *		libevent: callbacks append bytes and post bits
 *		ready tasks run (they start, hold and cancel things)
 *		the dead are freed
 *	}
 *
 * Nothing is freed while somebody up the stack works on it, and libraries are
 * never called back into from inside their own callbacks. */
#ifndef RELAYD_LOOP_H
#define RELAYD_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "proto/err.h"

struct event_base;
struct histogram;
struct loop;

/* What waits for its turn.  Embed it. */
struct task {
	TAILQ_ENTRY(task) link;
	void (*run)(void *arg);
	void *arg;
	unsigned round;
	bool queued;
};

/* A one-shot timer.  Embed it.  Moving it later costs nothing: it is looked at
 * when its old moment comes, and put back. */
struct timer {
	void (*fire)(void *arg); /* from the loop, outside of libevent */
	void *arg;
	int64_t at_ms;	  /* 0: not set */
	int64_t heap_ms;  /* where it stands in the heap */
	unsigned heap_at; /* 1 + index; 0: not in it */
};

enum err loop_new(struct loop **out, struct why *out_why) CHECKED;
void loop_free(struct loop *l);
struct event_base *loop_base(struct loop *l);

/* Until loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* One turn, waiting at most that long; -1: for ever. */
void loop_turn(struct loop *l, int64_t wait_ms);

/* The monotonic clock, read once a turn. */
int64_t loop_ms(struct loop *l);
int64_t loop_us(struct loop *l);
/* The same, read now. */
int64_t clock_us(void);
/* Wall clock: ms since 1970. */
int64_t clock_wall_ms(void);

void task_init(struct task *t, void (*run)(void *arg), void *arg);
/* Run it in this turn (or the next when posted while tasks run). Idempotent. */
void loop_ready(struct loop *l, struct task *t);
void loop_unready(struct loop *l, struct task *t);

void timer_init(struct timer *t, void (*fire)(void *arg), void *arg);
void timer_set(struct loop *l, struct timer *t, int64_t at_ms);
void timer_clear(struct loop *l, struct timer *t);

/* Call free_it(it) at the end of this turn. */
void loop_bury(struct loop *l, void (*free_it)(void *it), void *it);

/* The longest turn since the last call, in us: how late an event may have
 * been served. */
int64_t loop_take_longest_us(struct loop *l);
/* The longest of the last one to two minutes, and all of them. */
int64_t loop_longest_lately_us(struct loop *l);
const struct histogram *loop_turns(const struct loop *l);

#endif
