/* SPDX-License-Identifier: MIT */
/* tally.h - what is counted of requests by their kind, and how long they took.
 *
 * Plain numbers that only grow, written on the loop as requests end and read
 * by metrics.c.  Every index is one of our own tables: nothing a client says
 * makes a new row. */
#ifndef RELAYD_TALLY_H
#define RELAYD_TALLY_H

#include "proto/dialect.h"
#include "proto/histogram.h"

#include "relayd/provider.h"
#include "relayd/receipt.h"
#include "relayd/verdict.h"

struct receipt_rec;

enum tally_dialect {
#define X(name) TALLY_##name,
#include "proto/dialect.def"
#undef X
	TALLY_DIALECTS
};

/* The operations of op.def, and one for what was no operation: a path that is
 * not served, or a browser's OPTIONS. */
enum {
	TALLY_NO_OP = 0
#define X(name, text) +1
#include "relayd/op.def"
#undef X
	    ,
	TALLY_OPS
};

/* Tokens, in classes that do not overlap. */
enum tally_class {
	TALLY_INPUT,
	TALLY_OUTPUT,
	TALLY_CACHE_READ,
	TALLY_CACHE_WRITE_5M,
	TALLY_CACHE_WRITE_1H,
	TALLY_CLASSES
};

enum tally_histogram {
#define X(name, metric, label, low, high, help) TALLY_H_##name,
#include "relayd/histogram.def"
#undef X
	TALLY_HISTOGRAMS
};

struct tally {
	uint64_t requests[TALLY_DIALECTS][TALLY_OPS][OUTCOME_COUNT];
	uint64_t attempts[ATTEMPT_OUTCOME_COUNT];
	uint64_t verdicts[VERDICT_COUNT];
	uint64_t tokens[TALLY_DIALECTS][TALLY_CLASSES];
	uint64_t reasoning[TALLY_DIALECTS];
	uint64_t estimated; /* requests whose tokens are */
	/* Micro-dollars, by the price list and at the rates. */
	uint64_t cost_micro[TALLY_DIALECTS], rated_micro[TALLY_DIALECTS];
	uint64_t unpriced; /* requests of which not all has a price */
	struct histogram took[TALLY_HISTOGRAMS];
};

struct tally_histogram_row {
	const char *metric, *label, *help;
	unsigned low, high;
};
const struct tally_histogram_row *tally_histogram_row(enum tally_histogram h);
/* "anthropic", "input". */
const char *tally_dialect_name(enum tally_dialect d);
const char *tally_class_name(enum tally_class c);

/* A request has ended; op is TALLY_NO_OP or one of enum op. */
void tally_request(struct tally *t, const struct dialect *dialect, unsigned op,
    enum outcome outcome);
/* It was tried at an account and its receipt is written; overhead_us: the part
 * of it that was relayd's. */
void tally_receipt(struct tally *t, const struct dialect *dialect,
    const struct receipt_rec *r, int64_t overhead_us);
/* A try has ended; connect_us is 0 when no connection was made for it. */
void tally_attempt(struct tally *t, enum attempt_outcome outcome,
    uint64_t connect_us);
/* A row of verdict.def has decided. */
void tally_verdict(struct tally *t, const struct verdict *v);

#endif
