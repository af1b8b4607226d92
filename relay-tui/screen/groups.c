/* SPDX-License-Identifier: MIT */
/* groups.c - accounts under one name. */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_groups(struct view *v)
{
	list_view_open(v, CTL_M_group_list, group_columns, "name",
	    N_("There are no groups yet. A group is accounts under one name, "
	       "to which keys can be bound. Press a to make one."));
}

static void
open_one(struct view *v)
{
	list_view_open_chosen(v, "group");
}

static void
add(struct view *v)
{
	view_open(v, "group_new", STR(""));
}

static void
edit(struct view *v)
{
	list_view_open_chosen(v, "group_edit");
}

static void
drop(struct view *v)
{
	if (list_view_chosen(v).len)
		view_confirm(v, N_("Remove the group:"), CTL_M_group_rm, "name",
		    list_view_chosen(v), N_("removed"));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("open"), N_("show its accounts"),
	    open_one },
	{ "a", CTL_ADMIN, N_("add"), N_("make one"), add },
	{ "e", CTL_ADMIN, N_("edit"), N_("change its strategy or note"), edit },
	{ "D Delete", CTL_ADMIN, N_("remove"), N_("remove it"), drop },
	{ .presses = NULL },
};

const struct screen screen_groups = {
	.name = "groups",
	.title = N_("Groups"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_groups,
	.ask = list_view_ask,
	.every_ms = 2000,
	.draw = list_view_draw,
	.close = list_view_close,
};
