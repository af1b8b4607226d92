/* SPDX-License-Identifier: MIT */
/* overview.c - what is happening now, and what it costs. */
#include <stdio.h>

#include "relay-tui/chart.h"
#include "relay-tui/noun.h"
#include "relay-tui/view.h"
#include "relay-tui/words.h"

#define SLOW_MS	 3000
#define ACCOUNTS 200

struct state {
	int64_t requests_now, requests_total, failed, refused;
	int64_t rate_milli;	     /* requests per 1000 s */
	int64_t counted_ms, counted; /* when the rate was counted last */
	int64_t accounts, ready, held, keys;
	int64_t cost_micro[3]; /* today, week, month */
	struct list list;      /* accounts */
	int64_t slow_at_ms;
};

static void
open_overview(struct view *v)
{
	struct state *s = v->state;

	list_init(&s->list, account_columns, "name",
	    N_("There are no accounts yet. Go to the screen Accounts with 3 "
	       "and "
	       "press a to add one."));
	v->list = &s->list;
}

static void
close_overview(struct view *v)
{
	struct state *s = v->state;

	list_fini(&s->list);
}

/* --- answers --------------------------------------------------------------- */

static int64_t
number(const struct json *o, const char *key)
{
	int64_t n = 0;

	return json_as_i64(json_at(o, key), &n) ? 0 : n;
}

/* Over a second at least, so that one request does not look like many. */
static void
count_rate(struct state *s, int64_t total, int64_t now_ms)
{
	int64_t for_ms = now_ms - s->counted_ms;

	if (s->counted_ms && for_ms < 1000)
		return;
	if (s->counted_ms && total >= s->counted)
		s->rate_milli = (total - s->counted) * 1000000 / for_ms;
	s->counted_ms = now_ms;
	s->counted = total;
}

static void
take_status(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;
	const struct json *counters, *accounts;

	(void)user;
	if (view_failed(v, f))
		return;
	counters = json_at(f->data, "counters");
	accounts = json_at(f->data, "accounts");
	s->requests_now = number(counters, "requests_now");
	s->requests_total = number(counters, "requests_total");
	s->failed = number(counters, "failed_total");
	s->refused = number(counters, "refused_total");
	s->accounts = number(accounts, "total");
	s->ready = number(accounts, "ready");
	s->held = number(accounts, "held");
	s->keys = number(json_at(f->data, "keys"), "active");
	count_rate(s, s->requests_total, view_now_ms(v));
}

static void
take_cost(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;
	int i = 0;

	(void)user;
	if (view_failed(v, f))
		return;
	for (const struct json *r = json_first(f->data); r && i < 3;
	     r = json_next(r))
		s->cost_micro[i++] = number(r, "cost_micro");
}

static void
take_accounts(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	if (view_failed(v, f))
		return;
	list_begin(&s->list);
	list_add_all(&s->list, view_output(v), f->data);
	list_end(&s->list);
}

static void
ask(struct view *v)
{
	struct state *s = v->state;

	view_ask(v, CTL_M_status, take_status);
	if (view_now_ms(v) < s->slow_at_ms)
		return;
	s->slow_at_ms = view_now_ms(v) + SLOW_MS;
	view_ask(v, CTL_M_cost, take_cost);
	json_say_i64(view_begin(v, CTL_M_account_list), "limit", ACCOUNTS);
	view_send(v, take_accounts, NULL);
}

/* --- drawing --------------------------------------------------------------- */

static int
draw_amount(const struct area *a, int row, int at, const char *title,
    struct str text)
{
	at = draw_text(a, row, at, PAINT_DIM, str_of(title));
	return draw_text(a, row, at + 1, PAINT_HEAD, text) + 3;
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

static void
draw_traffic(const struct state *s, const struct area *a)
{
	char rate[32];
	int at = 0;

	snprintf(rate, sizeof(rate), "%lld.%lld/s",
	    (long long)(s->rate_milli / 1000),
	    (long long)(s->rate_milli % 1000 / 100));
	at = draw_amount(a, 0, at, _("requests"), str_of(rate));
	at = draw_number(a, 0, at, _("in flight"), s->requests_now);
	at = draw_number(a, 0, at, _("since the start"), s->requests_total);
	at = draw_number(a, 0, at, _("failed"), s->failed);
	draw_number(a, 0, at, _("refused"), s->refused);
	at = draw_money(a, 1, 0, _("today"), s->cost_micro[0]);
	at = draw_money(a, 1, at, _("this week"), s->cost_micro[1]);
	at = draw_money(a, 1, at, _("this month"), s->cost_micro[2]);
	at = draw_number(a, 1, at, _("accounts ready"), s->ready);
	at = draw_number(a, 1, at, _("of"), s->accounts);
	draw_number(a, 1, at, _("keys"), s->keys);
}

static void
draw(struct view *v, const struct area *a)
{
	struct state *s = v->state;
	struct area list = draw_part(a, 4, 0, a->rows - 4, a->columns);

	draw_traffic(s, a);
	draw_rule(a, 3, str_of(_("accounts")));
	list_draw(&s->list, &list);
	buf_clear(&v->status);
	list_status(&s->list, &v->status);
}

static void
open_one(struct view *v)
{
	if (list_chosen(v->list).len)
		view_open(v, "account", list_chosen(v->list));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("open"), N_("show the account"),
	    open_one },
	{ .presses = NULL },
};

const struct screen screen_overview = {
	.name = "overview",
	.title = N_("Overview"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_overview,
	.ask = ask,
	.every_ms = 250,
	.draw = draw,
	.close = close_overview,
};
