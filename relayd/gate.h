/* SPDX-License-Identifier: MIT */
/* gate.h - why an account may not be used just now, and until when: all of it,
 * or for some models alone. */
#ifndef RELAYD_GATE_H
#define RELAYD_GATE_H

#include <stdint.h>

#include "proto/http1.h"

enum gate {
#define X(NAME, name, text) GATE_##NAME,
#include "relayd/gate.def"
#undef X
	GATE_COUNT
};

#define GATE_REASON 96
/* Limits come seldom: so long after one, the next is the first again. */
#define GATE_DECAY_MS (5 * 60000)

struct gates {
	int64_t until_ms[GATE_COUNT];  /* monotonic; 0 or past: open */
	unsigned strikes[GATE_COUNT];  /* in a row, for growing waits */
	int64_t struck_ms[GATE_COUNT]; /* when the last of them was */
	char reason[GATE_COUNT][GATE_REASON];
};

const char *gate_name(enum gate g); /* "rate" */
const char *gate_text(enum gate g); /* "rate limited" */
/* By name; false: there is none. */
bool gate_find(struct str name, enum gate *out);

/* Shut until at least that moment. */
void gate_shut(struct gates *g, enum gate which, int64_t until_ms,
    const char *reason);
void gate_open(struct gates *g, enum gate which);
void gate_open_all(struct gates *g);
/* The account has just answered well: forget its failures.  A limit, and a
 * word about its credential or credit, stands until its time: the answer may
 * be one to a request that was sent before. */
void gate_succeeded(struct gates *g, int64_t now_ms);
/* Failures in a row, as far as they still count. */
unsigned gate_strikes(const struct gates *g, enum gate which, int64_t now_ms);
/* The moment at which the last shut gate opens, or 0 when all are open now;
 * *out_which is that gate. */
int64_t gate_until(const struct gates *g, int64_t now_ms, enum gate *out_which);

/* --- for some models alone ------------------------------------------------- */

#define GATE_PARTS_MAX 8
#define GATE_PART_NAME 64

/* A family of models (family.def), or one model by its name; or what of it
 * wants a long context. */
struct gate_part {
	char of[GATE_PART_NAME];
	bool is_long;
	enum gate which;
	unsigned strikes;
	int64_t until_ms, struck_ms;
	char reason[GATE_REASON];
};

struct gate_parts {
	struct gate_part at[GATE_PARTS_MAX];
	unsigned count;
};

/* The part's row, made when it is not there; the one that opens first gives
 * way when there is no room. */
struct gate_part *gate_part_of(struct gate_parts *p, struct str of,
    bool is_long, enum gate which, int64_t now_ms);
/* When the last gate opens that stands before this request, or 0.  `head` is
 * the client's, or NULL. */
int64_t gate_part_until(const struct gate_parts *p, struct str model,
    const struct http1_head *head, int64_t now_ms, enum gate *out_which);
/* When the last of them opens, whatever is asked for; 0: all are open. */
int64_t gate_parts_until(const struct gate_parts *p, int64_t now_ms);
/* Those of that name, or all (empty); how many were shut. */
unsigned gate_part_open(struct gate_parts *p, struct str of, int64_t now_ms);

#endif
