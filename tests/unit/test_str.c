/* SPDX-License-Identifier: MIT */
/* test_str.c - borrowed bytes compared, cut and counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/str.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define assert_str(s, literal)                                                 \
	do {                                                                   \
		const struct str got = (s);                                    \
                                                                               \
		assert_int_equal(got.len, sizeof(literal) - 1);                \
		assert_memory_equal(got.at, literal, sizeof(literal) - 1);     \
	} while (0)

static const struct str none = { NULL, 0 };

static void
strings_are_equal_byte_by_byte(void **state)
{
	(void)state;
	assert_true(str_eq(STR("a\0b"), STR("a\0b")));
	assert_false(str_eq(STR("a\0b"), STR("a\0c")));
	assert_false(str_eq(STR("a"), STR("A")));
	assert_false(str_eq(STR("a"), STR("ab")));
	assert_true(str_eq(none, STR("")));
	assert_true(str_eq(str_of(NULL), none));
}

static void
case_matters_for_ascii_letters_only(void **state)
{
	(void)state;
	assert_true(str_ieq(STR("Content-Length"), STR("cONTENT-lENGTH")));
	assert_false(str_ieq(STR("["), STR("{")));
	assert_false(str_ieq(STR("@"), STR("`")));
	assert_false(str_ieq(STR("\xc4"), STR("\xe4")));
	assert_true(str_ieq(none, STR("")));
}

static void
order_is_that_of_bytes_and_then_length(void **state)
{
	(void)state;
	assert_true(str_cmp(STR("a"), STR("b")) < 0);
	assert_true(str_cmp(STR("b"), STR("ab")) > 0);
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("ab"), STR("a")) > 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
	assert_int_equal(str_cmp(STR("ab"), STR("ab")), 0);
	assert_int_equal(str_cmp(none, STR("")), 0);
	assert_true(str_cmp(none, STR("a")) < 0);
}

static void
starts_and_ends_are_recognized(void **state)
{
	(void)state;
	assert_true(str_starts(STR("abc"), STR("ab")));
	assert_true(str_starts(STR("abc"), STR("")));
	assert_true(str_starts(STR("abc"), STR("abc")));
	assert_false(str_starts(STR("abc"), STR("abcd")));
	assert_false(str_starts(STR("abc"), STR("AB")));
	assert_true(str_istarts(STR("abc"), STR("AB")));
	assert_false(str_istarts(STR("abc"), STR("ABCD")));
	assert_true(str_ends(STR("abc"), STR("bc")));
	assert_false(str_ends(STR("abc"), STR("b")));
	assert_false(str_ends(STR("bc"), STR("abc")));
	assert_true(str_ends(none, STR("")));
}

static void
parts_are_found_where_they_first_stand(void **state)
{
	(void)state;
	assert_int_equal(str_find(STR("a\0bcbc"), STR("bc")), 2);
	assert_int_equal(str_find(STR("abc"), STR("")), 0);
	assert_int_equal(str_find(STR("abc"), STR("abcd")), -1);
	assert_int_equal(str_find(STR("abc"), STR("ca")), -1);
	assert_int_equal(str_ifind(STR("xABab"), STR("aB")), 1);
	assert_int_equal(str_ifind(STR("x"), STR("aB")), -1);
	assert_int_equal(str_chr(STR("abcb"), 'b'), 1);
	assert_int_equal(str_chr(STR("abc"), 'd'), -1);
	assert_int_equal(str_chr(none, 'a'), -1);
}

static void
skipping_and_taking_stop_at_the_end(void **state)
{
	const struct str s = STR("abc");

	(void)state;
	assert_str(str_skip(s, 1), "bc");
	assert_str(str_skip(s, 3), "");
	assert_ptr_equal(str_skip(s, 9).at, s.at + 3);
	assert_int_equal(str_skip(s, 9).len, 0);
	assert_str(str_first(s, 2), "ab");
	assert_str(str_first(s, 9), "abc");
	assert_null(str_skip(none, 1).at);
	assert_int_equal(str_skip(none, 1).len, 0);
}

static void
cutting_gives_every_part_once(void **state)
{
	struct str rest = STR("a,,b,");

	(void)state;
	assert_str(str_cut(&rest, ','), "a");
	assert_str(str_cut(&rest, ','), "");
	assert_str(str_cut(&rest, ','), "b");
	assert_non_null(rest.at);
	assert_str(str_cut(&rest, ','), "");
	assert_null(rest.at);
	rest = none;
	assert_int_equal(str_cut(&rest, ',').len, 0);
	assert_null(rest.at);
}

static void
blanks_are_trimmed_at_both_ends(void **state)
{
	(void)state;
	assert_str(str_trim(STR(" \ta b\t ")), "a b");
	assert_str(str_trim(STR(" \t ")), "");
	assert_str(str_trim(STR("\na")), "\na");
	assert_int_equal(str_trim(none).len, 0);
}

static void
lists_skip_empty_members(void **state)
{
	struct str rest = STR(" , a ,,b c\t,"), member;

	(void)state;
	assert_true(str_list_next(&rest, &member));
	assert_str(member, "a");
	assert_true(str_list_next(&rest, &member));
	assert_str(member, "b c");
	assert_false(str_list_next(&rest, &member));
	assert_false(str_list_next(&rest, &member));
}

static void
numbers_are_digits_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		enum err e;
		uint64_t number;
	} cases[] = {
		{ "0", OK, 0 },
		{ "00012", OK, 12 },
		{ "18446744073709551615", OK, UINT64_MAX },
		{ "18446744073709551616", ERR_LIMIT, 0 },
		{ "99999999999999999999", ERR_LIMIT, 0 },
		{ "", ERR_SYNTAX, 0 },
		{ "-1", ERR_SYNTAX, 0 },
		{ "+1", ERR_SYNTAX, 0 },
		{ " 1", ERR_SYNTAX, 0 },
		{ "1 ", ERR_SYNTAX, 0 },
		{ "0x1", ERR_SYNTAX, 0 },
		{ "1e3", ERR_SYNTAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t number = 7;

		assert_int_equal(str_u64(str_of(cases[i].text), &number),
		    cases[i].e);
		assert_int_equal(number, cases[i].e ? 7 : cases[i].number);
	}
}

static void
signed_numbers_may_have_a_minus(void **state)
{
	int64_t number = 7;

	(void)state;
	assert_int_equal(str_i64(STR("-9223372036854775807"), &number), OK);
	assert_true(number == -INT64_MAX);
	assert_int_equal(str_i64(STR("9223372036854775807"), &number), OK);
	assert_true(number == INT64_MAX);
	assert_int_equal(str_i64(STR("9223372036854775808"), &number),
	    ERR_LIMIT);
	assert_int_equal(str_i64(STR("-9223372036854775809"), &number),
	    ERR_LIMIT);
	assert_int_equal(str_i64(STR("-"), &number), ERR_SYNTAX);
	assert_int_equal(str_i64(STR("--1"), &number), ERR_SYNTAX);
	assert_true(number == INT64_MAX);
}

static void
the_smallest_number_is_one_too(void **state)
{
	int64_t number;

	(void)state;
	assert_int_equal(str_i64(STR("-9223372036854775808"), &number), OK);
	assert_true(number == INT64_MIN);
}

static void
hex_digits_have_their_values(void **state)
{
	(void)state;
	for (int c = -128; c < 128; c++) {
		const char *all = "0123456789abcdef0123456789ABCDEF";
		const char *p = c ? strchr(all, c) : NULL;

		assert_int_equal(str_hex_digit((char)c),
		    p ? (int)((p - all) % 16) : -1);
	}
}

static void
globs_match_the_whole(void **state)
{
	static const struct {
		const char *text, *pattern;
		bool match;
	} cases[] = {
		{ "claude-opus-4", "claude-*", true },
		{ "claude-opus-4", "CLAUDE-*-4", true },
		{ "claude-opus-4", "*opus*", true },
		{ "claude-opus-4", "claude-opus", false },
		{ "claude-opus-4", "opus*", false },
		{ "claude-opus-4", "claude-opus-?", true },
		{ "claude-opus-", "claude-opus-?", false },
		{ "", "*", true },
		{ "", "", true },
		{ "", "?", false },
		{ "a", "", false },
		{ "aab", "*ab", true },
		{ "abab", "a*b*b", true },
		{ "ab", "a**b", true },
		{ "a*b", "a?b", true },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
		    "a*a*a*a*a*a*a*a*a*a*a*a*c", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (str_glob(str_of(cases[i].text), str_of(cases[i].pattern)) !=
		    cases[i].match)
			fail_msg("%s against %s", cases[i].text,
			    cases[i].pattern);
}

static void
a_glob_covers_what_fits_whatever_the_other_fits(void **state)
{
	static const struct {
		const char *wide, *narrow;
		bool covers;
	} cases[] = {
		{ "*", "", true },
		{ "*", "*", true },
		{ "claude-*", "claude-opus-*", true },
		{ "Claude-*", "claude-?", true },
		{ "claude-opus-*", "claude-*", false },
		{ "claude-*-4", "claude-*opus*-4", true },
		/* A star may be nothing, or a lot. */
		{ "claude-?", "claude-*", false },
		{ "claude-?", "claude-?", true },
		{ "claude-x", "claude-?", false },
		{ "?*", "*", false },
		{ "gpt-5", "gpt-5", true },
		{ "", "", true },
		{ "", "*", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (str_glob_covers(str_of(cases[i].wide),
			str_of(cases[i].narrow)) != cases[i].covers)
			fail_msg("%s over %s", cases[i].wide, cases[i].narrow);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_glob_covers_what_fits_whatever_the_other_fits),
		cmocka_unit_test(strings_are_equal_byte_by_byte),
		cmocka_unit_test(case_matters_for_ascii_letters_only),
		cmocka_unit_test(order_is_that_of_bytes_and_then_length),
		cmocka_unit_test(starts_and_ends_are_recognized),
		cmocka_unit_test(parts_are_found_where_they_first_stand),
		cmocka_unit_test(skipping_and_taking_stop_at_the_end),
		cmocka_unit_test(cutting_gives_every_part_once),
		cmocka_unit_test(blanks_are_trimmed_at_both_ends),
		cmocka_unit_test(lists_skip_empty_members),
		cmocka_unit_test(numbers_are_digits_and_nothing_else),
		cmocka_unit_test(signed_numbers_may_have_a_minus),
		cmocka_unit_test(the_smallest_number_is_one_too),
		cmocka_unit_test(hex_digits_have_their_values),
		cmocka_unit_test(globs_match_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
