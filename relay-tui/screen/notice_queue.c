/* SPDX-License-Identifier: MIT */
/* notice_queue.c - what waits to be told, and what could not be. */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_queue(struct view *v)
{
	list_view_open(v, CTL_M_notify_queue, notice_columns, "number",
	    N_("Nothing waits, and nothing has failed."));
}

static void
draw(struct view *v, const struct area *a)
{
	static const char *const told[] = { "event", "object", "error", NULL };

	list_view_draw_noted(v, a, told);
}

static void
clear(struct view *v)
{
	view_confirm_all(v, N_("Remove all that could not be told?"),
	    CTL_M_notify_clear, NULL, 0, N_("removed"));
}

static void
clear_all(struct view *v)
{
	struct view_param all = { .key = "all", .is_flag = true };

	view_confirm_all(v,
	    N_("Remove all that could not be told, and all that waits?"),
	    CTL_M_notify_clear, &all, 1, N_("removed"));
}

static const struct key keys[] = {
	{ "c", CTL_ADMIN, N_("clear"), N_("remove what could not be told"),
	    clear },
	{ "C", CTL_ADMIN, N_("all"), N_("remove what waits, too"), clear_all },
	{ .presses = NULL },
};

const struct screen screen_notice_queue = {
	.name = "notice_queue",
	.title = N_("Notices that wait"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_queue,
	.ask = list_view_ask,
	.every_ms = 1000,
	.draw = draw,
	.close = list_view_close,
};
