/* SPDX-License-Identifier: MIT */
/* grid.h - a screen made of cells, which needs no terminal: it is shown on one
 * (tty.h), or written as text.
 *
 * Nothing foreign gets through: whatever is put here is cleaned first
 * (text.h), so a cell holds one printable character, at most one mark on it,
 * and what it means.  A wide character is in the left of its two cells; the
 * right one has width 0.  Half of one is never left standing. */
#ifndef RELAY_TUI_GRID_H
#define RELAY_TUI_GRID_H

#include "proto/buf.h"

#include "relay-tui/paint.h"

#define GRID_ROWS_MAX	 500
#define GRID_COLUMNS_MAX 1000

struct grid_cell {
	uint32_t code; /* 0: blank */
	uint32_t mark; /* combining, on top of it; 0: none */
	uint8_t paint; /* enum paint */
	uint8_t width; /* 1, 2; 0: right half */
	bool lit;      /* what is chosen: shown the other way round */
};

struct grid {
	int rows, columns;
	struct grid_cell *cells;
	bool ascii; /* pictures and frames are drawn with ASCII only */
	bool has_cursor;
	int cursor_row, cursor_column;
};

void grid_init(struct grid *g, int rows, int columns);
void grid_fini(struct grid *g);
/* Another size, between 1 and the limits above; everything is blank then. */
void grid_resize(struct grid *g, int rows, int columns);
void grid_clear(struct grid *g);
const struct grid_cell *grid_at(const struct grid *g, int row, int column);

/* Put foreign text into columns [column, end) of a row; what lies outside the
 * grid is not drawn.  Returns the column behind it. */
int grid_put(struct grid *g, int row, int column, int end, enum paint p,
    struct str s);
/* Blanks of a meaning. */
void grid_fill(struct grid *g, int row, int column, int end, enum paint p);
void grid_light(struct grid *g, int row, int column, int end);

/* Rows as lines, without blanks at their ends. */
void grid_text(const struct grid *g, struct buf *out);
/* The same size in letters of theme.def; chosen cells in upper case or '*'. */
void grid_paints(const struct grid *g, struct buf *out);
/* Is this to be read in one row? */
bool grid_says(const struct grid *g, struct str text);

#endif
