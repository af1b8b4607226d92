/* SPDX-License-Identifier: MIT */
/* columns.c - columns side by side in a terminal that may be too narrow: names
 * are cut, then what is wanted least is left out (cell.h). */
#include "relay-tui/cell.h"
#include "relay-tui/words.h"

#define NARROW	  16 /* columns are rather dropped than others cut more */
#define NARROWEST 8  /* a column is not cut below this */

void
columns_init(struct columns *w, const struct column *columns)
{
	*w = (struct columns){ .columns = columns };
	while (w->count < COLUMNS_MAX && columns[w->count].title)
		w->count++;
}

void
columns_measure(struct columns *w, unsigned i, struct str clean)
{
	int width = text_width(clean);

	w->widths[i] = width > w->widths[i] ? width : w->widths[i];
}

void
columns_measure_heads(struct columns *w)
{
	for (unsigned c = 0; c < w->count; c++)
		if (w->widths[c])
			columns_measure(w, c, str_of(_(w->columns[c].title)));
}

int
columns_total(const struct columns *w)
{
	int total = -COLUMNS_GAP;

	for (unsigned c = 0; c < w->count; c++)
		if (w->widths[c])
			total += w->widths[c] + COLUMNS_GAP;
	return total;
}

/* Cut the widest column that may be cut, again and again, until all fit. */
static bool
squeeze(struct columns *w, int room, int least)
{
	int total = columns_total(w);

	while (total > room) {
		int widest = -1;

		for (unsigned c = 0; c < w->count; c++)
			if (w->columns[c].fit == FIT_CUT &&
			    w->widths[c] > least &&
			    (widest < 0 || w->widths[c] > w->widths[widest]))
				widest = (int)c;
		if (widest < 0)
			return false;
		w->widths[widest]--;
		total--;
	}
	return true;
}

/* The column to be dropped next, from the right, or -1. */
static int
least_wanted(const struct columns *w)
{
	int found = -1;

	for (unsigned c = 0; c < w->count; c++)
		if (w->widths[c] && w->columns[c].fit >= FIT_DROP &&
		    (found < 0 || w->columns[c].fit >= w->columns[found].fit))
			found = (int)c;
	return found;
}

void
columns_fit(struct columns *w, int room)
{
	int wanted[COLUMNS_MAX], drop;

	memcpy(wanted, w->widths, sizeof(wanted));
	while (!squeeze(w, room, NARROW) && (drop = least_wanted(w)) >= 0) {
		w->dropped[drop] = true;
		memcpy(w->widths, wanted, sizeof(wanted));
		for (unsigned c = 0; c < w->count; c++)
			w->widths[c] = w->dropped[c] ? 0 : w->widths[c];
	}
	(void)squeeze(w, room, NARROWEST);
}
