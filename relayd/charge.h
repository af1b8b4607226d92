/* SPDX-License-Identifier: MIT */
/* charge.h - what a receipt costs: its usage, the price of its model, and the
 * rates of who asked and who answered.
 *
 * Done on the loop as the request settles, not by the writer: the table and
 * the rates live on the loop and are its to replace, budgets must know the
 * cost at once, and it takes less than the ledger's entry (0.2 us). */
#ifndef RELAYD_CHARGE_H
#define RELAYD_CHARGE_H

#include "relayd/price_table.h"

struct budget_need;
struct receipt_rec;

/* Of the model that answered, or else of the one that was asked for. */
const struct price *
charge_price(const struct price_table *t, const struct receipt_rec *r);
/* Fill in price, cost, rated cost and RECEIPT_UNPRICED. */
void
charge(struct receipt_rec *r, const struct price_table *t, int64_t rate_ppm);
/* What budgets are charged with for it: nothing when no account could answer. */
void charge_need(const struct receipt_rec *r, struct budget_need *out);
/* What reading it anew costs another account more than this one, which has it
 * in its cache, micro-dollars; 0 when nobody knows. */
int64_t charge_switch(const struct receipt_rec *r, const struct price_table *t);
/* A record's `rate`; what cannot be read is 1. */
int64_t charge_rate(struct str rate);

#endif
