/* SPDX-License-Identifier: MIT */
/* quiet.c - hours of the day in which people are not disturbed. */
#include "relayd/quiet.h"

#include <time.h>

#define DAY_MIN 1440

/* "22:00" */
static bool
read_time(struct str s, int *out)
{
	uint64_t hour, minute;
	struct str at = str_cut(&s, ':');

	if (!s.at || at.len != 2 || s.len != 2 || str_u64(at, &hour) ||
	    str_u64(s, &minute) || hour > 23 || minute > 59)
		return false;
	*out = (int)(hour * 60 + minute);
	return true;
}

enum err
quiet_read(struct str s, struct quiet *out, struct why *out_why)
{
	struct str until = s, from;
	struct quiet q = { 0, 0 };

	if (!s.len) {
		*out = q;
		return OK;
	}
	from = str_cut(&until, '-');
	if (!until.at || !read_time(str_trim(from), &q.from) ||
	    !read_time(str_trim(until), &q.until) || q.from == q.until)
		return why_set(out_why, ERR_VALUE, "quiet",
		    "must be two different times of the day, for example "
		    "22:00-07:00");
	*out = q;
	return OK;
}

/* The next moment at which the wall shows that time. */
static int64_t
next_at(const struct tm *now, int minute, int64_t wall_ms)
{
	for (int day = 0;; day++) {
		struct tm tm = { .tm_year = now->tm_year,
			.tm_mon = now->tm_mon,
			.tm_mday = now->tm_mday + day,
			.tm_hour = minute / 60,
			.tm_min = minute % 60,
			.tm_isdst = -1 };
		int64_t at_ms = (int64_t)mktime(&tm) * 1000;

		if (at_ms > wall_ms || day > 2)
			return at_ms;
	}
}

bool
quiet_at(const struct quiet *q, int64_t wall_ms, int64_t *out_until_ms)
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;
	int now, since, length;

	if (q->from == q->until)
		return false;
	localtime_r(&t, &tm);
	now = tm.tm_hour * 60 + tm.tm_min;
	since = (now - q->from + DAY_MIN) % DAY_MIN;
	length = (q->until - q->from + DAY_MIN) % DAY_MIN;
	if (since >= length)
		return false;
	*out_until_ms = next_at(&tm, q->until, wall_ms);
	return true;
}
