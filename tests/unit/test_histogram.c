/* SPDX-License-Identifier: MIT */
/* test_histogram.c - every time is counted in one slot, the right one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/histogram.h"

#define LAST (HISTOGRAM_SLOTS - 1)

static void
a_bound_is_the_last_of_its_slot(void **state)
{
	(void)state;
	for (unsigned slot = 0; slot < LAST; slot++) {
		int64_t bound = (int64_t)histogram_bound_us(slot);

		assert_int_equal(histogram_slot(bound), slot);
		assert_int_equal(histogram_slot(bound + 1), slot + 1);
	}
}

static void
a_longer_time_is_never_in_an_earlier_slot(void **state)
{
	unsigned before = 0;

	(void)state;
	for (int64_t us = 0; us < 1 << 20; us++) {
		unsigned slot = histogram_slot(us);

		assert_true(slot == before || slot == before + 1);
		before = slot;
	}
	assert_int_equal(before, 20);
}

static void
what_no_clock_says_is_counted_at_the_ends(void **state)
{
	static const struct {
		int64_t us;
		unsigned slot;
	} odd[] = {
		{ INT64_MIN, 0 },
		{ -1, 0 },
		{ 0, 0 },
		{ INT64_C(1) << 32, LAST },
		{ INT64_MAX, LAST },
	};
	struct histogram h = { .sum_us = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_int_equal(histogram_slot(odd[i].us), odd[i].slot);
	histogram_add(&h, -5);
	assert_int_equal(h.sum_us, 0);
	assert_int_equal(h.slots[0], 1);
}

static void
sum_and_counts_are_those_of_what_was_added(void **state)
{
	struct histogram h = { .sum_us = 0 };
	uint64_t sum = 0;

	(void)state;
	for (int64_t us = 1; us <= 1000; us++) {
		histogram_add(&h, us);
		sum += (uint64_t)us;
	}
	assert_int_equal(h.sum_us, sum);
	for (unsigned slot = 0; slot < 10; slot++)
		assert_int_equal(histogram_count(&h, slot),
		    histogram_bound_us(slot));
	assert_int_equal(histogram_count(&h, 10), 1000);
	assert_int_equal(histogram_count(&h, LAST), 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bound_is_the_last_of_its_slot),
		cmocka_unit_test(a_longer_time_is_never_in_an_earlier_slot),
		cmocka_unit_test(what_no_clock_says_is_counted_at_the_ends),
		cmocka_unit_test(sum_and_counts_are_those_of_what_was_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
