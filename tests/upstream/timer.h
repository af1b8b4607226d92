/* SPDX-License-Identifier: MIT */
/* timer.h - a heap of moments; the owner embeds a struct timer. */
#ifndef TESTS_UPSTREAM_TIMER_H
#define TESTS_UPSTREAM_TIMER_H

#include <stddef.h>
#include <stdint.h>

struct timer {
	int64_t due_us;
	/* Position in the heap + 1; 0 when it is not set. */
	size_t place;
};

struct timers {
	struct timer **heap;
	size_t used, size;
};

void timers_fini(struct timers *all);
void timer_set(struct timers *all, struct timer *t, int64_t due_us);
void timer_clear(struct timers *all, struct timer *t);
/* The earliest one that is due, taken out; or NULL. */
struct timer *timer_take(struct timers *all, int64_t now_us);
/* Milliseconds until the earliest is due, rounded up; -1 without any. */
int timer_wait_ms(const struct timers *all, int64_t now_us);

#endif
