/* SPDX-License-Identifier: MIT */
/* proxy_form.c - a proxy to be added or changed. */
#include "relay-tui/form_view.h"
#include "relay-tui/record_view.h"
#include "relay-tui/words.h"

static const struct form_row new_rows[] = {
	{ "name", FORM_TEXT, true, NULL, N_("what it is called here") },
	{ "url", FORM_TEXT, true, NULL,
	    N_("socks5h://user@host:1080; also socks5, http and https") },
	{ "password", FORM_SECRET, false, NULL, N_("of the user") },
	{ "family", FORM_CHOICE, false, "any|4|6",
	    N_("the addresses the proxy itself is reached at") },
	{ "note", FORM_TEXT, false, NULL, N_("a text for people") },
	{ .name = NULL },
};

static const struct form_spec plan_new = {
	.title = N_("A new proxy"),
	.said = N_("added; t tests it"),
	.rows = new_rows,
	.method = CTL_M_proxy_add,
	.shows = CTL_M_proxy_add,
};

static const struct form_spec plan_edit = {
	.title = N_("Proxy"),
	.said = N_("changed"),
	.rows = new_rows + 1,
	.method = CTL_M_proxy_set,
	.subject = "name",
	.shows = CTL_M_proxy_show,
};

static void
open_proxy_new(struct view *v)
{
	form_view_open(v, &plan_new);
}

const struct screen screen_proxy_new = {
	.name = "proxy_new",
	.title = N_("New proxy"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_proxy_new,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};

static void
open_proxy_edit(struct view *v)
{
	form_view_open(v, &plan_edit);
}

const struct screen screen_proxy_edit = {
	.name = "proxy_edit",
	.title = N_("Change a proxy"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_proxy_edit,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};

/* --- is something reached through it? -------------------------------------- */

static const struct form_row try_rows[] = {
	{ "url", FORM_TEXT, false, NULL,
	    N_("that is asked for; empty: where its accounts go") },
	{ "allow-private", FORM_FLAG, false, NULL,
	    N_("though it is a private address") },
	{ .name = NULL },
};

static void
open_answer(struct view *v, const struct ctl_frame *f)
{
	answer_open(v, _("Test of a proxy"), CTL_M_proxy_test, f);
}

static const struct form_spec plan_try = {
	.title = N_("Ask for a URL through"),
	.rows = try_rows,
	.method = CTL_M_proxy_test,
	.shows = CTL_M_proxy_test,
	.subject = "name",
	.stays = true,
	.saved = open_answer,
};

static void
open_proxy_try(struct view *v)
{
	form_view_open(v, &plan_try);
}

const struct screen screen_proxy_try = {
	.name = "proxy_try",
	.title = N_("Try a proxy"),
	.role = CTL_OPS,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_proxy_try,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};
