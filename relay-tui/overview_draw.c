/* SPDX-License-Identifier: MIT */
/* overview_draw.c - the overview on a small and on a large terminal.
 *
 *	numbers				numbers
 *	sparklines of the hour		sparklines of the hour
 *	accounts			accounts	   | top keys
 *	top keys					   | trouble
 *	trouble */
#include <stdio.h>

#include "relay-tui/chart.h"
#include "relay-tui/draw_rows.h"
#include "relay-tui/noun.h"
#include "relay-tui/overview.h"
#include "relay-tui/words.h"

#define WIDE	 140
#define BAR	 8
#define SPARKS	 3
#define KEY_ROWS 5
#define TROUBLES 4
#define LEAST	 16 /* rows below which only numbers and accounts are shown */

static const struct column key_top_columns[] = {
	{ N_("KEY"), "label", CELL_NAME, FIT_CUT },
	{ N_("REQUESTS"), "requests", CELL_NUMBER, FIT_WHOLE },
	{ N_("INPUT"), "input", CELL_COUNT, FIT_DROP },
	{ N_("OUTPUT"), "output", CELL_COUNT, FIT_WHOLE },
	{ N_("ERRORS"), "errors", CELL_COUNT, FIT_DROP + 1 },
	{ N_("COST"), "cost_micro", CELL_CENTS, FIT_WHOLE },
	{ .title = NULL },
};

/* --- numbers --------------------------------------------------------------- */

static int
draw_amount(const struct area *a, int row, int at, const char *title,
    struct str text)
{
	at = draw_text(a, row, at, PAINT_DIM, str_of(title));
	return draw_text(a, row, at + 1, PAINT_HEAD, text) + 2;
}

static int
draw_number(const struct area *a, int row, int at, const char *title, int64_t n)
{
	struct buf text;

	buf_init(&text, 64);
	chart_count(&text, n);
	at = draw_amount(a, row, at, title, n ? buf_str(&text) : STR("0"));
	buf_fini(&text);
	return at;
}

static int
draw_rate(const struct area *a, int row, int at, const char *title,
    int64_t milli)
{
	char text[32];

	if (milli >= 100000)
		return draw_number(a, row, at, title, milli / 1000);
	snprintf(text, sizeof(text), "%lld.%lld", (long long)(milli / 1000),
	    (long long)(milli % 1000 / 100));
	return draw_amount(a, row, at, title, str_of(text));
}

static int
draw_money(const struct area *a, int row, int at, const char *title,
    int64_t micro)
{
	struct buf text;

	buf_init(&text, 64);
	cell_write_cents(micro, &text);
	at = draw_amount(a, row, at, title, buf_str(&text));
	buf_fini(&text);
	return at;
}

static int
draw_span(const struct area *a, int row, int at, const char *title, int64_t us)
{
	struct buf text;

	buf_init(&text, 64);
	if (us)
		cell_write_us(us, &text);
	at = draw_amount(a, row, at, title, us ? buf_str(&text) : STR("-"));
	buf_fini(&text);
	return at;
}

static void
draw_numbers(struct view *v, const struct area *a)
{
	struct overview *s = v->state;
	bool wide = a->columns >= WIDE;
	struct recent_rates rates;
	char ready[48];
	int at;

	recent_rates(&s->recent, view_output(v)->now_ms, &rates);
	at = draw_rate(a, 0, 0, _("requests/s"), rates.requests_milli);
	at = draw_rate(a, 0, at, _("tokens/s"), rates.tokens_milli);
	at = draw_span(a, 0, at, _("first byte p50"), rates.first_p50_us);
	at = draw_span(a, 0, at, _("p99"), rates.first_p99_us);
	at = draw_number(a, 0, at, _("in flight"), s->in_flight);
	if (wide) {
		at = draw_number(a, 0, at, _("failed"), s->failed);
		draw_number(a, 0, at, _("refused"), s->refused);
	}

	at = draw_money(a, 1, 0, _("today"), s->cost_micro[0]);
	if (wide)
		at = draw_money(a, 1, at, _("this week"), s->cost_micro[1]);
	at = draw_money(a, 1, at, _("this month"), s->cost_micro[2]);
	at = draw_number(a, 1, at, _("queue"), s->queue);
	snprintf(ready, sizeof(ready), "%lld/%lld", (long long)s->ready,
	    (long long)s->accounts);
	at = draw_amount(a, 1, at, _("accounts ready"), str_of(ready));
	at = draw_number(a, 1, at, _("keys"), s->keys);
	if (wide)
		draw_number(a, 1, at, _("since the start"), s->requests);
}

static void
draw_spark_row(const struct area *a, int row, const char *title,
    enum usage_of of, const int64_t *values)
{
	struct buf most;
	int64_t top = 0;
	int room = a->columns - 22;

	for (int i = 0; i < 60; i++)
		top = values[i] > top ? values[i] : top;
	draw_text(a, row, 0, PAINT_DIM, str_of(title));
	room = room > 60 ? 60 : room;
	draw_spark(a, row, 11, room, values, 60, PAINT_BAR);
	buf_init(&most, 64);
	usage_of_write(of, top, &most);
	if (room > 0)
		draw_textf(a, row, 11 + room + 1, PAINT_DIM, _("max %.*s"),
		    STR_ARG(buf_str(&most)));
	buf_fini(&most);
}

static void
draw_sparks(const struct overview *s, const struct area *a)
{
	draw_spark_row(a, 0, _("requests"), OF_REQUESTS,
	    s->minutes[OF_REQUESTS]);
	draw_spark_row(a, 1, _("tokens"), OF_TOKENS, s->minutes[OF_TOKENS]);
	draw_spark_row(a, 2, _("cost, 1 h"), OF_COST, s->minutes[OF_COST]);
}

/* --- accounts -------------------------------------------------------------- */

static enum paint
paint_of(int64_t ppm)
{
	return ppm >= 900000 ? PAINT_BAD
	    : ppm >= 700000  ? PAINT_WARN
			     : PAINT_BAR;
}

/* "5h ###..... 42%" for each of its windows, as many as there is room for. */
static void
draw_windows(const struct overview *s, const struct area *a, int row, int at,
    struct str account)
{
	const struct json *w = json_first(s->windows.frame.data);

	for (; w; w = json_next(w)) {
		struct str of = STR(""), name = STR("");
		int64_t ppm;

		if (json_may_str(w, "account", &of, NULL) ||
		    json_may_str(w, "window", &name, NULL) ||
		    !str_eq(of, account) ||
		    json_as_i64(json_at(w, "used_ppm"), &ppm))
			continue;
		if (at + text_width(name) + BAR + 7 > a->columns)
			return;
		at = draw_text(a, row, at, PAINT_DIM, name) + 1;
		draw_bar(a, row, at, BAR, ppm, 1000000, paint_of(ppm));
		at = draw_textf(a, row, at + BAR + 1, paint_of(ppm), "%lld%%",
			 (long long)(ppm / 10000)) +
		    2;
	}
}

static void
draw_accounts(struct overview *s, const struct area *a)
{
	struct area rest = draw_part(a, 1, 0, a->rows - 1, a->columns), left;
	bool has = s->windows.is && json_count(s->windows.frame.data) > 0;
	int split = has ? a->columns * 11 / 20 : a->columns;

	draw_rule(a, 0, str_of(_("accounts")));
	left = draw_part(&rest, 0, 0, rest.rows, split - (has ? 2 : 0));
	list_draw(&s->list, &left);
	for (int row = 1; has && row < rest.rows; row++) {
		size_t i = s->list.top + (size_t)row - 1;

		if (i < s->list.shown_count)
			draw_windows(s, &rest, row, split,
			    str_of(s->list.rows[s->list.shown[i]].texts));
	}
}

/* --- keys, trouble --------------------------------------------------------- */

static void
draw_top(struct view *v, const struct area *a)
{
	struct overview *s = v->state;
	const struct json *rows =
	    s->top.is ? json_at(s->top.frame.data, "rows") : NULL;
	struct area rest = draw_part(a, 1, 0, a->rows - 1, a->columns);

	draw_rule(a, 0, str_of(_("top keys of today")));
	if (json_count(rows) == 0)
		draw_text(&rest, 0, 0, PAINT_DIM,
		    str_of(_("No request came in today.")));
	else
		draw_rows(&rest, 0, view_output(v), key_top_columns, rows);
}

static void
draw_trouble(struct view *v, const struct area *a)
{
	struct overview *s = v->state;
	size_t left = s->trouble_count < OVERVIEW_TROUBLES ? s->trouble_count
							   : OVERVIEW_TROUBLES;
	int row = 1;

	draw_rule(a, 0, str_of(_("latest trouble")));
	if (s->store_trouble[0])
		row +=
		    draw_lines(a, row, 0, PAINT_BAD, str_of(s->store_trouble));
	for (size_t i = s->trouble_count; left-- > 0 && row < a->rows;) {
		const struct overview_trouble *t =
		    &s->troubles[--i % OVERVIEW_TROUBLES];
		struct buf ago;

		buf_init(&ago, 256);
		cell_write_ago(view_output(v), t->at_ms, &ago);
		draw_field(a, row, 0, 9, true, PAINT_DIM, buf_str(&ago));
		draw_text(a, row, 11, PAINT_BAD, str_of(t->text));
		buf_fini(&ago);
		row++;
	}
	if (row == 1)
		draw_text(a, 1, 0, PAINT_DIM,
		    str_of(_("None that is known of.")));
}

/* --- the whole ------------------------------------------------------------- */

static void
draw_steps(const struct overview *s, const struct area *a)
{
	int row = 0;

	draw_rule(a, row++, str_of(_("what comes next")));
	row++;
	row += draw_lines(a, row, 2, s->accounts ? PAINT_DIM : PAINT_HEAD,
	    str_of(s->accounts
		    ? _("1. An account is there.")
		    : _("1. Add an account that requests go to: press a.")));
	row += draw_lines(a, row, 2, s->keys ? PAINT_DIM : PAINT_HEAD,
	    str_of(s->keys
		    ? _("2. A key is there.")
		    : _("2. Create a key for your clients: press n. It is "
			"shown once, with the settings of clients.")));
	draw_lines(a, row, 2, PAINT_HEAD,
	    str_of(_("3. Point a client here: `relayctl env CLIENT` tells how. "
		     "Its first request is seen on the screen Live.")));
}

static void
draw_small(struct view *v, const struct area *a, int at)
{
	struct overview *s = v->state;
	int rest = a->rows - at, accounts = rest - KEY_ROWS - TROUBLES;
	struct area part;

	if (rest < LEAST)
		accounts = rest;
	part = draw_part(a, at, 0, accounts, a->columns);
	draw_accounts(s, &part);
	if (rest < LEAST)
		return;
	part = draw_part(a, at + accounts, 0, KEY_ROWS, a->columns);
	draw_top(v, &part);
	part = draw_part(a, at + accounts + KEY_ROWS, 0, TROUBLES, a->columns);
	draw_trouble(v, &part);
}

static void
draw_large(struct view *v, const struct area *a, int at)
{
	int rest = a->rows - at, split = a->columns * 3 / 5;
	struct area part = draw_part(a, at, 0, rest, split - 2);

	draw_accounts(v->state, &part);
	part = draw_part(a, at, split, rest / 2, a->columns - split);
	draw_top(v, &part);
	part = draw_part(a, at + rest / 2, split, rest - rest / 2,
	    a->columns - split);
	draw_trouble(v, &part);
}

void
overview_draw(struct view *v, const struct area *a)
{
	struct overview *s = v->state;
	struct area part;
	int at = 2;

	draw_numbers(v, a);
	if (s->has_status && (!s->accounts || !s->keys || !s->requests) &&
	    !s->trouble_count && !s->recent.count) {
		part =
		    draw_part(a, 3, 0, s->accounts ? 8 : a->rows, a->columns);
		draw_steps(s, &part);
		if (s->accounts) {
			part = draw_part(a, 11, 0, a->rows - 11, a->columns);
			draw_accounts(s, &part);
		}
	} else {
		if (a->rows >= LEAST) {
			part = draw_part(a, at, 0, SPARKS, a->columns);
			draw_sparks(s, &part);
			at += SPARKS;
		}
		if (a->columns >= WIDE && a->rows - at >= LEAST)
			draw_large(v, a, at);
		else
			draw_small(v, a, at);
	}
	buf_clear(&v->status);
	list_status(&s->list, &v->status);
}
