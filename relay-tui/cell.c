/* SPDX-License-Identifier: MIT */
/* cell.c - one member of a JSON object as text for people. */
#include "relay-tui/cell.h"

#include <stdlib.h>
#include <time.h>

#include "proto/ctl_words.h"

#include "relay-tui/chart.h"
#include "relay-tui/owner.h"
#include "relay-tui/words.h"

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

void
cell_write_us(int64_t us, struct buf *out)
{
	us = us < 0 ? 0 : us;
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
void
cell_write_zone(const struct output *o, const struct column *c,
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

void
cell_write_ago(const struct output *o, int64_t wall_ms, struct buf *out)
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
			cell_write_us(n, out);
		break;
	case CELL_MS:
		write_span(n, out);
		break;
	case CELL_TERM:
		if (n)
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
	case CELL_SINCE:
		if (n)
			cell_write_us((o->now_ms - n) * 1000, out);
		break;
	case CELL_AGO:
		if (n)
			cell_write_ago(o, n, out);
		break;
	case CELL_UID:
		uid_write(n, out);
		break;
	case CELL_PPM:
		buf_mustf(out, "%lld%%", (long long)(n + 5000) / 10000);
		break;
	case CELL_SHARE:
	case CELL_BAR:
	case CELL_LEFT:
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
	static const char *const good[] = { "ready", "active", "ok", "fine" };
	static const char *const calm[] = { "note", "ended", "stopped", "done",
		"waiting", "going" };
	static const char *const warn[] = { "held", "disabled",
		"owner-disabled", "gone", "rate", "overload", "refused",
		"forbidden", "no-proxy", "expired", "smell" };

	if (c->kind != CELL_STATE || !text.len)
		return PAINT_PLAIN;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (str_eq(text, str_of(good[i])))
			return PAINT_GOOD;
	for (size_t i = 0; i < sizeof(calm) / sizeof(calm[0]); i++)
		if (str_eq(text, str_of(calm[i])))
			return PAINT_PLAIN;
	for (size_t i = 0; i < sizeof(warn) / sizeof(warn[0]); i++)
		if (str_eq(text, str_of(warn[i])))
			return PAINT_WARN;
	return PAINT_BAD;
}

bool
cell_is_right(const struct column *c)
{
	return c->kind == CELL_NUMBER || c->kind == CELL_BYTES ||
	    c->kind == CELL_US || c->kind == CELL_SINCE ||
	    c->kind == CELL_COUNT || c->kind == CELL_MONEY ||
	    c->kind == CELL_CENTS || c->kind == CELL_EXACT ||
	    c->kind == CELL_CHANGE || c->kind == CELL_DECIMAL ||
	    c->kind == CELL_SHARE || c->kind == CELL_PPM;
}

bool
cell_is_drawn(const struct column *c)
{
	return c->kind == CELL_BAR || c->kind == CELL_SHARE ||
	    c->kind == CELL_LEFT;
}
