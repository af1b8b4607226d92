/* SPDX-License-Identifier: MIT */
/* cell.h - columns of things, and one cell of them as text: what tables, lists
 * and screens have in common.
 *
 * A noun says what its columns are (noun/); both programs show the same. */
#ifndef RELAY_TUI_CELL_H
#define RELAY_TUI_CELL_H

#include "relay-tui/output.h"

enum cell {
	CELL_TEXT,
	CELL_NUMBER,
	CELL_FLAG,	/* yes, or nothing */
	CELL_BYTES,	/* 12.3M */
	CELL_US,	/* a span: 850ms, 12.3s */
	CELL_MS,	/* a long span: 3d 4h */
	CELL_TERM,	/* the same; nothing when there is none */
	CELL_MOMENT,	/* wall ms: 2026-11-20 13:09 */
	CELL_ISO,	/* 2026-11-20T13:00+01:00 as text: 2026-11-20 13:00 */
	CELL_ISO_DAY,	/* of it 2026-11-20 */
	CELL_ISO_MONTH, /* of it 2026-11 */
	CELL_SINCE,	/* wall ms: 850ms, 12.3s; lists let it grow */
	CELL_AGO,	/* wall ms: 3m ago */
	CELL_MONEY,	/* micro-dollars: $1.25, $0.0012 */
	CELL_CENTS,	/* micro-dollars: $1.25, <$0.01 */
	CELL_EXACT,	/* micro-dollars: $0.001234 */
	CELL_DECIMAL,	/* digits as text, their points below each other */
	CELL_COUNT,	/* 34.1M; nothing for 0 */
	CELL_SHARE,	/* of the sum of the column: 62% */
	CELL_PPM,	/* millionths: 59% */
	CELL_BAR,	/* a bar, as wide as there is room */
	CELL_LEFT,    /* millionths that are left: a bar and 59%; lists only */
	CELL_STATE,   /* text, painted by what it says */
	CELL_NAME,    /* text; "(none)" where it is empty */
	CELL_OWNER,   /* "uid:1000": alice */
	CELL_PERSON,  /* an owner, or "(none)" */
	CELL_UID,     /* a number: alice */
	CELL_METHOD,  /* "budget_add", as it is said: budget add */
	CELL_CHANGES, /* "old_until: 0 -> 1795199022919", with moments */
	CELL_CHANGE,  /* micro-dollars: +$0.001234, -$0.001234 */
	CELL_END,     /* the last characters of a secret: ...abcd */
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
/* A moment: 3m ago. */
void cell_write_ago(const struct output *o, int64_t wall_ms, struct buf *out);
/* A span: 850ms, 12.3s. */
void cell_write_us(int64_t us, struct buf *out);
/* Micro-dollars to the cent; what is less but something is "<$0.01". */
void cell_write_cents(int64_t micro, struct buf *out);
/* What stands before an amount that not all requests are in: ">", or for none
 * at all "no price". */
void cell_write_unpriced(int64_t micro, struct buf *out);
/* Cents for amounts of dollars, more digits the less it is. */
void cell_write_money(int64_t micro, struct buf *out);
enum paint cell_paint(const struct column *c, struct str text);
/* Do its texts stand at the right of the column? */
bool cell_is_right(const struct column *c);
/* The table draws it: the text of one row alone says nothing. */
bool cell_is_drawn(const struct column *c);
/* " CET" behind a moment, in lists of one thing; tables say their zone once. */
void cell_write_zone(const struct output *o, const struct column *c,
    const struct json *object, struct buf *out);

/* What a cell holds at most. */
#define CELL_MAX 4096

/* --- columns side by side -------------------------------------------------- */

#define COLUMNS_MAX 24
#define COLUMNS_GAP 2

/* How wide each is; 0: it is not shown. */
struct columns {
	const struct column *columns;
	unsigned count;
	int widths[COLUMNS_MAX];
	bool dropped[COLUMNS_MAX];
};

void columns_init(struct columns *w, const struct column *columns);
/* A cell of column i takes so much. */
void columns_measure(struct columns *w, unsigned i, struct str clean);
/* All cells are measured: heads take room too where anything stands. */
void columns_measure_heads(struct columns *w);
int columns_total(const struct columns *w);
/* Cut and drop until all fit into so many columns of the terminal. */
void columns_fit(struct columns *w, int room);

#endif
