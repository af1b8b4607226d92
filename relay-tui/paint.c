/* SPDX-License-Identifier: MIT */
/* paint.c - what a text means, as letters and as escape sequences. */
#include "relay-tui/paint.h"

static const struct {
	char letter;
	const char *sgr;
} paints[] = {
#define X(name, letter_, sgr_, attributes, f, fd, fl, b, bd, bl)               \
	[PAINT_##name] = { .letter = (letter_), .sgr = (sgr_) },
#include "relay-tui/theme.def"
#undef X
};

char
paint_letter(enum paint p)
{
	return paints[p].letter;
}

const char *
paint_sgr(enum paint p)
{
	return paints[p].sgr;
}
