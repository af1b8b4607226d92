/* SPDX-License-Identifier: MIT */
/* binding.h - which accounts a key may use, and in which order: "acct:work,
 * group:team, pool".  Each is a tier; the next one is looked at when the one
 * before has nobody. */
#ifndef RELAYD_BINDING_H
#define RELAYD_BINDING_H

#include "proto/buf.h"

struct account;
struct apikey;
struct group;
struct groups;
struct pool;

#define BINDING_TIERS_MAX 16
#define BINDING_TEXT_MAX  2048

enum tier_kind {
	TIER_POOL,
	TIER_GROUP,
	TIER_ACCOUNT,
};

struct tier {
	enum tier_kind kind;
	/* NULL: what it names is not there any more. */
	struct group *group;
	struct account *account;
};

/* As a key remembers it. */
struct binding {
	uint64_t generation, rev;
	unsigned count;
	struct tier tier[BINDING_TIERS_MAX];
};

/* One tier as it is written. */
struct tier_said {
	enum tier_kind kind;
	struct str name; /* empty: of the pool */
};
/* The next of a list with commas; false at its end, and where it is none
 * (*io_rest is not empty then). */
bool binding_next(struct str *io_rest, struct tier_said *out);

/* Write it as it is kept; ERR_VALUE, ERR_UNKNOWN: the reason names what is
 * there instead. */
enum err binding_check(struct str text, const struct pool *p,
    const struct groups *gs, struct buf *out, struct why *out_why) CHECKED;
/* Is that account, or group, one of its tiers? */
bool binding_names(struct str text, enum tier_kind kind, struct str name);
/* Look up what the text names. */
void binding_find(struct str text, const struct pool *p,
    const struct groups *gs, struct binding *out);

/* What the key (NULL: there is none) is bound to; NULL: to nothing.  Nothing but two comparisons
 * unless something has changed. */
const struct binding *binding_of_key(struct apikey *k, const struct pool *p);

/* Is the account in one of the tiers, and in which first?  NULL: a key that is
 * bound to nothing has the pool.  How it is shared counts: see
 * relayd-accounts(7). */
bool binding_has(const struct binding *b, const struct account *a,
    unsigned *out_tier);
/* May somebody with a tier of that kind use it? */
bool tier_shares(enum tier_kind kind, const struct account *a);
/* "acct:work", for people. */
#define TIER_TEXT 80
void tier_text(const struct tier *t, char out[TIER_TEXT]);

#endif
