/* SPDX-License-Identifier: MIT */
/* users.c - the people who own keys; one of them with their keys. */
#include "relay-tui/draw_rows.h"
#include "relay-tui/form_view.h"
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct users {
	struct list_view rows;
};

static void
open_users(struct view *v)
{
	list_view_open(v, CTL_M_user_list, user_columns, "user",
	    N_("Nobody owns a key yet. Give one an owner: the field owner of "
	       "its form."));
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
		view_open(v, "user", chosen(v));
}

static void
disable(struct view *v)
{
	if (chosen(v).len)
		view_open(v, "user_disable", chosen(v));
}

static void
enable(struct view *v)
{
	if (chosen(v).len)
		view_do(v, CTL_M_user_enable, "user", chosen(v),
		    N_("their keys are accepted again"));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("open"),
	    N_("show them, their keys, and what those used"), open_one },
	{ "d", CTL_ADMIN, N_("disable"), N_("refuse all their keys"), disable },
	{ "E", CTL_ADMIN, N_("enable"), N_("accept their keys again"), enable },
	{ .presses = NULL },
};

const struct screen screen_users = {
	.name = "users",
	.title = N_("Users"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct users),
	.open = open_users,
	.ask = list_view_ask,
	.every_ms = 3000,
	.draw = list_view_draw,
	.close = list_view_close,
};

/* --- one of them ----------------------------------------------------------- */

struct user {
	struct ctl_frame shown;
	bool is_shown;
};

static const struct column sum_columns[] = {
	{ N_("requests today"), "today_requests", CELL_NUMBER, FIT_WHOLE },
	{ N_("cost today"), "today_cost_micro", CELL_MONEY, FIT_WHOLE },
	{ N_("requests this month"), "month_requests", CELL_NUMBER, FIT_WHOLE },
	{ N_("cost this month"), "month_cost_micro", CELL_MONEY, FIT_WHOLE },
	{ .title = NULL },
};

static void
open_user(struct view *v)
{
	v->reads_text = true;
}

static void
close_user(struct view *v)
{
	struct user *u = v->state;

	if (u->is_shown)
		ctl_frame_fini(&u->shown);
}

static void
take_user(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct user *u = v->state;

	(void)user;
	if (view_failed(v, f))
		return;
	if (u->is_shown)
		ctl_frame_fini(&u->shown);
	u->shown = view_keep(v);
	u->is_shown = true;
}

static void
ask_user(struct view *v)
{
	view_ask_about(v, CTL_M_user_show, "user", str_of(v->about), take_user);
}

static void
disable_this(struct view *v)
{
	view_open(v, "user_disable", str_of(v->about));
}

static void
enable_this(struct view *v)
{
	view_do(v, CTL_M_user_enable, "user", str_of(v->about),
	    N_("their keys are accepted again"));
}

static void
limit_this(struct view *v)
{
	struct buf scope;

	buf_init(&scope, 8192);
	buf_mustf(&scope, "user:%s", v->about);
	view_open(v, "budget_new", buf_str(&scope));
	buf_fini(&scope);
}

static const struct key user_keys[] = {
	{ "d", CTL_ADMIN, N_("disable"), N_("refuse all their keys"),
	    disable_this },
	{ "E", CTL_ADMIN, N_("enable"), N_("accept their keys again"),
	    enable_this },
	{ "b", CTL_ADMIN, N_("limit"), N_("limit all their keys together"),
	    limit_this },
	{ .presses = NULL },
};

static void
draw_user(struct view *v, const struct area *a)
{
	const struct user *u = v->state;
	const struct output *o = view_output(v);
	int row = -v->top;

	if (!u->is_shown)
		return;
	row += draw_record(a, o, user_details, u->shown.data, -row);
	row++;
	draw_rule(a, row++, str_of(_("used")));
	row += draw_record(a, o, sum_columns, u->shown.data, -row);
	row++;
	draw_rule(a, row++, str_of(_("keys")));
	row += draw_rows(a, row, o, my_key_columns,
	    json_at(u->shown.data, "rows"));
	v->lines = row + v->top;
}

const struct screen screen_user = {
	.name = "user",
	.title = N_("User"),
	.role = CTL_VIEW,
	.keys = user_keys,
	.state_size = sizeof(struct user),
	.open = open_user,
	.ask = ask_user,
	.every_ms = 2000,
	.draw = draw_user,
	.close = close_user,
};

/* --- refused --------------------------------------------------------------- */

static const struct form_row rows[] = {
	{ "reason", FORM_TEXT, false, NULL,
	    N_("all their keys are refused until they are enabled; why?") },
	{ .name = NULL },
};

static void
say_disabled(struct view *v, const struct ctl_frame *f)
{
	(void)f;
	view_say(v, PAINT_GOOD, "%s", _("all their keys are refused"));
}

static const struct form_spec spec = {
	.title = N_("Disable"),
	.method = CTL_M_user_disable,
	.subject = "user",
	.rows = rows,
	.shows = CTL_M_user_disable,
	.saved = say_disabled,
};

static void
open_disable(struct view *v)
{
	form_view_open(v, &spec);
}

const struct screen screen_user_disable = {
	.name = "user_disable",
	.title = N_("Disable a user"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_disable,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};
