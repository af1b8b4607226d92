/* SPDX-License-Identifier: MIT */
/* usage_view.h - pictures of usage: what was asked is drawn, nothing is asked
 * here. */
#ifndef RELAY_TUI_USAGE_VIEW_H
#define RELAY_TUI_USAGE_VIEW_H

#include "relay-tui/output.h"
#include "relay-tui/usage_rows.h"

/* How long a period has to be so that the time has some dozens of them. */
enum calendar_per usage_view_per(int64_t since_ms, int64_t until_ms);

/* A sparkline of each name, the largest first. */
enum err usage_view_chart(struct output *o, const struct usage_rows *r,
    enum calendar_per per, enum usage_of of, struct why *out_why) CHECKED;

/* The sum of all names over time as columns, in so many lines and two for its
 * axis. */
enum err usage_view_bars(struct output *o, const struct usage_rows *r,
    enum calendar_per per, enum usage_of of, int rows,
    struct why *out_why) CHECKED;

/* Hours of the days of the week, from rows per hour. */
enum err usage_view_heat(struct output *o, const struct usage_rows *r,
    enum usage_of of, struct why *out_why) CHECKED;

/* The largest names as bars, of rows of a total. */
void usage_view_top(struct output *o, const char *title,
    const struct usage_rows *r, enum usage_of of);

/* How many requests have no price, or numbers that were not told; nothing
 * where there are none. */
void usage_view_gaps(struct output *o, int64_t unpriced, int64_t estimated);

/* The sparkline of one name over the time since then, per hour or day. */
enum err usage_view_spark(struct output *o, const struct usage_rows *r,
    enum calendar_per per, int64_t since_ms, struct buf *out) CHECKED;

#endif
