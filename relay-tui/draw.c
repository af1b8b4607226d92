/* SPDX-License-Identifier: MIT */
/* draw.c - drawing on a part of the grid. */
#include "relay-tui/draw.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relay-tui/chart.h"
#include "relay-tui/words.h"

#define LINE_MAX_BYTES (16 * 1024)

struct area
draw_all(struct grid *g)
{
	return (struct area){
		.grid = g, .rows = g->rows, .columns = g->columns
	};
}

static int
clamp(int n, int least, int most)
{
	most = most < least ? least : most;
	return n < least ? least : n > most ? most : n;
}

struct area
draw_part(const struct area *a, int row, int column, int rows, int columns)
{
	row = clamp(row, 0, a->rows);
	column = clamp(column, 0, a->columns);
	return (struct area){ .grid = a->grid,
		.row = a->row + row,
		.column = a->column + column,
		.rows = clamp(rows, 0, a->rows - row),
		.columns = clamp(columns, 0, a->columns - column) };
}

/* --- text ------------------------------------------------------------------ */

/* Cleaned text into columns [column, end) of the area. */
static int
put_clean(const struct area *a, int row, int column, int end, enum paint p,
    struct str clean)
{
	int width = text_width(clean), at;

	end = end > a->columns ? a->columns : end;
	if (row < 0 || row >= a->rows || column < 0 || column >= end)
		return column;
	if (width <= end - column)
		return grid_put(a->grid, a->row + row, a->column + column,
			   a->column + end, p, clean) -
		    a->column;
	at = grid_put(a->grid, a->row + row, a->column + column,
	    a->column + end - 1, p, clean);
	return grid_put(a->grid, a->row + row, at, a->column + end, p,
		   a->grid->ascii ? STR("~") : STR("\xe2\x80\xa6")) -
	    a->column;
}

static int
put(const struct area *a, int row, int column, int end, enum paint p,
    struct str s)
{
	struct buf clean;
	int at;

	buf_init(&clean, LINE_MAX_BYTES);
	text_clean(str_first(s, LINE_MAX_BYTES / 4), &clean);
	at = put_clean(a, row, column, end, p, buf_str(&clean));
	buf_fini(&clean);
	return at;
}

int
draw_text(const struct area *a, int row, int column, enum paint p, struct str s)
{
	return put(a, row, column, a->columns, p, s);
}

int
draw_textf(const struct area *a, int row, int column, enum paint p,
    const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return draw_text(a, row, column, p, str_of(text));
}

void
draw_field(const struct area *a, int row, int column, int columns, bool right,
    enum paint p, struct str s)
{
	struct buf clean;
	int width;

	buf_init(&clean, LINE_MAX_BYTES);
	text_clean(str_first(s, LINE_MAX_BYTES / 4), &clean);
	width = text_width(buf_str(&clean));
	if (right && width < columns)
		put_clean(a, row, column + columns - width, column + columns, p,
		    buf_str(&clean));
	else
		put_clean(a, row, column, column + columns, p, buf_str(&clean));
	buf_fini(&clean);
}

/* As much of clean text as fits, up to the end of a word if there is one. */
static struct str
first_line(struct str clean, int columns)
{
	struct str line = text_fit(clean, columns);
	size_t end = line.len;

	if (line.len == clean.len)
		return line;
	while (end > 0 && clean.at[end] != ' ')
		end--;
	if (end > 0)
		line.len = end;
	return line;
}

int
draw_lines(const struct area *a, int row, int column, enum paint p,
    struct str s)
{
	struct buf clean;
	struct str rest;
	int rows = 0;

	buf_init(&clean, LINE_MAX_BYTES);
	text_clean(str_first(s, LINE_MAX_BYTES / 4), &clean);
	rest = str_trim(buf_str(&clean));
	while (rest.len && row + rows < a->rows) {
		struct str line = first_line(rest, a->columns - column);

		if (!line.len)
			break;
		put_clean(a, row + rows, column, a->columns, p, line);
		rest = str_trim(str_skip(rest, line.len));
		rows++;
	}
	buf_fini(&clean);
	return rows;
}

int
draw_wrapped(const struct area *a, int row, enum paint p, struct str s)
{
	int indent = 0, rows = 0;
	struct buf clean;
	struct str rest;

	buf_init(&clean, LINE_MAX_BYTES);
	text_clean(str_first(s, LINE_MAX_BYTES / 4), &clean);
	rest = buf_str(&clean);
	while ((size_t)indent < rest.len && rest.at[indent] == ' ')
		indent++;
	if (indent > a->columns / 2)
		indent = 0;
	do {
		int at = rows ? indent : 0;
		struct str line = first_line(rest, a->columns - at);

		/* Blanks alone are no place to break at. */
		if (str_trim(line).len == 0)
			line = text_fit(rest, a->columns - at);
		if (!line.len && rest.len)
			break;
		put_clean(a, row + rows, at, a->columns, p, line);
		rest = str_skip(rest, line.len);
		while (rest.len && rest.at[0] == ' ')
			rest = str_skip(rest, 1);
		rows++;
	} while (rest.len);
	buf_fini(&clean);
	return rows ? rows : 1;
}

/* --- ground ---------------------------------------------------------------- */

void
draw_fill(const struct area *a, int row, enum paint p)
{
	if (row >= 0 && row < a->rows)
		grid_fill(a->grid, a->row + row, a->column,
		    a->column + a->columns, p);
}

void
draw_lit(const struct area *a, int row, int column, int columns)
{
	int end = column + columns > a->columns ? a->columns : column + columns;

	if (row >= 0 && row < a->rows)
		grid_light(a->grid, a->row + row, a->column + column,
		    a->column + end);
}

void
draw_cursor(const struct area *a, int row, int column)
{
	if (row < 0 || row >= a->rows || column < 0)
		return;
	a->grid->has_cursor = true;
	a->grid->cursor_row = a->row + row;
	a->grid->cursor_column =
	    a->column + (column < a->columns ? column : a->columns - 1);
}

void
draw_rule(const struct area *a, int row, struct str title)
{
	int at = 0;

	for (int c = 0; c < a->columns; c++)
		draw_text(a, row, c, PAINT_FRAME,
		    a->grid->ascii ? STR("-") : STR("\xe2\x94\x80"));
	if (!title.len || a->columns < 8)
		return;
	at = draw_text(a, row, 2, PAINT_FRAME, STR(" "));
	at = put(a, row, at, a->columns - 3, PAINT_HEAD, title);
	draw_text(a, row, at, PAINT_FRAME, STR(" "));
}

struct area
draw_frame(const struct area *a, struct str title)
{
	static const char *const corners[] = { "\xe2\x94\x8c", "\xe2\x94\x90",
		"\xe2\x94\x94", "\xe2\x94\x98" };
	bool ascii = a->grid->ascii;
	struct str side = ascii ? STR("|") : STR("\xe2\x94\x82");
	int right = a->columns - 1, bottom = a->rows - 1;

	for (int r = 0; r < a->rows; r++)
		draw_fill(a, r, PAINT_PLAIN);
	draw_rule(a, 0, title);
	draw_rule(a, bottom, STR(""));
	for (int r = 1; r < bottom; r++) {
		draw_text(a, r, 0, PAINT_FRAME, side);
		draw_text(a, r, right, PAINT_FRAME, side);
	}
	for (int i = 0; i < 4; i++)
		draw_text(a, i < 2 ? 0 : bottom, i % 2 ? right : 0, PAINT_FRAME,
		    ascii ? STR("+") : str_of(corners[i]));
	return draw_part(a, 1, 2, a->rows - 2, a->columns - 4);
}

/* --- pictures -------------------------------------------------------------- */

void
draw_bar(const struct area *a, int row, int column, int columns, int64_t value,
    int64_t most, enum paint p)
{
	struct buf bar;

	if (columns <= 0)
		return;
	buf_init(&bar, LINE_MAX_BYTES);
	chart_bar(&bar, value, most, columns, a->grid->ascii);
	for (int c = 0; c < columns && column + c < a->columns; c++)
		draw_text(a, row, column + c, PAINT_FRAME,
		    a->grid->ascii ? STR(".") : STR("\xc2\xb7"));
	put(a, row, column, column + columns, p, buf_str(&bar));
	buf_fini(&bar);
}

void
draw_left(const struct area *a, int row, int column, int columns, int64_t ppm)
{
	enum paint p = ppm >= 250000 ? PAINT_GOOD
	    : ppm > 0		     ? PAINT_WARN
				     : PAINT_BAD;
	char text[32];

	if (ppm < 0 || columns < 6)
		return;
	snprintf(text, sizeof(text), "%lld%%", (long long)(ppm / 10000));
	draw_bar(a, row, column, columns - 5, ppm, 1000000, p);
	draw_field(a, row, column + columns - 4, 4, true, p, str_of(text));
}

void
draw_spark(const struct area *a, int row, int column, int columns,
    const int64_t *values, size_t count, enum paint p)
{
	struct buf line;
	int64_t most = 0;
	int64_t *own;
	size_t each;

	if (columns <= 0 || count == 0)
		return;
	own = xmalloc(count * sizeof(*own));
	memcpy(own, values, count * sizeof(*own));
	each = (count + (size_t)columns - 1) / (size_t)columns;
	chart_merge(own, &count, each);
	for (size_t i = 0; i < count; i++)
		most = own[i] > most ? own[i] : most;
	buf_init(&line, LINE_MAX_BYTES);
	chart_spark(&line, own, count, most, a->grid->ascii);
	put(a, row, column, column + columns, p, buf_str(&line));
	buf_fini(&line);
	free(own);
}

/* --- one object ------------------------------------------------------------ */

static int
titles_width(const struct column *columns)
{
	int widest = 0;

	for (const struct column *c = columns; c->title; c++) {
		int width = text_width(str_of(_(c->title)));

		widest = width > widest ? width : widest;
	}
	return widest;
}

int
draw_record(const struct area *a, const struct output *o,
    const struct column *columns, const struct json *object, int skip)
{
	int widest = titles_width(columns), line = 0;

	for (const struct column *c = columns; c->title; c++) {
		struct buf text;

		buf_init(&text, CELL_MAX * 4);
		cell_write(o, c, object, &text);
		cell_write_zone(o, c, object, &text);
		if (buf_len(&text)) {
			draw_text(a, line - skip, 0, PAINT_DIM,
			    str_of(_(c->title)));
			draw_text(a, line - skip, widest + COLUMNS_GAP,
			    cell_paint(c, buf_str(&text)), buf_str(&text));
			line++;
		}
		buf_fini(&text);
	}
	return line;
}
