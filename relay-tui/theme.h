/* SPDX-License-Identifier: MIT */
/* theme.h - how meanings look on this terminal: colours where there are some,
 * attributes everywhere (theme.def). */
#ifndef RELAY_TUI_THEME_H
#define RELAY_TUI_THEME_H

#include "proto/str.h"

#include "relay-tui/paint.h"

#define THEME_BOLD	1u
#define THEME_DIM	2u
#define THEME_UNDERLINE 4u
#define THEME_REVERSE	8u

enum theme {
	THEME_AUTO,  /* what the terminal can */
	THEME_MONO,  /* no colours */
	THEME_16,    /* the terminal's own sixteen: right on any ground */
	THEME_DARK,  /* of 256, on a dark ground */
	THEME_LIGHT, /* of 256, on a light one */
};

struct look {
	unsigned attributes;
	int fore, back; /* -1: the terminal's own */
};

/* "auto", "mono", "16", "dark", "light"; ERR_VALUE. */
enum err theme_read(struct str name, enum theme *out) CHECKED;
/* What to take where nothing is said: NO_COLOR, COLORFGBG, and how many colours
 * the terminal has. */
enum theme theme_choose(enum theme said, int colours);
struct look theme_look(enum theme t, enum paint p);

#endif
