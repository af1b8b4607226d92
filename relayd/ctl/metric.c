/* SPDX-License-Identifier: MIT */
/* metric.c - the metrics over the control socket. */
#include <stdio.h>

#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/metrics.h"

/* The largest family (six gates of METRICS_ACCOUNTS_MAX accounts with the
 * longest names) takes three quarters of a frame: none is begun behind this. */
#define PAGE_MAX (CTL_FRAME_MAX / 8)

static bool
has_room(const struct ctl_call *c, unsigned n)
{
	return ctl_has_room(c, n) && buf_len(&c->data) < PAGE_MAX;
}

void
ctl_metrics(struct ctl_call *c)
{
	struct exposition x;
	uint64_t first = 0;
	unsigned i, n = 0;
	bool more = true;
	char next[16];

	if (c->cursor.len && (str_u64(c->cursor, &first) || first > 10000)) {
		ctl_refusef(c, ERR_VALUE, "cursor", "is none of ours");
		return;
	}
	json_open(&c->out, '[');
	expose_to_json(&x, &c->out);
	/* A family is never split: its samples are of one moment. */
	for (i = (unsigned)first; more && has_room(c, n); i++, n++)
		more = metrics_put(c->daemon, i, &x);
	json_close(&c->out, ']');
	snprintf(next, sizeof(next), "%u", i);
	ctl_answer(c, 0, more ? str_of(next) : STR(""));
}
