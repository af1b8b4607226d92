/* SPDX-License-Identifier: MIT */
/* request.c - one request: what it went through, and why, as `relayctl why`
 * tells it; while it is under way the story grows. */
#include <stdio.h>
#include <stdlib.h>

#include "relay-tui/noun.h"
#include "relay-tui/view.h"
#include "relay-tui/words.h"

struct state {
	struct ctl_frame shown;
	bool is_shown, is_over;
};

static void
open_request(struct view *v)
{
	v->reads_text = true;
}

static void
forget(struct state *s)
{
	if (s->is_shown)
		ctl_frame_fini(&s->shown);
	s->is_shown = false;
}

static void
close_request(struct view *v)
{
	forget(v->state);
}

static void
take_why(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;
	bool live = false;

	(void)user;
	if (view_failed(v, f)) {
		s->is_over = true;
		return;
	}
	if (json_may_bool(f->data, "live", &live, NULL))
		live = false;
	s->is_over = !live;
	forget(s);
	s->shown = view_keep(v);
	s->is_shown = true;
}

static void
ask(struct view *v)
{
	struct state *s = v->state;

	if (!s->is_over)
		view_ask_about(v, CTL_M_why, "request", str_of(v->about),
		    take_why);
}

static void
end_it(struct view *v)
{
	view_confirm(v, N_("End the request:"), CTL_M_session_kill, "request",
	    str_of(v->about), N_("ended"));
}

static const char *
refuses(const struct view *v, const struct key *k)
{
	const struct state *s = v->state;

	return s->is_over && k->does == end_it ? N_("it has ended already")
					       : NULL;
}

static void
copy_id(struct view *v)
{
	view_copy(v, str_of(v->about));
	view_say(v, PAINT_DIM, "%s",
	    _("given to your terminal's clipboard, if that is allowed there"));
}

static const struct key keys[] = {
	{ "K Delete", CTL_OPS, N_("kill"), N_("end it now"), end_it },
	{ "y", CTL_SELF, N_("copy id"), N_("copy its id"), copy_id },
	{ .presses = NULL },
};

static void
draw(struct view *v, const struct area *a)
{
	const struct state *s = v->state;
	struct output o = *view_output(v);
	size_t len = 0;
	char *text = NULL;
	struct str rest;
	int line = 0;

	view_status(v, "%s", v->about);
	if (!s->is_shown)
		return;
	o.to = open_memstream(&text, &len);
	if (!o.to)
		return;
	o.aside = o.to;
	o.colour = false;
	o.width = a->columns;
	print_why(&o, s->shown.data);
	fclose(o.to);
	rest = str_at(text, len);
	while (rest.len)
		line += draw_wrapped(a, line - v->top, PAINT_PLAIN,
		    str_cut(&rest, '\n'));
	v->lines = line;
	free(text);
}

const struct screen screen_request = {
	.name = "request",
	.title = N_("Request"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_request,
	.ask = ask,
	.every_ms = 500,
	.refuses = refuses,
	.draw = draw,
	.close = close_request,
};
