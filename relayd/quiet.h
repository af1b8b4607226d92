/* SPDX-License-Identifier: MIT */
/* quiet.h - hours of the day in which people are not disturbed: "22:00-07:00",
 * as the clock on their wall shows it (the option timezone). */
#ifndef RELAYD_QUIET_H
#define RELAYD_QUIET_H

#include "proto/str.h"

struct quiet {
	int from, until; /* minutes of the day; the same: never */
};

/* Empty is never. */
enum err
quiet_read(struct str s, struct quiet *out, struct why *out_why) CHECKED;
/* Is it quiet at that moment?  *out_until_ms is when that may be over: ask
 * again then, because the day may have a clock change in it. */
bool quiet_at(const struct quiet *q, int64_t wall_ms, int64_t *out_until_ms);

#endif
