/* SPDX-License-Identifier: MIT */
/* test_cycle.c - words of cycles, and calendars in zones that change their
 * clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "relayd/cycle.h"
#include "relayd/zone.h"

#define HOUR INT64_C(3600000)

static struct cycle
window(const char *text)
{
	struct cycle w;
	struct why why;

	if (cycle_read(str_of(text), &w, &why))
		fail_msg("%s: %s", text, why.text);
	return w;
}

/* "2026-03-29 01:30" in UTC, as ms. */
static int64_t
utc(const char *text)
{
	struct tm tm = { .tm_isdst = 0 };

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &tm));
	return (int64_t)timegm(&tm) * 1000;
}

static void
words_are_read_and_written_in_one_form(void **state)
{
	static const char *const cases[][2] = {
		{ "hour", "hour" },
		{ "day", "day" },
		{ "day@00:00", "day" },
		{ "day@8:05", "day@08:05" },
		{ "week", "week" },
		{ "week@mon", "week" },
		{ "week@Sun", "week@sun" },
		{ "week@mon/08:00", "week@mon/08:00" },
		{ "month", "month" },
		{ "month@1", "month" },
		{ "month@28", "month@28" },
		{ "month@15/23:59", "month@15/23:59" },
		{ "5h", "5h" },
		{ "300m", "5h" },
		{ "  90s ", "90s" },
		{ "24h", "1d" },
		{ "5h-sliding", "5h-sliding" },
		{ "1m-sliding", "1m-sliding" },
		{ "life", "life" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cycle w = window(cases[i][0]), again;
		char text[CYCLE_TEXT];

		cycle_write(&w, text);
		assert_string_equal(text, cases[i][1]);
		again = window(text);
		assert_memory_equal(&again, &w, sizeof(w));
	}
}

static void
what_is_no_window_is_refused_with_what_would_be(void **state)
{
	static const char *const cases[] = { "", "@", "days", "day@", "day@8",
		"day@24:00", "day@08:60", "day@08:0", "day@mon", "hour@1",
		"week@", "week@monday", "week@mon/", "week@mon/8", "month@0",
		"month@29", "month@x", "month@1/", "5", "5x", "-sliding", "0s",
		"999ms", "401d", "5h-slide", "h", "life@1", "lifetime" };
	struct cycle w;
	struct why why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		why.text[0] = '\0';
		if (cycle_read(str_of(cases[i]), &w, &why) != ERR_VALUE)
			fail_msg("\"%s\" passes", cases[i]);
		assert_string_equal(why.field, "per");
		assert_true(strlen(why.text) > 10);
	}
}

static void
a_span_is(const char *zone, const char *text, const char *now,
    const char *begin, const char *end)
{
	struct zone *z = zone_new(str_of(zone));
	struct cycle w = window(text);
	int64_t from, to;

	cycle_span(&w, z, utc(now), &from, &to);
	zone_free(z);
	if (from != utc(begin) || to != utc(end))
		fail_msg("%s %s at %s: %lld %lld, not %lld %lld", zone, text,
		    now, (long long)from, (long long)to, (long long)utc(begin),
		    (long long)utc(end));
}

static void
spans_follow_the_clock_of_the_zone(void **state)
{
	static const struct {
		const char *zone, *window, *now, *begin, *end;
	} cases[] = {
		{ "UTC", "day", "2026-11-20 16:00", "2026-11-20 00:00",
		    "2026-11-21 00:00" },
		{ "UTC", "hour", "2026-11-20 16:59", "2026-11-20 16:00",
		    "2026-11-20 17:00" },
		{ "UTC", "week", "2026-11-20 16:00", "2026-11-16 00:00",
		    "2026-11-23 00:00" },
		{ "UTC", "week@sun/08:00", "2026-11-22 07:59",
		    "2026-11-15 08:00", "2026-11-22 08:00" },
		{ "UTC", "month", "2026-12-31 23:59", "2026-12-01 00:00",
		    "2027-01-01 00:00" },
		{ "UTC", "month@15/06:00", "2026-03-15 05:59",
		    "2026-02-15 06:00", "2026-03-15 06:00" },
		/* A day of 23 hours, and one of 25. */
		{ "Europe/Berlin", "day", "2026-03-29 12:00",
		    "2026-03-28 23:00", "2026-03-29 22:00" },
		{ "Europe/Berlin", "day", "2026-10-25 12:00",
		    "2026-10-24 22:00", "2026-10-25 23:00" },
		{ "America/New_York", "day", "2026-03-08 12:00",
		    "2026-03-08 05:00", "2026-03-09 04:00" },
		{ "America/New_York", "day", "2026-11-01 12:00",
		    "2026-11-01 04:00", "2026-11-02 05:00" },
		/* At a time that is skipped, and at one that is there twice. */
		{ "Europe/Berlin", "day@02:30", "2026-03-29 12:00",
		    "2026-03-29 01:30", "2026-03-30 00:30" },
		{ "Europe/Berlin", "day@02:30", "2026-10-25 00:45",
		    "2026-10-25 00:30", "2026-10-26 01:30" },
		{ "Europe/Berlin", "day@02:30", "2026-10-25 01:30",
		    "2026-10-25 00:30", "2026-10-26 01:30" },
		{ "Europe/Berlin", "week@mon/08:00", "2026-03-30 05:59",
		    "2026-03-23 07:00", "2026-03-30 06:00" },
		{ "America/New_York", "month", "2026-11-15 00:00",
		    "2026-11-01 04:00", "2026-12-01 05:00" },
		/* Where midnight itself is skipped. */
		{ "Africa/Cairo", "day", "2026-04-24 12:00", "2026-04-23 22:00",
		    "2026-04-24 21:00" },
		{ "Asia/Kolkata", "hour", "2026-11-20 16:45",
		    "2026-11-20 16:30", "2026-11-20 17:30" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		a_span_is(cases[i].zone, cases[i].window, cases[i].now,
		    cases[i].begin, cases[i].end);
}

/* Over two years, a quarter of an hour at a time. */
static void
spans_touch(void **state)
{
	static const char *const zones[] = { "Europe/Berlin",
		"America/New_York", "Australia/Lord_Howe", "Africa/Cairo" };
	static const char *const windows[] = { "day", "day@02:30",
		"week@sun/02:30", "month@25/01:15", "month" };

	(void)state;
	for (size_t n = 0; n < 4; n++) {
		struct zone *z = zone_new(str_of(zones[n]));

		for (size_t i = 0; i < 5; i++) {
			struct cycle w = window(windows[i]);
			int64_t now = utc("2026-01-01 00:00");
			int64_t begin, end, last = 0;

			for (int q = 0; q < 2 * 365 * 96; q++) {
				cycle_span(&w, z, now, &begin, &end);
				assert_true(begin <= now && now < end);
				assert_true(end - begin >= 22 * HOUR);
				if (last && begin != last)
					fail_msg("%s %s", zones[n], windows[i]);
				/* Only the begin of the next may follow. */
				now += HOUR / 4;
				last = now >= end ? end : begin;
			}
		}
		zone_free(z);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_read_and_written_in_one_form),
		cmocka_unit_test(
		    what_is_no_window_is_refused_with_what_would_be),
		cmocka_unit_test(spans_follow_the_clock_of_the_zone),
		cmocka_unit_test(spans_touch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
