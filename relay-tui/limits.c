/* SPDX-License-Identifier: MIT */
/* limits.c - what is left of limits. */
#include "relay-tui/limits.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relay-tui/words.h"

/* Where there is little room, and where there is more. */
#define NARROW_BAR 12
#define WIDE_BAR   18
#define NARROW	   110

int64_t
limit_left_ppm(const struct json *budget)
{
	int64_t amount = 0, left = 0;

	if (json_as_i64(json_at(budget, "amount"), &amount) ||
	    json_as_i64(json_at(budget, "left"), &left) || amount <= 0)
		return -1;
	if (left <= 0)
		return 0;
	return left >= amount
	    ? 1000000
	    : (int64_t)((double)left / (double)amount * 1000000);
}

/* --- of keys --------------------------------------------------------------- */

void
limits_fini(struct limits *l)
{
	free(l->at);
	*l = (struct limits){ .count = 0 };
}

static void
add(struct limits *l, struct str id, int64_t ppm)
{
	struct limit_of *new;

	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->at = xrealloc(l->at, l->room * sizeof(*l->at));
	}
	new = &l->at[l->count++];
	snprintf(new->id, sizeof(new->id), "%.*s",
	    STR_ARG(str_first(id, sizeof(new->id) - 1)));
	new->ppm = ppm;
}

void
limits_add_all(struct limits *l, const struct json *budgets)
{
	struct str id, scope;
	int64_t ppm;

	for (const struct json *b = json_first(budgets); b; b = json_next(b)) {
		ppm = limit_left_ppm(b);
		if (ppm >= 0 &&
		    json_as_str(json_at(b, "scope"), &scope) == OK &&
		    str_eq(scope, STR("key")) &&
		    json_as_str(json_at(b, "subject"), &id) == OK)
			add(l, id, ppm);
	}
}

static int
compare(const void *a, const void *b)
{
	const struct limit_of *la = a, *lb = b;
	int by = strcmp(la->id, lb->id);

	return by ? by : la->ppm < lb->ppm ? -1 : la->ppm > lb->ppm;
}

/* The tightest of each key comes first, and stays. */
void
limits_sort(struct limits *l)
{
	size_t kept = 0;

	if (l->count == 0)
		return;
	qsort(l->at, l->count, sizeof(*l->at), compare);
	for (size_t i = 1; i < l->count; i++)
		if (strcmp(l->at[i].id, l->at[kept].id) != 0)
			l->at[++kept] = l->at[i];
	l->count = kept + 1;
}

int64_t
limits_find(const struct limits *l, struct str id)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t at = low + (high - low) / 2;
		int by = str_cmp(id, str_of(l->at[at].id));

		if (by == 0)
			return l->at[at].ppm;
		if (by < 0)
			high = at;
		else
			low = at + 1;
	}
	return -1;
}

/* --- on screens ------------------------------------------------------------ */

static struct str
text_of(const struct json *row, const char *key)
{
	struct str s;

	return json_as_str(json_at(row, key), &s) == OK ? s : STR("");
}

/* "20 usd per month of claude-opus*" */
static void
write_limit(const struct json *budget, struct buf *out)
{
	struct str class = str_first(text_of(budget, "class"), 200);

	buf_mustf(out, "%.*s %s %.*s",
	    STR_ARG(str_first(text_of(budget, "limit"), 100)), _("per"),
	    STR_ARG(str_first(text_of(budget, "window"), 100)));
	if (class.len)
		buf_mustf(out, " %s %.*s", _("of"), STR_ARG(class));
	/* Not its own, but in its way as well. */
	if (!str_eq(text_of(budget, "scope"), STR("key")))
		buf_mustf(out, " (%.*s)",
		    STR_ARG(str_first(text_of(budget, "of"), 200)));
}

static void
draw_one(const struct area *a, int row, const struct output *o,
    const struct json *budget, int names)
{
	static const struct column resets = { "", "resets_at", CELL_MOMENT,
		FIT_WHOLE };
	struct buf text;
	int at = names + COLUMNS_GAP;
	int bar = a->columns < NARROW ? NARROW_BAR : WIDE_BAR;

	buf_init(&text, CELL_MAX * 4);
	write_limit(budget, &text);
	draw_field(a, row, 0, names, false, PAINT_PLAIN, buf_str(&text));
	draw_left(a, row, at, bar, limit_left_ppm(budget));
	at = draw_textf(a, row, at + bar + COLUMNS_GAP, PAINT_PLAIN,
	    _("%.*s left"),
	    STR_ARG(str_first(text_of(budget, "left_text"), 40)));
	buf_clear(&text);
	cell_write(o, &resets, budget, &text);
	if (buf_len(&text))
		draw_textf(a, row, at + COLUMNS_GAP, PAINT_DIM,
		    _("again at %s"), buf_cstr(&text));
	buf_fini(&text);
}

int
limits_draw(const struct area *a, int row, const struct output *o,
    const struct json *budgets)
{
	int names = a->columns < NARROW ? a->columns * 3 / 10 : 40, lines = 0;

	for (const struct json *b = json_first(budgets); b; b = json_next(b))
		draw_one(a, row + lines++, o, b, names);
	return lines;
}
