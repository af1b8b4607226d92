/* SPDX-License-Identifier: MIT */
/* grid.c - a screen made of cells, which needs no terminal. */
#include "relay-tui/grid.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relay-tui/text.h"

/* Text of one call: a line of the widest terminal, of the longest characters. */
#define PUT_MAX (16 * 1024)

static int
between(int n, int least, int most)
{
	return n < least ? least : n > most ? most : n;
}

void
grid_init(struct grid *g, int rows, int columns)
{
	*g = (struct grid){ .rows = 0 };
	grid_resize(g, rows, columns);
}

void
grid_fini(struct grid *g)
{
	free(g->cells);
	*g = (struct grid){ .rows = 0 };
}

void
grid_resize(struct grid *g, int rows, int columns)
{
	rows = between(rows, 1, GRID_ROWS_MAX);
	columns = between(columns, 1, GRID_COLUMNS_MAX);
	if (rows != g->rows || columns != g->columns) {
		g->rows = rows;
		g->columns = columns;
		g->cells = xrealloc(g->cells,
		    (size_t)rows * (size_t)columns * sizeof(*g->cells));
	}
	grid_clear(g);
}

void
grid_clear(struct grid *g)
{
	g->has_cursor = false;
	for (int i = 0; i < g->rows * g->columns; i++)
		g->cells[i] = (struct grid_cell){ .width = 1 };
}

static struct grid_cell *
cell_at(struct grid *g, int row, int column)
{
	return &g->cells[row * g->columns + column];
}

const struct grid_cell *
grid_at(const struct grid *g, int row, int column)
{
	assert(row >= 0 && row < g->rows && column >= 0 && column < g->columns);
	return &g->cells[row * g->columns + column];
}

/* A cell is about to be overwritten: the other half of what was there goes. */
static void
break_up(struct grid *g, int row, int column)
{
	struct grid_cell *c = cell_at(g, row, column);

	if (c->width == 0 && column > 0) {
		struct grid_cell *left = cell_at(g, row, column - 1);

		left->code = left->mark = 0;
		left->width = 1;
	}
	if (c->width == 2 && column + 1 < g->columns)
		cell_at(g, row, column + 1)->width = 1;
	c->width = 1;
	c->code = c->mark = 0;
}

static void
place(struct grid *g, int row, int column, int width, enum paint p,
    uint32_t code)
{
	break_up(g, row, column);
	if (width == 2)
		break_up(g, row, column + 1);
	*cell_at(g, row, column) = (struct grid_cell){
		.code = code, .paint = (uint8_t)p, .width = (uint8_t)width
	};
	if (width == 2)
		*cell_at(g, row, column + 1) =
		    (struct grid_cell){ .paint = (uint8_t)p, .width = 0 };
}

/* What chooses between pictures of a character: terminals do not agree how
 * wide the character is then. */
static bool
is_selector(uint32_t code)
{
	return (code >= 0xfe00 && code <= 0xfe0f) ||
	    (code >= 0xe0100 && code <= 0xe01ef);
}

int
grid_put(struct grid *g, int row, int column, int end, enum paint p,
    struct str s)
{
	struct buf clean;
	struct str rest;
	int last = -1;

	end = end > g->columns ? g->columns : end;
	if (row < 0 || row >= g->rows || column < 0)
		return column;
	buf_init(&clean, PUT_MAX);
	text_clean(str_first(s, PUT_MAX / 4), &clean);
	for (rest = buf_str(&clean); rest.len;) {
		uint32_t code = '?';
		size_t len = text_decode(rest, &code);
		int width = text_width_of(code);

		rest = str_skip(rest, len ? len : 1);
		if (width == 0 && last >= 0 && !is_selector(code))
			cell_at(g, row, last)->mark = code;
		if (width == 0)
			continue;
		if (column + width > end)
			break;
		place(g, row, column, width, p, code);
		last = column;
		column += width;
	}
	buf_fini(&clean);
	return column;
}

void
grid_fill(struct grid *g, int row, int column, int end, enum paint p)
{
	if (row < 0 || row >= g->rows)
		return;
	for (column = column < 0 ? 0 : column;
	     column < end && column < g->columns; column++)
		place(g, row, column, 1, p, 0);
}

void
grid_light(struct grid *g, int row, int column, int end)
{
	if (row < 0 || row >= g->rows)
		return;
	for (column = column < 0 ? 0 : column;
	     column < end && column < g->columns; column++)
		cell_at(g, row, column)->lit = true;
}

/* --- as text --------------------------------------------------------------- */

static void
row_text(const struct grid *g, int row, struct buf *out)
{
	size_t had = buf_len(out), said = had;

	for (int c = 0; c < g->columns; c++) {
		const struct grid_cell *cell = grid_at(g, row, c);

		if (cell->width == 0)
			continue;
		text_encode(cell->code ? cell->code : ' ', out);
		if (cell->mark)
			text_encode(cell->mark, out);
		if (cell->code && cell->code != ' ')
			said = buf_len(out);
	}
	buf_chop(out, buf_len(out) - said);
}

void
grid_text(const struct grid *g, struct buf *out)
{
	for (int r = 0; r < g->rows; r++) {
		row_text(g, r, out);
		buf_must(out, STR("\n"));
	}
}

void
grid_paints(const struct grid *g, struct buf *out)
{
	for (int r = 0; r < g->rows; r++) {
		size_t said = buf_len(out);

		for (int c = 0; c < g->columns; c++) {
			const struct grid_cell *cell = grid_at(g, r, c);
			char letter = paint_letter((enum paint)cell->paint);

			buf_mustf(out, "%c", cell->lit ? '*' : letter);
			if (cell->lit || letter != ' ')
				said = buf_len(out);
		}
		buf_chop(out, buf_len(out) - said);
		buf_must(out, STR("\n"));
	}
}

bool
grid_says(const struct grid *g, struct str text)
{
	struct buf row;
	bool found = false;

	buf_init(&row, GRID_COLUMNS_MAX * 8 + 16);
	for (int r = 0; r < g->rows && !found; r++) {
		buf_clear(&row);
		row_text(g, r, &row);
		found = str_find(buf_str(&row), text) >= 0;
	}
	buf_fini(&row);
	return found;
}
