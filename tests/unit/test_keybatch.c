/* SPDX-License-Identifier: MIT */
/* test_keybatch.c - keys made at once with their limits: all of them or none,
 * wherever the store fails and whenever relayd dies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/audit.h"
#include "relayd/budget.h"
#include "relayd/keybatch.h"
#include "relayd/loop.h"
#include "relayd/trash.h"
#include "relayd/zone.h"
#include "tests/support/storebox.h"

static const struct audit_who who = { .method = "key_create" };

struct bench {
	struct storebox box;
	struct store_ops ops;
	struct loop *loop;
	struct keyring keys;
	struct budgets budgets;
	struct zone *zone;
};

/* --- a store that fails when it is told to --------------------------------- */

/* Puts until the one that fails; 0: none does. */
static unsigned puts_left;

static enum err
failing_put(void *txn, enum table t, struct str key, struct str value)
{
	if (puts_left && !--puts_left)
		return ERR_LIMIT;
	return store_mem.put(txn, t, key, value);
}

static int
setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));

	b->ops = store_mem;
	b->ops.put = failing_put;
	puts_left = 0;
	storebox_init(&b->box);
	assert_int_equal(loop_new(&b->loop, NULL), OK);
	assert_int_equal(storebox_open(&b->box, &b->ops, NULL), OK);
	assert_int_equal(keyring_init(&b->keys, b->loop, b->box.s), OK);
	assert_int_equal(keyring_load(&b->keys, NULL), OK);
	b->zone = zone_new(STR("UTC"));
	budgets_init(&b->budgets, b->loop, b->box.s, b->zone);
	storebox_start(&b->box);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	storebox_close(&b->box);
	keyring_fini(&b->keys);
	budgets_fini(&b->budgets);
	zone_free(b->zone);
	loop_turn(b->loop, 0);
	loop_free(b->loop);
	storebox_fini(&b->box);
	free(b);
	return 0;
}

/* --- making ---------------------------------------------------------------- */

struct outcome {
	bool done;
	enum err e;
	unsigned count;
	struct keybatch_made made[KEYBATCH_MAX];
};

static void
on_made(void *arg, enum err e, const struct why *why,
    const struct keybatch_made *made, unsigned count)
{
	struct outcome *o = arg;

	(void)why;
	o->done = true;
	o->e = e;
	o->count = count;
	memcpy(o->made, made, count * sizeof(*made));
}

static void
make(struct bench *b, const char *name, unsigned count, unsigned limits,
    struct outcome *out)
{
	const char *const units[] = { "requests", "tokens", "cost_real",
		"input" };
	struct budget_rec limit[KEYBATCH_LIMITS];
	struct keybatch_ask ask = { .like = { .name = str_of(name),
					.note = STR("n") },
		.count = count,
		.limits = limit,
		.limits_count = limits };

	for (unsigned i = 0; i < limits; i++)
		limit[i] = (struct budget_rec){ .scope = STR("key"),
			.unit = str_of(units[i % 4]),
			.window = STR("day"),
			.action = STR("deny"),
			.amount = 5 };
	out->done = false;
	keybatch_make(&b->keys, &b->budgets, &ask, &who, on_made, out);
	storebox_wait(&b->box, &out->done);
}

struct counts {
	unsigned keys, budgets, marks;
};

static bool
count_one(void *arg, struct str key, struct str value)
{
	(void)key;
	(void)value;
	++*(unsigned *)arg;
	return true;
}

static bool
count_mark(void *arg, struct str key, struct str value)
{
	(void)value;
	*(unsigned *)arg += str_starts(key, STR("batch."));
	return true;
}

static enum err
count_work(struct txn *t, void *arg, struct why *out_why)
{
	struct counts *n = arg;
	enum err e;

	(void)out_why;
	*n = (struct counts){ .keys = 0 };
	e = txn_scan(t, TABLE_apikey, STR(""), false, count_one, &n->keys);
	if (!e)
		e = txn_scan(t, TABLE_budget, STR(""), false, count_one,
		    &n->budgets);
	if (!e)
		e = txn_scan(t, TABLE_meta, STR(""), false, count_mark,
		    &n->marks);
	return e;
}

static void
expect_stored(struct bench *b, unsigned keys, unsigned budgets)
{
	struct counts n;

	assert_int_equal(storebox_run(&b->box, LANE_READ, count_work, &n, NULL),
	    OK);
	assert_int_equal(n.keys, keys);
	assert_int_equal(n.budgets, budgets);
	assert_int_equal(n.marks, 0);
}

/* --- all or none ----------------------------------------------------------- */

static void
all_of_a_batch_are_there_with_their_names_values_and_limits(void **state)
{
	static const struct {
		unsigned count, limits;
	} cases[] = { { 1, 0 }, { 1, 8 }, { 2, 0 }, { 7, 8 }, { 8, 8 },
		{ 64, 0 }, { 65, 0 }, { 99, 1 }, { 100, 1 }, { 500, 3 } };
	struct outcome *o = xmalloc(sizeof(*o));
	unsigned keys = 0, budgets = 0;
	struct bench *b = *state;
	char base[8], name[80];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned count = cases[i].count;

		snprintf(base, sizeof(base), "n%zu", i);
		make(b, base, count, cases[i].limits, o);
		assert_int_equal(o->e, OK);
		keys += count;
		budgets += count * cases[i].limits;
		assert_int_equal(b->keys.count, keys);
		assert_int_equal(b->budgets.count, budgets);
		expect_stored(b, keys, budgets);
		for (unsigned n = 0; n < count; n++) {
			struct apikey *k =
			    keyring_match(&b->keys, str_of(o->made[n].value));

			assert_non_null(k);
			assert_true(str_eq(k->rec.id, str_of(o->made[n].id)));
			assert_true(str_eq(k->rec.note, STR("n")));
			snprintf(name, sizeof(name), "%s", base);
			if (count > 1)
				apikey_number(str_of(base), count, n + 1, name,
				    sizeof(name));
			assert_true(str_eq(k->rec.name, str_of(name)));
		}
	}
	assert_true(TAILQ_EMPTY(&b->keys.making));
	free(o);
}

/* Wherever the store fails, also in the middle of a slice of many. */
static void
none_of_a_batch_is_there_when_the_store_fails(void **state)
{
	struct outcome *o = xmalloc(sizeof(*o));
	struct bench *b = *state;
	unsigned at = 1;

	/* A key, two limits, each with its row of the audit and the place of
	 * that: nine puts for each of 100. */
	for (;; at += at < 12 ? 1 : 61) {
		puts_left = at;
		make(b, "n", 100, 2, o);
		if (o->e == OK)
			break;
		assert_int_equal(o->e, ERR_LIMIT);
		expect_stored(b, 0, 0);
		assert_int_equal(b->keys.count, 0);
		assert_int_equal(b->budgets.count, 0);
		assert_true(TAILQ_EMPTY(&b->keys.making));
	}
	assert_in_range(at, 900, 1200);
	puts_left = 0;
	expect_stored(b, 100, 200);
	free(o);
}

/* The first slices of a batch whose relayd has died. */
static enum err
leave_half(struct txn *t, void *arg, struct why *out_why)
{
	static const char *const ids[] = { "khalf0001", "khalf0002",
		"bhalf0001" };
	enum err e = OK;

	(void)arg;
	(void)out_why;
	for (int i = 0; !e && i < 3; i++)
		e = txn_put(t, i < 2 ? TABLE_apikey : TABLE_budget,
		    str_of(ids[i]), STR("x"));
	if (!e)
		e = txn_put(t, TABLE_meta, STR("batch.khalf0001.000"),
		    STR("khalf0001bhalf0001"));
	return e ? e
		 : txn_put(t, TABLE_meta, STR("batch.khalf0001.001"),
		       STR("khalf0002kgone0001"));
}

static enum err
recover(struct txn *t, void *arg, struct why *out_why)
{
	(void)arg;
	return keybatch_recover(t, out_why);
}

static void
what_a_dead_relayd_left_is_taken_back_and_nothing_else(void **state)
{
	struct outcome *o = xmalloc(sizeof(*o));
	struct bench *b = *state;

	make(b, "whole", 70, 1, o);
	assert_int_equal(storebox_run(&b->box, LANE_WRITE, leave_half, NULL,
			     NULL),
	    OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(storebox_run(&b->box, LANE_WRITE, recover,
				     NULL, NULL),
		    OK);
		expect_stored(b, 70, 70);
	}
	free(o);
}

/* --- purging --------------------------------------------------------------- */

static void
on_saved(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	(void)why;
	(void)k;
	assert_int_equal(e, OK);
	*(bool *)arg = true;
}

struct purged {
	bool done;
	unsigned count;
};

static void
on_purged(void *arg, enum err e, const struct why *why, unsigned count)
{
	(void)why;
	assert_int_equal(e, OK);
	*(struct purged *)arg = (struct purged){ .done = true, .count = count };
}

static unsigned
purge_before(struct bench *b, int64_t wall_ms)
{
	struct purged p = { .done = false };

	trash_purge_before(&b->keys, &b->budgets, wall_ms, &who, on_purged, &p);
	storebox_wait(&b->box, &p.done);
	return p.count;
}

static void
purging_takes_the_limits_of_those_that_were_deleted_long_ago(void **state)
{
	struct outcome *o = xmalloc(sizeof(*o));
	struct bench *b = *state;
	struct apikey_rec r;
	bool saved;

	make(b, "n", 60, 2, o);
	/* Of 60, those from the 10th on are deleted, one after the other. */
	for (unsigned i = 10; i < 60; i++) {
		r = keyring_id(&b->keys, str_of(o->made[i].id))->rec;
		r.deleted_at = i;
		saved = false;
		apikey_save(&b->keys, &r, STR(""), true, 0, &who, on_saved,
		    &saved);
		storebox_wait(&b->box, &saved);
	}
	assert_int_equal(b->budgets.count, 120);
	assert_int_equal(purge_before(b, 10), 0);
	assert_int_equal(purge_before(b, 50), 40);
	assert_int_equal(b->budgets.count, 40);
	expect_stored(b, 20, 40);
	assert_null(keyring_id(&b->keys, str_of(o->made[49].id)));
	assert_non_null(keyring_id(&b->keys, str_of(o->made[50].id)));
	assert_int_equal(purge_before(b, INT64_MAX), 10);
	expect_stored(b, 10, 20);
	assert_int_equal(b->keys.count, 10);
	free(o);
}

/* --- names ----------------------------------------------------------------- */

static void
numbered_names_are_told_from_others(void **state)
{
	static const struct {
		const char *name;
		unsigned count;
		bool is;
	} cases[] = {
		{ "a-01", 2, true },
		{ "a-02", 2, true },
		{ "a-03", 2, false },
		{ "a-00", 2, false },
		{ "a-1", 2, false },
		{ "a-001", 2, false },
		{ "a-001", 100, true },
		{ "a-100", 100, true },
		{ "a-101", 100, false },
		{ "a-99", 99, true },
		{ "a", 2, false },
		{ "b-01", 2, false },
		{ "a_01", 2, false },
		{ "a-x1", 2, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(apikey_is_numbered(STR("a"), cases[i].count,
				     str_of(cases[i].name)),
		    cases[i].is);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(
		    all_of_a_batch_are_there_with_their_names_values_and_limits),
		TEST(none_of_a_batch_is_there_when_the_store_fails),
		TEST(what_a_dead_relayd_left_is_taken_back_and_nothing_else),
		TEST(
		    purging_takes_the_limits_of_those_that_were_deleted_long_ago),
		cmocka_unit_test(numbered_names_are_told_from_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
