/* SPDX-License-Identifier: MIT */
/* counters.h - what the daemon counts; see counters.def. */
#ifndef RELAYD_COUNTERS_H
#define RELAYD_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counters {
#define X(name, kind, metric, help) uint64_t name;
#include "relayd/counters.def"
#undef X
};

struct counter_row {
	const char *name, *metric, *help; /* metric: may be "" */
	bool now;			  /* goes up and down */
	size_t offset;
};

/* i counts from 0; NULL ends. */
const struct counter_row *counter_at(unsigned i);
uint64_t counter_get(const struct counters *c, const struct counter_row *row);

#endif
