/* SPDX-License-Identifier: MIT */
/* snippet.h - how the clients people use are pointed to a relay: snippet.def. */
#ifndef RELAY_TUI_SNIPPET_H
#define RELAY_TUI_SNIPPET_H

#include "proto/buf.h"

struct snippet {
	const char *said; /* "gemini-gca" */
	const char *label, *note, *text;
};

/* i counts from 0; NULL ends. */
const struct snippet *snippet_at(unsigned i);
/* By name, '-' and '_' alike; ERR_UNKNOWN lists them. */
enum err snippet_find(struct str name, const struct snippet **out,
    struct why *out_why) CHECKED;
/* Its settings with address and key filled in; url without slash at its end. */
enum err snippet_write(const struct snippet *c, struct str url, struct str key,
    struct buf *out) CHECKED;

#endif
