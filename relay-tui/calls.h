/* SPDX-License-Identifier: MIT */
/* calls.h - questions to the daemon that are under way, and what comes back.
 *
 * Nothing here waits or knows a socket: what is asked is handed to write(), what
 * the daemon says is fed in, and who asked is called back, once.  An owner that
 * goes away is forgotten, and called no more. */
#ifndef RELAY_TUI_CALLS_H
#define RELAY_TUI_CALLS_H

#include "proto/ctl.h"

struct calls;

/* The answer: a frame of kind CTL_RESULT or CTL_ERROR, valid until the callback
 * returns.  A call that was lost with its connection is answered with an error
 * "closed". */
typedef void
calls_answer(void *owner, void *user, const struct ctl_frame *answer);
typedef void
calls_event(void *owner, void *user, const struct ctl_frame *event);

struct calls *calls_new(void (*write)(void *to, struct str line), void *to);
void calls_free(struct calls *c);

/* Put the parameters between the two.  ERR_LIMIT: too much was put;
 * ERR_CLOSED: there is no connection.  Nobody is called back then. */
struct json_out *calls_begin(struct calls *c, enum ctl_method method);
enum err calls_send(struct calls *c, void *owner, calls_answer *done,
    void *user, int64_t now_ms) CHECKED;

/* Never mind: what was begun is not sent. */
void calls_drop(struct calls *c);

/* Be told the events of a subscription that an answer has named (its data.sub);
 * those of others are dropped. */
void calls_follow(struct calls *c, void *owner, int64_t sub, calls_event *event,
    void *user);
void calls_forget(struct calls *c, void *owner);

/* Bytes from the daemon.  ERR_SYNTAX: this is no relayd; the connection is to
 * be closed. */
enum err
calls_feed(struct calls *c, struct str bytes, struct why *out_why) CHECKED;
/* The connection is there, or is lost. */
void calls_open(struct calls *c);
void calls_lost(struct calls *c);
bool calls_is_open(const struct calls *c);

/* Take an answer over, in its callback: it outlives it, and is freed with
 * ctl_frame_fini().  The frame that was handed over is empty afterwards. */
struct ctl_frame calls_keep(struct calls *c);

/* How many an owner waits for (NULL: everybody), and since when the oldest. */
unsigned
calls_waiting(const struct calls *c, const void *owner, int64_t *out_since_ms);

#endif
