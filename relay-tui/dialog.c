/* SPDX-License-Identifier: MIT */
/* dialog.c - a question that has to be answered before anything else. */
#include "relay-tui/dialog.h"

#include <stdlib.h>

#include "proto/mem.h"

#include "relay-tui/words.h"

#define WIDTH 60

static void
end(struct dialog *d, bool yes)
{
	struct dialog was = *d;

	*d = (struct dialog){ .question = NULL };
	if (was.question && yes)
		was.yes(was.user);
	if (was.question && was.gone)
		was.gone(was.user);
	free(was.question);
}

void
dialog_ask(struct dialog *d, const char *question, void (*yes)(void *user),
    void (*gone)(void *user), void *user)
{
	end(d, false);
	*d = (struct dialog){ .question = xstrdup(question),
		.yes = yes,
		.gone = gone,
		.user = user };
}

bool
dialog_is_open(const struct dialog *d)
{
	return d->question != NULL;
}

void
dialog_press(struct dialog *d, const struct press *p)
{
	if (p->kind != PRESS_KEY)
		return;
	if (p->code == 'y' || p->code == 'Y')
		end(d, true);
	else if (p->code == 'n' || p->code == 'N' || p->code == 'q' ||
	    p->code == PRESS_ESC || p->code == PRESS_ENTER)
		end(d, false);
}

void
dialog_draw(const struct dialog *d, const struct area *a)
{
	int columns = a->columns < WIDTH ? a->columns : WIDTH;
	int rows = a->rows < 7 ? a->rows : 7;
	struct area box = draw_part(a, (a->rows - rows) / 2,
	    (a->columns - columns) / 2, rows, columns);
	struct area in;
	int at;

	if (!d->question)
		return;
	in = draw_frame(&box, str_of(_("Sure?")));
	draw_lines(&in, 0, 0, PAINT_PLAIN, str_of(d->question));
	at = draw_text(&in, in.rows - 1, 0, PAINT_KEY, STR("y"));
	at = draw_textf(&in, in.rows - 1, at, PAINT_PLAIN, " %s   ", _("yes"));
	at = draw_text(&in, in.rows - 1, at, PAINT_KEY, STR("n"));
	draw_textf(&in, in.rows - 1, at, PAINT_PLAIN, " %s", _("no"));
}

void
dialog_fini(struct dialog *d)
{
	end(d, false);
}
