/* SPDX-License-Identifier: MIT */
/* script.h - relay-tui played by a file: presses, waits and dumps, without a
 * terminal.
 *
 *	size 80 24		columns and rows
 *	key j j Enter C-c	as press.def names them
 *	text some words		typed, the rest of the line
 *	paste some\nlines	pasted; \n and \\ mean what they say
 *	timeout 30		seconds that a wait may take from here on (10)
 *	wait-for Accounts	until it is to be read in a row
 *	wait-gone Accounts	until it is not
 *	settle			until nothing is being asked
 *	dump			the screen as text
 *	dump paint		what its cells mean, by the letters of theme.def
 *	dump clipboard		what was copied last
 *	say some words		a line between dumps
 *	# a comment
 *
 * A wait that takes too long ends the script with what was on the screen. */
#ifndef RELAY_TUI_SCRIPT_H
#define RELAY_TUI_SCRIPT_H

#include <stdio.h>

#include "relay-tui/app.h"

enum script_state {
	SCRIPT_WAITS,
	SCRIPT_DONE,
	SCRIPT_FAILED,
};

struct script {
	struct app *app;
	FILE *out;
	struct str rest;	      /* lines that come */
	unsigned number;	      /* of the line that is played */
	int64_t timeout_ms, since_ms; /* since_ms: the line began to wait */
};

/* The text is borrowed. */
void script_init(struct script *s, struct app *a, struct str text, FILE *out);
/* As far as it goes now.  The grid is drawn by it as needed. */
enum script_state script_run(struct script *s, struct why *out_why);
/* The screen as text, drawn first. */
void script_dump(struct app *a, bool paints, FILE *out);

#endif
