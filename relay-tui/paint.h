/* SPDX-License-Identifier: MIT */
/* paint.h - what a text means; shown as a colour where there are colours, never
 * only as that (theme.def). */
#ifndef RELAY_TUI_PAINT_H
#define RELAY_TUI_PAINT_H

enum paint {
#define X(name, letter, sgr, attributes, f, fd, fl, b, bd, bl) PAINT_##name,
#include "relay-tui/theme.def"
#undef X
	PAINTS
};

/* The letter of a paint in dumps, and its SGR parameters. */
char paint_letter(enum paint p);
const char *paint_sgr(enum paint p);

#endif
