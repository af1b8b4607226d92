/* SPDX-License-Identifier: MIT */
/* gate.h - why an account may not be used just now, and until when. */
#ifndef RELAYD_GATE_H
#define RELAYD_GATE_H

#include <stdint.h>

enum gate {
#define X(name, text) GATE_##name,
#include "relayd/gate.def"
#undef X
	GATE_COUNT
};

struct gates {
	int64_t until_ms[GATE_COUNT]; /* monotonic; 0 or past: open */
	unsigned strikes[GATE_COUNT]; /* in a row, for growing waits */
	char reason[GATE_COUNT][96];
};

const char *gate_name(enum gate g); /* "rate" */
const char *gate_text(enum gate g); /* "rate limited" */

/* Shut until at least that moment. */
void gate_shut(struct gates *g, enum gate which, int64_t until_ms,
    const char *reason);
void gate_open(struct gates *g, enum gate which);
void gate_open_all(struct gates *g);
/* The account has just answered well: forget its failures.  A limit, and a
 * word about its credential or credit, stands until its time: the answer may
 * be one to a request that was sent before. */
void gate_succeeded(struct gates *g, int64_t now_ms);
/* The moment at which the last shut gate opens, or 0 when all are open now;
 * *out_which is that gate. */
int64_t gate_until(const struct gates *g, int64_t now_ms, enum gate *out_which);

#endif
