/* SPDX-License-Identifier: MIT */
/* answer.c - gathers an answer: header lines and a body in pieces. */
#include "tests/upstream/answer.h"

#include <stdlib.h>

#include "proto/mem.h"

#define MAX_ANSWER ((size_t)1 << 30)

void
answer_init(struct answer *a)
{
	*a = (struct answer){ .status = 200 };
	buf_init(&a->head, MAX_ANSWER);
	buf_init(&a->body, MAX_ANSWER);
}

void
answer_fini(struct answer *a)
{
	buf_fini(&a->head);
	buf_fini(&a->body);
	free(a->pieces.at);
}

void
answer_header(struct answer *a, const char *fmt, ...)
{
	va_list ap;
	enum err e;

	va_start(ap, fmt);
	e = buf_addv(&a->head, fmt, ap);
	va_end(ap);
	if (!e)
		buf_must(&a->head, STR("\r\n"));
}

void
answer_piece(struct answer *a, int64_t wait_ms)
{
	struct pieces *p = &a->pieces;

	if (p->used && p->at[p->used - 1].end == buf_len(&a->body))
		return;
	if (p->used == p->size) {
		p->size = p->size ? p->size * 2 : 16;
		p->at = xrealloc(p->at, p->size * sizeof(*p->at));
	}
	p->at[p->used++] =
	    (struct piece){ .end = buf_len(&a->body), .wait_ms = wait_ms };
}

void
answer_clear(struct answer *a)
{
	buf_clear(&a->body);
	a->pieces.used = 0;
}
