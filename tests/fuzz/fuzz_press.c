/* SPDX-License-Identifier: MIT */
/* fuzz_press.c - what a terminal sends: however the bytes are cut, the presses
 * are the same, and each is one that can be named. */
#include <assert.h>
#include <string.h>

#include "proto/buf.h"

#include "relay-tui/press.h"

#define SAID_MAX (16 * 1024 * 1024)

static void
take(void *user, const struct press *p)
{
	struct buf *said = user;

	assert(p->kind == PRESS_KEY || p->kind == PRESS_PASTE ||
	    p->kind == PRESS_CLICK || p->kind == PRESS_WHEEL);
	assert(p->kind != PRESS_KEY || p->code < PRESS_CODES);
	buf_mustf(said, "%d %u %d %d %d ", (int)p->kind, p->code, p->alt,
	    p->row, p->column);
	if (p->kind == PRESS_PASTE)
		buf_must(said, p->text);
	buf_must(said, STR("\n"));
}

static void
feed(struct str bytes, size_t piece, struct buf *said)
{
	struct press_reader r;

	press_reader_init(&r, take, said);
	while (bytes.len) {
		struct str part = str_first(bytes, piece);

		press_reader_feed(&r, part);
		bytes = str_skip(bytes, part.len);
	}
	press_reader_flush(&r);
	press_reader_fini(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = str_at((const char *)data, size);
	struct buf whole, cut;

	/* Longer pastes than this are a matter of their own (test_press). */
	if (size == 0 || size > 64 * 1024)
		return 0;
	buf_init(&whole, SAID_MAX);
	buf_init(&cut, SAID_MAX);
	feed(bytes, size, &whole);
	feed(bytes, 1 + data[0] % 7, &cut);
	assert(str_eq(buf_str(&whole), buf_str(&cut)));
	buf_fini(&whole);
	buf_fini(&cut);
	return 0;
}
