/* SPDX-License-Identifier: MIT */
/* rules.c - what failures of accounts mean, in the order they are asked. */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/record_view.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_rules(struct view *v)
{
	list_view_open(v, CTL_M_rule_list, rule_columns, "id",
	    N_("There are no rules of your own: the built-in ones judge every "
	       "failure. Press a to add one, t to see what judges an "
	       "answer."));
}

static void
open_one(struct view *v)
{
	list_view_open_chosen(v, "rule");
}

static void
add(struct view *v)
{
	view_open(v, "rule_new", STR(""));
}

static void
edit(struct view *v)
{
	list_view_open_chosen(v, "rule_edit");
}

static void
test(struct view *v)
{
	view_open(v, "rule_test", STR(""));
}

static void
drop(struct view *v)
{
	if (list_view_chosen(v).len)
		view_confirm(v, N_("Remove the rule:"), CTL_M_rule_rm, "rule",
		    list_view_chosen(v), N_("removed"));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("open"), N_("show all of it"),
	    open_one },
	{ "a", CTL_ADMIN, N_("add"), N_("add one"), add },
	{ "e", CTL_ADMIN, N_("edit"), N_("change it"), edit },
	{ "t", CTL_VIEW, N_("test"), N_("tell what judges an answer"), test },
	{ "D Delete", CTL_ADMIN, N_("remove"), N_("remove it"), drop },
	{ .presses = NULL },
};

const struct screen screen_rules = {
	.name = "rules",
	.title = N_("Rules"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_rules,
	.ask = list_view_ask,
	.every_ms = 2000,
	.draw = list_view_draw,
	.close = list_view_close,
};

/* --- one of them ----------------------------------------------------------- */

static void
open_rule(struct view *v)
{
	record_view_open(v, CTL_M_rule_show, "rule", rule_details);
}

static void
edit_rule(struct view *v)
{
	view_open(v, "rule_edit", str_of(v->about));
}

static const struct key rule_keys[] = {
	{ "e", CTL_ADMIN, N_("edit"), N_("change it"), edit_rule },
	{ .presses = NULL },
};

const struct screen screen_rule = {
	.name = "rule",
	.title = N_("Rule"),
	.role = CTL_VIEW,
	.keys = rule_keys,
	.state_size = sizeof(struct record_view),
	.open = open_rule,
	.ask = record_view_ask,
	.every_ms = 2000,
	.draw = record_view_draw,
	.close = record_view_close,
};
