/* SPDX-License-Identifier: MIT */
/* http1_put.c - heads and chunks written, each line whole or not at all. */
#include <assert.h>
#include <stdio.h>

#include "proto/http1.h"
#include "proto/http1_bytes.h"

/* Append up to four parts, all or none. */
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
	assert(status >= 100 && status <= 999);
	return buf_addf(out, "HTTP/1.1 %u %s\r\n", status,
	    http1_phrase(status));
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
http1_put_end(struct buf *out)
{
	return buf_add(out, STR("\r\n"));
}

enum err
http1_put_chunk(struct buf *out, struct str piece)
{
	char size[24];
	int n = snprintf(size, sizeof(size), "%zx\r\n", piece.len);
	const struct str parts[] = { str_at(size, (size_t)n), piece,
		STR("\r\n") };

	return piece.len ? put(out, parts, 3) : OK;
}

enum err
http1_put_last_chunk(struct buf *out)
{
	return buf_add(out, STR("0\r\n\r\n"));
}
