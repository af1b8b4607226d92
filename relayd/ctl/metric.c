/* SPDX-License-Identifier: MIT */
/* metric.c - the metrics over the control socket. */
#include <stdio.h>

#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/metrics.h"

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
	for (i = (unsigned)first; more && ctl_has_room(c, n); i++, n++)
		more = metrics_put(c->daemon, i, &x);
	json_close(&c->out, ']');
	snprintf(next, sizeof(next), "%u", i);
	ctl_answer(c, 0, more ? str_of(next) : STR(""));
}
