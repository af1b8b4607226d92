/* SPDX-License-Identifier: MIT */
/* rollup.h - sums of receipts: by what, of which day, of whom.
 *
 * Key in the table rollup:
 *
 *	letter(1) day(4, big-endian, since 1970 in UTC) name
 *
 * The name is empty when there is none: a request that was refused has no
 * account, and neither its model nor its client are names to keep, because
 * anybody can send any.  An account's requests and errors are tries; so they
 * may be more than the requests there were.  All else is of requests. */
#ifndef RELAYD_ROLLUP_H
#define RELAYD_ROLLUP_H

#include "proto/map.h"

#include "store/rec.h"

struct txn;
struct ulid;

enum dimension {
#define X(name, letter, word) DIMENSION_##name,
#include "relayd/dimension.def"
#undef X
	DIMENSION_COUNT
};

#define ROLLUP_NAME_MAX 128
#define ROLLUP_KEY_MAX	(5 + ROLLUP_NAME_MAX)

const char *dimension_name(enum dimension d);
enum err dimension_read(struct str word, enum dimension *out) CHECKED;

struct rollup_key {
	size_t len;
	char bytes[ROLLUP_KEY_MAX];
};
/* The name is cut when it is longer than ROLLUP_NAME_MAX. */
struct rollup_key
rollup_key_of(enum dimension d, uint32_t day, struct str name);
enum err rollup_key_read(struct str key, enum dimension *out_dimension,
    uint32_t *out_day, struct str *out_name) CHECKED;

/* *sum += *r, field by field. */
void rollup_add(struct rollup_rec *sum, const struct rollup_rec *r);

/* Sums under way, by any key. */
struct sums {
	struct map by_key; /* -> struct rollup_rec */
};

void sums_init(struct sums *s);
void sums_fini(struct sums *s);
/* The sum under that key; zero at first. */
struct rollup_rec *sums_at(struct sums *s, struct str key);
/* A receipt under all keys it belongs to. */
void
sums_add(struct sums *s, const struct ulid *id, const struct receipt_rec *r);
/* A receipt that was counted has another price now, and is the same but for
 * that. */
void sums_add_price(struct sums *s, const struct ulid *id,
    const struct receipt_rec *from, const struct receipt_rec *to);
/* Add them all to the table rollup. */
enum err sums_write(const struct sums *s, struct txn *t) CHECKED;

#endif
