/* SPDX-License-Identifier: MIT */
/* prompt.h - the line at the bottom in which something is typed: a command
 * behind ':', what is searched behind '/'.
 *
 * Commands complete from the table of control methods and the names of screens;
 * names that only the daemon knows are asked for by whoever owns the prompt. */
#ifndef RELAY_TUI_PROMPT_H
#define RELAY_TUI_PROMPT_H

#include "relay-tui/complete.h"
#include "relay-tui/line_edit.h"

#define PROMPT_HISTORY 50

enum prompt_kind {
	PROMPT_NONE,
	PROMPT_COMMAND,
	PROMPT_SEARCH,
};

enum prompt_event {
	PROMPT_GOES_ON,
	PROMPT_TYPED, /* the text is another */
	PROMPT_DONE,  /* Enter */
	PROMPT_LEFT,  /* Esc */
	PROMPT_NAMES, /* Tab: the lists of prompt.found are to be asked for */
};

struct prompt {
	enum prompt_kind kind;
	struct line_edit line;
	struct buf choices; /* lines: what the last word may become */
	/* What Tab was pressed for; lists that are not there yet, and a number
	 * that tells their answers from those for an earlier Tab. */
	struct completion found;
	unsigned missing, ticket;
	char *history[PROMPT_HISTORY];
	unsigned history_count, history_at;
};

void prompt_init(struct prompt *p);
void prompt_fini(struct prompt *p);
void prompt_open(struct prompt *p, enum prompt_kind kind, struct str text);
void prompt_close(struct prompt *p);
enum prompt_event prompt_press(struct prompt *p, const struct press *press);
/* The rows of the list found.asks[i]; NULL: they cannot be had. */
void prompt_take_rows(struct prompt *p, unsigned ticket, unsigned i,
    const struct json *rows);
void prompt_draw(struct prompt *p, const struct area *a, int row);

/* Words of a line; quotes keep blanks.  They point into `room`, as long as the
 * line and one more.  -1: too many, or a quote is left open. */
int prompt_words(struct str line, char *room, const char **words, int most);

#endif
