/* SPDX-License-Identifier: MIT */
/* table.h - rows of JSON objects as a table, one object as a list.
 *
 * A noun says what its columns are (noun/); both programs show the same. */
#ifndef RELAY_TUI_TABLE_H
#define RELAY_TUI_TABLE_H

#include "relay-tui/cell.h"

struct table {
	const struct column *columns;
	unsigned width; /* columns */
	char **cells;
	size_t count, room; /* cells */
	int64_t *amounts;   /* of bars and shares, one for each row */
	bool has_total;	    /* the last row is one */
};

void table_init(struct table *t, const struct column *columns);
void table_fini(struct table *t);
void table_add(struct table *t, const struct output *o, const struct json *row);
/* Rows of an array, or nothing. */
void
table_add_all(struct table *t, const struct output *o, const struct json *rows);
/* A last row that is the sum of the others: no bar, no share. */
void table_add_total(struct table *t, const struct output *o,
    const struct json *row);
/* The rows with the largest amounts first; the others keep their order. */
void table_rank(struct table *t);
size_t table_rows(const struct table *t);
/* Heads and rows; columns in which no row says anything are left out, and those
 * for which there is no room are named below. */
void table_print(struct table *t, struct output *o);

/* "(times of Europe/Berlin)"; nothing where no zone is known. */
void table_say_zone(struct output *o);

/* "title   value" for each column that says something. */
void record_print(struct output *o, const struct column *columns,
    const struct json *object);

#endif
