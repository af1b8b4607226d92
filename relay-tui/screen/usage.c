/* SPDX-License-Identifier: MIT */
/* usage.c - what was used: a table with bars, columns over time, hours of the
 * week; from each row to its requests. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relay-tui/app.h"
#include "relay-tui/chart.h"
#include "relay-tui/noun.h"
#include "relay-tui/printed.h"
#include "relay-tui/screen/common.h"
#include "relay-tui/usage_ask.h"
#include "relay-tui/usage_table.h"
#include "relay-tui/usage_view.h"
#include "relay-tui/words.h"

#define HEAD_ROWS  3
#define NAMES_MOST 40
#define LINES_MAX  (1024 * 1024)

enum picture {
	TABLE,
	CHART,
	HEAT,
	PICTURES
};

static const struct {
	const char *by, *title;
	enum ctl_role role;
} parts[] = {
	{ "key", N_("key"), CTL_SELF },
	{ "model", N_("model"), CTL_SELF },
	{ "account", N_("account"), CTL_VIEW },
	{ "client", N_("client"), CTL_VIEW },
	{ "user", N_("user"), CTL_VIEW },
	{ "tag", N_("tag"), CTL_VIEW },
};

static const struct {
	const char *since, *title;
} spans[] = {
	{ "today", N_("today") },
	{ "7d", N_("7 days") },
	{ "30d", N_("30 days") },
	{ NULL, N_("range") },
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))
#define SPANS (sizeof(spans) / sizeof(spans[0]))

static const char *const of_titles[OFS] = { N_("COST"), N_("REQUESTS"),
	N_("TOKENS") };

struct state {
	struct list list;
	struct column columns[USAGE_COLUMNS_MAX + 1];
	size_t part, span;
	enum picture picture;
	enum usage_of of;
	char since[40], until[40]; /* of a range */
	struct usage_ask table, bars, names, heat;
	/* Of the table's answer. */
	char begins[40], ends[40], zone[64];
	int64_t cost_micro, requests, errors, tokens, unpriced;
	bool has_total;
};

/* --- asking ---------------------------------------------------------------- */

static void
put_when(struct view *v, struct json_out *j)
{
	struct state *s = v->state;
	const char *since = spans[s->span].since;

	json_say(j, "since", str_of(since ? since : s->since));
	if (!since && s->until[0])
		json_say(j, "until", str_of(s->until));
}

static int64_t
number(const struct json *o, const char *key)
{
	int64_t n = 0;

	return json_as_i64(json_at(o, key), &n) ? 0 : n;
}

static int64_t
tokens_of(const struct json *row)
{
	return number(row, "input") + number(row, "output") +
	    number(row, "cache_read") + number(row, "cache_write_5m") +
	    number(row, "cache_write_1h");
}

static void
keep_text(const struct json *data, const char *key, char *out, size_t size)
{
	struct str s = STR("");

	(void)!json_may_str(data, key, &s, NULL);
	snprintf(out, size, "%.*s", STR_ARG(str_first(s, size - 1)));
}

/* Rows of other columns cannot be kept. */
static void
drop_rows(struct list *l)
{
	list_begin(l);
	list_end(l);
	l->loaded = false;
}

/* The first page tells the sums of all, and how its rows are told. */
static void
take_head(struct view *v, const struct json *data)
{
	struct state *s = v->state;
	const struct json *total = json_at(data, "total");
	struct list *l = &s->list;
	unsigned width = 0;

	keep_text(data, "since", s->begins, sizeof(s->begins));
	keep_text(data, "until", s->ends, sizeof(s->ends));
	keep_text(data, "zone", s->zone, sizeof(s->zone));
	s->cost_micro = number(total, "cost_micro");
	s->requests = number(total, "requests");
	s->errors = number(total, "errors");
	s->unpriced = number(total, "unpriced");
	s->tokens = tokens_of(total);
	s->has_total = true;
	usage_table_columns(usage_columns, data, s->columns);
	for (struct column *c = s->columns; c->title; c++) {
		width++;
		if (cell_is_drawn(c) && c->kind == CELL_BAR)
			c->title = of_titles[s->of];
	}
	if (width != l->width)
		drop_rows(l);
	l->width = width;
	list_begin(l);
}

/* Bars and shares are of what is looked at. */
static void
take_row(struct state *s, const struct output *o, const struct json *row)
{
	int64_t amount = s->of == OF_COST ? number(row, "cost_micro")
	    : s->of == OF_REQUESTS	  ? number(row, "requests")
					  : tokens_of(row);

	list_add(&s->list, o, row);
	for (unsigned i = 0; i < s->list.width; i++)
		if (cell_is_drawn(&s->columns[i]))
			s->list.coming[s->list.coming_count - 1].numbers[i] =
			    amount;
}

static void
take_table_page(struct view *v, const struct json *data, bool is_first)
{
	struct state *s = v->state;
	const struct json *rows = json_at(data, "rows");

	if (is_first)
		take_head(v, data);
	for (const struct json *r = json_first(rows); r; r = json_next(r))
		take_row(s, view_output(v), r);
}

static void ask_picture(struct view *v);

/* The largest first, until somebody sorts otherwise. */
static void
take_table(struct view *v)
{
	struct state *s = v->state;
	bool is_first = !s->list.loaded;

	list_end(&s->list);
	for (unsigned i = 0; is_first && i < s->list.width; i++)
		if (s->columns[i].kind == CELL_BAR) {
			s->list.turned = true;
			list_sort(&s->list, (int)i);
			list_act(&s->list, KEY_LIST_FIRST, v->rows);
		}
	ask_picture(v);
}

/* Clients, tags and pairs have no minutes; neither has this. */
static const char *
period_of(const struct state *s)
{
	enum calendar_per per = PER_HOUR;
	int64_t since, until;

	if (calendar_read(str_of(s->begins), &since) == OK &&
	    calendar_read(str_of(s->ends), &until) == OK)
		per = usage_view_per(since, until);
	return calendar_per_word(per == PER_MINUTE ? PER_HOUR : per);
}

/* How long the time is tells how its columns are cut: the table has to be there
 * before. */
static void
ask_picture(struct view *v)
{
	struct state *s = v->state;

	s->names.by = parts[s->part].by;
	s->bars.per = s->names.per = period_of(s);
	if (s->picture == CHART && s->has_total) {
		usage_ask(&s->bars, v);
		usage_ask(&s->names, v);
	}
	if (s->picture == HEAT)
		usage_ask(&s->heat, v);
}

static void
ask(struct view *v)
{
	struct state *s = v->state;

	s->table.by = parts[s->part].by;
	usage_ask(&s->table, v);
}

static void
open_usage(struct view *v)
{
	struct state *s = v->state;

	s->columns[0] = (struct column){ .title = NULL };
	list_init(&s->list, s->columns, "name",
	    N_("Nothing was used then. p looks further back; `relayctl env "
	       "CLIENT` tells how a client is pointed here."));
	s->list.width = 0;
	s->table = (struct usage_ask){ .drops_rows = true,
		.put_when = put_when,
		.page = take_table_page,
		.done = take_table };
	s->bars = (struct usage_ask){ .by = "all", .put_when = put_when };
	s->names =
	    (struct usage_ask){ .top = NAMES_MOST, .put_when = put_when };
	s->heat = (struct usage_ask){
		.by = "all", .per = "hour", .put_when = put_when
	};
	s->span = 1;
	v->list = &s->list;
}

static void
close_usage(struct view *v)
{
	struct state *s = v->state;

	usage_ask_fini(&s->table);
	usage_ask_fini(&s->bars);
	usage_ask_fini(&s->names);
	usage_ask_fini(&s->heat);
	list_fini(&s->list);
}

/* --- keys ------------------------------------------------------------------ */

/* Another question: what is under way is no answer to it. */
static void
ask_other(struct view *v)
{
	struct state *s = v->state;

	calls_forget(v->app->calls, v);
	usage_ask_fini(&s->table);
	usage_ask_fini(&s->bars);
	usage_ask_fini(&s->names);
	usage_ask_fini(&s->heat);
	list_filter(&s->list, STR(""));
	s->list.sort = -1;
	drop_rows(&s->list);
	s->has_total = false;
	ask(v);
}

static void
next_part(struct view *v)
{
	struct state *s = v->state;

	do
		s->part = (s->part + 1) % PARTS;
	while (view_role(v) < parts[s->part].role);
	ask_other(v);
}

static void
next_span(struct view *v)
{
	struct state *s = v->state;

	do
		s->span = (s->span + 1) % SPANS;
	while (!spans[s->span].since && !s->since[0]);
	ask_other(v);
}

static void
next_picture(struct view *v)
{
	struct state *s = v->state;

	s->picture = (enum picture)((s->picture + 1) % PICTURES);
	v->list = s->picture == TABLE ? &s->list : NULL;
	v->reads_text = s->picture != TABLE;
	v->top = 0;
	ask_picture(v);
}

static void
next_of(struct view *v)
{
	struct state *s = v->state;

	s->of = (enum usage_of)((s->of + 1) % OFS);
	ask_other(v);
}

void
screen_usage_take_range(struct view *v, struct str since, struct str until)
{
	struct state *s = v->state;

	snprintf(s->since, sizeof(s->since), "%.*s",
	    STR_ARG(str_first(since, sizeof(s->since) - 1)));
	snprintf(s->until, sizeof(s->until), "%.*s",
	    STR_ARG(str_first(until, sizeof(s->until) - 1)));
	s->span = SPANS - 1;
	ask_other(v);
}

static void
choose_range(struct view *v)
{
	view_open(v, "usage_range", STR(""));
}

/* What a day or a moment is, for receipts: "2026-11-20T00:00". */
static void
open_receipts_of(struct view *v, const char *part, struct str label,
    struct str name)
{
	struct state *s = v->state;
	struct buf about;

	buf_init(&about, 8 * 1024);
	buf_mustf(&about, "%s\n%.16s\n%s\n%.*s\n", part, s->begins,
	    spans[s->span].since ? "" : s->until,
	    STR_ARG(str_first(label, 512)));
	buf_must(&about, str_first(name, 4096));
	view_open(v, "receipts", buf_str(&about));
	buf_fini(&about);
}

static void
open_row(struct view *v)
{
	struct state *s = v->state;

	if (s->picture == TABLE && s->list.shown_count)
		open_receipts_of(v, parts[s->part].by,
		    list_cell(&s->list, s->part == 0 ? "label" : "name"),
		    list_chosen(&s->list));
}

static void
open_all(struct view *v)
{
	struct state *s = v->state;

	if (s->has_total)
		open_receipts_of(v, "", STR(""), STR(""));
}

static void
put_table(struct view *v, struct json_out *j)
{
	struct state *s = v->state;

	usage_ask_put(&s->table, v, j);
}

static void
put_names(struct view *v, struct json_out *j)
{
	struct state *s = v->state;
	struct usage_ask all = s->names;

	all.top = 0;
	usage_ask_put(&all, v, j);
}

static void
put_heat(struct view *v, struct json_out *j)
{
	struct state *s = v->state;

	usage_ask_put(&s->heat, v, j);
}

static void export(struct view *v)
{
	struct state *s = v->state;

	screen_export_open(v, CTL_M_usage_show,
	    s->picture == TABLE	      ? put_table
		: s->picture == CHART ? put_names
				      : put_heat,
	    s->picture == HEAT ? (int)s->of : -1);
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_SELF, N_("requests"),
	    N_("show the requests of this row"), open_row },
	{ "b", CTL_SELF, N_("by"),
	    N_("by key, model, account, client, user, tag"), next_part },
	{ "p", CTL_SELF, N_("period"),
	    N_("today, 7 days, 30 days, the range that was typed"), next_span },
	{ "v", CTL_SELF, N_("view"),
	    N_("table, columns over time, hours of the week"), next_picture },
	{ "o", CTL_SELF, N_("amount"), N_("of cost, requests or tokens"),
	    next_of },
	{ "c", CTL_SELF, N_("range"), N_("type from when until when"),
	    choose_range },
	{ "x", CTL_SELF, N_("export"),
	    N_("write what is shown to a file, as CSV or JSON"), export },
	{ "r", CTL_SELF, "", N_("show all requests of this time"), open_all },
	{ .presses = NULL },
};

/* --- drawing --------------------------------------------------------------- */

static int
draw_amount(const struct area *a, int row, int at, const char *title,
    struct str text)
{
	at = draw_text(a, row, at, PAINT_DIM, str_of(title));
	return draw_text(a, row, at + 1, PAINT_HEAD, text) + 3;
}

static int
draw_value(const struct area *a, int row, int at, const char *title,
    enum usage_of of, int64_t n, int64_t unpriced)
{
	struct buf text;

	buf_init(&text, 64);
	usage_of_write_rough(of, n, unpriced, &text);
	at = draw_amount(a, row, at, title, buf_str(&text));
	buf_fini(&text);
	return at;
}

static void
draw_head(struct state *s, const struct area *a)
{
	struct buf when;
	int at;

	buf_init(&when, 1024);
	buf_must(&when, str_of(_(spans[s->span].title)));
	if (s->has_total && spans[s->span].since)
		buf_mustf(&when, _(": since %.10s (%s)"), s->begins, s->zone);
	else if (s->has_total)
		buf_mustf(&when, _(": %.10s %.5s to %.10s %.5s (%s)"),
		    s->begins, s->begins[0] ? s->begins + 11 : "", s->ends,
		    s->ends[0] ? s->ends + 11 : "", s->zone);
	at = draw_amount(a, 0, 0, _("by"), str_of(_(parts[s->part].title)));
	at = draw_amount(a, 0, at, _("amount"),
	    str_of(_(s->of == OF_COST	   ? N_("cost")
		    : s->of == OF_REQUESTS ? N_("requests")
					   : N_("tokens"))));
	draw_text(a, 0, at, PAINT_PLAIN, buf_str(&when));
	buf_fini(&when);
	if (!s->has_total)
		return;
	at =
	    draw_value(a, 1, 0, _("cost"), OF_COST, s->cost_micro, s->unpriced);
	at = draw_value(a, 1, at, _("requests"), OF_REQUESTS, s->requests, 0);
	at = draw_value(a, 1, at, _("tokens"), OF_TOKENS, s->tokens, 0);
	at = draw_value(a, 1, at, _("errors"), OF_REQUESTS, s->errors, 0);
	if (s->unpriced)
		draw_value(a, 1, at, _("without a price"), OF_REQUESTS,
		    s->unpriced, 0);
}

static void
say_why(struct printed *p, enum err e, const struct why *why)
{
	if (e)
		out_lines(&p->output, PAINT_WARN, str_of(why->text));
}

static void
print_chart(const struct state *s, struct printed *p, int rows)
{
	struct why why = { .text = "" };
	enum calendar_per per = PER_HOUR;

	if (!s->bars.loaded || !s->names.loaded ||
	    calendar_per_read(str_of(s->bars.per), &per))
		return;
	if (!s->bars.rows.count) {
		out_lines(&p->output, PAINT_PLAIN, str_of(_(s->list.empty)));
		return;
	}
	rows -= 5;
	say_why(p,
	    usage_view_bars(&p->output, &s->bars.rows, per, s->of,
		rows > 24	? 16
		    : rows > 12 ? rows / 2
				: 6,
		&why),
	    &why);
	fputc('\n', p->output.to);
	say_why(p,
	    usage_view_chart(&p->output, &s->names.rows, per, s->of, &why),
	    &why);
}

static void
print_heat(const struct state *s, struct printed *p)
{
	struct why why = { .text = "" };

	if (!s->heat.loaded)
		return;
	if (s->heat.rows.count)
		say_why(p,
		    usage_view_heat(&p->output, &s->heat.rows, s->of, &why),
		    &why);
	else
		out_lines(&p->output, PAINT_PLAIN, str_of(_(s->list.empty)));
}

static void
draw_picture(struct view *v, const struct area *a)
{
	struct state *s = v->state;
	struct printed p;
	struct buf lines;

	if (!printed_open(&p, view_output(v), a->columns))
		return;
	buf_init(&lines, LINES_MAX);
	if (s->picture == CHART)
		print_chart(s, &p, a->rows);
	else
		print_heat(s, &p);
	printed_close(&p, &lines);
	v->lines = HEAD_ROWS + printed_draw(a, -v->top, buf_str(&lines));
	buf_fini(&lines);
	view_status(v, "%s",
	    s->picture == CHART ? _("columns over time")
				: _("hours of the week"));
}

static void
draw(struct view *v, const struct area *a)
{
	struct state *s = v->state;
	struct area body =
	    draw_part(a, HEAD_ROWS, 0, a->rows - HEAD_ROWS, a->columns);

	draw_head(s, a);
	if (s->picture != TABLE) {
		draw_picture(v, &body);
		return;
	}
	list_draw(&s->list, &body);
	buf_clear(&v->status);
	list_status(&s->list, &v->status);
}

const struct screen screen_usage = {
	.name = "usage",
	.title = N_("Usage"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_usage,
	.ask = ask,
	.every_ms = 5000,
	.draw = draw,
	.close = close_usage,
};
