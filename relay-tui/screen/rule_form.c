/* SPDX-License-Identifier: MIT */
/* rule_form.c - a rule to be added or changed, and an answer to be judged. */
#include "relay-tui/form_view.h"
#include "relay-tui/record_view.h"
#include "relay-tui/words.h"

static const struct form_row rows[] = {
	{ "status", FORM_TEXT, true, NULL,
	    N_("of the answer: 429, or 500-599") },
	{ "action", FORM_CHOICE, true, "return|other|same|cool|hold",
	    N_("return: give it to the client; other: ask another account; "
	       "same: ask this one again; cool: another one, and this one "
	       "rests; hold: another one, and this one is held") },
	{ "for", FORM_TEXT, false, NULL,
	    N_("with cool: how long it rests, such as 10m or 1h") },
	{ "scope", FORM_CHOICE, false, "account|family",
	    N_("with cool: what rests, the account or the family of the model "
	       "alone") },
	{ "kind", FORM_TEXT, false, NULL,
	    N_("kinds of account, as globs: claude*") },
	{ "model", FORM_TEXT, false, NULL, N_("models, as globs") },
	{ "text", FORM_TEXT, false, NULL,
	    N_("words that the body of the answer holds") },
	{ "header", FORM_TEXT, false, NULL,
	    N_("a header of the answer, NAME: GLOB") },
	{ "place", FORM_COUNT, false, NULL,
	    N_("in the order of rules; empty: behind the others") },
	{ "note", FORM_TEXT, false, NULL, N_("a text for people") },
	{ .name = NULL },
};

static const struct form_spec plan_new = {
	.title = N_("A new rule"),
	.said = N_("added; t tells what judges an answer"),
	.rows = rows,
	.method = CTL_M_rule_add,
	.shows = CTL_M_rule_add,
};

static const struct form_spec plan_edit = {
	.title = N_("Rule"),
	.said = N_("changed"),
	.rows = rows,
	.method = CTL_M_rule_set,
	.subject = "rule",
	.shows = CTL_M_rule_show,
};

static void
open_rule_new(struct view *v)
{
	form_view_open(v, &plan_new);
}

const struct screen screen_rule_new = {
	.name = "rule_new",
	.title = N_("New rule"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_rule_new,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};

static void
open_rule_edit(struct view *v)
{
	form_view_open(v, &plan_edit);
}

const struct screen screen_rule_edit = {
	.name = "rule_edit",
	.title = N_("Change a rule"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_rule_edit,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};

/* --- what judges an answer? ------------------------------------------------ */

static const struct form_row test_rows[] = {
	{ "status", FORM_COUNT, true, NULL, N_("of the answer, such as 429") },
	{ "kind", FORM_TEXT, true, NULL,
	    N_("of the account that answers, such as claude-api") },
	{ "model", FORM_TEXT, false, NULL, N_("that was asked for") },
	{ "header", FORM_TEXT, false, NULL, N_("of the answer, NAME: VALUE") },
	{ "body", FORM_TEXT, false, NULL,
	    N_("of the answer, typed or pasted") },
	{ .name = NULL },
};

static void
open_verdict(struct view *v, const struct ctl_frame *f)
{
	answer_open(v, _("What judges it"), CTL_M_rule_test, f);
}

static const struct form_spec plan_test = {
	.title = N_("What judges an answer?"),
	.rows = test_rows,
	.method = CTL_M_rule_test,
	.shows = CTL_M_rule_test,
	.stays = true,
	.saved = open_verdict,
};

static void
open_rule_test(struct view *v)
{
	form_view_open(v, &plan_test);
}

const struct screen screen_rule_test = {
	.name = "rule_test",
	.title = N_("Test rules"),
	.role = CTL_VIEW,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_rule_test,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};
