/* SPDX-License-Identifier: MIT */
/* http1_put.c - heads and chunks written, each line whole or not at all. */
#include <assert.h>

#include "proto/http1.h"
#include "proto/http1_bytes.h"

/* A number of 64 bits in either base. */
#define DIGITS_MAX 20

/* Append the parts, all or none. */
static enum err
put(struct buf *out, const struct str *parts, size_t count)
{
	size_t sum = 0, room;
	char *at;
	enum err e;

	for (size_t i = 0; i < count; i++)
		sum += parts[i].len;
	e = buf_room(out, sum, &at, &room);
	if (e)
		return e;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len)
			memcpy(at, parts[i].at, parts[i].len);
		at += parts[i].len;
	}
	buf_grew(out, sum);
	return OK;
}

/* Written backwards into room; format strings cost more than all the rest of
 * a head. */
static struct str
digits_of(uint64_t n, unsigned base, char room[DIGITS_MAX])
{
	size_t at = DIGITS_MAX;

	do {
		room[--at] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	return str_at(room + at, DIGITS_MAX - at);
}

const char *
http1_phrase(unsigned status)
{
	switch (status) {
#define X(number, phrase)                                                      \
	case number:                                                           \
		return phrase;
#include "proto/http_status.def"
#undef X
	default:
		return "Unknown";
	}
}

enum err
http1_put_status(struct buf *out, unsigned status)
{
	char room[DIGITS_MAX];
	const struct str parts[] = { STR("HTTP/1.1 "),
		digits_of(status, 10, room), STR(" "),
		str_of(http1_phrase(status)), STR("\r\n") };

	assert(status >= 100 && status <= 999);
	return put(out, parts, 5);
}

enum err
http1_put_field(struct buf *out, struct str name, struct str value)
{
	const struct str parts[] = { name, STR(": "), value, STR("\r\n") };

	if (name.len == 0 || http1_span(name, &http1_token) != name.len ||
	    str_chr(value, '\r') >= 0 || str_chr(value, '\n') >= 0 ||
	    str_chr(value, '\0') >= 0)
		return ERR_VALUE;
	return put(out, parts, 4);
}

enum err
http1_put_number(struct buf *out, struct str name, uint64_t value)
{
	char room[DIGITS_MAX];

	return http1_put_field(out, name, digits_of(value, 10, room));
}

enum err
http1_put_end(struct buf *out)
{
	return buf_add(out, STR("\r\n"));
}

enum err
http1_put_chunk(struct buf *out, struct str piece)
{
	char room[DIGITS_MAX];
	const struct str parts[] = { digits_of(piece.len, 16, room),
		STR("\r\n"), piece, STR("\r\n") };

	return piece.len ? put(out, parts, 4) : OK;
}

enum err
http1_put_last_chunk(struct buf *out)
{
	return buf_add(out, STR("0\r\n\r\n"));
}
