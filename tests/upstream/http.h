/* SPDX-License-Identifier: MIT */
/* http.h - reads one HTTP/1.1 request from a growing block of input.
 *
 *	input:	| head | body (Content-Length) or chunks | next request ...
 *		0      head_len                       total
 *
 * A witness of its own: shares no code with proto/http1, and refuses what a
 * relay must never write (two lengths, a length beside chunks, bare CR, NUL,
 * spaces around a name). */
#ifndef TESTS_UPSTREAM_HTTP_H
#define TESTS_UPSTREAM_HTTP_H

#include <stdint.h>

#include "proto/buf.h"
#include "proto/str.h"

#define HTTP_MAX_HEADERS 128
#define HTTP_MAX_HEAD	 ((size_t)256 * 1024)
#define HTTP_MAX_BODY	 ((size_t)64 * 1024 * 1024)

struct header {
	struct str name, value;
};

struct request {
	/* Valid from the answer OK on, while the input does not move. */
	struct str method, target, path, query;
	struct header header[HTTP_MAX_HEADERS];
	size_t headers;
	struct str body;
	int minor;
	bool keep_alive, expect_continue;

	/* Where reading stands; read_at is where the input was when the head
	 * was looked at. */
	const char *read_at;
	size_t head_len, total, seen, chunk_at;
	bool has_length, chunked;
	/* What a chunked body has been joined into. */
	struct buf joined;
};

void http_init(struct request *r);
void http_fini(struct request *r);
/* Be ready for the next request. */
void http_next(struct request *r);

/* OK: whole, *out_eat bytes of `in` are its.  ERR_AGAIN: more is needed
 * (head_len != 0 says that the head is in and may be looked at).  Others:
 * a bad request, see *out_why. */
enum err http_read(struct request *r, struct str in, size_t *out_eat,
    const char **out_why) CHECKED;

/* The value of the first header of this name, or { NULL, 0 }. */
struct str http_header(const struct request *r, struct str name);
/* The value of a query parameter, or { NULL, 0 }; not decoded. */
struct str http_query(const struct request *r, struct str name);

#endif
