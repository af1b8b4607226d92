/* SPDX-License-Identifier: MIT */
/* test_csv.c - rows for spreadsheets: quoting, formulas, money, moments. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "relay-tui/csv.h"

static int
group_setup(void **state)
{
	(void)state;
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

static void
a_cell_is_quoted_only_where_it_must_be(void **state)
{
	static const struct {
		const char *text, *cell;
	} cases[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "two words", "two words" },
		{ "a,b", "\"a,b\"" },
		{ "say \"x\"", "\"say \"\"x\"\"\"" },
		{ "\"", "\"\"\"\"" },
		{ " x", "\" x\"" },
		{ "x ", "\"x \"" },
		{ "a\r\nb", "a b" },
		{ "\033[31mred", "[31mred" },
		{ "\xe6\xbc\xa2\xe5\xad\x97", "\xe6\xbc\xa2\xe5\xad\x97" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, 256);
		csv_text(str_of(cases[i].text), &b);
		assert_string_equal(buf_cstr(&b), cases[i].cell);
		buf_fini(&b);
	}
}

static void
no_cell_is_a_formula(void **state)
{
	static const struct {
		const char *text, *cell;
	} cases[] = {
		{ "=1+1", "'=1+1" },
		{ "+1", "'+1" },
		{ "-1", "'-1" },
		{ "@SUM(A1)", "'@SUM(A1)" },
		{ "\t=1", "' =1" },
		{ "\r=1", "'=1" },
		{ "  =1", "'  =1" },
		{ "=HYPERLINK(\"x\",\"y\")",
		    "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"" },
		{ "\xef\xbc\x9d"
		  "1",
		    "'\xef\xbc\x9d"
		    "1" },
		{ "a=1", "a=1" },
		{ "1-1", "1-1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, 256);
		csv_text(str_of(cases[i].text), &b);
		assert_string_equal(buf_cstr(&b), cases[i].cell);
		buf_fini(&b);
	}
}

static void
money_is_dollars_to_the_millionth(void **state)
{
	static const struct {
		int64_t micro;
		const char *cell;
	} cases[] = {
		{ 0, "0.000000" },
		{ 1, "0.000001" },
		{ 1500000, "1.500000" },
		{ -1500000, "-1.500000" },
		{ INT64_MAX, "9223372036854.775807" },
		{ INT64_MIN, "-9223372036854.775808" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, 64);
		csv_money(cases[i].micro, &b);
		assert_string_equal(buf_cstr(&b), cases[i].cell);
		buf_fini(&b);
	}
}

static void
a_row_has_every_column_by_its_own_name(void **state)
{
	static const struct column columns[] = {
		{ "Name", "name", CELL_TEXT, FIT_CUT },
		{ "Share", "cost_micro", CELL_SHARE, FIT_DROP },
		{ "When", "at", CELL_MOMENT, FIT_WHOLE },
		{ "Tokens", "input", CELL_COUNT, FIT_WHOLE },
		{ "Cost", "cost_micro", CELL_CENTS, FIT_WHOLE },
		{ "Bar", "cost_micro", CELL_BAR, FIT_DROP },
		{ "Ends", "end", CELL_END, FIT_WHOLE },
		{ "Flag", "flag", CELL_FLAG, FIT_WHOLE },
		{ "List", "list", CELL_TEXT, FIT_WHOLE },
		{ "Never", "used", CELL_AGO, FIT_WHOLE },
		{ .title = NULL },
	};
	static const char row[] = "{\"name\":\"a,b\",\"at\":1792846800000,"
				  "\"input\":1234567,\"cost_micro\":5,"
				  "\"end\":\"abcd\",\"flag\":false,"
				  "\"list\":[\"x\",\"y\"],\"used\":0}";
	struct json *root;
	struct buf b;

	(void)state;
	assert_int_equal(json_parse(str_of(row), 4096, &root, NULL), OK);
	buf_init(&b, 4096);
	csv_head(columns, &b);
	csv_row(columns, root, &b);
	assert_string_equal(buf_cstr(&b),
	    "name,at,input,cost_usd,end,flag,list,used\r\n"
	    "\"a,b\",2026-10-24T15:00:00+02:00,1234567,0.000005,abcd,false,"
	    "x y,\r\n");
	json_free(root);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cell_is_quoted_only_where_it_must_be),
		cmocka_unit_test(no_cell_is_a_formula),
		cmocka_unit_test(money_is_dollars_to_the_millionth),
		cmocka_unit_test(a_row_has_every_column_by_its_own_name),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
