/* SPDX-License-Identifier: MIT */
/* table.c - rows of JSON objects as a table, one object as a list. */
#include "relay-tui/table.h"

#include <stdlib.h>

#include "proto/mem.h"

#include "relay-tui/chart.h"
#include "relay-tui/words.h"

#define BAR_LEAST 12
#define BAR_MOST  40

/* --- rows ------------------------------------------------------------------ */

void
table_init(struct table *t, const struct column *columns)
{
	*t = (struct table){ .columns = columns };
	while (columns[t->width].title && t->width < COLUMNS_MAX)
		t->width++;
}

void
table_fini(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t->amounts);
	*t = (struct table){ .columns = t->columns, .width = t->width };
}

static void
grow(struct table *t)
{
	if (t->count + t->width <= t->room)
		return;
	t->room = t->room ? t->room * 2 : 16 * COLUMNS_MAX;
	t->cells = xrealloc(t->cells, t->room * sizeof(char *));
	t->amounts =
	    xrealloc(t->amounts, t->room / t->width * sizeof(*t->amounts));
}

void
table_add(struct table *t, const struct output *o, const struct json *row)
{
	size_t number = table_rows(t);

	if (t->width == 0)
		return;
	grow(t);
	t->amounts[number] = 0;
	for (unsigned i = 0; i < t->width; i++) {
		const struct column *c = &t->columns[i];
		struct buf text;
		size_t len;

		buf_init(&text, CELL_MAX * 4);
		if (!cell_is_drawn(c))
			cell_write(o, c, row, &text);
		else if (json_as_i64(json_at(row, c->key), &t->amounts[number]))
			t->amounts[number] = 0;
		(void)buf_cstr(&text);
		t->cells[t->count++] = buf_take(&text, &len);
	}
}

void
table_add_all(struct table *t, const struct output *o, const struct json *rows)
{
	for (const struct json *row = json_first(rows); row;
	     row = json_next(row))
		table_add(t, o, row);
}

void
table_add_total(struct table *t, const struct output *o, const struct json *row)
{
	table_add(t, o, row);
	t->has_total = t->width > 0;
}

size_t
table_rows(const struct table *t)
{
	return t->width ? t->count / t->width : 0;
}

/* --- amounts --------------------------------------------------------------- */

static size_t
amounts_count(const struct table *t)
{
	return table_rows(t) - t->has_total;
}

static int64_t
most_amount(const struct table *t)
{
	int64_t most = 0;

	for (size_t i = 0; i < amounts_count(t); i++)
		most = t->amounts[i] > most ? t->amounts[i] : most;
	return most;
}

static char *
share_text(int64_t part, int64_t whole)
{
	struct buf text;
	size_t len;

	buf_init(&text, 64);
	chart_percent(&text, part, whole);
	(void)buf_cstr(&text);
	return buf_take(&text, &len);
}

/* Shares can be told when all amounts are there: of the total, which may be
 * more than the rows that are shown. */
static void
fill_shares(struct table *t)
{
	int64_t sum = 0;

	for (size_t i = 0; i < amounts_count(t); i++)
		sum += t->amounts[i];
	if (t->has_total)
		sum = t->amounts[amounts_count(t)];
	for (size_t i = 0; i < t->count; i++) {
		size_t row = i / t->width;

		if (t->columns[i % t->width].kind != CELL_SHARE || sum <= 0 ||
		    row >= amounts_count(t) || t->amounts[row] <= 0)
			continue;
		free(t->cells[i]);
		t->cells[i] = share_text(t->amounts[row], sum);
	}
}

void
table_rank(struct table *t)
{
	size_t row_size = t->width * sizeof(char *);
	char *row[COLUMNS_MAX];

	/* By inserting: the daemon's order is often right already. */
	for (size_t i = 1; i < amounts_count(t); i++) {
		int64_t amount = t->amounts[i];
		size_t at = i;

		while (at > 0 && t->amounts[at - 1] < amount)
			at--;
		if (at == i)
			continue;
		memcpy(row, t->cells + i * t->width, row_size);
		memmove(t->cells + (at + 1) * t->width,
		    t->cells + at * t->width, (i - at) * row_size);
		memmove(t->amounts + at + 1, t->amounts + at,
		    (i - at) * sizeof(*t->amounts));
		memcpy(t->cells + at * t->width, row, row_size);
		t->amounts[at] = amount;
	}
}

/* --- decimals -------------------------------------------------------------- */

static int
fraction_of(const char *digits)
{
	const char *point = strchr(digits, '.');

	return point ? (int)strlen(point) : 0;
}

/* Blanks behind short fractions put the points below each other. */
static void
align_decimals(struct table *t)
{
	for (unsigned c = 0; c < t->width; c++) {
		int longest = 0;

		if (t->columns[c].kind != CELL_DECIMAL)
			continue;
		for (size_t i = c; i < t->count; i += t->width) {
			int is = fraction_of(t->cells[i]);

			longest = is > longest ? is : longest;
		}
		for (size_t i = c; i < t->count; i += t->width) {
			char *was = t->cells[i];

			if (!was[0])
				continue;
			t->cells[i] = xasprintf("%s%*s", was,
			    longest - fraction_of(was), "");
			free(was);
		}
	}
}

/* --- widths ---------------------------------------------------------------- */

/* What it would take; a column in which nothing stands has width 0. */
static void
measure(const struct table *t, struct columns *w)
{
	for (size_t i = 0; i < t->count; i++)
		columns_measure(w, (unsigned)(i % t->width),
		    str_of(t->cells[i]));
	for (unsigned c = 0; c < t->width; c++)
		if (t->columns[c].kind == CELL_BAR && most_amount(t))
			w->widths[c] = BAR_LEAST;
	columns_measure_heads(w);
}

/* Bars take what the others leave. */
static void
widen_bars(const struct table *t, struct columns *w, int room)
{
	int left = room - columns_total(w);

	for (unsigned c = 0; c < t->width; c++)
		if (t->columns[c].kind == CELL_BAR && w->widths[c]) {
			while (left > 0 && w->widths[c] < BAR_MOST) {
				w->widths[c]++;
				left--;
			}
		}
}

/* --- printing -------------------------------------------------------------- */

static void
print_cell(struct output *o, const struct column *c, enum paint paint,
    struct str text, int width, bool last)
{
	int is = text_width(text);
	struct str shown = text;
	bool cut = is > width;

	if (cut) {
		shown = text_fit(text, width - 1);
		is = text_width(shown) + 1;
	}
	if (cell_is_right(c) && width > is)
		fprintf(o->to, "%*s", width - is, "");
	out_paint(o, paint, shown);
	if (cut)
		fputs(o->ascii ? "~" : "\xe2\x80\xa6", o->to);
	if (!last && !cell_is_right(c) && width > is)
		fprintf(o->to, "%*s", width - is, "");
	if (!last)
		fprintf(o->to, "%*s", COLUMNS_GAP, "");
}

static unsigned
last_column(const struct table *t, const struct columns *w)
{
	unsigned last = 0;

	for (unsigned c = 0; c < t->width; c++)
		if (w->widths[c])
			last = c;
	return last;
}

/* Over bars stands what their axis goes to. */
static void
write_head(const struct table *t, const struct column *c, int width,
    struct buf *out)
{
	struct buf most;

	if (c->kind != CELL_BAR) {
		buf_must(out, str_of(_(c->title)));
		return;
	}
	buf_init(&most, 64);
	cell_write_money(chart_scale(most_amount(t)), &most);
	chart_ends(out, STR("0"), buf_str(&most), width);
	buf_fini(&most);
}

static void
print_heads(const struct table *t, struct output *o, const struct columns *w)
{
	unsigned last = last_column(t, w);

	for (unsigned c = 0; c < t->width; c++) {
		struct buf text;

		if (!w->widths[c])
			continue;
		buf_init(&text, CELL_MAX);
		write_head(t, &t->columns[c], w->widths[c], &text);
		print_cell(o, &t->columns[c], PAINT_HEAD, buf_str(&text),
		    w->widths[c], c == last);
		buf_fini(&text);
	}
	fputc('\n', o->to);
}

/* The last column in which this row has something, so that no line ends in
 * blanks. */
static unsigned
last_said(const struct table *t, const struct columns *w, size_t row)
{
	unsigned last = 0;

	for (unsigned c = 0; c < t->width; c++)
		if (w->widths[c] &&
		    (t->cells[row * t->width + c][0] ||
			(t->columns[c].kind == CELL_BAR &&
			    t->amounts[row] > 0 && row < amounts_count(t))))
			last = c;
	return last;
}

static void
print_row(const struct table *t, struct output *o, const struct columns *w,
    size_t row)
{
	unsigned last = last_said(t, w, row);
	bool total = row == amounts_count(t);

	for (unsigned i = 0; i < t->width; i++) {
		const struct column *c = &t->columns[i];
		struct str text = str_of(t->cells[row * t->width + i]);
		struct buf bar;

		if (!w->widths[i] || i > last)
			continue;
		buf_init(&bar, CELL_MAX);
		if (c->kind == CELL_BAR && !total) {
			chart_bar(&bar, t->amounts[row],
			    chart_scale(most_amount(t)), w->widths[i],
			    o->ascii);
			text = buf_str(&bar);
		}
		print_cell(o, c, total ? PAINT_HEAD : cell_paint(c, text), text,
		    w->widths[i], i == last);
		buf_fini(&bar);
	}
	fputc('\n', o->to);
}

static void
say_dropped(const struct table *t, struct output *o, const struct columns *w)
{
	struct buf text;

	buf_init(&text, CELL_MAX);
	for (unsigned c = 0; c < t->width; c++)
		if (w->dropped[c])
			buf_mustf(&text, "%s%s",
			    buf_len(&text) ? ", " : _("(no room for: "),
			    t->columns[c].kind == CELL_BAR
				? _("bars")
				: _(t->columns[c].title));
	if (buf_len(&text)) {
		buf_must(&text, STR(")"));
		out_lines(o, PAINT_DIM, buf_str(&text));
	}
	buf_fini(&text);
}

void
table_say_zone(struct output *o)
{
	struct buf text;

	if (!o->zone[0])
		return;
	buf_init(&text, CELL_MAX);
	buf_must(&text, str_of(_("(times of ")));
	text_clean(str_of(o->zone), &text);
	buf_must(&text, STR(")"));
	out_lines(o, PAINT_DIM, buf_str(&text));
	buf_fini(&text);
}

static bool
has_moments(const struct table *t, const struct columns *w)
{
	for (unsigned c = 0; c < t->width; c++)
		if (t->columns[c].kind == CELL_MOMENT && w->widths[c])
			return true;
	return false;
}

void
table_print(struct table *t, struct output *o)
{
	struct columns w;

	if (t->count == 0 || t->width == 0)
		return;
	fill_shares(t);
	align_decimals(t);
	columns_init(&w, t->columns);
	measure(t, &w);
	if (o->width)
		columns_fit(&w, o->width);
	widen_bars(t, &w, output_columns(o));
	print_heads(t, o, &w);
	for (size_t row = 0; row < table_rows(t); row++)
		print_row(t, o, &w, row);
	say_dropped(t, o, &w);
	if (has_moments(t, &w))
		table_say_zone(o);
}

void
record_print(struct output *o, const struct column *columns,
    const struct json *object)
{
	int widest = 0;

	for (const struct column *c = columns; c->title; c++) {
		int width = text_width(str_of(_(c->title)));

		widest = width > widest ? width : widest;
	}
	for (const struct column *c = columns; c->title; c++) {
		struct str title = str_of(_(c->title)), shown;
		struct buf text;

		buf_init(&text, CELL_MAX * 4);
		cell_write(o, c, object, &text);
		cell_write_zone(o, c, object, &text);
		shown = buf_str(&text);
		if (shown.len) {
			out_paint(o, PAINT_DIM, title);
			fprintf(o->to, "%*s",
			    widest - text_width(title) + COLUMNS_GAP, "");
			out_paint(o, cell_paint(c, shown), shown);
			fputc('\n', o->to);
		}
		buf_fini(&text);
	}
}
