/* SPDX-License-Identifier: MIT */
/* csv.c - rows of JSON objects as RFC 4180 has them, for programs. */
#include "relay-tui/csv.h"

#include <time.h>

#define LINE_MAX_BYTES (1024 * 1024)

/* --- cells ----------------------------------------------------------------- */

/* What spreadsheets take for the beginning of a formula; the last four are the
 * wide forms of the first, which some of them read alike. */
static bool
is_formula(struct str s)
{
	static const char *const begins[] = { "=", "+", "-", "@", "\t", "\r",
		"\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d",
		"\xef\xbc\xa0" };

	/* Some trim a cell before they look at it. */
	while (str_starts(s, STR(" ")))
		s = str_skip(s, 1);
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (str_starts(s, str_of(begins[i])))
			return true;
	return false;
}

static bool
needs_quotes(struct str s)
{
	return str_chr(s, ',') >= 0 || str_chr(s, '"') >= 0 ||
	    str_starts(s, STR(" ")) || str_ends(s, STR(" "));
}

void
csv_text(struct str s, struct buf *out)
{
	struct buf clean;
	struct str text;

	buf_init(&clean, LINE_MAX_BYTES);
	if (is_formula(s))
		buf_must(&clean, STR("'"));
	text_clean(s, &clean);
	text = buf_str(&clean);
	if (!needs_quotes(text)) {
		buf_must(out, text);
	} else {
		buf_must(out, STR("\""));
		for (size_t i = 0; i < text.len; i++)
			buf_must(out,
			    text.at[i] == '"' ? STR("\"\"")
					      : str_at(text.at + i, 1));
		buf_must(out, STR("\""));
	}
	buf_fini(&clean);
}

void
csv_money(int64_t micro, struct buf *out)
{
	uint64_t n = micro < 0 ? -(uint64_t)micro : (uint64_t)micro;

	buf_mustf(out, "%s%llu.%06llu", micro < 0 ? "-" : "",
	    (unsigned long long)(n / 1000000),
	    (unsigned long long)(n % 1000000));
}

void
csv_moment(int64_t wall_ms, struct buf *out)
{
	time_t t = (time_t)(wall_ms / 1000);
	char text[40];
	struct tm tm;
	size_t len;

	localtime_r(&t, &tm);
	len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &tm);
	/* +0100 becomes +01:00. */
	if (len > 5)
		buf_mustf(out, "%.*s:%s", (int)len - 2, text, text + len - 2);
}

static void
write_list(const struct json *list, struct buf *out)
{
	struct buf all;
	struct str s;

	buf_init(&all, LINE_MAX_BYTES);
	for (const struct json *v = json_first(list); v; v = json_next(v))
		if (json_as_str(v, &s) == OK)
			buf_mustf(&all, "%s%.*s", buf_len(&all) ? " " : "",
			    STR_ARG(s));
	csv_text(buf_str(&all), out);
	buf_fini(&all);
}

static void
write_cell(const struct column *c, const struct json *v, struct buf *out)
{
	struct str s;
	int64_t n;
	bool b;

	if (json_as_str(v, &s) == OK)
		csv_text(s, out);
	else if (json_as_bool(v, &b) == OK)
		buf_must(out, b ? STR("true") : STR("false"));
	else if (json_type(v) == JSON_ARRAY)
		write_list(v, out);
	else if (json_as_i64(v, &n))
		return;
	else if (c->kind == CELL_MONEY || c->kind == CELL_CENTS)
		csv_money(n, out);
	else if (c->kind != CELL_MOMENT && c->kind != CELL_AGO)
		buf_mustf(out, "%lld", (long long)n);
	else if (n)
		csv_moment(n, out);
}

/* --- lines ----------------------------------------------------------------- */

bool
csv_name(const struct column *c, struct buf *out)
{
	struct str key = str_of(c->key);

	if (c->kind == CELL_BAR || c->kind == CELL_SHARE)
		return false;
	if (str_ends(key, STR("_micro")))
		buf_mustf(out, "%.*s_usd",
		    STR_ARG(str_first(key, key.len - 6)));
	else
		buf_must(out, key);
	return true;
}

void
csv_head(const struct column *columns, struct buf *out)
{
	bool first = true;

	for (const struct column *c = columns; c->title; c++) {
		struct buf name;

		buf_init(&name, 256);
		if (csv_name(c, &name))
			buf_mustf(out, "%s%s", first ? "" : ",",
			    buf_cstr(&name));
		first = first && !buf_len(&name);
		buf_fini(&name);
	}
	buf_must(out, STR("\r\n"));
}

void
csv_row(const struct column *columns, const struct json *row, struct buf *out)
{
	bool first = true;

	for (const struct column *c = columns; c->title; c++) {
		if (c->kind == CELL_BAR || c->kind == CELL_SHARE)
			continue;
		if (!first)
			buf_must(out, STR(","));
		first = false;
		write_cell(c, json_at(row, c->key), out);
	}
	buf_must(out, STR("\r\n"));
}
