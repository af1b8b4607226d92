/* SPDX-License-Identifier: MIT */
/* queue.c - requests that wait for a place. */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_queue(struct view *v)
{
	list_view_open(v, CTL_M_queue_list, queue_columns, "id",
	    N_("Nobody waits. Requests stand here while their key, or all "
	       "accounts that fit, do as much as they may at once."));
}

static void
end_it(struct view *v)
{
	if (list_view_chosen(v).len)
		view_confirm(v, N_("End the request:"), CTL_M_session_kill,
		    "request", list_view_chosen(v), N_("ended"));
}

static void
open_one(struct view *v)
{
	list_view_open_chosen(v, "request");
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_SELF, N_("open"),
	    N_("tell what it went through"), open_one },
	{ "K Delete", CTL_OPS, N_("kill"), N_("end it now"), end_it },
	{ .presses = NULL },
};

const struct screen screen_queue = {
	.name = "queue",
	.title = N_("Queue"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_queue,
	.ask = list_view_ask,
	.every_ms = 500,
	.draw = list_view_draw,
	.close = list_view_close,
};
