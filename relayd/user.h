/* SPDX-License-Identifier: MIT */
/* user.h - the owners of keys: what an operator has said of them.
 *
 * A person is the text that stands as the owner in their keys, "uid:1000".
 * There is a record only of those about whom something was said; to disable
 * one is one record, whatever number of keys they have, and what was said of a
 * single key stays as it is. */
#ifndef RELAYD_USER_H
#define RELAYD_USER_H

#include "proto/map.h"

#include "store/rec.h"

struct audit_who;
struct keyring;
struct txn;

struct user {
	struct user_rec rec; /* its strs point into blob */
	char *blob;
};

struct users {
	struct map by_owner;
};

void users_init(struct users *u, const uint8_t seed[MAP_SEED]);
void users_fini(struct users *u);
/* In a job of the store, while nothing else runs. */
enum err
users_load(struct users *u, struct txn *t, struct why *out_why) CHECKED;

/* NULL: nothing was ever said of that one. */
const struct user *user_find(const struct users *u, struct str owner);
bool user_is_disabled(const struct users *u, struct str owner);

typedef void
user_saved(void *arg, enum err e, const struct why *why, const struct user *u);

/* Keep the record; its keys obey as soon as the store has it.  An if_rev other
 * than 0 must be the revision that is stored. */
void user_save(struct keyring *k, const struct user_rec *r, uint64_t if_rev,
    const struct audit_who *who, user_saved *done, void *arg);

#endif
