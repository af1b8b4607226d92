/* SPDX-License-Identifier: MIT */
/* test_budget.c - limits: what is reserved and charged, in windows of all
 * kinds, and what is left of it after a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/habit.h"
#include "relayd/zone.h"

#define HOUR INT64_C(3600000)
/* 2026-11-20 16:00 in UTC. */
#define START INT64_C(1795190400000)

struct box {
	struct budgets all;
	struct zone *zone;
	struct apikey key;
	struct account account;
	struct budget_now now;
	unsigned told[8], told_count;
};

static void
on_alert(void *arg, const struct budget *b, unsigned percent)
{
	struct box *box = arg;

	(void)b;
	if (box->told_count < 8)
		box->told[box->told_count] = percent;
	box->told_count++;
}

static int
setup(void **state)
{
	struct box *box = xcalloc(1, sizeof(*box));

	box->zone = zone_new(STR("UTC"));
	budgets_init(&box->all, NULL, NULL, box->zone);
	box->all.alert = on_alert;
	box->all.alert_arg = box;
	box->key.rec = (struct apikey_rec){ .id = STR("kaaaaaaaa"),
		.owner = STR("uid:7"),
		.tags = STR("team, night"),
		.rev = 1 };
	box->account.rec = (struct account_rec){
		.name = STR("main"), .kind = STR("claude-api"), .rev = 1
	};
	box->now = (struct budget_now){ START, START };
	*state = box;
	return 0;
}

static int
teardown(void **state)
{
	struct box *box = *state;

	budget_set_free(box->key.budgets);
	budget_set_free(box->account.budgets);
	budgets_fini(&box->all);
	zone_free(box->zone);
	free(box);
	return 0;
}

/* --- making them ----------------------------------------------------------- */

static struct budget *
budget_of(const struct zone *z, const char *id, const char *scope,
    const char *subject, const char *class, const char *unit,
    const char *window, int64_t amount, const char *action)
{
	struct budget_rec r = { .id = str_of(id),
		.scope = str_of(scope),
		.subject = str_of(subject),
		.class = str_of(class),
		.unit = str_of(unit),
		.window = str_of(window),
		.amount = amount,
		.action = str_of(action),
		.rev = 1 };
	struct budget *b = xcalloc(1, sizeof(*b));
	struct buf out;
	size_t len;
	char *blob;

	buf_init(&out, 4096);
	assert_int_equal(budget_rec_write(&r, &out), OK);
	blob = buf_take(&out, &len);
	buf_fini(&out);
	assert_int_equal(budget_adopt(b, z, blob, len), OK);
	return b;
}

static struct budget *
add(struct box *box, const char *id, const char *unit, const char *window,
    int64_t amount)
{
	struct budget *b = budget_of(box->zone, id, "key", "kaaaaaaaa", "",
	    unit, window, amount, "deny");

	budgets_insert(&box->all, b);
	return b;
}

static struct reservation *
take(struct box *box, int64_t cost, struct budget_refusal *out)
{
	struct reservation *r =
	    reservation_new(&box->all, STR("claude-opus-4-8"));
	const struct budget_set *of = budgets_of_key(&box->all, &box->key);

	for (int i = 0; i < BUDGET_UNITS; i++)
		r->need.of[i] = cost;
	r->need.of[BUDGET_REQUESTS] = 1;
	if (reservation_take_key(&box->all, r, of, box->now, out))
		return r;
	reservation_settle(&box->all, r, NULL, box->now);
	return NULL;
}

static void
settle(struct box *box, struct reservation *r, int64_t cost)
{
	struct budget_need truth;

	for (int i = 0; i < BUDGET_UNITS; i++)
		truth.of[i] = cost;
	truth.of[BUDGET_REQUESTS] = 1;
	reservation_settle(&box->all, r, &truth, box->now);
}

static void
pass(struct box *box, int64_t ms)
{
	box->now.wall_ms += ms;
	box->now.steady_ms += ms;
}

/* --- one after the other ---------------------------------------------------- */

static void
requests_at_once_get_no_more_than_there_is(void **state)
{
	struct box *box = *state;
	struct budget *b = add(box, "baaaaaaaa", "cost_real", "day", 1000);
	struct reservation *held[10];
	struct budget_refusal why;

	for (int i = 0; i < 10; i++) {
		held[i] = take(box, 100, &why);
		assert_non_null(held[i]);
	}
	assert_null(take(box, 1, &why));
	assert_ptr_equal(why.b, b);
	assert_int_equal(why.used, 0);
	assert_int_equal(why.reserved, 1000);
	assert_int_equal(why.asked, 1);
	assert_int_equal(why.amount, 1000);
	assert_int_equal(why.resets_at_ms, START + 8 * HOUR);
	/* One of them costs less, one more, one nothing. */
	settle(box, held[0], 40);
	assert_int_equal(b->used, 40);
	assert_int_equal(b->reserved, 900);
	settle(box, held[1], 130);
	reservation_settle(&box->all, held[2], NULL, box->now);
	assert_int_equal(b->used, 170);
	assert_int_equal(b->reserved, 700);
	held[0] = take(box, 130, &why);
	assert_non_null(held[0]);
	assert_null(take(box, 1, &why));
	reservation_settle(&box->all, held[0], NULL, box->now);
	for (int i = 3; i < 10; i++)
		settle(box, held[i], 100);
	assert_int_equal(b->used, 870);
	assert_int_equal(b->reserved, 0);
}

static void
what_is_free_passes_while_there_is_money(void **state)
{
	struct box *box = *state;
	struct budget *b = add(box, "baaaaaaaa", "cost_real", "day", 10);
	struct budget_refusal why;
	struct reservation *r = take(box, 9, &why), *free_one;

	assert_non_null(r);
	free_one = take(box, 0, &why);
	assert_non_null(free_one);
	assert_int_equal(b->reserved, 9);
	settle(box, free_one, 0);
	settle(box, r, 10);
	assert_null(take(box, 0, &why));
	assert_ptr_equal(why.b, b);
	assert_int_equal(why.used, 10);
	assert_int_equal(why.resets_at_ms, START + 8 * HOUR);
	assert_int_equal(b->reserved, 0);
	box->now.wall_ms += 8 * HOUR;
	r = take(box, 0, &why);
	assert_non_null(r);
	settle(box, r, 0);
}

static void
a_limit_of_tokens_lets_pass_what_has_none(void **state)
{
	struct box *box = *state;
	struct budget_refusal why;
	struct reservation *r;

	add(box, "baaaaaaaa", "output", "day", 0);
	r = take(box, 0, &why);
	assert_non_null(r);
	settle(box, r, 0);
}

static void
a_new_day_begins_with_nothing(void **state)
{
	struct box *box = *state;
	struct budget *b = add(box, "baaaaaaaa", "cost_real", "day@20:00", 100);
	struct budget_refusal why;
	struct reservation *r = take(box, 60, &why), *late;

	assert_null(take(box, 60, &why));
	assert_int_equal(why.resets_at_ms, START + 4 * HOUR);
	pass(box, 4 * HOUR);
	/* What is under way was let in yesterday, and is charged there. */
	late = take(box, 60, &why);
	assert_non_null(late);
	settle(box, r, 60);
	assert_int_equal(b->used, 0);
	assert_int_equal(b->reserved, 60);
	settle(box, late, 50);
	assert_int_equal(b->used, 50);
	assert_int_equal(b->reserved, 0);
	/* A clock that is set back does not open it again. */
	box->now.wall_ms -= 12 * HOUR;
	assert_null(take(box, 60, &why));
}

static void
another_zone_begins_with_the_next_window(void **state)
{
	struct box *box = *state;
	struct budget *b = add(box, "baaaaaaaa", "cost_real", "day", 100);
	struct zone *berlin = zone_new(STR("Europe/Berlin"));
	struct budget_refusal why;
	struct budget *again;

	settle(box, take(box, 60, &why), 60);
	budgets_use_zone(&box->all, berlin);
	assert_null(take(box, 60, &why));
	assert_int_equal(why.resets_at_ms, START + 8 * HOUR);
	pass(box, 8 * HOUR);
	settle(box, take(box, 60, &why), 60);
	assert_int_equal(b->end_ms, START + 31 * HOUR);
	/* After a restart it is of the new zone, and nothing is lost. */
	again = budget_of(berlin, "baaaaaaaa", "key", "kaaaaaaaa", "",
	    "cost_real", "day", 100, "deny");
	budget_recall(again, START - 16 * HOUR, 60, box->now);
	budget_recall(again, START + 8 * HOUR, 60, box->now);
	assert_int_equal(again->used, 60);
	free(again->blob);
	free(again);
	budgets_use_zone(&box->all, box->zone);
	zone_free(berlin);
}

static void
a_window_from_the_first_use(void **state)
{
	struct box *box = *state;
	struct budget *b = add(box, "baaaaaaaa", "requests", "5h", 2);
	struct budget_refusal why;
	struct budget_view v;

	budget_look(b, box->now, &v);
	assert_int_equal(v.end_ms, 0);
	settle(box, take(box, 1, &why), 1);
	pass(box, 5 * HOUR - 1);
	settle(box, take(box, 1, &why), 1);
	assert_null(take(box, 1, &why));
	assert_int_equal(why.resets_at_ms, START + 5 * HOUR);
	budget_look(b, box->now, &v);
	assert_int_equal(v.used, 2);
	assert_int_equal(v.end_ms, START + 5 * HOUR);
	/* The wall clock is of no concern to it, but how the end is told. */
	box->now.wall_ms += 100 * HOUR;
	assert_null(take(box, 1, &why));
	assert_int_equal(why.resets_at_ms, START + 105 * HOUR);
	pass(box, 1);
	settle(box, take(box, 1, &why), 1);
	assert_int_equal(b->used, 1);
	assert_int_equal(b->begin_ms, START + 5 * HOUR);
}

static void
a_sliding_window_never_holds_more(void **state)
{
	struct box *box = *state;
	struct budget *b = add(box, "baaaaaaaa", "cost_real", "8h-sliding", 80);
	struct budget_refusal why;

	/* Ten in each of eight hours. */
	for (int i = 0; i < 8; i++) {
		settle(box, take(box, 10, &why), 10);
		pass(box, HOUR);
	}
	assert_int_equal(b->used, 80);
	assert_null(take(box, 10, &why));
	/* The first eighth is free when all of it is older than the window. */
	assert_int_equal(why.resets_at_ms, START + 9 * HOUR);
	pass(box, HOUR - 1);
	assert_null(take(box, 10, &why));
	pass(box, 1);
	settle(box, take(box, 10, &why), 10);
	assert_null(take(box, 10, &why));
	assert_int_equal(why.resets_at_ms, START + 10 * HOUR);
	pass(box, 100 * HOUR);
	settle(box, take(box, 80, &why), 80);
	assert_int_equal(b->used, 80);
}

static void
for_life(void **state)
{
	struct box *box = *state;
	struct budget_refusal why;

	add(box, "baaaaaaaa", "cost_real", "life", 100);
	settle(box, take(box, 100, &why), 100);
	pass(box, 10000 * HOUR);
	assert_null(take(box, 1, &why));
	assert_int_equal(why.resets_at_ms, 0);
}

static void
every_budget_of_a_key_has_its_say(void **state)
{
	static const struct {
		const char *scope, *subject, *class;
		bool applies;
	} cases[] = {
		{ "key", "kaaaaaaaa", "", true },
		{ "key", "kaaaaaaaa", "claude*", true },
		{ "key", "kaaaaaaaa", "gpt*", false },
		{ "key", "kbbbbbbbb", "", false },
		{ "tag", "team", "", true },
		{ "tag", "night", "", true },
		{ "tag", "nigh", "", false },
		{ "user", "uid:7", "", true },
		{ "user", "uid:8", "", false },
		{ "all", "", "", true },
		{ "all", "", "*opus*", true },
		{ "account", "main", "", false },
	};
	struct box *box = *state;
	struct budget_refusal why;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct budget *b = budget_of(box->zone, "baaaaaaaa",
		    cases[i].scope, cases[i].subject, cases[i].class, "tokens",
		    "month", 10,
		    str_eq(str_of(cases[i].scope), STR("account")) ? "hold"
								   : "deny");
		struct reservation *r;

		budgets_insert(&box->all, b);
		r = take(box, 11, &why);
		if ((r == NULL) != cases[i].applies)
			fail_msg("case %zu", i);
		if (r)
			settle(box, r, 11);
		budgets_remove(&box->all, b);
	}
}

static void
what_changes_is_looked_up_anew(void **state)
{
	struct box *box = *state;
	struct budget_refusal why;
	struct budget *b;

	assert_null(budgets_of_key(&box->all, &box->key));
	b = budget_of(box->zone, "baaaaaaaa", "tag", "new", "", "tokens", "day",
	    1, "deny");
	budgets_insert(&box->all, b);
	settle(box, take(box, 5, &why), 5);
	assert_int_equal(b->used, 0);
	box->key.rec.tags = STR("new");
	box->key.rec.rev++;
	assert_null(take(box, 5, &why));
	budgets_remove(&box->all, b);
	add(box, "bbbbbbbbb", "tokens", "day", 9);
	settle(box, take(box, 5, &why), 5);
	assert_null(take(box, 5, &why));
}

static void
a_budget_that_goes_is_kept_for_who_reserved_it(void **state)
{
	struct box *box = *state;
	struct budget *b = add(box, "baaaaaaaa", "tokens", "day", 100);
	struct budget_refusal why;
	struct reservation *r = take(box, 5, &why);

	budgets_remove(&box->all, b);
	assert_int_equal(b->reserved, 5);
	settle(box, r, 5);
	assert_int_equal(box->all.count, 0);
}

static void
a_warning_refuses_nobody(void **state)
{
	struct box *box = *state;
	struct budget *b = budget_of(box->zone, "baaaaaaaa", "all", "", "",
	    "tokens", "day", 100, "warn");
	struct budget_refusal why;

	budgets_insert(&box->all, b);
	for (int i = 0; i < 4; i++)
		settle(box, take(box, 50, &why), 50);
	assert_int_equal(b->used, 200);
	assert_int_equal(box->told_count, 1);
	assert_int_equal(box->told[0], 100);
}

static void
each_step_is_told_once_in_a_window(void **state)
{
	struct box *box = *state;
	struct budget_refusal why;

	add(box, "baaaaaaaa", "tokens", "day", 100);
	settle(box, take(box, 79, &why), 79);
	assert_int_equal(box->told_count, 0);
	settle(box, take(box, 1, &why), 1);
	settle(box, take(box, 1, &why), 1);
	settle(box, take(box, 9, &why), 9);
	assert_null(take(box, 11, &why));
	settle(box, take(box, 10, &why), 10);
	assert_null(take(box, 1, &why));
	assert_int_equal(box->told_count, 3);
	assert_int_equal(box->told[0], 80);
	assert_int_equal(box->told[1], 90);
	assert_int_equal(box->told[2], BUDGET_REFUSED);
	pass(box, 24 * HOUR);
	settle(box, take(box, 95, &why), 95);
	assert_int_equal(box->told_count, 4);
	assert_int_equal(box->told[3], 90);
}

static void
accounts_are_held_and_not_charged_twice(void **state)
{
	struct box *box = *state;
	struct account other = { .rec = { .name = STR("other"),
				     .kind = STR("openai-api"),
				     .rev = 1 } };
	struct budget *b = budget_of(box->zone, "baaaaaaaa", "account", "main",
	    "", "tokens", "day", 100, "hold");
	struct budget *kinds = budget_of(box->zone, "bbbbbbbbb", "platform",
	    "*-api", "", "tokens", "day", 1000, "warn");
	struct budget_need need = { .of = { 1, 60, 60, 60, 60, 60 } };
	struct reservation *r;
	struct str m = STR("m");

	budgets_insert(&box->all, b);
	budgets_insert(&box->all, kinds);
	assert_int_equal(budgets_hold_until(&box->all, &box->account, m, &need,
			     box->now),
	    0);
	r = reservation_new(&box->all, m);
	r->need = need;
	reservation_take_account(&box->all, r,
	    budgets_of_account(&box->all, &box->account), box->now);
	assert_int_equal(b->reserved, 60);
	assert_int_equal(kinds->reserved, 60);
	assert_int_equal(budgets_hold_until(&box->all, &box->account, m, &need,
			     box->now),
	    START + 8 * HOUR);
	/* The other account is asked instead. */
	reservation_take_account(&box->all, r,
	    budgets_of_account(&box->all, &other), box->now);
	assert_int_equal(b->reserved, 0);
	assert_int_equal(kinds->reserved, 60);
	settle(box, r, 50);
	assert_int_equal(b->used, 0);
	assert_int_equal(kinds->used, 50);
	need.of[BUDGET_TOKENS] = 101;
	assert_true(budgets_hold_until(&box->all, &box->account, m, &need,
			box->now) == INT64_MAX);
	budget_set_free(other.budgets);
}

/* --- words ----------------------------------------------------------------- */

static void
amounts_are_read_as_people_say_them(void **state)
{
	static const struct {
		const char *said;
		enum budget_unit unit;
		int64_t amount;
		const char *shown;
	} cases[] = {
		{ "20 usd", BUDGET_COST_REAL, 20000000, "20.00 usd" },
		{ "20usd", BUDGET_COST_REAL, 20000000, "20.00 usd" },
		{ "$0.000001", BUDGET_COST_REAL, 1, "0.000001 usd" },
		{ " $ 2.5 ", BUDGET_COST_REAL, 2500000, "2.50 usd" },
		{ "1k usd", BUDGET_COST_REAL, 1000000000, "1000.00 usd" },
		{ "3 USD rated", BUDGET_COST_RATED, 3000000, "3.00 usd rated" },
		{ "1.5M tokens", BUDGET_TOKENS, 1500000, "1500000 tokens" },
		{ "200k output", BUDGET_OUTPUT, 200000,
		    "200000 output tokens" },
		{ "7 input tokens", BUDGET_INPUT, 7, "7 input tokens" },
		{ "1 request", BUDGET_REQUESTS, 1, "1 request" },
		{ "0 requests", BUDGET_REQUESTS, 0, "0 requests" },
		{ "0.00 usd", BUDGET_COST_REAL, 0, "0.00 usd" },
		{ "2g tokens", BUDGET_TOKENS, 2000000000, "2000000000 tokens" },
	};
	static const char *const wrong[] = { "", "20", "usd", "20 eur",
		"-1 usd", "1e99 usd", "$5 usd", "$5k tokens", "1 2 usd",
		"9007199254740993 tokens", "1.2.3 usd", "k tokens",
		"0.0000001 usd", "$0.0000004", "0.2 requests",
		"0.0001k tokens" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[BUDGET_TEXT];
		enum budget_unit unit;
		int64_t amount;

		if (budget_amount_read(str_of(cases[i].said), &unit, &amount,
			NULL))
			fail_msg("%s", cases[i].said);
		assert_int_equal(unit, cases[i].unit);
		assert_int_equal(amount, cases[i].amount);
		budget_amount_text(unit, amount, text);
		assert_string_equal(text, cases[i].shown);
		assert_int_equal(budget_amount_read(str_of(text), &unit,
				     &amount, NULL),
		    OK);
		assert_int_equal(amount, cases[i].amount);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		enum budget_unit unit;
		int64_t amount;
		struct why why;

		if (budget_amount_read(str_of(wrong[i]), &unit, &amount,
			&why) != ERR_VALUE)
			fail_msg("\"%s\" passes", wrong[i]);
		assert_string_equal(why.field, "limit");
	}
}

static void
charges_come_back_as_they_went(void **state)
{
	static const char *const wrong[] = { "b@1r", "baaaaaaaa@r",
		"baaaaaaaa@1x", "baaaaaaaa", "baaaaaaaa@-1r", "baaaaaaaa@",
		"baaaaaaaa@1", " ", "@" };
	struct spent_charge c;
	struct buf out;
	struct str rest;

	(void)state;
	buf_init(&out, SPENT_TEXT_MAX);
	for (unsigned u = 0; u < BUDGET_UNITS; u++) {
		c = (struct spent_charge){ STR("baaaaaaaa"), START + u,
			(enum budget_unit)u };
		assert_int_equal(spent_put(&out, &c), OK);
	}
	rest = buf_str(&out);
	for (unsigned u = 0; u < BUDGET_UNITS; u++) {
		assert_true(spent_next(&rest, &c));
		assert_true(str_eq(c.id, STR("baaaaaaaa")));
		assert_int_equal(c.at_ms, START + u);
		assert_int_equal(c.unit, u);
	}
	assert_false(spent_next(&rest, &c));
	buf_fini(&out);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		rest = str_of(wrong[i]);
		if (spent_next(&rest, &c))
			fail_msg("\"%s\" passes", wrong[i]);
	}
}

/* --- habits ---------------------------------------------------------------- */

static void
a_key_teaches_what_it_usually_asks(void **state)
{
	struct habit *h = habit_new();
	struct usage u, said = { .input = 100, .cache_read = 900 };
	struct str m = STR("claude-opus-4-8");

	(void)state;
	habit_guess(NULL, m, 35000, 0, &u);
	assert_int_equal(u.input, 10000);
	assert_int_equal(u.output, 4096);
	habit_guess(h, m, 35000, 64, &u);
	assert_int_equal(u.output, 64);
	/* 3500 bytes are 1000 tokens, as guessed; outputs 1 to 100. */
	for (int i = 1; i <= 100; i++) {
		said.output = i;
		habit_learn(h, m, 3500, &said);
	}
	habit_guess(h, m, 35000, 0, &u);
	assert_int_equal(u.input, 1000);
	assert_int_equal(u.cache_read, 9000);
	/* Of the last fifty, 51 to 100. */
	assert_int_equal(u.output, 95);
	habit_guess(h, m, 35000, 50, &u);
	assert_int_equal(u.output, 50);
	/* A conversation that begins anew counts at once. */
	said.input = 1000;
	said.cache_read = 0;
	habit_learn(h, m, 3500, &said);
	habit_guess(h, m, 35000, 0, &u);
	assert_int_equal(u.cache_read, 0);
	assert_int_equal(u.input, 10000);
	/* Twice as many tokens as guessed. */
	said.input = 2000;
	for (int i = 0; i < 50; i++)
		habit_learn(h, m, 3500, &said);
	habit_guess(h, m, 35000, 0, &u);
	assert_true(u.input > 19900 && u.input <= 20000);
	/* Other models come and go; nonsense teaches nothing. */
	for (int i = 0; i < 100; i++) {
		char name[100];

		snprintf(name, sizeof(name), "model-%d-%060d", i, i);
		habit_learn(h, str_of(name), 3500, &said);
	}
	said.input = -5;
	habit_learn(h, m, 3500, &said);
	habit_learn(h, m, 0, &said);
	habit_guess(h, m, 35000, 0, &u);
	assert_int_equal(u.output, 4096);
	habit_free(h);
}

/* --- a million steps -------------------------------------------------------- */

#define KEYS	6
#define BUDGETS 24
#define LIVE	64

static uint64_t
rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

struct row {
	int64_t at_ms, sum;
};

struct walk {
	struct budgets all;
	struct zone *zone;
	struct apikey keys[KEYS];
	char ids[KEYS][16], names[BUDGETS][16];
	struct budget *b[BUDGETS];
	struct budget_now now;
	uint64_t seed;
	struct reservation *live[LIVE];
	/* What the store keeps. */
	struct row rows[BUDGETS][SPENT_ROWS_MAX];
	unsigned row_count[BUDGETS];
	bool honest; /* nothing costs more than was reserved */
	unsigned refused, taken, settled;
};

static void
book_one(struct walk *w, unsigned nr, int64_t at_ms, int64_t amount)
{
	struct row *rows = w->rows[nr], *oldest = &rows[0];
	unsigned count = w->row_count[nr];

	for (unsigned i = 0; i < count; i++) {
		if (rows[i].at_ms == at_ms) {
			rows[i].sum += amount;
			return;
		}
		if (rows[i].at_ms < oldest->at_ms)
			oldest = &rows[i];
	}
	if (count < SPENT_ROWS_MAX)
		oldest = &rows[w->row_count[nr]++];
	else if (oldest->at_ms > at_ms)
		return;
	*oldest = (struct row){ at_ms, amount };
}

static void
book(struct walk *w, struct reservation *r, const struct budget_need *truth)
{
	struct str rest = reservation_text(r);
	struct spent_charge c;

	while (spent_next(&rest, &c)) {
		unsigned nr = (unsigned)(c.id.at[1] - 'a');

		if (truth->of[c.unit])
			book_one(w, nr, c.at_ms, truth->of[c.unit]);
	}
}

static void
end_one(struct walk *w, unsigned i)
{
	struct reservation *r = w->live[i];
	struct budget_need truth = { .of = { 0 } };
	unsigned how = (unsigned)(rnd(&w->seed) % 8);

	w->live[i] = NULL;
	for (int u = 0; how && u < BUDGET_UNITS; u++) {
		int64_t most = r->need.of[u];

		if (!w->honest && how == 1)
			most = most * 3 + 5;
		truth.of[u] = (int64_t)(rnd(&w->seed) % (uint64_t)(most + 1));
	}
	if (how)
		truth.of[BUDGET_REQUESTS] = 1;
	book(w, r, &truth);
	reservation_settle(&w->all, r, how ? &truth : NULL, w->now);
	w->settled++;
}

static void
begin_one(struct walk *w, unsigned i)
{
	struct apikey *k = &w->keys[rnd(&w->seed) % KEYS];
	struct budget_refusal why;
	struct reservation *r = reservation_new(&w->all,
	    rnd(&w->seed) % 3 ? STR("claude-sonnet") : STR("gpt-5"));

	for (int u = 0; u < BUDGET_UNITS; u++)
		r->need.of[u] = (int64_t)(rnd(&w->seed) % 50);
	r->need.of[BUDGET_REQUESTS] = 1;
	if (reservation_take_key(&w->all, r, budgets_of_key(&w->all, k), w->now,
		&why)) {
		w->live[i] = r;
		w->taken++;
		return;
	}
	assert_true(why.used + why.reserved + why.asked > why.amount);
	assert_true(why.resets_at_ms == 0 || why.resets_at_ms > w->now.wall_ms);
	reservation_settle(&w->all, r, NULL, w->now);
	w->refused++;
}

static int64_t
held_of(const struct walk *w, const struct budget *b)
{
	bool all = b->window.kind >= CYCLE_SLIDING;
	int64_t held = 0;

	for (int n = 0; n < LIVE; n++) {
		const struct reservation *r = w->live[n];

		for (unsigned h = 0; r && h < r->count; h++)
			if (r->hold[h].b == b &&
			    (all || r->hold[h].at_ms == b->begin_ms))
				held += r->hold[h].amount;
	}
	return held;
}

/* What is reserved is what those under way hold, and never too much. */
static void
check(struct walk *w)
{
	for (int i = 0; i < BUDGETS; i++) {
		struct budget_view v;

		budget_look(w->b[i], w->now, &v);
		assert_int_equal(v.reserved, held_of(w, w->b[i]));
		assert_true(v.used >= 0 && v.reserved >= 0);
		if (w->honest && w->b[i]->action == BUDGET_DENY)
			assert_true(v.used + v.reserved <= v.amount);
	}
}

static int
older(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

/* A budget that only has what the store kept has used as much. */
static void
restart(struct walk *w)
{
	for (int i = 0; i < BUDGETS; i++) {
		struct budget *b = xcalloc(1, sizeof(*b));
		struct budget_view was, is;
		struct buf out;
		size_t len;
		char *blob;

		buf_init(&out, 4096);
		assert_int_equal(budget_rec_write(&w->b[i]->rec, &out), OK);
		blob = buf_take(&out, &len);
		assert_int_equal(budget_adopt(b, w->zone, blob, len), OK);
		qsort(w->rows[i], w->row_count[i], sizeof(w->rows[i][0]),
		    older);
		for (unsigned n = 0; n < w->row_count[i]; n++)
			budget_recall(b, w->rows[i][n].at_ms, w->rows[i][n].sum,
			    w->now);
		budget_look(w->b[i], w->now, &was);
		budget_look(b, w->now, &is);
		if (is.used != was.used)
			fail_msg("%.*s %.*s: %lld, not %lld",
			    STR_ARG(b->rec.id), STR_ARG(b->rec.window),
			    (long long)is.used, (long long)was.used);
		free(b->blob);
		free(b);
	}
}

static void
furnish(struct walk *w)
{
	static const struct {
		const char *window;
		int64_t amount;
	} windows[] = { { "hour", 3000 }, { "day", 50000 },
		{ "week@wed/02:30", 300000 }, { "month@25", 900000 },
		{ "5h", 15000 }, { "90m", 4000 }, { "1d-sliding", 50000 },
		{ "1m-sliding", 120 }, { "life", 4000000 },
		{ "day@02:30", 50000 } };
	static const char *const scopes[] = { "key", "tag", "user", "all" };
	static const char *const units[] = { "requests", "input", "output",
		"tokens", "cost_real", "cost_rated" };
	static const char *const tags[] = { "", "a", "b", "a,b", "c", "a,c" };

	for (int i = 0; i < KEYS; i++) {
		snprintf(w->ids[i], sizeof(w->ids[i]), "k%08d", i);
		w->keys[i].rec = (struct apikey_rec){ .id = str_of(w->ids[i]),
			.owner = i % 2 ? STR("x") : STR("y"),
			.tags = str_of(tags[i]),
			.rev = 1 };
	}
	for (int i = 0; i < BUDGETS; i++) {
		const char *scope = scopes[i % 4];
		const char *subject = i % 4 == 0 ? w->ids[i / 4 % KEYS]
		    : i % 4 == 1		 ? (i % 8 == 1 ? "a" : "b")
		    : i % 4 == 2		 ? (i % 8 == 2 ? "x" : "y")
						 : "";

		snprintf(w->names[i], sizeof(w->names[i]), "b%caaaaaaa",
		    'a' + i);
		w->b[i] = budget_of(w->zone, w->names[i], scope, subject,
		    i % 3 == 1 ? "claude*" : "", units[i % 6],
		    windows[i % 10].window,
		    windows[i % 10].amount / (i % 6 ? 1 : 25),
		    i % 7 == 6 ? "warn" : "deny");
		budgets_insert(&w->all, w->b[i]);
	}
}

static void
walk(bool honest, const char *zone, int64_t from_ms, unsigned steps)
{
	struct walk *w = xcalloc(1, sizeof(*w));

	w->zone = zone_new(str_of(zone));
	budgets_init(&w->all, NULL, NULL, w->zone);
	w->seed = 88172645463325252u;
	w->honest = honest;
	w->now = (struct budget_now){ from_ms, from_ms };
	furnish(w);
	for (unsigned step = 0; step < steps; step++) {
		unsigned i = (unsigned)(rnd(&w->seed) % LIVE);
		int64_t ms = (int64_t)(rnd(&w->seed) % 20000);

		/* Now and then nothing happens for a while. */
		if (rnd(&w->seed) % 500 == 0)
			ms *= 200;
		w->now.wall_ms += ms;
		w->now.steady_ms += ms;
		if (w->live[i])
			end_one(w, i);
		else
			begin_one(w, i);
		if (step % 64 == 0)
			check(w);
		if (step % 4096 == 0)
			restart(w);
	}
	for (unsigned i = 0; i < LIVE; i++)
		if (w->live[i])
			end_one(w, i);
	check(w);
	restart(w);
	assert_int_equal(w->taken, w->settled);
	assert_true(w->refused > steps / 20 && w->taken > steps / 20);
	for (int i = 0; i < BUDGETS; i++)
		assert_int_equal(w->b[i]->users, 0);
	for (int i = 0; i < KEYS; i++)
		budget_set_free(w->keys[i].budgets);
	budgets_fini(&w->all);
	zone_free(w->zone);
	free(w);
}

/* Through the days on which clocks change. */
static void
three_quarters_of_a_million_steps_never_pass_the_amount(void **state)
{
	(void)state;
	walk(true, "Europe/Berlin", INT64_C(1774000000000), 750000);
}

static void
three_quarters_of_a_million_steps_that_cost_more_than_was_thought(void **state)
{
	(void)state;
	walk(false, "America/New_York", INT64_C(1793000000000), 750000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(requests_at_once_get_no_more_than_there_is),
		TEST(what_is_free_passes_while_there_is_money),
		TEST(a_limit_of_tokens_lets_pass_what_has_none),
		TEST(a_new_day_begins_with_nothing),
		TEST(another_zone_begins_with_the_next_window),
		TEST(a_window_from_the_first_use),
		TEST(a_sliding_window_never_holds_more),
		TEST(for_life),
		TEST(every_budget_of_a_key_has_its_say),
		TEST(what_changes_is_looked_up_anew),
		TEST(a_budget_that_goes_is_kept_for_who_reserved_it),
		TEST(a_warning_refuses_nobody),
		TEST(each_step_is_told_once_in_a_window),
		TEST(accounts_are_held_and_not_charged_twice),
#undef TEST
		cmocka_unit_test(amounts_are_read_as_people_say_them),
		cmocka_unit_test(charges_come_back_as_they_went),
		cmocka_unit_test(a_key_teaches_what_it_usually_asks),
		cmocka_unit_test(
		    three_quarters_of_a_million_steps_never_pass_the_amount),
		cmocka_unit_test(
		    three_quarters_of_a_million_steps_that_cost_more_than_was_thought),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
