/* SPDX-License-Identifier: MIT */
/* follow.h - subscriptions of screens to what happens in the daemon.
 *
 * A connection has few of them, so one that nobody listens to any more is
 * ended there, too, even when its answer comes after its screen was closed. */
#ifndef RELAY_TUI_FOLLOW_H
#define RELAY_TUI_FOLLOW_H

#include "relay-tui/app.h"

/* What view_follow() does; once per connection and view. */
void follow_begin(struct app *a, struct view *v, const char *topics,
    calls_event *event);
bool follow_is_on(const struct app *a, const struct view *v);
/* The view is closed. */
void follow_end(struct app *a, const struct view *v);
/* The connection is gone, and all subscriptions with it. */
void follow_lost(struct app *a);

#endif
