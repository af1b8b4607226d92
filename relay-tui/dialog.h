/* SPDX-License-Identifier: MIT */
/* dialog.h - a question that has to be answered before anything else: yes or
 * no.  What destroys says what it destroys, and "no" is what Enter means. */
#ifndef RELAY_TUI_DIALOG_H
#define RELAY_TUI_DIALOG_H

#include "relay-tui/draw.h"
#include "relay-tui/press.h"

struct dialog {
	char *question; /* NULL: none is asked */
	void (*yes)(void *user);
	void (*gone)(void *user); /* in any case, afterwards: frees user */
	void *user;
};

/* One that is asked already is answered with no. */
void dialog_ask(struct dialog *d, const char *question, void (*yes)(void *user),
    void (*gone)(void *user), void *user);
bool dialog_is_open(const struct dialog *d);
/* Every key is taken while it is open. */
void dialog_press(struct dialog *d, const struct press *p);
void dialog_draw(const struct dialog *d, const struct area *a);
void dialog_fini(struct dialog *d);

#endif
