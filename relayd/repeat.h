/* SPDX-License-Identifier: MIT */
/* repeat.h - which of many like events are told, and how many were not.
 *
 * An event about an object is told once in a while; those in between are
 * counted, and the number is told with the next one.  So are those of an event
 * about ever new objects, from the REPEAT_BURST-th on.  Knows no clock. */
#ifndef RELAYD_REPEAT_H
#define RELAYD_REPEAT_H

#include <sys/queue.h>

#include "proto/str.h"

/* Objects that are remembered; the longest known gives way. */
#define REPEAT_OBJECTS_MAX 512
/* Objects of one event that are told of in one while. */
#define REPEAT_BURST 20

struct repeat;
TAILQ_HEAD(repeat_list, repeat);

struct repeats {
	struct repeat_list known; /* the oldest first */
	unsigned count;
	unsigned events;
	struct repeat_event *of; /* of each event */
	uint64_t held_back;	 /* ever */
};

void repeats_init(struct repeats *r, unsigned events);
void repeats_fini(struct repeats *r);
/* May the event about the object be told at now?  If so no other one is before
 * until_ms, and *out_missed is how many were not told since the last. */
bool repeats_let(struct repeats *r, unsigned event, struct str object,
    int64_t now_ms, int64_t until_ms, uint64_t *out_missed);
/* Was the one that was let pass last the last of its event in this while?
 * Whoever tells it should say so. */
bool repeats_is_full(const struct repeats *r, unsigned event);

#endif
