/* SPDX-License-Identifier: MIT */
/* follow.h - what followers on the control socket are told as it happens.
 *
 *	{"topic":"requests","event":"phase","request":{...}}	as session.list
 *	{"topic":"requests","event":"end","request":{...}}	as receipt.list
 *	{"topic":"accounts","event":"state","account":{...}}
 *	{"topic":"accounts","event":"removed","account":{...}}
 *
 * While nobody follows, nothing is written and nothing is looked at.  What one
 * is told is bounded by control.h: who does not keep up loses events and hears
 * how many. */
#ifndef RELAYD_FOLLOW_H
#define RELAYD_FOLLOW_H

#include "relayd/control.h"

/* Members of ctl_filter.topics; CTL_TAIL is receipt.tail's. */
enum topic {
#define X(name, role, text) TOPIC_##name,
#include "relayd/topic.def"
#undef X
	TOPIC_COUNT
};
#define TOPIC_BIT(t) (1u << (t))
#define TOPIC_TAIL   (1u << TOPIC_COUNT)

struct follow;

struct follow *follow_new(struct daemon *d);
/* NULL is fine. */
void follow_free(struct follow *f);

/* "requests,accounts"; empty: all that the role may follow.  ERR_UNKNOWN,
 * ERR_DENIED. */
enum err topics_read(struct str list, enum ctl_role role, unsigned *out_topics,
    struct why *out_why) CHECKED;

/* The subscriptions are about these, all together. */
void follow_topics(struct follow *f, unsigned wanted);

#endif
