/* SPDX-License-Identifier: MIT */
/* text.c - lines to read: the help, the answer of a command. */
#include "relay-tui/view.h"
#include "relay-tui/words.h"

#define TEXT_MAX (4 * 1024 * 1024)

struct state {
	struct buf text;
};

static void
text_open(struct view *v)
{
	struct state *s = v->state;

	buf_init(&s->text, TEXT_MAX);
	v->reads_text = true;
	v->answered = true;
}

static void
text_close(struct view *v)
{
	struct state *s = v->state;

	/* A new key may be among it. */
	buf_wipe(&s->text);
}

void
screen_text_set(struct view *v, struct str lines)
{
	struct state *s = v->state;

	buf_wipe(&s->text);
	if (buf_add(&s->text, lines))
		buf_must(&s->text, str_of(_("This is too much to be shown.")));
	v->top = 0;
	view_changed(v);
}

static void
text_draw(struct view *v, const struct area *a)
{
	struct state *s = v->state;
	struct str rest = buf_str(&s->text);
	int line = 0;

	while (rest.len)
		line += draw_wrapped(a, line - v->top, PAINT_PLAIN,
		    str_cut(&rest, '\n'));
	v->lines = line;
	view_status(v, "%s", v->about);
}

const struct screen screen_text = {
	.name = "text",
	.title = N_("Text"),
	.state_size = sizeof(struct state),
	.open = text_open,
	.draw = text_draw,
	.close = text_close,
};
