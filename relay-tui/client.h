/* SPDX-License-Identifier: MIT */
/* client.h - how the clients people use are pointed to a relay: client.def. */
#ifndef RELAY_TUI_CLIENT_H
#define RELAY_TUI_CLIENT_H

#include "proto/buf.h"

struct client {
	const char *said; /* "gemini-gca" */
	const char *label, *note, *text;
};

/* i counts from 0; NULL ends. */
const struct client *client_at(unsigned i);
/* By name, '-' and '_' alike; ERR_UNKNOWN lists them. */
enum err client_find(struct str name, const struct client **out,
    struct why *out_why) CHECKED;
/* Its settings with address and key filled in; url without slash at its end. */
enum err client_write(const struct client *c, struct str url, struct str key,
    struct buf *out) CHECKED;

#endif
