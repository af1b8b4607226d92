/* SPDX-License-Identifier: MIT */
/* calendar.c - time cut into periods of a zone, none left out. */
#include "relay-tui/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/mem.h"

#include "relay-tui/words.h"

static const char *const words[PERS] = {
	[PER_MINUTE] = "minute",
	[PER_HOUR] = "hour",
	[PER_DAY] = "day",
	[PER_WEEK] = "week",
	[PER_MONTH] = "month",
};

enum err
calendar_per_read(struct str word, enum calendar_per *out)
{
	for (unsigned i = 0; i < PERS; i++)
		if (str_eq(word, str_of(words[i]))) {
			*out = (enum calendar_per)i;
			return OK;
		}
	return ERR_VALUE;
}

const char *
calendar_per_word(enum calendar_per per)
{
	return words[per];
}

/* --- the zone -------------------------------------------------------------- */

void
calendar_set_zone(struct str zone)
{
	char name[128];

	snprintf(name, sizeof(name), "%.*s", STR_ARG(zone));
	if (name[0])
		setenv("TZ", name, 1);
	tzset();
}

/* Where a day of the zone begins; at midnight, unless summer time begins just
 * then and there is none. */
static time_t
midnight(struct tm tm)
{
	struct tm is;
	time_t t;

	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	t = mktime(&tm);
	localtime_r(&t, &is);
	if (is.tm_hour == 23)
		t += 3600;
	return t;
}

static time_t
begin_of(enum calendar_per per, time_t t)
{
	struct tm tm;

	localtime_r(&t, &tm);
	if (per == PER_MINUTE)
		return t - tm.tm_sec;
	if (per == PER_HOUR) {
		time_t day = midnight(tm);

		return day + (t - day) / 3600 * 3600;
	}
	if (per == PER_WEEK)
		tm.tm_mday -= (tm.tm_wday + 6) % 7;
	else if (per == PER_MONTH)
		tm.tm_mday = 1;
	return midnight(tm);
}

static time_t
next_of(enum calendar_per per, time_t begin)
{
	struct tm tm;
	time_t day;

	localtime_r(&begin, &tm);
	tm.tm_mday += per == PER_WEEK ? 7 : per == PER_MONTH ? 0 : 1;
	tm.tm_mon += per == PER_MONTH;
	if (per == PER_MINUTE)
		return begin + 60;
	day = midnight(tm);
	/* Where clocks are put by less than an hour, the last one is short. */
	if (per == PER_HOUR && begin + 3600 < day)
		return begin + 3600;
	return day;
}

/* --- periods --------------------------------------------------------------- */

enum err
calendar_fill(enum calendar_per per, int64_t since_ms, int64_t until_ms,
    struct calendar *out)
{
	time_t t = begin_of(per, (time_t)(since_ms / 1000));
	size_t room = 64, n = 0;
	int64_t *begins = xrealloc(NULL, room * sizeof(*begins));

	for (;; t = next_of(per, t)) {
		if (n == room) {
			room *= 2;
			begins = xrealloc(begins, room * sizeof(*begins));
		}
		begins[n++] = (int64_t)t * 1000;
		if (n > 1 && (int64_t)t * 1000 > until_ms)
			break;
		if (n > CALENDAR_MAX) {
			free(begins);
			return ERR_LIMIT;
		}
	}
	*out = (struct calendar){
		.per = per, .count = n - 1, .begins_ms = begins
	};
	return OK;
}

void
calendar_fini(struct calendar *c)
{
	free(c->begins_ms);
	*c = (struct calendar){ .per = c->per };
}

ptrdiff_t
calendar_find(const struct calendar *c, int64_t at_ms)
{
	size_t low = 0, high = c->count;

	if (!c->count || at_ms < c->begins_ms[0] ||
	    at_ms >= c->begins_ms[c->count])
		return -1;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (c->begins_ms[mid] <= at_ms)
			low = mid;
		else
			high = mid;
	}
	return (ptrdiff_t)low;
}

/* --- texts ----------------------------------------------------------------- */

/* As many digits as the field has, then what must follow it. */
static bool
take_number(struct str *rest, size_t digits, int *out)
{
	uint64_t n;

	if (rest->len < digits || str_u64(str_first(*rest, digits), &n))
		return false;
	*rest = str_skip(*rest, digits);
	*out = (int)n;
	return true;
}

static bool
take_char(struct str *rest, const char *any_of)
{
	if (!rest->len || !strchr(any_of, rest->at[0]))
		return false;
	*rest = str_skip(*rest, 1);
	return true;
}

/* Behind the time: Z, or +01:00; seconds east of Greenwich. */
static bool
take_offset(struct str *rest, int *out_s)
{
	int hours = 0, minutes = 0;
	bool west;

	*out_s = 0;
	if (take_char(rest, "Z"))
		return true;
	west = str_starts(*rest, STR("-"));
	if (!take_char(rest, "+-") || !take_number(rest, 2, &hours))
		return false;
	(void)take_char(rest, ":");
	if (!take_number(rest, 2, &minutes))
		return false;
	*out_s = (hours * 60 + minutes) * (west ? -60 : 60);
	return true;
}

enum err
calendar_read(struct str s, int64_t *out_ms)
{
	struct tm tm = { .tm_isdst = -1 };
	int offset = 0;

	if (!take_number(&s, 4, &tm.tm_year) || !take_char(&s, "-") ||
	    !take_number(&s, 2, &tm.tm_mon) || !take_char(&s, "-") ||
	    !take_number(&s, 2, &tm.tm_mday))
		return ERR_VALUE;
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31)
		return ERR_VALUE;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	if (take_char(&s, "T ") &&
	    (!take_number(&s, 2, &tm.tm_hour) || !take_char(&s, ":") ||
		!take_number(&s, 2, &tm.tm_min)))
		return ERR_VALUE;
	if (take_char(&s, ":") && !take_number(&s, 2, &tm.tm_sec))
		return ERR_VALUE;
	if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return ERR_VALUE;
	if (!s.len) {
		*out_ms = (int64_t)mktime(&tm) * 1000;
		return OK;
	}
	if (!take_offset(&s, &offset) || s.len)
		return ERR_VALUE;
	*out_ms = ((int64_t)timegm(&tm) - offset) * 1000;
	return OK;
}

void
calendar_write(enum calendar_per per, int64_t at_ms, struct buf *out)
{
	time_t t = (time_t)(at_ms / 1000);
	struct tm tm;

	localtime_r(&t, &tm);
	buf_mustf(out, "%04d-%02d", tm.tm_year + 1900, tm.tm_mon + 1);
	if (per != PER_MONTH)
		buf_mustf(out, "-%02d", tm.tm_mday);
	if (per == PER_HOUR || per == PER_MINUTE)
		buf_mustf(out, " %02d:%02d", tm.tm_hour, tm.tm_min);
}

void
calendar_write_span(enum calendar_per per, int64_t since_ms, int64_t until_ms,
    struct buf *out)
{
	struct buf since, until;

	buf_init(&since, 64);
	buf_init(&until, 64);
	calendar_write(per, since_ms, &since);
	calendar_write(per, until_ms, &until);
	buf_must(out, buf_str(&since));
	if (!str_eq(buf_str(&since), buf_str(&until))) {
		buf_must(out, str_of(_(" to ")));
		buf_must(out, buf_str(&until));
	}
	buf_fini(&since);
	buf_fini(&until);
}
