/* SPDX-License-Identifier: MIT */
/* fuzz_coding.c - hostile compressed bodies.
 *
 * The first byte chooses the coding, the second the size of the pieces. */
#include <assert.h>

#include "proto/coding.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define MAX ((size_t)1024 * 1024)

static enum err
unpack(enum coding coding, struct str in, size_t piece, struct buf *out)
{
	struct decoder *d = decoder_new(coding, MAX);
	enum err e = OK;

	buf_init(out, 2 * MAX);
	while (in.len && !e) {
		e = decoder_feed(d, str_first(in, piece), out);
		in = str_skip(in, piece);
	}
	if (e)
		assert(decoder_end(d) == e);
	else
		e = decoder_end(d);
	decoder_free(d);
	assert(buf_len(out) <= MAX);
	return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const enum coding codings[] = { CODING_GZIP, CODING_DEFLATE,
		CODING_ZSTD };
	struct str text;
	struct buf whole, split;
	enum coding coding;
	enum err a, b;

	if (len < 2)
		return 0;
	coding = codings[bytes[0] % 3];
	text = str_at((const char *)bytes + 2, len - 2);
	a = unpack(coding, text, text.len ? text.len : 1, &whole);
	b = unpack(coding, text, 1 + (size_t)bytes[1], &split);
	/* In pieces the ratio is judged earlier; all else must agree. */
	if (a != ERR_LIMIT && b != ERR_LIMIT) {
		assert(a == b);
		if (a == OK)
			assert(!str_cmp(buf_str(&whole), buf_str(&split)));
	}
	if (a == OK && buf_len(&whole) > 128 * 1024)
		assert(buf_len(&whole) / 101 <= text.len);
	buf_fini(&whole);
	buf_fini(&split);
	return 0;
}
