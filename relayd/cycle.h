/* SPDX-License-Identifier: MIT */
/* cycle.h - spans of time after which a limit begins anew.
 *
 *	hour  day  day@08:00  week  week@mon/08:00  month  month@15
 *			by the calendar of the daemon's zone, across changes
 *			of its clock; a week begins on Monday
 *	5h		for that long from the first use on, then from the
 *			next use
 *	5h-sliding	always the last five hours
 *	life		for ever */
#ifndef RELAYD_CYCLE_H
#define RELAYD_CYCLE_H

#include "proto/str.h"

enum cycle_kind {
	CYCLE_HOUR,
	CYCLE_DAY,
	CYCLE_WEEK,
	CYCLE_MONTH,
	CYCLE_FIRST,
	CYCLE_SLIDING,
	CYCLE_LIFE,
};

struct zone;

struct cycle {
	enum cycle_kind kind;
	unsigned weekday;  /* of a week: 0 is Sunday */
	unsigned day;	   /* of a month: 1 to 28 */
	unsigned minute;   /* of that day, for all but an hour */
	int64_t length_ms; /* FIRST, SLIDING */
};

#define CYCLE_TEXT	 32
#define CYCLE_LENGTH_MIN INT64_C(1000)
#define CYCLE_LENGTH_MAX (400 * 86400 * INT64_C(1000))

/* ERR_VALUE; the text says what would be right. */
enum err
cycle_read(struct str s, struct cycle *out, struct why *out_why) CHECKED;
/* In the one form that reads back the same. */
void cycle_write(const struct cycle *w, char out[CYCLE_TEXT]);

/* Does it follow the calendar? */
bool cycle_is_calendar(const struct cycle *w);
/* The span of such a window that holds the moment: begin <= now < end, wall
 * clock.  Spans touch: the end of one is the begin of the next. */
void cycle_span(const struct cycle *w, const struct zone *z, int64_t now_ms,
    int64_t *out_begin_ms, int64_t *out_end_ms);

#endif
