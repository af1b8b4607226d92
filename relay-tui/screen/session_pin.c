/* SPDX-License-Identifier: MIT */
/* session_pin.c - to which account is a session (about) to be pinned? */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_pin(struct view *v)
{
	list_view_open(v, CTL_M_account_list, account_columns, "name",
	    N_("There are no accounts yet."));
}

static void
take_pinned(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;

	(void)user;
	if (view_failed(v, f))
		return;
	view_say(v, PAINT_GOOD, "%s", _("pinned"));
	view_back(v);
}

static void
choose(struct view *v)
{
	struct json_out *j;

	if (!list_view_chosen(v).len)
		return;
	j = view_begin(v, CTL_M_sticky_pin);
	json_say(j, "session", str_of(v->about));
	json_say(j, "account", list_view_chosen(v));
	view_send(v, take_pinned, NULL);
}

static void
draw(struct view *v, const struct area *a)
{
	struct area list = draw_part(a, 3, 0, a->rows - 3, a->columns);

	draw_textf(a, 0, 0, PAINT_TITLE, _("Pin the session %s to"), v->about);
	draw_text(a, 1, 0, PAINT_DIM,
	    str_of(_("On another account its input is paid in full once: "
		     "caches do not move.")));
	list_view_draw(v, &list);
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_OPS, N_("pin"), N_("bind the session to it"),
	    choose },
	{ .presses = NULL },
};

const struct screen screen_session_pin = {
	.name = "session_pin",
	.title = N_("Pin a session"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_pin,
	.ask = list_view_ask,
	.draw = draw,
	.close = list_view_close,
};
