/* SPDX-License-Identifier: MIT */
/* lookout.h - looks now and then whether store, journal and disk are well,
 * and raises a notice when they are not. */
#ifndef RELAYD_LOOKOUT_H
#define RELAYD_LOOKOUT_H

struct daemon;
struct lookout;

struct lookout *lookout_new(struct daemon *d);
/* Before the store is closed: a look at the disk may still come back.  NULL is
 * fine. */
void lookout_stop(struct lookout *o);
/* After it. */
void lookout_free(struct lookout *o);

#endif
