/* SPDX-License-Identifier: MIT */
/* receipts.c - requests that have ended: all of them, or (about: part, since,
 * until and name in lines) those behind a row of usage. */
#include <stdio.h>

#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/screen/common.h"
#include "relay-tui/words.h"

#define ROWS_FIRST 200
/* More than these are not asked for again and again. */
#define ROWS_STILL 1000

struct state {
	struct list_view rows;
	char part[16], since[40], until[40];
	struct str label, name; /* in about: for people, and for relayd */
	bool of_part;
};

static void
put(struct view *v, struct json_out *j)
{
	struct state *s = v->state;

	if (s->since[0])
		json_say(j, "since", str_of(s->since));
	if (s->until[0])
		json_say(j, "until", str_of(s->until));
	/* What never came to an account has no model and no client either. */
	if (s->of_part && !s->name.len &&
	    (str_eq(str_of(s->part), STR("model")) ||
		str_eq(str_of(s->part), STR("client"))))
		json_say(j, "account", STR(""));
	else if (s->of_part)
		json_say(j, s->part, s->name);
}

static void
keep(char *out, size_t size, struct str s)
{
	snprintf(out, size, "%.*s", STR_ARG(str_first(s, size - 1)));
}

static void
open_receipts(struct view *v)
{
	struct state *s = v->state;
	struct str rest = str_of(v->about);

	list_view_open(v, CTL_M_receipt_list, receipt_columns, "id",
	    N_("No request has ended. `relayctl env CLIENT` tells how a client "
	       "is pointed here; the screen Live shows those under way."));
	keep(s->part, sizeof(s->part), str_cut(&rest, '\n'));
	keep(s->since, sizeof(s->since), str_cut(&rest, '\n'));
	keep(s->until, sizeof(s->until), str_cut(&rest, '\n'));
	s->label = str_cut(&rest, '\n');
	s->name = rest;
	s->of_part = s->part[0] != '\0';
	s->rows.put = put;
	s->rows.most = ROWS_FIRST;
}

static void
ask(struct view *v)
{
	struct state *s = v->state;

	if (s->rows.list.loaded && s->rows.most > ROWS_STILL &&
	    s->rows.list.count >= s->rows.most)
		return;
	list_view_ask(v);
}

static void
open_one(struct view *v)
{
	if (list_chosen(v->list).len)
		view_open(v, "receipt", list_chosen(v->list));
}

static void export(struct view *v)
{
	screen_export_open(v, CTL_M_receipt_list, put, -1);
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_SELF, N_("open"),
	    N_("show its story, tokens and cost"), open_one },
	{ "x", CTL_SELF, N_("export"),
	    N_("write what is shown to a file, as CSV or JSON"), export },
	{ .presses = NULL },
};

static void
draw(struct view *v, const struct area *a)
{
	struct state *s = v->state;
	struct area list = draw_part(a, 1, 0, a->rows - 1, a->columns);
	int at;

	if (!v->about[0]) {
		list_view_draw(v, a);
		return;
	}
	at = draw_text(a, 0, 0, PAINT_DIM, str_of(s->part));
	at = draw_text(a, 0, at ? at + 1 : 0, PAINT_HEAD,
	    s->label.len || !s->of_part ? s->label : str_of(_("(none)")));
	draw_textf(a, 0, at ? at + 2 : 0, PAINT_DIM, "%s %s%s%s", _("since"),
	    s->since, s->until[0] ? " - " : "", s->until);
	list_view_draw(v, &list);
}

const struct screen screen_receipts = {
	.name = "receipts",
	.title = N_("Requests"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_receipts,
	.ask = ask,
	.every_ms = 5000,
	.draw = draw,
	.close = list_view_close,
};
