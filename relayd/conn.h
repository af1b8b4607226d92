/* SPDX-License-Identifier: MIT */
/* conn.h - one client connection: bytes in, a request out, an answer back.
 *
 *	IDLE --first byte--> HEAD --head--> BODY --whole--> BUSY --answered--> IDLE
 *	                        \-- refused early --> LINGER --> closed
 *
 * Its user is told of heads, bodies and departures from a task of the loop,
 * never from inside libevent, and writes the answer through conn_out().
 * A connection has at most one request at a time; pipelined bytes wait. */
#ifndef RELAYD_CONN_H
#define RELAYD_CONN_H

#include <sys/queue.h>

#include "proto/addr.h"
#include "proto/fault.h"
#include "proto/http1.h"

#include "relayd/loop.h"

struct conn;
struct daemon;
struct event;
struct sockaddr_storage;

/* Marks of the output buffer, in bytes: above the first the source is held
 * back, below the second it goes on. */
#define CONN_OUT_HIGH (128 * 1024)
#define CONN_OUT_LOW  (64 * 1024)

struct conn_user {
	/* No client: counted and limited apart from those. */
	bool apart;
	/* The head of a request is there (conn_head).  Call conn_accept() to
	 * get its body, or answer at once. */
	void (*head)(struct conn *c);
	/* More of the body has arrived: `piece` stands at the end of
	 * conn_body(). */
	void (*body)(struct conn *c, struct str piece);
	/* The request is whole. */
	void (*whole)(struct conn *c);
	/* It cannot become whole: the fault to answer with (400, 408, 413). */
	void (*spoiled)(struct conn *c, enum fault fault, const char *text);
	/* The client is gone; the connection ends after this call. */
	void (*gone)(struct conn *c);
	/* The output fell below CONN_OUT_LOW (also: became empty). */
	void (*room)(struct conn *c);
};

enum conn_phase {
	CONN_IDLE,
	CONN_HEAD,
	CONN_BODY,
	CONN_BUSY,
	CONN_LINGER,
	CONN_DEAD,
};

struct conn {
	LIST_ENTRY(conn) link;
	struct daemon *d;
	const struct conn_user *user;
	void *owner; /* the user's: the request under way, or NULL */
	struct task task;
	struct timer timer; /* of the phase */
	struct timer stall; /* of writing */
	struct event *reads, *writes;
	int fd;
	enum conn_phase phase;
	short noted; /* EV_ bits since the last turn */
	bool read_armed, write_armed;
	bool accepted; /* the user wants the body */
	bool forgets;  /* but only to be rid of it: none is kept */
	bool answered, keeps;
	bool told_room; /* the user waits for room() */
	bool resets;	/* its end must not look like one */
	struct buf in;	/* not understood yet */
	size_t seen;
	struct buf head_bytes; /* what `head` points into */
	struct http1_head *head;
	struct http1_body framing;
	struct buf body;
	uint64_t body_got;
	size_t body_charged; /* bytes of it in the daemon's budget */
	int64_t body_began_ms;
	struct buf out;
	char peer[64];
	struct addr from;  /* whose it is: the peer's, or who that says */
	bool awaits_proxy; /* it has yet to say so */
};

/* Takes the descriptor. */
void conn_new(struct daemon *d, int take_fd,
    const struct sockaddr_storage *peer, const struct conn_user *user);
/* Close what is idle, let the others finish. */
void conn_drain(struct conn *c);
/* End it now, whatever is under way; the user is told gone(). */
void conn_kill(struct conn *c);

/* The body is wanted, up to max bytes (set `forgets` before when it is only to
 * be read away, `body` stays empty then); sends 100 Continue when asked to. */
void conn_accept(struct conn *c, uint64_t max);
/* Will the connection be used again after this answer? */
bool conn_keeps(const struct conn *c);

/* Where the answer is written; conn_flush() sends what the socket takes. */
struct buf *conn_out(struct conn *c);
void conn_flush(struct conn *c);
/* How much waits to be sent. */
size_t conn_backlog(const struct conn *c);
/* The answer is complete: send the rest, then the next request or the end. */
void conn_finish(struct conn *c);
/* The answer stays incomplete: send what is written, then break off so that
 * the client can tell; with a reset where the mere end would tell nothing. */
void conn_break(struct conn *c, bool reset);
/* The body is not needed any more (its memory is given back). */
void conn_drop_body(struct conn *c);

#endif
