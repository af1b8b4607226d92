/* SPDX-License-Identifier: MIT */
/* test_retry.c - the budget of re-sends; and minutes of a provider's overload,
 * by a clock that the test turns, through what chooses accounts, judges their
 * failures and lets requests be sent again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/retry.h"
#include "relayd/sched.h"
#include "relayd/setting.h"
#include "relayd/verdict.h"

#define MINUTE_MS INT64_C(60000)

static void
a_tenth_of_the_last_minute_and_three_may_go_again(void **state)
{
	struct retry_budget b = { .second = 0 };
	struct settings s;
	int64_t now_ms = 7 * MINUTE_MS;

	(void)state;
	settings_default(&s);
	for (int i = 0; i < 3; i++) {
		assert_true(retry_left(&b, &s, now_ms));
		retry_taken(&b, now_ms);
	}
	assert_false(retry_left(&b, &s, now_ms));
	for (int i = 0; i < 19; i++)
		retry_asked(&b, now_ms);
	assert_true(retry_left(&b, &s, now_ms));
	retry_taken(&b, now_ms);
	/* 1.9 is no second one. */
	assert_false(retry_left(&b, &s, now_ms));
	retry_asked(&b, now_ms);
	assert_true(retry_left(&b, &s, now_ms));
	retry_taken(&b, now_ms);
	/* What was sent again counts for all of a minute. */
	assert_false(retry_left(&b, &s, now_ms + MINUTE_MS));
	assert_true(retry_left(&b, &s, now_ms + MINUTE_MS + 1000));
	s.retry_budget_floor = 0;
	assert_false(retry_left(&b, &s, now_ms + MINUTE_MS + 1000));
}

static void
what_was_asked_long_ago_lends_nothing(void **state)
{
	struct retry_budget b = { .second = 0 };
	struct settings s;

	(void)state;
	settings_default(&s);
	s.retry_budget_floor = 0;
	for (int i = 0; i < 1000; i++)
		retry_asked(&b, 59999);
	assert_true(retry_left(&b, &s, 59999));
	assert_true(retry_left(&b, &s, 118000));
	assert_false(retry_left(&b, &s, 119000));
	/* Nor after a night without a word. */
	retry_asked(&b, 900 * MINUTE_MS);
	assert_false(retry_left(&b, &s, 900 * MINUTE_MS));
}

static void
the_same_account_is_asked_after_one_second_then_two_or_as_it_says(void **state)
{
	static const struct {
		unsigned tries;
		int64_t told_ms, wait_ms;
	} cases[] = {
		{ 0, 0, 1000 },
		{ 1, 0, 2000 },
		{ 0, 500, 1000 },
		{ 1, 1500, 2000 },
		/* Less a tenth, as every wait may be, it is what was said. */
		{ 0, 9000, 10000 },
		{ 0, 3600000, 10000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(retry_same_wait_ms(cases[i].tries,
				     cases[i].told_ms),
		    cases[i].wait_ms);
}

/* --- a storm --------------------------------------------------------------- */

#define STEP_MS	  10
#define ANSWER_MS 50  /* a word of an overload comes after that */
#define SERVE_MS  400 /* an answer */
#define CALM_MS	  MINUTE_MS
#define STORM_MS  (5 * MINUTE_MS)
#define AFTER_MS  (30 * 1000)
#define END_MS	  (CALM_MS + STORM_MS + AFTER_MS)
#define CROWD	  40
#define SLOTS	  1024
#define SECONDS	  (END_MS / 1000)
#define STEPS	  (END_MS / STEP_MS)
#define BACK_MS	  2000

enum phase {
	NOWHERE,
	SENT,
	BACKING_OFF,
};

struct request {
	enum phase phase;
	bool good;
	int64_t due_ms;
	struct account *account;
	unsigned tries, same_tries;
};

struct weather {
	struct pool pool;
	struct account at[CROWD];
	char names[CROWD][16];
	struct request requests[SLOTS];
	struct retry_budget budget;
	struct settings settings;
	uint32_t seed;
	int64_t now_ms, told_ms;
	unsigned good_percent; /* in the storm */
	/* What there was: first tries and others of each step, good answers of
	 * each second. */
	unsigned asked[STEPS], again[STEPS], served[SECONDS];
	unsigned refused;
};

static uint32_t
draw(struct weather *w)
{
	w->seed = w->seed * 1664525 + 1013904223;
	return w->seed;
}

static bool
is_storm(const struct weather *w)
{
	return w->now_ms >= CALM_MS && w->now_ms < CALM_MS + STORM_MS;
}

/* Not before the machine has run for an hour. */
static int64_t
clock_ms(const struct weather *w)
{
	return w->now_ms + 60 * MINUTE_MS;
}

static struct weather *
weather_new(int64_t told_ms, unsigned good_percent)
{
	struct weather *w = xcalloc(1, sizeof(*w));

	pool_init(&w->pool, NULL, NULL);
	settings_default(&w->settings);
	w->told_ms = told_ms;
	w->good_percent = good_percent;
	w->seed = 5;
	for (int i = 0; i < CROWD; i++) {
		struct account *a = &w->at[i];

		snprintf(w->names[i], sizeof(w->names[i]), "a%02d", i);
		account_rec_init(&a->rec);
		a->rec.name = str_of(w->names[i]);
		a->rec.max_concurrency = 20;
		a->provider = &provider_anthropic_compat;
		pool_insert(&w->pool, a);
	}
	return w;
}

static void
send(struct weather *w, struct request *r)
{
	r->good = !is_storm(w) || draw(w) % 100 < w->good_percent;
	r->phase = SENT;
	r->due_ms = w->now_ms + (r->good ? SERVE_MS : ANSWER_MS);
	r->account->in_flight++;
	r->account->used_us = clock_ms(w) * 1000;
	r->tries++;
}

static void
arrive(struct weather *w)
{
	struct sched_choice choice;
	struct sched_ask ask = { .dialect = &dialect_anthropic,
		.op = OP_GENERATE,
		.model = STR("claude-x"),
		.now_ms = clock_ms(w) };
	struct request *r = w->requests;

	while (r->phase != NOWHERE)
		r++;
	assert_true(r < w->requests + SLOTS);
	*r = (struct request){ .tries = 0 };
	sched_choose(&w->pool, &ask, &choice);
	/* A storm puts no account out of use. */
	assert_non_null(choice.account);
	sched_took(&w->pool, &ask, &choice);
	r->account = choice.account;
	retry_asked(&w->budget, clock_ms(w));
	w->asked[w->now_ms / STEP_MS]++;
	send(w, r);
}

/* The exact sums of the last minute, by the test's own book: were there so few
 * re-sends that one more was right? */
static void
check_was_due(const struct weather *w)
{
	int64_t last = w->now_ms / STEP_MS, first = last - MINUTE_MS / STEP_MS;
	unsigned asked = 0, again = 0;

	for (int64_t i = first < 0 ? 0 : first + 1; i <= last; i++) {
		asked += w->asked[i];
		again += w->again[i];
	}
	if (again >= asked / 10 + 3)
		fail_msg("%u were sent again of %u", again, asked);
}

static void
overloaded(struct weather *w, struct request *r)
{
	const struct verdict_case said = { .status = 529,
		.kind = STR("anthropic-compat"),
		.body = STR("overloaded_error") };
	const struct verdict *v = verdict_find(&said);

	assert_int_equal(v->next, NEXT_SAME);
	assert_int_equal(v->scope, SCOPE_PROVIDER);
	account_note_crowd(r->account, clock_ms(w), draw(w));
	if (r->same_tries >= RETRY_SAME_MAX ||
	    r->tries >= w->settings.attempts_max ||
	    !retry_left(&w->budget, &w->settings, clock_ms(w))) {
		w->refused++;
		r->phase = NOWHERE;
		return;
	}
	check_was_due(w);
	retry_taken(&w->budget, clock_ms(w));
	w->again[w->now_ms / STEP_MS]++;
	r->phase = BACKING_OFF;
	r->due_ms = w->now_ms + retry_same_wait_ms(r->same_tries++, w->told_ms);
}

static void
go_on(struct weather *w, struct request *r)
{
	if (r->phase == NOWHERE || r->due_ms > w->now_ms)
		return;
	if (r->phase == BACKING_OFF) {
		send(w, r);
		return;
	}
	r->account->in_flight--;
	if (!r->good) {
		overloaded(w, r);
		return;
	}
	gate_succeeded(&r->account->gates, clock_ms(w));
	w->served[w->now_ms / 1000]++;
	r->phase = NOWHERE;
}

static void
check_after(const struct weather *w, unsigned per_second)
{
	unsigned asked = 0, again = 0;
	enum gate which;

	for (int64_t i = CALM_MS / STEP_MS; i < (CALM_MS + STORM_MS) / STEP_MS;
	     i++) {
		asked += w->asked[i];
		again += w->again[i];
	}
	/* Its last minutes' tenths, one floor for each, and they are used. */
	assert_in_range(again, asked / 20, asked / 10 + 3 * 6);
	assert_true(w->refused > 0);
	for (int64_t i = (CALM_MS + STORM_MS + BACK_MS) / 1000; i < SECONDS;
	     i++)
		if (w->served[i] < per_second)
			fail_msg("in second %lld %u answers, not %u",
			    (long long)i, w->served[i], per_second);
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(gate_until(&w->at[i].gates, clock_ms(w),
				     &which),
		    0);
}

static void
five_minutes_of_overload_are_no_storm_of_retries_and_over_in_two_seconds(void *
	*state)
{
	static const struct {
		unsigned per_step;
		int64_t told_ms;
		unsigned good_percent;
	} cases[] = {
		{ 1, 0, 0 },
		{ 3, 0, 0 },
		{ 1, 7000, 0 },
		{ 3, 0, 30 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weather *w =
		    weather_new(cases[i].told_ms, cases[i].good_percent);
		bool was_soft = false;

		for (; w->now_ms < END_MS; w->now_ms += STEP_MS) {
			for (int k = 0; k < SLOTS; k++)
				go_on(w, &w->requests[k]);
			for (unsigned k = 0; k < cases[i].per_step; k++)
				arrive(w);
			if (w->now_ms == CALM_MS + STORM_MS)
				was_soft = w->at[0].soft_until_ms > clock_ms(w);
		}
		assert_true(was_soft);
		check_after(w, cases[i].per_step * 1000 / STEP_MS);
		free(w);
	}
}

static void
who_says_so_three_times_in_a_minute_is_asked_last_for_half_a_minute(void *
	*state)
{
	struct account a = { .used_us = 0 };

	(void)state;
	account_note_crowd(&a, 1000000, 0);
	account_note_crowd(&a, 1059999, 0);
	assert_int_equal(a.soft_until_ms, 0);
	/* The first of three is a minute ago. */
	account_note_crowd(&a, 1060000, 0);
	assert_int_equal(a.soft_until_ms, 0);
	account_note_crowd(&a, 1060001, 0);
	assert_int_equal(a.soft_until_ms, 1060001 + 27000);
	account_note_crowd(&a, 1060002, UINT32_MAX);
	assert_int_equal(a.soft_until_ms, 1060002 + 33000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_tenth_of_the_last_minute_and_three_may_go_again),
		cmocka_unit_test(what_was_asked_long_ago_lends_nothing),
		cmocka_unit_test(
		    the_same_account_is_asked_after_one_second_then_two_or_as_it_says),
		cmocka_unit_test(
		    who_says_so_three_times_in_a_minute_is_asked_last_for_half_a_minute),
		cmocka_unit_test(
		    five_minutes_of_overload_are_no_storm_of_retries_and_over_in_two_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
