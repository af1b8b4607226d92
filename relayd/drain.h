/* SPDX-License-Identifier: MIT */
/* drain.h - the daemon takes no more requests, and ends when those under way
 * have ended, or after drain_max; unless that is taken back before.
 *
 * The listeners stay open meanwhile: clients are told to come again, and so is
 * whoever looks at /health in front of them.  What a signal says cannot be taken
 * back: then the listeners are closed (main.c). */
#ifndef RELAYD_DRAIN_H
#define RELAYD_DRAIN_H

#include <stdint.h>

#include "proto/err.h"

struct daemon;
struct drain;

struct drain *drain_new(struct daemon *d);
/* NULL is fine. */
void drain_free(struct drain *r);

/* ERR_EXISTS: it was asked for before; ERR_BUSY: the daemon is ending. */
enum err drain_begin(struct drain *r, struct why *out_why) CHECKED;
/* ERR_UNKNOWN: it was not asked for; ERR_BUSY: it is too late. */
enum err drain_undo(struct drain *r, struct why *out_why) CHECKED;

/* Since when it was asked for (wall clock; 0: it was not), and when those under
 * way are ended (monotonic). */
int64_t drain_since(const struct drain *r);
int64_t drain_until(const struct drain *r);
/* A signal has come, and nothing is taken back any more. */
void drain_leave(struct drain *r);

#endif
