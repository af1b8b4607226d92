/* SPDX-License-Identifier: MIT */
/* quoted.h - run through the inside of a JSON string, fast.
 *
 * Most of what passes here is inside quotes: prompts, tool output, pictures
 * in base64.  This finds the closing quote, and the first byte that must not
 * stand in a string (a control character, an escape that does not exist). */
#ifndef PROTO_QUOTED_H
#define PROTO_QUOTED_H

#include "proto/str.h"

enum quoted {
	QUOTED_OPEN,   /* all bytes were fine, the string goes on */
	QUOTED_CLOSED, /* stopped at the closing quote */
	QUOTED_BAD,    /* stopped at a byte that must not be there */
};

/* Where an escape stands between two pieces of a string. */
enum {
	QUOTED_PLAIN = 0,
	QUOTED_ESCAPE = 1, /* behind a backslash */
	QUOTED_HEX = 2,	   /* four digits to come; 3: three; 5: one */
};

/* Run through bytes, which continue a string whose escape stands at *step
 * (QUOTED_PLAIN to begin with).  *out_used bytes stand before the stop. */
enum quoted quoted_skip(struct str bytes, unsigned *step, size_t *out_used);

/* The ways to do it, all with the same result, for tests: number 0 is the
 * plain one that works everywhere.  False when this machine has no such. */
bool quoted_skip_by(unsigned way, struct str bytes, unsigned *step,
    size_t *out_used, enum quoted *out_verdict);

#endif
