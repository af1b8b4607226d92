/* SPDX-License-Identifier: MIT */
/* spent.h - what was charged to budgets, in receipts and in the store.
 *
 * A receipt says what it was charged to: budget, window, unit; how much, its
 * own numbers tell:
 *
 *	bqwertyui@1763596800000c basdfghjk@0r
 *
 * and the ledger adds that up in the transaction that takes the receipt, in
 * the table spent, a row for each window of a budget:
 *
 *	key	id(9) begin(8, big-endian, wall ms; 0: for ever)
 *	value	sum(8, big-endian)
 *
 * So what a budget has used is what its receipts say, whenever relayd died. */
#ifndef RELAYD_SPENT_H
#define RELAYD_SPENT_H

#include "proto/buf.h"
#include "proto/map.h"

struct txn;

#define BUDGET_ID_LEN 9
/* Of older windows as many rows are kept, for those who look back. */
#define SPENT_ROWS_MAX 64
/* The most that is believed of one charge. */
#define SPENT_MAX (INT64_C(1) << 53)
/* All charges of a receipt. */
#define SPENT_TEXT_MAX 1792

enum budget_unit {
#define X(name, word, letter, text) BUDGET_##name,
#include "relayd/budget_unit.def"
#undef X
	BUDGET_UNITS
};

/* What a request comes to, in each unit. */
struct budget_need {
	int64_t of[BUDGET_UNITS];
};

struct spent_charge {
	struct str id;
	int64_t at_ms;
	enum budget_unit unit;
};

/* One more charge behind those in `out`; ERR_LIMIT leaves it as it was. */
enum err spent_put(struct buf *out, const struct spent_charge *c) CHECKED;
/* The next of them; false at the end, or where they are no charges. */
bool spent_next(struct str *rest, struct spent_charge *out);
/* 0 <= n <= SPENT_MAX */
int64_t spent_clamp(int64_t n);

/* Charges added up on their way into the store.  Zeroed to begin with. */
struct spent {
	struct map by_key;
	bool begun;
};

void spent_fini(struct spent *s);
void
spent_add(struct spent *s, struct str charges, const struct budget_need *need);
/* Into the table; of budgets that are gone nothing is kept. */
enum err spent_write(const struct spent *s, struct txn *t) CHECKED;

/* Rows of one budget, oldest first. */
typedef void spent_row(void *arg, int64_t at_ms, int64_t sum);
enum err
spent_each(struct txn *t, struct str id, spent_row *fn, void *arg) CHECKED;
enum err spent_drop(struct txn *t, struct str id) CHECKED;

#endif
