/* SPDX-License-Identifier: MIT */
/* key.h - which keys do what: one table makes the dispatch, the footer and the
 * page of help. */
#ifndef RELAY_TUI_KEY_H
#define RELAY_TUI_KEY_H

#include "proto/ctl.h"

#include "relay-tui/press.h"

struct view;

/* What a key does on a screen. */
struct key {
	const char *presses; /* "d Delete"; NULL ends a table */
	enum ctl_role role;  /* the least that may: greyed out for others */
	const char *word;    /* N_(): in the footer; "": not there */
	const char *help;    /* N_(): on the page of help */
	void (*does)(struct view *v); /* NULL: screen.press does */
};

enum keys_where {
	KEYS_LIST,
	KEYS_TEXT,
	KEYS_ALL,
};

/* What keys mean everywhere: key.def. */
enum key_action {
#define X(ACTION, WHERE, presses, word, help) KEY_##ACTION,
#include "relay-tui/key.def"
#undef X
	KEY_ACTIONS
};

/* As a row of a screen's own, without what it does. */
const struct key *key_of(enum key_action a);
enum keys_where key_where(enum key_action a);

/* Is it one of a row's presses? */
bool key_is(const struct key *k, const struct press *p);
/* The action that a press means there; KEY_ACTIONS: none. */
enum key_action key_find(enum keys_where where, const struct press *p);

#endif
