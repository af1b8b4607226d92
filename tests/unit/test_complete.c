/* SPDX-License-Identifier: MIT */
/* test_complete.c - what may stand in place of the last word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay-tui/complete.h"

#define NONE CTL_METHODS

static bool
asks(const struct completion *c, enum ctl_method m)
{
	for (unsigned i = 0; i < c->asks_count; i++)
		if (c->asks[i].method == m)
			return true;
	return false;
}

static void
the_table_tells_words_and_who_knows_names(void **state)
{
	static const struct {
		const char *words[5];
		int count;
		const char *has, *lacks;
		enum ctl_method asks, never;
	} cases[] = {
		{ { "" }, 1, "account\n", "list\n", NONE, CTL_M_account_list },
		{ { "account", "" }, 2, "list\n", "account\n", NONE,
		    CTL_M_account_list },
		{ { "account", "show", "" }, 3, "", "--kind",
		    CTL_M_account_list, CTL_M_account_kinds },
		{ { "account", "add", "" }, 3, "", "list\n",
		    CTL_M_account_kinds, CTL_M_account_list },
		{ { "account", "add", "claude-api", "" }, 4, "--dry-run\n",
		    "list\n", CTL_M_account_kinds, CTL_M_account_list },
		{ { "account", "key", "add", "" }, 4, "", "list\n",
		    CTL_M_account_list, CTL_M_account_kinds },
		{ { "account", "set", "a", "" }, 4, "--credential-file\n",
		    "--url", CTL_M_account_kinds, CTL_M_account_list },
		{ { "key", "rm", "" }, 3, "", "list\n", CTL_M_key_list,
		    CTL_M_account_list },
		{ { "my", "key", "rm", "" }, 4, "", "list\n", CTL_M_my_keys,
		    CTL_M_key_list },
		{ { "user", "show", "" }, 3, "", "list\n", CTL_M_user_list,
		    CTL_M_key_list },
		{ { "set", "" }, 2, "", "list\n", CTL_M_setting_list,
		    CTL_M_key_list },
		{ { "env", "" }, 2, "claude\n", "list\n", NONE,
		    CTL_M_key_list },
		{ { "key", "create", "" }, 3, "--expires\n", "list\n", NONE,
		    CTL_M_key_list },
		{ { "key", "create", "--owner", "" }, 4, "", "--expires",
		    CTL_M_user_list, CTL_M_key_list },
		{ { "usage", "--account", "" }, 3, "", "--model",
		    CTL_M_account_list, CTL_M_key_list },
		{ { "no", "such", "" }, 3, "", "list\n", NONE,
		    CTL_M_account_list },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct completion c;

		complete_begin(&c, cases[i].count, cases[i].words);
		if (!strstr(buf_cstr(&c.words), cases[i].has) ||
		    strstr(buf_cstr(&c.words), cases[i].lacks) ||
		    (cases[i].asks != NONE && !asks(&c, cases[i].asks)) ||
		    asks(&c, cases[i].never))
			fail_msg("case %zu: %s", i, buf_cstr(&c.words));
		complete_fini(&c);
	}
}

static void
names_are_taken_once_and_never_break_a_line(void **state)
{
	const char *const words[] = { "account", "show", "" };
	const char *text = "[{\"name\":\"a\"},{\"name\":\"a\"},"
			   "{\"name\":\"b\\nc\"},{\"id\":\"k1\"},{\"n\":1}]";
	struct completion c;
	struct json *rows;

	(void)state;
	assert_int_equal(json_parse(str_of(text), 4096, &rows, NULL), OK);
	complete_begin(&c, 3, words);
	buf_clear(&c.words);
	for (unsigned i = 0; i < c.asks_count; i++)
		complete_add(&c, i, rows);
	assert_string_equal(buf_cstr(&c.words), "a\nk1\n");
	complete_add(&c, 0, NULL);
	assert_string_equal(buf_cstr(&c.words), "a\nk1\n");
	complete_fini(&c);
	json_free(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_tells_words_and_who_knows_names),
		cmocka_unit_test(names_are_taken_once_and_never_break_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
