/* SPDX-License-Identifier: MIT */
/* answer.h - what is said (struct answer), and the bytes it becomes (struct
 * wire).
 *
 * A dialect fills an answer: status, header lines, and a body in pieces, each
 * due some time after the one before it.  wire_make() frames it, with every
 * fault of the script already in the bytes:
 *
 *	bytes	| interim | head | piece | piece |      piece      | end |
 *	steps	|      first     |     second    |      third            |
 *
 * A step is sent when its wait is over; what follows the last is `finish`. */
#ifndef TESTS_UPSTREAM_ANSWER_H
#define TESTS_UPSTREAM_ANSWER_H

#include <stdint.h>

#include "proto/buf.h"

#include "tests/upstream/script.h"

struct piece {
	size_t end;
	int64_t wait_ms;
};

struct pieces {
	struct piece *at;
	size_t used, size;
};

struct answer {
	int status;
	/* The length is not known beforehand: chunked. */
	bool stream;
	/* The request was HEAD, or HTTP/1.0, or wants to close. */
	bool no_body, old, close;
	struct buf head;
	struct buf body;
	struct pieces pieces;
};

enum finish {
	FINISH_KEEP,
	FINISH_FIN,
	FINISH_CUT,
	FINISH_RST,
	FINISH_HANG
};

struct wire {
	unsigned refs;
	struct buf bytes;
	struct pieces steps;
	enum finish finish;
	/* FINISH_KEEP: how long it is kept without a next request; < 0: for
	 * ever. */
	int64_t keep_ms;
	/* At the end begin again, for ever. */
	bool repeat;
	/* Steps tell when they are sent. */
	bool stamped;
};

void answer_init(struct answer *a);
void answer_fini(struct answer *a);
/* Add a header line. */
void answer_header(struct answer *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* What was added to the body since the last call is one piece. */
void answer_piece(struct answer *a, int64_t wait_ms);
/* Forget the body. */
void answer_clear(struct answer *a);

/* The bytes of an answer under a script; the answer's body may be changed. */
struct wire *wire_make(struct answer *a, const struct script *s);
/* A wire without bytes that ends so, after a while. */
struct wire *wire_silent(enum finish finish, int64_t wait_ms);
struct wire *wire_ref(struct wire *w);
void wire_unref(struct wire *w);

#endif
