/* SPDX-License-Identifier: MIT */
/* qr.c - a text as a QR code, in half blocks: two modules one above the other
 * in each character, light ones drawn, so that it is right on the dark ground
 * of a terminal. */
#include "relay-tui/qr.h"

#include <qrencode.h>

#include "relay-tui/words.h"

/* Light modules around the code.  The standard wants four; readers are content
 * with two, and lines are few. */
#define QUIET 2

static bool
is_light(const QRcode *code, int x, int y)
{
	if (x < 0 || y < 0 || x >= code->width || y >= code->width)
		return true;
	return !(code->data[y * code->width + x] & 1);
}

static enum err
draw_line(const QRcode *code, int y, struct buf *out)
{
	enum err e = OK;

	for (int x = -QUIET; !e && x < code->width + QUIET; x++) {
		bool above = is_light(code, x, y);
		/* The last line may have nothing below it. */
		bool below =
		    y + 1 < code->width + QUIET && is_light(code, x, y + 1);

		e = buf_add(out,
		    above && below ? STR("\u2588")
			: above	   ? STR("\u2580")
			: below	   ? STR("\u2584")
				   : STR(" "));
	}
	return e ? e : buf_addc(out, '\n');
}

enum err
qr_draw(struct str text, int columns, int rows, struct buf *out,
    struct why *out_why)
{
	QRcode *code = QRcode_encodeData((int)text.len,
	    (const unsigned char *)text.at, 0, QR_ECLEVEL_L);
	enum err e = OK;
	int wide, high;

	if (!code)
		return why_set(out_why, ERR_UNSUPPORTED, "qr",
		    _("the address is too long for a QR code"));
	wide = code->width + 2 * QUIET;
	high = (wide + 1) / 2;
	if ((columns && wide > columns) || (rows && high > rows))
		e = why_set(out_why, ERR_LIMIT, "qr",
		    _("the QR code takes %d columns and %d lines, and the "
		      "terminal has %d and %d: make it larger, or its letters "
		      "smaller"),
		    wide, high, columns, rows);
	for (int y = -QUIET; !e && y < code->width + QUIET; y += 2)
		e = draw_line(code, y, out);
	QRcode_free(code);
	return e;
}
