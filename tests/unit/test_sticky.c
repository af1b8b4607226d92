/* SPDX-License-Identifier: MIT */
/* test_sticky.c - sessions bound to accounts: time, room, order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/sticky.h"

#define TTL_MS 1000

struct stage {
	struct sticky all;
	struct account at[3];
};

static int
setup(void **state)
{
	struct stage *s = xcalloc(1, sizeof(*s));

	sticky_init(&s->all);
	sticky_limit(&s->all, 4, TTL_MS);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct stage *s = *state;

	sticky_fini(&s->all);
	free(s);
	return 0;
}

static void
a_session_stays_until_it_was_not_used_for_its_time(void **state)
{
	struct stage *s = *state;
	struct sticky_session *t;

	assert_null(sticky_find(&s->all, 7, 0));
	assert_non_null(sticky_bind(&s->all, 7, &s->at[1], 0));
	t = sticky_find(&s->all, 7, TTL_MS - 1);
	assert_ptr_equal(t->account, &s->at[1]);
	sticky_touch(&s->all, t, TTL_MS - 1);
	assert_non_null(sticky_find(&s->all, 7, 2 * TTL_MS - 2));
	assert_null(sticky_find(&s->all, 7, 2 * TTL_MS - 1));
	assert_int_equal(s->all.count, 0);
	assert_int_equal(s->at[1].sessions, 0);
}

static void
the_one_that_was_not_used_for_longest_makes_room(void **state)
{
	struct stage *s = *state;

	for (uint64_t id = 1; id <= 4; id++)
		sticky_bind(&s->all, id, &s->at[0], (int64_t)id);
	sticky_touch(&s->all, sticky_find(&s->all, 1, 5), 5);
	sticky_bind(&s->all, 5, &s->at[0], 6);
	assert_null(sticky_find(&s->all, 2, 6));
	assert_non_null(sticky_find(&s->all, 1, 6));
	assert_int_equal(s->all.count, 4);
	assert_int_equal(s->all.evicted_total, 1);
	/* Fewer of them are wanted. */
	sticky_limit(&s->all, 2, TTL_MS);
	assert_int_equal(s->all.count, 2);
	assert_non_null(sticky_find(&s->all, 5, 6));
	assert_non_null(sticky_find(&s->all, 1, 6));
	sticky_limit(&s->all, 2, 0);
	assert_int_equal(s->all.count, 0);
	assert_null(sticky_bind(&s->all, 9, &s->at[0], 6));
	assert_int_equal(s->at[0].sessions, 0);
}

static void
one_that_moves_is_counted_where_it_is(void **state)
{
	struct stage *s = *state;
	struct sticky_session *t;

	sticky_bind(&s->all, 1, &s->at[0], 0);
	t = sticky_bind(&s->all, 1, &s->at[2], 1);
	assert_int_equal(t->moves, 1);
	assert_int_equal(s->all.count, 1);
	assert_int_equal(s->at[0].sessions, 0);
	assert_int_equal(s->at[2].sessions, 1);
}

static void
an_account_that_goes_leaves_nobody_behind(void **state)
{
	struct stage *s = *state;

	for (uint64_t id = 1; id <= 4; id++)
		sticky_bind(&s->all, id, &s->at[id % 2], 0);
	sticky_forget(&s->all, &s->at[1]);
	assert_int_equal(s->all.count, 2);
	assert_int_equal(s->at[1].sessions, 0);
	assert_null(sticky_find(&s->all, 1, 0));
	assert_ptr_equal(sticky_find(&s->all, 2, 0)->account, &s->at[0]);
}

/* Every promise of the table, against the plainest model of it. */
#define MODEL 200

struct model {
	int64_t used_ms[MODEL];
	struct account *account[MODEL]; /* NULL: not there */
};

static void
model_make_room(struct model *m, unsigned max, int64_t now_ms)
{
	for (;;) {
		int oldest = -1;
		unsigned there = 0;

		for (int i = 0; i < MODEL; i++) {
			if (m->account[i] && now_ms - m->used_ms[i] >= TTL_MS)
				m->account[i] = NULL;
			if (!m->account[i])
				continue;
			there++;
			if (oldest < 0 || m->used_ms[i] < m->used_ms[oldest])
				oldest = i;
		}
		if (there < max)
			return;
		m->account[oldest] = NULL;
	}
}

static void
check_all(const struct stage *s)
{
	const struct sticky_session *t = sticky_newest(&s->all), *older;
	unsigned there = 0, bound = 0;

	for (; t; t = older, there++) {
		older = sticky_older(&s->all, t);
		assert_true(!older || older->used_ms <= t->used_ms);
	}
	for (int i = 0; i < 3; i++)
		bound += s->at[i].sessions;
	assert_int_equal(there, s->all.count);
	assert_int_equal(bound, s->all.count);
}

static void
whatever_happens_it_is_as_the_plainest_table(void **state)
{
	struct stage *s = *state;
	struct model m = { .used_ms = { 0 } };
	uint32_t seed = 1;
	int64_t now_ms = 1;

	sticky_limit(&s->all, 64, TTL_MS);
	for (int step = 0; step < 20000; step++) {
		struct sticky_session *t;
		unsigned id, what;

		seed = seed * 1664525 + 1013904223;
		id = (seed >> 8) % MODEL;
		what = (seed >> 24) % 8;
		now_ms += 1 + (seed >> 28);
		t = sticky_find(&s->all, id + 1, now_ms);
		if (now_ms - m.used_ms[id] >= TTL_MS)
			m.account[id] = NULL;
		assert_ptr_equal(t ? t->account : NULL, m.account[id]);
		if (what == 0 && t) {
			sticky_drop(&s->all, t);
			m.account[id] = NULL;
		} else if (what < 3 && t) {
			sticky_touch(&s->all, t, now_ms);
			m.used_ms[id] = now_ms;
		} else if (what < 7) {
			if (!m.account[id])
				model_make_room(&m, 64, now_ms);
			m.account[id] = &s->at[what % 3];
			m.used_ms[id] = now_ms;
			sticky_bind(&s->all, id + 1, m.account[id], now_ms);
		}
		assert_true(s->all.count <= 64);
		if (step % 64 == 0)
			check_all(s);
	}
}

static void
a_hundred_thousand_take_little(void **state)
{
	struct stage *s = *state;

	sticky_limit(&s->all, 100000, TTL_MS);
	for (uint64_t id = 1; id <= 300000; id++)
		sticky_bind(&s->all, id * UINT64_C(0x9e3779b97f4a7c15),
		    &s->at[0], 0);
	assert_int_equal(s->all.count, 100000);
	assert_int_equal(s->all.evicted_total, 200000);
	assert_true(sticky_bytes(&s->all) <= 100000 * 80);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_stays_until_it_was_not_used_for_its_time),
		TEST(the_one_that_was_not_used_for_longest_makes_room),
		TEST(one_that_moves_is_counted_where_it_is),
		TEST(an_account_that_goes_leaves_nobody_behind),
		TEST(whatever_happens_it_is_as_the_plainest_table),
		TEST(a_hundred_thousand_take_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
