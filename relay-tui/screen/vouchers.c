/* SPDX-License-Identifier: MIT */
/* vouchers.c - codes that give keys more: those there are, one of them, and what
 * became of those that were redeemed. */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct rows {
	struct list_view rows;
};

static void
open_vouchers(struct view *v)
{
	list_view_open(v, CTL_M_voucher_list, voucher_columns, "id",
	    N_("There are none. Press a to make some; whoever has a code gives "
	       "it to a key with `relayctl my redeem`."));
}

static void
open_one(struct view *v)
{
	if (list_chosen(v->list).len)
		view_open(v, "voucher", list_chosen(v->list));
}

static void
add(struct view *v)
{
	view_open(v, "voucher_new", STR(""));
}

static void
revoke(struct view *v)
{
	if (list_chosen(v->list).len)
		view_open(v, "voucher_revoke", list_chosen(v->list));
}

static void
drop(struct view *v)
{
	if (list_chosen(v->list).len)
		view_confirm(v, N_("Remove the voucher for good:"),
		    CTL_M_voucher_rm, "voucher", list_chosen(v->list),
		    N_("removed"));
}

static void
show_history(struct view *v)
{
	view_open(v, "voucher_history", STR(""));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("open"), N_("show all of it"),
	    open_one },
	{ "a", CTL_ADMIN, N_("make"), N_("make vouchers"), add },
	{ "V", CTL_ADMIN, N_("revoke"),
	    N_("make it worthless, and take back what is left of it"), revoke },
	{ "D Delete", CTL_ADMIN, N_("remove"),
	    N_("remove one that was not redeemed"), drop },
	{ "H", CTL_SELF, N_("history"),
	    N_("those that were redeemed, and what became of them"),
	    show_history },
	{ .presses = NULL },
};

const struct screen screen_vouchers = {
	.name = "vouchers",
	.title = N_("Vouchers"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct rows),
	.open = open_vouchers,
	.ask = list_view_ask,
	.every_ms = 5000,
	.draw = list_view_draw,
	.close = list_view_close,
};

/* --- those that were redeemed ---------------------------------------------- */

static void
open_history(struct view *v)
{
	list_view_open(v, CTL_M_voucher_history, redeemed_columns, "id",
	    N_("None was redeemed yet."));
}

static const struct key history_keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("open"), N_("show all of it"),
	    open_one },
	{ .presses = NULL },
};

const struct screen screen_voucher_history = {
	.name = "voucher_history",
	.title = N_("Redeemed vouchers"),
	.role = CTL_SELF,
	.keys = history_keys,
	.state_size = sizeof(struct rows),
	.open = open_history,
	.ask = list_view_ask,
	.every_ms = 5000,
	.draw = list_view_draw,
	.close = list_view_close,
};

/* --- one ------------------------------------------------------------------- */

struct state {
	struct ctl_frame shown; /* an answer that is kept */
	bool is_shown;
};

static void
take_voucher(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	if (view_failed(v, f))
		return;
	if (s->is_shown)
		ctl_frame_fini(&s->shown);
	s->shown = view_keep(v);
	s->is_shown = true;
}

static void
open_voucher(struct view *v)
{
	v->reads_text = true;
}

static void
ask_voucher(struct view *v)
{
	view_ask_about(v, CTL_M_voucher_show, "voucher", str_of(v->about),
	    take_voucher);
}

static void
close_voucher(struct view *v)
{
	struct state *s = v->state;

	if (s->is_shown)
		ctl_frame_fini(&s->shown);
}

static void
draw_voucher(struct view *v, const struct area *a)
{
	struct state *s = v->state;

	draw_rule(a, -v->top, str_of(v->about));
	v->lines = 1;
	if (s->is_shown)
		v->lines += draw_record(a, view_output(v), voucher_details,
		    s->shown.data, v->top - 1);
	view_status(v, "%s", v->about);
}

static void
revoke_this(struct view *v)
{
	view_open(v, "voucher_revoke", str_of(v->about));
}

static const struct key voucher_keys[] = {
	{ "V", CTL_ADMIN, N_("revoke"),
	    N_("make it worthless, and take back what is left of it"),
	    revoke_this },
	{ .presses = NULL },
};

const struct screen screen_voucher = {
	.name = "voucher",
	.title = N_("Voucher"),
	.role = CTL_VIEW,
	.keys = voucher_keys,
	.state_size = sizeof(struct state),
	.open = open_voucher,
	.ask = ask_voucher,
	.every_ms = 5000,
	.draw = draw_voucher,
	.close = close_voucher,
};
