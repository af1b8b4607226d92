/* SPDX-License-Identifier: MIT */
/* timer.c - a binary heap of moments. */
#include "tests/upstream/timer.h"

#include <stdlib.h>

#include "proto/mem.h"

void
timers_fini(struct timers *all)
{
	free(all->heap);
	*all = (struct timers){ .heap = NULL };
}

static void
put(struct timers *all, size_t i, struct timer *t)
{
	all->heap[i] = t;
	t->place = i + 1;
}

static void
sift_up(struct timers *all, size_t i, struct timer *t)
{
	size_t up;

	while (i > 0) {
		up = (i - 1) / 2;
		if (all->heap[up]->due_us <= t->due_us)
			break;
		put(all, i, all->heap[up]);
		i = up;
	}
	put(all, i, t);
}

static void
sift_down(struct timers *all, size_t i, struct timer *t)
{
	size_t down;

	while ((down = i * 2 + 1) < all->used) {
		if (down + 1 < all->used &&
		    all->heap[down + 1]->due_us < all->heap[down]->due_us)
			down++;
		if (all->heap[down]->due_us >= t->due_us)
			break;
		put(all, i, all->heap[down]);
		i = down;
	}
	put(all, i, t);
}

void
timer_set(struct timers *all, struct timer *t, int64_t due_us)
{
	timer_clear(all, t);
	if (all->used == all->size) {
		all->size = all->size ? all->size * 2 : 64;
		all->heap =
		    xrealloc(all->heap, all->size * sizeof(struct timer *));
	}
	t->due_us = due_us;
	all->used++;
	sift_up(all, all->used - 1, t);
}

void
timer_clear(struct timers *all, struct timer *t)
{
	struct timer *last;
	size_t i;

	if (t->place == 0)
		return;
	i = t->place - 1;
	t->place = 0;
	last = all->heap[--all->used];
	if (last == t)
		return;
	if (i > 0 && last->due_us < all->heap[(i - 1) / 2]->due_us)
		sift_up(all, i, last);
	else
		sift_down(all, i, last);
}

struct timer *
timer_take(struct timers *all, int64_t now_us)
{
	struct timer *t;

	if (all->used == 0 || all->heap[0]->due_us > now_us)
		return NULL;
	t = all->heap[0];
	timer_clear(all, t);
	return t;
}

int
timer_wait_ms(const struct timers *all, int64_t now_us)
{
	int64_t us;

	if (all->used == 0)
		return -1;
	us = all->heap[0]->due_us - now_us;
	if (us <= 0)
		return 0;
	return us > 60000000 ? 60000 : (int)((us + 999) / 1000);
}
