/* SPDX-License-Identifier: MIT */
/* doctor.c - what is wrong, or will be, and what to do. */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static const struct column columns[] = {
	{ N_("IS"), "state", CELL_STATE, FIT_WHOLE },
	{ N_("CHECK"), "check", CELL_TEXT, FIT_WHOLE },
	{ N_("OF"), "object", CELL_TEXT, FIT_CUT },
	{ N_("WHAT"), "text", CELL_TEXT, FIT_CUT },
	{ N_("WHAT TO DO"), "advice", CELL_TEXT, FIT_DROP },
	{ .title = NULL },
};

static void
open_doctor(struct view *v)
{
	list_view_open(v, CTL_M_doctor, columns, "check",
	    N_("Nothing was found."));
}

/* The worst first, whatever is looked at first. */
static void
take_findings(void *owner, void *user, const struct ctl_frame *f)
{
	static const char *const states[] = { "broken", "smell", "note",
		"fine" };
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	s->rows.asking = false;
	if (view_failed(v, f))
		return;
	list_begin(v->list);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		for (const struct json *r = json_first(f->data); r;
		     r = json_next(r)) {
			struct str state = STR("");

			if (json_may_str(r, "state", &state, NULL) == OK &&
			    str_eq(state, str_of(states[i])))
				list_add(v->list, view_output(v), r);
		}
	list_end(v->list);
}

static void
ask(struct view *v)
{
	struct state *s = v->state;

	if (s->rows.asking)
		return;
	s->rows.asking = true;
	view_ask(v, CTL_M_doctor, take_findings);
}

static void
again(struct view *v)
{
	view_say(v, PAINT_DIM, "%s", _("Everything is being looked at."));
	ask(v);
}

static void
draw(struct view *v, const struct area *a)
{
	static const char *const told[] = { "object", "text", "advice", NULL };

	if (!v->answered)
		draw_text(a, 1, 0, PAINT_DIM,
		    str_of(_("Everything is being looked at; places that "
			     "accounts go to may take some seconds.")));
	list_view_draw_noted(v, a, told);
}

static const struct key keys[] = {
	{ "r", CTL_OPS, N_("again"), N_("look again"), again },
	{ .presses = NULL },
};

const struct screen screen_doctor = {
	.name = "doctor",
	.title = N_("Doctor"),
	.role = CTL_OPS,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_doctor,
	.ask = ask,
	.draw = draw,
	.close = list_view_close,
};
