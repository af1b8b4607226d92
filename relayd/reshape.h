/* SPDX-License-Identifier: MIT */
/* reshape.h - an upstream's answer made into the one the dialect's callers
 * know: frames into events, an envelope taken off, a stream gathered.
 *
 * Stands between what was received (and decompressed) and everything that
 * listens or passes on; so whatever comes out is watched, held, priced and
 * ended like the answer of any other upstream.  Members do not wait. */
#ifndef RELAYD_RESHAPE_H
#define RELAYD_RESHAPE_H

#include "proto/buf.h"

struct reshape;

struct reshape_ops {
	const char *content_type; /* of what comes out; NULL: as it came */
	size_t size; /* of the struct that begins with struct reshape; zeroed */
	void (*fini)(struct reshape *s); /* NULL: nothing to do */
	/* The next bytes of the upstream's body; what can be said by now is
	 * appended to out.  Any error: the body is not what it should be. */
	enum err (*feed)(struct reshape *s, struct str piece, struct buf *out,
	    struct why *out_why);
	/* The body has ended: say the rest.  ERR_SYNTAX: it is cut short.
	 * NULL: nothing is left to say. */
	enum err (*end)(struct reshape *s, struct buf *out,
	    struct why *out_why);
};

struct reshape {
	const struct reshape_ops *ops;
	bool ended;
	/* What it keeps of the answer takes so many bytes of memory. */
	size_t held;
	/* What the client calls the model, when the account calls it otherwise;
	 * else empty. */
	struct str model;
	/* Said with the end: all in all this is a refusal of that status, and
	 * what came out is its body; 0: it is an answer. */
	unsigned status;
};

struct reshape *reshape_new(const struct reshape_ops *ops);
/* NULL is fine. */
void reshape_free(struct reshape *s);
bool reshape_is_events(const struct reshape_ops *ops);

/* For those that need the whole body: it stands in `body` at the end. */
struct reshape_whole {
	struct reshape base;
	struct buf body;
};
enum err reshape_whole_feed(struct reshape *base, struct str piece,
    struct buf *out, struct why *out_why);
void reshape_whole_fini(struct reshape *base);

#endif
