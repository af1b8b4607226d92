/* SPDX-License-Identifier: MIT */
/* trace.c - the requests that a trace (about) holds, and one of them with its
 * parts. */
#include <stdlib.h>

#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/trace_view.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
put_trace(struct view *v, struct json_out *j)
{
	json_say(j, "trace", str_of(v->about));
}

static void
open_trace(struct view *v)
{
	struct state *s = v->state;

	list_view_open(v, CTL_M_trace_show, receipt_columns, "id",
	    N_("It holds no request yet. What its key or account does from now "
	       "on shows up here."));
	s->rows.put = put_trace;
}

static void
take_request(void *owner, void *user, const struct ctl_frame *f)
{
	struct output out = *view_output(owner);
	char *text = NULL;
	size_t len = 0;

	(void)user;
	if (view_failed(owner, f))
		return;
	out.to = open_memstream(&text, &len);
	if (!out.to)
		return;
	trace_print(&out, f->data);
	fclose(out.to);
	view_open_text(owner, _("A request that was traced"),
	    str_at(text, len));
	free(text);
}

static void
open_request(struct view *v)
{
	struct json_out *j;

	if (!list_view_chosen(v).len)
		return;
	j = view_begin(v, CTL_M_trace_show);
	json_say(j, "trace", str_of(v->about));
	json_say(j, "request", list_view_chosen(v));
	view_send(v, take_request, NULL);
}

static void
stop(struct view *v)
{
	view_do(v, CTL_M_trace_stop, "trace", str_of(v->about),
	    N_("stopped; what it holds stays for a while"));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_ADMIN, N_("open"),
	    N_("show the request: times, tries, heads"), open_request },
	{ "x", CTL_ADMIN, N_("stop"), N_("end the trace now"), stop },
	{ .presses = NULL },
};

const struct screen screen_trace = {
	.name = "trace",
	.title = N_("Trace"),
	.role = CTL_ADMIN,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_trace,
	.ask = list_view_ask,
	/* Every look at it is a row of the audit. */
	.draw = list_view_draw,
	.close = list_view_close,
};
