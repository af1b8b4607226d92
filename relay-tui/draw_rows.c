/* SPDX-License-Identifier: MIT */
/* draw_rows.c - rows of an answer as a small table within a page. */
#include "relay-tui/draw_rows.h"

#include "relay-tui/words.h"

static void
measure(struct columns *w, const struct output *o, const struct json *rows)
{
	struct buf text;

	buf_init(&text, CELL_MAX * 4);
	for (const struct json *r = json_first(rows); r; r = json_next(r))
		for (unsigned c = 0; c < w->count; c++) {
			buf_clear(&text);
			if (!cell_is_drawn(&w->columns[c]))
				cell_write(o, &w->columns[c], r, &text);
			columns_measure(w, c, buf_str(&text));
		}
	buf_fini(&text);
	columns_measure_heads(w);
}

static void
draw_one(const struct area *a, int row, const struct output *o,
    const struct columns *w, const struct json *object)
{
	struct buf text;
	int at = 0;

	buf_init(&text, CELL_MAX * 4);
	for (unsigned c = 0; c < w->count; c++) {
		const struct column *column = &w->columns[c];

		if (!w->widths[c])
			continue;
		buf_clear(&text);
		cell_write(o, column, object, &text);
		draw_field(a, row, at, w->widths[c], cell_is_right(column),
		    cell_paint(column, buf_str(&text)), buf_str(&text));
		at += w->widths[c] + COLUMNS_GAP;
	}
	buf_fini(&text);
}

int
draw_rows(const struct area *a, int row, const struct output *o,
    const struct column *columns, const struct json *rows)
{
	struct columns w;
	int at = 0, line = row;

	columns_init(&w, columns);
	measure(&w, o, rows);
	columns_fit(&w, a->columns);
	for (unsigned c = 0; c < w.count; c++)
		if (w.widths[c]) {
			draw_field(a, line, at, w.widths[c],
			    cell_is_right(&w.columns[c]), PAINT_HEAD,
			    str_of(_(w.columns[c].title)));
			at += w.widths[c] + COLUMNS_GAP;
		}
	for (const struct json *r = json_first(rows); r; r = json_next(r))
		draw_one(a, ++line, o, &w, r);
	return line + 1 - row;
}
