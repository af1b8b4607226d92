/* SPDX-License-Identifier: MIT */
/* qr.h - a text as a QR code, in half blocks. */
#ifndef RELAY_TUI_QR_H
#define RELAY_TUI_QR_H

#include "relay-tui/output.h"

/* Append its lines.  ERR_LIMIT: it needs more than columns x rows (0: no
 * limit), which out_why tells; ERR_UNSUPPORTED: it cannot be drawn. */
enum err qr_draw(struct str text, int columns, int rows, struct buf *out,
    struct why *out_why) CHECKED;

#endif
