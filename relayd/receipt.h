/* SPDX-License-Identifier: MIT */
/* receipt.h - the words of receipts: how requests and tries end, and flags.
 *
 * The numbers are kept on disk (store/rec/receipt.def), the words are what
 * relayctl and JSON show.  A number this program does not know has the word
 * "unknown". */
#ifndef RELAYD_RECEIPT_H
#define RELAYD_RECEIPT_H

#include "proto/str.h"
#include "proto/usage.h"

struct attempt_rec;
struct buf;
struct receipt_rec;

enum outcome {
#define X(name, word, text) OUTCOME_##name,
#include "relayd/outcome.def"
#undef X
	OUTCOME_COUNT
};

enum attempt_outcome {
#define X(name, word, text) ATTEMPT_##name,
#include "relayd/attempt_outcome.def"
#undef X
	ATTEMPT_OUTCOME_COUNT
};

enum receipt_flag {
#define X(name, bit, word, text) RECEIPT_##name = 1 << (bit),
#include "relayd/receipt_flag.def"
#undef X
};

/* The word, and a sentence for people; of a number as it is kept. */
const char *outcome_name(uint64_t outcome);
const char *outcome_text(uint64_t outcome);
const char *attempt_outcome_name(uint64_t outcome);

/* The word of the lowest bit in *rest, which is taken out of it; NULL when no
 * bit is left:  while ((word = receipt_flag_next(&rest))) ... */
const char *receipt_flag_next(uint64_t *rest);

/* Did the client get no whole answer? */
bool receipt_is_error(const struct receipt_rec *r);
/* Usage into a receipt, and out of it. */
void receipt_set_usage(struct receipt_rec *r, const struct usage *u);
struct usage receipt_usage(const struct receipt_rec *r);

/* Most requests are one try at the account that answered, so in the store a try
 * at the receipt's own account does not say its name again.  The next of
 * *io_rest, r->attempts at first, with the name; false at the end. */
bool receipt_attempts_next(const struct receipt_rec *r, struct str *io_rest,
    struct attempt_rec *out);
/* Make the attempts so.  They stand in `out` then, which must last. */
void receipt_compact(struct receipt_rec *io, struct buf *out);

#endif
