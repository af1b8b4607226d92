/* SPDX-License-Identifier: MIT */
/* test_sample.c - no credential gets into a sample, wherever it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/sample.h"

#define CANARY "Zq7/canary+4711=wxyz"

static const struct str *
canary(void)
{
	static const struct str one = { CANARY, sizeof(CANARY) - 1 };

	return &one;
}

static void
samples_are_as_they_should_be(void **state)
{
	static const struct {
		const char *body, *sample;
	} cases[] = {
		{ "", "" },
		{ "plain words", "plain words" },
		{ "key " CANARY " is bad", "key *** is bad" },
		{ CANARY, "***" },
		{ "x" CANARY "x", "x***x" },
		{ "\"Zq7\\/canary+4711=wxyz\"", "\"***\"" },
		{ "\"Zq7\\u002fcanary\\u002b4711\\u003dwxyz\"", "\"***\"" },
		/* Half of it is nobody's key. */
		{ "Zq7/canary", "Zq7/canary" },
		{ "sk-ant-api03-0123456789abcdef gone", "sk-*** gone" },
		{ "say \"cr_0123456789abcdefghij\"", "say \"cr_***\"" },
		{ "\\nsk-0123456789abcdefghij", "\\nsk-***" },
		{ "Authorization: Bearer abcdefghijklmnopqrst!",
		    "Authorization: Bearer ***!" },
		{ "key=AIzaSy0123456789abcdefghij", "key=AIza***" },
		{ "eyJhbGciOiJSUzI1NiJ9.eyJzdWIi.c2ln", "eyJ***" },
		/* Words that only begin so. */
		{ "sk-short", "sk-short" },
		{ "task-0123456789abcdefghijklm",
		    "task-0123456789abcdefghijklm" },
		{ "one\ntwo\tthree", "one two three" },
		{ "\x1b[31mred\x07", "[31mred" },
		{ "\xff\xfe", "??" },
	};
	char out[SAMPLE_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sample_take(str_of(cases[i].body), canary(), 1, out);
		assert_string_equal(out, cases[i].sample);
	}
}

static void
a_secret_shows_at_no_offset(void **state)
{
	enum {
		SIZE = 700
	};
	char body[SIZE + sizeof(CANARY)], out[SAMPLE_MAX + 1];

	(void)state;
	for (size_t at = 0; at <= SIZE; at++) {
		memset(body, '.', sizeof(body));
		memcpy(body + at, CANARY, sizeof(CANARY) - 1);
		sample_take(str_at(body, sizeof(body)), canary(), 1, out);
		assert_true(strlen(out) <= SAMPLE_MAX);
		/* Not even the beginning of it, at the sample's end. */
		assert_null(strchr(out, 'Z'));
		assert_null(strstr(out, "canary"));
		assert_null(strstr(out, "wxyz"));
		assert_true(at > SAMPLE_MAX - 20 || strstr(out, "***"));
	}
}

static void
what_looks_like_one_shows_at_no_offset(void **state)
{
	static const char likely[] = " sk-ant-0123456789canary0123456789 ";
	enum {
		SIZE = 700
	};
	char body[SIZE + sizeof(likely)], out[SAMPLE_MAX + 1];

	(void)state;
	for (size_t at = 0; at <= SIZE; at++) {
		memset(body, ' ', sizeof(body));
		memcpy(body + at, likely, sizeof(likely) - 1);
		sample_take(str_at(body, sizeof(body)), NULL, 0, out);
		assert_null(strstr(out, "0123"));
		assert_null(strstr(out, "canary"));
	}
}

static void
each_part_of_a_credential_is_one(void **state)
{
	const struct str aws =
	    STR("AKXX0123456789ab:secretpart/4711:tokenpart-0123456789");
	char out[SAMPLE_MAX + 1];

	(void)state;
	sample_take(STR("with secretpart/4711, AKXX0123456789ab."), &aws, 1,
	    out);
	assert_string_equal(out, "with ***, ***.");
}

static void
empty_secrets_hide_nothing(void **state)
{
	const struct str none[] = { { NULL, 0 }, { "", 0 }, { "abc", 3 } };
	char out[SAMPLE_MAX + 1];

	(void)state;
	sample_take(STR("abc stays"), none, 3, out);
	assert_string_equal(out, "abc stays");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_as_they_should_be),
		cmocka_unit_test(a_secret_shows_at_no_offset),
		cmocka_unit_test(what_looks_like_one_shows_at_no_offset),
		cmocka_unit_test(each_part_of_a_credential_is_one),
		cmocka_unit_test(empty_secrets_hide_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
