/* SPDX-License-Identifier: MIT */
/* record.h - saving and removing a record that holds no secret: one job of the
 * store's writer, with its row of the audit.
 *
 * The record has the members `rev`, `created_at` and `changed_at`, which are
 * filled in here. */
#ifndef RELAYD_RECORD_H
#define RELAYD_RECORD_H

#include "store/rec.h"
#include "store/store.h"

struct audit_who;

struct record_order {
	struct store *store;
	enum table table;
	const struct rec_kind *kind;
	const char *noun; /* for people and the audit: "group" */
	struct str key;	  /* of the record */
	const void *rec;  /* copied; NULL: remove it */
	size_t size_max;  /* of its bytes */
	bool must_exist;  /* else it must not (ERR_EXISTS) */
	uint64_t if_rev;  /* 0: any; else ERR_STALE unless it has that */
	const struct audit_who *who; /* NULL: nobody is noted */
};

/* On the loop when the store has it, or refused it.  take_blob holds the record
 * as it is stored now, NULL after a failure and after a removal. */
typedef void record_saved(void *arg, enum err e, const struct why *why,
    struct str key, char *take_blob, size_t len);

/* Always answers later, but for a record that is too large. */
void record_save(const struct record_order *o, record_saved *done, void *arg);

#endif
