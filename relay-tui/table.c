/* SPDX-License-Identifier: MIT */
/* table.c - rows of JSON objects as a table, one object as a list. */
#include "relay-tui/table.h"

#include <stdlib.h>
#include <time.h>

#include "proto/mem.h"

#include "relay-tui/words.h"

#define CELL_MAX    4096
#define COLUMNS_MAX 24
#define NARROWEST   8 /* a flexible column is not cut below this */
#define GAP	    2

/* --- cells ----------------------------------------------------------------- */

static void
write_bytes(int64_t n, struct buf *out)
{
	static const char units[] = " KMGT";
	double amount = (double)n;
	int unit = 0;

	while (amount >= 1024 && unit < 4) {
		amount /= 1024;
		unit++;
	}
	if (unit == 0)
		buf_mustf(out, "%lld", (long long)n);
	else
		buf_mustf(out, amount < 10 ? "%.1f%c" : "%.0f%c", amount,
		    units[unit]);
}

static void
write_us(int64_t us, struct buf *out)
{
	if (us < 1000)
		buf_mustf(out, "%lldus", (long long)us);
	else if (us < 10000)
		buf_mustf(out, "%.1fms", (double)us / 1e3);
	else if (us < 1000000)
		buf_mustf(out, "%lldms", (long long)us / 1000);
	else if (us < 60000000)
		buf_mustf(out, "%.1fs", (double)us / 1e6);
	else
		buf_mustf(out, "%lldm%02llds", (long long)us / 60000000,
		    (long long)us / 1000000 % 60);
}

/* The two largest units: 3d 4h, 12m 5s. */
static void
write_span(int64_t ms, struct buf *out)
{
	long long s = ms / 1000;

	if (s < 60)
		buf_mustf(out, "%llds", s);
	else if (s < 3600)
		buf_mustf(out, "%lldm", s / 60);
	else if (s < 86400)
		buf_mustf(out, "%lldh %lldm", s / 3600, s / 60 % 60);
	else
		buf_mustf(out, "%lldd %lldh", s / 86400, s / 3600 % 24);
}

static void
write_moment(int64_t wall_ms, struct buf *out)
{
	time_t t = (time_t)(wall_ms / 1000);
	char text[32];
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
	buf_must(out, str_of(text));
}

static void
write_ago(const struct output *o, int64_t wall_ms, struct buf *out)
{
	struct buf span;

	buf_init(&span, 64);
	if (wall_ms > o->now_ms) {
		write_span(wall_ms - o->now_ms, &span);
		buf_mustf(out, _("in %s"), buf_cstr(&span));
	} else {
		write_span(o->now_ms - wall_ms, &span);
		buf_mustf(out, _("%s ago"), buf_cstr(&span));
	}
	buf_fini(&span);
}

/* Cents for amounts of dollars, more digits the less it is. */
static void
write_money(int64_t micro, struct buf *out)
{
	int64_t amount = micro < 0 ? -micro : micro;
	int64_t unit = amount >= 1000000 ? 10000 : amount >= 1000 ? 100 : 1;
	int digits = amount >= 1000000 ? 2 : amount >= 1000 ? 4 : 6;
	int64_t n = (amount + unit / 2) / unit;
	int64_t whole = 1000000 / unit;

	if (amount == 0)
		digits = 0;
	buf_mustf(out, "%s$%lld", micro < 0 ? "-" : "", (long long)(n / whole));
	if (digits)
		buf_mustf(out, ".%0*lld", digits, (long long)(n % whole));
}

static void
write_number(const struct output *o, enum cell kind, int64_t n, struct buf *out)
{
	switch (kind) {
	case CELL_BYTES:
		write_bytes(n, out);
		break;
	case CELL_US:
		if (n)
			write_us(n, out);
		break;
	case CELL_MS:
		write_span(n, out);
		break;
	case CELL_MOMENT:
		if (n)
			write_moment(n, out);
		break;
	case CELL_MONEY:
		write_money(n, out);
		break;
	case CELL_AGO:
		if (n)
			write_ago(o, n, out);
		break;
	case CELL_TEXT:
	case CELL_NUMBER:
	case CELL_FLAG:
	case CELL_STATE:
	case CELL_END:
		buf_mustf(out, "%lld", (long long)n);
		break;
	}
}

/* The texts of an array with commas. */
static void
write_list(const struct json *list, struct buf *out)
{
	struct str s;
	bool first = true;

	for (const struct json *v = json_first(list); v; v = json_next(v)) {
		if (json_as_str(v, &s))
			continue;
		if (!first && buf_add(out, STR(", ")))
			return;
		text_clean(s, out);
		first = false;
	}
}

void
cell_write(const struct output *o, const struct column *c,
    const struct json *row, struct buf *out)
{
	const struct json *v = json_at(row, c->key);
	struct str s;
	int64_t n;
	bool b;

	if (!v)
		return;
	if (json_as_str(v, &s) == OK) {
		if (c->kind == CELL_END && s.len)
			buf_must(out, STR("..."));
		text_clean(str_first(s, CELL_MAX - 16), out);
	} else if (json_as_i64(v, &n) == OK) {
		write_number(o, c->kind, n, out);
	} else if (json_as_bool(v, &b) == OK) {
		buf_must(out, str_of(b ? _("yes") : ""));
	} else if (json_type(v) == JSON_ARRAY) {
		write_list(v, out);
	}
}

enum paint
cell_paint(const struct column *c, struct str text)
{
	static const char *const good[] = { "ready", "active", "ok" };
	static const char *const warn[] = { "held", "disabled", "gone", "rate",
		"overload", "refused" };

	if (c->kind != CELL_STATE || !text.len)
		return PAINT_PLAIN;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (str_eq(text, str_of(good[i])))
			return PAINT_GOOD;
	for (size_t i = 0; i < sizeof(warn) / sizeof(warn[0]); i++)
		if (str_eq(text, str_of(warn[i])))
			return PAINT_WARN;
	return PAINT_BAD;
}

/* --- tables ---------------------------------------------------------------- */

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
	*t = (struct table){ .columns = t->columns, .width = t->width };
}

void
table_add(struct table *t, const struct output *o, const struct json *row)
{
	if (t->count + t->width > t->room) {
		t->room = t->room ? t->room * 2 : 16 * COLUMNS_MAX;
		t->cells = xrealloc(t->cells, t->room * sizeof(char *));
	}
	for (unsigned i = 0; i < t->width; i++) {
		struct buf text;
		size_t len;

		buf_init(&text, CELL_MAX * 4);
		cell_write(o, &t->columns[i], row, &text);
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

size_t
table_rows(const struct table *t)
{
	return t->width ? t->count / t->width : 0;
}

static bool
is_right(const struct column *c)
{
	return c->kind == CELL_NUMBER || c->kind == CELL_BYTES ||
	    c->kind == CELL_US;
}

/* Columns a table takes; a column in which nothing stands has width 0. */
static int
measure(const struct table *t, int widths[COLUMNS_MAX])
{
	int total = -GAP;

	for (unsigned c = 0; c < t->width; c++) {
		widths[c] = 0;
		for (size_t i = c; i < t->count; i += t->width) {
			int width = text_width(str_of(t->cells[i]));

			widths[c] = width > widths[c] ? width : widths[c];
		}
		if (widths[c]) {
			int head = text_width(str_of(_(t->columns[c].title)));

			widths[c] = head > widths[c] ? head : widths[c];
			total += widths[c] + GAP;
		}
	}
	return total;
}

/* Cut the widest flexible column, again and again, until it fits. */
static void
squeeze(const struct table *t, int widths[COLUMNS_MAX], int total, int room)
{
	while (total > room) {
		int widest = -1;

		for (unsigned c = 0; c < t->width; c++)
			if (t->columns[c].flexible && widths[c] > NARROWEST &&
			    (widest < 0 || widths[c] > widths[widest]))
				widest = (int)c;
		if (widest < 0)
			return;
		widths[widest]--;
		total--;
	}
}

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
	if (is_right(c) && width > is)
		fprintf(o->to, "%*s", width - is, "");
	out_paint(o, paint, shown);
	if (cut)
		fputs("\xe2\x80\xa6", o->to);
	if (!last && !is_right(c) && width > is)
		fprintf(o->to, "%*s", width - is, "");
	if (!last)
		fprintf(o->to, "%*s", GAP, "");
}

static unsigned
last_column(const struct table *t, const int widths[COLUMNS_MAX])
{
	unsigned last = 0;

	for (unsigned c = 0; c < t->width; c++)
		if (widths[c])
			last = c;
	return last;
}

void
table_print(struct table *t, struct output *o)
{
	int widths[COLUMNS_MAX];
	int total = measure(t, widths);
	unsigned last = last_column(t, widths);

	if (t->count == 0 || t->width == 0)
		return;
	if (o->width)
		squeeze(t, widths, total, o->width);
	for (unsigned c = 0; c < t->width; c++)
		if (widths[c])
			print_cell(o, &t->columns[c], PAINT_HEAD,
			    str_of(_(t->columns[c].title)), widths[c],
			    c == last);
	fputc('\n', o->to);
	for (size_t i = 0; i < t->count; i++) {
		const struct column *c = &t->columns[i % t->width];
		struct str text = str_of(t->cells[i]);

		if (widths[i % t->width])
			print_cell(o, c, cell_paint(c, text), text,
			    widths[i % t->width], i % t->width == last);
		if (i % t->width == t->width - 1)
			fputc('\n', o->to);
	}
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
		shown = buf_str(&text);
		if (shown.len) {
			out_paint(o, PAINT_DIM, title);
			fprintf(o->to, "%*s", widest - text_width(title) + GAP,
			    "");
			out_paint(o, cell_paint(c, shown), shown);
			fputc('\n', o->to);
		}
		buf_fini(&text);
	}
}
