/* SPDX-License-Identifier: MIT */
/* test_modelrule.c - which models an account serves, and as what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relayd/modelrule.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void
rules_let_through_what_they_name(void **state)
{
	static const struct {
		const char *rules, *model;
		bool allowed;
		const char *upstream;
	} rows[] = {
		{ "", "anything", true, "anything" },
		{ "", "", true, "" },
		{ "a, b*", "a", true, "a" },
		{ "a, b*", "bcd", true, "bcd" },
		{ "a, b*", "c", false, "c" },
		{ "a", "", true, "" },
		{ "gpt-5=prod", "gpt-5", true, "prod" },
		{ "gpt-5=prod", "GPT-5", true, "prod" },
		{ "gpt-5=prod", "gpt-4", false, "gpt-4" },
		{ "gpt-5=prod", "prod", false, "prod" },
		{ "gpt-5=prod, *", "gpt-4", true, "gpt-4" },
		{ "gpt-5*=one, gpt-5-mini=two", "gpt-5-mini", true, "one" },
		{ "gpt-5-mini=two, gpt-5*=one", "gpt-5-mini", true, "two" },
		{ " a = b ", "a", true, "b" },
		{ "!a", "a", false, "a" },
		{ "!a", "b", true, "b" },
		{ "a*, !ab", "ab", false, "ab" },
		{ "!ab, a*", "ab", false, "ab" },
		{ "a*, !ab", "ac", true, "ac" },
		{ "a=us.anthropic.x-v1:0", "a", true, "us.anthropic.x-v1:0" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct str rules = str_of(rows[i].rules);
		struct str model = str_of(rows[i].model);

		if (modelrule_allows(rules, model) != rows[i].allowed ||
		    !str_eq(modelrule_upstream(rules, model),
			str_of(rows[i].upstream)))
			fail_msg("\"%s\" of \"%s\"", rows[i].model,
			    rows[i].rules);
	}
}

static void
what_can_never_match_is_refused(void **state)
{
	static const struct {
		const char *rules;
		bool fine;
	} rows[] = {
		{ "", true },
		{ "a,b,c", true },
		{ "a=b,!c*", true },
		{ "a=", false },
		{ "=b", false },
		{ "!", false },
		{ "!!a", false },
		{ "a b", false },
		{ "a=b*", false },
		{ "a=b c", false },
		{ "a=\"b\"", false },
		{ "a\\", false },
		{ "a\xc3\xa4", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct why why;

		if ((modelrule_check(str_of(rows[i].rules), &why) == OK) !=
		    rows[i].fine)
			fail_msg("\"%s\"", rows[i].rules);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_let_through_what_they_name),
		cmocka_unit_test(what_can_never_match_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
