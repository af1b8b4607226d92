/* SPDX-License-Identifier: MIT */
/* shape.h - the body of a request as the account's kind wants it, and its
 * SHA-256 for kinds that sign.
 *
 * Small bodies at once, large ones on the store's reader thread: the loop has
 * no turn long enough for rewriting 20 MB.  While that works, it owns the
 * client's body, so that nobody has to wait for it when the client leaves. */
#ifndef RELAYD_SHAPE_H
#define RELAYD_SHAPE_H

#include "proto/buf.h"

#include "store/store.h"

struct account;
struct ask;
struct daemon;
struct provider;
struct relay;

/* Bodies up to this are shaped inside the turn. */
#define SHAPE_AT_ONCE_MAX (256 * 1024)
/* What may be added to a body. */
#define SHAPE_GROWTH (64 * 1024)

struct shape {
	struct job job;
	struct relay *r; /* NULL: nobody waits any more */
	const struct provider *provider;
	struct buf plan;
	struct buf owned; /* the client's body, while this works on it */
	struct str body;
	struct buf out; /* the body that goes upstream */
	size_t
	    reserved; /* what the work may take, while another thread does it */
	struct daemon *d;
	uint8_t sha256[32];
	bool is_done, signs;
	enum err err;
	struct why why;
};

/* Begin for an account.  SHAPE_NONE: its kind takes this body as it is; else
 * r->shape is set, and with SHAPE_DONE it is done already. */
enum shape_begun {
	SHAPE_NONE,
	SHAPE_DONE,
	SHAPE_WAIT
};
enum shape_begun
shape_begin(struct relay *r, const struct account *a, const struct ask *ask);
/* It has come to the loop again, or was done at once: take over what it made
 * (r->up_body, r->sha256).  An error is the request's. */
enum err shape_take(struct relay *r, struct why *out_why) CHECKED;
/* What it takes of the daemon's budget for bodies. */
size_t shape_weight(const struct shape *s);
/* The relay does not wait for it any more. */
void shape_forget(struct relay *r);

/* For kinds that take the client's body: its usage asked for, its model
 * renamed, when the account needs that; the result is r->shaped then. */
enum err shape_splice(struct relay *r, const struct account *a,
    bool *out_changed) CHECKED;

#endif
