/* SPDX-License-Identifier: MIT */
/* group_form.c - a group to be made or changed, and an account in it. */
#include "relay-tui/form_view.h"
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

#define STRATEGIES "lru|weighted|fill|headroom"

static const struct form_row new_rows[] = {
	{ "name", FORM_TEXT, true, NULL, N_("what it is called here") },
	{ "members", FORM_TEXT, false, NULL,
	    N_("accounts with commas between, each NAME or "
	       "NAME:PRIORITY:WEIGHT; they can be put in later") },
	{ "strategy", FORM_CHOICE, false, STRATEGIES,
	    N_("how one of several accounts of the same priority is chosen; "
	       "empty: as the setting strategy says") },
	{ "note", FORM_TEXT, false, NULL, N_("a text for people") },
	{ .name = NULL },
};

static void
open_made(struct view *v, const struct ctl_frame *f)
{
	struct str name;

	if (json_as_str(json_at(f->data, "name"), &name) == OK)
		view_open(v, "group", name);
}

static const struct form_spec plan_new = {
	.title = N_("A new group"),
	.said = N_("made"),
	.rows = new_rows,
	.method = CTL_M_group_add,
	.shows = CTL_M_group_add,
	.saved = open_made,
};

static const struct form_row edit_rows[] = {
	{ "strategy", FORM_CHOICE, false, STRATEGIES,
	    N_("how one of several accounts of the same priority is chosen; "
	       "empty: as the setting strategy says") },
	{ "note", FORM_TEXT, false, NULL, N_("a text for people") },
	{ .name = NULL },
};

static const struct form_spec plan_edit = {
	.title = N_("Group"),
	.said = N_("changed"),
	.rows = edit_rows,
	.method = CTL_M_group_set,
	.subject = "name",
	.shows = CTL_M_group_show,
};

static void
open_group_new(struct view *v)
{
	form_view_open(v, &plan_new);
}

const struct screen screen_group_new = {
	.name = "group_new",
	.title = N_("New group"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_group_new,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};

static void
open_group_edit(struct view *v)
{
	form_view_open(v, &plan_edit);
}

const struct screen screen_group_edit = {
	.name = "group_edit",
	.title = N_("Change a group"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_group_edit,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};

/* --- an account in it ------------------------------------------------------ */

static const struct form_row member_rows[] = {
	{ "priority", FORM_COUNT, false, NULL,
	    N_("in this group: the smallest number is asked first; empty or 0: "
	       "the account's own") },
	{ "weight", FORM_COUNT, false, NULL,
	    N_("in this group: how large its share is; empty or 0: the "
	       "account's own") },
	{ .name = NULL },
};

static void
put_member(struct view *v, struct json_out *j)
{
	struct str account = str_of(v->about);

	json_say(j, "name", str_cut(&account, '/'));
	json_say(j, "account", account);
}

static const struct form_spec plan_member = {
	.title = N_("Account of a group:"),
	.said = N_("it is in the group"),
	.rows = member_rows,
	.method = CTL_M_group_member_add,
	.shows = CTL_M_group_member_add,
	.put = put_member,
};

static void
open_member(struct view *v)
{
	form_view_open(v, &plan_member);
}

const struct screen screen_member = {
	.name = "member",
	.title = N_("Account of a group"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_member,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};

/* Which account is to be put into a group (about)? */
static void
open_pick(struct view *v)
{
	list_view_open(v, CTL_M_account_list, account_columns, "name",
	    N_("There are no accounts yet."));
}

static void
choose(struct view *v)
{
	struct buf about;

	if (!list_view_chosen(v).len)
		return;
	buf_init(&about, 1024);
	buf_mustf(&about, "%s/%.*s", v->about, STR_ARG(list_view_chosen(v)));
	view_open(v, "member", buf_str(&about));
	view_back(v);
	buf_fini(&about);
}

static const struct key pick_keys[] = {
	{ "Enter l Right", CTL_ADMIN, N_("choose"), N_("put it in"), choose },
	{ .presses = NULL },
};

const struct screen screen_member_pick = {
	.name = "member_pick",
	.title = N_("Put an account into a group"),
	.role = CTL_VIEW,
	.keys = pick_keys,
	.state_size = sizeof(struct list_view),
	.open = open_pick,
	.ask = list_view_ask,
	.draw = list_view_draw,
	.close = list_view_close,
};
