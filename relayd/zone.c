/* SPDX-License-Identifier: MIT */
/* zone.c - a time zone as a table of its changes.
 *
 *	at[0]		at[1]		at[2]
 *	|---------------|---------------|------------> minutes since 1970
 *	 offset		 offset		 offset		(first and last for ever)
 *
 * The table is asked from localtime_r(3) once, by looking at it every few days
 * and closing in on each change. */
#include "relayd/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/mem.h"

#define HOUR_MIN   60
#define DAY_MIN	   (24 * HOUR_MIN)
#define LOOK_MIN   (5 * DAY_MIN)
#define FIRST_YEAR 1999
#define LAST_YEAR  2100

static const struct {
	char letter;
	const char *name;
} periods[] = {
#define X(name, letter, word) { letter, word },
#include "relayd/period.def"
#undef X
};

struct zone {
	char *name;
	size_t count;
	struct zone_change {
		uint32_t from;
		int offset;
	} * at;
};

const char *
period_name(enum period p)
{
	return periods[p].name;
}

char
period_letter(enum period p)
{
	return periods[p].letter;
}

enum err
period_read(struct str word, enum period *out)
{
	for (unsigned i = 0; i < PERIOD_COUNT; i++) {
		if (str_eq(word, str_of(periods[i].name))) {
			*out = (enum period)i;
			return OK;
		}
	}
	return ERR_UNKNOWN;
}

uint32_t
minute_of_ms(int64_t wall_ms)
{
	int64_t minute = wall_ms / 60000;

	if (minute < 0)
		return 0;
	return minute >= ZONE_NEVER ? ZONE_NEVER - 1 : (uint32_t)minute;
}

/* --- the civil calendar, in days since 1970 --------------------------------- */

struct civil {
	int64_t year;
	unsigned month, day; /* from 1 */
};

/* Years here begin in March, so that the odd day is the last one. */
static int64_t
days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400, in_era = y - era * 400;
	int64_t in_year =
	    (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 +
	    in_year - 719468;
}

static struct civil
civil_of(int64_t days)
{
	int64_t from_0 = days + 719468;
	int64_t era = (from_0 >= 0 ? from_0 : from_0 - 146096) / 146097;
	int64_t in_era = from_0 - era * 146097;
	int64_t year =
	    (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
	unsigned m = (unsigned)((5 * in_year + 2) / 153);

	return (struct civil){ .year = year + era * 400 + (m >= 10),
		.month = m < 10 ? m + 3 : m - 9,
		.day = (unsigned)(in_year - (153 * m + 2) / 5 + 1) };
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* --- making one -------------------------------------------------------------- */

static int
asked_offset(uint32_t minute)
{
	time_t t = (time_t)minute * 60;
	struct tm tm;

	return localtime_r(&t, &tm) ? (int)(tm.tm_gmtoff / 60) : 0;
}

static void
zone_add(struct zone *z, uint32_t from, int offset)
{
	z->at = xrealloc(z->at, (z->count + 1) * sizeof(*z->at));
	z->at[z->count++] =
	    (struct zone_change){ .from = from, .offset = offset };
}

/* The first minute of (after, until] that is as `until` is. */
static uint32_t
find_change(uint32_t after, uint32_t until)
{
	int offset = asked_offset(until);

	while (until - after > 1) {
		uint32_t middle = after + (until - after) / 2;

		if (asked_offset(middle) == offset)
			until = middle;
		else
			after = middle;
	}
	return until;
}

static void
zone_ask(struct zone *z)
{
	uint32_t at = (uint32_t)(days_of(FIRST_YEAR, 1, 1) * DAY_MIN);
	uint32_t end = (uint32_t)(days_of(LAST_YEAR, 1, 1) * DAY_MIN);

	zone_add(z, 0, asked_offset(at));
	for (; at < end; at += LOOK_MIN) {
		int offset = asked_offset(at + LOOK_MIN);

		if (offset != z->at[z->count - 1].offset)
			zone_add(z, find_change(at, at + LOOK_MIN), offset);
	}
}

static void
set_tz(const char *to)
{
	if (to)
		setenv("TZ", to, 1);
	else
		unsetenv("TZ");
	tzset();
}

struct zone *
zone_new(struct str name)
{
	struct zone *z = xcalloc(1, sizeof(*z));
	const char *was = getenv("TZ");
	char *kept = was ? xasprintf("%s", was) : NULL;

	z->name = xasprintf("%.*s", STR_ARG(name));
	set_tz(z->name);
	zone_ask(z);
	set_tz(kept);
	free(kept);
	return z;
}

void
zone_free(struct zone *z)
{
	if (!z)
		return;
	free(z->name);
	free(z->at);
	free(z);
}

struct str
zone_name(const struct zone *z)
{
	return str_of(z->name);
}

/* --- asking it --------------------------------------------------------------- */

static const struct zone_change *
change_before(const struct zone *z, uint32_t minute)
{
	size_t low = 0, high = z->count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (z->at[middle].from <= minute)
			low = middle;
		else
			high = middle;
	}
	return &z->at[low];
}

int
zone_offset(const struct zone *z, uint32_t minute)
{
	return change_before(z, minute)->offset;
}

static uint32_t
clamped(int64_t minute)
{
	if (minute < 0)
		return 0;
	return minute >= ZONE_NEVER ? ZONE_NEVER - 1 : (uint32_t)minute;
}

/* The first minute that has this local time; when the clock leaps over it, the
 * one after the leap. */
static uint32_t
minute_of_local(const struct zone *z, int64_t local)
{
	int before = zone_offset(z, clamped(local - DAY_MIN));
	int after = zone_offset(z, clamped(local + DAY_MIN));
	uint32_t low = clamped(local - (before > after ? before : after));
	uint32_t high = clamped(local - (before > after ? after : before));

	if ((int64_t)low + zone_offset(z, low) == local)
		return low;
	if ((int64_t)high + zone_offset(z, high) == local)
		return high;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if ((int64_t)middle + zone_offset(z, middle) >= local)
			high = middle;
		else
			low = middle + 1;
	}
	return high;
}

static int64_t
local_of(const struct zone *z, uint32_t minute)
{
	return (int64_t)minute + zone_offset(z, minute);
}

uint32_t
zone_day(const struct zone *z, uint32_t minute)
{
	int64_t local = local_of(z, minute);

	return local < 0 ? 0 : (uint32_t)(local / DAY_MIN);
}

uint32_t
zone_day_begin(const struct zone *z, uint32_t day)
{
	return minute_of_local(z, (int64_t)day * DAY_MIN);
}

/* Its first day, as days since 1970 of local time, `more` periods later. */
static int64_t
first_day(enum period p, int64_t day, unsigned more)
{
	struct civil c;

	switch (p) {
	case PERIOD_WEEK:
		/* 1970 began with a Thursday. */
		return floor_div(day + 3, 7) * 7 - 3 + 7 * (int64_t)more;
	case PERIOD_MONTH:
		c = civil_of(day);
		c.month += more;
		if (c.month > 12)
			return days_of(c.year + 1, c.month - 12, 1);
		return days_of(c.year, c.month, 1);
	case PERIOD_DAY:
	case PERIOD_TOTAL:
	case PERIOD_MINUTE:
	case PERIOD_HOUR:
	case PERIOD_COUNT:
		break;
	}
	return day + more;
}

static uint32_t
day_begin(const struct zone *z, enum period p, uint32_t minute, unsigned more)
{
	int64_t day = floor_div(local_of(z, minute), DAY_MIN);

	return minute_of_local(z, first_day(p, day, more) * DAY_MIN);
}

/* Where a full hour of the local clock would have begun. */
static int64_t
full_hour(const struct zone *z, uint32_t minute)
{
	int64_t local = local_of(z, minute);

	return (int64_t)minute -
	    (local - floor_div(local, HOUR_MIN) * HOUR_MIN);
}

uint32_t
zone_begin(const struct zone *z, enum period p, uint32_t minute)
{
	if (p == PERIOD_TOTAL)
		return 0;
	if (p == PERIOD_MINUTE)
		return minute;
	if (p == PERIOD_HOUR) {
		/* A clock that is set by half an hour cuts one short. */
		int64_t change = change_before(z, minute)->from;
		int64_t begin = full_hour(z, minute);

		return clamped(begin > change ? begin : change);
	}
	return day_begin(z, p, minute, 0);
}

uint32_t
zone_next(const struct zone *z, enum period p, uint32_t minute)
{
	if (p == PERIOD_TOTAL)
		return ZONE_NEVER;
	if (p == PERIOD_MINUTE)
		return clamped((int64_t)minute + 1);
	if (p == PERIOD_HOUR)
		return clamped(full_hour(z, minute) + HOUR_MIN);
	return day_begin(z, p, minute, 1);
}

void
zone_text(const struct zone *z, uint32_t minute, char out[ZONE_TEXT])
{
	int offset = zone_offset(z, minute);
	int64_t local = local_of(z, minute), day = floor_div(local, DAY_MIN);
	struct civil c = civil_of(day);
	unsigned in_day = (unsigned)(local - day * DAY_MIN);
	unsigned ahead = (unsigned)abs(offset);

	snprintf(out, ZONE_TEXT, "%04d-%02u-%02uT%02u:%02u%c%02u:%02u",
	    (int)c.year, c.month, c.day, in_day / 60 % 24, in_day % 60,
	    offset < 0 ? '-' : '+', ahead / 60 % 100, ahead % 60);
}
