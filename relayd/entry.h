/* SPDX-License-Identifier: MIT */
/* entry.h - what the ledger says of a request in the ring.
 *
 *	OPEN	what is known when it is sent to an account for the first time
 *	DONE	its receipt, whole
 *	END	its receipt when the ring is full: numbers, and what it was
 *		opened with stands for the rest
 *
 * Each is ulid(16) and a receipt record.  An END always fits into the room
 * that was promised when the request was opened. */
#ifndef RELAYD_ENTRY_H
#define RELAYD_ENTRY_H

#include "proto/ulid.h"

#include "store/rec.h"

enum entry_kind {
	ENTRY_FOREIGN,
	ENTRY_OPEN = 1,
	ENTRY_DONE = 2,
	ENTRY_END = 3,
};

/* The payload of an OPEN or a DONE: long texts are cut to fit. */
void entry_write(struct buf *out, const struct ulid *id,
    const struct receipt_rec *r);
/* The payload of an END: at most JOURNAL_PROMISE_MAX bytes. */
void entry_write_short(struct buf *out, const struct ulid *id,
    const struct receipt_rec *r);
/* The texts of an END that it had no room for. */
void
entry_complete(struct receipt_rec *io_end, const struct receipt_rec *opened);

#endif
