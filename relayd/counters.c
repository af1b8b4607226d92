/* SPDX-License-Identifier: MIT */
/* counters.c - the table of counters. */
#include "relayd/counters.h"

#define TOTAL false
#define NOW   true

static const struct counter_row rows[] = {
#define X(name_, kind, metric_, help_)                                         \
	{ .name = #name_,                                                      \
		.metric = (metric_),                                           \
		.help = (help_),                                               \
		.now = (kind),                                                 \
		.offset = offsetof(struct counters, name_) },
#include "relayd/counters.def"
#undef X
};

const struct counter_row *
counter_at(unsigned i)
{
	return i < sizeof(rows) / sizeof(rows[0]) ? &rows[i] : NULL;
}

uint64_t
counter_get(const struct counters *c, const struct counter_row *row)
{
	return *(const uint64_t *)(const void *)((const char *)c + row->offset);
}
