/* SPDX-License-Identifier: MIT */
/* record_view.c - a screen that shows one thing. */
#include "relay-tui/record_view.h"

#include <stdlib.h>

#include "relay-tui/show.h"

void
record_view_open(struct view *v, enum ctl_method method, const char *key,
    const struct column *columns)
{
	struct record_view *s = v->state;

	s->method = method;
	s->key = key;
	s->columns = columns;
	v->reads_text = true;
}

static void
forget(struct record_view *s)
{
	if (s->is_shown)
		ctl_frame_fini(&s->shown);
	s->is_shown = false;
}

void
record_view_close(struct view *v)
{
	forget(v->state);
}

static void
take_record(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct record_view *s = v->state;

	(void)user;
	if (view_failed(v, f))
		return;
	forget(s);
	s->shown = view_keep(v);
	s->is_shown = true;
}

void
record_view_ask(struct view *v)
{
	struct record_view *s = v->state;

	if (s->key)
		view_ask_about(v, s->method, s->key, str_of(v->about),
		    take_record);
	else
		view_ask(v, s->method, take_record);
}

void
record_view_draw(struct view *v, const struct area *a)
{
	const struct record_view *s = v->state;

	draw_rule(a, -v->top, str_of(v->about));
	v->lines = 1;
	if (s->is_shown)
		v->lines += draw_record(a, view_output(v), s->columns,
		    s->shown.data, v->top - 1);
	view_status(v, "%s", v->about);
}

void
answer_open(struct view *v, const char *title, enum ctl_method method,
    const struct ctl_frame *f)
{
	struct output out = *view_output(v);
	char *text = NULL;
	size_t len = 0;
	struct show show;

	out.to = open_memstream(&text, &len);
	if (!out.to)
		return;
	out.aside = out.to;
	if (show_begin(&show, &out, method, NULL) == OK) {
		show_page(&show, f->data);
		show_end(&show);
	}
	fclose(out.to);
	view_open_text(v, title, str_at(text, len));
	free(text);
}
