/* SPDX-License-Identifier: MIT */
/* form_page.h - a screen that is a form whose answers are no parameters of one
 * method, as those of form_view.h are: the screen takes them itself.
 *
 *	struct state {
 *		struct form_page asked;	first
 *		...
 *	};
 *	static void
 *	open(struct view *v)
 *	{
 *		struct form *f = form_page_open(v, N_("..."), save);
 *
 *		form_add(f, "rate", FORM_TEXT, true, NULL, _("..."));
 *	}
 *	.keys = form_page_keys, .press = form_page_press,
 *	.draw = form_page_draw, .close = form_page_close,
 *
 * save() either begins a call and sends it with form_page_send(), or is done
 * with what was typed and goes back by itself. */
#ifndef RELAY_TUI_FORM_PAGE_H
#define RELAY_TUI_FORM_PAGE_H

#include "relay-tui/form.h"
#include "relay-tui/view.h"

struct form_page {
	struct form form;
	const char *title, *said; /* N_() */
	void (*save)(struct view *v);
	bool saving;
};

/* `title` stands above the fields, with what the view is about. */
struct form *
form_page_open(struct view *v, const char *title, void (*save)(struct view *v));
/* Send what was begun: a refusal is shown at its field; else `said` is told,
 * the view is left, and the one below asks again. */
void form_page_send(struct view *v, const char *said);
/* The same with a callback of its own, which begins with this: false where it
 * was refused. */
bool form_page_took(struct view *v, const struct ctl_frame *f);

bool form_page_press(struct view *v, const struct press *p);
void form_page_draw(struct view *v, const struct area *a);
void form_page_close(struct view *v);
/* For the footer and the help; ADMIN's, and anybody's. */
extern const struct key form_page_keys[], form_page_plain_keys[];

#endif
