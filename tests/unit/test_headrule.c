/* SPDX-License-Identifier: MIT */
/* test_headrule.c - header fields that an account adds and removes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/headrule.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void
rules_are_read_in_their_order(void **state)
{
	static const struct {
		bool removes;
		const char *name, *value;
	} want[] = {
		{ false, "X-Team", "blue: and, green;q=1" },
		{ true, "X-Noise", "" },
		{ false, "x-three", "3" },
	};
	struct str rest =
	    STR(" X-Team: blue: and, green;q=1 |-X-Noise| |x-three:3|");
	struct headrule r;
	size_t n = 0;

	(void)state;
	while (headrule_next(&rest, &r)) {
		assert_true(n < COUNT(want));
		assert_int_equal(r.removes, want[n].removes);
		assert_true(str_eq(r.name, str_of(want[n].name)));
		assert_true(str_eq(r.value, str_of(want[n].value)));
		n++;
	}
	assert_int_equal(n, COUNT(want));
}

static void
rules_are_found_by_name_in_any_case(void **state)
{
	struct str rules = STR("X-Team: blue | -X-Noise");
	struct headrule r;

	(void)state;
	assert_true(headrule_find(rules, STR("x-TEAM"), &r));
	assert_false(r.removes);
	assert_true(headrule_find(rules, STR("x-noise"), &r));
	assert_true(r.removes);
	assert_false(headrule_find(rules, STR("x-tea"), &r));
	assert_false(headrule_find(STR(""), STR("x-team"), &r));
}

static void
what_is_sound_is_accepted(void **state)
{
	static const char *const rows[] = { "", " | ", "a: b", "-a", "A: b|-c",
		"anthropic-beta: context-1m-2025-08-07",
		"OpenAI-Organization: org-1", "x: a:b", "x_y.z~!#: \"q\"",
		"x-authorization: fine", "- x" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct why why = { .text = "" };

		if (headrule_check(str_of(rows[i]), &why))
			fail_msg("\"%s\": %s", rows[i], why.text);
	}
}

static void
what_is_not_is_refused_and_why_is_said(void **state)
{
	static const struct {
		const char *rules, *text;
	} rows[] = {
		{ "a", "visible" },
		{ "a:", "visible" },
		{ "a: b\r\nc: d", "visible" },
		{ "a: b\nc", "visible" },
		{ "a: \x01", "visible" },
		{ "a: \xc3\xa9", "visible" },
		{ "a b: c", "no name" },
		{ "a\r\nb: c", "no name" },
		{ ": b", "no name" },
		{ "-", "no name" },
		{ "(a): b", "no name" },
		{ "a\xc3\xa9: b", "no name" },
		{ "Authorization: Bearer x", "credential" },
		{ "-x-api-key", "credential" },
		{ "X-GOOG-API-KEY: x", "credential" },
		{ "Cookie: x", "credential" },
		{ "Host: elsewhere", "framing" },
		{ "-Content-Length", "framing" },
		{ "transfer-encoding: chunked", "framing" },
		{ "connection: x-team", "framing" },
		{ "User-Agent: x", "user-agent" },
		{ "a: 1 | A: 2", "twice" },
		{ "a: 1 | -a", "twice" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct why why = { .text = "" };

		if (headrule_check(str_of(rows[i].rules), &why) != ERR_VALUE)
			fail_msg("\"%s\" was accepted", rows[i].rules);
		if (!strstr(why.text, rows[i].text))
			fail_msg("\"%s\": %s", rows[i].rules, why.text);
		assert_string_equal(why.field, "headers");
	}
}

static void
there_are_bounds(void **state)
{
	struct buf rules;
	struct why why;

	(void)state;
	buf_init(&rules, 8192);
	for (int i = 0; i < HEADRULES_MAX; i++)
		buf_mustf(&rules, "x-%d: y|", i);
	assert_int_equal(headrule_check(buf_str(&rules), &why), OK);
	buf_must(&rules, STR("-z"));
	assert_int_equal(headrule_check(buf_str(&rules), &why), ERR_LIMIT);
	buf_clear(&rules);
	buf_must(&rules, STR("x: "));
	for (int i = 0; i < 1024; i++)
		buf_must(&rules, STR("y"));
	assert_int_equal(headrule_check(buf_str(&rules), &why), OK);
	buf_must(&rules, STR("y"));
	assert_int_equal(headrule_check(buf_str(&rules), &why), ERR_VALUE);
	buf_fini(&rules);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_read_in_their_order),
		cmocka_unit_test(rules_are_found_by_name_in_any_case),
		cmocka_unit_test(what_is_sound_is_accepted),
		cmocka_unit_test(what_is_not_is_refused_and_why_is_said),
		cmocka_unit_test(there_are_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
