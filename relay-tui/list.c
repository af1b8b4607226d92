/* SPDX-License-Identifier: MIT */
/* list.c - rows of things in columns, to choose one of. */
#include "relay-tui/list.h"

#include <stdlib.h>
#include <strings.h>

#include "proto/mem.h"

#include "relay-tui/chart.h"
#include "relay-tui/words.h"

#define ROW_MAX	   (CELL_MAX * 4 * (COLUMNS_MAX + 1))
#define FILTER_MAX 1024
#define BAR_WIDTH  12

void
list_init(struct list *l, const struct column *columns, const char *id,
    const char *empty)
{
	*l = (struct list){
		.columns = columns, .id = id, .empty = empty, .sort = -1
	};
	while (l->width < COLUMNS_MAX && columns[l->width].title)
		l->width++;
	buf_init(&l->filter, FILTER_MAX);
}

static void
free_rows(struct list_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(rows[i].texts);
		free(rows[i].numbers);
	}
	free(rows);
}

void
list_fini(struct list *l)
{
	free_rows(l->rows, l->count);
	free_rows(l->coming, l->coming_count);
	free(l->shown);
	free(l->chosen);
	buf_fini(&l->filter);
	*l = (struct list){ .count = 0 };
}

/* --- rows ------------------------------------------------------------------ */

static const char *
next_text(const char *text)
{
	return text + strlen(text) + 1;
}

static const char *
text_at(const struct list_row *r, unsigned column)
{
	const char *text = next_text(r->texts);

	while (column-- > 0)
		text = next_text(text);
	return text;
}

void
list_begin(struct list *l)
{
	free_rows(l->coming, l->coming_count);
	l->coming = NULL;
	l->coming_count = l->coming_room = 0;
}

static void
write_id(const struct list *l, const struct json *row, struct buf *out)
{
	const struct json *v = json_at(row, l->id);
	struct str s;
	int64_t n;

	if (json_as_str(v, &s) == OK)
		for (size_t i = 0; i < s.len && i < CELL_MAX; i++)
			buf_mustf(out, "%c", s.at[i]);
	else if (json_as_i64(v, &n) == OK)
		buf_mustf(out, "%lld", (long long)n);
	buf_must(out, str_at("", 1));
}

struct list_row
list_row_make(const struct list *l, const struct output *o,
    const struct column *columns, const struct json *row)
{
	struct list_row made;
	struct buf texts;
	size_t len;

	buf_init(&texts, ROW_MAX);
	made.numbers = xcalloc(l->width ? l->width : 1, sizeof(int64_t));
	write_id(l, row, &texts);
	for (unsigned i = 0; i < l->width; i++) {
		const struct column *c = &columns[i];

		if (!cell_is_drawn(c) && c->kind != CELL_SINCE)
			cell_write(o, c, row, &texts);
		if (json_as_i64(json_at(row, c->key), &made.numbers[i]))
			made.numbers[i] = 0;
		buf_must(&texts, str_at("", 1));
	}
	if (l->amend)
		l->amend(l->amend_user, row, made.numbers);
	made.texts = buf_take(&texts, &len);
	return made;
}

void
list_row_fini(struct list_row *r)
{
	free(r->texts);
	free(r->numbers);
	*r = (struct list_row){ .texts = NULL };
}

/* The row is the list's. */
static void
add_made(struct list *l, struct list_row made)
{
	if (l->coming_count == l->coming_room) {
		l->coming_room = l->coming_room ? l->coming_room * 2 : 64;
		l->coming =
		    xrealloc(l->coming, l->coming_room * sizeof(*l->coming));
	}
	l->coming[l->coming_count++] = made;
}

void
list_add(struct list *l, const struct output *o, const struct json *row)
{
	add_made(l, list_row_make(l, o, l->columns, row));
}

void
list_add_row(struct list *l, const struct list_row *r)
{
	struct list_row copy = { .texts = r->texts };
	const char *end = r->texts;

	for (unsigned i = 0; i <= l->width; i++)
		end = next_text(end);
	copy.texts = xmemdup(r->texts, (size_t)(end - r->texts));
	copy.numbers = xcalloc(l->width ? l->width : 1, sizeof(int64_t));
	memcpy(copy.numbers, r->numbers, l->width * sizeof(int64_t));
	add_made(l, copy);
}

void
list_add_all(struct list *l, const struct output *o, const struct json *rows)
{
	for (const struct json *r = json_first(rows); r; r = json_next(r))
		list_add(l, o, r);
}

/* --- what is shown, in which order ----------------------------------------- */

/* Every word of the filter has to stand somewhere in the row. */
static bool
passes(const struct list *l, const struct list_row *r)
{
	struct str rest = buf_str(&l->filter);

	while (rest.at) {
		struct str word = str_cut(&rest, ' ');
		const char *text = r->texts;
		bool found = !word.len;

		for (unsigned i = 0; i <= l->width && !found; i++) {
			found = str_ifind(str_of(text), word) >= 0;
			text = next_text(text);
		}
		if (!found)
			return false;
	}
	return true;
}

static int
compare_rows(const struct list *l, size_t a, size_t b)
{
	const struct list_row *ra = &l->rows[a], *rb = &l->rows[b];
	unsigned c = (unsigned)l->sort;
	int64_t na = ra->numbers[c], nb = rb->numbers[c];
	int by = na < nb ? -1 : na > nb;

	if (by == 0 && na == 0)
		by = strcasecmp(text_at(ra, c), text_at(rb, c));
	if (l->turned)
		by = -by;
	return by ? by : a < b ? -1 : a > b;
}

static int
compare_shown(const void *a, const void *b, void *user)
{
	const size_t *ia = a, *ib = b;

	return compare_rows(user, *ia, *ib);
}

static size_t
place_of(const struct list *l, const char *id)
{
	for (size_t i = 0; id && i < l->shown_count; i++)
		if (!strcmp(l->rows[l->shown[i]].texts, id))
			return i;
	return SIZE_MAX;
}

static void
remember(struct list *l)
{
	free(l->chosen);
	l->chosen =
	    l->shown_count ? xstrdup(l->rows[l->shown[l->at]].texts) : NULL;
}

static void
arrange(struct list *l)
{
	size_t at;

	l->shown = xrealloc(l->shown, (l->count + 1) * sizeof(*l->shown));
	l->shown_count = 0;
	for (size_t i = 0; i < l->count; i++)
		if (passes(l, &l->rows[i]))
			l->shown[l->shown_count++] = i;
	if (l->sort >= 0)
		qsort_r(l->shown, l->shown_count, sizeof(*l->shown),
		    compare_shown, l);
	at = l->at;
	/* Rows may share an id: then it is the one that stands there. */
	if (!l->chosen || at >= l->shown_count ||
	    strcmp(l->rows[l->shown[at]].texts, l->chosen) != 0)
		at = place_of(l, l->chosen);
	if (at != SIZE_MAX)
		l->at = at;
	if (l->at >= l->shown_count)
		l->at = l->shown_count ? l->shown_count - 1 : 0;
	/* What is gone for a moment while somebody types comes back. */
	if (!l->chosen || (at == SIZE_MAX && !buf_len(&l->filter)))
		remember(l);
}

static void
move_to(struct list *l, int64_t at)
{
	int64_t last = (int64_t)l->shown_count - 1;

	at = at > last ? last : at;
	l->at = at < 0 ? 0 : (size_t)at;
	remember(l);
}

void
list_end(struct list *l)
{
	free_rows(l->rows, l->count);
	l->rows = l->coming;
	l->count = l->coming_count;
	l->coming = NULL;
	l->coming_count = l->coming_room = 0;
	l->loaded = true;
	arrange(l);
}

void
list_append(struct list *l, size_t most)
{
	size_t all = l->count + l->coming_count, kept = 0;
	bool at_end = l->at + 1 >= l->shown_count;
	struct list_row *rows;

	if (!l->coming_count && l->loaded)
		return;
	rows = xcalloc(most < all ? most : all + 1, sizeof(*rows));
	for (size_t i = 0; i < all; i++) {
		struct list_row *r =
		    i < l->count ? &l->rows[i] : &l->coming[i - l->count];

		if (all - i > most) {
			free(r->texts);
			free(r->numbers);
		} else {
			rows[kept++] = *r;
		}
	}
	free(l->rows);
	free(l->coming);
	l->rows = rows;
	l->count = kept;
	l->coming = NULL;
	l->coming_count = l->coming_room = 0;
	l->loaded = true;
	arrange(l);
	if (at_end && l->sort < 0)
		move_to(l, INT64_MAX);
}

struct str
list_chosen(const struct list *l)
{
	return l->shown_count ? str_of(l->rows[l->shown[l->at]].texts)
			      : STR("");
}

struct str
list_cell(const struct list *l, const char *key)
{
	for (unsigned i = 0; i < l->width && l->shown_count; i++)
		if (!strcmp(l->columns[i].key, key))
			return str_of(text_at(&l->rows[l->shown[l->at]], i));
	return STR("");
}

void
list_choose(struct list *l, struct str id)
{
	free(l->chosen);
	l->chosen = xmemdup(id.at, id.len);
	arrange(l);
}

void
list_filter(struct list *l, struct str text)
{
	buf_clear(&l->filter);
	buf_must(&l->filter, str_first(text, FILTER_MAX - 1));
	l->top = 0;
	arrange(l);
}

void
list_sort(struct list *l, int column)
{
	l->sort = column >= (int)l->width ? -1 : column;
	arrange(l);
}

/* --- keys ------------------------------------------------------------------ */

/* The next column in which anything stands. */
static void
sort_next(struct list *l)
{
	int column = l->sort;

	do
		column++;
	while (column < (int)l->width &&
	    (cell_is_drawn(&l->columns[column]) ||
		l->columns[column].fit > FIT_DROP));
	l->turned = false;
	list_sort(l, column);
}

bool
list_act(struct list *l, enum key_action a, int rows)
{
	int64_t at = (int64_t)l->at, page = rows > 2 ? rows - 2 : 1;

	if (key_where(a) != KEYS_LIST)
		return false;
	if (a == KEY_LIST_DOWN)
		move_to(l, at + 1);
	else if (a == KEY_LIST_UP)
		move_to(l, at - 1);
	else if (a == KEY_LIST_PAGE_DOWN)
		move_to(l, at + page);
	else if (a == KEY_LIST_PAGE_UP)
		move_to(l, at - page);
	else if (a == KEY_LIST_FIRST)
		move_to(l, 0);
	else if (a == KEY_LIST_LAST)
		move_to(l, INT64_MAX);
	else if (a == KEY_LIST_SORT)
		sort_next(l);
	else if (a == KEY_LIST_TURN) {
		l->turned = !l->turned;
		list_sort(l, l->sort);
	} else {
		return false;
	}
	return true;
}

bool
list_mouse(struct list *l, const struct press *p)
{
	/* The first row is that of the heads. */
	int row = p->row - l->drawn.row - 1;

	if (p->kind == PRESS_WHEEL) {
		move_to(l, (int64_t)l->at + (p->code == PRESS_UP ? -3 : 3));
		return true;
	}
	if (p->kind != PRESS_CLICK || row < 0 || row >= l->drawn.rows - 1 ||
	    p->column < l->drawn.column ||
	    p->column >= l->drawn.column + l->drawn.columns ||
	    l->top + (size_t)row >= l->shown_count)
		return false;
	move_to(l, (int64_t)l->top + row);
	return true;
}

/* --- drawing --------------------------------------------------------------- */

static int64_t
most_of(const struct list *l, unsigned column)
{
	int64_t most = 0;

	for (size_t i = 0; i < l->shown_count; i++) {
		int64_t n = l->rows[l->shown[i]].numbers[column];

		most = n > most ? n : most;
	}
	return most;
}

static int64_t
sum_of(const struct list *l, unsigned column)
{
	int64_t sum = 0;

	for (size_t i = 0; i < l->shown_count; i++)
		sum += l->rows[l->shown[i]].numbers[column];
	return sum;
}

static void
draw_share(const struct list *l, const struct area *a, int row, int at,
    int width, unsigned column, int64_t n)
{
	struct buf text;

	buf_init(&text, 64);
	chart_percent(&text, n, sum_of(l, column));
	draw_field(a, row, at, width, true, PAINT_PLAIN, buf_str(&text));
	buf_fini(&text);
}

/* Of the rows that are seen only: ten thousand are not measured for each
 * frame. */
static void
measure(const struct list *l, struct columns *w, size_t end)
{
	columns_init(w, l->columns);
	for (size_t i = l->top; i < end; i++) {
		const char *text = next_text(l->rows[l->shown[i]].texts);

		for (unsigned c = 0; c < l->width; c++) {
			columns_measure(w, c, str_of(text));
			text = next_text(text);
		}
	}
	for (unsigned c = 0; c < l->width; c++) {
		if (l->columns[c].kind == CELL_SINCE)
			columns_measure(w, c, STR("999ms"));
		if (cell_is_drawn(&l->columns[c]))
			w->widths[c] =
			    l->columns[c].kind == CELL_SHARE ? 5 : BAR_WIDTH;
	}
	columns_measure_heads(w);
}

static void
draw_heads(const struct list *l, const struct area *a, const struct columns *w)
{
	int at = 0;

	for (unsigned c = 0; c < l->width; c++) {
		if (!w->widths[c])
			continue;
		draw_field(a, 0, at, w->widths[c],
		    cell_is_right(&l->columns[c]), PAINT_HEAD,
		    str_of(_(l->columns[c].title)));
		if ((int)c == l->sort)
			draw_text(a, 0, at + w->widths[c], PAINT_KEY,
			    a->grid->ascii  ? (l->turned ? STR("v") : STR("^"))
				: l->turned ? STR("\xe2\x96\xbe")
					    : STR("\xe2\x96\xb4"));
		at += w->widths[c] + COLUMNS_GAP;
	}
}

/* It grows while nothing comes. */
static void
draw_since(const struct list *l, const struct area *a, int row, int at,
    int columns, int64_t since_ms)
{
	struct buf text;

	buf_init(&text, 64);
	if (since_ms)
		cell_write_us((l->now_ms - since_ms) * 1000, &text);
	draw_field(a, row, at, columns, true, PAINT_PLAIN, buf_str(&text));
	buf_fini(&text);
}

static void
draw_row(const struct list *l, const struct area *a, int row,
    const struct columns *w, const struct list_row *r)
{
	const char *text = next_text(r->texts);
	int at = 0;

	for (unsigned i = 0; i < l->width; i++) {
		const struct column *c = &l->columns[i];

		if (w->widths[i] && c->kind == CELL_LEFT)
			draw_left(a, row, at, w->widths[i], r->numbers[i]);
		else if (w->widths[i] && c->kind == CELL_SHARE)
			draw_share(l, a, row, at, w->widths[i], i,
			    r->numbers[i]);
		else if (w->widths[i] && cell_is_drawn(c))
			draw_bar(a, row, at, w->widths[i], r->numbers[i],
			    most_of(l, i), PAINT_BAR);
		else if (w->widths[i] && c->kind == CELL_SINCE && !*text)
			draw_since(l, a, row, at, w->widths[i], r->numbers[i]);
		else if (w->widths[i])
			draw_field(a, row, at, w->widths[i], cell_is_right(c),
			    cell_paint(c, str_of(text)), str_of(text));
		if (w->widths[i])
			at += w->widths[i] + COLUMNS_GAP;
		text = next_text(text);
	}
}

static void
scroll(struct list *l, int rows)
{
	size_t room = rows > 0 ? (size_t)rows : 1;

	if (l->at < l->top)
		l->top = l->at;
	if (l->at >= l->top + room)
		l->top = l->at - room + 1;
	if (l->top + room > l->shown_count)
		l->top = l->shown_count > room ? l->shown_count - room : 0;
}

static void
draw_none(const struct list *l, const struct area *a)
{
	if (!l->loaded)
		return;
	if (buf_len(&l->filter))
		draw_lines(a, 1, 0, PAINT_DIM,
		    str_of(_("Nothing holds what is searched for. Esc ends "
			     "the search.")));
	else if (l->empty)
		draw_lines(a, 1, 0, PAINT_PLAIN, str_of(_(l->empty)));
}

void
list_draw(struct list *l, const struct area *a)
{
	struct columns w;
	size_t end;

	l->drawn = *a;
	if (l->shown_count == 0) {
		draw_none(l, a);
		return;
	}
	scroll(l, a->rows - 1);
	end = l->top + (size_t)(a->rows > 1 ? a->rows - 1 : 0);
	end = end > l->shown_count ? l->shown_count : end;
	measure(l, &w, end);
	columns_fit(&w, a->columns);
	draw_heads(l, a, &w);
	for (size_t i = l->top; i < end; i++) {
		int row = (int)(i - l->top) + 1;

		draw_row(l, a, row, &w, &l->rows[l->shown[i]]);
		if (i == l->at)
			draw_lit(a, row, 0, a->columns);
	}
}

void
list_status(const struct list *l, struct buf *out)
{
	if (!l->loaded)
		return;
	if (buf_len(&l->filter))
		buf_mustf(out, _("%zu of %zu with \"%.*s\""), l->shown_count,
		    l->count, STR_ARG(buf_str(&l->filter)));
	else if (l->count)
		buf_mustf(out, "%zu/%zu", l->at + 1, l->count);
	if (l->sort >= 0)
		buf_mustf(out, _(", by %s%s"), _(l->columns[l->sort].title),
		    l->turned ? _(" downwards") : "");
}
