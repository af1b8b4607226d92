/* SPDX-License-Identifier: MIT */
/* usage_ask.h - a question about usage that a screen asks, all pages of it.
 *
 * The numbers that come replace those of before when all are there. */
#ifndef RELAY_TUI_USAGE_ASK_H
#define RELAY_TUI_USAGE_ASK_H

#include "relay-tui/usage_rows.h"
#include "relay-tui/view.h"

/* Of zeros, and what is to be asked: nothing yet. */
struct usage_ask {
	const char *by, *per; /* per NULL: of the whole time */
	int64_t top;	      /* 0: all */
	/* Puts since and until into an object that is open. */
	void (*put_when)(struct view *v, struct json_out *j);
	/* Called with each page, and when all are there; either may be NULL. */
	void (*page)(struct view *v, const struct json *data, bool is_first);
	void (*done)(struct view *v);
	bool drops_rows; /* they are page()'s alone */
	/* What came. */
	struct usage_rows rows, coming;
	bool loaded, asking, had_page;
};

/* Ask it, unless it is being asked. */
void usage_ask(struct usage_ask *q, struct view *v);
/* The parameters of it alone. */
void
usage_ask_put(const struct usage_ask *q, struct view *v, struct json_out *j);
/* It is another question from now on; the calls of the view are forgotten by
 * the screen. */
void usage_ask_fini(struct usage_ask *q);

#endif
