/* SPDX-License-Identifier: MIT */
/* trash.h - keys that were deleted, until they are purged.
 *
 * A deleted key keeps its record, its limits and its name in what was used,
 * and is refused wherever it is used; it can be restored as it was.  Purging
 * ends all of that, by hand or when it has lain for the setting trash_keep. */
#ifndef RELAYD_TRASH_H
#define RELAYD_TRASH_H

#include "proto/str.h"

struct audit_who;
struct budgets;
struct keyring;

/* So many were there and are purged, with the limits that were theirs alone;
 * when it failed, those before the failure. */
typedef void
trash_purged(void *arg, enum err e, const struct why *why, unsigned count);

/* These keys; one that is neither in the trash nor a template (any more) when
 * its turn comes stays.  Up to TRASH_SLICE are one transaction: all or none.
 * `done` may be NULL. */
#define TRASH_SLICE 16
void trash_purge(struct keyring *ring, struct budgets *budgets,
    const struct str *ids, unsigned count, const struct audit_who *who,
    trash_purged *done, void *arg);
/* All that were deleted before that moment. */
void trash_purge_before(struct keyring *ring, struct budgets *budgets,
    int64_t wall_ms, const struct audit_who *who, trash_purged *done,
    void *arg);
/* What has lain for that long, as the setting trash_keep says (0: nothing). */
void trash_tend(struct keyring *ring, struct budgets *budgets, int64_t keep_ms);

#endif
