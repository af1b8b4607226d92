/* SPDX-License-Identifier: MIT */
/* budgets.c - limits: what is left of each; one added, one changed. */
#include "relay-tui/form_view.h"
#include "relay-tui/limits.h"
#include "relay-tui/list_view.h"
#include "relay-tui/words.h"

static const struct column columns[] = {
	{ N_("OF"), "of", CELL_OWNER, FIT_CUT },
	{ N_("LIMIT"), "limit", CELL_TEXT, FIT_WHOLE },
	{ N_("PER"), "window", CELL_TEXT, FIT_WHOLE },
	{ N_("MODELS"), "class", CELL_TEXT, FIT_CUT },
#define LEFT 4
	{ N_("LEFT"), "", CELL_LEFT, FIT_WHOLE },
	{ N_("LEFT"), "left_text", CELL_TEXT, FIT_DROP },
	{ N_("USED"), "used_text", CELL_TEXT, FIT_DROP + 1 },
	{ N_("RESERVED"), "reserved_text", CELL_TEXT, FIT_DROP + 3 },
	{ N_("STATE"), "state", CELL_STATE, FIT_DROP },
	{ N_("RESETS"), "resets_at", CELL_MOMENT, FIT_DROP + 1 },
	{ N_("ACTION"), "action", CELL_TEXT, FIT_DROP + 2 },
	{ N_("BUDGET"), "id", CELL_TEXT, FIT_DROP + 3 },
	{ N_("NOTE"), "note", CELL_TEXT, FIT_DROP + 4 },
	{ .title = NULL },
};

struct state {
	struct list_view rows;
};

static void
amend(void *user, const struct json *row, int64_t *numbers)
{
	(void)user;
	numbers[LEFT] = limit_left_ppm(row);
}

static void
open_budgets(struct view *v)
{
	struct state *s = v->state;

	list_view_open(v, CTL_M_budget_list, columns, "id",
	    N_("There are no limits yet. Press a to set one: of a key, a tag, "
	       "a user, an account, or of all."));
	s->rows.list.amend = amend;
}

static struct str
chosen(const struct view *v)
{
	return list_chosen(v->list);
}

static void
add(struct view *v)
{
	view_open(v, "budget_new", STR(""));
}

static void
edit(struct view *v)
{
	if (chosen(v).len)
		view_open(v, "budget_edit", chosen(v));
}

static void
drop(struct view *v)
{
	if (chosen(v).len)
		view_confirm(v, N_("Remove the limit for good:"),
		    CTL_M_budget_rm, "budget", chosen(v), N_("removed"));
}

static const struct key keys[] = {
	{ "a", CTL_ADMIN, N_("add"), N_("add one"), add },
	{ "e Enter l Right", CTL_ADMIN, N_("edit"),
	    N_("change it, or add to it"), edit },
	{ "D Delete", CTL_ADMIN, N_("remove"), N_("remove it for good"), drop },
	{ .presses = NULL },
};

const struct screen screen_budgets = {
	.name = "budgets",
	.title = N_("Limits"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_budgets,
	.ask = list_view_ask,
	.every_ms = 2000,
	.draw = list_view_draw,
	.close = list_view_close,
};

/* --- forms ----------------------------------------------------------------- */

static const struct form_row new_rows[] = {
	{ "scope", FORM_TEXT, true, NULL,
	    N_("key:NAME, tag:TAG, user:OWNER, account:NAME, group:NAME, "
	       "platform:KIND or all") },
	{ "limit", FORM_TEXT, true, NULL,
	    N_("20 usd, 1000 requests, 5M tokens, 1M input, 200k output") },
	{ "per", FORM_TEXT, true, NULL,
	    N_("minute, hour, day, week, month, 5h, total") },
	{ "class", FORM_TEXT, false, NULL,
	    N_("only these models: claude-opus*; empty: all") },
	{ "action", FORM_CHOICE, false, "deny|warn|hold",
	    N_("when it is reached: refuse requests, only tell, or choose the "
	       "account no more") },
	{ "rated", FORM_FLAG, false, NULL,
	    N_("money is counted after the key's rate, not before") },
	{ "note", FORM_TEXT, false, NULL, N_("for you") },
	{ .name = NULL },
};

static const struct form_row edit_rows[] = {
	{ "limit", FORM_TEXT, false, NULL, N_("in the unit that it counts") },
	{ "add", FORM_TEXT, false, NULL,
	    N_("5 usd: so much more, or with - in front less") },
	{ "action", FORM_CHOICE, false, "deny|warn|hold",
	    N_("when it is reached: refuse requests, only tell, or choose the "
	       "account no more") },
	{ "note", FORM_TEXT, false, NULL, N_("for you") },
	{ .name = NULL },
};

/* About: what it is of, when that is known. */
static void
begin_new(struct view *v)
{
	struct form_view *s = v->state;

	if (!s->filled)
		form_set(&s->form, "scope", str_of(v->about));
	s->filled = true;
}

static void
say_set(struct view *v, const struct ctl_frame *f)
{
	struct str of = STR("");

	(void)!json_may_str(f->data, "of", &of, NULL);
	view_say(v, PAINT_GOOD, _("the limit of %.*s is set"),
	    STR_ARG(str_first(of, 200)));
}

static const struct form_spec new_spec = {
	.title = N_("A new limit"),
	.method = CTL_M_budget_add,
	.rows = new_rows,
	.shows = CTL_M_budget_add,
	.begin = begin_new,
	.saved = say_set,
};

static const struct form_spec edit_spec = {
	.title = N_("The limit"),
	.method = CTL_M_budget_set,
	.subject = "budget",
	.rows = edit_rows,
	.shows = CTL_M_budget_show,
	.saved = say_set,
};

static void
open_new(struct view *v)
{
	form_view_open(v, &new_spec);
}

static void
open_edit(struct view *v)
{
	form_view_open(v, &edit_spec);
}

const struct screen screen_budget_new = {
	.name = "budget_new",
	.title = N_("New limit"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_new,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};

const struct screen screen_budget_edit = {
	.name = "budget_edit",
	.title = N_("Change a limit"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_edit,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};
