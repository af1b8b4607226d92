/* SPDX-License-Identifier: MIT */
/* screen.h - what a screen is: its members, and where all of them stand.
 *
 * A screen turns answers and keys into drawings; it never waits, and knows no
 * terminal.  It is a file in screen/ and a row in screen.def. */
#ifndef RELAY_TUI_SCREEN_H
#define RELAY_TUI_SCREEN_H

#include "relay-tui/draw.h"
#include "relay-tui/key.h"

struct view;

struct screen {
	const char *name;	/* as in screen.def */
	const char *title;	/* N_() */
	enum ctl_role role;	/* the least that sees anything here */
	const struct key *keys; /* of this screen alone; NULL: none */
	size_t state_size;	/* of view.state, zeroed memory */

	/* Something is looked at: view.about says what, where that matters. */
	void (*open)(struct view *v);
	/* Ask the daemon: at once and after each reconnection, then every
	 * every_ms (0: never again).  NULL: nothing is asked. */
	void (*ask)(struct view *v);
	int64_t every_ms;
	/* A key or a paste before anybody else sees it.  True: taken.  NULL:
	 * keys are those of the tables. */
	bool (*press)(struct view *v, const struct press *p);
	void (*draw)(struct view *v, const struct area *a);
	/* NULL: there is nothing to give back. */
	void (*close)(struct view *v);
};

/* i counts from 0, tabs and pages; NULL ends. */
const struct screen *screen_at(unsigned i);
const struct screen *screen_find(struct str name);
/* The so-manieth tab, from 0; NULL ends. */
const struct screen *screen_tab(unsigned wanted);
/* Which tab it is; -1: a page. */
int screen_tab_of(const struct screen *s);

#endif
