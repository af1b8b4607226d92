/* SPDX-License-Identifier: MIT */
/* test_usage_view.c - usage as people see it at 80 columns: whole screens. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relay-tui/noun.h"
#include "relay-tui/usage_table.h"
#include "relay-tui/usage_view.h"

static int
group_setup(void **state)
{
	(void)state;
	unsetenv("COLUMNS");
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

/* A terminal of 80 columns that keeps what was printed. */
struct screen {
	struct output out;
	char text[16384];
};

static void
screen_open(struct screen *s)
{
	memset(s->text, 0, sizeof(s->text));
	s->out = (struct output){ .to = fmemopen(s->text, sizeof(s->text), "w"),
		.width = 80,
		.now_ms = INT64_C(1792969200000) }; /* 2026-10-26 00:00 */
	assert_non_null(s->out.to);
}

static void
screen_shows(struct screen *s, const char *want)
{
	fclose(s->out.to);
	assert_string_equal(s->text, want);
	for (char *line = strtok(s->text, "\n"); line;
	     line = strtok(NULL, "\n"))
		assert_true(text_width(str_of(line)) <= 80);
}

static struct json *
parse(const char *text)
{
	struct json *root;

	assert_int_equal(json_parse(str_of(text), 65536, &root, NULL), OK);
	return root;
}

/* --- tables ---------------------------------------------------------------- */

static const char by_key[] =
    "{\"by\":\"key\",\"per\":\"total\",\"zone\":\"Europe/Berlin\","
    "\"since\":\"2026-10-20T00:00+02:00\",\"until\":\"2026-10-25T00:00+02:00\","
    "\"total\":{\"requests\":12,\"errors\":1,\"input\":1200,\"output\":30000,"
    "\"cache_read\":5000000,\"cache_write_5m\":7,\"cache_write_1h\":8,"
    "\"searches\":9,\"cost_micro\":20000000,\"rated_micro\":15000001},"
    "\"rows\":[{\"name\":\"kaaaaaaaa\",\"label\":\"small\",\"requests\":2,"
    "\"input\":200,\"output\":10000,\"cost_micro\":4999,\"rated_micro\":1},"
    "{\"name\":\"kbbbbbbbb\",\"label\":\"张伟的笔记本电脑\",\"requests\":10,"
    "\"errors\":1,\"input\":1000,\"output\":20000,\"cache_read\":5000000,"
    "\"cache_write_5m\":7,\"cache_write_1h\":8,\"searches\":9,"
    "\"cost_micro\":15000000,\"rated_micro\":15000000}]}";

static void
show_table(struct screen *s, const char *text, bool is_part)
{
	struct json *data = parse(text);
	const struct json *rows = json_at(data, "rows");
	struct usage_table t;

	usage_table_init(&t);
	usage_table_begin(&t, &s->out, usage_columns, data, is_part);
	for (const struct json *r = json_first(rows); r; r = json_next(r))
		usage_table_add(&t, &s->out, r);
	usage_table_print(&t, &s->out);
	usage_table_fini(&t);
	json_free(data);
}

static void
the_largest_stand_first_and_shares_are_of_the_total(void **state)
{
	struct screen s;

	(void)state;
	screen_open(&s);
	show_table(&s, by_key, false);
	screen_shows(&s,
	    "2026-10-20 to 2026-10-24 (Europe/Berlin)\n"
	    "NAME              ID         REQUESTS  INPUT    COST  SHARE  0    "
	    "        $20.00\n"
	    "张伟的笔记本电脑  kbbbbbbbb        10   1.0k  $15.00    75%  "
	    "██████████████▎\n"
	    "small             kaaaaaaaa         2    200  <$0.01    <1%  ▏\n"
	    "total                              12   1.2k  $20.00\n"
	    "(no room for: ERRORS, READ, WRITE 5M, WRITE 1H, OUTPUT, SEARCHES, "
	    "RATED)\n");
}

static void
a_wide_terminal_shows_each_class_of_tokens(void **state)
{
	static const char *const heads[] = { "INPUT", "READ", "WRITE 5M",
		"WRITE 1H", "OUTPUT", "SEARCHES", "ERRORS", "RATED" };
	struct screen s;

	(void)state;
	screen_open(&s);
	s.out.width = 200;
	show_table(&s, by_key, false);
	fclose(s.out.to);
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		assert_non_null(strstr(s.text, heads[i]));
	assert_null(strstr(s.text, "no room"));
}

static void
a_rate_that_changes_nothing_takes_no_column(void **state)
{
	static const char *const totals[] = { "1000000", "1500000" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		char text[512];
		struct screen s;

		snprintf(text, sizeof(text),
		    "{\"by\":\"model\",\"per\":\"total\",\"zone\":\"UTC\","
		    "\"since\":\"2026-10-20\",\"until\":\"2026-10-21\","
		    "\"total\":{\"requests\":1,\"cost_micro\":1000000,"
		    "\"rated_micro\":%s},\"rows\":[{\"name\":\"m\","
		    "\"requests\":1,\"cost_micro\":1000000,"
		    "\"rated_micro\":%s}]}",
		    totals[i], totals[i]);
		screen_open(&s);
		show_table(&s, text, false);
		fclose(s.out.to);
		assert_int_equal(strstr(s.text, "RATED") != NULL, i == 1);
	}
}

static void
what_has_no_price_is_not_told_as_free(void **state)
{
	static const char text[] =
	    "{\"by\":\"model\",\"per\":\"total\",\"zone\":\"UTC\","
	    "\"since\":\"2026-10-20\",\"until\":\"2026-10-21\","
	    "\"total\":{\"requests\":4,\"unpriced\":2,\"estimated\":1,"
	    "\"cost_micro\":1000000,\"rated_micro\":1000000},\"rows\":["
	    "{\"name\":\"half\",\"requests\":2,\"unpriced\":1,"
	    "\"cost_micro\":1000000},"
	    "{\"name\":\"none\",\"requests\":1,\"unpriced\":1,"
	    "\"cost_micro\":0},"
	    "{\"name\":\"free\",\"requests\":1,\"cost_micro\":0}]}";
	struct screen s;

	(void)state;
	screen_open(&s);
	s.out.width = 60;
	show_table(&s, text, false);
	fclose(s.out.to);
	assert_non_null(strstr(s.text, ">$1.00"));
	assert_non_null(strstr(s.text, "no price"));
	assert_non_null(strstr(s.text, "$0.00"));
	assert_non_null(strstr(s.text,
	    "(without a price: 2, see `relayctl price check`; estimated:\n"
	    "1)\n"));
}

static const char by_day[] =
    "{\"by\":\"all\",\"per\":\"day\",\"zone\":\"Europe/Berlin\","
    "\"since\":\"2026-10-22T00:00+02:00\",\"until\":\"2026-10-26T00:00+01:00\","
    "\"total\":{\"requests\":3,\"cost_micro\":3000000},"
    "\"rows\":[{\"at\":\"2026-10-23T00:00+02:00\",\"requests\":1,"
    "\"cost_micro\":1000000},{\"at\":\"2026-10-25T00:00+02:00\",\"requests\":2,"
    "\"cost_micro\":2000000}]}";

static void
days_without_use_are_there(void **state)
{
	struct screen s;

	(void)state;
	screen_open(&s);
	s.out.now_ms -= 30000; /* still the 25th */
	show_table(&s, by_day, false);
	screen_shows(&s,
	    "since 2026-10-22 (Europe/Berlin)\n"
	    "AT          REQUESTS   COST  SHARE  0                             "
	    "     $2.00\n"
	    "2026-10-22         0  $0.00\n"
	    "2026-10-23         1  $1.00    33%  ████████████████████\n"
	    "2026-10-24         0  $0.00\n"
	    "2026-10-25         2  $2.00    67%  "
	    "████████████████████████████████████████\n"
	    "total              3  $3.00\n");
}

static void
a_part_of_a_list_is_not_filled_up(void **state)
{
	struct screen s;

	(void)state;
	screen_open(&s);
	show_table(&s, by_day, true);
	fclose(s.out.to);
	assert_null(strstr(s.text, "2026-10-24"));
	assert_non_null(strstr(s.text, "2026-10-25"));
}

static void
what_has_not_begun_is_not_drawn_as_nothing(void **state)
{
	struct screen s;

	(void)state;
	screen_open(&s);
	s.out.now_ms -= 86400000 / 2; /* noon of the 25th */
	show_table(&s,
	    "{\"by\":\"all\",\"per\":\"hour\",\"zone\":\"Europe/Berlin\","
	    "\"since\":\"2026-10-25T00:00+02:00\","
	    "\"until\":\"2026-10-26T00:00+01:00\","
	    "\"rows\":[{\"at\":\"2026-10-25T02:00+01:00\",\"requests\":1,"
	    "\"cost_micro\":1}]}",
	    false);
	fclose(s.out.to);
	assert_non_null(strstr(s.text, "2026-10-25 12:00"));
	assert_null(strstr(s.text, "2026-10-25 13:00"));
	/* This night has the hour twice. */
	assert_non_null(strstr(s.text,
	    "2026-10-25 01:00         0   $0.00\n"
	    "2026-10-25 02:00         0   $0.00\n"
	    "2026-10-25 02:00         1  <$0.01"));
}

static void
the_minute_that_is_going_on_has_its_place(void **state)
{
	static const char text[] =
	    "{\"by\":\"all\",\"per\":\"minute\",\"zone\":\"Europe/Berlin\","
	    "\"since\":\"2026-10-25T23:58+01:00\","
	    "\"until\":\"2026-10-26T00:00+01:00\","
	    "\"rows\":[{\"at\":\"2026-10-26T00:00+01:00\",\"requests\":7,"
	    "\"cost_micro\":1000000}]}";
	struct screen s;

	(void)state;
	screen_open(&s);
	show_table(&s, text, false);
	screen_shows(&s,
	    "since 2026-10-25 23:58 (Europe/Berlin)\n"
	    "AT                REQUESTS   COST  SHARE  0                       "
	    "         $1.00\n"
	    "2026-10-25 23:58         0  $0.00\n"
	    "2026-10-25 23:59         0  $0.00\n"
	    "2026-10-26 00:00         7  $1.00   100%  "
	    "██████████████████████████████████████\n");
}

static void
who_is_nobody_is_called_so(void **state)
{
	static const char text[] =
	    "{\"by\":\"user\",\"per\":\"total\",\"zone\":\"UTC\","
	    "\"since\":\"2026-10-20\",\"until\":\"2026-10-21\",\"rows\":["
	    "{\"name\":\"\",\"requests\":1,\"cost_micro\":0},"
	    "{\"name\":\"uid:0\",\"requests\":1,\"cost_micro\":0}]}";
	struct screen s;

	(void)state;
	screen_open(&s);
	show_table(&s, text, false);
	screen_shows(&s,
	    "2026-10-20 (UTC)\n"
	    "USER    REQUESTS   COST\n"
	    "(none)         1  $0.00\n"
	    "root           1  $0.00\n");
}

/* --- pictures -------------------------------------------------------------- */

static void
read_rows(const char *text, struct usage_rows *out)
{
	struct json *data = parse(text);

	*out = (struct usage_rows){ .count = 0 };
	assert_int_equal(usage_rows_add(out, data, NULL), OK);
	json_free(data);
}

static const char courses[] =
    "{\"by\":\"key\",\"per\":\"day\",\"zone\":\"Europe/Berlin\","
    "\"since\":\"2026-10-12T00:00+02:00\",\"until\":\"2026-10-26T00:00+01:00\","
    "\"total\":{\"requests\":4,\"cost_micro\":15000000},"
    "\"rows\":[{\"at\":\"2026-10-12T00:00+02:00\",\"name\":\"ka\","
    "\"label\":\"alice\",\"requests\":1,\"cost_micro\":1000000},"
    "{\"at\":\"2026-10-13T00:00+02:00\",\"name\":\"kb\","
    "\"label\":\"漢字\",\"requests\":1,\"cost_micro\":4000000},"
    "{\"at\":\"2026-10-14T00:00+02:00\",\"name\":\"kb\","
    "\"label\":\"漢字\",\"requests\":1,\"cost_micro\":8000000},"
    "{\"at\":\"2026-10-25T00:00+02:00\",\"name\":\"ka\","
    "\"label\":\"alice\",\"requests\":1,\"cost_micro\":2000000}]}";

static void
a_chart_has_a_line_for_each_name(void **state)
{
	struct usage_rows r;
	struct screen s;

	(void)state;
	read_rows(courses, &r);
	screen_open(&s);
	assert_int_equal(usage_view_chart(&s.out, &r, PER_DAY, OF_COST, NULL),
	    OK);
	usage_rows_fini(&r);
	screen_shows(&s,
	    "2026-10-12 to 2026-10-25, per day (Europe/Berlin)\n"
	    "                           MOST     TOTAL\n"
	    "漢字   _▄█___________     $8.00    $12.00\n"
	    "alice  ▄____________█     $2.00     $3.00\n"
	    "total                              $15.00\n");
}

static void
without_utf8_a_chart_is_ascii(void **state)
{
	struct usage_rows r;
	struct screen s;

	(void)state;
	read_rows(courses, &r);
	screen_open(&s);
	s.out.ascii = true;
	assert_int_equal(usage_view_chart(&s.out, &r, PER_HOUR, OF_COST, NULL),
	    OK);
	usage_rows_fini(&r);
	screen_shows(&s,
	    "2026-10-12 to 2026-10-25, per hour (Europe/Berlin)\n"
	    "       2026-10-12 00:00           2026-10-25 23:00      MOST     "
	    "TOTAL\n"
	    "漢字   ___=__@____________________________________     $8.00    "
	    "$12.00\n"
	    "alice  =______________________________________@___     $2.00     "
	    "$3.00\n"
	    "total                                                           "
	    "$15.00\n"
	    "(each column is 8 hours)\n");
}

static void
the_largest_are_drawn_as_parts_of_all(void **state)
{
	struct usage_rows r;
	struct screen s;

	(void)state;
	read_rows(by_key, &r);
	screen_open(&s);
	usage_view_top(&s.out, "keys", &r, OF_COST);
	usage_rows_fini(&r);
	screen_shows(&s,
	    "  keys    张伟的笔记本电脑            $15.00   75%  "
	    "█████████████████████\n"
	    "          small                       <$0.01   <1%  ▏\n");
}

static void
the_hours_of_a_week_are_those_of_the_zone(void **state)
{
	struct usage_rows r;
	struct screen s;

	(void)state;
	read_rows("{\"by\":\"all\",\"per\":\"hour\",\"zone\":\"Europe/Berlin\","
		  "\"since\":\"2026-10-19T00:00+02:00\","
		  "\"until\":\"2026-10-26T00:00+01:00\","
		  "\"rows\":[{\"at\":\"2026-10-25T02:00+02:00\",\"requests\":1,"
		  "\"cost_micro\":1000000},{\"at\":\"2026-10-25T02:00+01:00\","
		  "\"requests\":2,\"cost_micro\":1000000},"
		  "{\"at\":\"2026-10-19T23:00+02:00\",\"requests\":3,"
		  "\"cost_micro\":500000}]}",
	    &r);
	screen_open(&s);
	assert_int_equal(usage_view_heat(&s.out, &r, OF_COST, NULL), OK);
	usage_rows_fini(&r);
	screen_shows(&s,
	    "2026-10-19 to 2026-10-25, cost per hour and weekday "
	    "(Europe/Berlin)\n"
	    "     00  02  04  06  08  10  12  14  16  18  20  22\n"
	    "Mon  · · · · · · · · · · · · · · · · · · · · · · · ░░  $0.50\n"
	    "Tue  · · · · · · · · · · · · · · · · · · · · · · · ·   $0.00\n"
	    "Wed  · · · · · · · · · · · · · · · · · · · · · · · ·   $0.00\n"
	    "Thu  · · · · · · · · · · · · · · · · · · · · · · · ·   $0.00\n"
	    "Fri  · · · · · · · · · · · · · · · · · · · · · · · ·   $0.00\n"
	    "Sat  · · · · · · · · · · · · · · · · · · · · · · · ·   $0.00\n"
	    "Sun  · · ██· · · · · · · · · · · · · · · · · · · · ·   $2.00\n"
	    "     · nothing  ░ $0.50  ▒ $1.00  ▓ $1.50  █ $2.00\n");
}

static void
a_heat_map_is_told_to_programs_too(void **state)
{
	struct json *told;
	struct usage_rows r;
	struct screen s;

	(void)state;
	read_rows("{\"by\":\"all\",\"per\":\"hour\",\"zone\":\"UTC\","
		  "\"since\":\"2026-10-19T00:00Z\","
		  "\"until\":\"2026-10-26T00:00Z\","
		  "\"rows\":[{\"at\":\"2026-10-19T05:00Z\",\"requests\":3,"
		  "\"cost_micro\":1500000}]}",
	    &r);
	screen_open(&s);
	s.out.csv = true;
	assert_int_equal(usage_view_heat(&s.out, &r, OF_COST, NULL), OK);
	fclose(s.out.to);
	assert_non_null(strstr(s.text, "weekday,hour,cost_usd\r\n1,0,0.0"));
	assert_non_null(strstr(s.text, "\r\n1,5,1.500000\r\n"));
	screen_open(&s);
	s.out.json = true;
	assert_int_equal(usage_view_heat(&s.out, &r, OF_REQUESTS, NULL), OK);
	fclose(s.out.to);
	told = parse(s.text);
	assert_int_equal(json_count(json_at(told, "requests")), 7);
	json_free(told);
	usage_rows_fini(&r);
}

static void
times_that_are_none_are_refused(void **state)
{
	static const char *const cases[] = {
		"{}",
		"{\"zone\":\"UTC\",\"since\":\"x\",\"until\":\"2026-10-19\"}",
		"{\"zone\":\"UTC\",\"since\":\"2026-10-18\","
		"\"until\":\"2026-10-19\",\"rows\":[{\"at\":\"soon\"}]}",
		"{\"zone\":\"UTC\",\"since\":\"2026-10-18\","
		"\"until\":\"2026-10-19\",\"rows\":[{\"at\":5}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct usage_rows r = { .count = 0 };
		struct json *data = parse(cases[i]);
		struct why why;

		assert_int_not_equal(usage_rows_add(&r, data, &why), OK);
		usage_rows_fini(&r);
		json_free(data);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_largest_stand_first_and_shares_are_of_the_total),
		cmocka_unit_test(a_wide_terminal_shows_each_class_of_tokens),
		cmocka_unit_test(a_rate_that_changes_nothing_takes_no_column),
		cmocka_unit_test(what_has_no_price_is_not_told_as_free),
		cmocka_unit_test(days_without_use_are_there),
		cmocka_unit_test(a_part_of_a_list_is_not_filled_up),
		cmocka_unit_test(what_has_not_begun_is_not_drawn_as_nothing),
		cmocka_unit_test(the_minute_that_is_going_on_has_its_place),
		cmocka_unit_test(who_is_nobody_is_called_so),
		cmocka_unit_test(a_chart_has_a_line_for_each_name),
		cmocka_unit_test(without_utf8_a_chart_is_ascii),
		cmocka_unit_test(the_largest_are_drawn_as_parts_of_all),
		cmocka_unit_test(the_hours_of_a_week_are_those_of_the_zone),
		cmocka_unit_test(a_heat_map_is_told_to_programs_too),
		cmocka_unit_test(times_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
