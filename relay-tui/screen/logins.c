/* SPDX-License-Identifier: MIT */
/* logins.c - sign-ins that are under way, to be gone on with. */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_logins(struct view *v)
{
	list_view_open(v, CTL_M_oauth_list, signin_columns, "id",
	    N_("No sign-in is under way. One begins when an account of such a "
	       "kind is added."));
}

static void
go_on(struct view *v)
{
	if (list_chosen(v->list).len)
		view_open(v, "login", list_chosen(v->list));
}

static void
give_up(struct view *v)
{
	if (list_chosen(v->list).len)
		view_do(v, CTL_M_oauth_cancel, "id", list_chosen(v->list),
		    N_("given up; nothing was stored"));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_ADMIN, N_("go on"), N_("go on with it"), go_on },
	{ "D Delete", CTL_ADMIN, N_("give up"),
	    N_("give it up; nothing is stored"), give_up },
	{ .presses = NULL },
};

const struct screen screen_logins = {
	.name = "logins",
	.title = N_("Sign-ins"),
	.role = CTL_ADMIN,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_logins,
	.ask = list_view_ask,
	.every_ms = 1000,
	.draw = list_view_draw,
	.close = list_view_close,
};
