/* SPDX-License-Identifier: MIT */
/* setup.h - the settings of a client, with this relay's address in them. */
#ifndef RELAY_TUI_SETUP_H
#define RELAY_TUI_SETUP_H

#include "relay-tui/output.h"

struct snippet;
struct ctl_client;

/* Where clients find the relay, by what the method whoami answers: "http://" and
 * where it listens first; an address that means "all" is this machine's name to
 * others.  ERR_UNKNOWN: it listens nowhere. */
enum err setup_url(const struct json *whoami, struct buf *out) CHECKED;

/* What is to be copied goes to o, what is to be known to the standard error.
 * said_url NULL: where the daemon listens first, which `client` is asked for. */
enum err
setup_print(struct output *o, struct ctl_client *client, const char *said_url,
    const struct snippet *kind, struct str key, struct why *out_why) CHECKED;

#endif
