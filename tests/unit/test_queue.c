/* SPDX-License-Identifier: MIT */
/* test_queue.c - whose turn it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relayd/queue.h"

#define FLOWS	5
#define WAITERS 200
#define STEPS	1500000

struct person {
	struct queue_waiter w;
	unsigned flow;
	unsigned wants; /* bits: the places that would do */
};

struct hall {
	struct queue q;
	struct queue_flow flows[FLOWS];
	struct person at[WAITERS];
	uint64_t seed;
};

static void
hall_init(struct hall *h)
{
	*h = (struct hall){ .seed = 88172645463325252ULL };
	queue_init(&h->q);
	for (int i = 0; i < FLOWS; i++)
		queue_flow_init(&h->flows[i]);
}

/* The same in every run: xorshift64*. */
static unsigned
chance(struct hall *h, unsigned out_of)
{
	h->seed ^= h->seed >> 12;
	h->seed ^= h->seed << 25;
	h->seed ^= h->seed >> 27;
	return (unsigned)((h->seed * 2685821657736338717ULL) >> 33) % out_of;
}

static void
come(struct hall *h, unsigned i, unsigned flow)
{
	h->at[i].flow = flow;
	h->at[i].w.owner = &h->at[i];
	queue_enter(&h->q, &h->flows[flow], &h->at[i].w);
}

static bool
anybody(void *arg, struct queue_waiter *w)
{
	(void)arg;
	(void)w;
	return true;
}

static bool
who_wants(void *arg, struct queue_waiter *w)
{
	const unsigned *place = arg;

	return ((const struct person *)w->owner)->wants & 1u << *place;
}

static int
next_is(struct hall *h)
{
	struct queue_waiter *w = queue_next(&h->q, anybody, NULL);

	return w ? (int)((struct person *)w->owner - h->at) : -1;
}

/* --- tables ---------------------------------------------------------------- */

static void
of_one_key_the_first_comes_first(void **state)
{
	struct hall h;

	(void)state;
	hall_init(&h);
	for (unsigned i = 0; i < 10; i++)
		come(&h, i, 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(next_is(&h), i);
	assert_int_equal(next_is(&h), -1);
	assert_int_equal(h.q.count, 0);
}

/* Ten of the first were there before one of the others. */
static void
keys_take_turns_by_weight(void **state)
{
	static const struct {
		unsigned weights[3];
		const char *order; /* by flow */
	} cases[] = {
		{ { 1, 1, 1 }, "012012012000000" },
		{ { 2, 1, 1 }, "001200120012000" },
		{ { 1, 3, 1 }, "011120202000000" },
		{ { 1, 1, 100 }, "012220101000000" },
		{ { 100, 1, 1 }, "000000000121212" },
	};

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct hall h;

		hall_init(&h);
		for (unsigned f = 0; f < 3; f++)
			h.flows[f].weight = cases[c].weights[f];
		for (unsigned i = 0; i < 9; i++)
			come(&h, i, 0);
		for (unsigned i = 9; i < 15; i++)
			come(&h, i, 1 + (i - 9) / 3);
		for (const char *o = cases[c].order; *o; o++) {
			int i = next_is(&h);

			assert_true(i >= 0);
			assert_int_equal(h.at[i].flow, *o - '0');
		}
		assert_int_equal(h.q.count, 0);
	}
}

static void
what_yields_comes_last_of_its_key_and_no_other(void **state)
{
	static const int order[] = { 1, 4, 3, 0, 2 };
	struct hall h;

	(void)state;
	hall_init(&h);
	h.at[0].w.yields = h.at[2].w.yields = true;
	come(&h, 0, 0);
	come(&h, 1, 0);
	come(&h, 2, 0);
	come(&h, 3, 0);
	come(&h, 4, 1);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		assert_int_equal(next_is(&h), order[i]);
}

static void
whom_no_place_fits_keeps_nobody_waiting(void **state)
{
	unsigned place = 1;
	struct hall h;
	struct queue_waiter *w;

	(void)state;
	hall_init(&h);
	h.at[0].wants = 1u << 0;
	h.at[1].wants = 1u << 1;
	h.at[2].wants = 1u << 0 | 1u << 1;
	come(&h, 0, 0);
	come(&h, 1, 0);
	come(&h, 2, 1);
	w = queue_next(&h.q, who_wants, &place);
	assert_ptr_equal(w, &h.at[1].w);
	w = queue_next(&h.q, who_wants, &place);
	assert_ptr_equal(w, &h.at[2].w);
	assert_null(queue_next(&h.q, who_wants, &place));
	assert_int_equal(h.q.count, 1);
	place = 0;
	assert_ptr_equal(queue_next(&h.q, who_wants, &place), &h.at[0].w);
}

static void
a_turn_that_was_none_is_had_again(void **state)
{
	struct hall h;

	(void)state;
	hall_init(&h);
	for (unsigned i = 0; i < 6; i++)
		come(&h, i, i % 2);
	assert_int_equal(next_is(&h), 0);
	queue_again(&h.q, &h.flows[0], &h.at[0].w);
	assert_int_equal(next_is(&h), 1);
	assert_int_equal(next_is(&h), 0);
	assert_int_equal(next_is(&h), 3);
	assert_int_equal(next_is(&h), 2);
	/* Alone in its flow, it is the next one. */
	assert_int_equal(next_is(&h), 5);
	assert_int_equal(next_is(&h), 4);
	come(&h, 0, 1);
	queue_again(&h.q, &h.flows[0], &h.at[4].w);
	assert_int_equal(next_is(&h), 4);
}

static void
room_and_waits_are_as_the_manual_says(void **state)
{
	(void)state;
	assert_int_equal(queue_room(0, 0), 3);
	assert_int_equal(queue_room(0, 2), 3);
	assert_int_equal(queue_room(0, 40), 40);
	assert_int_equal(queue_room(7, 40), 7);
	assert_int_equal(queue_room(0, UINT64_MAX), 1000000);
	assert_int_equal(queue_wait_ms(1, 10000, 1), 10000);
	assert_int_equal(queue_wait_ms(3, 10000, 2), 15000);
	assert_int_equal(queue_wait_ms(1, 10, 3), 4);
	assert_int_equal(queue_wait_ms(5, 0, 3), 0);
	assert_int_equal(queue_wait_ms(5, -7, 0), 0);
	assert_true(queue_wait_ms(UINT32_MAX, INT64_MAX, 1) > 0);
}

/* --- any order ------------------------------------------------------------- */

/* What is true at every moment. */
static void
check(const struct hall *h)
{
	const struct queue_waiter *w = NULL, *before = NULL;
	unsigned count = 0, in_flows = 0, in = 0, waiting = 0;

	while ((w = queue_walk(&h->q, w))) {
		assert_ptr_equal(w->in, &h->q);
		if (before && before->flow == w->flow) {
			assert_true(before->yields <= w->yields);
			if (before->yields == w->yields)
				assert_true(before->nr < w->nr);
		}
		before = w;
		count++;
	}
	for (int i = 0; i < FLOWS; i++) {
		const struct queue_flow *f;

		in_flows += h->flows[i].count;
		waiting += h->flows[i].count > 0;
		TAILQ_FOREACH (f, &h->q.flows, link)
			in += f == &h->flows[i];
	}
	for (int i = 0; i < WAITERS; i++)
		count -= h->at[i].w.in != NULL;
	assert_int_equal(count, 0);
	assert_int_equal(in, waiting);
	assert_int_equal(in_flows, h->q.count);
}

/* Whoever comes before it in its flow, and could have it, has gone. */
static void
check_first(const struct hall *h, const struct queue_waiter *w, unsigned place)
{
	for (int i = 0; i < WAITERS; i++) {
		const struct queue_waiter *other = &h->at[i].w;

		if (!other->in || other->flow != w->flow ||
		    other->yields != w->yields ||
		    !(h->at[i].wants & 1u << place))
			continue;
		assert_true(other->nr > w->nr);
	}
}

static void
in_any_order_nobody_is_lost_or_overtaken(void **state)
{
	static struct hall h;
	uint64_t entered = 0, served = 0, left = 0;

	(void)state;
	hall_init(&h);
	for (int i = 0; i < FLOWS; i++)
		h.flows[i].weight = 1 + (unsigned)i;
	for (int n = 0; n < STEPS; n++) {
		struct person *p = &h.at[chance(&h, WAITERS)];
		unsigned place = chance(&h, 4), what = chance(&h, 8);
		struct queue_waiter *w;

		if (!p->w.in && what < 5) {
			p->wants = 1 + chance(&h, 15);
			p->w.yields = chance(&h, 6) == 0;
			come(&h, (unsigned)(p - h.at), chance(&h, FLOWS));
			entered++;
		} else if (what < 7) {
			w = queue_next(&h.q, who_wants, &place);
			if (!w)
				continue;
			assert_null(w->in);
			check_first(&h, w, place);
			served++;
			if (chance(&h, 10))
				continue;
			queue_again(&h.q, w->flow, w);
			served--;
		} else if (p->w.in) {
			queue_leave(&p->w);
			left++;
		}
		if (n % 64 == 0)
			check(&h);
		assert_int_equal(entered, served + left + h.q.count);
	}
	assert_true(served > STEPS / 10 && left > STEPS / 100);
	for (int i = 0; i < WAITERS; i++)
		queue_leave(&h.at[i].w);
	check(&h);
	assert_int_equal(h.q.count, 0);
	assert_true(TAILQ_EMPTY(&h.q.flows));
}

/* While all of them wait all the time, in any stretch of turns none has more
 * than one round too many. */
static void
shares_are_as_weights(void **state)
{
	static struct hall h;
	unsigned had[FLOWS] = { 0 }, weights = 0, rounds = 0;

	(void)state;
	hall_init(&h);
	for (unsigned f = 0; f < FLOWS; f++) {
		h.flows[f].weight = 1 + 3 * f;
		weights += h.flows[f].weight;
		for (unsigned i = 0; i < 2; i++)
			come(&h, 2 * f + i, f);
	}
	for (int n = 1; n <= STEPS; n++) {
		int i = next_is(&h);

		assert_true(i >= 0);
		had[h.at[i].flow]++;
		/* The next one of the same key. */
		come(&h, (unsigned)i, h.at[i].flow);
		rounds = (unsigned)n / weights;
		for (unsigned f = 0; f < FLOWS; f++) {
			assert_true(had[f] >= rounds * h.flows[f].weight);
			assert_true(had[f] <= (rounds + 1) * h.flows[f].weight);
		}
	}
}

/* What is told of the position is what happens, if nothing else does. */
static void
positions_are_kept(void **state)
{
	static struct hall h;

	(void)state;
	for (unsigned n = 0; n < 2000; n++) {
		unsigned told[WAITERS], count, turn = 0;
		uint64_t seed = h.seed;
		int i;

		hall_init(&h);
		if (n)
			h.seed = seed;
		count = 1 + chance(&h, 40);
		for (int f = 0; f < FLOWS; f++)
			h.flows[f].weight = 1 + chance(&h, 6);
		for (unsigned k = 0; k < count; k++) {
			h.at[k].w.yields = chance(&h, 4) == 0;
			come(&h, k, chance(&h, FLOWS));
			if (chance(&h, 4) == 0)
				next_is(&h);
		}
		for (unsigned k = 0; k < count; k++)
			told[k] = h.at[k].w.in ? queue_position(&h.at[k].w) : 0;
		while ((i = next_is(&h)) >= 0)
			assert_int_equal(told[i], ++turn);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_one_key_the_first_comes_first),
		cmocka_unit_test(keys_take_turns_by_weight),
		cmocka_unit_test(
		    what_yields_comes_last_of_its_key_and_no_other),
		cmocka_unit_test(whom_no_place_fits_keeps_nobody_waiting),
		cmocka_unit_test(a_turn_that_was_none_is_had_again),
		cmocka_unit_test(room_and_waits_are_as_the_manual_says),
		cmocka_unit_test(in_any_order_nobody_is_lost_or_overtaken),
		cmocka_unit_test(shares_are_as_weights),
		cmocka_unit_test(positions_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
