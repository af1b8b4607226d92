/* SPDX-License-Identifier: MIT */
/* test_sched.c - which account answers: sieves, priority, rest, probing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/sched.h"

#define NOW_MS 1000000

/* A pool of three that serve the same and rest equally long. */
struct stage {
	struct pool pool;
	struct account at[3];
	struct sched_ask ask;
	struct sched_choice choice;
};

static int
setup(void **state)
{
	static const char *const names[] = { "a", "b", "c" };
	struct stage *s = xcalloc(1, sizeof(*s));

	pool_init(&s->pool, NULL, NULL);
	for (size_t i = 0; i < 3; i++) {
		account_rec_init(&s->at[i].rec);
		s->at[i].rec.name = str_of(names[i]);
		s->at[i].provider = &provider_anthropic_compat;
		pool_insert(&s->pool, &s->at[i]);
	}
	s->ask = (struct sched_ask){ .dialect = &dialect_anthropic,
		.op = OP_GENERATE,
		.model = STR("claude-x"),
		.now_ms = NOW_MS };
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	free(*state);
	return 0;
}

/* The index of the one that is chosen, -1: nobody. */
static int
chosen(struct stage *s)
{
	sched_choose(&s->pool, &s->ask, &s->choice);
	return s->choice.account ? (int)(s->choice.account - s->at) : -1;
}

static void
shut(struct stage *s, unsigned i, enum gate g, int64_t for_ms)
{
	gate_shut(&s->at[i].gates, g, NOW_MS + for_ms, "test");
}

static void
the_one_that_rested_longest_is_next(void **state)
{
	struct stage *s = *state;

	s->at[0].used_us = 30;
	s->at[1].used_us = 10;
	s->at[2].used_us = 20;
	assert_int_equal(chosen(s), 1);
	s->at[1].used_us = 40;
	assert_int_equal(chosen(s), 2);
	s->at[2].used_us = 50;
	assert_int_equal(chosen(s), 0);
}

static void
a_lower_priority_number_comes_first_however_tired(void **state)
{
	struct stage *s = *state;

	s->at[2].rec.priority = 10;
	s->at[2].used_us = 99;
	assert_int_equal(chosen(s), 2);
	shut(s, 2, GATE_RATE, 1);
	assert_int_equal(chosen(s), 0);
}

static void
each_sieve_holds_back_and_is_counted(void **state)
{
	struct stage *s = *state;

	s->at[0].rec.held = true;
	assert_int_equal(chosen(s), 1);
	assert_int_equal(s->choice.fell[SIEVE_HELD], 1);
	s->at[1].rec.models = STR("gpt-*, o3");
	assert_int_equal(chosen(s), 2);
	assert_int_equal(s->choice.fell[SIEVE_MODEL], 1);
	s->at[1].rec.models = STR("gpt-*,claude-?");
	assert_int_equal(chosen(s), 1);
	s->ask.tried[s->ask.tried_count++] = &s->at[1];
	assert_int_equal(chosen(s), 2);
	assert_int_equal(s->choice.fell[SIEVE_TRIED], 1);
	shut(s, 2, GATE_RATE, 700);
	assert_int_equal(chosen(s), -1);
	assert_int_equal(s->choice.fell[SIEVE_GATED], 1);
	assert_int_equal(s->choice.soonest_ms, NOW_MS + 700);
	s->ask.dialect = &dialect_gemini;
	assert_int_equal(chosen(s), -1);
	assert_int_equal(s->choice.fell[SIEVE_KIND], 3);
	/* Whom one sieve holds back, no other counts. */
	assert_int_equal(s->choice.fell[SIEVE_HELD], 0);
}

static void
the_soonest_of_the_shut_ones_is_told(void **state)
{
	struct stage *s = *state;

	shut(s, 0, GATE_RATE, 900);
	shut(s, 1, GATE_AUTH, 300);
	shut(s, 2, GATE_CREDIT, 600);
	assert_int_equal(chosen(s), -1);
	assert_int_equal(s->choice.soonest_ms, NOW_MS + 300);
	s->ask.now_ms += 300;
	assert_int_equal(chosen(s), 1);
}

static void
one_that_failed_is_probed_by_one_request_when_nobody_better_is_there(void *
	*state)
{
	struct stage *s = *state;

	shut(s, 0, GATE_ERRORS, 500);
	s->at[0].rec.priority = 1;
	/* Somebody better is there. */
	assert_int_equal(chosen(s), 1);
	shut(s, 1, GATE_RATE, 500);
	shut(s, 2, GATE_AUTH, 500);
	assert_int_equal(chosen(s), 0);
	/* One request at a time. */
	s->at[0].in_flight = 1;
	assert_int_equal(chosen(s), -1);
	assert_int_equal(s->choice.fell[SIEVE_GATED], 3);
	s->at[0].in_flight = 0;
	shut(s, 0, GATE_UNREACHABLE, 500);
	assert_int_equal(chosen(s), 0);
	/* A refused credential is not refused less for asking again. */
	shut(s, 0, GATE_AUTH, 10);
	assert_int_equal(chosen(s), -1);
}

static void
one_whose_proxy_is_not_there_is_not_chosen(void **state)
{
	static char no_way[] = "there is no proxy \"tokyo\"";
	struct stage *s = *state;
	int64_t until;

	for (int i = 0; i < 2; i++)
		s->at[i].outlet.no_way = no_way;
	assert_int_equal(chosen(s), 2);
	assert_int_equal(s->choice.fell[SIEVE_PROXY], 2);
	assert_string_equal(account_state(&s->at[0], NOW_MS, &until),
	    "no-proxy");
	s->at[2].outlet.no_way = no_way;
	assert_int_equal(chosen(s), -1);
	assert_int_equal(s->choice.soonest_ms, 0);
}

static void
an_empty_pool_holds_nobody_back(void **state)
{
	struct stage *s = *state;

	pool_init(&s->pool, NULL, NULL);
	assert_int_equal(chosen(s), -1);
	for (int i = 0; i < SIEVE_COUNT; i++)
		assert_int_equal(s->choice.fell[i], 0);
	assert_int_equal(s->choice.soonest_ms, 0);
}

static void
one_with_as_many_requests_as_it_may_is_busy(void **state)
{
	struct stage *s = *state;

	s->at[0].rec.max_concurrency = 2;
	s->at[0].in_flight = 1;
	assert_int_equal(chosen(s), 0);
	s->at[0].in_flight = 2;
	assert_int_equal(chosen(s), 1);
	assert_int_equal(s->choice.fell[SIEVE_BUSY], 1);
	s->at[1].rec.held = s->at[2].rec.held = true;
	s->at[0].hold_ms = 8000;
	assert_int_equal(chosen(s), -1);
	assert_int_equal(s->choice.soonest_ms, NOW_MS + 4000);
	s->at[0].hold_ms = 0;
	assert_int_equal(chosen(s), -1);
	assert_int_equal(s->choice.soonest_ms, NOW_MS + 1000);
	s->at[0].rec.max_concurrency = 0;
	assert_int_equal(chosen(s), 0);
}

/* What becomes of a session that is bound to c, which a and b precede. */
static const struct {
	const char *what;
	enum gate gate; /* GATE_COUNT: none */
	int64_t for_ms;
	bool held, busy, tried, proxied;
	const char *models;
	int account;
	enum sched_bond bond;
} bonds[] = {
	{ "well", GATE_COUNT, 0, false, false, false, false, "", 2, BOND_KEPT },
	{ "held", GATE_COUNT, 0, true, false, false, false, "", 0, BOND_MOVED },
	{ "busy", GATE_COUNT, 0, false, true, false, false, "", 0, BOND_VISIT },
	{ "without the model", GATE_COUNT, 0, false, false, false, false, "x",
	    0, BOND_VISIT },
	{ "tried, and not to blame", GATE_COUNT, 0, false, false, true, false,
	    "", 0, BOND_VISIT },
	{ "tried, and failed", GATE_ERRORS, 5000, false, false, true, false, "",
	    0, BOND_MOVED },
	{ "failing", GATE_ERRORS, 5000, false, false, false, false, "", 0,
	    BOND_MOVED },
	{ "refused", GATE_AUTH, 5000, false, false, false, false, "", 0,
	    BOND_MOVED },
	{ "limited for a moment", GATE_RATE, 15000, false, false, false, false,
	    "", 0, BOND_VISIT },
	{ "limited for long", GATE_RATE, 15001, false, false, false, false, "",
	    0, BOND_MOVED },
	{ "not to be reached", GATE_UNREACHABLE, 5000, false, false, false,
	    false, "", 0, BOND_MOVED },
	{ "behind a broken proxy", GATE_UNREACHABLE, 5000, false, false, false,
	    true, "", 0, BOND_VISIT },
};

static void
a_session_leaves_its_account_for_a_fault_of_that_alone(void **state)
{
	struct stage *s = *state;
	struct account *c = &s->at[2];

	c->used_us = 99;
	c->rec.max_concurrency = 1;
	for (size_t i = 0; i < sizeof(bonds) / sizeof(bonds[0]); i++) {
		gate_open_all(&c->gates);
		if (bonds[i].gate != GATE_COUNT)
			shut(s, 2, bonds[i].gate, bonds[i].for_ms);
		c->rec.held = bonds[i].held;
		c->in_flight = bonds[i].busy;
		c->rec.models = str_of(bonds[i].models);
		c->rec.proxy = bonds[i].proxied ? STR("http://p") : STR("");
		s->ask.tried[0] = c;
		s->ask.tried_count = bonds[i].tried;
		s->ask.bound = c;
		s->ask.must_stay = false;
		if (chosen(s) != bonds[i].account ||
		    s->choice.bond != bonds[i].bond)
			print_error("%s\n", bonds[i].what);
		assert_int_equal(chosen(s), bonds[i].account);
		assert_int_equal(s->choice.bond, bonds[i].bond);
		/* In the middle of a turn it stays or waits, unless its
		 * account cannot serve this at all. */
		s->ask.must_stay = true;
		if (bonds[i].models[0])
			assert_int_equal(chosen(s), 0);
		else if (!bonds[i].tried && bonds[i].gate == GATE_ERRORS)
			assert_int_equal(chosen(s), 2);
		else if (bonds[i].account != 2 &&
		    bonds[i].gate != GATE_UNREACHABLE)
			assert_int_equal(chosen(s), -1);
	}
}

static void
a_slow_account_is_left_for_a_much_faster_one_when_a_person_speaks(void **state)
{
	struct stage *s = *state;

	s->ask.bound = &s->at[2];
	s->ask.slow_ms = 15000;
	s->ask.may_escape = true;
	s->at[2].used_us = 99;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(chosen(s), 2);
		account_note_ttft(&s->at[2], 16000);
		account_note_ttft(&s->at[0], 6000);
		account_note_ttft(&s->at[1], 5000);
	}
	assert_int_equal(chosen(s), 1);
	assert_int_equal(s->choice.bond, BOND_MOVED);
	s->ask.may_escape = false;
	assert_int_equal(chosen(s), 2);
	s->ask.may_escape = true;
	s->at[1].rec.held = true;
	assert_int_equal(chosen(s), 2);
	assert_int_equal(s->choice.bond, BOND_KEPT);
	s->at[1].rec.held = false;
	s->ask.slow_ms = 0;
	assert_int_equal(chosen(s), 2);
}

static void
whoever_is_chosen_nobody_who_is_well_is_better(void **state)
{
	struct stage *s = *state;
	uint32_t seed = 7;

	for (int round = 0; round < 5000; round++) {
		int best = -1, one;

		for (int i = 0; i < 3; i++) {
			struct account *a = &s->at[i];

			seed = seed * 1664525 + 1013904223;
			a->rec.priority = 1 + (seed >> 30);
			a->used_us = seed >> 27 & 7;
			a->rec.held = (seed >> 24 & 7) == 0;
			gate_open_all(&a->gates);
			if ((seed >> 21 & 3) == 0)
				shut(s, (unsigned)i,
				    seed >> 20 & 1 ? GATE_ERRORS : GATE_RATE,
				    9);
			if (a->rec.held || a->gates.until_ms[GATE_ERRORS] ||
			    a->gates.until_ms[GATE_RATE])
				continue;
			if (best < 0 ||
			    a->rec.priority < s->at[best].rec.priority ||
			    (a->rec.priority == s->at[best].rec.priority &&
				a->used_us < s->at[best].used_us))
				best = i;
		}
		one = chosen(s);
		if (best >= 0)
			assert_int_equal(one, best);
		else if (one >= 0)
			assert_true(s->at[one].gates.until_ms[GATE_ERRORS]);
		else
			assert_int_equal(s->choice.fell[SIEVE_HELD] +
				s->choice.fell[SIEVE_GATED],
			    3);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_one_that_rested_longest_is_next),
		TEST(a_lower_priority_number_comes_first_however_tired),
		TEST(each_sieve_holds_back_and_is_counted),
		TEST(the_soonest_of_the_shut_ones_is_told),
		TEST(
		    one_that_failed_is_probed_by_one_request_when_nobody_better_is_there),
		TEST(one_whose_proxy_is_not_there_is_not_chosen),
		TEST(an_empty_pool_holds_nobody_back),
		TEST(whoever_is_chosen_nobody_who_is_well_is_better),
		TEST(one_with_as_many_requests_as_it_may_is_busy),
		TEST(a_session_leaves_its_account_for_a_fault_of_that_alone),
		TEST(
		    a_slow_account_is_left_for_a_much_faster_one_when_a_person_speaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
