/* SPDX-License-Identifier: MIT */
/* traces.c - requests whose details are kept for a while. */
#include "relay-tui/form_view.h"
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_traces(struct view *v)
{
	list_view_open(v, CTL_M_trace_list, trace_columns, "id",
	    N_("There are no traces. Press a to keep the details of the "
	       "requests of a key or an account for some minutes."));
}

static void
open_one(struct view *v)
{
	list_view_open_chosen(v, "trace");
}

static void
add(struct view *v)
{
	view_open(v, "trace_new", STR(""));
}

static void
stop(struct view *v)
{
	if (list_view_chosen(v).len)
		view_do(v, CTL_M_trace_stop, "trace", list_view_chosen(v),
		    N_("stopped; what it holds stays for a while"));
}

static void
drop(struct view *v)
{
	if (list_view_chosen(v).len)
		view_confirm(v, N_("Remove the trace, and what it holds:"),
		    CTL_M_trace_rm, "trace", list_view_chosen(v),
		    N_("removed"));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_ADMIN, N_("open"), N_("show its requests"),
	    open_one },
	{ "a", CTL_ADMIN, N_("start"), N_("start one"), add },
	{ "x", CTL_ADMIN, N_("stop"), N_("end it now"), stop },
	{ "D Delete", CTL_ADMIN, N_("remove"), N_("remove it"), drop },
	{ .presses = NULL },
};

const struct screen screen_traces = {
	.name = "traces",
	.title = N_("Traces"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_traces,
	.ask = list_view_ask,
	.every_ms = 1000,
	.draw = list_view_draw,
	.close = list_view_close,
};

/* --- one to be started ----------------------------------------------------- */

static const struct form_row rows[] = {
	{ "key", FORM_TEXT, false, NULL,
	    N_("of which key? This, an account, or all") },
	{ "account", FORM_TEXT, false, NULL, N_("of which account?") },
	{ "all", FORM_FLAG, false, NULL, N_("of everybody") },
	{ "for", FORM_TEXT, true, NULL,
	    N_("how long: 10m, 1h; at most 24 hours") },
	{ "bodies", FORM_FLAG, false, NULL,
	    N_("keep bodies too, not only heads: what people wrote is in "
	       "them") },
	{ "max", FORM_COUNT, false, NULL,
	    N_("no more than so many requests; empty: 50") },
	{ .name = NULL },
};

static const struct form_spec plan_new = {
	.title = N_("A new trace"),
	.said = N_("started; Enter shows its requests"),
	.rows = rows,
	.method = CTL_M_trace_start,
	.shows = CTL_M_trace_start,
};

static void
open_trace_new(struct view *v)
{
	struct form_view *s = v->state;

	form_view_open(v, &plan_new);
	line_edit_set(&s->form.fields[3].line, STR("10m"));
}

const struct screen screen_trace_new = {
	.name = "trace_new",
	.title = N_("New trace"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_trace_new,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};
