/* SPDX-License-Identifier: MIT */
/* buf.c - owned bytes with a ceiling. */
#include "proto/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

/* The smallest block worth a call to malloc(3). */
#define SMALLEST 256

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_fini(struct buf *b)
{
	free(b->mem);
	*b = (struct buf){ .max = b->max };
}

void
buf_wipe(struct buf *b)
{
	if (b->mem)
		explicit_bzero(b->mem, b->size);
	buf_fini(b);
}

/* Make place for n bytes behind `end`: by moving what is held to the front
 * when that frees at least half of the block, else by a larger block. */
static enum err
make_room(struct buf *b, size_t n)
{
	size_t held = buf_len(b), want;

	if (n > b->max - held)
		return ERR_LIMIT;
	if (b->size - b->end >= n && b->mem)
		return OK;
	if (b->start >= b->size / 2 && b->size - held >= n && b->mem) {
		memmove(b->mem, b->mem + b->start, held);
		b->start = 0;
		b->end = held;
		return OK;
	}
	want = b->size < SMALLEST ? SMALLEST : b->size * 2;
	if (want > b->max)
		want = b->max;
	if (want < held + n)
		want = held + n;
	if (b->start) {
		memmove(b->mem, b->mem + b->start, held);
		b->start = 0;
		b->end = held;
	}
	/* One more byte than counted, for buf_cstr(). */
	b->mem = xrealloc(b->mem, want + 1);
	b->size = want;
	return OK;
}

enum err
buf_add(struct buf *b, struct str s)
{
	enum err e;

	if (s.len == 0)
		return OK;
	if (s.len > b->size - b->end || !b->mem) {
		e = make_room(b, s.len);
		if (e)
			return e;
	}
	memcpy(b->mem + b->end, s.at, s.len);
	b->end += s.len;
	return OK;
}

enum err
buf_addc(struct buf *b, char c)
{
	return buf_add(b, str_at(&c, 1));
}

enum err
buf_addv(struct buf *b, const char *fmt, va_list ap)
{
	/* The byte for the NUL is the one that make_room() adds. */
	size_t room = b->mem ? b->size - b->end + 1 : 0;
	va_list again;
	enum err e;
	int n;

	va_copy(again, ap);
	n = vsnprintf(room ? b->mem + b->end : NULL, room, fmt, again);
	va_end(again);
	assert(n >= 0);
	if ((size_t)n >= room) {
		e = make_room(b, (size_t)n);
		if (e)
			return e;
		vsnprintf(b->mem + b->end, (size_t)n + 1, fmt, ap);
	}
	b->end += (size_t)n;
	return OK;
}

enum err
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	enum err e;

	va_start(ap, fmt);
	e = buf_addv(b, fmt, ap);
	va_end(ap);
	return e;
}

void
buf_must(struct buf *b, struct str s)
{
	enum err e = buf_add(b, s);

	assert(e == OK);
	(void)e;
}

void
buf_mustf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	enum err e;

	va_start(ap, fmt);
	e = buf_addv(b, fmt, ap);
	va_end(ap);
	assert(e == OK);
	(void)e;
}

enum err
buf_room(struct buf *b, size_t n, char **out_at, size_t *out_room)
{
	enum err e;

	e = make_room(b, n);
	if (e)
		return e;
	*out_at = b->mem + b->end;
	*out_room = b->size - b->end;
	return OK;
}

void
buf_grew(struct buf *b, size_t n)
{
	assert(n <= b->size - b->end);
	b->end += n;
}

void
buf_eat(struct buf *b, size_t n)
{
	assert(n <= buf_len(b));
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}

void
buf_chop(struct buf *b, size_t n)
{
	assert(n <= buf_len(b));
	b->end -= n;
}

void
buf_clear(struct buf *b)
{
	b->start = b->end = 0;
}

const char *
buf_cstr(struct buf *b)
{
	if (!b->mem)
		return "";
	b->mem[b->end] = '\0';
	return b->mem + b->start;
}

char *
buf_take(struct buf *b, size_t *out_len)
{
	char *mem;

	if (!b->mem) {
		if (out_len)
			*out_len = 0;
		return xstrdup("");
	}
	if (b->start) {
		memmove(b->mem, b->mem + b->start, buf_len(b));
		b->end -= b->start;
		b->start = 0;
	}
	b->mem[b->end] = '\0';
	mem = b->mem;
	if (out_len)
		*out_len = b->end;
	*b = (struct buf){ .max = b->max };
	return mem;
}
