/* SPDX-License-Identifier: MIT */
/* reshape.c - the life of what turns one answer into another. */
#include "relayd/reshape.h"

#include <stdlib.h>

#include "proto/mem.h"

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
	return str_starts(str_of(ops->content_type), STR("text/event-stream"));
}
