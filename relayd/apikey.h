/* SPDX-License-Identifier: MIT */
/* apikey.h - the keys that clients use: made here, found by hash.
 *
 * A value is "cr_", 43 characters of base 62 (32 random bytes) and 6 of a
 * checksum, so that a typing error is told from an unknown key without a
 * look-up.  Only its keyed hash is kept. */
#ifndef RELAYD_APIKEY_H
#define RELAYD_APIKEY_H

#include <sys/queue.h>

#include "proto/map.h"

#include "store/rec.h"
#include "store/seal.h"

#define APIKEY_VALUE_LEN 52 /* "cr_" + 43 + 6 */

struct audit_who;
struct store;
struct loop;

struct apikey {
	TAILQ_ENTRY(apikey) link; /* by id */
	struct apikey_rec rec;	  /* its strs point into blob */
	char *blob;
	unsigned in_flight; /* requests whose client is still there */
	int64_t used_wall_ms;
	uint64_t requests; /* since start */
	/* Requests hold on to the key they came with; a key that was deleted
	 * meanwhile is freed with the last of them. */
	unsigned users;
	bool deleted;
};

TAILQ_HEAD(apikey_list, apikey);

struct keyring {
	struct apikey_list keys;
	unsigned count;
	struct map by_hash; /* 32 bytes -> struct apikey */
	struct map by_id;
	struct key_index index;
	struct store *store;
	struct loop *loop;
};

enum err
keyring_init(struct keyring *k, struct loop *l, struct store *s) CHECKED;
void keyring_fini(struct keyring *k);
enum err keyring_load(struct keyring *k, struct why *out_why) CHECKED;

/* By the value a client sent; NULL when it is none of ours. */
struct apikey *keyring_match(const struct keyring *k, struct str value);
/* By id; by id or unique name (NULL also when two have that name). */
struct apikey *keyring_id(const struct keyring *k, struct str id);
struct apikey *keyring_find(const struct keyring *k, struct str id_or_name);
/* Is it well-formed and is its checksum right? */
bool apikey_well_formed(struct str value);
/* "active", "disabled", "expired". */
const char *apikey_state(const struct apikey *k, int64_t wall_ms);

void apikey_ref(struct apikey *k);
void apikey_unref(struct keyring *ring, struct apikey *k);

/* A fresh value (NUL-terminated; wipe it after use) and a fresh id. */
void apikey_make_value(char out[APIKEY_VALUE_LEN + 1]);
void apikey_make_id(char out[10]);

typedef void
apikey_saved(void *arg, enum err e, const struct why *why, struct apikey *k);

/* As account_save().  For a new key `value` is what it will be found by; for
 * an existing one an empty value keeps the old. */
void apikey_save(struct keyring *k, const struct apikey_rec *r,
    struct str value, bool must_exist, uint64_t if_rev,
    const struct audit_who *who, apikey_saved *done, void *arg);
void apikey_delete(struct keyring *k, struct str id, uint64_t if_rev,
    const struct audit_who *who, apikey_saved *done, void *arg);

#endif
