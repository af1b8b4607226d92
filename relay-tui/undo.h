/* SPDX-License-Identifier: MIT */
/* undo.h - the last thing that was changed, for as long as it can be taken back
 * with one key. */
#ifndef RELAY_TUI_UNDO_H
#define RELAY_TUI_UNDO_H

#include "proto/ctl.h"

#define UNDO_MS 10000

struct undo {
	char *value;	 /* NULL: there is nothing */
	const char *key; /* the parameter that it is */
	enum ctl_method back;
	int64_t until_ms;
};

/* The method that takes one back (undo.def); false: there is none. */
bool undo_of(enum ctl_method done, enum ctl_method *out_back);
/* This was done just now.  False: it cannot be undone, and neither can what was
 * done before it. */
bool undo_remember(struct undo *u, enum ctl_method done, const char *key,
    struct str value, int64_t now_ms);
bool undo_is_possible(const struct undo *u, int64_t now_ms);
void undo_forget(struct undo *u);

#endif
