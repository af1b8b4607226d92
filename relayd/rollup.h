/* SPDX-License-Identifier: MIT */
/* rollup.h - sums of receipts: of which period, by what, of whom.
 *
 * Key in the table rollup:
 *
 *	period(1) minute(4, big-endian) dimension(1) name [0 name]
 *
 * The minute is the period's beginning, in minutes since 1970 of UTC, so it
 * tells apart the two hours that are called 02:00 on an autumn night.  All that
 * a receipt adds to in a period lies together: a commit touches few pages.
 *
 * The name is empty when there is none: a request that was refused has no
 * account, and neither its model nor its client are names to keep, because
 * anybody can send any.  An account's requests and errors are tries; so they
 * may be more than the requests there were.  A request is counted under each
 * of its key's tags.  All else is of requests. */
#ifndef RELAYD_ROLLUP_H
#define RELAYD_ROLLUP_H

#include "proto/map.h"

#include "store/rec.h"

#include "relayd/spent.h"
#include "relayd/zone.h"

struct txn;
struct ulid;

enum dimension {
#define X(name, letter, word, first, second, finest) DIMENSION_##name,
#include "relayd/dimension.def"
#undef X
	DIMENSION_COUNT
};

/* What names are names of. */
enum part {
	PART_NONE,
	PART_KEY,
	PART_ACCOUNT,
	PART_MODEL,
	PART_CLIENT,
	PART_USER,
	PART_TAG,
	PART_COUNT
};

/* One row of dimension.def. */
struct dimension_row {
	const char *name;
	char letter;
	enum part first, second;
	enum period finest;
};

const struct dimension_row *dimension_row(enum dimension d);
const char *dimension_name(enum dimension d);
enum err dimension_read(struct str word, enum dimension *out) CHECKED;
/* All of them, for people: "all, key, account ..."; of the parts too. */
void dimension_words(char *out, size_t size);
const char *part_name(enum part p);
/* Are sums of that period kept? */
bool dimension_keeps(enum dimension d, enum period p);

#define ROLLUP_NAME_MAX 128
#define ROLLUP_HEAD	6
#define ROLLUP_KEY_MAX	(ROLLUP_HEAD + 2 * ROLLUP_NAME_MAX + 1)

struct rollup_key {
	size_t len;
	char bytes[ROLLUP_KEY_MAX];
};
/* Names are cut when they are longer than ROLLUP_NAME_MAX. */
struct rollup_key rollup_key_of(enum period p, uint32_t minute,
    enum dimension d, struct str first, struct str second);

/* Where the sums begin of that period, from that minute on. */
struct rollup_key rollup_key_from(enum period p, uint32_t minute);

struct rollup_at {
	enum period period;
	uint32_t minute;
	enum dimension of;
	struct str first, second;
};
enum err rollup_key_read(struct str key, struct rollup_at *out) CHECKED;

/* *sum += *r, field by field. */
void rollup_add(struct rollup_rec *sum, const struct rollup_rec *r);
void rollup_negate(struct rollup_rec *r);

/* Sums under way, by any key. */
struct sums {
	struct map by_key; /* -> struct rollup_rec */
	/* Of receipts: whose days they are, and from which minute on there are
	 * sums of each period. */
	const struct zone *zone;
	uint32_t from[PERIOD_COUNT];
	unsigned skip;	    /* bits of periods that are left out */
	bool minus;	    /* take off what is added */
	struct spent spent; /* of budgets; only by who books */
};

/* The zone may be NULL when no receipts are added. */
void sums_init(struct sums *s, const struct zone *zone);
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
/* Add them all to the table rollup.  A row that comes to nothing goes. */
enum err sums_write(const struct sums *s, struct txn *t) CHECKED;

#endif
