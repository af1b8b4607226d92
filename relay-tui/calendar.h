/* SPDX-License-Identifier: MIT */
/* calendar.h - time cut into periods of a zone, none left out.
 *
 * A list of usage has no rows for periods in which nothing happened; a picture
 * of it must have them.  All of it is the zone of the process: hours are hours
 * of its clock, a day has 23 or 25 of them when summer time begins or ends. */
#ifndef RELAY_TUI_CALENDAR_H
#define RELAY_TUI_CALENDAR_H

#include "proto/buf.h"

enum calendar_per {
	PER_MINUTE,
	PER_HOUR,
	PER_DAY,
	PER_WEEK, /* from Monday on */
	PER_MONTH,
	PERS,
};

/* "minute" ..; ERR_VALUE for other words. */
enum err calendar_per_read(struct str word, enum calendar_per *out) CHECKED;
const char *calendar_per_word(enum calendar_per per);

/* Period i goes from begins[i] to begins[i + 1], which is not in it. */
struct calendar {
	enum calendar_per per;
	size_t count;
	int64_t *begins_ms;
};

#define CALENDAR_MAX 100000

/* The periods that hold the moments since .. until.  ERR_LIMIT: more than
 * CALENDAR_MAX of them. */
enum err calendar_fill(enum calendar_per per, int64_t since_ms,
    int64_t until_ms, struct calendar *out) CHECKED;
void calendar_fini(struct calendar *c);

/* The period a moment is in, or -1. */
ptrdiff_t calendar_find(const struct calendar *c, int64_t at_ms);

/* The process lives in this zone from now on: "Europe/Berlin". */
void calendar_set_zone(struct str zone);

/* 2026-11-20T13:09:12+01:00 as ms; the seconds, or the time with its offset,
 * may be absent: then it is the zone's. */
enum err calendar_read(struct str s, int64_t *out_ms) CHECKED;
/* As short as the period allows: 2026-11, 2026-11-20, 2026-11-20 13:00. */
void calendar_write(enum calendar_per per, int64_t at_ms, struct buf *out);
/* "2026-11-14 to 2026-11-20"; of one day that day. */
void calendar_write_span(enum calendar_per per, int64_t since_ms,
    int64_t until_ms, struct buf *out);

#endif
