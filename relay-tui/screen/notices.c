/* SPDX-License-Identifier: MIT */
/* notices.c - the channels on which people are told what happens. */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/record_view.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_notices(struct view *v)
{
	list_view_open(v, CTL_M_notify_list, channel_columns, "name",
	    N_("There are no channels: nobody is told what happens. Press a to "
	       "add one."));
}

static void
open_one(struct view *v)
{
	list_view_open_chosen(v, "channel");
}

static void
add(struct view *v)
{
	view_open(v, "channel_kinds", STR(""));
}

static void
edit(struct view *v)
{
	list_view_open_chosen(v, "channel_edit");
}

static void
show_queue(struct view *v)
{
	view_open(v, "notice_queue", STR(""));
}

static void
take_test(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;

	(void)user;
	if (view_failed(v, f))
		return;
	answer_open(v, _("Test of a channel"), CTL_M_notify_test, f);
	view_ask_again(v);
}

static void
test_named(struct view *v, struct str name)
{
	view_say(v, PAINT_DIM, "%s", _("It is being tried."));
	view_ask_about(v, CTL_M_notify_test, "name", name, take_test);
}

static void
test(struct view *v)
{
	if (list_view_chosen(v).len)
		test_named(v, list_view_chosen(v));
}

static void
hold(struct view *v)
{
	if (list_view_chosen(v).len)
		view_do(v, CTL_M_notify_hold, "name", list_view_chosen(v),
		    N_("held: what it is to be told waits"));
}

static void
release(struct view *v)
{
	if (list_view_chosen(v).len)
		view_do(v, CTL_M_notify_release, "name", list_view_chosen(v),
		    N_("released"));
}

static void
drop(struct view *v)
{
	if (list_view_chosen(v).len)
		view_confirm(v,
		    N_("Remove the channel, and what waits for it:"),
		    CTL_M_notify_rm, "name", list_view_chosen(v),
		    N_("removed"));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("open"), N_("show all of it"),
	    open_one },
	{ "a", CTL_ADMIN, N_("add"), N_("add one"), add },
	{ "e", CTL_ADMIN, N_("edit"), N_("change it"), edit },
	{ "t", CTL_OPS, N_("test"), N_("tell it something now"), test },
	{ "w", CTL_VIEW, N_("waiting"),
	    N_("list what waits to be told, and what could not be"),
	    show_queue },
	{ "H", CTL_OPS, "", N_("let wait what it is to be told"), hold },
	{ "R", CTL_OPS, "", N_("tell it what has waited"), release },
	{ "D Delete", CTL_ADMIN, N_("remove"), N_("remove it"), drop },
	{ .presses = NULL },
};

const struct screen screen_notices = {
	.name = "notices",
	.title = N_("Notices"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_notices,
	.ask = list_view_ask,
	.every_ms = 2000,
	.draw = list_view_draw,
	.close = list_view_close,
};

/* --- one of them ----------------------------------------------------------- */

static void
open_channel(struct view *v)
{
	record_view_open(v, CTL_M_notify_show, "name", channel_details);
}

static void
edit_channel(struct view *v)
{
	view_open(v, "channel_edit", str_of(v->about));
}

static void
test_channel(struct view *v)
{
	test_named(v, str_of(v->about));
}

static const struct key channel_keys[] = {
	{ "t", CTL_OPS, N_("test"), N_("tell it something now"), test_channel },
	{ "e", CTL_ADMIN, N_("edit"), N_("change it"), edit_channel },
	{ .presses = NULL },
};

const struct screen screen_channel = {
	.name = "channel",
	.title = N_("Channel"),
	.role = CTL_VIEW,
	.keys = channel_keys,
	.state_size = sizeof(struct record_view),
	.open = open_channel,
	.ask = record_view_ask,
	.every_ms = 2000,
	.draw = record_view_draw,
	.close = record_view_close,
};
