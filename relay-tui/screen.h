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
	/* Something is pasted, into the screen or into its search.  True:
	 * taken.  NULL: there is nothing to paste into. */
	bool (*paste)(struct view *v, struct str text);
	/* It is about to be left, for a page before or another tab.  False: not
	 * now, it has asked why.  NULL: it may always be left. */
	bool (*leave)(struct view *v);
	/* Why one of `keys` can do nothing just now, N_(): it is greyed out
	 * then.  NULL: it can. */
	const char *(*refuses)(const struct view *v, const struct key *k);
	void (*draw)(struct view *v, const struct area *a);
	/* NULL: there is nothing to give back. */
	void (*close)(struct view *v);
};

/* i counts from 0, tabs and pages; NULL ends. */
const struct screen *screen_at(unsigned i);
const struct screen *screen_find(struct str name);
/* The so-manieth tab, from 0; NULL ends. */
const struct screen *screen_tab(unsigned wanted);
/* Which tab it is; -1: none. */
int screen_tab_of(const struct screen *s);
/* Does its name alone open it?  Pages are about something. */
bool screen_is_named(const struct screen *s);

#endif
