/* SPDX-License-Identifier: MIT */
/* notices.h - the telling of notices: channels, the queue, its store.
 *
 * Life: notices_new(), notices_load() before the store's threads run,
 * notices_run() when there is a dialer; notices_stop() before the dialer and
 * the store end, notices_free() after the store. */
#ifndef RELAYD_NOTICES_H
#define RELAYD_NOTICES_H

#include "relayd/channel.h"
#include "relayd/loop.h"
#include "relayd/notice_queue.h"
#include "relayd/repeat.h"

struct delivered;
struct dialer;
struct flush;
struct settings;
struct store;

struct notices {
	struct loop *loop;
	const struct settings *settings;
	struct store *store;   /* NULL: nothing is kept */
	struct dialer *dialer; /* NULL: nothing is told (yet, or any more) */
	struct repeats repeats;
	struct channels channels;
	struct notice_queue queue;
	struct task look; /* at what may be told */
	struct timer timer;
	struct task write; /* what the store does not know */
	struct timer write_again;
	struct flush *flush; /* under way; NULL: none */
	uint64_t raised[NOTICE_EVENTS];
	char host[65];
};

/* Before the store's threads run: channels and what waits. */
enum err
notices_load(struct notices *n, struct store *s, struct why *out_why) CHECKED;
/* Begin to tell. */
void notices_run(struct notices *n, struct dialer *d);
/* Break off what is under way, and hand the store what it does not know. */
void notices_stop(struct notices *n);

/* Is a notice of that event still to be told, and may it be now? */
bool notices_have(const struct notices *n, enum notice_event event);

/* The channel is new, or was changed: what waits for it may be due. */
void notices_channel_changed(struct notices *n, struct channel *c);
/* It is about to be removed, and so is what waits for it. */
void notices_channel_gone(struct notices *n, struct channel *c);
/* Remove what has failed, with `all` also what waits, of a channel or of all;
 * how many. */
unsigned notices_clear(struct notices *n, struct str channel, bool all);

/* --- between notice.c and notices.c ---------------------------------------- */

/* An entry for each channel that wants it. */
void notices_queue(struct notices *n, enum notice_event event,
    struct str object, struct str text, uint64_t missed);

#endif
