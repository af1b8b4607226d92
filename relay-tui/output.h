/* SPDX-License-Identifier: MIT */
/* output.h - where answers go, and foreign text made harmless on the way.
 *
 * Text that comes from a provider, a client or a record may hold anything; a
 * terminal obeys control bytes.  Everything foreign passes text_clean(). */
#ifndef RELAY_TUI_OUTPUT_H
#define RELAY_TUI_OUTPUT_H

#include <stdio.h>

#include "proto/buf.h"
#include "proto/json.h"

#include "relay-tui/paint.h"
#include "relay-tui/text.h"

struct output {
	FILE *to;
	FILE *aside;	     /* what is to be known, but not to be copied */
	bool json;	     /* for programs */
	bool csv;	     /* for programs, lists only */
	bool ascii;	     /* the locale has no UTF-8 to draw with */
	bool colour;	     /* a terminal that wants it */
	int width;	     /* of the terminal; 0: no limit */
	const char *columns; /* the only ones wanted: "name,cost"; or NULL */
	char zone[64];	     /* of the moments it tells; empty: the process's */
	int64_t now_ms;
};

/* Terminal, NO_COLOR and TERM decide about colour, COLUMNS or the terminal
 * about width. */
void output_init(struct output *o, FILE *to, bool json);
/* From here on "ago" is counted from this moment: an answer has come. */
void output_take_now(struct output *o);
/* What pictures may take: the width, or 80 columns where there is none. */
int output_columns(const struct output *o);

/* Clean text, painted. */
void out_paint(struct output *o, enum paint p, struct str clean);
/* Clean text of a sentence or two, in lines that fit. */
void out_lines(struct output *o, enum paint p, struct str clean);
/* Foreign text, cleaned. */
void out_foreign(struct output *o, struct str s);
/* A tree as one line of JSON. */
void out_json(struct output *o, const struct json *v);

#endif
