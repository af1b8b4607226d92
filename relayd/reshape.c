/* SPDX-License-Identifier: MIT */
/* reshape.c - the life of what turns one answer into another. */
#include "relayd/reshape.h"

#include <stdlib.h>

#include "proto/mem.h"
#include "proto/sse.h"

struct reshape *
reshape_new(const struct reshape_ops *ops)
{
	struct reshape *s = xcalloc(1, ops->size);

	s->ops = ops;
	return s;
}

void
reshape_free(struct reshape *s)
{
	if (s && s->ops->fini)
		s->ops->fini(s);
	free(s);
}

bool
reshape_is_events(const struct reshape_ops *ops)
{
	return ops->content_type &&
	    str_starts(str_of(ops->content_type), STR("text/event-stream"));
}

enum err
reshape_whole_feed(struct reshape *base, struct str piece, struct buf *out,
    struct why *out_why)
{
	struct reshape_whole *s = (struct reshape_whole *)base;
	enum err e;

	(void)out;
	if (!s->body.max)
		buf_init(&s->body, SSE_EVENT_MAX);
	e = buf_add(&s->body, piece);
	base->held = s->body.size;
	return e ? why_set(out_why, e, "", "the answer is too large") : OK;
}

void
reshape_whole_fini(struct reshape *base)
{
	buf_fini(&((struct reshape_whole *)base)->body);
}
