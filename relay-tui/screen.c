/* SPDX-License-Identifier: MIT */
/* screen.c - all the screens there are. */
#include "relay-tui/screen.h"

#define X(name, PLACE) extern const struct screen screen_##name;
#include "relay-tui/screen.def"
#undef X

enum place {
	TAB,
	SIDE,
	PAGE,
};

static const struct {
	const struct screen *screen;
	enum place place;
} screens[] = {
#define X(name, PLACE) { .screen = &screen_##name, .place = (PLACE) },
#include "relay-tui/screen.def"
#undef X
};

#define SCREENS (sizeof(screens) / sizeof(screens[0]))

const struct screen *
screen_at(unsigned i)
{
	return i < SCREENS ? screens[i].screen : NULL;
}

const struct screen *
screen_find(struct str name)
{
	for (size_t i = 0; i < SCREENS; i++)
		if (str_eq(name, str_of(screens[i].screen->name)))
			return screens[i].screen;
	return NULL;
}

const struct screen *
screen_tab(unsigned wanted)
{
	for (size_t i = 0; i < SCREENS; i++)
		if (screens[i].place == TAB && wanted-- == 0)
			return screens[i].screen;
	return NULL;
}

int
screen_tab_of(const struct screen *s)
{
	const struct screen *tab;

	for (unsigned i = 0; (tab = screen_tab(i)); i++)
		if (tab == s)
			return (int)i;
	return -1;
}

bool
screen_is_named(const struct screen *s)
{
	for (size_t i = 0; i < SCREENS; i++)
		if (screens[i].screen == s)
			return screens[i].place != PAGE;
	return false;
}
