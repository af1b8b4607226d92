/* SPDX-License-Identifier: MIT */
/* csv.h - rows of JSON objects as RFC 4180 has them, for programs.
 *
 * The columns are those of the table of the noun, by the names of the members;
 * money is said in dollars, so "cost_micro" is called "cost_usd". */
#ifndef RELAY_TUI_CSV_H
#define RELAY_TUI_CSV_H

#include "relay-tui/table.h"

/* What a column is called by programs; false when it is drawn for people only
 * and no program sees it. */
bool csv_name(const struct column *c, struct buf *out);

/* A line each, with its end (CR LF). */
void csv_head(const struct column *columns, struct buf *out);
void
csv_row(const struct column *columns, const struct json *row, struct buf *out);

/* Text as one cell: cleaned of control bytes, in quotes where it has to be, and
 * with ' in front where a spreadsheet would take it for a formula. */
void csv_text(struct str s, struct buf *out);
/* Micro-dollars as 12.345678. */
void csv_money(int64_t micro, struct buf *out);
/* A moment of the wall clock, in the zone of the process:
 * 2026-11-20T13:09:12+01:00. */
void csv_moment(int64_t wall_ms, struct buf *out);

#endif
