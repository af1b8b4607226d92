/* SPDX-License-Identifier: MIT */
/* group.c - one group: what it is, and its accounts with their priorities and
 * weights in it. */
#include <stdio.h>

#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view members;
	struct ctl_frame group;
	bool has_group;
};

static void
put_name(struct view *v, struct json_out *j)
{
	json_say(j, "name", str_of(v->about));
}

static void
open_group(struct view *v)
{
	struct state *s = v->state;

	list_view_open(v, CTL_M_group_members, member_columns, "account",
	    N_("It has no accounts. Press a to put one in."));
	s->members.put = put_name;
}

static void
forget(struct state *s)
{
	if (s->has_group)
		ctl_frame_fini(&s->group);
	s->has_group = false;
}

static void
close_group(struct view *v)
{
	forget(v->state);
	list_view_close(v);
}

static void
take_group(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	if (view_failed(v, f))
		return;
	forget(s);
	s->group = view_keep(v);
	s->has_group = true;
}

static void
ask(struct view *v)
{
	view_ask_about(v, CTL_M_group_show, "name", str_of(v->about),
	    take_group);
	list_view_ask(v);
}

/* --- keys ------------------------------------------------------------------ */

static void
open_account(struct view *v)
{
	list_view_open_chosen(v, "account");
}

static void
add(struct view *v)
{
	view_open(v, "member_pick", str_of(v->about));
}

/* "GROUP/ACCOUNT": neither has a slash in its name. */
static void
change(struct view *v)
{
	char about[160];

	snprintf(about, sizeof(about), "%s/%.*s", v->about,
	    STR_ARG(list_view_chosen(v)));
	if (list_view_chosen(v).len)
		view_open(v, "member", str_of(about));
}

static void
edit(struct view *v)
{
	view_open(v, "group_edit", str_of(v->about));
}

static void
drop(struct view *v)
{
	struct view_param params[] = {
		{ .key = "name", .value = str_of(v->about) },
		{ .key = "account", .value = list_view_chosen(v) },
	};

	if (list_view_chosen(v).len)
		view_confirm_all(v, N_("Take out of the group:"),
		    CTL_M_group_member_rm, params, 2, N_("taken out"));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("open"), N_("show the account"),
	    open_account },
	{ "a", CTL_ADMIN, N_("add"), N_("put an account in"), add },
	{ "p", CTL_ADMIN, N_("priority"),
	    N_("change its priority and weight in the group"), change },
	{ "D Delete", CTL_ADMIN, N_("take out"), N_("take it out"), drop },
	{ "e", CTL_ADMIN, N_("edit"), N_("change the group's strategy or note"),
	    edit },
	{ .presses = NULL },
};

/* --- drawing --------------------------------------------------------------- */

static void
draw(struct view *v, const struct area *a)
{
	static const struct column head[] = {
		{ N_("strategy"), "strategy", CELL_TEXT, FIT_WHOLE },
		{ N_("keys bound to it"), "keys", CELL_TEXT, FIT_WHOLE },
		{ N_("note"), "note", CELL_TEXT, FIT_WHOLE },
		{ .title = NULL },
	};
	const struct state *s = v->state;
	struct area part = draw_part(a, 1, 0, 3, a->columns), list;
	int rows = 0;

	draw_textf(a, 0, 0, PAINT_TITLE, _("Group %s"), v->about);
	if (s->has_group)
		rows =
		    draw_record(&part, view_output(v), head, s->group.data, 0);
	list = draw_part(a, rows + 2, 0, a->rows - rows - 2, a->columns);
	draw_rule(a, rows + 1, str_of(_("accounts")));
	list_view_draw(v, &list);
}

const struct screen screen_group = {
	.name = "group",
	.title = N_("Group"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_group,
	.ask = ask,
	.every_ms = 1000,
	.draw = draw,
	.close = close_group,
};
