/* SPDX-License-Identifier: MIT */
/* salt.h - the salts of other relays, whose keys go on working here.
 *
 * What such a relay kept of a key is SHA-256 over its value and the salt of
 * that installation.  With that hash and the salt the key is found here too,
 * without its value ever being told.  A salt is sealed in the store and open
 * in its arena, where the loop reads it. */
#ifndef RELAYD_SALT_H
#define RELAYD_SALT_H

#include "proto/str.h"

struct audit_who;
struct store;
struct txn;

#define SALTS_MAX     8
#define SALT_NAME_MAX 32
#define SALT_MAX      1024 /* bytes of one */
#define SALT_HASH     32

struct salt {
	char name[SALT_NAME_MAX + 1];
	struct str value; /* in the arena */
};

/* A plain value; what the salts stand for is the arena's. */
struct salts {
	struct salt at[SALTS_MAX];
	unsigned count;
};

/* In the job that loads the keys. */
enum err
salts_load(struct salts *s, struct txn *t, struct why *out_why) CHECKED;
const struct salt *salts_find(const struct salts *s, struct str name);
void salt_hash(const struct salt *s, struct str value, uint8_t out[SALT_HASH]);

/* Letters, digits, '-', '_' and '.'. */
enum err salt_check_name(struct str name, struct why *out_why) CHECKED;

typedef void salt_saved(void *arg, enum err e, const struct why *why);
/* A new one: ERR_EXISTS, ERR_LIMIT. */
void salt_add(struct salts *salts, struct store *s, struct str name,
    struct str value, const struct audit_who *who, salt_saved *done, void *arg);
/* Nobody needs it any more. */
void salt_remove(struct salts *salts, struct store *s, struct str name,
    const struct audit_who *who, salt_saved *done, void *arg);

#endif
