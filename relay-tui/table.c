/* SPDX-License-Identifier: MIT */
/* table.c - rows of JSON objects as a table, one object as a list. */
#include "relay-tui/table.h"

#include <stdlib.h>
#include <time.h>

#include "proto/ctl_words.h"
#include "proto/mem.h"

#include "relay-tui/chart.h"
#include "relay-tui/owner.h"
#include "relay-tui/words.h"

#define CELL_MAX    4096
#define COLUMNS_MAX 24
#define NARROW	    16 /* columns are rather dropped than others cut more */
#define NARROWEST   8  /* a column is not cut below this */
#define GAP	    2
#define BAR_LEAST   12
#define BAR_MOST    40

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

/* In lists of one thing each moment says its zone; tables say it once. */
static void
write_zone(const struct output *o, const struct column *c,
    const struct json *object, struct buf *out)
{
	time_t t;
	int64_t ms;
	char text[32];
	struct tm tm;

	if (c->kind != CELL_MOMENT || !o->zone[0] ||
	    json_as_i64(json_at(object, c->key), &ms) || !ms)
		return;
	t = (time_t)(ms / 1000);
	localtime_r(&t, &tm);
	strftime(text, sizeof(text), " %Z", &tm);
	buf_must(out, str_of(text));
}

static void
write_ago(const struct output *o, int64_t wall_ms, struct buf *out)
{
	struct buf span;

	buf_init(&span, 64);
	/* What has just happened may bear a later millisecond than ours. */
	if (wall_ms >= o->now_ms + 1000) {
		write_span(wall_ms - o->now_ms, &span);
		buf_mustf(out, _("in %s"), buf_cstr(&span));
	} else {
		write_span(wall_ms > o->now_ms ? 0 : o->now_ms - wall_ms,
		    &span);
		buf_mustf(out, _("%s ago"), buf_cstr(&span));
	}
	buf_fini(&span);
}

void
cell_write_cents(int64_t micro, struct buf *out)
{
	int64_t amount = micro < 0 ? -micro : micro;
	int64_t cents = (amount + 5000) / 10000;

	if (amount && !cents)
		buf_mustf(out, "%s<$0.01", micro < 0 ? "-" : "");
	else
		buf_mustf(out, "%s$%lld.%02lld", micro < 0 ? "-" : "",
		    (long long)(cents / 100), (long long)(cents % 100));
}

void
cell_write_unpriced(int64_t micro, struct buf *out)
{
	buf_must(out, micro ? STR(">") : str_of(_("no price")));
}

void
cell_write_money(int64_t micro, struct buf *out)
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
		cell_write_money(n, out);
		break;
	case CELL_CENTS:
		cell_write_cents(n, out);
		break;
	case CELL_EXACT:
		buf_mustf(out, "%s$%lld.%06lld", n < 0 ? "-" : "",
		    llabs((long long)n) / 1000000,
		    llabs((long long)n) % 1000000);
		break;
	case CELL_CHANGE:
		buf_mustf(out, "%s$%lld.%06lld",
		    n < 0   ? "-"
			: n ? "+"
			    : "",
		    llabs((long long)n) / 1000000,
		    llabs((long long)n) % 1000000);
		break;
	case CELL_COUNT:
		if (n)
			chart_count(out, n);
		break;
	case CELL_AGO:
		if (n)
			write_ago(o, n, out);
		break;
	case CELL_UID:
		uid_write(n, out);
		break;
	case CELL_PPM:
		buf_mustf(out, "%lld%%", (long long)(n + 5000) / 10000);
		break;
	case CELL_SHARE:
	case CELL_BAR:
		/* The table knows the others. */
		break;
	case CELL_TEXT:
	case CELL_DECIMAL:
	case CELL_NAME:
	case CELL_OWNER:
	case CELL_PERSON:
	case CELL_ISO:
	case CELL_ISO_DAY:
	case CELL_ISO_MONTH:
	case CELL_NUMBER:
	case CELL_FLAG:
	case CELL_STATE:
	case CELL_METHOD:
	case CELL_CHANGES:
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

/* Days and months are cut out of a moment; a "total" stays what it is. */
static void
write_iso(enum cell kind, struct str s, struct buf *out)
{
	size_t len = kind == CELL_ISO_MONTH ? 7
	    : kind == CELL_ISO_DAY	    ? 10
					    : 16;
	struct str time = str_skip(str_first(s, len), 11);

	text_clean(str_first(s, len < 10 ? len : 10), out);
	if (time.len) {
		buf_must(out, STR(" "));
		text_clean(time, out);
	}
}

static void
write_change_value(struct str value, bool is_moment, struct buf *out)
{
	uint64_t ms;

	if (!is_moment || str_u64(value, &ms) || ms > INT64_MAX)
		text_clean(value, out);
	else if (ms)
		write_moment((int64_t)ms, out);
	else
		buf_must(out, STR("-"));
}

/* Lines of "field: before -> after". */
static void
write_changes(struct str lines, struct buf *out)
{
	bool first = true;

	while (lines.len) {
		struct str line = str_cut(&lines, '\n');
		ptrdiff_t colon = str_find(line, STR(": "));
		ptrdiff_t arrow = str_find(line, STR(" -> "));
		struct str name =
		    colon > 0 ? str_first(line, (size_t)colon) : STR("");
		bool is_moment =
		    str_ends(name, STR("_at")) || str_ends(name, STR("_until"));

		if (!first)
			buf_must(out, STR(" "));
		first = false;
		if (!is_moment || arrow < colon) {
			text_clean(line, out);
			continue;
		}
		buf_mustf(out, "%.*s: ", STR_ARG(name));
		write_change_value(str_first(str_skip(line, (size_t)colon + 2),
				       (size_t)(arrow - colon) - 2),
		    true, out);
		buf_must(out, STR(" -> "));
		write_change_value(str_skip(line, (size_t)arrow + 4), true,
		    out);
	}
}

/* The words a command begins with; of methods that are no commands their
 * name. */
static void
write_method(struct str name, struct buf *out)
{
	const struct ctl_row *row;

	for (unsigned i = 0; (row = ctl_row(i)); i++) {
		if (!row->method || !row->words[0] ||
		    !str_eq(name, str_of(row->method)))
			continue;
		for (unsigned w = 0; w < ctl_row_literals(row); w++) {
			struct str word = ctl_row_literal(row, w);

			buf_mustf(out, "%s%.*s", w ? " " : "", STR_ARG(word));
		}
		return;
	}
	text_clean(name, out);
}

static void
write_text(const struct column *c, struct str s, struct buf *out)
{
	if (c->kind == CELL_ISO || c->kind == CELL_ISO_DAY ||
	    c->kind == CELL_ISO_MONTH) {
		write_iso(c->kind, s, out);
		return;
	}
	if (c->kind == CELL_END && s.len)
		buf_must(out, STR("..."));
	if (!s.len && (c->kind == CELL_NAME || c->kind == CELL_PERSON))
		buf_must(out, str_of(_("(none)")));
	else if (c->kind == CELL_CHANGES)
		write_changes(s, out);
	else if (c->kind == CELL_METHOD)
		write_method(s, out);
	else if (c->kind == CELL_OWNER || c->kind == CELL_PERSON)
		owner_write(s, out);
	else
		text_clean(s, out);
}

/* Is the amount without that of some requests? */
static bool
is_unpriced(const struct column *c, const struct json *row)
{
	const struct json *flags = json_at(row, "flags");
	int64_t n = 0;
	struct str s;

	if ((c->kind != CELL_CENTS && c->kind != CELL_MONEY) ||
	    (strcmp(c->key, "cost_micro") != 0 &&
		strcmp(c->key, "rated_micro") != 0))
		return false;
	for (const struct json *v = json_first(flags); v; v = json_next(v))
		if (json_as_str(v, &s) == OK && str_eq(s, STR("unpriced")))
			return true;
	return json_as_i64(json_at(row, "unpriced"), &n) == OK && n > 0;
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
		write_text(c, str_first(s, CELL_MAX - 16), out);
	} else if (json_as_i64(v, &n) == OK) {
		bool rough = is_unpriced(c, row);

		if (rough)
			cell_write_unpriced(n, out);
		if (!rough || n)
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
	static const char *const warn[] = { "held", "disabled",
		"owner-disabled", "gone", "rate", "overload", "refused",
		"forbidden", "no-proxy" };

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

static bool
is_drawn(const struct column *c)
{
	return c->kind == CELL_BAR || c->kind == CELL_SHARE;
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
		if (!is_drawn(c))
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

static bool
is_right(const struct column *c)
{
	return c->kind == CELL_NUMBER || c->kind == CELL_BYTES ||
	    c->kind == CELL_US || c->kind == CELL_COUNT ||
	    c->kind == CELL_MONEY || c->kind == CELL_CENTS ||
	    c->kind == CELL_EXACT || c->kind == CELL_CHANGE ||
	    c->kind == CELL_DECIMAL || c->kind == CELL_SHARE ||
	    c->kind == CELL_PPM;
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
measure(const struct table *t, int widths[COLUMNS_MAX])
{
	for (unsigned c = 0; c < t->width; c++) {
		int head = text_width(str_of(_(t->columns[c].title)));

		widths[c] = 0;
		for (size_t i = c; i < t->count; i += t->width) {
			int width = text_width(str_of(t->cells[i]));

			widths[c] = width > widths[c] ? width : widths[c];
		}
		if (t->columns[c].kind == CELL_BAR && most_amount(t))
			widths[c] = BAR_LEAST;
		if (widths[c])
			widths[c] = head > widths[c] ? head : widths[c];
	}
}

static int
total_of(const struct table *t, const int widths[COLUMNS_MAX])
{
	int total = -GAP;

	for (unsigned c = 0; c < t->width; c++)
		if (widths[c])
			total += widths[c] + GAP;
	return total;
}

/* Cut the widest column that may be cut, again and again, until all fits. */
static bool
squeeze(const struct table *t, int widths[COLUMNS_MAX], int room, int least)
{
	int total = total_of(t, widths);

	while (total > room) {
		int widest = -1;

		for (unsigned c = 0; c < t->width; c++)
			if (t->columns[c].fit == FIT_CUT && widths[c] > least &&
			    (widest < 0 || widths[c] > widths[widest]))
				widest = (int)c;
		if (widest < 0)
			return false;
		widths[widest]--;
		total--;
	}
	return true;
}

/* The column to be dropped next, from the right, or -1. */
static int
least_wanted(const struct table *t, const int widths[COLUMNS_MAX])
{
	int found = -1;

	for (unsigned c = 0; c < t->width; c++)
		if (widths[c] && t->columns[c].fit >= FIT_DROP &&
		    (found < 0 || t->columns[c].fit >= t->columns[found].fit))
			found = (int)c;
	return found;
}

static void
fit(const struct table *t, int widths[COLUMNS_MAX], int room,
    bool dropped[COLUMNS_MAX])
{
	int wanted[COLUMNS_MAX], drop;

	memcpy(wanted, widths, sizeof(wanted));
	while (!squeeze(t, widths, room, NARROW) &&
	    (drop = least_wanted(t, widths)) >= 0) {
		dropped[drop] = true;
		memcpy(widths, wanted, sizeof(wanted));
		for (unsigned c = 0; c < t->width; c++)
			widths[c] = dropped[c] ? 0 : widths[c];
	}
	(void)squeeze(t, widths, room, NARROWEST);
}

/* Bars take what the others leave. */
static void
widen_bars(const struct table *t, int widths[COLUMNS_MAX], int room)
{
	int left = room - total_of(t, widths);

	for (unsigned c = 0; c < t->width; c++)
		if (t->columns[c].kind == CELL_BAR && widths[c]) {
			while (left > 0 && widths[c] < BAR_MOST) {
				widths[c]++;
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
	if (is_right(c) && width > is)
		fprintf(o->to, "%*s", width - is, "");
	out_paint(o, paint, shown);
	if (cut)
		fputs(o->ascii ? "~" : "\xe2\x80\xa6", o->to);
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
print_heads(const struct table *t, struct output *o,
    const int widths[COLUMNS_MAX])
{
	unsigned last = last_column(t, widths);

	for (unsigned c = 0; c < t->width; c++) {
		struct buf text;

		if (!widths[c])
			continue;
		buf_init(&text, CELL_MAX);
		write_head(t, &t->columns[c], widths[c], &text);
		print_cell(o, &t->columns[c], PAINT_HEAD, buf_str(&text),
		    widths[c], c == last);
		buf_fini(&text);
	}
	fputc('\n', o->to);
}

/* The last column in which this row has something, so that no line ends in
 * blanks. */
static unsigned
last_said(const struct table *t, const int widths[COLUMNS_MAX], size_t row)
{
	unsigned last = 0;

	for (unsigned c = 0; c < t->width; c++)
		if (widths[c] &&
		    (t->cells[row * t->width + c][0] ||
			(t->columns[c].kind == CELL_BAR &&
			    t->amounts[row] > 0 && row < amounts_count(t))))
			last = c;
	return last;
}

static void
print_row(const struct table *t, struct output *o,
    const int widths[COLUMNS_MAX], size_t row)
{
	unsigned last = last_said(t, widths, row);
	bool total = row == amounts_count(t);

	for (unsigned i = 0; i < t->width; i++) {
		const struct column *c = &t->columns[i];
		struct str text = str_of(t->cells[row * t->width + i]);
		struct buf bar;

		if (!widths[i] || i > last)
			continue;
		buf_init(&bar, CELL_MAX);
		if (c->kind == CELL_BAR && !total) {
			chart_bar(&bar, t->amounts[row],
			    chart_scale(most_amount(t)), widths[i], o->ascii);
			text = buf_str(&bar);
		}
		print_cell(o, c, total ? PAINT_HEAD : cell_paint(c, text), text,
		    widths[i], i == last);
		buf_fini(&bar);
	}
	fputc('\n', o->to);
}

static void
say_dropped(const struct table *t, struct output *o,
    const bool dropped[COLUMNS_MAX])
{
	struct buf text;

	buf_init(&text, CELL_MAX);
	for (unsigned c = 0; c < t->width; c++)
		if (dropped[c])
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
has_moments(const struct table *t, const int widths[COLUMNS_MAX])
{
	for (unsigned c = 0; c < t->width; c++)
		if (t->columns[c].kind == CELL_MOMENT && widths[c])
			return true;
	return false;
}

void
table_print(struct table *t, struct output *o)
{
	bool dropped[COLUMNS_MAX] = { false };
	int widths[COLUMNS_MAX] = { 0 };

	if (t->count == 0 || t->width == 0)
		return;
	fill_shares(t);
	align_decimals(t);
	measure(t, widths);
	if (o->width)
		fit(t, widths, o->width, dropped);
	widen_bars(t, widths, output_columns(o));
	print_heads(t, o, widths);
	for (size_t row = 0; row < table_rows(t); row++)
		print_row(t, o, widths, row);
	say_dropped(t, o, dropped);
	if (has_moments(t, widths))
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
		write_zone(o, c, object, &text);
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
