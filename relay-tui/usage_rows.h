/* SPDX-License-Identifier: MIT */
/* usage_rows.h - what the daemon answered about usage, page by page, as numbers
 * that can be drawn. */
#ifndef RELAY_TUI_USAGE_ROWS_H
#define RELAY_TUI_USAGE_ROWS_H

#include "proto/json.h"

#include "relay-tui/calendar.h"

/* What is drawn of a row. */
enum usage_of {
	OF_COST, /* micro-dollars */
	OF_REQUESTS,
	OF_TOKENS, /* of all classes */
	OFS,
};
/* "cost" ..; ERR_VALUE for other words. */
enum err usage_of_read(struct str word, enum usage_of *out) CHECKED;
/* A value for people: $1.25, 34.1M. */
void usage_of_write(enum usage_of of, int64_t n, struct buf *out);

/* The same where so many requests have no price: >$1.25, or "no price". */
void usage_of_write_rough(enum usage_of of, int64_t n, int64_t unpriced,
    struct buf *out);

/* One name in one period. */
struct usage_point {
	size_t name;   /* of names */
	int64_t at_ms; /* its period's beginning; 0: the whole time */
	int64_t values[OFS];
	int64_t unpriced; /* requests that are in no cost */
};

/* Of zeros: nothing yet. */
struct usage_rows {
	char zone[64];
	int64_t since_ms, until_ms; /* the end is not in it */
	int64_t total[OFS];
	int64_t unpriced, estimated; /* requests of the total */
	struct buf *names;	     /* cleaned; empty: no name */
	struct buf *ids;	     /* what tells them apart */
	size_t names_count;
	struct usage_point *points;
	size_t count;
};

void usage_rows_fini(struct usage_rows *r);
/* One more page; the first sets the zone of the process. */
enum err usage_rows_add(struct usage_rows *r, const struct json *data,
    struct why *out_why) CHECKED;

/* The sum of each name. */
void
usage_rows_sums(const struct usage_rows *r, enum usage_of of, int64_t *sums);
/* The names by their sums, largest first. */
void
usage_rows_rank(const struct usage_rows *r, const int64_t *sums, size_t *order);
/* Values of one name in every period, nothing where there is no row. */
void usage_rows_series(const struct usage_rows *r, size_t name,
    enum usage_of of, const struct calendar *c, int64_t *values);

#endif
