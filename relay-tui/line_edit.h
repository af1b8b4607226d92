/* SPDX-License-Identifier: MIT */
/* line_edit.h - one line being typed: UTF-8, a cursor between characters. */
#ifndef RELAY_TUI_LINE_EDIT_H
#define RELAY_TUI_LINE_EDIT_H

#include "relay-tui/draw.h"
#include "relay-tui/press.h"

#define LINE_EDIT_MAX (16 * 1024)

struct line_edit {
	struct buf text;
	size_t at;    /* the cursor, in bytes */
	bool secret;  /* shown as dots, wiped at the end */
	int scrolled; /* columns that are left of what is shown */
};

void line_edit_init(struct line_edit *l, bool secret);
void line_edit_fini(struct line_edit *l);
void line_edit_set(struct line_edit *l, struct str s);
struct str line_edit_str(const struct line_edit *l);

/* Type, move, delete, paste (line ends become blanks at the ends of text, and
 * nothing inside a secret).  False: this key means nothing to a line. */
bool line_edit_press(struct line_edit *l, const struct press *p);
/* In one row, in so many columns; with the cursor where it is active. */
void line_edit_draw(struct line_edit *l, const struct area *a, int row,
    int column, int columns, bool active);

#endif
