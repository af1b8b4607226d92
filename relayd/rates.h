/* SPDX-License-Identifier: MIT */
/* rates.h - a factor of rated costs for each service: a kind of account, or
 * several as a glob ("claude*").
 *
 * One of them counts for a kind: the one of exactly its name, else the longest
 * glob that it is like.  Kinds that none is of have the factor 1.  It is a
 * plain value of bounded size; nothing said is a zeroed one. */
#ifndef RELAYD_RATES_H
#define RELAYD_RATES_H

#include "proto/str.h"

#define RATES_MAX	 64
#define RATE_SERVICE_MAX 40 /* bytes of a glob, at most */

struct store;
struct txn;

struct rate {
	char service[RATE_SERVICE_MAX + 1];
	int64_t ppm; /* millionths */
};

struct rates {
	unsigned count;
	struct rate at[RATES_MAX]; /* by service */
};

/* Of that very name; NULL: it has none. */
const struct rate *rates_find(const struct rates *r, struct str service);
/* The one that counts for accounts of this kind, or NULL; and its factor. */
const struct rate *rates_at(const struct rates *r, struct str kind);
int64_t rates_of(const struct rates *r, struct str kind);

/* ERR_LIMIT: there are RATES_MAX already.  The name is not longer than
 * RATE_SERVICE_MAX. */
enum err rates_put(struct rates *r, struct str service, int64_t ppm) CHECKED;
/* Nothing happens when there is none. */
void rates_drop(struct rates *r, struct str service);

/* --- in the store ---------------------------------------------------------- */

/* Before its threads run. */
enum err
rates_load(struct store *s, struct rates *out, struct why *out_why) CHECKED;
/* In a job of the writer; ppm 0 removes it. */
enum err rates_write(struct txn *t, struct str service, int64_t ppm) CHECKED;

#endif
