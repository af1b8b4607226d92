/* SPDX-License-Identifier: MIT */
/* buf.h - owned bytes with a ceiling: filled at the end, eaten at the front.
 *
 *	mem
 *	 |  eaten  |       held       |      room      |
 *	 0       start               end             size	(size <= max)
 *
 * Every buffer is born with the most it may ever hold, because all of them
 * are filled by somebody else.  Reaching it is ERR_LIMIT, an ordinary error
 * that leaves the buffer as it was.  An empty buffer may own no memory. */
#ifndef PROTO_BUF_H
#define PROTO_BUF_H

#include <stdarg.h>

#include "proto/str.h"

struct buf {
	char *mem;
	size_t start, end, size, max;
};

void buf_init(struct buf *b, size_t max);
/* Free the memory; the buffer may be used again, with the same ceiling. */
void buf_fini(struct buf *b);
/* As buf_fini(), after overwriting the memory: for what held a secret. */
void buf_wipe(struct buf *b);

static inline size_t
buf_len(const struct buf *b)
{
	return b->end - b->start;
}

/* What is held; valid until the next call on b. */
static inline struct str
buf_str(const struct buf *b)
{
	/* Added up as numbers: not even zero may be added to a NULL. */
	return (struct str){ .at = (char *)((uintptr_t)b->mem + b->start),
		.len = b->end - b->start };
}

/* Append.  All or nothing: ERR_LIMIT at the ceiling. */
enum err buf_add(struct buf *b, struct str s) CHECKED;
enum err buf_addc(struct buf *b, char c) CHECKED;
enum err buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))) CHECKED;
enum err buf_addv(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0))) CHECKED;

/* Append what cannot reach the ceiling by construction; the process ends when
 * it does all the same. */
void buf_must(struct buf *b, struct str s);
void buf_mustf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for at least n more bytes, to be written by the caller, who then says
 * with buf_grew() how many there are.  *out_room is how many fit. */
enum err
buf_room(struct buf *b, size_t n, char **out_at, size_t *out_room) CHECKED;
void buf_grew(struct buf *b, size_t n);

/* Drop n bytes from the front, or from the end. */
void buf_eat(struct buf *b, size_t n);
void buf_chop(struct buf *b, size_t n);
/* Hold nothing, keep the memory. */
void buf_clear(struct buf *b);

/* End what is held with a NUL that is not counted; returns its first byte. */
const char *buf_cstr(struct buf *b);

/* Hand the memory over (free(3) it), NUL-terminated; b is empty after it. */
char *buf_take(struct buf *b, size_t *out_len);

#endif
