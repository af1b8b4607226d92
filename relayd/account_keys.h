/* SPDX-License-Identifier: MIT */
/* account_keys.h - the keys of an account that has several: which one goes next,
 * and which of them rest.
 *
 * The texts lie where the account's credential does; what is known about a key
 * stays with it as long as its text is there.  Nothing here is stored: after a
 * start all keys are tried again, like accounts are. */
#ifndef RELAYD_ACCOUNT_KEYS_H
#define RELAYD_ACCOUNT_KEYS_H

#include "proto/buf.h"

#include "relayd/gate.h"

#define ACCOUNT_KEYS_MAX  32
#define ACCOUNT_KEY_LEAST 8
#define ACCOUNT_KEY_MOST  512

struct account_key {
	unsigned nr; /* the same as long as the key is there; never 0 */
	struct str text;
	struct gates gates;
	uint64_t requests;     /* since start */
	int64_t used_us;       /* monotonic */
	int64_t since_wall_ms; /* when a gate was shut last */
};

struct account_keys {
	struct account_key *at;
	unsigned count, last_nr;
};

/* Keys as a person gives them, apart by blanks and line ends: appended to out
 * with one blank between, which is the form they are kept in. */
enum err account_keys_read(struct str text, struct buf *out,
    struct why *out_why) CHECKED;
/* Now these keys, in that form; the text is borrowed.  The old texts must
 * still be there. */
void account_keys_set(struct account_keys *r, struct str text);
void account_keys_fini(struct account_keys *r);

/* The key that rested longest of those that can be used; when none can, the
 * one that can be soonest.  NULL: there is none at all. */
struct account_key *
account_keys_next(const struct account_keys *r, int64_t now_ms);
struct account_key *
account_keys_find(const struct account_keys *r, unsigned nr);
/* The only one that ends so.  ERR_UNKNOWN: none; ERR_VALUE: several. */
enum err account_keys_find_end(const struct account_keys *r, struct str end,
    struct account_key **out) CHECKED;
/* Is there one to use, other than `nr`? */
bool account_keys_has_other(const struct account_keys *r, unsigned nr,
    int64_t now_ms);
/* When one can be used: 0 now, else monotonic. */
int64_t account_keys_opens(const struct account_keys *r, int64_t now_ms);
void account_keys_forgive(struct account_keys *r);
/* The last four characters, which may be shown; fewer of a short one. */
struct str account_keys_end(const struct account_key *k);

#endif
