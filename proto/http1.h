/* SPDX-License-Identifier: MIT */
/* http1.h - strict HTTP/1.1 messages: heads in, bodies in, both out.
 *
 * Pure: bytes in, structs out.  A head is parsed where it lies, its strs point
 * into the bytes given, so those must stay put while the head is used.  A
 * body decoder hands out pieces of the bytes it is fed, copying nothing.
 *
 * What is refused and with which status follows RFC 9112 and, where that
 * leaves a choice, the stricter of nginx and HAProxy. */
#ifndef PROTO_HTTP1_H
#define PROTO_HTTP1_H

#include "proto/buf.h"

#define HTTP1_HEAD_MAX	 (32 * 1024)
#define HTTP1_FIELDS_MAX 100
/* Extensions of one chunk, and all trailers of a body together, in bytes. */
#define HTTP1_CHUNK_EXT_MAX 256
#define HTTP1_TRAILERS_MAX  (8 * 1024)

struct header {
	struct str name, value; /* value without surrounding blanks */
};

enum http1_framing {
	HTTP1_NO_BODY,
	HTTP1_LENGTH, /* `length` bytes */
	HTTP1_CHUNKED,
	HTTP1_UNTIL_CLOSE, /* responses only */
};

struct http1_head {
	/* Of a request. `target` is as sent; path and query are its parts
	 * (query without '?', .at NULL when there was no '?').  For the
	 * absolute form they are those behind the authority. */
	struct str method, target, path, query, host;
	/* Of a response. */
	unsigned status; /* 100 to 599 */
	struct str reason;

	unsigned minor; /* HTTP/1.minor: 0 or 1 */
	enum http1_framing framing;
	uint64_t length;
	bool keep_alive;      /* by version and Connection */
	bool expect_continue; /* Expect: 100-continue */
	struct str upgrade; /* Upgrade, when Connection names it; else empty */
	size_t count;
	struct header fields[HTTP1_FIELDS_MAX];
};

/* Parse a request head at the start of `held`.
 *
 * *io_seen is how far an earlier call has looked (0 at first): no byte is
 * scanned twice.  OK: *out is filled and *out_used bytes belong to the head.
 * ERR_AGAIN: the head is not whole yet.  Any other: the connection must be
 * answered with *out_status (400, 431, 501, 505) and closed; out->minor and
 * out->method may be looked at but are empty if they could not be read.
 * One CRLF before the request line is skipped (RFC 9112 2.2). */
enum err http1_request(struct str held, size_t *io_seen, struct http1_head *out,
    size_t *out_used, unsigned *out_status, struct why *out_why) CHECKED;

/* The same for a response.  `to_head` says that the request was HEAD (no body
 * whatever the fields say).  Interim 1xx responses are returned like any
 * other: the caller counts and skips them (101 is an error: ERR_SYNTAX). */
enum err http1_response(struct str held, size_t *io_seen, bool to_head,
    struct http1_head *out, size_t *out_used, struct why *out_why) CHECKED;

/* The first field of that name (any case) or NULL. */
const struct header *http1_find(const struct http1_head *h, struct str name);

/* Does a comma-separated field (all of its lines) name that token? */
bool
http1_has_token(const struct http1_head *h, struct str name, struct str token);

/* --- bodies --------------------------------------------------------------- */

struct http1_body {
	enum http1_framing framing;
	uint64_t left;	/* of the length, or of this chunk */
	unsigned step;	/* where in the chunk framing */
	unsigned spent; /* bytes of extension or trailer seen */
	unsigned digits;
	bool done;
};

void http1_body_init(struct http1_body *b, const struct http1_head *h);

/* Take some of `bytes`: *out_piece is the next piece of content in them (may
 * be empty) and *out_used how many bytes were eaten.  Call again while
 * bytes are left and b->done is false.  ERR_SYNTAX: bad framing, the
 * connection cannot be used again.  ERR_LIMIT: extensions or trailers over
 * their ceiling. */
enum err http1_body_feed(struct http1_body *b, struct str bytes,
    struct str *out_piece, size_t *out_used) CHECKED;

/* The peer closed.  OK when the body was whole by then (HTTP1_UNTIL_CLOSE
 * always is), else ERR_CLOSED. */
enum err http1_body_end(struct http1_body *b) CHECKED;

/* --- writing -------------------------------------------------------------- */

/* "HTTP/1.1 200 OK\r\n", with the standard phrase of the status. */
enum err http1_put_status(struct buf *out, unsigned status) CHECKED;
/* "name: value\r\n".  A value with CR, LF or NUL is ERR_VALUE. */
enum err
http1_put_field(struct buf *out, struct str name, struct str value) CHECKED;
/* The same with a number, for lengths. */
enum err
http1_put_number(struct buf *out, struct str name, uint64_t value) CHECKED;
enum err http1_put_end(struct buf *out) CHECKED;
/* One chunk (nothing for an empty piece: that would end the body). */
enum err http1_put_chunk(struct buf *out, struct str piece) CHECKED;
enum err http1_put_last_chunk(struct buf *out) CHECKED;

/* The standard phrase, "Unknown" if there is none. */
const char *http1_phrase(unsigned status);

#endif
