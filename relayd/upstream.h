/* SPDX-License-Identifier: MIT */
/* upstream.h - one HTTP/1.1 exchange with an upstream, on a pooled connection.
 *
 * The user starts it with a request head and a body, is told by note() that
 * something happened, and then looks: the head of the answer, pieces of its
 * body, its end, or why it failed.  A request is written exactly once; whether
 * to ask again is the user's decision alone. */
#ifndef RELAYD_UPSTREAM_H
#define RELAYD_UPSTREAM_H

#include "proto/http1.h"

#include "relayd/dial.h"
#include "relayd/loop.h"

struct daemon;
struct upstreams;
struct upstream;
struct link;
struct shelf;

void upstreams_new(struct daemon *d, struct upstreams **out);
void upstreams_free(struct upstreams *u);
/* Close idle connections whose key begins so (an account that changed), and
 * keep none of those that are in use. */
void upstreams_forget(struct upstreams *u, struct str key);

enum upstream_phase {
	UP_DIALLING,
	UP_ASKING,    /* the request is being written, or an answer awaited */
	UP_ANSWERING, /* its head is there */
	UP_ENDED,
	UP_FAILED,
};

/* Where it broke, for the verdict and the receipt. */
enum upstream_fault {
	UP_OK,
	UP_NO_NAME,
	UP_NO_CONNECTION,
	UP_NO_PROXY,
	UP_NO_TLS,
	UP_DENIED,   /* the address may not be connected to */
	UP_STALE,    /* a reused connection that said nothing at all */
	UP_RESET,    /* reset or closed before the head */
	UP_BAD_HEAD, /* no HTTP/1.1 answer */
	UP_CUT,	     /* broken inside the body */
	UP_BAD_BODY, /* malformed framing of the body */
};

struct upstream {
	struct upstreams *all;
	struct dial *dial;
	struct link *link;
	struct shelf *shelf;
	struct str head, body; /* borrowed until the end or upstream_cancel() */
	size_t sent;
	enum upstream_phase phase;
	enum upstream_fault fault;
	struct why why;
	bool to_head, reused, held, sent_all;
	bool closed; /* the peer has ended; what is in `in` still counts */
	unsigned interims;
	size_t seen;  /* of an unfinished head */
	size_t given; /* of `in`, with the last piece */
	struct buf in, head_bytes;
	struct http1_head answer; /* from UP_ANSWERING on */
	struct http1_body framing;
	int64_t began_us, connected_us, head_us;
	void (*note)(void *arg);
	void *arg;
};

struct upstream_ask {
	struct dial_to to;
	struct str key;	 /* connections are shared by those of equal keys */
	struct str head; /* whole, with its empty line */
	struct str body;
	bool to_head; /* the method is HEAD */
	bool fresh;   /* do not reuse a connection */
	void (*note)(void *arg);
	void *arg;
};

/* u is the caller's memory, put in order here. */
void upstream_start(struct upstreams *all, struct upstream *u,
    const struct upstream_ask *ask);
/* Let go: a connection whose exchange is whole is kept for the next one, any
 * other is closed.  Frees what u owns; fine after a failure. */
void upstream_cancel(struct upstream *u);

/* Look at what has arrived. The phase tells where it stands. */
void upstream_look(struct upstream *u);
/* In UP_ANSWERING: the next piece of the body, borrowed until the next call;
 * false when there is none now (look at the phase: it may have ended). */
bool upstream_piece(struct upstream *u, struct str *out);
/* The request was sent whole: forget where it stands, its memory may go.
 * False: it is still being sent. */
bool upstream_drop_request(struct upstream *u);
/* Do not read (the client is slow), and go on. */
void upstream_hold(struct upstream *u, bool held);

const char *upstream_fault_text(enum upstream_fault f);

#endif
