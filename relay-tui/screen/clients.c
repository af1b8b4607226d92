/* SPDX-License-Identifier: MIT */
/* clients.c - the programs that were seen using keys, and the rules that tell
 * which is which. */
#include "relay-tui/form_view.h"
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_clients(struct view *v)
{
	list_view_open(v, CTL_M_client_seen, client_seen_columns, "product",
	    N_("No program was seen since the daemon was started. `relayctl "
	       "env CLIENT` tells how one is pointed here."));
}

static void
show_rules(struct view *v)
{
	view_open(v, "client_rules", STR(""));
}

static void
draw(struct view *v, const struct area *a)
{
	static const char *const told[] = { "ua", NULL };

	list_view_draw_noted(v, a, told);
}

static const struct key keys[] = {
	{ "r", CTL_VIEW, N_("rules"), N_("list what tells clients apart"),
	    show_rules },
	{ .presses = NULL },
};

const struct screen screen_clients = {
	.name = "clients",
	.title = N_("Clients"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_clients,
	.ask = list_view_ask,
	.every_ms = 2000,
	.draw = draw,
	.close = list_view_close,
};

/* --- what tells them apart ------------------------------------------------- */

static void
open_rules(struct view *v)
{
	list_view_open(v, CTL_M_client_list, client_columns, "name", NULL);
}

static void
add(struct view *v)
{
	view_open(v, "client_new", STR(""));
}

static void
drop(struct view *v)
{
	if (list_view_chosen(v).len)
		view_confirm(v, N_("Remove the client:"), CTL_M_client_rm,
		    "name", list_view_chosen(v), N_("removed"));
}

static const struct key rules_keys[] = {
	{ "a", CTL_ADMIN, N_("add"), N_("add one"), add },
	{ "D Delete", CTL_ADMIN, N_("remove"), N_("remove one that was added"),
	    drop },
	{ .presses = NULL },
};

const struct screen screen_client_rules = {
	.name = "client_rules",
	.title = N_("What tells clients apart"),
	.role = CTL_VIEW,
	.keys = rules_keys,
	.state_size = sizeof(struct state),
	.open = open_rules,
	.ask = list_view_ask,
	.every_ms = 2000,
	.draw = list_view_draw,
	.close = list_view_close,
};

static const struct form_row rows[] = {
	{ "name", FORM_TEXT, true, NULL,
	    N_("what keys call it that are for it alone") },
	{ "ua", FORM_TEXT, false, NULL,
	    N_("globs of its User-Agent, with | between") },
	{ "path", FORM_TEXT, false, NULL,
	    N_("globs of the paths it asks for, with | between") },
	{ "note", FORM_TEXT, false, NULL, N_("a text for people") },
	{ .name = NULL },
};

static const struct form_spec plan_new = {
	.title = N_("A new client"),
	.said = N_("added; keys can be for it now"),
	.rows = rows,
	.method = CTL_M_client_add,
	.shows = CTL_M_client_add,
};

static void
open_client_new(struct view *v)
{
	form_view_open(v, &plan_new);
}

const struct screen screen_client_new = {
	.name = "client_new",
	.title = N_("New client"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_client_new,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};
