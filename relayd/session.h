/* SPDX-License-Identifier: MIT */
/* session.h - which conversation a request belongs to.
 *
 * A session is 64 bits, a keyed hash (SipHash) of the client key, the dialect,
 * the family of the source (session.def), and what the source says: nobody can
 * name, or make up, the session of somebody else's key.  Addresses and user
 * agents are no part of it: whole offices share them. */
#ifndef RELAYD_SESSION_H
#define RELAYD_SESSION_H

#include "proto/dialect.h"
#include "proto/http1.h"

#define SESSION_SECRET 16
/* 16 hexadecimal digits and NUL. */
#define SESSION_TEXT 17
/* A name that is longer is none. */
#define SESSION_NAME_MAX 512

enum session_source {
	SESSION_NONE,
#define X(name, family, place, what) SESSION_##name,
#include "relayd/session.def"
#undef X
	SESSION_CONTENT, /* weak: like conversations look like one */
	SESSION_ANSWER,	 /* one of an account's, to go on from */
	SESSION_SOURCES
};

struct session {
	uint64_t id; /* 0: it belongs to none */
	enum session_source source;
};

struct session_ask {
	const uint8_t *secret; /* SESSION_SECRET bytes */
	const struct http1_head *head;
	const struct dialect *dialect;
	const struct scan *scan; /* finished, of body */
	struct str body;
	struct str key_id;
	bool by_content; /* when nothing names it */
};

/* "session-id", "metadata.user_id", "content". */
const char *session_source_text(enum session_source s, const struct dialect *d);

struct session session_of(const struct session_ask *ask);
/* The answer of that id, and the one that the request goes on from; 0: none. */
uint64_t session_of_answer(const struct session_ask *ask, struct str id);
uint64_t session_of_previous(const struct session_ask *ask);
void session_text(uint64_t id, char out[SESSION_TEXT]);
/* ERR_SYNTAX: not 16 hexadecimal digits. */
enum err session_read(struct str text, uint64_t *out) CHECKED;

/* Does a person speak last in it, and not a tool?  Walks through the messages;
 * true when there are none. */
bool session_is_turn(const struct scan *s, struct str body);

#endif
