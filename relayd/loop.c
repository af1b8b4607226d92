/* SPDX-License-Identifier: MIT */
/* loop.c - the one loop: libevent's batch, then tasks, then the graveyard.
 *
 * Timers are a heap of ours behind a single libevent timer: most of them are
 * moved later many times and fire rarely, which costs nothing here. */
#include "relayd/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "proto/histogram.h"
#include "proto/mem.h"

TAILQ_HEAD(task_list, task);

struct grave {
	void (*free_it)(void *it);
	void *it;
};

struct loop {
	struct event_base *base;
	struct event *tick;
	struct task_list ready;
	struct timer **heap;
	unsigned timers, timers_max;
	struct grave *graves;
	size_t graves_count, graves_max;
	int64_t now_us; /* 0: not read yet in this turn */
	int64_t longest_us;
	struct histogram turns;
	/* The longest of this minute, and of the one before. */
	int64_t minute, lately_us[2];
	unsigned round;
	bool stop;
};

/* A turn runs at most this many rounds of tasks, so that tasks which ready
 * each other cannot keep the sockets waiting. */
#define ROUNDS_MAX 8
#define MINUTE_US  INT64_C(60000000)

int64_t
clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
loop_us(struct loop *l)
{
	/* A callback of libevent may ask first after a long sleep. */
	if (!l->now_us)
		l->now_us = clock_us();
	return l->now_us;
}

int64_t
loop_ms(struct loop *l)
{
	return loop_us(l) / 1000;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	/* Only wakes the loop: timers fire between the batches. */
	(void)fd;
	(void)what;
	(void)arg;
}

enum err
loop_new(struct loop **out, struct why *out_why)
{
	struct event_config *config = event_config_new();
	struct loop *l = xcalloc(1, sizeof(*l));

	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	event_config_require_features(config, EV_FEATURE_EARLY_CLOSE);
	l->base = event_base_new_with_config(config);
	event_config_free(config);
	if (!l->base) {
		free(l);
		return why_set(out_why, ERR_UNSUPPORTED, "loop",
		    "libevent offers no loop that sees hang-ups (epoll)");
	}
	l->tick = event_new(l->base, -1, 0, on_tick, l);
	TAILQ_INIT(&l->ready);
	*out = l;
	return OK;
}

static void
bury_all(struct loop *l)
{
	/* A funeral may cause further ones. */
	for (size_t i = 0; i < l->graves_count; i++)
		l->graves[i].free_it(l->graves[i].it);
	l->graves_count = 0;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	bury_all(l);
	event_free(l->tick);
	event_base_free(l->base);
	free(l->heap);
	free(l->graves);
	free(l);
}

struct event_base *
loop_base(struct loop *l)
{
	return l->base;
}

/* --- tasks ----------------------------------------------------------------- */

void
task_init(struct task *t, void (*run)(void *arg), void *arg)
{
	*t = (struct task){ .run = run, .arg = arg };
}

void
loop_ready(struct loop *l, struct task *t)
{
	if (t->queued)
		return;
	t->queued = true;
	t->round = l->round;
	TAILQ_INSERT_TAIL(&l->ready, t, link);
}

void
loop_unready(struct loop *l, struct task *t)
{
	if (!t->queued)
		return;
	t->queued = false;
	TAILQ_REMOVE(&l->ready, t, link);
}

static void
run_tasks(struct loop *l)
{
	for (int i = 0; i < ROUNDS_MAX && !TAILQ_EMPTY(&l->ready); i++) {
		unsigned round = l->round++;
		struct task *t;

		/* What is posted meanwhile belongs to the next round. */
		while ((t = TAILQ_FIRST(&l->ready)) && t->round == round) {
			TAILQ_REMOVE(&l->ready, t, link);
			t->queued = false;
			t->run(t->arg);
		}
	}
}

/* --- timers: a binary heap by heap_ms -------------------------------------- */

static void
heap_put(struct loop *l, unsigned i, struct timer *t)
{
	l->heap[i] = t;
	t->heap_at = i + 1;
}

static void
heap_up(struct loop *l, unsigned i, struct timer *t)
{
	while (i > 0 && l->heap[(i - 1) / 2]->heap_ms > t->heap_ms) {
		heap_put(l, i, l->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_put(l, i, t);
}

static void
heap_down(struct loop *l, unsigned i, struct timer *t)
{
	for (;;) {
		unsigned child = 2 * i + 1;

		if (child >= l->timers)
			break;
		if (child + 1 < l->timers &&
		    l->heap[child + 1]->heap_ms < l->heap[child]->heap_ms)
			child++;
		if (l->heap[child]->heap_ms >= t->heap_ms)
			break;
		heap_put(l, i, l->heap[child]);
		i = child;
	}
	heap_put(l, i, t);
}

static void
heap_insert(struct loop *l, struct timer *t)
{
	if (l->timers == l->timers_max) {
		l->timers_max = l->timers_max ? l->timers_max * 2 : 64;
		l->heap =
		    xrealloc(l->heap, l->timers_max * sizeof(struct timer *));
	}
	heap_up(l, l->timers++, t);
}

static void
heap_remove(struct loop *l, struct timer *t)
{
	unsigned i = t->heap_at - 1;
	struct timer *moved = l->heap[--l->timers];

	t->heap_at = 0;
	if (moved == t)
		return;
	if (i > 0 && l->heap[(i - 1) / 2]->heap_ms > moved->heap_ms)
		heap_up(l, i, moved);
	else
		heap_down(l, i, moved);
}

void
timer_init(struct timer *t, void (*fire)(void *arg), void *arg)
{
	*t = (struct timer){ .fire = fire, .arg = arg };
}

void
timer_set(struct loop *l, struct timer *t, int64_t at_ms)
{
	t->at_ms = at_ms > 0 ? at_ms : 1;
	if (t->heap_at && t->heap_ms <= t->at_ms)
		return;
	if (t->heap_at)
		heap_remove(l, t);
	t->heap_ms = t->at_ms;
	heap_insert(l, t);
}

void
timer_clear(struct loop *l, struct timer *t)
{
	t->at_ms = 0;
	if (t->heap_at)
		heap_remove(l, t);
}

static void
fire_timers(struct loop *l)
{
	int64_t now = loop_ms(l);

	while (l->timers && l->heap[0]->heap_ms <= now) {
		struct timer *t = l->heap[0];

		heap_remove(l, t);
		if (t->at_ms > now) {
			t->heap_ms = t->at_ms;
			heap_insert(l, t);
		} else if (t->at_ms) {
			t->at_ms = 0;
			t->fire(t->arg);
		}
	}
}

/* --- the turn -------------------------------------------------------------- */

void
loop_bury(struct loop *l, void (*free_it)(void *it), void *it)
{
	if (l->graves_count == l->graves_max) {
		l->graves_max = l->graves_max ? l->graves_max * 2 : 64;
		l->graves =
		    xrealloc(l->graves, l->graves_max * sizeof(*l->graves));
	}
	l->graves[l->graves_count++] =
	    (struct grave){ .free_it = free_it, .it = it };
}

static void
arm_tick(struct loop *l, int64_t wait_ms)
{
	struct timeval tv;
	int64_t until = wait_ms;

	if (l->timers) {
		int64_t due = l->heap[0]->heap_ms - clock_us() / 1000;

		if (due < 0)
			due = 0;
		if (until < 0 || due < until)
			until = due;
	}
	if (until < 0) {
		event_del(l->tick);
		return;
	}
	tv.tv_sec = until / 1000;
	tv.tv_usec = (until % 1000) * 1000;
	event_add(l->tick, &tv);
}

static void
turn_minute(struct loop *l, int64_t minute)
{
	if (minute == l->minute)
		return;
	l->lately_us[1] = minute == l->minute + 1 ? l->lately_us[0] : 0;
	l->lately_us[0] = 0;
	l->minute = minute;
}

static void
note_turn(struct loop *l, int64_t began_us, int64_t took_us)
{
	turn_minute(l, began_us / MINUTE_US);
	histogram_add(&l->turns, took_us);
	if (took_us > l->longest_us)
		l->longest_us = took_us;
	if (took_us > l->lately_us[0])
		l->lately_us[0] = took_us;
}

void
loop_turn(struct loop *l, int64_t wait_ms)
{
	int64_t began;

	l->now_us = 0;
	if (!TAILQ_EMPTY(&l->ready)) {
		event_base_loop(l->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	} else {
		arm_tick(l, wait_ms);
		event_base_loop(l->base, EVLOOP_ONCE);
	}
	began = l->now_us = clock_us();
	fire_timers(l);
	run_tasks(l);
	bury_all(l);
	note_turn(l, began, clock_us() - began);
}

void
loop_run(struct loop *l)
{
	while (!l->stop)
		loop_turn(l, -1);
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
}

int64_t
loop_take_longest_us(struct loop *l)
{
	int64_t longest = l->longest_us;

	l->longest_us = 0;
	return longest;
}

const struct histogram *
loop_turns(const struct loop *l)
{
	return &l->turns;
}

int64_t
loop_longest_lately_us(struct loop *l)
{
	turn_minute(l, loop_us(l) / MINUTE_US);
	return l->lately_us[l->lately_us[1] > l->lately_us[0]];
}
