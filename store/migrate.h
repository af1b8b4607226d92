/* SPDX-License-Identifier: MIT */
/* migrate.h - the schema's version and the steps from one to the next.
 *
 * The version stands in the table meta under "schema", as decimal text.  All
 * steps run in one transaction together with the new version, so a store is
 * never between two versions. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include <stddef.h>

#include "proto/err.h"

struct txn;

/* From version `from` to the next one. */
struct migration {
	unsigned from;
	const char *name; /* what it does, for people */
	enum err (*run)(struct txn *t, struct why *out_why);
};

/* Steps in order, the first from version 1, without gaps; so the newest
 * version is count + 1. */
struct migrations {
	const struct migration *steps;
	unsigned count;
};

/* Ours. */
extern const struct migrations migrations;

/* The version of the store; 0: it is empty, not even a version. */
enum err migrate_version(struct txn *t, unsigned *out_version,
    struct why *out_why) CHECKED;
/* Bring the store to the newest version; an empty store just gets the number.
 * ERR_UNSUPPORTED: it is newer than `m`, nothing was touched. */
enum err migrate_run(struct txn *t, const struct migrations *m,
    struct why *out_why) CHECKED;

#endif
