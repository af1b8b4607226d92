/* SPDX-License-Identifier: MIT */
/* ledger_tend.h - what is done to the ledger while nobody asks: sums are moved
 * to another zone, and what was kept long enough goes. */
#ifndef RELAYD_LEDGER_TEND_H
#define RELAYD_LEDGER_TEND_H

#include "relayd/keeping.h"

struct ledger_keep;
struct store;

struct tending;

struct tending *tending_new(struct store *s, struct zones *zones);
/* After store_close(). */
void tending_free(struct tending *t);
/* The zone is one of `zones`. */
void tending_move(struct tending *t, const struct zone *to);
void tending_prune(struct tending *t, const struct ledger_keep *keep,
    int64_t now_ms);
/* Is there work under way? */
bool tending_busy(const struct tending *t);

#endif
