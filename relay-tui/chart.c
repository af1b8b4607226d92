/* SPDX-License-Identifier: MIT */
/* chart.c - numbers as pictures made of characters: bars, sparklines, a heat
 * map. */
#include "relay-tui/chart.h"

#include "relay-tui/output.h"
#include "relay-tui/words.h"

/* --- scales ---------------------------------------------------------------- */

/* Values are amounts and counts: what is below zero is drawn as zero. */
static int64_t
parts_of(int64_t value, int64_t most, int64_t parts)
{
	int64_t n;

	if (value <= 0 || most <= 0)
		return 0;
	if (value >= most)
		return parts;
	n = (int64_t)((double)value / (double)most * (double)parts + 0.5);
	return n ? n : 1;
}

int64_t
chart_scale(int64_t most)
{
	static const int64_t steps[] = { 1, 2, 5 };

	for (int64_t power = 1; power <= INT64_MAX / 50; power *= 10)
		for (size_t i = 0; i < 3; i++)
			if (most <= steps[i] * power)
				return steps[i] * power;
	return most;
}

/* --- bars ------------------------------------------------------------------ */

void
chart_bar(struct buf *out, int64_t value, int64_t most, int columns, bool ascii)
{
	static const char *const eighths[] = { "", "\xe2\x96\x8f",
		"\xe2\x96\x8e", "\xe2\x96\x8d", "\xe2\x96\x8c", "\xe2\x96\x8b",
		"\xe2\x96\x8a", "\xe2\x96\x89" };
	int64_t n = parts_of(value, most, (int64_t)columns * 8);

	for (int64_t i = 0; i < n / 8; i++)
		buf_must(out, ascii ? STR("#") : STR("\xe2\x96\x88"));
	if (ascii && n % 8)
		buf_must(out, n % 8 < 4 ? STR("-") : STR("="));
	else
		buf_must(out, str_of(eighths[n % 8]));
}

/* --- sparklines ------------------------------------------------------------ */

void
chart_spark(struct buf *out, const int64_t *values, size_t count, int64_t most,
    bool ascii)
{
	static const char *const heights[] = { "_", "\xe2\x96\x81",
		"\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84", "\xe2\x96\x85",
		"\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88" };
	static const char *const plain[] = { "_", ".", ":", "-", "=", "+", "*",
		"#", "@" };

	for (size_t i = 0; i < count; i++) {
		int64_t n = parts_of(values[i], most, 8);

		buf_must(out, str_of(ascii ? plain[n] : heights[n]));
	}
}

/* The lowest row is number 0. */
static void
write_columns_row(struct buf *out, const int64_t *values, size_t count,
    int64_t most, int rows, int row, int width, bool ascii)
{
	static const char *const fills[2][9] = {
		{ " ", "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
		    "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86",
		    "\xe2\x96\x87", "\xe2\x96\x88" },
		{ " ", ".", ".", ":", ":", "-", "=", "+", "#" },
	};

	for (size_t i = 0; i < count; i++) {
		int64_t n = parts_of(values[i], most, (int64_t)rows * 8);

		n -= (int64_t)row * 8;
		n = n < 0 ? 0 : n > 8 ? 8 : n;
		for (int c = 0; c < width; c++)
			buf_must(out,
			    str_of(fills[ascii][c && c == width - 1 ? 0 : n]));
	}
	buf_must(out, STR("\n"));
}

void
chart_columns(struct buf *out, const int64_t *values, size_t count,
    int64_t most, int rows, int width, bool ascii)
{
	for (int row = rows - 1; row >= 0; row--)
		write_columns_row(out, values, count, most, rows, row, width,
		    ascii);
}

void
chart_merge(int64_t *values, size_t *io_count, size_t each)
{
	size_t n = 0;

	if (each <= 1)
		return;
	for (size_t i = 0; i < *io_count; i += each) {
		int64_t sum = 0;

		for (size_t k = i; k < i + each && k < *io_count; k++)
			sum += values[k];
		values[n++] = sum;
	}
	*io_count = n;
}

/* --- texts ----------------------------------------------------------------- */

void
chart_ends(struct buf *out, struct str left, struct str right, int columns)
{
	int room = columns - text_width(right) - 1;

	left = text_fit(left, room < 0 ? 0 : room);
	buf_must(out, left);
	room = columns - text_width(left) - text_width(right);
	for (int i = 0; i < room; i++)
		buf_must(out, STR(" "));
	buf_must(out, right);
}

void
chart_count(struct buf *out, int64_t n)
{
	static const char units[] = "kMGTPE";
	double amount = (double)n;
	int unit = -1;

	/* What would be printed as 1000 belongs to the next unit. */
	while ((amount >= 999.5 || amount <= -999.5) && unit < 5) {
		amount /= 1000;
		unit++;
	}
	if (unit < 0)
		buf_mustf(out, "%lld", (long long)n);
	else
		buf_mustf(out,
		    amount < 99.95 && amount > -99.95 ? "%.1f%c" : "%.0f%c",
		    amount, units[unit]);
}

void
chart_percent(struct buf *out, int64_t part, int64_t whole)
{
	double percent = whole ? (double)part * 100 / (double)whole : 0;

	if (part <= 0 || whole <= 0)
		return;
	if (percent < 0.5)
		buf_must(out, STR("<1%"));
	else
		buf_mustf(out, "%.0f%%", percent);
}

/* --- heat ------------------------------------------------------------------ */

#define SHADES 4

static const char *const shades[2][SHADES + 1] = {
	{ "\xc2\xb7", "\xe2\x96\x91", "\xe2\x96\x92", "\xe2\x96\x93",
	    "\xe2\x96\x88" },
	{ ".", "-", "+", "x", "#" },
};

/* A shade fills its cell, a dot stands alone in it. */
static void
write_cell(struct buf *out, const char *shade, int width, bool fills)
{
	for (int i = 0; i < width; i++)
		buf_must(out, fills || i == 0 ? str_of(shade) : STR(" "));
}

static void
write_hours(struct buf *out, int label, int width)
{
	int each = width >= 3 ? 1 : width == 2 ? 2 : 3;

	buf_mustf(out, "%*s", label, "");
	for (int h = 0; h < 24; h += each)
		buf_mustf(out, "%02d%*s", h,
		    h + each < 24 ? width * each - 2 : 0, "");
	buf_must(out, STR("\n"));
}

/* The quarter of most that a value lies in, from 1 up. */
static int64_t
shade_of(int64_t value, int64_t most)
{
	if (value <= 0)
		return 0;
	return (int64_t)((double)value / (double)most * SHADES - 1e-9) + 1;
}

static void
write_day(struct buf *out, const struct chart_week *w, int day, int label,
    int width, int64_t most, bool ascii)
{
	int64_t sum = 0;

	buf_must(out, w->days[day]);
	buf_mustf(out, "%*s", label - text_width(w->days[day]), "");
	for (int h = 0; h < 24; h++) {
		int64_t n = shade_of(w->values[day][h], most);

		sum += w->values[day][h];
		write_cell(out, w->hours[day][h] ? shades[ascii][n] : " ",
		    width, n > 0);
	}
	buf_must(out, STR("  "));
	w->write(sum, out);
	buf_must(out, STR("\n"));
}

static void
write_legend(struct buf *out, const struct chart_week *w, int label,
    int64_t most, bool ascii)
{
	buf_mustf(out, "%*s%s %s", label, "", shades[ascii][0], _("nothing"));
	for (int n = 1; most && n <= SHADES; n++) {
		buf_mustf(out, "  %s ", shades[ascii][n]);
		w->write((int64_t)((double)most * n / SHADES), out);
	}
	buf_must(out, STR("\n"));
}

void
chart_heat(struct buf *out, const struct chart_week *w, int columns, bool ascii)
{
	const int sums = 12;
	int label = 0, width;
	int64_t most = 0;

	for (int d = 0; d < 7; d++) {
		int is = text_width(w->days[d]);

		label = is > label ? is : label;
		for (int h = 0; h < 24; h++)
			most = w->values[d][h] > most ? w->values[d][h] : most;
	}
	label += 2;
	width = (columns - label - sums) / 24;
	width = width < 1 ? 1 : width > 4 ? 4 : width;
	write_hours(out, label, width);
	for (int d = 0; d < 7; d++)
		write_day(out, w, d, label, width, most, ascii);
	write_legend(out, w, label, most, ascii);
}
