/* SPDX-License-Identifier: MIT */
/* zone.h - a time zone as a value: where hours, days and months begin in it.
 *
 * The C library knows one zone at a time, and for all threads.  A struct zone
 * is a table of what it said, made once and never changed, so every thread may
 * ask it, and two may be compared.  Moments are minutes since 1970 in UTC: no
 * zone of today is off by a fraction of one. */
#ifndef RELAYD_ZONE_H
#define RELAYD_ZONE_H

#include "proto/str.h"

enum period {
#define X(name, letter, word) PERIOD_##name,
#include "relayd/period.def"
#undef X
	PERIOD_COUNT
};

const char *period_name(enum period p);
enum err period_read(struct str word, enum period *out) CHECKED;
/* The first byte of its sums' keys; 0: there are none. */
char period_letter(enum period p);

struct zone;

/* By its IANA name; one that is not known is UTC.  On the loop's thread, or
 * before there is another: it borrows the variable TZ for a moment. */
struct zone *zone_new(struct str name);
void zone_free(struct zone *z);
struct str zone_name(const struct zone *z);

#define ZONE_NEVER UINT32_MAX

/* The minute of a wall clock in ms; what is out of range is its end. */
uint32_t minute_of_ms(int64_t wall_ms);

/* Minutes that local time is ahead of UTC. */
int zone_offset(const struct zone *z, uint32_t minute);
/* The day it is there then, since 1970, and where a day begins. */
uint32_t zone_day(const struct zone *z, uint32_t minute);
uint32_t zone_day_begin(const struct zone *z, uint32_t day);
/* The beginning of the period that the minute is in; 0 of PERIOD_TOTAL. */
uint32_t zone_begin(const struct zone *z, enum period p, uint32_t minute);
/* Of the next one; ZONE_NEVER of PERIOD_TOTAL. */
uint32_t zone_next(const struct zone *z, enum period p, uint32_t minute);

/* "2026-10-25T02:00+01:00" */
#define ZONE_TEXT 32
void zone_text(const struct zone *z, uint32_t minute, char out[ZONE_TEXT]);

#endif
