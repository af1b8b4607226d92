/* SPDX-License-Identifier: MIT */
/* test_chart.c - pictures made of characters, as they look. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relay-tui/chart.h"
#include "relay-tui/output.h"
#include "relay-tui/text.h"

static int
group_setup(void **state)
{
	(void)state;
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

static void
a_bar_is_as_long_as_its_share(void **state)
{
	static const struct {
		int64_t value, most;
		const char *blocks, *ascii;
	} cases[] = {
		{ 0, 100, "", "" },
		{ -5, 100, "", "" },
		{ 5, 0, "", "" },
		{ 1, 1000000, "▏", "-" },
		{ 50, 100, "██", "##" },
		{ 100, 100, "████", "####" },
		{ 200, 100, "████", "####" },
		{ 37, 100, "█▌", "#=" },
		{ INT64_MAX - 1, INT64_MAX, "████", "####" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, 256);
		chart_bar(&b, cases[i].value, cases[i].most, 4, false);
		assert_string_equal(buf_cstr(&b), cases[i].blocks);
		assert_true(text_width(buf_str(&b)) <= 4);
		buf_clear(&b);
		chart_bar(&b, cases[i].value, cases[i].most, 4, true);
		assert_string_equal(buf_cstr(&b), cases[i].ascii);
		buf_fini(&b);
	}
}

static void
a_sparkline_shows_nothing_only_where_nothing_is(void **state)
{
	static const int64_t values[] = { 0, 1, 20, 40, 60, 80, 100, 0 };
	struct buf b;

	(void)state;
	buf_init(&b, 256);
	chart_spark(&b, values, 8, 100, false);
	assert_string_equal(buf_cstr(&b), "_▁▂▃▅▆█_");
	buf_clear(&b);
	chart_spark(&b, values, 8, 100, true);
	assert_string_equal(buf_cstr(&b), "_.:-+*@_");
	buf_clear(&b);
	chart_spark(&b, values, 1, 0, false);
	assert_string_equal(buf_cstr(&b), "_");
	buf_fini(&b);
}

static void
neighbours_are_added_up(void **state)
{
	int64_t values[] = { 1, 2, 3, 4, 5, 6, 7 };
	size_t count = 7;

	(void)state;
	chart_merge(values, &count, 1);
	assert_int_equal(count, 7);
	chart_merge(values, &count, 3);
	assert_int_equal(count, 3);
	assert_int_equal(values[0], 6);
	assert_int_equal(values[1], 15);
	assert_int_equal(values[2], 7);
}

static void
an_axis_ends_at_a_number_people_say(void **state)
{
	static const int64_t cases[][2] = { { 0, 1 }, { 1, 1 }, { 3, 5 },
		{ 5, 5 }, { 6, 10 }, { 11, 20 }, { 999999, 1000000 },
		{ 2000001, 5000000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(chart_scale(cases[i][0]), cases[i][1]);
	assert_true(chart_scale(INT64_MAX) > 0);
}

static void
texts_stand_at_the_ends(void **state)
{
	static const struct {
		const char *left, *right;
		int columns;
		const char *want;
	} cases[] = {
		{ "0", "$5", 8, "0     $5" },
		{ "漢字", "$5", 8, "漢字  $5" },
		{ "long name", "$5", 8, "long  $5" },
		{ "x", "$12345", 4, "$12345" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, 256);
		chart_ends(&b, str_of(cases[i].left), str_of(cases[i].right),
		    cases[i].columns);
		assert_string_equal(buf_cstr(&b), cases[i].want);
		buf_fini(&b);
	}
}

static void
a_count_takes_five_columns_at_most(void **state)
{
	static const struct {
		int64_t n;
		const char *want;
	} cases[] = {
		{ 0, "0" },
		{ 999, "999" },
		{ 1000, "1.0k" },
		{ 99949, "99.9k" },
		{ 99950, "100k" },
		{ 999499, "999k" },
		{ 999500, "1.0M" },
		{ 34100000, "34.1M" },
		{ INT64_MAX, "9.2E" },
		{ -1500, "-1.5k" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, 64);
		chart_count(&b, cases[i].n);
		assert_string_equal(buf_cstr(&b), cases[i].want);
		buf_fini(&b);
	}
}

static void
a_share_is_never_said_to_be_nothing(void **state)
{
	static const struct {
		int64_t part, whole;
		const char *want;
	} cases[] = { { 0, 10, "" }, { 1, 0, "" }, { 1, 1000, "<1%" },
		{ 1, 201, "<1%" }, { 1, 100, "1%" }, { 2, 3, "67%" },
		{ 3, 3, "100%" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, 64);
		chart_percent(&b, cases[i].part, cases[i].whole);
		assert_string_equal(buf_cstr(&b), cases[i].want);
		buf_fini(&b);
	}
}

static void
write_plain(int64_t n, struct buf *out)
{
	buf_mustf(out, "%lld", (long long)n);
}

static struct chart_week
some_week(const char *first)
{
	static const char *const names[] = { "Mon", "Tue", "Wed", "Thu", "Fri",
		"Sat", "Sun" };
	struct chart_week w = { .write = write_plain };

	for (int d = 0; d < 7; d++) {
		w.days[d] = str_of(d ? names[d] : first);
		for (int h = 0; h < 24; h++)
			w.hours[d][h] = 1;
	}
	w.values[0][9] = 25;
	w.values[0][10] = 26;
	w.values[0][11] = 75;
	w.values[0][12] = 100;
	w.values[6][23] = 1;
	w.hours[6][2] = 0; /* summer time began */
	return w;
}

static void
a_heat_map_is_shaded_and_says_what_the_shades_mean(void **state)
{
	struct chart_week w = some_week("Mon");
	struct buf b;

	(void)state;
	buf_init(&b, 16384);
	chart_heat(&b, &w, 48, true);
	assert_string_equal(buf_cstr(&b),
	    "     00 03 06 09 12 15 18 21\n"
	    "Mon  .........-+x#...........  226\n"
	    "Tue  ........................  0\n"
	    "Wed  ........................  0\n"
	    "Thu  ........................  0\n"
	    "Fri  ........................  0\n"
	    "Sat  ........................  0\n"
	    "Sun  .. ....................-  1\n"
	    "     . nothing  - 25  + 50  x 75  # 100\n");
	buf_fini(&b);
}

static void
a_heat_map_grows_with_the_terminal_and_stays_inside(void **state)
{
	static const int widths[] = { 45, 80, 100, 200 };
	/* A Monday of another language. */
	struct chart_week w = some_week("月曜");

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct str rest, line;
		struct buf b;
		int first = -1;

		buf_init(&b, 16384);
		chart_heat(&b, &w, widths[i], false);
		rest = buf_str(&b);
		while (rest.len) {
			line = str_cut(&rest, '\n');
			assert_true(text_width(line) <= widths[i]);
			/* Sums stand below each other. */
			if (str_ends(line, STR("  0"))) {
				if (first < 0)
					first = text_width(line);
				assert_int_equal(text_width(line), first);
			}
		}
		assert_true(str_find(buf_str(&b), STR("░▒▓█")) >= 0 ||
		    str_find(buf_str(&b), STR("░░▒▒▓▓██")) >= 0 ||
		    str_find(buf_str(&b), STR("░░░▒▒▒▓▓▓███")) >= 0 ||
		    str_find(buf_str(&b), STR("░░░░▒▒▒▒▓▓▓▓████")) >= 0);
		buf_fini(&b);
	}
}

static void
an_empty_week_is_dots(void **state)
{
	struct chart_week w = some_week("Mon");
	struct buf b;

	(void)state;
	memset(w.values, 0, sizeof(w.values));
	buf_init(&b, 16384);
	chart_heat(&b, &w, 80, false);
	assert_non_null(strstr(buf_cstr(&b), "· nothing\n"));
	assert_null(strstr(buf_cstr(&b), "░"));
	buf_fini(&b);
}

/* Lines of as many columns as were asked for, from the ground up. */
static void
columns_fill_their_cells_and_no_more(void **state)
{
	static const int64_t values[] = { 0, 1, 50, 100 };

	(void)state;
	for (int ascii = 0; ascii < 2; ascii++)
		for (int rows = 1; rows <= 5; rows++)
			for (int width = 1; width <= 4; width++) {
				struct buf b;
				struct str rest, line;
				int n = 0;

				buf_init(&b, 16384);
				chart_columns(&b, values, 4, 100, rows, width,
				    ascii);
				rest = buf_str(&b);
				while (rest.len) {
					line = str_cut(&rest, '\n');
					assert_int_equal(text_width(line),
					    4 * width);
					n++;
					/* Nothing stands where nothing is,
					 * and what is least stands on the
					 * ground. */
					assert_int_equal(line.at[0], ' ');
					assert_int_equal(line.at[width] != ' ',
					    n == rows);
					if (width > 1)
						assert_true(str_ends(line,
						    STR(" ")));
				}
				assert_int_equal(n, rows);
				buf_fini(&b);
			}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bar_is_as_long_as_its_share),
		cmocka_unit_test(
		    a_sparkline_shows_nothing_only_where_nothing_is),
		cmocka_unit_test(neighbours_are_added_up),
		cmocka_unit_test(an_axis_ends_at_a_number_people_say),
		cmocka_unit_test(texts_stand_at_the_ends),
		cmocka_unit_test(a_count_takes_five_columns_at_most),
		cmocka_unit_test(a_share_is_never_said_to_be_nothing),
		cmocka_unit_test(
		    a_heat_map_is_shaded_and_says_what_the_shades_mean),
		cmocka_unit_test(
		    a_heat_map_grows_with_the_terminal_and_stays_inside),
		cmocka_unit_test(an_empty_week_is_dots),
		cmocka_unit_test(columns_fill_their_cells_and_no_more),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
