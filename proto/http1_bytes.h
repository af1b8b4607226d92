/* SPDX-License-Identifier: MIT */
/* http1_bytes.h - which bytes HTTP/1 allows where; for http1*.c alone. */
#ifndef PROTO_HTTP1_BYTES_H
#define PROTO_HTTP1_BYTES_H

#include "proto/str.h"

/* One bit for each ASCII byte, 32 to a word. */
struct http1_set {
	uint32_t word[4];
};

static inline bool
http1_set_has(const struct http1_set *set, char c)
{
	unsigned char b = (unsigned char)c;

	return b < 128 && (set->word[b >> 5] >> (b & 31) & 1);
}

/* RFC 9110 5.6.2: letters, digits and !#$%&'*+-.^_`|~ */
static const struct http1_set http1_token = { { 0x00000000, 0x03ff6cfa,
    0xc7fffffe, 0x57ffffff } };

/* Bytes of a field value: anything printable, tab, and what is not ASCII. */
static inline bool
http1_is_text(char c)
{
	unsigned char b = (unsigned char)c;

	return (b >= 0x20 && b != 0x7f) || b == '\t';
}

/* The length of the longest start of s made of such bytes. */
static inline size_t
http1_span(struct str s, const struct http1_set *set)
{
	size_t n = 0;

	while (n < s.len && http1_set_has(set, s.at[n]))
		n++;
	return n;
}

/* The same for bytes of a field value, eight at a time where all are plain. */
static inline size_t
http1_text_span(struct str s)
{
	const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
	size_t n = 0;

	while (n + 8 <= s.len) {
		uint64_t eight, low, del;
		size_t end = n + 8;

		memcpy(&eight, s.at + n, 8);
		low = (eight - ones * 0x20) & ~eight;
		del = (eight ^ ones * 0x7f) - ones;
		if (((low | (del & ~(eight ^ ones * 0x7f))) & tops) == 0) {
			n = end;
			continue;
		}
		while (n < end && http1_is_text(s.at[n]))
			n++;
		if (n < end)
			return n;
	}
	while (n < s.len && http1_is_text(s.at[n]))
		n++;
	return n;
}

#endif
