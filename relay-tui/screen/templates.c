/* SPDX-License-Identifier: MIT */
/* templates.c - what new keys are made like, and one of them. */
#include "relay-tui/draw_rows.h"
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct templates {
	struct list_view rows;
};

static void
open_templates(struct view *v)
{
	list_view_open(v, CTL_M_template_list, template_columns, "id",
	    N_("There are no templates yet. Press a to make one: fields and "
	       "limits that many keys have alike."));
}

static struct str
chosen(const struct view *v)
{
	return list_chosen(v->list);
}

static void
open_one(struct view *v)
{
	if (chosen(v).len)
		view_open(v, "template", chosen(v));
}

static void
use(struct view *v)
{
	if (chosen(v).len)
		view_open(v, "key_new", list_cell(v->list, "name"));
}

static void
add(struct view *v)
{
	view_open(v, "template_new", STR(""));
}

static void
edit(struct view *v)
{
	if (chosen(v).len)
		view_open(v, "template_edit", chosen(v));
}

static void
drop(struct view *v)
{
	if (chosen(v).len)
		view_confirm(v,
		    N_("Remove the template with its limits for good:"),
		    CTL_M_template_rm, "template", chosen(v), N_("removed"));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("open"), N_("show all of it"),
	    open_one },
	{ "n", CTL_ADMIN, N_("new key"), N_("make a key like it"), use },
	{ "a", CTL_ADMIN, N_("add"), N_("add one"), add },
	{ "e", CTL_ADMIN, N_("edit"), N_("change it"), edit },
	{ "D Delete", CTL_ADMIN, N_("remove"), N_("remove it for good"), drop },
	{ .presses = NULL },
};

const struct screen screen_templates = {
	.name = "templates",
	.title = N_("Templates"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct templates),
	.open = open_templates,
	.ask = list_view_ask,
	.every_ms = 3000,
	.draw = list_view_draw,
	.close = list_view_close,
};

/* --- one of them ----------------------------------------------------------- */

struct template
{
	struct ctl_frame shown;
	bool is_shown;
};

/* Keys begin with all of it. */
static const struct column limit_columns[] = {
	{ N_("LIMIT"), "limit", CELL_TEXT, FIT_WHOLE },
	{ N_("PER"), "window", CELL_TEXT, FIT_WHOLE },
	{ N_("MODELS"), "class", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

static void
open_template(struct view *v)
{
	v->reads_text = true;
}

static void
close_template(struct view *v)
{
	struct template *t = v->state;

	if (t->is_shown)
		ctl_frame_fini(&t->shown);
}

static void
take_template(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct template *t = v->state;

	(void)user;
	if (view_failed(v, f))
		return;
	if (t->is_shown)
		ctl_frame_fini(&t->shown);
	t->shown = view_keep(v);
	t->is_shown = true;
}

static void
ask_template(struct view *v)
{
	view_ask_about(v, CTL_M_template_show, "template", str_of(v->about),
	    take_template);
}

static void
edit_this(struct view *v)
{
	view_open(v, "template_edit", str_of(v->about));
}

static void
use_this(struct view *v)
{
	const struct template *t = v->state;
	struct str name;

	if (t->is_shown &&
	    json_as_str(json_at(t->shown.data, "name"), &name) == OK)
		view_open(v, "key_new", name);
}

static void
limit_this(struct view *v)
{
	struct buf scope;

	buf_init(&scope, 8192);
	buf_mustf(&scope, "key:%s", v->about);
	view_open(v, "budget_new", buf_str(&scope));
	buf_fini(&scope);
}

static const struct key template_keys[] = {
	{ "n", CTL_ADMIN, N_("new key"), N_("make a key like it"), use_this },
	{ "e", CTL_ADMIN, N_("edit"), N_("change it"), edit_this },
	{ "b", CTL_ADMIN, N_("limit"), N_("limit keys that are made like it"),
	    limit_this },
	{ .presses = NULL },
};

static void
draw_template(struct view *v, const struct area *a)
{
	const struct template *t = v->state;
	const struct json *limits;
	int row = -v->top;

	if (!t->is_shown)
		return;
	row +=
	    draw_record(a, view_output(v), key_details, t->shown.data, v->top) +
	    1;
	limits = json_at(t->shown.data, "limits");
	draw_rule(a, row++, str_of(_("limits")));
	if (json_count(limits))
		row += draw_rows(a, row, view_output(v), limit_columns, limits);
	else
		draw_text(a, row++, 0, PAINT_DIM,
		    str_of(_("It has none. Press b to set one.")));
	v->lines = row + v->top;
}

const struct screen screen_template = {
	.name = "template",
	.title = N_("Template"),
	.role = CTL_VIEW,
	.keys = template_keys,
	.state_size = sizeof(struct template),
	.open = open_template,
	.ask = ask_template,
	.every_ms = 3000,
	.draw = draw_template,
	.close = close_template,
};
