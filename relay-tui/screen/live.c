/* SPDX-License-Identifier: MIT */
/* live.c - requests that are under way, as they move. */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_live(struct view *v)
{
	list_view_open(v, CTL_M_session_list, session_columns, "id",
	    N_("Nothing is under way. `relayctl env CLIENT` tells how a client "
	       "is pointed here; its requests show up at once."));
}

static void
end_it(struct view *v)
{
	struct str id = list_chosen(v->list);

	if (id.len)
		view_confirm(v, N_("End the request:"), CTL_M_session_kill,
		    "request", id, N_("ended"));
}

static const struct key keys[] = {
	{ "K Delete", CTL_OPS, N_("kill"), N_("end it now"), end_it },
	{ .presses = NULL },
};

const struct screen screen_live = {
	.name = "live",
	.title = N_("Live"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_live,
	.ask = list_view_ask,
	.every_ms = 250,
	.draw = list_view_draw,
	.close = list_view_close,
};
