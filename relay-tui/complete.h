/* SPDX-License-Identifier: MIT */
/* complete.h - what may stand in place of the last word of a command.
 *
 * What the table of commands knows is said at once; names are the daemon's to
 * tell, and which of its lists has them follows from the table, too: the names
 * of a NOUN are those of "NOUN list". */
#ifndef RELAY_TUI_COMPLETE_H
#define RELAY_TUI_COMPLETE_H

#include "proto/ctl_words.h"

#define COMPLETE_ASKS_MAX 8

/* What is wanted of a list. */
enum complete_want {
	COMPLETE_NAMES,
	COMPLETE_OWNERS,
	COMPLETE_FIELDS, /* of kinds, as options */
};

struct completion {
	struct buf words; /* one per line, each once */
	struct {
		enum ctl_method method;
		enum complete_want want;
	} asks[COMPLETE_ASKS_MAX];
	unsigned asks_count;
};

/* words[count - 1] is the one to be completed, perhaps empty. */
void
complete_begin(struct completion *out, int count, const char *const *words);
void complete_fini(struct completion *c);
/* The rows of the list that asks[i] named. */
void complete_add(struct completion *c, unsigned i, const struct json *rows);

#endif
