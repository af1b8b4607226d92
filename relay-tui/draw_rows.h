/* SPDX-License-Identifier: MIT */
/* draw_rows.h - rows of an answer as a small table within a page that is
 * scrolled as a whole: nothing in it can be chosen. */
#ifndef RELAY_TUI_DRAW_ROWS_H
#define RELAY_TUI_DRAW_ROWS_H

#include "relay-tui/draw.h"

/* Heads and rows of an array, at a row of the area that may be above or below
 * of what is seen; returns how many rows it takes. */
int draw_rows(const struct area *a, int row, const struct output *o,
    const struct column *columns, const struct json *rows);

#endif
