/* SPDX-License-Identifier: MIT */
/* test_zone.c - hours, days, weeks and months begin where the clocks on the
 * walls of a place say so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "relayd/zone.h"

/* "2026-03-29 01:00" in UTC, as minutes since 1970. */
static uint32_t
minute_of(const char *text)
{
	struct tm tm = { .tm_isdst = 0 };

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &tm));
	return (uint32_t)(timegm(&tm) / 60);
}

static const struct {
	const char *zone;
	enum period period;
	const char *at, *begin, *next; /* in UTC */
	const char *text;	       /* of the beginning */
} cases[] = {
	/* Spring: a day of 23 hours, and no 02:00. */
	{ "Europe/Berlin", PERIOD_DAY, "2026-03-29 10:00", "2026-03-28 23:00",
	    "2026-03-29 22:00", "2026-03-29T00:00+01:00" },
	{ "Europe/Berlin", PERIOD_HOUR, "2026-03-29 01:10", "2026-03-29 01:00",
	    "2026-03-29 02:00", "2026-03-29T03:00+02:00" },
	/* Autumn: 25 hours, two of them called 02:00. */
	{ "Europe/Berlin", PERIOD_DAY, "2026-10-25 22:59", "2026-10-24 22:00",
	    "2026-10-25 23:00", "2026-10-25T00:00+02:00" },
	{ "Europe/Berlin", PERIOD_HOUR, "2026-10-25 00:30", "2026-10-25 00:00",
	    "2026-10-25 01:00", "2026-10-25T02:00+02:00" },
	{ "Europe/Berlin", PERIOD_HOUR, "2026-10-25 01:30", "2026-10-25 01:00",
	    "2026-10-25 02:00", "2026-10-25T02:00+01:00" },
	{ "Europe/Berlin", PERIOD_MONTH, "2026-10-25 01:30", "2026-09-30 22:00",
	    "2026-10-31 23:00", "2026-10-01T00:00+02:00" },
	{ "Europe/Berlin", PERIOD_WEEK, "2026-10-25 22:30", "2026-10-18 22:00",
	    "2026-10-25 23:00", "2026-10-19T00:00+02:00" },
	{ "America/New_York", PERIOD_DAY, "2026-03-08 12:00",
	    "2026-03-08 05:00", "2026-03-09 04:00", "2026-03-08T00:00-05:00" },
	{ "America/New_York", PERIOD_DAY, "2026-11-01 12:00",
	    "2026-11-01 04:00", "2026-11-02 05:00", "2026-11-01T00:00-04:00" },
	{ "America/New_York", PERIOD_HOUR, "2026-11-01 06:59",
	    "2026-11-01 06:00", "2026-11-01 07:00", "2026-11-01T01:00-05:00" },
	{ "America/New_York", PERIOD_MONTH, "2027-01-01 04:59",
	    "2026-12-01 05:00", "2027-01-01 05:00", "2026-12-01T00:00-05:00" },
	/* Hours that do not begin with those of UTC. */
	{ "Asia/Kolkata", PERIOD_HOUR, "2026-05-05 10:45", "2026-05-05 10:30",
	    "2026-05-05 11:30", "2026-05-05T16:00+05:30" },
	{ "Asia/Kolkata", PERIOD_DAY, "2026-05-05 18:29", "2026-05-04 18:30",
	    "2026-05-05 18:30", "2026-05-05T00:00+05:30" },
	{ "Asia/Kathmandu", PERIOD_HOUR, "2026-05-05 10:14", "2026-05-05 09:15",
	    "2026-05-05 10:15", "2026-05-05T15:00+05:45" },
	/* A midnight that comes twice: the day begins with the first. */
	{ "America/Havana", PERIOD_DAY, "2026-11-01 05:30", "2026-11-01 04:00",
	    "2026-11-02 05:00", "2026-11-01T00:00-04:00" },
	/* One that does not come: it begins at one. */
	{ "America/Havana", PERIOD_DAY, "2026-03-08 12:00", "2026-03-08 05:00",
	    "2026-03-09 04:00", "2026-03-08T01:00-04:00" },
	{ "UTC", PERIOD_MONTH, "2028-02-29 23:59", "2028-02-01 00:00",
	    "2028-03-01 00:00", "2028-02-01T00:00+00:00" },
	{ "UTC", PERIOD_MINUTE, "2026-05-05 10:45", "2026-05-05 10:45",
	    "2026-05-05 10:46", "2026-05-05T10:45+00:00" },
	/* Beyond the table it stays as it is at its end. */
	{ "Asia/Kolkata", PERIOD_DAY, "2500-05-05 18:29", "2500-05-04 18:30",
	    "2500-05-05 18:30", "2500-05-05T00:00+05:30" },
};

static void
periods_begin_with_local_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct zone *z = zone_new(str_of(cases[i].zone));
		uint32_t at = minute_of(cases[i].at), begin;
		char text[ZONE_TEXT];

		begin = zone_begin(z, cases[i].period, at);
		zone_text(z, begin, text);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(begin, minute_of(cases[i].begin));
		assert_int_equal(zone_next(z, cases[i].period, at),
		    minute_of(cases[i].next));
		zone_free(z);
	}
}

static const char *const places[] = { "Europe/Berlin", "America/New_York",
	"Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
	"Africa/Casablanca", "America/Havana", "Pacific/Apia", "UTC" };

/* What must hold of any minute anywhere. */
static void
look_at_minute(const struct zone *z, uint32_t m)
{
	static const enum period ladder[] = { PERIOD_MINUTE, PERIOD_HOUR,
		PERIOD_DAY, PERIOD_MONTH };
	time_t t = (time_t)m * 60;
	struct tm tm;

	localtime_r(&t, &tm);
	assert_int_equal(zone_offset(z, m), tm.tm_gmtoff / 60);
	for (unsigned p = 0; p < PERIOD_COUNT; p++) {
		uint32_t begin = zone_begin(z, (enum period)p, m);
		uint32_t next = zone_next(z, (enum period)p, m);

		assert_true(begin <= m && m < next);
		assert_int_equal(zone_begin(z, (enum period)p, begin), begin);
	}
	for (unsigned i = 1; i < 4; i++)
		assert_true(zone_begin(z, ladder[i], m) <=
		    zone_begin(z, ladder[i - 1], m));
	assert_int_equal(zone_day_begin(z, zone_day(z, m)),
	    zone_begin(z, PERIOD_DAY, m));
}

static void
the_table_is_what_the_library_says(void **state)
{
	(void)state;
	srand(4);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct zone *z = zone_new(str_of(places[i]));
		uint32_t first = minute_of("2012-01-01 00:00");
		uint32_t last = minute_of("2036-01-01 00:00");

		setenv("TZ", places[i], 1);
		tzset();
		for (unsigned n = 0; n < 20000; n++)
			look_at_minute(z,
			    first + (uint32_t)rand() % (last - first));
		unsetenv("TZ");
		tzset();
		zone_free(z);
	}
}

static void
making_one_leaves_the_clock_as_it_was(void **state)
{
	time_t t = 1800000000;
	struct tm before, after;
	struct zone *z;

	(void)state;
	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	localtime_r(&t, &before);
	z = zone_new(STR("America/New_York"));
	localtime_r(&t, &after);
	assert_int_equal(before.tm_gmtoff, after.tm_gmtoff);
	assert_string_equal(getenv("TZ"), "Asia/Tokyo");
	assert_true(str_eq(zone_name(z), STR("America/New_York")));
	zone_free(z);
	unsetenv("TZ");
	z = zone_new(STR("America/New_York"));
	assert_null(getenv("TZ"));
	zone_free(z);
}

static void
words_of_periods_read_back(void **state)
{
	enum period p;

	(void)state;
	for (unsigned i = 0; i < PERIOD_COUNT; i++) {
		assert_int_equal(period_read(str_of(period_name((enum period)
						     i)),
				     &p),
		    OK);
		assert_int_equal(p, i);
	}
	assert_int_equal(period_read(STR("fortnight"), &p), ERR_UNKNOWN);
	assert_int_equal(minute_of_ms(-5), 0);
	assert_int_equal(minute_of_ms(INT64_MAX), ZONE_NEVER - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(periods_begin_with_local_time),
		cmocka_unit_test(the_table_is_what_the_library_says),
		cmocka_unit_test(making_one_leaves_the_clock_as_it_was),
		cmocka_unit_test(words_of_periods_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
