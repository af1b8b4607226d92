/* SPDX-License-Identifier: MIT */
/* cooldowns.c - what rests, until when and why. */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_cooldowns(struct view *v)
{
	list_view_open(v, CTL_M_cooldown_list, cooldown_columns, "account",
	    N_("Nothing rests. Accounts that fail, or that have reached a "
	       "limit, stand here until they are asked again."));
}

static void
open_account(struct view *v)
{
	list_view_open_chosen(v, "account");
}

static void
clear(struct view *v)
{
	struct view_param params[] = {
		{ .key = "gate", .value = list_cell(v->list, "gate") },
		{ .key = "account", .value = list_view_chosen(v) },
	};

	if (list_view_chosen(v).len)
		view_do_all(v, CTL_M_cooldown_clear, params, 2,
		    N_("it is used again"));
}

static void
clear_all(struct view *v)
{
	if (list_view_chosen(v).len)
		view_confirm_all(v, N_("Use all that rests again at once?"),
		    CTL_M_cooldown_clear, NULL, 0, N_("all are used again"));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("open"), N_("show the account"),
	    open_account },
	{ "c", CTL_OPS, N_("clear"), N_("use it again at once"), clear },
	{ "C", CTL_OPS, N_("all"), N_("use all of them again at once"),
	    clear_all },
	{ .presses = NULL },
};

static void
draw(struct view *v, const struct area *a)
{
	static const char *const told[] = { "reason", NULL };

	list_view_draw_noted(v, a, told);
}

const struct screen screen_cooldowns = {
	.name = "cooldowns",
	.title = N_("Cooldowns"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_cooldowns,
	.ask = list_view_ask,
	.every_ms = 1000,
	.draw = draw,
	.close = list_view_close,
};
