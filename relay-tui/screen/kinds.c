/* SPDX-License-Identifier: MIT */
/* kinds.c - which kind of account is to be added? */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_kinds(struct view *v)
{
	list_view_open(v, CTL_M_account_kinds, kind_columns, "name", NULL);
}

static void
choose(struct view *v)
{
	if (list_chosen(v->list).len)
		view_open(v, "account_new", list_chosen(v->list));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_ADMIN, N_("choose"),
	    N_("fill in what an account of this kind needs"), choose },
	{ .presses = NULL },
};

const struct screen screen_kinds = {
	.name = "kinds",
	.title = N_("Kinds of account"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_kinds,
	.ask = list_view_ask,
	.draw = list_view_draw,
	.close = list_view_close,
};
