/* SPDX-License-Identifier: MIT */
/* test_notice_queue.c - what waits to be told: order, bounds, failures, and
 * what the store is handed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/notice_queue.h"

#define NOW INT64_C(1795192000000)

struct bench {
	struct notice_queue q;
	/* What a store would have, by number. */
	char *records[3 * NOTICE_QUEUE_MAX];
	size_t lens[3 * NOTICE_QUEUE_MAX];
};

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	notice_queue_init(&b->q);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	notice_queue_fini(&b->q);
	for (size_t i = 0; i < 3 * NOTICE_QUEUE_MAX; i++)
		free(b->records[i]);
	free(b);
	return 0;
}

static struct notice_entry *
add(struct bench *b, const char *channel, const char *event, int64_t at_ms)
{
	struct notice_rec r = { .id = STR("01M7WWGAHXRB948QQMJJYRWZG7"),
		.channel = str_of(channel),
		.event = str_of(event),
		.object = STR("a1"),
		.text = STR("something"),
		.at = (uint64_t)at_ms };

	return notice_queue_add(&b->q, &r);
}

static struct notice_entry *
pick(struct bench *b, const char *channel, int64_t wall_ms)
{
	int64_t next;

	return notice_queue_pick(&b->q, str_of(channel), wall_ms, false, &next);
}

/* Hand everything to the store. */
static unsigned
flush(struct bench *b)
{
	unsigned n = 0;
	uint64_t number;
	struct buf out;

	buf_init(&out, NOTICE_RECORD_MAX);
	for (; notice_queue_flush(&b->q, &number, &out); n++) {
		assert_true(number < 3 * NOTICE_QUEUE_MAX);
		free(b->records[number]);
		b->records[number] = NULL;
		if (buf_len(&out))
			b->records[number] = buf_take(&out, &b->lens[number]);
	}
	buf_fini(&out);
	return n;
}

/* What a daemon finds that begins with this store. */
static void
restart(struct bench *b)
{
	notice_queue_fini(&b->q);
	notice_queue_init(&b->q);
	for (uint64_t i = 0; i < 3 * NOTICE_QUEUE_MAX; i++)
		if (b->records[i])
			assert_int_equal(notice_queue_load(&b->q, i,
					     str_at(b->records[i], b->lens[i])),
			    OK);
}

static void
a_channel_gets_its_own_notices_the_oldest_first(void **state)
{
	struct bench *b = *state;
	struct notice_entry *one = add(b, "x", "start", NOW);
	struct notice_entry *other = add(b, "y", "start", NOW);
	struct notice_entry *two = add(b, "x", "stop", NOW);

	assert_ptr_equal(pick(b, "x", NOW), one);
	assert_ptr_equal(pick(b, "y", NOW), other);
	one->is_going = true;
	assert_ptr_equal(pick(b, "x", NOW), two);
	one->is_going = false;
	notice_queue_remove(&b->q, one);
	assert_ptr_equal(pick(b, "x", NOW), two);
	notice_queue_remove(&b->q, two);
	assert_null(pick(b, "x", NOW));
	assert_null(pick(b, "nobody", NOW));
}

static void
what_failed_waits_and_what_was_refused_lets_others_pass(void **state)
{
	struct bench *b = *state;
	struct notice_entry *one = add(b, "x", "start", NOW);
	struct notice_entry *two = add(b, "x", "stop", NOW);
	int64_t next;

	notice_queue_later(&b->q, one, NOW + 5000, "nobody there");
	notice_queue_later(&b->q, two, NOW + 5000, "nobody there");
	assert_null(notice_queue_pick(&b->q, STR("x"), NOW + 4999, false,
	    &next));
	assert_int_equal(next, NOW + 5000);
	assert_ptr_equal(pick(b, "x", NOW + 5000), one);
	one->refusals++;
	assert_ptr_equal(pick(b, "x", NOW + 5000), two);
	two->refusals += 2;
	assert_ptr_equal(pick(b, "x", NOW + 5000), one);
	assert_int_equal(one->rec.attempts, 1);
	assert_string_equal(one->error, "nobody there");
}

static void
a_clock_that_was_set_back_keeps_nothing_waiting(void **state)
{
	struct bench *b = *state;
	struct notice_entry *e = add(b, "x", "start", NOW);

	notice_queue_later(&b->q, e, NOW + 3600000, "nobody there");
	assert_null(pick(b, "x", NOW));
	assert_ptr_equal(pick(b, "x", NOW - INT64_C(86400000)), e);
}

static void
quiet_hours_let_only_pass_what_is_critical(void **state)
{
	struct bench *b = *state;
	struct notice_entry *one = add(b, "x", "start", NOW);
	struct notice_entry *two = add(b, "x", "account_blocked", NOW);
	int64_t next;

	assert_ptr_equal(notice_queue_pick(&b->q, STR("x"), NOW, true, &next),
	    two);
	assert_ptr_equal(notice_queue_pick(&b->q, STR("x"), NOW, false, &next),
	    one);
}

static void
waits_grow_from_five_seconds_to_an_hour(void **state)
{
	int64_t before = 0;

	(void)state;
	for (unsigned n = 1; n < 40; n++) {
		int64_t least = notice_wait_ms(n, 0);
		int64_t middle = n < 11 ? INT64_C(5000) << (n - 1) : 3600000;

		if (middle > 3600000)
			middle = 3600000;
		assert_int_equal(least, middle - middle / 4);
		assert_true(least >= before);
		before = least;
		for (uint32_t r = 1; r < 1000000007; r += 9999991) {
			int64_t wait = notice_wait_ms(n, r);

			assert_true(wait >= least &&
			    wait <= middle + middle / 4);
		}
	}
	assert_int_equal(notice_wait_ms(0, 2500), notice_wait_ms(1, 2500));
	assert_int_not_equal(notice_wait_ms(1, 0), notice_wait_ms(1, 77));
}

static void
after_a_day_all_of_a_channel_that_fails_is_given_up(void **state)
{
	struct bench *b = *state;
	struct notice_entry *old = add(b, "x", "start", NOW - NOTICE_LIFE_MS);
	struct notice_entry *young =
	    add(b, "x", "stop", NOW - NOTICE_LIFE_MS + 1);
	struct notice_entry *other = add(b, "y", "start", NOW - NOTICE_LIFE_MS);

	assert_int_equal(notice_queue_expire(&b->q, STR("x"), NOW, "no"), 1);
	assert_int_equal(old->rec.failed_at, NOW);
	assert_string_equal(old->error, "no");
	assert_int_equal(young->rec.failed_at, 0);
	assert_int_equal(other->rec.failed_at, 0);
	assert_int_equal(b->q.failed, 1);
	assert_int_equal(notice_queue_count(&b->q, STR("x"), true), 1);
	assert_ptr_equal(pick(b, "x", NOW), young);
}

static void
a_full_queue_gives_up_what_has_failed_and_then_the_oldest(void **state)
{
	struct bench *b = *state;
	struct notice_entry *first = add(b, "x", "start", NOW), *second, *bad;

	second = add(b, "x", "start", NOW);
	bad = add(b, "x", "start", NOW);
	notice_queue_fail(&b->q, bad, NOW, "no");
	while (b->q.waiting + b->q.failed < NOTICE_QUEUE_MAX)
		assert_non_null(add(b, "y", "stop", NOW));
	assert_int_equal(b->q.dropped, 0);
	assert_non_null(add(b, "y", "stop", NOW));
	assert_int_equal(b->q.failed, 0);
	assert_int_equal(b->q.dropped, 0);
	first->is_going = true;
	assert_non_null(add(b, "y", "stop", NOW));
	assert_int_equal(b->q.dropped, 1);
	first->is_going = false;
	assert_ptr_equal(pick(b, "x", NOW), first);
	assert_ptr_not_equal(pick(b, "x", NOW), second);
	assert_int_equal(b->q.waiting, NOTICE_QUEUE_MAX);
}

static void
few_of_those_that_failed_are_kept(void **state)
{
	struct bench *b = *state;

	for (unsigned i = 0; i < 2 * NOTICE_FAILED_MAX; i++)
		notice_queue_fail(&b->q, add(b, "x", "start", NOW), NOW, "no");
	assert_int_equal(b->q.failed, NOTICE_FAILED_MAX);
	assert_int_equal(b->q.waiting, 0);
	assert_int_equal(notice_queue_clear(&b->q, STR("y"), true), 0);
	assert_int_equal(notice_queue_clear(&b->q, STR("x"), false),
	    NOTICE_FAILED_MAX);
}

static void
a_store_that_takes_nothing_does_not_let_it_grow(void **state)
{
	struct bench *b = *state;

	for (unsigned i = 0; i < NOTICE_QUEUE_MAX; i++)
		assert_non_null(add(b, "x", "start", NOW));
	flush(b);
	for (unsigned i = 0; i < NOTICE_QUEUE_MAX; i++)
		assert_non_null(add(b, "x", "start", NOW));
	assert_int_equal(b->q.leaving, NOTICE_QUEUE_MAX);
	assert_null(add(b, "x", "start", NOW));
	flush(b);
	assert_int_equal(b->q.leaving, 0);
	assert_non_null(add(b, "x", "start", NOW));
}

static void
a_restart_finds_what_waited_and_nothing_else(void **state)
{
	struct bench *b = *state;
	struct notice_entry *told = add(b, "x", "start", NOW), *later, *failed;

	later = add(b, "x", "stop", NOW);
	failed = add(b, "y", "account_held", NOW);
	assert_int_equal(flush(b), 3);
	assert_int_equal(flush(b), 0);
	notice_queue_remove(&b->q, told);
	notice_queue_later(&b->q, later, NOW + 7000, "nobody there");
	notice_queue_fail(&b->q, failed, NOW, "404");
	/* Told before the store heard of it: it never will. */
	notice_queue_remove(&b->q, add(b, "x", "start", NOW));
	assert_int_equal(flush(b), 3);
	restart(b);
	assert_int_equal(b->q.waiting, 1);
	assert_int_equal(b->q.failed, 1);
	assert_null(pick(b, "x", NOW + 6999));
	later = pick(b, "x", NOW + 7000);
	assert_non_null(later);
	assert_int_equal(later->rec.attempts, 1);
	assert_true(str_eq(later->rec.event, STR("stop")));
	assert_true(str_eq(later->rec.error, STR("nobody there")));
	assert_non_null(add(b, "x", "start", NOW));
	assert_int_equal(flush(b), 1);
}

static void
what_the_store_lost_it_is_told_again(void **state)
{
	struct bench *b = *state;

	add(b, "x", "start", NOW);
	add(b, "x", "stop", NOW);
	assert_int_equal(flush(b), 2);
	assert_int_equal(flush(b), 0);
	notice_queue_unsure(&b->q);
	assert_int_equal(flush(b), 2);
}

static void
a_damaged_record_is_refused(void **state)
{
	struct bench *b = *state;

	assert_int_equal(notice_queue_load(&b->q, 1, STR("\xff\x01")),
	    ERR_CORRUPT);
	add(b, "x", "start", NOW);
	flush(b);
	assert_int_equal(notice_queue_load(&b->q, 1,
			     str_at(b->records[1], b->lens[1])),
	    ERR_CORRUPT);
	assert_int_equal(b->q.waiting, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_channel_gets_its_own_notices_the_oldest_first),
		TEST(what_failed_waits_and_what_was_refused_lets_others_pass),
		TEST(a_clock_that_was_set_back_keeps_nothing_waiting),
		TEST(quiet_hours_let_only_pass_what_is_critical),
		TEST(waits_grow_from_five_seconds_to_an_hour),
		TEST(after_a_day_all_of_a_channel_that_fails_is_given_up),
		TEST(a_full_queue_gives_up_what_has_failed_and_then_the_oldest),
		TEST(few_of_those_that_failed_are_kept),
		TEST(a_store_that_takes_nothing_does_not_let_it_grow),
		TEST(a_restart_finds_what_waited_and_nothing_else),
		TEST(what_the_store_lost_it_is_told_again),
		TEST(a_damaged_record_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
