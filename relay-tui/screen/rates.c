/* SPDX-License-Identifier: MIT */
/* rates.c - the factors of services in rated costs, and setting one. */
#include "relay-tui/form_page.h"
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct rates {
	struct list_view rows;
};

static void
open_rates(struct view *v)
{
	list_view_open(v, CTL_M_rate_list, rate_columns, "service",
	    N_("There are none: every service counts once. Press a to give one "
	       "a factor."));
}

static void
add(struct view *v)
{
	view_open(v, "rate_set", STR(""));
}

static void
edit(struct view *v)
{
	view_open(v, "rate_set", list_chosen(v->list));
}

static void
drop(struct view *v)
{
	if (list_chosen(v->list).len)
		view_confirm(v, N_("Take the factor away from"), CTL_M_rate_rm,
		    "service", list_chosen(v->list),
		    N_("it counts once again"));
}

static const struct key keys[] = {
	{ "a", CTL_ADMIN, N_("add"), N_("give a service a factor"), add },
	{ "e Enter", CTL_ADMIN, N_("edit"), N_("change the factor"), edit },
	{ "D Delete", CTL_ADMIN, N_("remove"), N_("take the factor away"),
	    drop },
	{ .presses = NULL },
};

const struct screen screen_rates = {
	.name = "rates",
	.title = N_("Rates"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct rates),
	.open = open_rates,
	.ask = list_view_ask,
	.every_ms = 5000,
	.draw = list_view_draw,
	.close = list_view_close,
};

/* --- setting --------------------------------------------------------------- */

struct state {
	struct form_page asked;
};

static void
save(struct view *v)
{
	struct state *s = v->state;
	struct json_out *j = view_begin(v, CTL_M_rate_set);

	json_say(j, "service", form_value(&s->asked.form, "service"));
	json_say(j, "rate", form_value(&s->asked.form, "rate"));
	form_page_send(v, N_("set: it counts for what comes from now on"));
}

static void
open_set(struct view *v)
{
	struct form *f = form_page_open(v, N_("The factor of a service"), save);

	form_add(f, "service", FORM_TEXT, true, NULL,
	    _("a kind of account, or a glob of some: claude*"));
	form_preset(f, "service", str_of(v->about));
	form_add(f, "rate", FORM_TEXT, true, NULL,
	    _("what its cost is multiplied by in rated costs: 1.2, 0.5"));
	f->at = v->about[0] ? 1 : 0;
}

const struct screen screen_rate_set = {
	.name = "rate_set",
	.title = N_("Set a rate"),
	.role = CTL_ADMIN,
	.keys = form_page_keys,
	.state_size = sizeof(struct state),
	.open = open_set,
	.press = form_page_press,
	.draw = form_page_draw,
	.close = form_page_close,
};
