/* SPDX-License-Identifier: MIT */
/* channel_form.c - a channel to be added (about: its kind) or changed (about:
 * its name), by a form made from the fields of its kind. */
#include "relay-tui/form_view.h"
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

static const struct form_row rows[] = {
	{ "name", FORM_TEXT, true, NULL, N_("what it is called here") },
	{ .name = NULL },
};

static const struct form_spec plan_new = {
	.title = N_("A new channel of the kind"),
	.said = N_("added; t tests it"),
	.rows = rows,
	.method = CTL_M_notify_add,
	.shows = CTL_M_notify_add,
	.subject = "kind",
	.kinds = CTL_M_notify_kinds,
};

static const struct form_spec plan_edit = {
	.title = N_("Channel"),
	.said = N_("changed"),
	.method = CTL_M_notify_set,
	.subject = "name",
	.shows = CTL_M_notify_show,
	.kinds = CTL_M_notify_kinds,
};

static void
open_channel_new(struct view *v)
{
	form_view_open(v, &plan_new);
}

const struct screen screen_channel_new = {
	.name = "channel_new",
	.title = N_("New channel"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_channel_new,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};

static void
open_channel_edit(struct view *v)
{
	form_view_open(v, &plan_edit);
}

const struct screen screen_channel_edit = {
	.name = "channel_edit",
	.title = N_("Change a channel"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_channel_edit,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};

/* --- of which kind? -------------------------------------------------------- */

static void
open_kinds(struct view *v)
{
	list_view_open(v, CTL_M_notify_kinds, kind_columns, "name", NULL);
}

static void
choose(struct view *v)
{
	list_view_open_chosen(v, "channel_new");
	view_back(v);
}

static const struct key kinds_keys[] = {
	{ "Enter l Right", CTL_ADMIN, N_("choose"),
	    N_("fill in what a channel of this kind needs"), choose },
	{ .presses = NULL },
};

const struct screen screen_channel_kinds = {
	.name = "channel_kinds",
	.title = N_("Kinds of channel"),
	.role = CTL_VIEW,
	.keys = kinds_keys,
	.state_size = sizeof(struct list_view),
	.open = open_kinds,
	.ask = list_view_ask,
	.draw = list_view_draw,
	.close = list_view_close,
};
