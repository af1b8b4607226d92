/* SPDX-License-Identifier: MIT */
/* metrics.h - everything relayd tells about itself in numbers: metric.def,
 * counters.def and histogram.def, family by family. */
#ifndef RELAYD_METRICS_H
#define RELAYD_METRICS_H

#include "relayd/expose.h"

struct daemon;

/* Accounts that are told of by name. */
#define METRICS_ACCOUNTS_MAX 200

/* Write family i, counted from 0 (some are empty: nothing is written); false
 * behind the last one. */
bool metrics_put(const struct daemon *d, unsigned i, struct exposition *x);

/* --- between metrics.c and metrics_*.c ---------------------------------- */

#define X(name, type, metric, help)                                            \
	void put_##name(const struct daemon *d, struct exposition *x);
#include "relayd/metric.def"
#undef X

#endif
