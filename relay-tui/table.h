/* SPDX-License-Identifier: MIT */
/* table.h - rows of JSON objects as a table, one object as a list.
 *
 * A noun says what its columns are (noun/); both programs show the same. */
#ifndef RELAY_TUI_TABLE_H
#define RELAY_TUI_TABLE_H

#include "relay-tui/output.h"

enum cell {
	CELL_TEXT,
	CELL_NUMBER,
	CELL_FLAG,   /* yes, or nothing */
	CELL_BYTES,  /* 12.3M */
	CELL_US,     /* a span: 850ms, 12.3s */
	CELL_MS,     /* a long span: 3d 4h */
	CELL_MOMENT, /* wall ms: 2026-11-20 13:09 */
	CELL_AGO,    /* wall ms: 3m ago */
	CELL_MONEY,  /* micro-dollars: $1.25 */
	CELL_STATE,  /* text, painted by what it says */
	CELL_END,    /* the last characters of a secret: ...abcd */
};

struct column {
	const char *title; /* marked with N_(); NULL ends a list of columns */
	const char *key;   /* member of the object */
	enum cell kind;
	bool flexible; /* may be cut when the terminal is narrow */
};

/* The member as text, cleaned; empty when it is absent or says nothing. */
void cell_write(const struct output *o, const struct column *c,
    const struct json *row, struct buf *out);
enum paint cell_paint(const struct column *c, struct str text);

struct table {
	const struct column *columns;
	unsigned width; /* columns */
	char **cells;
	size_t count, room; /* cells */
};

void table_init(struct table *t, const struct column *columns);
void table_fini(struct table *t);
void table_add(struct table *t, const struct output *o, const struct json *row);
/* Rows of an array, or nothing. */
void
table_add_all(struct table *t, const struct output *o, const struct json *rows);
size_t table_rows(const struct table *t);
/* Heads and rows; columns in which no row says anything are left out. */
void table_print(struct table *t, struct output *o);

/* "title   value" for each column that says something. */
void record_print(struct output *o, const struct column *columns,
    const struct json *object);

#endif
