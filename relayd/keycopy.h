/* SPDX-License-Identifier: MIT */
/* keycopy.h - sealed copies of the values of keys.
 *
 * relayd needs of a value no more than its keyed hash.  While the setting
 * `reveal` is "sealed" the store keeps a copy beside it, sealed with the
 * master key and bound to its key, so that an operator can see it once more.
 * The loop has none of them: a copy is opened by the writer for the one who
 * asks, and not without a row of the audit.
 *
 * What the setting says is read in the transaction that keeps a copy, so none
 * is kept behind the back of a wipe. */
#ifndef RELAYD_KEYCOPY_H
#define RELAYD_KEYCOPY_H

#include "proto/str.h"

struct audit_who;
struct store;
struct txn;

#define KEYCOPY_VALUE_MAX 512

/* In a job of the writer.  The key has got this value: keep a copy, or, when
 * none is wanted, forget that of the value before. */
enum err keycopy_keep(struct txn *t, struct str id, struct str value) CHECKED;
/* It has gone for good. */
enum err keycopy_forget(struct txn *t, struct str id) CHECKED;
/* At the start: what no setting wants is wiped. */
enum err keycopy_recover(struct txn *t, struct why *out_why) CHECKED;

/* The value of a key, for the call; the audit has a row of it by then.
 * ERR_UNKNOWN: there is no copy, and the reason says what to do. */
typedef void keycopy_revealed(void *arg, enum err e, const struct why *why,
    struct str value);
void keycopy_reveal(struct store *s, struct str id, const struct audit_who *who,
    keycopy_revealed *done, void *arg);

/* Wipe all copies, some in each job, until none is left or they are wanted
 * again; so many were there. */
typedef void
keycopy_wiped(void *arg, enum err e, const struct why *why, unsigned count);
void keycopy_wipe(struct store *s, const struct audit_who *who,
    keycopy_wiped *done, void *arg);

#endif
