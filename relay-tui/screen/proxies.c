/* SPDX-License-Identifier: MIT */
/* proxies.c - the ways out, and how long they take. */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/record_view.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_proxies(struct view *v)
{
	list_view_open(v, CTL_M_proxy_list, proxy_columns, "name",
	    N_("There are no proxies: accounts go straight. Press a to add "
	       "one; accounts name it in their field proxy."));
}

static void
take_test(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;

	(void)user;
	if (view_failed(v, f))
		return;
	answer_open(v, _("Test of a proxy"), CTL_M_proxy_test, f);
	view_ask_again(v);
}

static void
test_named(struct view *v, struct str name)
{
	view_say(v, PAINT_DIM, "%s", _("It is being tried."));
	view_ask_about(v, CTL_M_proxy_test, "name", name, take_test);
}

static void
test(struct view *v)
{
	if (list_view_chosen(v).len)
		test_named(v, list_view_chosen(v));
}

static void
test_url(struct view *v)
{
	list_view_open_chosen(v, "proxy_try");
}

static void
open_one(struct view *v)
{
	list_view_open_chosen(v, "proxy");
}

static void
add(struct view *v)
{
	view_open(v, "proxy_new", STR(""));
}

static void
edit(struct view *v)
{
	list_view_open_chosen(v, "proxy_edit");
}

static void
drop(struct view *v)
{
	if (list_view_chosen(v).len)
		view_confirm(v, N_("Remove the proxy:"), CTL_M_proxy_rm, "name",
		    list_view_chosen(v), N_("removed"));
}

/* Accounts go through it: they are out of use then. */
static void
drop_used(struct view *v)
{
	struct view_param params[] = {
		{ .key = "force", .is_flag = true },
		{ .key = "name", .value = list_view_chosen(v) },
	};

	if (list_view_chosen(v).len)
		view_confirm_all(v,
		    N_("Accounts that go through it are out of use then, and "
		       "do not go straight. Remove the proxy:"),
		    CTL_M_proxy_rm, params, 2, N_("removed"));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("open"), N_("show all of it"),
	    open_one },
	{ "a", CTL_ADMIN, N_("add"), N_("add one"), add },
	{ "e", CTL_ADMIN, N_("edit"), N_("change it"), edit },
	{ "t", CTL_OPS, N_("test"), N_("ask for a URL through it, with times"),
	    test },
	{ "T", CTL_OPS, "", N_("ask for a URL that you name"), test_url },
	{ "D Delete", CTL_ADMIN, N_("remove"), N_("remove it"), drop },
	{ "X", CTL_ADMIN, "", N_("remove it though accounts go through it"),
	    drop_used },
	{ .presses = NULL },
};

const struct screen screen_proxies = {
	.name = "proxies",
	.title = N_("Proxies"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_proxies,
	.ask = list_view_ask,
	.every_ms = 2000,
	.draw = list_view_draw,
	.close = list_view_close,
};

/* --- one of them ----------------------------------------------------------- */

static void
open_proxy(struct view *v)
{
	record_view_open(v, CTL_M_proxy_show, "name", proxy_details);
}

static void
edit_proxy(struct view *v)
{
	view_open(v, "proxy_edit", str_of(v->about));
}

static void
test_proxy(struct view *v)
{
	test_named(v, str_of(v->about));
}

static void
try_proxy(struct view *v)
{
	view_open(v, "proxy_try", str_of(v->about));
}

static const struct key proxy_keys[] = {
	{ "t", CTL_OPS, N_("test"), N_("ask for a URL through it, with times"),
	    test_proxy },
	{ "T", CTL_OPS, "", N_("ask for a URL that you name"), try_proxy },
	{ "e", CTL_ADMIN, N_("edit"), N_("change it"), edit_proxy },
	{ .presses = NULL },
};

const struct screen screen_proxy = {
	.name = "proxy",
	.title = N_("Proxy"),
	.role = CTL_VIEW,
	.keys = proxy_keys,
	.state_size = sizeof(struct record_view),
	.open = open_proxy,
	.ask = record_view_ask,
	.every_ms = 2000,
	.draw = record_view_draw,
	.close = record_view_close,
};
