/* SPDX-License-Identifier: MIT */
/* sse.h - server-sent events: find them in a stream that passes by.
 *
 * The bytes are forwarded by somebody else, untouched; this only tells where
 * events end and what they say (WHATWG HTML, "interpreting an event stream":
 * lines end with LF, CR or CRLF; a leading byte order mark is skipped). */
#ifndef PROTO_SSE_H
#define PROTO_SSE_H

#include "proto/buf.h"

/* The most one event may hold (its data lines joined). */
#define SSE_EVENT_MAX (8 * 1024 * 1024)

struct sse_event {
	struct str name; /* of the `event:` field, empty when there was none */
	struct str data; /* data lines joined with LF */
};

struct sse {
	struct buf line; /* the unfinished line */
	struct buf data;
	struct buf name;
	bool has_data, after_cr, began, in_event;
};

void sse_init(struct sse *s);
void sse_fini(struct sse *s);

/* Look at bytes until an event is complete.  OK: *out_event is it (its strs
 * are valid until the next call, as long as `bytes` stay), and *out_used
 * bytes lead through its end.  ERR_AGAIN: all bytes were looked at, no event
 * ended.  ERR_LIMIT: over SSE_EVENT_MAX; the stream cannot be followed any
 * further.  An event without data is not reported (comments, empty lines),
 * and an unfinished one at the end of the stream never is. */
enum err sse_feed(struct sse *s, struct str bytes, size_t *out_used,
    struct sse_event *out_event) CHECKED;

/* May something be written between the bytes seen and the next ones without
 * landing inside an event? */
bool sse_between(const struct sse *s);

#endif
