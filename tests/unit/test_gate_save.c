/* SPDX-License-Identifier: MIT */
/* test_gate_save.c - gates that outlive the daemon: what is kept, and that no
 * clock frees an account early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/gate_save.h"
#include "tests/support/storebox.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define HOUR_MS	     INT64_C(3600000)
#define DAY_MS	     (24 * HOUR_MS)
#define WALL	     INT64_C(1700000000000)

/* Saved at WALL, when the machine had run for ten hours; shut for an hour. */
static const struct {
	const char *what;
	const char *boot; /* of the row, and of now */
	const char *now_boot;
	int64_t wall_ms, boot_ms; /* gone since, by either clock */
	int64_t left_ms;
} clocks[] = {
	{ "at once", "b1", "b1", 0, 0, HOUR_MS },
	{ "half of it", "b1", "b1", HOUR_MS / 2, HOUR_MS / 2, HOUR_MS / 2 },
	{ "over", "b1", "b1", HOUR_MS, HOUR_MS, 0 },
	{ "long over", "b1", "b1", DAY_MS, DAY_MS, 0 },
	{ "the wall clock is set forward", "b1", "b1", 365 * DAY_MS, 60000,
	    HOUR_MS - 60000 },
	{ "the wall clock is set back", "b1", "b1", -365 * DAY_MS, 60000,
	    HOUR_MS - 60000 },
	{ "back, and it is over", "b1", "b1", -DAY_MS, HOUR_MS, 0 },
	{ "a new run of the machine", "b1", "b2", 60000, -9 * HOUR_MS,
	    HOUR_MS - 60000 },
	{ "a new run that is longer than the old one", "b1", "b2", 60000,
	    DAY_MS, HOUR_MS - 60000 },
	{ "a new run, over", "b1", "b2", HOUR_MS, -9 * HOUR_MS, 0 },
	{ "a new run that begins in the past", "b1", "b2", -DAY_MS,
	    -9 * HOUR_MS, HOUR_MS },
	{ "nobody knows which run it is", "", "", 60000, DAY_MS,
	    HOUR_MS - 60000 },
	{ "nobody knew", "", "b1", 60000, DAY_MS, HOUR_MS - 60000 },
};

static void
no_clock_that_is_set_frees_anybody_early(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(clocks); i++) {
		const struct rest_rec r = { .saved_at = WALL,
			.until_at = WALL + HOUR_MS,
			.boot = str_of(clocks[i].boot),
			.boot_ms = 10 * HOUR_MS };
		struct gate_clock now = { .wall_ms = WALL + clocks[i].wall_ms,
			.boot_ms = 10 * HOUR_MS + clocks[i].boot_ms };

		snprintf(now.boot, sizeof(now.boot), "%s", clocks[i].now_boot);
		if (gate_left_ms(&r, &now) != clocks[i].left_ms)
			fail_msg("%s: %lld", clocks[i].what,
			    (long long)gate_left_ms(&r, &now));
	}
}

/* --- a daemon that ends and comes back ------------------------------------- */

struct bench {
	struct gate_keeper keeper; /* the first: read_clock() is given it */
	struct gate_clock clock;
	struct storebox box;
	struct pool pool;
	struct account at[2];
};

static void
read_clock(struct gate_keeper *k, struct gate_clock *out)
{
	*out = ((struct bench *)k)->clock;
}

/* As after a start: accounts of which nothing is known. */
static void
begin(struct bench *b)
{
	static const char *const names[] = { "one", "two" };
	enum err e;

	assert_int_equal(storebox_open(&b->box, &store_lmdb, NULL), OK);
	pool_init(&b->pool, NULL, b->box.s);
	for (size_t i = 0; i < 2; i++) {
		memset(&b->at[i], 0, sizeof(b->at[i]));
		account_rec_init(&b->at[i].rec);
		b->at[i].rec.name = str_of(names[i]);
		b->at[i].rec.created_at = WALL - DAY_MS;
		b->at[i].provider = &provider_anthropic_compat;
		pool_insert(&b->pool, &b->at[i]);
	}
	gate_keeper_init(&b->keeper, NULL, b->box.s, &b->pool);
	b->keeper.read_clock = read_clock;
	e = gate_keeper_load(&b->keeper, NULL);
	assert_int_equal(e, OK);
	storebox_start(&b->box);
}

static enum err
nothing(struct txn *t, void *arg, struct why *out_why)
{
	(void)t;
	(void)arg;
	(void)out_why;
	return OK;
}

/* What has changed is with the store; behind it, nothing. */
static void
look(struct bench *b)
{
	gate_keeper_look(&b->keeper);
	assert_int_equal(storebox_run(&b->box, LANE_WRITE, nothing, NULL, NULL),
	    OK);
	assert_false(b->keeper.is_busy);
}

/* So much later by the machine's clock, and by the one on the wall; the new
 * process counts from elsewhere. */
static void
again(struct bench *b, int64_t later_ms, int64_t wall_ms)
{
	storebox_close(&b->box);
	b->clock.boot_ms += later_ms;
	b->clock.wall_ms += wall_ms;
	b->clock.now_ms = 5 * HOUR_MS;
	begin(b);
}

static int
setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));

	b->clock = (struct gate_clock){ .wall_ms = WALL,
		.boot_ms = 10 * HOUR_MS,
		.now_ms = HOUR_MS,
		.boot = "b1" };
	storebox_init(&b->box);
	begin(b);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	storebox_close(&b->box);
	storebox_fini(&b->box);
	free(b);
	return 0;
}

/* How long it is shut still. */
static int64_t
left(const struct bench *b, unsigned i, enum gate g)
{
	return b->at[i].gates.until_ms[g] - b->clock.now_ms;
}

static struct gate_part *
part(struct bench *b, const char *of, bool is_long, int64_t for_ms)
{
	struct gate_part *g = gate_part_of(&b->at[0].parts, str_of(of), is_long,
	    GATE_RATE, b->clock.now_ms);

	g->until_ms = b->clock.now_ms + for_ms;
	g->strikes = 2;
	snprintf(g->reason, sizeof(g->reason), "%s is used up", of);
	return g;
}

static void
what_is_shut_for_a_minute_and_more_is_shut_after_a_new_start(void **state)
{
	struct bench *b = *state;
	const struct gate_part *p;

	gate_shut(&b->at[0].gates, GATE_RATE, b->clock.now_ms + DAY_MS,
	    "429 of the week");
	b->at[0].gates.strikes[GATE_RATE] = 3;
	gate_shut(&b->at[0].gates, GATE_ERRORS, b->clock.now_ms + 59999, "500");
	gate_shut(&b->at[1].gates, GATE_CREDIT, b->clock.now_ms + HOUR_MS,
	    "402");
	part(b, "opus", false, 2 * HOUR_MS);
	part(b, "sonnet", true, 3 * HOUR_MS);
	part(b, "haiku", false, 1000);
	look(b);
	/* An hour, in which somebody turned the clock on the wall back. */
	again(b, HOUR_MS, -DAY_MS);
	assert_int_equal(left(b, 0, GATE_RATE), DAY_MS - HOUR_MS);
	assert_string_equal(b->at[0].gates.reason[GATE_RATE],
	    "429 of the week");
	assert_int_equal(b->at[0].gates.strikes[GATE_RATE], 3);
	assert_int_equal(b->at[0].gates.until_ms[GATE_ERRORS], 0);
	assert_int_equal(b->at[1].gates.until_ms[GATE_CREDIT], 0);
	assert_int_equal(b->at[0].parts.count, 2);
	p = &b->at[0].parts.at[0];
	assert_string_equal(p->of, "opus");
	assert_int_equal(p->until_ms - b->clock.now_ms, HOUR_MS);
	assert_int_equal(p->strikes, 2);
	assert_string_equal(p->reason, "opus is used up");
	p = &b->at[0].parts.at[1];
	assert_true(p->is_long);
	assert_int_equal(p->until_ms - b->clock.now_ms, 2 * HOUR_MS);
}

static void
a_clock_that_is_set_forward_frees_nobody(void **state)
{
	struct bench *b = *state;

	gate_shut(&b->at[0].gates, GATE_BLOCKED, b->clock.now_ms + DAY_MS, "");
	look(b);
	again(b, 1000, 365 * DAY_MS);
	assert_int_equal(left(b, 0, GATE_BLOCKED), DAY_MS - 1000);
	/* Nor when it is set right again; it is written anew meanwhile. */
	look(b);
	again(b, 1000, -365 * DAY_MS);
	assert_int_equal(left(b, 0, GATE_BLOCKED), DAY_MS - 2000);
}

static void
after_a_new_start_of_the_machine_the_wall_clock_counts(void **state)
{
	struct bench *b = *state;

	gate_shut(&b->at[0].gates, GATE_AUTH, b->clock.now_ms + DAY_MS, "");
	look(b);
	snprintf(b->clock.boot, sizeof(b->clock.boot), "b2");
	again(b, -9 * HOUR_MS, HOUR_MS);
	assert_int_equal(left(b, 0, GATE_AUTH), DAY_MS - HOUR_MS);
	look(b);
	/* It begins without knowing the time: not longer than it was. */
	snprintf(b->clock.boot, sizeof(b->clock.boot), "b3");
	again(b, 0, -10000 * DAY_MS);
	assert_int_equal(left(b, 0, GATE_AUTH), DAY_MS - HOUR_MS);
}

static void
what_was_opened_stays_open(void **state)
{
	struct bench *b = *state;

	gate_shut(&b->at[0].gates, GATE_RATE, b->clock.now_ms + DAY_MS, "");
	part(b, "opus", false, DAY_MS);
	look(b);
	again(b, 0, 0);
	assert_int_equal(left(b, 0, GATE_RATE), DAY_MS);
	account_open(&b->at[0]);
	look(b);
	again(b, 0, 0);
	assert_int_equal(b->at[0].gates.until_ms[GATE_RATE], 0);
	assert_int_equal(b->at[0].parts.count, 0);
}

static void
an_account_of_the_same_name_made_later_is_another_one(void **state)
{
	struct bench *b = *state;

	b->at[0].rec.created_at = WALL;
	gate_shut(&b->at[0].gates, GATE_RATE, b->clock.now_ms + DAY_MS, "");
	gate_shut(&b->at[1].gates, GATE_RATE, b->clock.now_ms + DAY_MS, "");
	look(b);
	again(b, 0, 0);
	assert_int_equal(b->at[0].gates.until_ms[GATE_RATE], 0);
	assert_int_equal(left(b, 1, GATE_RATE), DAY_MS);
}

static enum err
spoil(struct txn *t, void *arg, struct why *out_why)
{
	(void)arg;
	(void)out_why;
	return txn_put(t, TABLE_gate, STR("one"),
	    STR("\xff\xff no row at all"));
}

static void
a_row_that_cannot_be_read_is_none(void **state)
{
	struct bench *b = *state;
	enum gate which;

	gate_shut(&b->at[1].gates, GATE_RATE, b->clock.now_ms + DAY_MS, "");
	look(b);
	assert_int_equal(storebox_run(&b->box, LANE_WRITE, spoil, NULL, NULL),
	    OK);
	again(b, 0, 0);
	assert_int_equal(gate_until(&b->at[0].gates, b->clock.now_ms, &which),
	    0);
	assert_int_equal(left(b, 1, GATE_RATE), DAY_MS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_clock_that_is_set_frees_anybody_early),
		TEST(
		    what_is_shut_for_a_minute_and_more_is_shut_after_a_new_start),
		TEST(a_clock_that_is_set_forward_frees_nobody),
		TEST(after_a_new_start_of_the_machine_the_wall_clock_counts),
		TEST(what_was_opened_stays_open),
		TEST(an_account_of_the_same_name_made_later_is_another_one),
		TEST(a_row_that_cannot_be_read_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
