/* SPDX-License-Identifier: MIT */
/* help.h - what relayctl can do, said from the table of commands. */
#ifndef RELAY_TUI_HELP_H
#define RELAY_TUI_HELP_H

#include "proto/ctl_words.h"

#include "relay-tui/output.h"

/* relayctl's own options, which every command takes. */
struct own_option {
	const char *name;  /* "socket" */
	const char *value; /* "PATH"; NULL: a flag */
	const char *help;
};
/* i counts from 0; NULL ends. */
const struct own_option *own_option_at(unsigned i);

/* The rows that begin with these words; one alone with all it takes. */
void
help_print(struct output *o, int count, const char *const *words, bool all);
/* "usage: relayctl account add KIND NAME ..." */
void help_usage(struct output *o, const struct ctl_row *row);

#endif
