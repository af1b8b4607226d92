/* SPDX-License-Identifier: MIT */
/* fuzz_chunked.c - chunks: the same content whole and in steps, and what we
 * write is what we read. */
#include <stdlib.h>

#include "proto/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(truth)                                                           \
	do {                                                                   \
		if (!(truth))                                                  \
			abort();                                               \
	} while (0)

static const struct http1_head chunky = { .framing = HTTP1_CHUNKED };

struct answer {
	enum err e;
	size_t used;
	bool done;
	struct buf content;
};

/* Decode in steps; each is in memory of its own. */
static void
decode(struct str text, size_t step, struct answer *out)
{
	struct http1_body b;
	enum err e = OK;

	*out = (struct answer){ .e = OK };
	buf_init(&out->content, text.len);
	http1_body_init(&b, &chunky);
	while (text.len && !b.done && !e) {
		size_t n = text.len < step ? text.len : step;
		char *copy = malloc(n);
		struct str rest = str_at(copy, n);

		CHECK(copy);
		memcpy(copy, text.at, n);
		while (rest.len && !b.done && !e) {
			struct str piece;
			size_t used;

			e = http1_body_feed(&b, rest, &piece, &used);
			if (e)
				break;
			CHECK(used > 0 && used <= rest.len);
			CHECK(piece.len <= used);
			CHECK(!buf_add(&out->content, piece));
			out->used += used;
			rest = str_skip(rest, used);
		}
		free(copy);
		text = str_skip(text, n);
	}
	out->e = e;
	out->done = b.done;
	CHECK(http1_body_end(&b) == (b.done ? OK : ERR_CLOSED));
}

static void
check_written(struct str content, size_t step)
{
	struct answer read;
	struct buf wire;

	buf_init(&wire, content.len * 8 + 64);
	for (struct str rest = content; rest.len; rest = str_skip(rest, step))
		CHECK(!http1_put_chunk(&wire, str_first(rest, step)));
	CHECK(!http1_put_last_chunk(&wire));
	decode(buf_str(&wire), 7, &read);
	CHECK(!read.e && read.done && read.used == buf_len(&wire));
	CHECK(str_eq(buf_str(&read.content), content));
	buf_fini(&read.content);
	buf_fini(&wire);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answer whole, split;
	struct str text;
	size_t step;

	if (size < 1)
		return 0;
	step = (size_t)data[0] + 1;
	text = str_at((const char *)data + 1, size - 1);
	decode(text, text.len + 1, &whole);
	decode(text, step, &split);
	CHECK(whole.e == split.e && whole.done == split.done);
	/* Before an error the pieces handed out may differ in number only. */
	CHECK(str_eq(buf_str(&whole.content), buf_str(&split.content)));
	if (!whole.e)
		CHECK(whole.used == split.used);
	buf_fini(&whole.content);
	buf_fini(&split.content);
	check_written(text, step);
	return 0;
}
