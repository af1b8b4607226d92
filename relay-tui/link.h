/* SPDX-License-Identifier: MIT */
/* link.h - the socket to the daemon in an event loop: connects, connects again,
 * carries the bytes of calls. */
#ifndef RELAY_TUI_LINK_H
#define RELAY_TUI_LINK_H

#include "relay-tui/calls.h"

struct event_base;
struct link;

/* up: it is there; text: why not. */
typedef void link_changed(void *user, bool up, const char *text);

/* path NULL: the usual ones, as ctl_client_open(). */
struct link *link_new(struct event_base *base, const char *path,
    link_changed *changed, void *user);
void link_free(struct link *l);
/* Begin; from now on it connects whenever it can. */
void link_start(struct link *l);
struct calls *link_calls(struct link *l);

#endif
