/* SPDX-License-Identifier: MIT */
/* test_calendar.c - periods of a zone: none left out, none twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relay-tui/calendar.h"

static int64_t
at(const char *text)
{
	int64_t ms;

	assert_int_equal(calendar_read(str_of(text), &ms), OK);
	return ms;
}

static void
a_day_has_as_many_hours_as_its_clock_shows(void **state)
{
	static const struct {
		const char *zone, *day;
		size_t hours;
	} cases[] = {
		{ "UTC", "2026-03-29", 24 },
		{ "Europe/Berlin", "2026-03-28", 24 },
		{ "Europe/Berlin", "2026-03-29", 23 },
		{ "Europe/Berlin", "2026-10-25", 25 },
		{ "America/New_York", "2026-03-08", 23 },
		{ "Asia/Kolkata", "2026-03-29", 24 },
		{ "Asia/Beirut", "2026-03-29", 23 },	     /* at midnight */
		{ "Australia/Lord_Howe", "2026-10-04", 24 }, /* 23 1/2 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct calendar c;
		int64_t end;

		calendar_set_zone(str_of(cases[i].zone));
		assert_int_equal(calendar_fill(PER_DAY, at(cases[i].day),
				     at(cases[i].day), &c),
		    OK);
		assert_int_equal(c.count, 1);
		end = c.begins_ms[1];
		calendar_fini(&c);
		assert_int_equal(calendar_fill(PER_HOUR, at(cases[i].day),
				     end - 1, &c),
		    OK);
		if (c.count != cases[i].hours || c.begins_ms[c.count] != end)
			fail_msg("%s: %zu hours", cases[i].zone, c.count);
		calendar_fini(&c);
	}
}

static void
periods_begin_where_people_begin_them(void **state)
{
	static const struct {
		enum calendar_per per;
		const char *since, *until, *first, *end;
		size_t count;
	} cases[] = {
		{ PER_MINUTE, "2026-11-20 13:05:30", "2026-11-20 13:07:00",
		    "2026-11-20 13:05", "2026-11-20 13:08", 3 },
		{ PER_HOUR, "2026-11-20 13:05", "2026-11-20 14:00",
		    "2026-11-20 13:00", "2026-11-20 15:00", 2 },
		{ PER_DAY, "2026-03-28 12:00", "2026-03-30 12:00", "2026-03-28",
		    "2026-03-31", 3 },
		{ PER_WEEK, "2026-11-20", "2026-11-22", "2026-11-16",
		    "2026-11-23", 1 },
		{ PER_WEEK, "2026-11-22", "2026-11-23", "2026-11-16",
		    "2026-11-30", 2 },
		{ PER_MONTH, "2025-12-31", "2026-02-01", "2025-12-01",
		    "2026-03-01", 3 },
	};

	(void)state;
	calendar_set_zone(STR("Europe/Berlin"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct calendar c;

		assert_int_equal(calendar_fill(cases[i].per, at(cases[i].since),
				     at(cases[i].until), &c),
		    OK);
		assert_int_equal(c.count, cases[i].count);
		assert_int_equal(c.begins_ms[0], at(cases[i].first));
		assert_int_equal(c.begins_ms[c.count], at(cases[i].end));
		for (size_t k = 0; k < c.count; k++) {
			assert_true(c.begins_ms[k] < c.begins_ms[k + 1]);
			assert_int_equal(calendar_find(&c, c.begins_ms[k]), k);
			assert_int_equal(calendar_find(&c,
					     c.begins_ms[k + 1] - 1),
			    k);
		}
		assert_int_equal(calendar_find(&c, c.begins_ms[0] - 1), -1);
		assert_int_equal(calendar_find(&c, c.begins_ms[c.count]), -1);
		calendar_fini(&c);
	}
}

static void
more_periods_than_anybody_reads_are_refused(void **state)
{
	struct calendar c;

	(void)state;
	calendar_set_zone(STR("UTC"));
	assert_int_equal(calendar_fill(PER_MINUTE, at("2025-01-01"),
			     at("2026-01-01"), &c),
	    ERR_LIMIT);
}

static void
moments_are_read_with_their_offset(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01T00:00:01+00:00", 1000 },
		{ "1970-01-01T01:00:00+01:00", 0 },
		{ "1969-12-31T18:30:00-0530", 0 },
		{ "1970-01-01T01:00Z", 3600000 },
		{ "1970-01-02", 86400000 - 3600000 }, /* of Berlin */
		{ "1970-01-02 01:00", 86400000 },
		{ "1970-1-1", -1 },
		{ "1970-01-01T00:00:00x", -1 },
		{ "1970-01-01T00:00:00+01:0", -1 },
		{ "1970-13-01", -1 },
		{ "1970-01-32", -1 },
		{ "1970-01-01T24:00", -1 },
		{ "", -1 },
		{ "yesterday", -1 },
	};

	(void)state;
	calendar_set_zone(STR("Europe/Berlin"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = -1;
		enum err e = calendar_read(str_of(cases[i].text), &ms);

		assert_int_equal(e, cases[i].ms < 0 ? ERR_VALUE : OK);
		assert_int_equal(ms, cases[i].ms);
	}
}

static void
a_period_is_called_as_shortly_as_it_can_be(void **state)
{
	static const struct {
		enum calendar_per per;
		const char *want;
	} cases[] = {
		{ PER_MINUTE, "2026-11-20 13:05" },
		{ PER_HOUR, "2026-11-20 13:05" },
		{ PER_DAY, "2026-11-20" },
		{ PER_WEEK, "2026-11-20" },
		{ PER_MONTH, "2026-11" },
	};

	(void)state;
	calendar_set_zone(STR("Europe/Berlin"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, 64);
		calendar_write(cases[i].per, at("2026-11-20 13:05"), &b);
		assert_string_equal(buf_cstr(&b), cases[i].want);
		buf_fini(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_has_as_many_hours_as_its_clock_shows),
		cmocka_unit_test(periods_begin_where_people_begin_them),
		cmocka_unit_test(more_periods_than_anybody_reads_are_refused),
		cmocka_unit_test(moments_are_read_with_their_offset),
		cmocka_unit_test(a_period_is_called_as_shortly_as_it_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
