/* SPDX-License-Identifier: MIT */
/* keybatch.h - new keys with the limits they have from the first moment on.
 *
 * All of them, or none: what fits into one slice is one transaction of the
 * store.  More than that goes slice by slice, so that the writer is free in
 * between; the first slices leave marks that say what is to be taken back, and
 * the last one removes them.  A relayd that dies meanwhile takes back at its
 * start what has a mark, and nobody has seen a value of those. */
#ifndef RELAYD_KEYBATCH_H
#define RELAYD_KEYBATCH_H

#include "store/rec.h"

#include "relayd/apikey.h"

struct audit_who;
struct budgets;

#define KEYBATCH_MAX	500
#define KEYBATCH_LIMITS 8 /* of one key */

struct keybatch_ask {
	/* Of more than one its name is the base of theirs; a template has no
	 * value. */
	struct apikey_rec like;
	/* That one brings along, so that it gets none of ours; one that has a
	 * foreign hash gets none either. */
	struct str value;
	unsigned count; /* 1 to KEYBATCH_MAX */
	/* Of each key; their subject is the key. */
	const struct budget_rec *limits;
	unsigned limits_count;
};

struct keybatch_made {
	char id[10];
	/* Of a template, and of one that was brought along: empty. */
	char value[APIKEY_VALUE_LEN + 1];
};

/* The keys are there; `made` lasts for the call. */
typedef void keybatch_done(void *arg, enum err e, const struct why *why,
    const struct keybatch_made *made, unsigned count);
void keybatch_make(struct keyring *ring, struct budgets *budgets,
    const struct keybatch_ask *ask, const struct audit_who *who,
    keybatch_done *done, void *arg);

/* Before anything is loaded: take back what a batch that never ended left. */
enum err keybatch_recover(struct txn *t, struct why *out_why) CHECKED;

#endif
