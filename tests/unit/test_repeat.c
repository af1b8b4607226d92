/* SPDX-License-Identifier: MIT */
/* test_repeat.c - which of many like events are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "relayd/repeat.h"

#define WHILE_MS 1000

static int
setup(void **state)
{
	static struct repeats r;

	repeats_init(&r, 2);
	*state = &r;
	return 0;
}

static int
teardown(void **state)
{
	repeats_fini(*state);
	return 0;
}

static bool
raise_at(struct repeats *r, unsigned event, const char *object, int64_t now_ms,
    uint64_t *out_missed)
{
	return repeats_let(r, event, str_of(object), now_ms, now_ms + WHILE_MS,
	    out_missed);
}

static void
the_same_is_told_once_in_a_while_and_the_rest_counted(void **state)
{
	struct repeats *r = *state;
	uint64_t missed = 99;

	assert_true(raise_at(r, 0, "a", 5000, &missed));
	assert_int_equal(missed, 0);
	assert_false(raise_at(r, 0, "a", 5001, &missed));
	assert_false(raise_at(r, 0, "a", 5999, &missed));
	assert_true(raise_at(r, 0, "b", 5999, &missed));
	assert_int_equal(missed, 0);
	assert_true(raise_at(r, 1, "a", 5999, &missed));
	assert_true(raise_at(r, 0, "a", 6000, &missed));
	assert_int_equal(missed, 2);
	assert_true(raise_at(r, 0, "a", 7000, &missed));
	assert_int_equal(missed, 0);
	assert_int_equal(r->held_back, 2);
}

static void
a_flood_of_new_objects_is_told_up_to_the_burst(void **state)
{
	struct repeats *r = *state;
	uint64_t missed = 0;
	unsigned told = 0;
	char name[32];

	for (unsigned i = 0; i < 10 * REPEAT_OBJECTS_MAX; i++) {
		snprintf(name, sizeof(name), "model-%u", i);
		told += raise_at(r, 0, name, 5000, &missed);
		assert_int_equal(repeats_is_full(r, 0), i + 1 >= REPEAT_BURST);
	}
	assert_int_equal(told, REPEAT_BURST);
	assert_true(r->count <= REPEAT_OBJECTS_MAX);
	assert_true(raise_at(r, 1, "another event", 5000, &missed));
	assert_int_equal(missed, 0);
	assert_true(raise_at(r, 0, "the next while", 6000, &missed));
	assert_int_equal(missed, 10 * REPEAT_OBJECTS_MAX - REPEAT_BURST);
}

static void
numbers_outlive_an_object_that_is_forgotten(void **state)
{
	struct repeats *r = *state;
	uint64_t missed = 0;
	char name[32];

	assert_true(raise_at(r, 0, "first", 5000, &missed));
	assert_false(raise_at(r, 0, "first", 5000, &missed));
	for (unsigned i = 0; i < REPEAT_OBJECTS_MAX; i++) {
		snprintf(name, sizeof(name), "other-%u", i);
		/* A while for each, so that there is no burst. */
		assert_true(raise_at(r, 1, name, 5000 + i * WHILE_MS, &missed));
	}
	assert_int_equal(r->count, REPEAT_OBJECTS_MAX);
	assert_true(raise_at(r, 0, "first", 1000000, &missed));
	assert_int_equal(missed, 1);
}

static void
without_a_while_everything_is_told(void **state)
{
	struct repeats *r = *state;
	uint64_t missed;

	for (unsigned i = 0; i < 3 * REPEAT_BURST; i++)
		assert_true(repeats_let(r, 0, STR("a"), 5000, 5000, &missed));
	assert_int_equal(r->count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    the_same_is_told_once_in_a_while_and_the_rest_counted,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_flood_of_new_objects_is_told_up_to_the_burst, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    numbers_outlive_an_object_that_is_forgotten, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    without_a_while_everything_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
