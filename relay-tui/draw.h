/* SPDX-License-Identifier: MIT */
/* draw.h - drawing on a part of the grid.
 *
 * Rows and columns count from the area's corner; what does not fit into the
 * area is not drawn, and text that is cut ends in an ellipsis.  Text may be
 * foreign: the grid cleans it. */
#ifndef RELAY_TUI_DRAW_H
#define RELAY_TUI_DRAW_H

#include "relay-tui/cell.h"
#include "relay-tui/grid.h"

struct area {
	struct grid *grid;
	int row, column, rows, columns;
};

struct area draw_all(struct grid *g);
/* A part of an area; what would stick out is cut off. */
struct area
draw_part(const struct area *a, int row, int column, int rows, int columns);

/* Returns the column behind the text. */
int draw_text(const struct area *a, int row, int column, enum paint p,
    struct str s);
int draw_textf(const struct area *a, int row, int column, enum paint p,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* In a field of so many columns, at its left or right end. */
void draw_field(const struct area *a, int row, int column, int columns,
    bool right, enum paint p, struct str s);
/* A sentence or two, broken between words; returns the number of rows. */
int draw_lines(const struct area *a, int row, int column, enum paint p,
    struct str s);

/* A line of a text, broken where it is too long; what follows stands below its
 * beginning.  The row may lie above the area.  Returns the number of rows, at
 * least one. */
int draw_wrapped(const struct area *a, int row, enum paint p, struct str s);

void draw_fill(const struct area *a, int row, enum paint p);
void draw_lit(const struct area *a, int row, int column, int columns);
void draw_cursor(const struct area *a, int row, int column);
/* A rule across the area, with a title in it or without. */
void draw_rule(const struct area *a, int row, struct str title);
/* A frame around the area; returns what is inside. */
struct area draw_frame(const struct area *a, struct str title);

/* A bar in so many columns, the rest of them dotted. */
void draw_bar(const struct area *a, int row, int column, int columns,
    int64_t value, int64_t most, enum paint p);
/* What is left of a limit, in millionths: a bar, and how much of it that is in
 * per cent.  Less than nothing: there is no limit, and nothing to draw. */
void
draw_left(const struct area *a, int row, int column, int columns, int64_t ppm);
/* A graph of numbers in so many columns, the newest at the right. */
void draw_spark(const struct area *a, int row, int column, int columns,
    const int64_t *values, size_t count, enum paint p);

/* "title   value" for each column of an object that says something, from line
 * `skip` on; returns how many lines it all has. */
int draw_record(const struct area *a, const struct output *o,
    const struct column *columns, const struct json *object, int skip);

#endif
