/* SPDX-License-Identifier: MIT */
/* limits.h - what is left of limits: how much, of which key, and as bars. */
#ifndef RELAY_TUI_LIMITS_H
#define RELAY_TUI_LIMITS_H

#include "relay-tui/draw.h"

/* Millionths of a limit that are left, by its row of budget.list; -1 where that
 * cannot be told. */
int64_t limit_left_ppm(const struct json *budget);

/* The least that is left of any limit of a key's own, by the key's id. */
struct limits {
	struct limit_of {
		char id[24];
		int64_t ppm;
	} * at;
	size_t count, room;
};

void limits_fini(struct limits *l);
/* All rows of an answer; then once limits_sort(). */
void limits_add_all(struct limits *l, const struct json *budgets);
void limits_sort(struct limits *l);
/* -1: it has none. */
int64_t limits_find(const struct limits *l, struct str id);

/* A line for each limit, at a row of the area that may be outside of it; returns
 * how many there are. */
int limits_draw(const struct area *a, int row, const struct output *o,
    const struct json *budgets);

#endif
