/* SPDX-License-Identifier: MIT */
/* test_sched.c - which account answers: sieves, priority, rest, probing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/group.h"
#include "relayd/sched.h"
#include "relayd/verdict.h"

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
when_it_may_be_used_again_one_request_tries_it_and_others_go_elsewhere(void *
	*state)
{
	struct stage *s = *state;
	struct account *a = &s->at[0];

	a->rec.priority = 1;
	shut(s, 0, GATE_ERRORS, 500);
	a->gates.strikes[GATE_ERRORS] = 1;
	s->ask.now_ms += 500;
	/* The first one. */
	assert_int_equal(chosen(s), 0);
	a->in_flight = 1;
	a->used_us = s->ask.now_ms * 1000;
	assert_int_equal(chosen(s), 1);
	/* A session of its own goes elsewhere too, and comes back. */
	s->ask.bound = a;
	assert_int_equal(chosen(s), 1);
	assert_int_equal(s->choice.bond, BOND_VISIT);
	s->ask.bound = NULL;
	/* Nobody else is there: it is not given up on. */
	s->at[1].rec.held = s->at[2].rec.held = true;
	assert_int_equal(chosen(s), 0);
	s->at[1].rec.held = s->at[2].rec.held = false;
	/* It does not come to an end. */
	s->ask.now_ms += 9999;
	assert_int_equal(chosen(s), 1);
	s->ask.now_ms += 1;
	assert_int_equal(chosen(s), 0);
	s->ask.now_ms -= 10000;
	/* It went well. */
	gate_succeeded(&a->gates, s->ask.now_ms);
	assert_int_equal(chosen(s), 0);
}

static void
a_try_that_fails_doubles_the_wait(void **state)
{
	static const int64_t waits_s[] = { 5, 10, 20, 40 };
	const struct verdict_case failure = { .status = 500,
		.kind = STR("anthropic-compat") };
	struct stage *s = *state;
	struct account *a = &s->at[0];

	s->at[1].rec.held = s->at[2].rec.held = true;
	for (size_t i = 0; i < 4; i++) {
		struct verdict_blow b = { .now_ms = s->ask.now_ms,
			.began_ms = s->ask.now_ms,
			.own_ms = VERDICT_OWN_NONE,
			.random = UINT32_MAX / 2 + 1,
			.reason = "" };

		assert_int_equal(chosen(s), 0);
		assert_int_equal(verdict_apply(verdict_find(&failure),
				     &a->gates, &b),
		    s->ask.now_ms + waits_s[i] * 1000);
		a->in_flight = 1;
		assert_int_equal(chosen(s), -1);
		assert_int_equal(s->choice.soonest_ms,
		    a->gates.until_ms[GATE_ERRORS]);
		a->in_flight = 0;
		s->ask.now_ms += waits_s[i] * 1000;
	}
}

static void
a_limit_of_some_models_leaves_an_account_to_the_others(void **state)
{
	struct stage *s = *state;
	struct account *a = &s->at[0];
	struct gate_part *g =
	    gate_part_of(&a->parts, STR("opus"), false, GATE_RATE, NOW_MS);

	g->until_ms = NOW_MS + 700;
	s->ask.model = STR("claude-opus-9");
	assert_int_equal(chosen(s), 1);
	assert_int_equal(s->choice.fell[SIEVE_FAMILY], 1);
	s->ask.model = STR("claude-sonnet-9");
	assert_int_equal(chosen(s), 0);
	s->ask.model = STR("claude-opus-9");
	s->at[1].rec.held = s->at[2].rec.held = true;
	assert_int_equal(chosen(s), -1);
	assert_int_equal(s->choice.soonest_ms, NOW_MS + 700);
	s->at[1].rec.held = false;
	/* A session of that model goes, for long; for a moment, on a visit. */
	s->ask.bound = a;
	assert_int_equal(chosen(s), 1);
	assert_int_equal(s->choice.bond, BOND_VISIT);
	g->until_ms = NOW_MS + SCHED_SHORT_MS + 1;
	assert_int_equal(chosen(s), 1);
	assert_int_equal(s->choice.bond, BOND_MOVED);
	/* Also when it is this very request that was told so. */
	s->ask.tried[s->ask.tried_count++] = a;
	assert_int_equal(chosen(s), 1);
	assert_int_equal(s->choice.bond, BOND_MOVED);
	s->ask.tried_count = 0;
	s->ask.now_ms = g->until_ms;
	assert_int_equal(chosen(s), 0);
	assert_int_equal(s->choice.bond, BOND_KEPT);
}

static void
near_the_end_of_a_window_new_sessions_go_before_bound_ones(void **state)
{
	static const struct window_stop stop = { .at_ppm = 850000 };
	struct stage *s = *state;
	struct account *a = &s->at[0];
	struct window *w = window_of(&a->windows, STR("5h"));

	w->used_ppm = 860000;
	w->reset_at = 7000;
	windows_turn(&a->windows, &stop, 0, NOW_MS, 0);
	assert_int_equal(chosen(s), 1);
	assert_int_equal(s->choice.fell[SIEVE_WINDOW], 1);
	s->ask.bound = a;
	assert_int_equal(chosen(s), 0);
	assert_int_equal(s->choice.bond, BOND_KEPT);
	w->used_ppm = 900000;
	windows_turn(&a->windows, &stop, 0, NOW_MS, 0);
	assert_int_equal(chosen(s), 1);
	assert_int_equal(s->choice.bond, BOND_MOVED);
	assert_int_equal(s->choice.left, SIEVE_WINDOW);
	s->ask.bound = NULL;
	s->at[1].rec.held = s->at[2].rec.held = true;
	assert_int_equal(chosen(s), -1);
	assert_int_equal(s->choice.soonest_ms, NOW_MS + 8000);
	s->ask.now_ms += 8000;
	assert_int_equal(chosen(s), 0);
}

static void
who_is_overloaded_comes_after_all_others_and_is_used_all_the_same(void **state)
{
	struct stage *s = *state;

	s->at[0].rec.priority = 1;
	s->at[0].soft_until_ms = NOW_MS + 1;
	s->at[1].used_us = 9;
	assert_int_equal(chosen(s), 2);
	s->at[2].soft_until_ms = NOW_MS + 1;
	assert_int_equal(chosen(s), 1);
	/* All of them: as if none was. */
	s->at[1].soft_until_ms = NOW_MS + 1;
	assert_int_equal(chosen(s), 0);
	/* Before one that has failed. */
	s->at[0].rec.held = s->at[1].rec.held = true;
	assert_int_equal(chosen(s), 2);
	s->at[1].rec.held = false;
	s->at[1].soft_until_ms = 0;
	shut(s, 1, GATE_ERRORS, 500);
	assert_int_equal(chosen(s), 2);
	/* A session stays. */
	s->at[0].rec.held = false;
	s->at[0].soft_until_ms = 0;
	s->ask.bound = &s->at[2];
	assert_int_equal(chosen(s), 2);
	assert_int_equal(s->choice.bond, BOND_KEPT);
	s->ask.bound = NULL;
	s->ask.now_ms++;
	s->at[2].soft_until_ms = NOW_MS + 1;
	s->at[0].rec.held = true;
	assert_int_equal(chosen(s), 2);
}

static void
a_way_out_that_rests_is_not_taken(void **state)
{
	struct stage *s = *state;
	struct proxy p = { .rest_until_ms = NOW_MS + 900 };

	s->at[0].outlet.via = s->at[1].outlet.via = &p;
	assert_int_equal(chosen(s), 2);
	assert_int_equal(s->choice.fell[SIEVE_PROXY], 2);
	s->at[2].rec.held = true;
	assert_int_equal(chosen(s), -1);
	assert_int_equal(s->choice.soonest_ms, NOW_MS + 900);
	s->ask.now_ms += 900;
	assert_int_equal(chosen(s), 0);
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
	s->at[1].in_flight = s->at[2].in_flight = 1;
	assert_int_equal(chosen(s), 0);
	s->at[0].in_flight = 2;
	s->at[1].in_flight = s->at[2].in_flight = 9;
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

/* --- strategies ------------------------------------------------------------ */

/* See who answers one request after the other. */
static void
play(struct stage *s, const char *weights, const char *want)
{
	char got[32] = "";
	size_t n = strlen(want);

	for (int i = 0; i < 3; i++) {
		s->at[i].rec.weight = (uint64_t)(weights[i] - '0');
		s->at[i].had = s->at[i].used_us = 0;
	}
	s->pool.level = 0;
	for (size_t i = 0; i < n; i++) {
		int one = chosen(s);

		assert_in_range(one, 0, 2);
		sched_took(&s->pool, &s->ask, &s->choice);
		s->at[one].used_us = (int64_t)i + 1;
		got[i] = (char)('a' + one);
	}
	assert_string_equal(got, want);
}

static const struct {
	enum strategy strategy;
	const char *weights, *want;
} turns[] = {
	{ STRATEGY_LRU, "111", "abcabcabc" },
	{ STRATEGY_LRU, "511", "abcabcabc" },
	{ STRATEGY_WEIGHTED, "111", "abcabcabc" },
	{ STRATEGY_WEIGHTED, "511", "aaabcaaaaabcaa" },
	{ STRATEGY_WEIGHTED, "123", "cbcabccbcabc" },
	{ STRATEGY_WEIGHTED, "000", "abcabc" },
	{ STRATEGY_FILL, "119", "aaaaaa" },
};

static void
each_strategy_gives_its_turns(void **state)
{
	struct stage *s = *state;

	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
		s->ask.strategy = turns[i].strategy;
		play(s, turns[i].weights, turns[i].want);
	}
}

static void
nobody_saves_turns_up_while_it_is_held(void **state)
{
	struct stage *s = *state;
	unsigned count = 0;

	s->ask.strategy = STRATEGY_WEIGHTED;
	s->at[2].rec.held = true;
	play(s, "111", "abababababababab");
	s->at[2].rec.held = false;
	for (int i = 0; i < 9; i++) {
		count += chosen(s) == 2;
		sched_took(&s->pool, &s->ask, &s->choice);
	}
	assert_in_range(count, 3, 4);
}

static void
who_has_the_fewest_requests_under_way_is_next(void **state)
{
	struct stage *s = *state;

	s->at[0].in_flight = 2;
	s->at[1].in_flight = 1;
	s->at[2].in_flight = 1;
	s->at[1].used_us = 9;
	assert_int_equal(chosen(s), 2);
	s->at[2].in_flight = 2;
	assert_int_equal(chosen(s), 1);
}

static void
whoever_is_full_is_not_filled_further(void **state)
{
	struct stage *s = *state;

	s->ask.strategy = STRATEGY_FILL;
	s->at[0].rec.max_concurrency = 3;
	for (unsigned i = 0; i < 3; i++) {
		s->at[0].in_flight = i;
		assert_int_equal(chosen(s), 0);
	}
	s->at[0].in_flight = 3;
	assert_int_equal(chosen(s), 1);
}

static void
use_up(struct account *a, const char *name, int64_t ppm, int64_t reset_at)
{
	struct window *w = window_of(&a->windows, str_of(name));

	w->used_ppm = ppm;
	w->reset_at = reset_at;
}

/* Three accounts: how much of the window is used, requests under way of the
 * most there may be, and when the window ends. */
static const struct {
	struct {
		int64_t used_ppm, reset_at;
		unsigned now, most;
	} of[3];
	int want;
} rooms[] = {
	{ { { 500000, 0, 0, 0 }, { 400000, 0, 0, 0 }, { 900000, 0, 0, 0 } },
	    1 },
	/* 0.6 x 0.5 + 0.4 x 1 = 0.70, 0.6 x 1 + 0.4 x 0.25 = 0.70, 0.6 x 0.6 +
	 * 0.4 x 0.9 = 0.72. */
	{ { { 500000, 0, 0, 4 }, { 0, 0, 3, 4 }, { 400000, 0, 1, 10 } }, 2 },
	/* Equal: the one whose window ends first, told or not. */
	{ { { 500000, 900, 0, 0 }, { 500000, 800, 0, 0 }, { 500000, 0, 0, 0 } },
	    1 },
	/* A window that has ended is empty. */
	{ { { 100000, 900, 0, 0 }, { 990000, 10, 0, 0 }, { 100000, 0, 0, 0 } },
	    1 },
	/* More than the whole is nothing left, and no less. */
	{ { { 1500000, 0, 0, 0 }, { 1000000, 0, 0, 0 }, { 999999, 0, 0, 0 } },
	    2 },
};

static void
headroom_is_what_is_left_of_limits_and_places(void **state)
{
	struct stage *s = *state;

	s->ask.strategy = STRATEGY_HEADROOM;
	s->ask.now_wall_ms = 100;
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		for (int k = 0; k < 3; k++) {
			struct account *a = &s->at[k];

			use_up(a, "7d", 1000, 0);
			use_up(a, "5h", rooms[i].of[k].used_ppm,
			    rooms[i].of[k].reset_at);
			a->in_flight = rooms[i].of[k].now;
			a->rec.max_concurrency = rooms[i].of[k].most;
		}
		if (chosen(s) != rooms[i].want)
			print_error("row %zu\n", i);
		assert_int_equal(chosen(s), rooms[i].want);
	}
}

/* --- tiers ----------------------------------------------------------------- */

static struct binding
bind_to(struct account *first, struct group *then, bool last_pool)
{
	struct binding b = { .count = 0 };

	if (first)
		b.tier[b.count++] =
		    (struct tier){ .kind = TIER_ACCOUNT, .account = first };
	if (then)
		b.tier[b.count++] =
		    (struct tier){ .kind = TIER_GROUP, .group = then };
	if (last_pool)
		b.tier[b.count++] = (struct tier){ .kind = TIER_POOL };
	return b;
}

static void
tiers_are_asked_in_their_order(void **state)
{
	struct stage *s = *state;
	struct group_member members[] = { { .account = &s->at[1] } };
	struct group g = { .members = members, .count = 1 };
	struct binding b = bind_to(&s->at[2], &g, false);

	s->ask.binding = &b;
	s->at[0].rec.priority = 1;
	assert_int_equal(chosen(s), 2);
	assert_int_equal(s->choice.tier, 0);
	s->at[2].rec.held = true;
	assert_int_equal(chosen(s), 1);
	assert_int_equal(s->choice.tier, 1);
	assert_ptr_equal(s->choice.member, &members[0]);
	/* No tier has one, and none of them is the pool. */
	s->at[1].rec.held = true;
	assert_int_equal(chosen(s), -1);
	assert_int_equal(s->choice.fell[SIEVE_HELD], 2);
	b = bind_to(&s->at[2], &g, true);
	assert_int_equal(chosen(s), 0);
	assert_int_equal(s->choice.tier, 2);
}

static void
a_member_has_its_own_priority_weight_and_strategy(void **state)
{
	struct stage *s = *state;
	struct group_member members[] = { { .account = &s->at[0] },
		{ .account = &s->at[1], .priority = 1 },
		{ .account = &s->at[2], .priority = 1, .weight = 3 } };
	struct group g = { .members = members,
		.count = 3,
		.has_strategy = true,
		.strategy = STRATEGY_WEIGHTED };
	struct binding b = bind_to(NULL, &g, false);

	s->ask.binding = &b;
	s->ask.strategy = STRATEGY_FILL;
	s->at[0].rec.priority = 2;
	play(s, "911", "ccbcccbc");
	s->at[1].rec.held = s->at[2].rec.held = true;
	assert_int_equal(chosen(s), 0);
	s->ask.binding = NULL;
	s->at[1].rec.held = false;
	assert_int_equal(chosen(s), 0);
}

static void
a_tier_is_not_left_for_a_short_wait_by_who_can_wait(void **state)
{
	struct stage *s = *state;
	struct binding b = bind_to(&s->at[2], NULL, true);

	s->ask.binding = &b;
	s->ask.tier_wait_ms = 5000;
	shut(s, 2, GATE_RATE, 5000);
	assert_int_equal(chosen(s), 0);
	assert_false(s->choice.is_worth_waiting);
	s->ask.may_wait = true;
	assert_int_equal(chosen(s), -1);
	assert_true(s->choice.is_worth_waiting);
	assert_int_equal(s->choice.tier, 0);
	assert_int_equal(s->choice.soonest_ms, NOW_MS + 5000);
	shut(s, 2, GATE_RATE, 5001);
	assert_int_equal(chosen(s), 0);
	/* What was tried is not waited for. */
	gate_open_all(&s->at[2].gates);
	s->ask.tried[s->ask.tried_count++] = &s->at[2];
	assert_int_equal(chosen(s), 0);
}

static void
a_serial_account_serves_one_turn_at_a_time(void **state)
{
	const struct relay *mine = (const struct relay *)&state;
	const struct relay *other = (const struct relay *)state;
	struct stage *s = *state;
	struct account *a = &s->at[0];

	for (unsigned i = 1; i < 3; i++)
		s->at[i].rec.held = true;
	a->turn = other;
	s->ask.turn = mine;
	/* It is not serial, or what asks is no turn. */
	assert_int_equal(chosen(s), 0);
	a->rec.serial = true;
	s->ask.turn = NULL;
	assert_int_equal(chosen(s), 0);
	s->ask.turn = mine;
	assert_int_equal(chosen(s), -1);
	assert_int_equal(s->choice.fell[SIEVE_TURN], 1);
	assert_true(s->choice.soonest_ms > NOW_MS);
	/* The one whose turn it is may be asked about again. */
	a->turn = mine;
	assert_int_equal(chosen(s), 0);
	/* After it there is a gap. */
	a->turn = NULL;
	a->turn_free_ms = NOW_MS + SCHED_TURN_GAP_MS;
	assert_int_equal(chosen(s), -1);
	assert_int_equal(s->choice.soonest_ms, a->turn_free_ms);
	a->turn_free_ms = NOW_MS;
	assert_int_equal(chosen(s), 0);
}

static void
a_longer_rest_ends_no_bond_that_is_dear(void **state)
{
	static const struct {
		int64_t rest_ms, stay_ms;
		enum sched_bond bond;
	} cases[] = {
		{ 15000, 0, BOND_VISIT },
		{ 15001, 0, BOND_MOVED },
		{ 15001, SCHED_DEAR_MS, BOND_VISIT },
		{ 30000, SCHED_DEAR_MS, BOND_VISIT },
		{ 30001, SCHED_DEAR_MS, BOND_MOVED },
	};
	struct stage *s = *state;

	s->ask.bound = &s->at[0];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		gate_open_all(&s->at[0].gates);
		shut(s, 0, GATE_RATE, cases[i].rest_ms);
		s->ask.stay_ms = cases[i].stay_ms;
		assert_true(chosen(s) > 0);
		assert_int_equal(s->choice.bond, cases[i].bond);
	}
}

static const struct {
	const char *share;
	bool by_pool, by_group, by_name;
} shares[] = {
	{ "", true, true, true },
	{ "pool", true, true, true },
	{ "group", false, true, true },
	{ "bound", false, false, true },
};

static void
how_an_account_is_shared_says_who_may_use_it(void **state)
{
	struct stage *s = *state;
	struct account *a = &s->at[0];
	struct group_member members[] = { { .account = a } };
	struct group g = { .members = members, .count = 1 };
	const struct binding of[] = { bind_to(NULL, NULL, true),
		bind_to(NULL, &g, false), bind_to(a, NULL, false) };

	s->at[1].rec.held = s->at[2].rec.held = true;
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		const bool want[] = { shares[i].by_pool, shares[i].by_group,
			shares[i].by_name };

		a->rec.share = str_of(shares[i].share);
		for (int k = 0; k < 3; k++) {
			s->ask.binding = &of[k];
			s->ask.bound = NULL;
			assert_int_equal(chosen(s), want[k] ? 0 : -1);
			assert_int_equal(s->choice.fell[SIEVE_SHARE], !want[k]);
			/* A session does not stay where its key may not be. */
			s->ask.bound = a;
			assert_int_equal(chosen(s), want[k] ? 0 : -1);
		}
		s->ask.bound = NULL;
		s->ask.binding = NULL;
		assert_int_equal(chosen(s), want[0] ? 0 : -1);
	}
}

static void
a_session_leaves_an_account_that_its_key_is_no_longer_bound_to(void **state)
{
	struct stage *s = *state;
	struct binding b = bind_to(&s->at[1], NULL, false);

	s->ask.binding = &b;
	s->ask.bound = &s->at[0];
	assert_int_equal(chosen(s), 1);
	assert_int_equal(s->choice.bond, BOND_MOVED);
	assert_int_equal(s->choice.left, SIEVE_SHARE);
	s->ask.must_stay = true;
	assert_int_equal(chosen(s), 1);
	/* Where it is in a later tier it stays. */
	b = bind_to(&s->at[1], NULL, true);
	assert_int_equal(chosen(s), 0);
	assert_int_equal(s->choice.bond, BOND_KEPT);
}

static void
one_whose_time_is_over_is_not_chosen(void **state)
{
	struct stage *s = *state;
	int64_t until;

	s->at[0].is_expired = true;
	assert_int_equal(chosen(s), 1);
	assert_int_equal(s->choice.fell[SIEVE_EXPIRED], 1);
	assert_string_equal(account_state(&s->at[0], NOW_MS, &until),
	    "expired");
	s->ask.bound = &s->at[0];
	assert_int_equal(chosen(s), 1);
	assert_int_equal(s->choice.bond, BOND_MOVED);
}

/* --- explaining ------------------------------------------------------------ */

struct told {
	unsigned count;
	struct sched_candidate at[100];
};

static void
on_told(void *arg, const struct sched_candidate *c)
{
	struct told *t = arg;

	t->at[t->count++] = *c;
}

static void
every_candidate_of_every_tier_is_explained(void **state)
{
	struct stage *s = *state;
	struct binding b = bind_to(&s->at[2], NULL, true);
	struct told t = { .count = 0 };
	char text[TIER_TEXT];

	s->ask.binding = &b;
	s->at[0].rec.held = true;
	shut(s, 1, GATE_RATE, 70);
	sched_explain(&s->pool, &s->ask, on_told, &t, &s->choice);
	assert_int_equal(t.count, 4);
	assert_ptr_equal(t.at[0].account, &s->at[2]);
	assert_int_equal(t.at[0].sieve, SIEVE_COUNT);
	assert_int_equal(t.at[1].tier, 1);
	assert_int_equal(t.at[1].sieve, SIEVE_HELD);
	assert_int_equal(t.at[2].sieve, SIEVE_GATED);
	assert_int_equal(t.at[2].until_ms, NOW_MS + 70);
	assert_int_equal(t.at[3].sieve, SIEVE_COUNT);
	assert_ptr_equal(s->choice.account, &s->at[2]);
	sched_tier_text(&s->ask, 0, text);
	assert_string_equal(text, "acct:c");
	sched_tier_text(&s->ask, 1, text);
	assert_string_equal(text, "pool");
}

/* --- in any pool ----------------------------------------------------------- */

#define CROWD 40

static uint32_t
any(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)*seed * below >> 32);
}

static void
shuffle(struct stage *s, struct account *at, uint32_t *seed)
{
	static const char *const words[] = { "", "group", "bound" };

	for (int i = 0; i < CROWD; i++) {
		struct account *a = &at[i];

		a->rec.priority = 1 + any(seed, 3);
		a->rec.weight = any(seed, 4);
		a->rec.held = any(seed, 6) == 0;
		a->is_forbidden = any(seed, 9) == 0;
		a->is_expired = any(seed, 9) == 0;
		a->rec.share = str_of(words[any(seed, 3)]);
		a->rec.max_concurrency = any(seed, 3);
		a->in_flight = any(seed, 3);
		a->used_us = any(seed, 5);
		a->had = any(seed, 3) * STRATEGY_TURN;
		gate_open_all(&a->gates);
		if (any(seed, 5) == 0)
			gate_shut(&a->gates, GATE_RATE, NOW_MS + 50, "");
	}
	s->ask.strategy = (enum strategy)any(seed, STRATEGY_COUNT);
	s->ask.may_wait = any(seed, 2);
	s->ask.tier_wait_ms = any(seed, 100);
	s->ask.bound = any(seed, 2) ? &at[any(seed, CROWD)] : NULL;
}

/* Of all candidates that no sieve holds back none stands in a tier before the
 * chosen one's, nor in its tier before it; a session's account excepted, which
 * is kept. */
static void
check_nobody_is_better(struct stage *s)
{
	const struct sched_candidate *one = NULL;
	struct sched_choice again;
	struct told t = { .count = 0 };

	sched_explain(&s->pool, &s->ask, on_told, &t, &again);
	for (unsigned i = 0; i < t.count && !one; i++)
		if (t.at[i].account == s->choice.account &&
		    t.at[i].tier == s->choice.tier)
			one = &t.at[i];
	if (!one) {
		fail_msg("chosen was somebody who is no candidate");
		return;
	}
	assert_int_equal(one->sieve, SIEVE_COUNT);
	if (s->choice.bond == BOND_KEPT && s->choice.account == s->ask.bound)
		return;
	for (unsigned i = 0; i < t.count; i++) {
		if (t.at[i].sieve != SIEVE_COUNT)
			continue;
		assert_true(t.at[i].tier >= one->tier);
		if (t.at[i].tier == one->tier)
			assert_true(sched_compare(&t.at[i], one) >= 0);
	}
}

static void
whatever_the_pool_the_choice_is_allowed_and_nobody_is_better(void **state)
{
	struct stage *s = *state;
	struct account *at = xcalloc(CROWD, sizeof(at[0]));
	struct group_member members[CROWD / 2];
	struct group g = { .members = members, .count = CROWD / 2 };
	struct binding b = bind_to(&at[7], &g, true);
	char names[CROWD][4];
	uint32_t seed = 11;

	pool_init(&s->pool, NULL, NULL);
	for (int i = 0; i < CROWD; i++) {
		account_rec_init(&at[i].rec);
		snprintf(names[i], sizeof(names[i]), "%02d", i);
		at[i].rec.name = str_of(names[i]);
		at[i].provider = &provider_anthropic_compat;
		pool_insert(&s->pool, &at[i]);
		if (i % 2 == 0)
			members[i / 2] =
			    (struct group_member){ .account = &at[i] };
	}
	for (int round = 0; round < 20000; round++) {
		struct sched_choice again;

		shuffle(s, at, &seed);
		s->ask.binding = any(&seed, 2) ? &b : NULL;
		sched_choose(&s->pool, &s->ask, &s->choice);
		sched_choose(&s->pool, &s->ask, &again);
		assert_ptr_equal(again.account, s->choice.account);
		assert_int_equal(again.tier, s->choice.tier);
		if (!s->choice.account)
			continue;
		assert_false(s->choice.account->rec.held);
		assert_false(s->choice.account->is_forbidden);
		assert_false(s->choice.account->is_expired);
		assert_false(s->choice.account->gates.until_ms[GATE_RATE]);
		check_nobody_is_better(s);
	}
	free(at);
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
		TEST(
		    when_it_may_be_used_again_one_request_tries_it_and_others_go_elsewhere),
		TEST(a_try_that_fails_doubles_the_wait),
		TEST(a_limit_of_some_models_leaves_an_account_to_the_others),
		TEST(
		    near_the_end_of_a_window_new_sessions_go_before_bound_ones),
		TEST(
		    who_is_overloaded_comes_after_all_others_and_is_used_all_the_same),
		TEST(a_way_out_that_rests_is_not_taken),
		TEST(one_whose_proxy_is_not_there_is_not_chosen),
		TEST(an_empty_pool_holds_nobody_back),
		TEST(whoever_is_chosen_nobody_who_is_well_is_better),
		TEST(one_with_as_many_requests_as_it_may_is_busy),
		TEST(a_session_leaves_its_account_for_a_fault_of_that_alone),
		TEST(
		    a_slow_account_is_left_for_a_much_faster_one_when_a_person_speaks),
		TEST(each_strategy_gives_its_turns),
		TEST(nobody_saves_turns_up_while_it_is_held),
		TEST(who_has_the_fewest_requests_under_way_is_next),
		TEST(whoever_is_full_is_not_filled_further),
		TEST(headroom_is_what_is_left_of_limits_and_places),
		TEST(tiers_are_asked_in_their_order),
		TEST(a_member_has_its_own_priority_weight_and_strategy),
		TEST(a_tier_is_not_left_for_a_short_wait_by_who_can_wait),
		TEST(a_serial_account_serves_one_turn_at_a_time),
		TEST(a_longer_rest_ends_no_bond_that_is_dear),
		TEST(how_an_account_is_shared_says_who_may_use_it),
		TEST(
		    a_session_leaves_an_account_that_its_key_is_no_longer_bound_to),
		TEST(one_whose_time_is_over_is_not_chosen),
		TEST(every_candidate_of_every_tier_is_explained),
		TEST(
		    whatever_the_pool_the_choice_is_allowed_and_nobody_is_better),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
