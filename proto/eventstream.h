/* SPDX-License-Identifier: MIT */
/* eventstream.h - application/vnd.amazon.eventstream: messages in frames.
 *
 *	| total 4 | headers 4 | crc 4 |  headers  |  payload  | crc 4 |
 *	0         4           8       12          12+headers  total-4
 *
 * Numbers are big-endian.  The first CRC-32 is of the eight bytes before it,
 * the second of all bytes before it (protocols/bedrock.md 7). */
#ifndef PROTO_EVENTSTREAM_H
#define PROTO_EVENTSTREAM_H

#include "proto/buf.h"

/* The most one frame may be long, and its headers. */
#define EVENTSTREAM_FRAME_MAX	(16 * 1024 * 1024)
#define EVENTSTREAM_HEADERS_MAX (128 * 1024)

struct eventstream {
	struct buf frame; /* the one that came in pieces */
	bool is_told;	  /* it was handed out, and can go */
};

/* The headers that say what a message is; empty when absent. */
struct eventstream_message {
	struct str type;	   /* :message-type: event, exception, error */
	struct str event_type;	   /* :event-type */
	struct str exception_type; /* :exception-type */
	struct str error_code, error_message;
	struct str payload;
};

void eventstream_init(struct eventstream *s);
void eventstream_fini(struct eventstream *s);

/* Look at bytes until a message is complete.  OK: *out is it (its strs are
 * valid until the next call, as long as `bytes` stay), and *out_used bytes
 * lead through its end.  ERR_AGAIN: all bytes were looked at, no message
 * ended.  ERR_LIMIT: a frame over its ceiling.  ERR_SYNTAX: lengths, a header
 * or a checksum is wrong.  After a failure the stream cannot be followed any
 * further. */
enum err eventstream_feed(struct eventstream *s, struct str bytes,
    size_t *out_used, struct eventstream_message *out) CHECKED;

/* Did the bytes end between two messages? */
bool eventstream_between(const struct eventstream *s);

#endif
