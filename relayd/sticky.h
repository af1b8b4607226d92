/* SPDX-License-Identifier: MIT */
/* sticky.h - which account a session is bound to.
 *
 *	heads	 [ - | 7 | - | 2 | ... ]	by hash, chained by `next`
 *		       |       |
 *	pieces	 [ 0..1023 ] [ 1024.. ]		72 bytes a session, never moved
 *		   |
 *	newest <-> ... <-> oldest		by the last use
 *
 * In memory alone, at most sticky_limit() sessions; the one that was not used
 * for longest goes first.  An account that is removed is forgotten. */
#ifndef RELAYD_STICKY_H
#define RELAYD_STICKY_H

#include "proto/str.h"

struct account;

#define STICKY_PIECE  1024
#define STICKY_KEY_ID 16

struct sticky_session {
	uint64_t id; /* of struct session */
	struct account *account;
	int64_t used_ms; /* monotonic */
	uint32_t next, newer, older;
	uint32_t requests;
	uint32_t switch_micro;	    /* that another account would cost more */
	uint16_t moves;		    /* to another account */
	uint8_t source;		    /* enum session_source */
	uint8_t dialect;	    /* for whoever fills it in */
	bool pinned;		    /* by an operator: nothing else moves it */
	char key_id[STICKY_KEY_ID]; /* not NUL-terminated when full */
};

struct sticky {
	struct sticky_session **pieces;
	uint32_t *heads;
	uint32_t heads_count; /* a power of two */
	uint32_t pieces_count, used, free;
	uint32_t newest, oldest;
	uint32_t count;
	uint64_t evicted_total;
	uint32_t max;
	int64_t ttl_ms;
};

void sticky_init(struct sticky *s);
void sticky_fini(struct sticky *s);
/* At most max sessions, each for ttl_ms after its last use; 0 of either: none.
 * Those that are too many or too old go at once, or when one is looked at. */
void sticky_limit(struct sticky *s, uint64_t max, int64_t ttl_ms);

/* NULL: it is bound to none, or its time is over. */
struct sticky_session *
sticky_find(struct sticky *s, uint64_t id, int64_t now_ms);
/* It was used now. */
void sticky_touch(struct sticky *s, struct sticky_session *t, int64_t now_ms);
/* Bind it, new or again; it was used now.  NULL: there is room for none. */
struct sticky_session *
sticky_bind(struct sticky *s, uint64_t id, struct account *a, int64_t now_ms);
void sticky_drop(struct sticky *s, struct sticky_session *t);
/* The account is about to go. */
void sticky_forget(struct sticky *s, struct account *a);

/* From the one that was used last; NULL ends. */
struct sticky_session *sticky_newest(const struct sticky *s);
struct sticky_session *
sticky_older(const struct sticky *s, const struct sticky_session *t);
/* What it takes in memory. */
size_t sticky_bytes(const struct sticky *s);

#endif
