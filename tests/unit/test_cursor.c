/* SPDX-License-Identifier: MIT */
/* test_cursor.c - walking through JSON without building it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/buf.h"
#include "proto/cursor.h"

/* "key=value;" for each member. */
static const char *
walk(struct str json, struct buf *out)
{
	struct cursor c;
	struct member m;

	buf_clear(out);
	cursor_init(&c, json);
	while (cursor_next(&c, &m))
		buf_mustf(out, "%.*s=%.*s;", STR_ARG(m.key), STR_ARG(m.value));
	/* The end is the end. */
	assert_false(cursor_next(&c, &m));
	return buf_cstr(out);
}

static void
members_and_elements_come_as_they_are(void **state)
{
	static const struct {
		const char *json, *members;
	} cases[] = {
		{ "{}", "" },
		{ " [ ] ", "" },
		{ "{\"a\":1}", "a=1;" },
		{ "\n{ \"a\" : \"x\\\"}\" , \"b\":{\"c\":[1,\"]\"]} }",
		    "a=\"x\\\"}\";b={\"c\":[1,\"]\"]};" },
		{ "[1, null ,\"s\",[2],{\"k\":3}]",
		    "=1;=null;=\"s\";=[2];={\"k\":3};" },
		{ "{\"a\\n\":1}", "a\\n=1;" },
		/* What is no object or array has no members. */
		{ "", "" },
		{ "12", "" },
		{ "\"{\"", "" },
		/* The walk ends where the text is broken. */
		{ "{\"a\":1,\"b\":2", "a=1;" },
		{ "{\"a\":1,\"b\":", "a=1;" },
		{ "{\"a\":1,\"b\"", "a=1;" },
		{ "{\"a\":1,b:2}", "a=1;" },
		{ "{\"a\":1 \"b\":2}", "" },
		{ "{\"a\":[1,2}", "" },
		{ "{\"a\":\"x", "" },
		{ "[1,,2]", "=1;" },
		{ "{\"a\"1}", "" },
	};
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(walk(str_of(cases[i].json), &out),
		    cases[i].members);
	assert_string_equal(walk(str_at(NULL, 0), &out), "");
	buf_fini(&out);
}

static void
no_prefix_is_read_beyond_its_end(void **state)
{
	const char text[] =
	    "{\"a\":[1,{\"b\":\"\\u0041\"}],\"c\":true,\"d\":{}}";
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	/* Each in memory of its own, so that a sanitizer sees the end. */
	for (size_t n = 1; n < sizeof(text); n++) {
		char *copy = malloc(n);

		assert_non_null(copy);
		memcpy(copy, text, n);
		walk(str_at(copy, n), &out);
		free(copy);
	}
	assert_string_equal(buf_cstr(&out),
	    "a=[1,{\"b\":\"\\u0041\"}];c=true;d={};");
	buf_fini(&out);
}

static void
the_first_of_a_key_is_found(void **state)
{
	struct str json = STR("{\"x\":{\"k\":1},\"k\":2,\"k\":3}");

	(void)state;
	assert_true(str_eq(cursor_find(json, STR("k")), STR("2")));
	assert_true(str_eq(cursor_find(cursor_find(json, STR("x")), STR("k")),
	    STR("1")));
	assert_int_equal(cursor_find(json, STR("K")).len, 0);
	assert_int_equal(cursor_find(cursor_find(json, STR("y")), STR("k")).len,
	    0);
}

static void
counts_are_whole_and_not_negative(void **state)
{
	static const struct {
		const char *json;
		enum err e;
		int64_t n;
	} cases[] = {
		{ "0", OK, 0 },
		{ "9007199254740993", OK, INT64_C(9007199254740993) },
		{ "-1", ERR_SYNTAX, -7 },
		{ "1.0", ERR_SYNTAX, -7 },
		{ "null", ERR_SYNTAX, -7 },
		{ "\"1\"", ERR_SYNTAX, -7 },
		{ "99999999999999999999", ERR_LIMIT, -7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t n = -7;

		assert_int_equal(raw_count(str_of(cases[i].json), &n),
		    cases[i].e);
		assert_int_equal(n, cases[i].n);
	}
}

static void
whole_numbers_are_read_however_they_are_written(void **state)
{
	static const struct {
		const char *json;
		enum err e;
		int64_t n;
	} cases[] = {
		{ "17", OK, 17 },
		{ "1000.0", OK, 1000 },
		{ "1e3", OK, 1000 },
		{ "1E+3", OK, 1000 },
		{ "1.25e2", OK, 125 },
		{ "1250e-1", OK, 125 },
		{ "0.000", OK, 0 },
		{ "0e99999999999999999999", OK, 0 },
		{ "0.001e3", OK, 1 },
		{ "1000000000000000000000e-20", OK, 10 },
		{ "9223372036854775807.000000000000", OK, INT64_MAX },
		{ "9223372036854775808.0", ERR_LIMIT, -7 },
		{ "99999999999999999999", ERR_LIMIT, -7 },
		{ "1e19", ERR_LIMIT, -7 },
		{ "1e99999999999999999999", ERR_LIMIT, -7 },
		{ "1e-99999999999999999999", ERR_SYNTAX, -7 },
		{ "1000.5", ERR_SYNTAX, -7 },
		{ "125e-1", ERR_SYNTAX, -7 },
		{ "-1.0", ERR_SYNTAX, -7 },
		{ "1.", ERR_SYNTAX, -7 },
		{ ".5e1", ERR_SYNTAX, -7 },
		{ "1.0.0", ERR_SYNTAX, -7 },
		{ "1e", ERR_SYNTAX, -7 },
		{ "1e+", ERR_SYNTAX, -7 },
		{ "1e3x", ERR_SYNTAX, -7 },
		{ "e3", ERR_SYNTAX, -7 },
		{ "", ERR_SYNTAX, -7 },
		{ "\"1\"", ERR_SYNTAX, -7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t n = -7;

		if (raw_whole(str_of(cases[i].json), &n) != cases[i].e ||
		    n != cases[i].n)
			fail_msg("%s: %lld", cases[i].json, (long long)n);
	}
}

static void
values_that_say_nothing_are_known(void **state)
{
	static const char *const silent[] = { "", "null", "\"\"", "[]", "[ ]",
		"{ }" };
	static const char *const telling[] = { "0", "false", "\" \"", "[0]",
		"{\"a\":null}" };

	(void)state;
	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
		assert_true(raw_says_nothing(str_of(silent[i])));
	for (size_t i = 0; i < sizeof(telling) / sizeof(telling[0]); i++)
		assert_false(raw_says_nothing(str_of(telling[i])));
}

static void
only_printable_text_is_copied_and_only_what_fits(void **state)
{
	char to[6] = "old";

	(void)state;
	raw_copy(STR("null"), to, sizeof(to));
	raw_copy(STR("\"\""), to, sizeof(to));
	assert_string_equal(to, "old");
	raw_copy(STR("\"a\x1b\xc3\xa9\x7f b\""), to, sizeof(to));
	assert_string_equal(to, "a b");
	raw_copy(STR("\"123456789\""), to, sizeof(to));
	assert_string_equal(to, "12345");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_and_elements_come_as_they_are),
		cmocka_unit_test(no_prefix_is_read_beyond_its_end),
		cmocka_unit_test(the_first_of_a_key_is_found),
		cmocka_unit_test(counts_are_whole_and_not_negative),
		cmocka_unit_test(
		    whole_numbers_are_read_however_they_are_written),
		cmocka_unit_test(values_that_say_nothing_are_known),
		cmocka_unit_test(
		    only_printable_text_is_copied_and_only_what_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
