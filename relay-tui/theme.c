/* SPDX-License-Identifier: MIT */
/* theme.c - how meanings look on this terminal. */
#include "relay-tui/theme.h"

#include <stdlib.h>

static const struct {
	unsigned attributes;
	int fore[3], back[3]; /* 16, dark, light */
} looks[] = {
#define X(name, letter, sgr, attributes_, f, fd, fl, b, bd, bl)                \
	[PAINT_##name] = { .attributes = (attributes_),                        \
		.fore = { (f), (fd), (fl) },                                   \
		.back = { (b), (bd), (bl) } },
#include "relay-tui/theme.def"
#undef X
};

static const char *const names[] = {
	[THEME_AUTO] = "auto",
	[THEME_MONO] = "mono",
	[THEME_16] = "16",
	[THEME_DARK] = "dark",
	[THEME_LIGHT] = "light",
};

enum err
theme_read(struct str name, enum theme *out)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq(name, str_of(names[i]))) {
			*out = (enum theme)i;
			return OK;
		}
	return ERR_VALUE;
}

/* COLORFGBG is "15;0", or "15;default;0": the last is the ground. */
static enum theme
of_ground(const char *said)
{
	struct str rest = str_of(said), last = STR("");
	uint64_t n;

	while (rest.at)
		last = str_cut(&rest, ';');
	if (str_u64(last, &n))
		return THEME_16;
	return n == 7 || n == 15 ? THEME_LIGHT : THEME_DARK;
}

enum theme
theme_choose(enum theme said, int colours)
{
	const char *no = getenv("NO_COLOR"), *ground = getenv("COLORFGBG");

	if (colours < 8 || (said == THEME_AUTO && no && no[0]))
		return THEME_MONO;
	if (said == THEME_AUTO)
		said = ground ? of_ground(ground) : THEME_16;
	if (colours < 256 && said != THEME_MONO)
		said = THEME_16;
	return said;
}

struct look
theme_look(enum theme t, enum paint p)
{
	struct look l = {
		.attributes = looks[p].attributes, .fore = -1, .back = -1
	};

	if (t == THEME_16 || t == THEME_DARK || t == THEME_LIGHT) {
		l.fore = looks[p].fore[t - THEME_16];
		l.back = looks[p].back[t - THEME_16];
	}
	return l;
}
