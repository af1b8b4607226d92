/* SPDX-License-Identifier: MIT */
/* fuzz_ctl.c - any bytes as frames of the control socket: whole and in pieces
 * they are the same lines, a frame that is read can be answered, and every
 * answer is one line that reads back. */
#include <stdlib.h>

#include "proto/ctl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* An answer to it, as the daemon would write one, reads back. */
static void
answer(const struct ctl_frame *f)
{
	struct ctl_frame back;
	struct str line;
	struct buf b;
	size_t eat;

	buf_init(&b, CTL_FRAME_MAX);
	if (ctl_error(&b, &f->id, CTL_CODE_OURS, ERR_UNKNOWN, NULL)) {
		buf_fini(&b);
		return;
	}
	require(ctl_line(buf_str(&b), &line, &eat) == OK);
	require(eat == buf_len(&b));
	require(ctl_frame_read(line, &back, NULL) == OK);
	require(back.kind == CTL_ERROR && ctl_frame_is(&back, ERR_UNKNOWN));
	require(back.id.is_null == f->id.is_null);
	require(back.id.is_text == f->id.is_text);
	require(back.id.number == f->id.number);
	ctl_frame_fini(&back);
	buf_fini(&b);
}

static uint64_t
take(struct str line, uint64_t sum)
{
	struct ctl_frame f;
	enum err e = ctl_frame_read(line, &f, NULL);

	answer(&f);
	for (size_t i = 0; i < line.len; i++)
		sum = sum * 31 + (unsigned char)line.at[i];
	sum = sum * 31 + (unsigned)e;
	if (e)
		return sum;
	if (f.kind == CTL_CALL)
		sum = sum * 31 + ctl_method_find(f.method);
	ctl_frame_fini(&f);
	return sum;
}

/* All lines of what comes in pieces of `step` bytes. */
static uint64_t
feed(struct str all, size_t step)
{
	uint64_t sum = 0;
	struct buf in;

	buf_init(&in, CTL_FRAME_MAX + step);
	while (all.len) {
		struct str piece = str_first(all, step), line;
		size_t eat;
		enum err e;

		all = str_skip(all, piece.len);
		buf_must(&in, piece);
		while ((e = ctl_line(buf_str(&in), &line, &eat)) == OK) {
			sum = take(line, sum);
			buf_eat(&in, eat);
		}
		if (e == ERR_LIMIT)
			break;
	}
	buf_fini(&in);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = str_at((const char *)data, size);
	size_t step = size ? 1 + data[0] % 64 : 1;

	require(feed(all, size + 1) == feed(all, step));
	return 0;
}
