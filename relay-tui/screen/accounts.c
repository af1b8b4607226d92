/* SPDX-License-Identifier: MIT */
/* accounts.c - the upstream accounts: which work, which do not, and why. */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_accounts(struct view *v)
{
	list_view_open(v, CTL_M_account_list, account_columns, "name",
	    N_("There are no accounts yet. Press a to add one."));
}

static struct str
chosen(const struct view *v)
{
	return list_chosen(v->list);
}

static void
open_one(struct view *v)
{
	if (chosen(v).len)
		view_open(v, "account", chosen(v));
}

static void
add(struct view *v)
{
	view_open(v, "kinds", STR(""));
}

static void
edit(struct view *v)
{
	if (chosen(v).len)
		view_open(v, "account_edit", chosen(v));
}

static void
hold(struct view *v)
{
	if (chosen(v).len)
		view_do(v, CTL_M_account_hold, "name", chosen(v),
		    N_("held: no request goes there until it is released"));
}

static void
release(struct view *v)
{
	if (chosen(v).len)
		view_do(v, CTL_M_account_release, "name", chosen(v),
		    N_("released"));
}

static void
reset(struct view *v)
{
	if (chosen(v).len)
		view_do(v, CTL_M_account_reset, "name", chosen(v),
		    N_("its failures are forgotten"));
}

static void
drop(struct view *v)
{
	if (chosen(v).len)
		view_confirm(v, N_("Remove the account for good:"),
		    CTL_M_account_rm, "name", chosen(v), N_("removed"));
}

static void
logins(struct view *v)
{
	view_open(v, "logins", STR(""));
}

static void
drain(struct view *v)
{
	if (chosen(v).len)
		view_do(v, CTL_M_account_drain, "name", chosen(v),
		    N_("it is held; what is under way there may end"));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("open"), N_("show all of it"),
	    open_one },
	{ "a", CTL_ADMIN, N_("add"), N_("add one"), add },
	{ "e", CTL_ADMIN, N_("edit"), N_("change it"), edit },
	{ "H", CTL_OPS, N_("hold"), N_("take it out of use"), hold },
	{ "R", CTL_OPS, N_("release"), N_("take it back into use"), release },
	{ "r", CTL_OPS, N_("reset"), N_("forget its failures, use it at once"),
	    reset },
	{ "d", CTL_OPS, "", N_("hold it; what is under way there may end"),
	    drain },
	{ "L", CTL_ADMIN, N_("sign-ins"), N_("sign-ins that are under way"),
	    logins },
	{ "D Delete", CTL_ADMIN, N_("remove"), N_("remove it for good"), drop },
	{ .presses = NULL },
};

const struct screen screen_accounts = {
	.name = "accounts",
	.title = N_("Accounts"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_accounts,
	.ask = list_view_ask,
	.every_ms = 1000,
	.draw = list_view_draw,
	.close = list_view_close,
};
