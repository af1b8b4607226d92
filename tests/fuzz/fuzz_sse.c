/* SPDX-License-Identifier: MIT */
/* fuzz_sse.c - events: the same whole and in steps, the same with other line
 * ends, and equal to what a plain reading of the standard gives. */
#include <stdlib.h>

#include "proto/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(truth)                                                           \
	do {                                                                   \
		if (!(truth))                                                  \
			abort();                                               \
	} while (0)

static void
event_print(struct str name, struct str data, struct buf *out)
{
	/* Neither part holds a CR. */
	CHECK(str_chr(name, '\r') < 0 && str_chr(name, '\n') < 0);
	CHECK(str_chr(data, '\r') < 0);
	buf_must(out, name);
	buf_must(out, STR("\r"));
	buf_must(out, data);
	buf_must(out, STR("\r"));
}

static void
read_stepwise(struct str text, size_t step, struct buf *out)
{
	struct sse_event event;
	struct sse s;

	sse_init(&s);
	while (text.len) {
		size_t n = text.len < step ? text.len : step, used;
		char *copy = malloc(n);
		struct str rest = str_at(copy, n);
		enum err e;

		CHECK(copy);
		memcpy(copy, text.at, n);
		while (!(e = sse_feed(&s, rest, &used, &event))) {
			CHECK(used <= rest.len);
			CHECK(sse_between(&s));
			event_print(event.name, event.data, out);
			rest = str_skip(rest, used);
		}
		CHECK(e == ERR_AGAIN);
		free(copy);
		text = str_skip(text, n);
	}
	sse_fini(&s);
}

/* With every line end made LF. */
static void
ends_unify(struct str text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] != '\r')
			buf_must(out, str_at(text.at + i, 1));
		else if (i + 1 == text.len || text.at[i + 1] != '\n')
			buf_must(out, STR("\n"));
	}
}

/* The standard, word for word and without haste. */
static void
read_plainly(struct str text, struct buf *out)
{
	struct str name = { NULL, 0 };
	struct buf data;

	buf_init(&data, text.len + 1);
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_skip(text, 3);
	while (str_chr(text, '\n') >= 0) {
		struct str line = str_cut(&text, '\n'), value = line, field;

		if (line.len == 0) {
			if (buf_len(&data)) {
				buf_chop(&data, 1);
				event_print(name, buf_str(&data), out);
			}
			buf_clear(&data);
			name = str_at(NULL, 0);
			continue;
		}
		field = str_cut(&value, ':');
		value = str_skip(value, str_starts(value, STR(" ")));
		if (str_eq(field, STR("event")))
			name = value;
		if (str_eq(field, STR("data"))) {
			buf_must(&data, value);
			buf_must(&data, STR("\n"));
		}
	}
	buf_fini(&data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, split, plain, unified;
	struct str text;

	if (size < 1)
		return 0;
	text = str_at((const char *)data + 1, size - 1);
	buf_init(&whole, size * 8);
	buf_init(&split, size * 8);
	buf_init(&plain, size * 8);
	buf_init(&unified, size);
	read_stepwise(text, size, &whole);
	read_stepwise(text, (size_t)data[0] % 64 + 1, &split);
	ends_unify(text, &unified);
	read_plainly(buf_str(&unified), &plain);
	CHECK(str_eq(buf_str(&whole), buf_str(&split)));
	CHECK(str_eq(buf_str(&whole), buf_str(&plain)));
	buf_fini(&whole);
	buf_fini(&split);
	buf_fini(&plain);
	buf_fini(&unified);
	return 0;
}
