/* SPDX-License-Identifier: MIT */
/* expose.h - families of metrics, written as Prometheus reads them or as JSON.
 *
 *	# HELP relayd_retries_total Tries after the first.
 *	# TYPE relayd_retries_total counter
 *	relayd_retries_total 4
 *
 *	{"name":"relayd_retries_total","type":"counter","help":"...","samples":
 *	 [{"name":"relayd_retries_total","labels":{},"value":4}]}
 *
 * Knows nothing of relayd.  A family is begun, gets its samples, and is ended;
 * the first error is latched. */
#ifndef RELAYD_EXPOSE_H
#define RELAYD_EXPOSE_H

#include "proto/histogram.h"
#include "proto/json.h"

enum metric_type {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM,
};

/* The value is foreign and written so that it cannot be taken for anything
 * else; the name is ours. */
struct label {
	const char *name;
	struct str value;
};

#define EXPOSE_LABELS_MAX 6

struct exposition {
	struct buf *text; /* one of both */
	struct json_out *json;
	const char *family;
	enum err err;
};

void expose_to_text(struct exposition *x, struct buf *to);
void expose_to_json(struct exposition *x, struct json_out *to);
/* ERR_LIMIT: the text did not fit. */
enum err expose_end(const struct exposition *x) CHECKED;

/* help without its full stop. */
void family_begin(struct exposition *x, const char *name, enum metric_type type,
    const char *help);
void family_end(struct exposition *x);

/* Samples of the family under way; the labels are `count` many. */
void sample_u64(struct exposition *x, const struct label *labels,
    unsigned count, uint64_t value);
/* Given in millionths: seconds from us, money from micro-units. */
void sample_micro(struct exposition *x, const struct label *labels,
    unsigned count, uint64_t value_micro);
/* Of a METRIC_HISTOGRAM, in seconds: the slots low to high. */
void sample_histogram(struct exposition *x, const struct label *labels,
    unsigned count, const struct histogram *h, unsigned low, unsigned high);

#endif
