/* SPDX-License-Identifier: MIT */
/* usage_table.h - a table of usage for people: periods in which nothing was
 * used are there too, the largest come first, and a total stands below. */
#ifndef RELAY_TUI_USAGE_TABLE_H
#define RELAY_TUI_USAGE_TABLE_H

#include "relay-tui/calendar.h"
#include "relay-tui/table.h"

#define USAGE_COLUMNS_MAX 32

/* Of zeros: nothing yet. */
struct usage_table {
	struct table table;
	struct column columns[USAGE_COLUMNS_MAX + 1];
	struct buf total; /* the last row, as JSON */
	struct calendar calendar;
	size_t next;		     /* the period that comes next */
	bool fills;		     /* one row for each period */
	bool ranks;		     /* no periods: the largest first */
	size_t rows;		     /* that came */
	int64_t unpriced, estimated; /* requests of the total */
};

/* "model", "user": what the rows may be of, so how "name" is also called. */
bool usage_table_is_by(struct str word);

/* The columns of such an answer, with an end. */
void usage_table_columns(const struct column *columns, const struct json *data,
    struct column out[USAGE_COLUMNS_MAX + 1]);

void usage_table_init(struct usage_table *t);
void usage_table_fini(struct usage_table *t);
/* The first page: what is said over the table, and how its rows are told.  In
 * a part of a list no periods are filled in. */
void usage_table_begin(struct usage_table *t, struct output *o,
    const struct column *columns, const struct json *data, bool is_part);
void usage_table_add(struct usage_table *t, const struct output *o,
    const struct json *row);
void usage_table_print(struct usage_table *t, struct output *o);

#endif
