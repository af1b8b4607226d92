/* SPDX-License-Identifier: MIT */
/* test_rates.c - which factor counts for which kind of account, and that it is
 * the same after a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "relayd/price.h"
#include "relayd/rates.h"
#include "tests/support/storebox.h"

static void
put(struct rates *r, const char *service, int64_t ppm)
{
	assert_int_equal(rates_put(r, str_of(service), ppm), OK);
}

static void
the_best_fitting_one_counts(void **state)
{
	static const struct {
		const char *kind;
		int64_t ppm;
	} cases[] = {
		{ "claude-api", 3000000 },   /* of exactly that name */
		{ "claude-oauth", 2500000 }, /* the longest glob */
		{ "claude-code", 2000000 },
		{ "gemini-api", 1100000 },   /* of two the first by name */
		{ "azure-openai", 1500000 }, /* the longest stands first */
		{ "bedrock", 7000000 },
		{ "claud", 7000000 },
	};
	struct rates r = { .count = 0 };

	(void)state;
	assert_int_equal(rates_of(&r, STR("claude-api")), PRICE_RATE_ONE);
	put(&r, "claude*", 2000000);
	put(&r, "*", 7000000);
	put(&r, "claude-o*", 2500000);
	put(&r, "a*", 1400000);
	put(&r, "*-openai", 1500000);
	put(&r, "gemini*", 1200000);
	put(&r, "*ni-api", 1100000);
	put(&r, "claude-api", 3000000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(rates_of(&r, str_of(cases[i].kind)),
		    cases[i].ppm);
	rates_drop(&r, STR("*"));
	rates_drop(&r, STR("never there"));
	assert_int_equal(r.count, 7);
	assert_int_equal(rates_of(&r, STR("bedrock")), PRICE_RATE_ONE);
	assert_null(rates_at(&r, STR("bedrock")));
}

static void
they_stand_by_name_each_once(void **state)
{
	struct rates r = { .count = 0 };

	(void)state;
	put(&r, "b", 1);
	put(&r, "c", 2);
	put(&r, "a", 3);
	put(&r, "b", 4);
	assert_int_equal(r.count, 3);
	assert_string_equal(r.at[0].service, "a");
	assert_string_equal(r.at[1].service, "b");
	assert_int_equal(r.at[1].ppm, 4);
	assert_string_equal(r.at[2].service, "c");
}

static void
there_is_room_for_so_many(void **state)
{
	struct rates r = { .count = 0 };
	char name[16];

	(void)state;
	for (int i = 0; i < RATES_MAX; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		put(&r, name, i + 1);
	}
	assert_int_equal(rates_put(&r, STR("one more"), 1), ERR_LIMIT);
	put(&r, "s5", 99);
	for (int i = RATES_MAX; i-- > 0;) {
		snprintf(name, sizeof(name), "s%d", i);
		rates_drop(&r, str_of(name));
	}
	assert_int_equal(r.count, 0);
}

static enum err
write_some(struct txn *t, void *arg, struct why *out_why)
{
	enum err e = rates_write(t, STR("claude*"), 1250001);

	(void)arg;
	(void)out_why;
	if (!e)
		e = rates_write(t, STR("bedrock"), 1);
	if (!e)
		e = rates_write(t, STR("gemini-api"), 1000 * PRICE_RATE_ONE);
	if (!e)
		e = rates_write(t, STR("bedrock"), 0);
	return e ? e : rates_write(t, STR("bedrock"), 0);
}

static void
a_restart_finds_them_to_the_millionth(void **state)
{
	struct storebox b;
	struct rates r;

	(void)state;
	storebox_init(&b);
	assert_int_equal(storebox_open(&b, &store_lmdb, NULL), OK);
	storebox_start(&b);
	assert_int_equal(storebox_run(&b, LANE_WRITE, write_some, NULL, NULL),
	    OK);
	storebox_close(&b);
	assert_int_equal(storebox_open(&b, &store_lmdb, NULL), OK);
	assert_int_equal(rates_load(b.s, &r, NULL), OK);
	assert_int_equal(r.count, 2);
	assert_int_equal(rates_of(&r, STR("claude-api")), 1250001);
	assert_int_equal(rates_of(&r, STR("gemini-api")), 1000000000);
	storebox_fini(&b);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_fitting_one_counts),
		cmocka_unit_test(they_stand_by_name_each_once),
		cmocka_unit_test(there_is_room_for_so_many),
		cmocka_unit_test(a_restart_finds_them_to_the_millionth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
