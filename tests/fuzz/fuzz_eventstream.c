/* SPDX-License-Identifier: MIT */
/* fuzz_eventstream.c - the same messages and the same end, whole and in
 * steps; and never more bytes told than there were. */
#include <stdlib.h>

#include "proto/eventstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(truth)                                                           \
	do {                                                                   \
		if (!(truth))                                                  \
			abort();                                               \
	} while (0)

static enum err
read_stepwise(struct str bytes, size_t step, struct buf *out)
{
	struct eventstream_message m;
	struct eventstream s;
	enum err e = ERR_AGAIN;

	eventstream_init(&s);
	while (bytes.len && e == ERR_AGAIN) {
		size_t n = bytes.len < step ? bytes.len : step, used;
		char *copy = malloc(n);
		struct str rest = str_at(copy, n);

		CHECK(copy);
		memcpy(copy, bytes.at, n);
		while (!(e = eventstream_feed(&s, rest, &used, &m))) {
			CHECK(used <= rest.len);
			CHECK(eventstream_between(&s));
			buf_mustf(out, "%zu|%zu|%zu|%zu|", m.type.len,
			    m.event_type.len, m.exception_type.len,
			    m.error_message.len);
			buf_must(out, m.payload);
			rest = str_skip(rest, used);
		}
		free(copy);
		bytes = str_skip(bytes, n);
	}
	eventstream_fini(&s);
	return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, split;
	struct str bytes;

	if (size < 1)
		return 0;
	bytes = str_at((const char *)data + 1, size - 1);
	buf_init(&whole, size * 8 + 64);
	buf_init(&split, size * 8 + 64);
	CHECK(read_stepwise(bytes, size, &whole) ==
	    read_stepwise(bytes, (size_t)data[0] % 64 + 1, &split));
	CHECK(str_eq(buf_str(&whole), buf_str(&split)));
	buf_fini(&whole);
	buf_fini(&split);
	return 0;
}
