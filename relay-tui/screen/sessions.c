/* SPDX-License-Identifier: MIT */
/* sessions.c - sessions that are bound to accounts: let go, or pinned to
 * another one. */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_sessions(struct view *v)
{
	list_view_open(v, CTL_M_sticky_list, sticky_columns, "session",
	    N_("No session is bound to an account just now. The first request "
	       "of a conversation binds it, so that what the provider keeps in "
	       "its cache is found again."));
}

static void
pin(struct view *v)
{
	list_view_open_chosen(v, "session_pin");
}

static void
clear(struct view *v)
{
	if (list_view_chosen(v).len)
		view_confirm(v,
		    N_("Its next request chooses an account anew; on another "
		       "one the provider's cache of it is lost, and its input "
		       "is paid in full once. Clear:"),
		    CTL_M_sticky_clear, "session", list_view_chosen(v),
		    N_("it chooses anew"));
}

static void
clear_account(struct view *v)
{
	struct str account = list_cell(v->list, "account");

	if (account.len)
		view_confirm(v,
		    N_("All sessions of this account choose anew; those that "
		       "move pay their input in full once. Clear:"),
		    CTL_M_sticky_clear, "account", account,
		    N_("they choose anew"));
}

static void
open_account(struct view *v)
{
	struct str account = list_cell(v->list, "account");

	if (account.len)
		view_open(v, "account", account);
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("account"), N_("show its account"),
	    open_account },
	{ "p", CTL_OPS, N_("pin"), N_("bind it to an account of a list"), pin },
	{ "c", CTL_OPS, N_("clear"), N_("let it choose its account anew"),
	    clear },
	{ "C", CTL_OPS, "", N_("let all sessions of its account choose anew"),
	    clear_account },
	{ .presses = NULL },
};

const struct screen screen_sessions = {
	.name = "sessions",
	.title = N_("Sessions"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_sessions,
	.ask = list_view_ask,
	.every_ms = 1000,
	.draw = list_view_draw,
	.close = list_view_close,
};
