/* SPDX-License-Identifier: MIT */
/* due.h - what happens to accounts by the clock: holds end, and accounts
 * expire.  Both are wall clock moments of their records, so they happen though
 * relayd was not running then. */
#ifndef RELAYD_DUE_H
#define RELAYD_DUE_H

struct daemon;
struct due;

struct due *due_new(struct daemon *d);
/* NULL is fine for both. */
void due_stop(struct due *u);
void due_free(struct due *u);

#endif
