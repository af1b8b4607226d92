/* SPDX-License-Identifier: MIT */
/* test_quiet.c - quiet hours, on days that have a clock change too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "relayd/quiet.h"

/* Europe/Berlin as a rule, so that no table of zones is needed. */
static int
setup(void **state)
{
	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return 0;
}

static int64_t
utc(int year, int month, int day, int hour, int minute)
{
	struct tm tm = { .tm_year = year - 1900,
		.tm_mon = month - 1,
		.tm_mday = day,
		.tm_hour = hour,
		.tm_min = minute };

	return (int64_t)timegm(&tm) * 1000;
}

static struct quiet
quiet_of(const char *text)
{
	struct quiet q;

	assert_int_equal(quiet_read(str_of(text), &q, NULL), OK);
	return q;
}

static void
two_times_of_the_day_are_quiet_hours(void **state)
{
	static const char *const bad[] = { "22:00", "22:00-", "-07:00",
		"22:00-22:00", "24:00-07:00", "22:60-07:00", "2:00-07:00",
		"22:00-07:00-08:00", "22-07", "a2:00-07:00", "22:000-7:00" };
	struct quiet q = quiet_of("22:15-07:00");

	(void)state;
	assert_int_equal(q.from, 22 * 60 + 15);
	assert_int_equal(q.until, 7 * 60);
	q = quiet_of(" 09:00 - 17:30 ");
	assert_int_equal(q.until, 17 * 60 + 30);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(quiet_read(str_of(bad[i]), &q, NULL),
		    ERR_VALUE);
}

struct moment {
	const char *hours;
	int month, day, hour, minute; /* of UTC, 2026 */
	bool is_quiet;
	int until_day, until_hour, until_minute;
};

static const struct moment moments[] = {
	/* In winter the wall is one hour ahead. */
	{ "22:00-07:00", 1, 10, 20, 59, false, 0, 0, 0 },
	{ "22:00-07:00", 1, 10, 21, 0, true, 11, 6, 0 },
	{ "22:00-07:00", 1, 10, 23, 30, true, 11, 6, 0 },
	{ "22:00-07:00", 1, 11, 5, 59, true, 11, 6, 0 },
	{ "22:00-07:00", 1, 11, 6, 0, false, 0, 0, 0 },
	{ "09:00-17:00", 1, 11, 7, 59, false, 0, 0, 0 },
	{ "09:00-17:00", 1, 11, 8, 0, true, 11, 16, 0 },
	{ "09:00-17:00", 1, 11, 16, 0, false, 0, 0, 0 },
	/* 29 March: 02:00 becomes 03:00, and the night is an hour shorter. */
	{ "22:00-07:00", 3, 28, 21, 0, true, 29, 5, 0 },
	{ "22:00-07:00", 3, 29, 4, 59, true, 29, 5, 0 },
	{ "22:00-07:00", 3, 29, 5, 0, false, 0, 0, 0 },
	/* An end that the wall never shows is when it has passed. */
	{ "22:00-02:30", 3, 29, 0, 59, true, 29, 1, 30 },
	{ "22:00-02:30", 3, 29, 1, 0, false, 0, 0, 0 },
	/* 25 October: 03:00 becomes 02:00, and the night is an hour longer. */
	{ "22:00-07:00", 10, 24, 20, 0, true, 25, 6, 0 },
	{ "22:00-07:00", 10, 25, 5, 59, true, 25, 6, 0 },
	{ "22:00-07:00", 10, 25, 6, 0, false, 0, 0, 0 },
};

static void
the_wall_tells_whether_it_is_quiet(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		const struct moment *m = &moments[i];
		struct quiet q = quiet_of(m->hours);
		int64_t until = 0;
		bool is = quiet_at(&q,
		    utc(2026, m->month, m->day, m->hour, m->minute), &until);

		assert_int_equal(is, m->is_quiet);
		if (is)
			assert_int_equal(until,
			    utc(2026, m->month, m->until_day, m->until_hour,
				m->until_minute));
	}
}

/* Who asks again at the end that was told is never told to wait for ever. */
static void
every_quiet_minute_of_a_year_has_an_end_ahead(void **state)
{
	static const char *const hours[] = { "22:00-07:00", "01:30-02:30",
		"02:15-02:45", "00:00-23:59", "23:59-00:00" };

	(void)state;
	for (size_t h = 0; h < sizeof(hours) / sizeof(hours[0]); h++) {
		struct quiet q = quiet_of(hours[h]);
		int64_t at = utc(2026, 1, 1, 0, 0), end = utc(2027, 1, 1, 0, 0);
		int64_t until = 0, unused;

		for (; at < end; at += 60000) {
			bool is = quiet_at(&q, at, &unused);

			if (is && at >= until) {
				assert_true(unused > at);
				assert_true(unused <= at + 26 * 3600000LL);
				until = unused;
			}
		}
	}
}

static void
no_hours_are_never_quiet(void **state)
{
	struct quiet q = quiet_of("");
	int64_t until;

	(void)state;
	for (int hour = 0; hour < 24; hour++)
		assert_false(quiet_at(&q, utc(2026, 5, 5, hour, 0), &until));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_times_of_the_day_are_quiet_hours),
		cmocka_unit_test(the_wall_tells_whether_it_is_quiet),
		cmocka_unit_test(every_quiet_minute_of_a_year_has_an_end_ahead),
		cmocka_unit_test(no_hours_are_never_quiet),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
