/* SPDX-License-Identifier: MIT */
/* printed.h - what relayctl prints of an answer, as lines of a screen: the same
 * words, wherever they are read. */
#ifndef RELAY_TUI_PRINTED_H
#define RELAY_TUI_PRINTED_H

#include "relay-tui/draw.h"

typedef void printed_by(struct output *o, const struct json *data);

/* Print for so many columns, appended to out; what texts mean is kept. */
void printed_add(const struct output *like, int columns, printed_by *by,
    const struct json *data, struct buf *out);
/* Where something is printed that takes more than an answer: printed_close()
 * appends it to out. */
struct printed {
	struct output output;
	char *text;
	size_t len;
};
bool printed_open(struct printed *p, const struct output *like, int columns);
void printed_close(struct printed *p, struct buf *out);

/* Draw such lines from this row of the area on; returns their number. */
int printed_draw(const struct area *a, int row, struct str lines);

#endif
