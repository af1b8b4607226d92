/* SPDX-License-Identifier: MIT */
/* cycle.c - spans of time after which a limit begins anew. */
#include "relayd/cycle.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "relayd/unit.h"
#include "relayd/zone.h"

#define DAY_S	   86400
#define MONTH_DAYS 28

static const char *const weekdays[] = { "sun", "mon", "tue", "wed", "thu",
	"fri", "sat" };
static const char *const calendar[] = {
	[CYCLE_HOUR] = "hour",
	[CYCLE_DAY] = "day",
	[CYCLE_WEEK] = "week",
	[CYCLE_MONTH] = "month",
};

/* --- words ----------------------------------------------------------------- */

static enum err
refuse(struct why *out_why)
{
	return why_set(out_why, ERR_VALUE, "per",
	    "is no window; write hour, day, day@08:00, week, week@mon/08:00, "
	    "month, month@15, 5h (from the first use), 5h-sliding or life");
}

/* "08:00" */
static enum err
read_clock(struct str s, unsigned *out_minute, struct why *out_why)
{
	struct str rest = s, hours = str_cut(&rest, ':');
	uint64_t h, m;

	if (hours.len == 0 || hours.len > 2 || rest.len != 2 ||
	    str_u64(hours, &h) || str_u64(rest, &m) || h > 23 || m > 59)
		return why_set(out_why, ERR_VALUE, "per",
		    "has no time of day behind it, write for example 08:00");
	*out_minute = (unsigned)(h * 60 + m);
	return OK;
}

static enum err
read_weekday(struct str s, unsigned *out, struct why *out_why)
{
	for (unsigned i = 0; i < 7; i++)
		if (str_ieq(s, str_of(weekdays[i]))) {
			*out = i;
			return OK;
		}
	return why_set(out_why, ERR_VALUE, "per",
	    "has no day of the week behind it, write for example week@mon or "
	    "week@mon/08:00");
}

/* What stands behind the @. */
static enum err
read_anchor(struct str s, struct cycle *io, struct why *out_why)
{
	struct str rest = s, first;
	uint64_t day;
	enum err e;

	if (io->kind == CYCLE_HOUR)
		return refuse(out_why);
	if (io->kind == CYCLE_DAY)
		return read_clock(s, &io->minute, out_why);
	first = str_cut(&rest, '/');
	if (io->kind == CYCLE_WEEK) {
		e = read_weekday(first, &io->weekday, out_why);
	} else {
		e = str_u64(first, &day);
		if (e || day < 1 || day > MONTH_DAYS)
			return why_set(out_why, ERR_VALUE, "per",
			    "a month begins on a day from 1 to 28, write for "
			    "example month@15");
		io->day = (unsigned)day;
	}
	return e || !rest.at ? e : read_clock(rest, &io->minute, out_why);
}

static enum err
read_length(struct str s, struct cycle *out, struct why *out_why)
{
	static const char sliding[] = "-sliding";
	int64_t ms;

	*out = (struct cycle){ .kind = CYCLE_FIRST };
	if (str_ends(s, str_of(sliding))) {
		out->kind = CYCLE_SLIDING;
		s = str_first(s, s.len - strlen(sliding));
	}
	if (unit_read_ms(s, &ms, NULL))
		return refuse(out_why);
	if (ms < CYCLE_LENGTH_MIN || ms > CYCLE_LENGTH_MAX)
		return why_set(out_why, ERR_VALUE, "per",
		    "a window lasts from 1s to 400d");
	out->length_ms = ms;
	return OK;
}

enum err
cycle_read(struct str s, struct cycle *out, struct why *out_why)
{
	struct str rest = str_trim(s), word = str_cut(&rest, '@');
	struct cycle w = { .kind = CYCLE_LIFE, .weekday = 1, .day = 1 };

	if (str_eq(str_trim(s), STR("life"))) {
		*out = (struct cycle){ .kind = CYCLE_LIFE };
		return OK;
	}
	for (unsigned i = CYCLE_HOUR; i <= CYCLE_MONTH; i++) {
		enum err e;

		if (!str_eq(word, str_of(calendar[i])))
			continue;
		w.kind = (enum cycle_kind)i;
		e = rest.at ? read_anchor(rest, &w, out_why) : OK;
		if (!e)
			*out = w;
		return e;
	}
	return read_length(str_trim(s), out, out_why);
}

void
cycle_write(const struct cycle *w, char out[CYCLE_TEXT])
{
	char length[UNIT_TEXT], clock[16] = "";

	if (w->minute)
		snprintf(clock, sizeof(clock), "%02u:%02u", w->minute / 60 % 24,
		    w->minute % 60);
	switch (w->kind) {
	case CYCLE_HOUR:
	case CYCLE_DAY:
		snprintf(out, CYCLE_TEXT, "%s%s%s", calendar[w->kind],
		    w->minute ? "@" : "", clock);
		break;
	case CYCLE_WEEK:
		snprintf(out, CYCLE_TEXT, "week");
		if (w->weekday != 1 || w->minute)
			snprintf(out, CYCLE_TEXT, "week@%s%s%s",
			    weekdays[w->weekday % 7], w->minute ? "/" : "",
			    clock);
		break;
	case CYCLE_MONTH:
		snprintf(out, CYCLE_TEXT, "month");
		if (w->day != 1 || w->minute)
			snprintf(out, CYCLE_TEXT, "month@%u%s%s", w->day % 100,
			    w->minute ? "/" : "", clock);
		break;
	case CYCLE_FIRST:
	case CYCLE_SLIDING:
		unit_write_ms(w->length_ms, length);
		snprintf(out, CYCLE_TEXT, "%.20s%s", length,
		    w->kind == CYCLE_SLIDING ? "-sliding" : "");
		break;
	case CYCLE_LIFE:
		snprintf(out, CYCLE_TEXT, "life");
		break;
	}
}

/* --- the calendar ---------------------------------------------------------- */

bool
cycle_is_calendar(const struct cycle *w)
{
	return w->kind <= CYCLE_MONTH;
}

/* Seconds that local time is ahead of UTC. */
static int64_t
offset_at(const struct zone *z, int64_t t)
{
	return (int64_t)zone_offset(z, minute_of_ms(t * 1000)) * 60;
}

/* The moment of a local date and time: of a time that is there twice always
 * the first, of one that is skipped the one as long after the skip. */
static int64_t
local_moment(const struct zone *z, struct tm fields)
{
	int64_t as_utc = (int64_t)timegm(&fields);
	int64_t before = offset_at(z, as_utc - DAY_S);
	int64_t after = offset_at(z, as_utc + DAY_S);

	if (offset_at(z, as_utc - before) != before &&
	    offset_at(z, as_utc - after) == after)
		return as_utc - after;
	return as_utc - before;
}

/* The begin of the `step`th span from the one of that local date on. */
static int64_t
span_begin(const struct cycle *w, const struct zone *z, const struct tm *today,
    int step)
{
	struct tm at = { .tm_year = today->tm_year,
		.tm_mon = today->tm_mon,
		.tm_mday = today->tm_mday,
		.tm_hour = (int)(w->minute / 60),
		.tm_min = (int)(w->minute % 60) };

	if (w->kind == CYCLE_WEEK)
		at.tm_mday +=
		    7 * step - (today->tm_wday + 7 - (int)w->weekday) % 7;
	else if (w->kind == CYCLE_DAY)
		at.tm_mday += step;
	if (w->kind == CYCLE_MONTH) {
		at.tm_mday = (int)w->day;
		at.tm_mon += step;
	}
	return local_moment(z, at);
}

void
cycle_span(const struct cycle *w, const struct zone *z, int64_t now_ms,
    int64_t *out_begin_ms, int64_t *out_end_ms)
{
	int64_t now = now_ms / 1000, begin;
	time_t local = (time_t)(now + offset_at(z, now));
	struct tm tm;
	int step = 0;

	assert(cycle_is_calendar(w));
	gmtime_r(&local, &tm);
	if (w->kind == CYCLE_HOUR) {
		begin = now - tm.tm_min * 60 - tm.tm_sec;
		*out_begin_ms = begin * 1000;
		*out_end_ms = (begin + 3600) * 1000;
		return;
	}
	/* Today may be before the day or the hour at which it begins. */
	while ((begin = span_begin(w, z, &tm, step)) > now)
		step--;
	*out_begin_ms = begin * 1000;
	*out_end_ms = span_begin(w, z, &tm, step + 1) * 1000;
}
