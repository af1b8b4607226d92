/* SPDX-License-Identifier: MIT */
/* test_spent.c - budgets in the store: saved, changed, removed, and what was
 * charged to them, also over a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "relayd/audit.h"
#include "relayd/budget.h"
#include "relayd/loop.h"
#include "relayd/zone.h"
#include "tests/support/storebox.h"

#define DAY_MS INT64_C(86400000)

struct box {
	struct storebox store;
	struct loop *loop;
	struct zone *zone;
	struct budgets all;
};

static void
open_all(struct box *b)
{
	struct why why;

	assert_int_equal(storebox_open(&b->store, &store_lmdb, NULL), OK);
	budgets_init(&b->all, b->loop, b->store.s, b->zone);
	if (budgets_load(&b->all, &why))
		fail_msg("%s", why.text);
	storebox_start(&b->store);
}

static void
close_all(struct box *b)
{
	storebox_close(&b->store);
	budgets_fini(&b->all);
}

static int
setup(void **state)
{
	struct box *b = calloc(1, sizeof(*b));

	assert_int_equal(loop_new(&b->loop, NULL), OK);
	b->zone = zone_new(STR("UTC"));
	storebox_init(&b->store);
	open_all(b);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct box *b = *state;

	close_all(b);
	storebox_fini(&b->store);
	zone_free(b->zone);
	loop_free(b->loop);
	free(b);
	return 0;
}

/* --- changing ---------------------------------------------------------------- */

struct saved {
	bool done;
	enum err e;
	struct budget *it;
};

static void
on_saved(void *arg, enum err e, const struct why *why, struct budget *it)
{
	struct saved *s = arg;

	(void)why;
	*s = (struct saved){ true, e, it };
}

static struct budget_rec
record(const char *id, const char *window, int64_t amount)
{
	return (struct budget_rec){ .id = str_of(id),
		.scope = STR("all"),
		.unit = STR("tokens"),
		.window = str_of(window),
		.amount = amount,
		.action = STR("deny") };
}

static struct saved
save(struct box *b, const struct budget_rec *r, int64_t add, bool must_exist,
    uint64_t if_rev)
{
	const struct audit_who who = { .method = "budget_set" };
	struct saved s = { .done = false };

	budget_save(&b->all, r, add, must_exist, if_rev, &who, on_saved, &s);
	storebox_wait(&b->store, &s.done);
	return s;
}

static struct saved
drop(struct box *b, const char *id, uint64_t if_rev)
{
	struct saved s = { .done = false };

	budget_delete(&b->all, str_of(id), if_rev, NULL, on_saved, &s);
	storebox_wait(&b->store, &s.done);
	return s;
}

/* --- charging, as the ledger does --------------------------------------------- */

static enum err
charge_work(struct txn *t, void *arg, struct why *out_why)
{
	(void)out_why;
	return spent_write(arg, t);
}

static void
charge(struct box *b, const char *id, int64_t at_ms, int64_t tokens)
{
	struct budget_need need = { .of = { [BUDGET_TOKENS] = tokens } };
	struct spent s = { .begun = false };
	char text[64];

	snprintf(text, sizeof(text), "%s@%lldt", id, (long long)at_ms);
	spent_add(&s, str_of(text), &need);
	assert_int_equal(storebox_run(&b->store, LANE_WRITE, charge_work, &s,
			     NULL),
	    OK);
	spent_fini(&s);
}

struct rows {
	struct str id;
	unsigned count;
	int64_t first_ms, last_ms, sum;
};

static void
add_row(void *arg, int64_t at_ms, int64_t sum)
{
	struct rows *r = arg;

	if (!r->count++)
		r->first_ms = at_ms;
	assert_true(r->count == 1 || at_ms > r->last_ms);
	r->last_ms = at_ms;
	r->sum += sum;
}

static enum err
rows_work(struct txn *t, void *arg, struct why *out_why)
{
	struct rows *r = arg;

	(void)out_why;
	return spent_each(t, r->id, add_row, r);
}

static struct rows
rows_of(struct box *b, const char *id)
{
	struct rows r = { .id = str_of(id) };

	assert_int_equal(storebox_run(&b->store, LANE_READ, rows_work, &r,
			     NULL),
	    OK);
	return r;
}

/* --- tests --------------------------------------------------------------------- */

static void
a_budget_comes_back_with_what_it_has_used(void **state)
{
	struct box *b = *state;
	struct budget_rec r = record("baaaaaaaa", "day", 1000);
	struct budget_view v;
	struct saved s = save(b, &r, 0, false, 0);

	assert_int_equal(s.e, OK);
	budget_look(s.it, budgets_now(&b->all), &v);
	charge(b, "baaaaaaaa", v.begin_ms - DAY_MS, 500);
	charge(b, "baaaaaaaa", v.begin_ms, 300);
	charge(b, "baaaaaaaa", v.begin_ms, 40);
	close_all(b);
	open_all(b);
	assert_int_equal(b->all.count, 1);
	budget_look(budgets_find(&b->all, STR("baaaaaaaa")),
	    budgets_now(&b->all), &v);
	/* Midnight may have passed meanwhile. */
	assert_true(v.used == 340 || v.used == 0);
	assert_int_equal(rows_of(b, "baaaaaaaa").sum, 840);
	assert_int_equal(v.amount, 1000);
}

static void
a_change_wants_the_revision_that_is_stored(void **state)
{
	struct box *b = *state;
	struct budget_rec r = record("baaaaaaaa", "life", 1000);

	assert_int_equal(save(b, &r, 0, true, 0).e, ERR_UNKNOWN);
	assert_int_equal(save(b, &r, 0, false, 0).e, OK);
	assert_int_equal(save(b, &r, 0, false, 0).e, ERR_EXISTS);
	r.amount = 7;
	assert_int_equal(save(b, &r, 0, true, 2).e, ERR_STALE);
	assert_int_equal(save(b, &r, 0, true, 1).e, OK);
	assert_int_equal(budgets_find(&b->all, r.id)->rec.amount, 7);
	assert_int_equal(drop(b, "baaaaaaaa", 1).e, ERR_STALE);
	assert_int_equal(drop(b, "baaaaaaaa", 2).e, OK);
	assert_null(budgets_find(&b->all, STR("baaaaaaaa")));
	assert_int_equal(drop(b, "baaaaaaaa", 0).e, ERR_UNKNOWN);
}

/* Two at once, neither of which knows of the other. */
static void
top_ups_add_up(void **state)
{
	struct box *b = *state;
	struct budget_rec r = record("baaaaaaaa", "life", 1000);
	struct saved one = { .done = false }, two = one;

	assert_int_equal(save(b, &r, 0, false, 0).e, OK);
	charge(b, "baaaaaaaa", 0, 5);
	budget_save(&b->all, &r, 30, true, 0, NULL, on_saved, &one);
	budget_save(&b->all, &r, 4, true, 0, NULL, on_saved, &two);
	storebox_wait(&b->store, &one.done);
	storebox_wait(&b->store, &two.done);
	assert_int_equal(budgets_find(&b->all, r.id)->rec.amount, 1034);
	/* More than can be counted is no amount. */
	assert_int_equal(save(b, &r, SPENT_MAX, true, 0).e, ERR_VALUE);
	assert_int_equal(budgets_find(&b->all, r.id)->rec.amount, 1034);
	assert_int_equal(rows_of(b, "baaaaaaaa").sum, 5);
}

static void
of_old_windows_the_newest_are_kept(void **state)
{
	struct box *b = *state;
	struct budget_rec r = record("baaaaaaaa", "day", 1000);
	struct budget_rec other = record("bbbbbbbbb", "day", 1000);
	struct rows rows;

	assert_int_equal(save(b, &r, 0, false, 0).e, OK);
	assert_int_equal(save(b, &other, 0, false, 0).e, OK);
	charge(b, "bbbbbbbbb", DAY_MS, 9);
	for (int i = 1; i <= 100; i++)
		charge(b, "baaaaaaaa", i * DAY_MS, 1);
	rows = rows_of(b, "baaaaaaaa");
	assert_int_equal(rows.count, SPENT_ROWS_MAX);
	assert_int_equal(rows.first_ms, (100 - SPENT_ROWS_MAX + 1) * DAY_MS);
	assert_int_equal(rows.last_ms, 100 * DAY_MS);
	assert_int_equal(rows_of(b, "bbbbbbbbb").sum, 9);
}

static void
what_is_charged_to_a_budget_that_is_gone_is_forgotten(void **state)
{
	struct box *b = *state;
	struct budget_rec r = record("baaaaaaaa", "day", 1000);

	assert_int_equal(save(b, &r, 0, false, 0).e, OK);
	charge(b, "baaaaaaaa", DAY_MS, 1);
	charge(b, "baaaaaaaa", 2 * DAY_MS, 1);
	assert_int_equal(drop(b, "baaaaaaaa", 0).e, OK);
	assert_int_equal(rows_of(b, "baaaaaaaa").count, 0);
	charge(b, "baaaaaaaa", DAY_MS, 1);
	charge(b, "bzzzzzzzz", DAY_MS, 1);
	assert_int_equal(rows_of(b, "baaaaaaaa").count, 0);
	assert_int_equal(rows_of(b, "bzzzzzzzz").count, 0);
}

static void
a_record_that_makes_no_sense_is_refused(void **state)
{
	static const char *const cases[][4] = {
		{ "nobody", "tokens", "day", "deny" },
		{ "all", "apples", "day", "deny" },
		{ "all", "tokens", "fortnight", "deny" },
		{ "all", "tokens", "day", "shrug" },
		{ "all", "tokens", "day", "hold" },
		{ "account", "tokens", "day", "deny" },
	};
	struct box *b = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct budget_rec r = record("baaaaaaaa", cases[i][2], 5);

		r.scope = str_of(cases[i][0]);
		r.unit = str_of(cases[i][1]);
		r.action = str_of(cases[i][3]);
		if (save(b, &r, 0, false, 0).e != ERR_VALUE)
			fail_msg("case %zu", i);
	}
	assert_int_equal(b->all.count, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_budget_comes_back_with_what_it_has_used),
		TEST(a_change_wants_the_revision_that_is_stored),
		TEST(top_ups_add_up),
		TEST(of_old_windows_the_newest_are_kept),
		TEST(what_is_charged_to_a_budget_that_is_gone_is_forgotten),
		TEST(a_record_that_makes_no_sense_is_refused),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
