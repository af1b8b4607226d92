/* SPDX-License-Identifier: MIT */
/* test_plan.c - which models a subscription's plan holds, and who may say
 * otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relayd/account.h"
#include "relayd/plan.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void
plans_hold_what_the_table_says(void **state)
{
	static const struct {
		const char *kind, *plan, *models, *model;
		bool has;
	} rows[] = {
		{ "claude-oauth", "claude_free", "", "claude-opus-4-8", false },
		{ "claude-oauth", "free", "", "claude-sonnet-5", true },
		{ "claude-oauth", "claude_pro", "", "claude-opus-4-5-20251101",
		    true },
		{ "claude-oauth", "claude_pro", "", "claude-opus-4-8", true },
		{ "claude-oauth", "claude_pro", "", "claude-opus-4-1-20250805",
		    false },
		{ "claude-oauth", "pro", "", "claude-opus-4-20250514", false },
		{ "claude-oauth", "pro", "", "claude-3-opus-20240229", false },
		{ "claude-oauth", "pro", "", "Claude-Opus-4-1", false },
		{ "claude-oauth", "claude_max", "", "claude-opus-4-1", true },
		{ "claude-oauth", "", "", "claude-opus-4-1", true },
		{ "claude-oauth", "pro", "", "", true },
		{ "claude-api", "pro", "", "claude-opus-4-1", true },
		{ "codex-oauth", "plus", "", "gpt-5.3-codex-spark", false },
		{ "codex-oauth", "team", "", "gpt-5.3-codex-spark", false },
		{ "codex-oauth", "pro", "", "gpt-5.3-codex-spark", true },
		{ "codex-oauth", "prolite", "", "gpt-5.3-codex-spark", true },
		{ "codex-oauth", "plus", "", "gpt-5.3-codex", true },
		/* The operator's word is worth more, either way. */
		{ "claude-oauth", "pro", "claude-*", "claude-opus-4-1", true },
		{ "claude-oauth", "pro", "*", "claude-opus-4-1", true },
		{ "claude-oauth", "pro", "!claude-haiku-*", "claude-opus-4-1",
		    false },
		{ "claude-oauth", "pro", "!claude-haiku-*", "claude-haiku-4-5",
		    false },
		{ "codex-oauth", "plus", "fast=gpt-5.3-codex-spark", "fast",
		    true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct account a = { .provider =
					 provider_find(str_of(rows[i].kind)) };

		assert_non_null(a.provider);
		a.rec.plan = str_of(rows[i].plan);
		a.rec.models = str_of(rows[i].models);
		if (account_has_model(&a, str_of(rows[i].model)) != rows[i].has)
			fail_msg("%s of %s %s, models \"%s\"", rows[i].model,
			    rows[i].kind, rows[i].plan, rows[i].models);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_hold_what_the_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
