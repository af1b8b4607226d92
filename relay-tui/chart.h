/* SPDX-License-Identifier: MIT */
/* chart.h - numbers as pictures made of characters: bars, sparklines, a heat
 * map.
 *
 * Pure: numbers in, clean text out, no colours and no terminal.  Where the
 * locale has no UTF-8 everything is drawn in ASCII.  What is more than nothing
 * never looks like nothing. */
#ifndef RELAY_TUI_CHART_H
#define RELAY_TUI_CHART_H

#include "proto/buf.h"

/* The end of an axis that holds `most`: 1, 2 or 5 times a power of ten. */
int64_t chart_scale(int64_t most);

/* A bar from the left in eighths of a column ('#' and '-' in ASCII), as long as
 * value is of most; nothing follows it. */
void chart_bar(struct buf *out, int64_t value, int64_t most, int columns,
    bool ascii);

/* A column for each value, in eight heights of most; a zero is '_'. */
void chart_spark(struct buf *out, const int64_t *values, size_t count,
    int64_t most, bool ascii);

/* Columns side by side in so many lines, each as wide as said, with a gap behind
 * it where that is more than one; every line with its end. */
void chart_columns(struct buf *out, const int64_t *values, size_t count,
    int64_t most, int rows, int width, bool ascii);

/* Add up each so many neighbours; the last sum may be of fewer. */
void chart_merge(int64_t *values, size_t *io_count, size_t each);

/* Two texts at the ends of so many columns, the left one giving way. */
void
chart_ends(struct buf *out, struct str left, struct str right, int columns);

/* A number in three or four digits: 950, 1.2k, 34.1M. */
void chart_count(struct buf *out, int64_t n);

/* A part of a whole: 42%, <1%; nothing where there is no part. */
void chart_percent(struct buf *out, int64_t part, int64_t whole);

/* Hours of the days of a week.  A cell without an hour in it (hours[d][h] is
 * 0: not asked for, or left out by summer time) is blank, one with nothing in
 * it a dot. */
struct chart_week {
	int64_t values[7][24];
	unsigned hours[7][24];
	struct str days[7];			/* "Mon" */
	void (*write)(int64_t n, struct buf *); /* a value, for people */
};

/* Lines, each with its end: the hours, the days with their sums, and what the
 * shades mean. */
void chart_heat(struct buf *out, const struct chart_week *w, int columns,
    bool ascii);

#endif
