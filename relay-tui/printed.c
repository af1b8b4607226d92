/* SPDX-License-Identifier: MIT */
/* printed.c - what relayctl prints of an answer, as lines of a screen. */
#include "relay-tui/printed.h"

#include <stdlib.h>

/* Paint travels through the text as relayctl says it to a terminal; foreign
 * text holds no escape, it is cleaned before. */
#define ESCAPE STR("\033[")

bool
printed_open(struct printed *p, const struct output *like, int columns)
{
	*p = (struct printed){ .output = *like };
	p->output.to = open_memstream(&p->text, &p->len);
	if (!p->output.to)
		return false;
	p->output.aside = p->output.to;
	p->output.colour = true;
	p->output.width = columns < 20 ? 20 : columns;
	return true;
}

void
printed_close(struct printed *p, struct buf *out)
{
	fclose(p->output.to);
	if (buf_add(out, str_at(p->text, p->len)))
		buf_must(out, STR("\n"));
	free(p->text);
}

void
printed_add(const struct output *like, int columns, printed_by *by,
    const struct json *data, struct buf *out)
{
	struct printed p;

	if (!data || !printed_open(&p, like, columns))
		return;
	by(&p.output, data);
	printed_close(&p, out);
}

/* "32m" in front of a text: what it means; the text begins behind it. */
static enum paint
read_paint(struct str *io_text)
{
	struct str sgr = str_cut(io_text, 'm');

	for (int p = PAINT_PLAIN + 1; p < PAINTS; p++)
		if (str_eq(sgr, str_of(paint_sgr((enum paint)p))))
			return (enum paint)p;
	return PAINT_PLAIN;
}

static void
draw_line(const struct area *a, int row, struct str line)
{
	enum paint paint = PAINT_PLAIN;
	int at = 0;

	for (;;) {
		ptrdiff_t next = str_find(line, ESCAPE);
		size_t len = next < 0 ? line.len : (size_t)next;

		if (len)
			at = draw_text(a, row, at, paint, str_first(line, len));
		if (next < 0)
			return;
		line = str_skip(line, len + ESCAPE.len);
		paint = read_paint(&line);
	}
}

int
printed_draw(const struct area *a, int row, struct str lines)
{
	int count = 0;

	while (lines.len) {
		draw_line(a, row + count, str_cut(&lines, '\n'));
		count++;
	}
	return count;
}
