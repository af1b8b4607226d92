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
	CELL_FLAG,	/* yes, or nothing */
	CELL_BYTES,	/* 12.3M */
	CELL_US,	/* a span: 850ms, 12.3s */
	CELL_MS,	/* a long span: 3d 4h */
	CELL_MOMENT,	/* wall ms: 2026-11-20 13:09 */
	CELL_ISO,	/* 2026-11-20T13:00+01:00 as text: 2026-11-20 13:00 */
	CELL_ISO_DAY,	/* of it 2026-11-20 */
	CELL_ISO_MONTH, /* of it 2026-11 */
	CELL_AGO,	/* wall ms: 3m ago */
	CELL_MONEY,	/* micro-dollars: $1.25, $0.0012 */
	CELL_CENTS,	/* micro-dollars: $1.25, <$0.01 */
	CELL_EXACT,	/* micro-dollars: $0.001234 */
	CELL_DECIMAL,	/* digits as text, their points below each other */
	CELL_COUNT,	/* 34.1M; nothing for 0 */
	CELL_SHARE,	/* of the sum of the column: 62% */
	CELL_PPM,	/* millionths: 59% */
	CELL_BAR,	/* a bar, as wide as there is room */
	CELL_STATE,	/* text, painted by what it says */
	CELL_NAME,	/* text; "(none)" where it is empty */
	CELL_OWNER,	/* "uid:1000": alice */
	CELL_PERSON,	/* an owner, or "(none)" */
	CELL_UID,	/* a number: alice */
	CELL_METHOD,	/* "budget_add", as it is said: budget add */
	CELL_CHANGES,	/* "old_until: 0 -> 1795199022919", with moments */
	CELL_CHANGE,	/* micro-dollars: +$0.001234, -$0.001234 */
	CELL_END,	/* the last characters of a secret: ...abcd */
};

/* What becomes of a column when the terminal is narrow: FIT_DROP goes first
 * where names would have to be cut too short, FIT_DROP + 1 before it. */
enum fit {
	FIT_WHOLE,
	FIT_CUT,
	FIT_DROP,
};

struct column {
	const char *title; /* marked with N_(); NULL ends a list of columns */
	const char *key;   /* member of the object */
	enum cell kind;
	enum fit fit;
};

/* The member as text, cleaned; empty when it is absent or says nothing. */
void cell_write(const struct output *o, const struct column *c,
    const struct json *row, struct buf *out);
/* Micro-dollars to the cent; what is less but something is "<$0.01". */
void cell_write_cents(int64_t micro, struct buf *out);
/* What stands before an amount that not all requests are in: ">", or for none
 * at all "no price". */
void cell_write_unpriced(int64_t micro, struct buf *out);
/* Cents for amounts of dollars, more digits the less it is. */
void cell_write_money(int64_t micro, struct buf *out);
enum paint cell_paint(const struct column *c, struct str text);

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
