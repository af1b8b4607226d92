/* SPDX-License-Identifier: MIT */
/* test_recent.c - rates of requests that have ended lately. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay-tui/recent.h"

static void
nothing_has_no_rate(void **state)
{
	struct recent r = { .count = 0 };
	struct recent_rates rates;

	(void)state;
	recent_rates(&r, 1000, &rates);
	assert_int_equal(rates.requests_milli, 0);
	assert_int_equal(rates.first_p99_us, 0);
	recent_fini(&r);
}

static void
only_what_ended_lately_counts(void **state)
{
	struct recent r = { .count = 0 };
	struct recent_rates rates;

	(void)state;
	recent_add(&r, 0, 1000, 5);
	for (int i = 0; i < 20; i++)
		recent_add(&r, RECENT_RATE_MS, 50, 100 + i);
	recent_rates(&r, RECENT_RATE_MS, &rates);
	assert_int_equal(rates.requests_milli, 2000);
	assert_int_equal(rates.tokens_milli, 100000);
	assert_int_equal(rates.first_p50_us, 109);
	assert_int_equal(rates.first_p99_us, 118);
	recent_fini(&r);
}

static void
more_than_there_is_room_for_forgets_the_oldest(void **state)
{
	struct recent r = { .count = 0 };
	struct recent_rates rates;

	(void)state;
	for (int i = 0; i < RECENT_MOST + 100; i++)
		recent_add(&r, 1, i < 100 ? 1000000 : 1, 0);
	recent_rates(&r, 1, &rates);
	assert_int_equal(rates.tokens_milli,
	    (int64_t)RECENT_MOST * 1000000 / RECENT_RATE_MS);
	assert_int_equal(rates.first_p50_us, 0);
	recent_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_has_no_rate),
		cmocka_unit_test(only_what_ended_lately_counts),
		cmocka_unit_test(
		    more_than_there_is_room_for_forgets_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
