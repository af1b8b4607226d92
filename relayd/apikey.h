/* SPDX-License-Identifier: MIT */
/* apikey.h - the keys that clients use: made here, found by hash.
 *
 * A value is "cr_", 43 characters of base 62 (32 random bytes) and 6 of a
 * checksum, so that a typing error is told from an unknown key without a
 * look-up.  Only its keyed hash is kept.
 *
 * A key that comes from another relay may look otherwise.  When its value was
 * not told it is found by the hash that relay kept, until it gets a value of
 * ours. */
#ifndef RELAYD_APIKEY_H
#define RELAYD_APIKEY_H

#include <sys/queue.h>

#include "proto/map.h"

#include "store/rec.h"
#include "store/seal.h"

#include "relayd/salt.h"
#include "relayd/user.h"

#define APIKEY_VALUE_LEN 52 /* "cr_" + 43 + 6 */

struct audit_who;
struct binding;
struct budget_set;
struct key_line;
struct store;
struct txn;
struct loop;
struct policy;

struct apikey {
	TAILQ_ENTRY(apikey) link; /* oldest first; of one moment by id */
	struct apikey_rec rec;	  /* its strs point into blob */
	char *blob;
	struct policy *policy; /* NULL: everything is allowed */
	bool owner_disabled;   /* as their record says */
	unsigned in_flight;    /* requests whose client is still there */
	unsigned running;      /* those of them that have a place */
	int64_t hold_ms;       /* for how long, on average */
	struct key_line *line; /* (waiting.h); NULL: none has waited yet */
	int64_t used_wall_ms;
	uint64_t requests; /* since start */
	/* Requests hold on to the key they came with; a key that was deleted
	 * meanwhile is freed with the last of them. */
	unsigned users;
	bool deleted;
	bool activating; /* its first use is on its way to the store */
	struct budget_set *budgets; /* (budget.h); NULL: not looked up */
	struct binding *binding;    /* (binding.h); NULL: not looked up */
};

TAILQ_HEAD(apikey_list, apikey);

/* What must be known of keys before the store has them. */
struct apikey_making {
	TAILQ_ENTRY(apikey_making) link;
	struct apikey_rec rec; /* its strs point into blob */
	char *blob;
	unsigned count; /* more than 1: of a batch, and the name is its base */
};
TAILQ_HEAD(apikey_making_list, apikey_making);

struct keyring {
	struct apikey_list keys;
	unsigned count;		  /* of those in use */
	struct apikey_list trash; /* deleted, and not purged yet */
	struct apikey_list
	    templates;	       /* of no value: other keys are like them */
	struct map by_hash;    /* 32 bytes -> struct apikey; old ones too */
	struct map by_foreign; /* the same by the hashes of other relays */
	struct salts salts;    /* that these were made with */
	struct map by_id;      /* of all three lists */
	struct users users;
	struct apikey_making_list making; /* on their way to the store */
	struct key_index index;
	struct store *store;
	struct loop *loop;
	/* What is said of a key has changed, or it is about to go; NULL: nobody
	 * minds. */
	void (*on_change)(void *arg, struct apikey *k);
	void *on_change_arg;
};

enum err
keyring_init(struct keyring *k, struct loop *l, struct store *s) CHECKED;
void keyring_fini(struct keyring *k);
enum err keyring_load(struct keyring *k, struct why *out_why) CHECKED;

/* By the value a client sent, or the one before it while its grace lasts; NULL
 * when it is none of ours.  It may be in the trash: ask apikey_state(). */
struct apikey *keyring_match(const struct keyring *k, struct str value);
/* By id, whichever list it is in.  By id or unique name (NULL also when two
 * have that name), of those in use.  The name of a key that an operator made
 * is never hidden by what people call theirs. */
struct apikey *keyring_id(const struct keyring *k, struct str id);
struct apikey *keyring_find(const struct keyring *k, struct str id_or_name);
/* The same among the keys of one owner: the others are not there. */
struct apikey *keyring_find_own(const struct keyring *k, struct str owner,
    struct str id_or_name);
/* By id or unique name, in the trash; among the templates. */
struct apikey *
keyring_find_deleted(const struct keyring *k, struct str id_or_name);
struct apikey *
keyring_find_template(const struct keyring *k, struct str id_or_name);
/* How many of an owner's lie in the trash. */
unsigned keyring_discarded(const struct keyring *k, struct str owner);
/* Of these three also those count that are on their way to the store. */
unsigned keyring_owned(const struct keyring *k, struct str owner);
/* Is there another key of that name?  An owner's names differ, and so do those
 * that operators give; what other people call their keys is nobody's
 * business. */
bool keyring_has_name(const struct keyring *k, const struct apikey_rec *r);
/* A name that so many keys called like this one would take twice; empty: none.
 */
struct str keyring_has_numbered(const struct keyring *k,
    const struct apikey_rec *r, unsigned count);
/* Something was said of that owner. */
void keyring_obey(struct keyring *k, struct str owner);
/* Is there a key of that value, or on its way, as far as its hashes tell? */
bool keyring_has_value(const struct keyring *k, const struct apikey_rec *r);
/* How many are found with that salt alone. */
unsigned keyring_salted(const struct keyring *k, struct str salt);
/* Is it well-formed and is its checksum right? */
bool apikey_well_formed(struct str value);
/* "active", "unused" (its time begins with its first use), "disabled",
 * "expired", "owner-disabled"; "deleted", "template". */
const char *apikey_state(const struct apikey *k, int64_t wall_ms);
/* Is that one of those in which it can be used? */
bool apikey_state_serves(const char *state);
/* Does its time begin with the next use? */
bool apikey_is_unused(const struct apikey_rec *r);
/* It is used: begin its time, if that has not begun. */
void apikey_activate(struct keyring *ring, struct apikey *k, int64_t wall_ms);
/* Does the value before the last rotation still work? */
bool apikey_in_grace(const struct apikey_rec *r, int64_t wall_ms);

/* Is it found by its hash of another relay, now? */
bool apikey_is_foreign(const struct apikey_rec *r, int64_t wall_ms);

/* Take over from another key whatever is not that key's alone. */
void apikey_like(struct apikey_rec *io, const struct apikey_rec *model);
/* The value becomes the old one, and works until then; the one that was old
 * works no more.  A moment of 0 ends both. */
void apikey_retire(struct apikey_rec *io, int64_t until_wall_ms);
/* The value before the last rotation works no more. */
void apikey_forget_old(struct apikey_rec *io);

void apikey_ref(struct apikey *k);
void apikey_unref(struct keyring *ring, struct apikey *k);

/* A fresh value (NUL-terminated; wipe it after use) and a fresh id. */
void apikey_make_value(char out[APIKEY_VALUE_LEN + 1]);
void apikey_make_id(char out[10]);
/* The name of one of so many keys made at once, n from 1: NAME-01, or, of 100
 * and more, NAME-001.  Is a text such a name? */
#define APIKEY_NUMBER 4 /* bytes that it adds at most */
void apikey_number(struct str name, unsigned count, unsigned n, char *out,
    size_t size);
bool apikey_is_numbered(struct str base, unsigned count, struct str name);

typedef void
apikey_saved(void *arg, enum err e, const struct why *why, struct apikey *k);

/* As account_save().  For a new key `value` is what it will be found by; for
 * an existing one an empty value keeps the old. */
void apikey_save(struct keyring *k, const struct apikey_rec *r,
    struct str value, bool must_exist, uint64_t if_rev,
    const struct audit_who *who, apikey_saved *done, void *arg);

/* As part of another job of the writer: `io` in place of `old` (rev 0: of
 * none), which must not lie in the store; `out` gets its bytes, for
 * keyring_take_up() on the loop when all of the job is kept. */
enum err
apikey_put(struct txn *t, const struct apikey_rec *old, struct apikey_rec *io,
    const struct audit_who *who, struct buf *out, struct why *out_why) CHECKED;
struct apikey *
keyring_take_up(struct keyring *ring, char *take_blob, size_t len);

/* --- between the files about keys ------------------------------------------ */

enum err apikey_adopt(struct apikey *k, char *take_blob, size_t len) CHECKED;
void keyring_insert(struct keyring *k, struct apikey *take_key);
/* It is gone from the store too; freed with the last request that holds it. */
void keyring_drop(struct keyring *k, struct apikey *take_key);

#endif
