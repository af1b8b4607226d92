/* SPDX-License-Identifier: MIT */
/* test_limits.c - what is left of limits, and of which key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay-tui/limits.h"

static struct json *
parse(const char *text)
{
	struct json *j = NULL;

	assert_int_equal(json_parse(str_of(text), 64 * 1024, &j, NULL), OK);
	return j;
}

static void
what_is_left_is_told_in_millionths(void **state)
{
	static const struct {
		const char *budget;
		int64_t ppm;
	} cases[] = {
		{ "{\"amount\":100,\"left\":100}", 1000000 },
		{ "{\"amount\":100,\"left\":25}", 250000 },
		{ "{\"amount\":100,\"left\":0}", 0 },
		{ "{\"amount\":100,\"left\":-7}", 0 },
		{ "{\"amount\":100,\"left\":170}", 1000000 },
		{ "{\"amount\":9007199254740991,\"left\":4503599627370496}",
		    500000 },
		{ "{\"amount\":0,\"left\":0}", -1 },
		{ "{\"amount\":-5,\"left\":1}", -1 },
		{ "{\"amount\":\"5\",\"left\":1}", -1 },
		{ "{\"left\":1}", -1 },
		{ "{\"amount\":5}", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *j = parse(cases[i].budget);

		assert_int_equal(limit_left_ppm(j), cases[i].ppm);
		json_free(j);
	}
}

#define ROW(scope, subject, left)                                              \
	"{\"scope\":\"" scope "\",\"subject\":\"" subject                      \
	"\",\"amount\":10,\"left\":" #left "}"

static void
the_tightest_limit_of_a_key_s_own_counts(void **state)
{
	struct json *first = parse("[" ROW("key", "kb", 5) "," ROW("key", "ka",
	    9) "," ROW("tag", "kc", 1) "]");
	struct json *second = parse("[" ROW("key", "kb", 2) "," ROW("key", "kb",
	    7) ",{\"scope\":\"key\",\"subject\":\"kd\"}]");
	struct limits l = { .count = 0 };

	(void)state;
	limits_sort(&l);
	assert_int_equal(limits_find(&l, STR("ka")), -1);
	limits_add_all(&l, first);
	limits_add_all(&l, second);
	limits_sort(&l);
	assert_int_equal(l.count, 2);
	assert_int_equal(limits_find(&l, STR("ka")), 900000);
	assert_int_equal(limits_find(&l, STR("kb")), 200000);
	assert_int_equal(limits_find(&l, STR("kc")), -1);
	assert_int_equal(limits_find(&l, STR("kd")), -1);
	assert_int_equal(limits_find(&l, STR("k")), -1);
	assert_int_equal(limits_find(&l, STR("")), -1);
	limits_fini(&l);
	json_free(first);
	json_free(second);
}

static void
limits_above_and_below_of_what_is_seen_are_only_counted(void **state)
{
	struct json *rows = parse("[" ROW("key", "ka", 5) "," ROW("key", "kb",
	    0) "," ROW("key", "kc", 9) "]");
	struct output o = { .ascii = true };
	struct grid g;
	struct area a;
	struct buf text;

	(void)state;
	grid_init(&g, 2, 80);
	g.ascii = true;
	a = draw_all(&g);
	assert_int_equal(limits_draw(&a, -1, &o, rows), 3);
	buf_init(&text, 4096);
	grid_text(&g, &text);
	assert_true(str_find(buf_str(&text), STR(" 0%")) >= 0);
	assert_true(str_find(buf_str(&text), STR("90%")) >= 0);
	assert_true(str_find(buf_str(&text), STR("50%")) < 0);
	buf_fini(&text);
	grid_fini(&g);
	json_free(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_is_told_in_millionths),
		cmocka_unit_test(the_tightest_limit_of_a_key_s_own_counts),
		cmocka_unit_test(
		    limits_above_and_below_of_what_is_seen_are_only_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
