/* SPDX-License-Identifier: MIT */
/* eventstream.c - messages in frames, as AWS streams them. */
#include "proto/eventstream.h"

#include <zlib.h>

#define PRELUDE 12 /* both lengths and their checksum */
#define CRC	4

/* Types of header values. */
enum {
	VALUE_TRUE,
	VALUE_FALSE,
	VALUE_BYTE,
	VALUE_SHORT,
	VALUE_INT,
	VALUE_LONG,
	VALUE_BYTES,
	VALUE_STRING,
	VALUE_TIMESTAMP,
	VALUE_UUID,
};

static uint32_t
u32_at(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	    (uint32_t)b[2] << 8 | b[3];
}

static uint32_t
crc_of(const char *bytes, size_t len)
{
	return (uint32_t)crc32(0, (const Bytef *)bytes, (uInt)len);
}

void
eventstream_init(struct eventstream *s)
{
	buf_init(&s->frame, EVENTSTREAM_FRAME_MAX);
	s->is_told = false;
}

void
eventstream_fini(struct eventstream *s)
{
	buf_fini(&s->frame);
}

bool
eventstream_between(const struct eventstream *s)
{
	return buf_len(&s->frame) == 0 || s->is_told;
}

/* How long a value of that type is whose first bytes are `rest`, its own
 * length field included; ERR_SYNTAX for a type there is not. */
static enum err
value_length(unsigned type, struct str rest, size_t *out)
{
	switch (type) {
	case VALUE_TRUE:
	case VALUE_FALSE:
		*out = 0;
		return OK;
	case VALUE_BYTE:
		*out = 1;
		return OK;
	case VALUE_SHORT:
		*out = 2;
		return OK;
	case VALUE_INT:
		*out = 4;
		return OK;
	case VALUE_LONG:
	case VALUE_TIMESTAMP:
		*out = 8;
		return OK;
	case VALUE_UUID:
		*out = 16;
		return OK;
	case VALUE_BYTES:
	case VALUE_STRING:
		if (rest.len < 2)
			return ERR_SYNTAX;
		*out = 2u + ((size_t)(unsigned char)rest.at[0] << 8) +
		    (unsigned char)rest.at[1];
		return OK;
	default:
		return ERR_SYNTAX;
	}
}

static void
note_header(struct eventstream_message *m, struct str name, struct str text)
{
	const struct {
		struct str name;
		struct str *to;
	} known[] = {
		{ STR(":message-type"), &m->type },
		{ STR(":event-type"), &m->event_type },
		{ STR(":exception-type"), &m->exception_type },
		{ STR(":error-code"), &m->error_code },
		{ STR(":error-message"), &m->error_message },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_eq(name, known[i].name))
			*known[i].to = text;
}

static enum err
read_headers(struct str h, struct eventstream_message *m)
{
	while (h.len) {
		size_t name_len = (unsigned char)h.at[0], len;
		struct str name, value;
		unsigned type;
		enum err e;

		if (name_len == 0 || h.len < 1 + name_len + 1)
			return ERR_SYNTAX;
		name = str_at(h.at + 1, name_len);
		type = (unsigned char)h.at[1 + name_len];
		h = str_skip(h, 1 + name_len + 1);
		e = value_length(type, h, &len);
		if (e)
			return e;
		if (h.len < len)
			return ERR_SYNTAX;
		value = str_first(h, len);
		if (type == VALUE_STRING)
			note_header(m, name, str_skip(value, 2));
		h = str_skip(h, len);
	}
	return OK;
}

/* The length of the frame that begins so; needs a whole prelude. */
static enum err
frame_length(const char *at, size_t *out)
{
	size_t total = u32_at(at), headers = u32_at(at + 4);

	if (crc_of(at, 8) != u32_at(at + 8))
		return ERR_SYNTAX;
	if (total > EVENTSTREAM_FRAME_MAX || headers > EVENTSTREAM_HEADERS_MAX)
		return ERR_LIMIT;
	if (total < PRELUDE + CRC || headers > total - PRELUDE - CRC)
		return ERR_SYNTAX;
	*out = total;
	return OK;
}

static enum err
read_frame(struct str frame, struct eventstream_message *out)
{
	size_t headers = u32_at(frame.at + 4);
	struct eventstream_message m = { .type = { .at = NULL } };
	enum err e;

	if (crc_of(frame.at, frame.len - CRC) !=
	    u32_at(frame.at + frame.len - CRC))
		return ERR_SYNTAX;
	e = read_headers(str_at(frame.at + PRELUDE, headers), &m);
	if (e)
		return e;
	m.payload = str_at(frame.at + PRELUDE + headers,
	    frame.len - PRELUDE - headers - CRC);
	*out = m;
	return OK;
}

/* Bring the kept frame up to n bytes; ERR_AGAIN: `bytes` do not lead there. */
static enum err
keep_up_to(struct eventstream *s, size_t n, struct str bytes, size_t *io_used)
{
	struct str more = str_skip(bytes, *io_used);
	enum err e;

	if (buf_len(&s->frame) >= n)
		return OK;
	more = str_first(more, n - buf_len(&s->frame));
	e = buf_add(&s->frame, more);
	*io_used += more.len;
	if (e)
		return e;
	return buf_len(&s->frame) == n ? OK : ERR_AGAIN;
}

enum err
eventstream_feed(struct eventstream *s, struct str bytes, size_t *out_used,
    struct eventstream_message *out)
{
	size_t total = 0, used = 0;
	enum err e;

	if (s->is_told)
		buf_clear(&s->frame);
	s->is_told = false;
	if (!buf_len(&s->frame) && bytes.len >= PRELUDE) {
		/* Most frames arrive in one piece: no copy of those. */
		e = frame_length(bytes.at, &total);
		if (e)
			return e;
		if (bytes.len >= total) {
			*out_used = total;
			return read_frame(str_first(bytes, total), out);
		}
	}
	e = keep_up_to(s, PRELUDE, bytes, &used);
	if (!e)
		e = frame_length(buf_str(&s->frame).at, &total);
	if (!e)
		e = keep_up_to(s, total, bytes, &used);
	if (e)
		return e;
	s->is_told = true;
	*out_used = used;
	return read_frame(buf_str(&s->frame), out);
}
