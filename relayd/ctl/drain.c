/* SPDX-License-Identifier: MIT */
/* drain.c - the control method drain: no more requests, and back. */
#include "relayd/drain.h"

#include <stdio.h>

#include "relayd/audit.h"
#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/notice.h"

void
ctl_drain(struct ctl_call *c)
{
	struct daemon *d = c->daemon;
	const struct audit_who who = ctl_who(c);
	bool undo = ctl_flag(c, "undo");
	unsigned long long now = d->counters.requests_now;
	struct why why;
	enum err e =
	    undo ? drain_undo(d->drain, &why) : drain_begin(d->drain, &why);
	int64_t left_ms;

	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	left_ms = undo ? 0 : drain_until(d->drain) - loop_ms(d->loop);
	audit_post(d->store, &who, "daemon", STR("relayd"),
	    undo ? STR("takes requests again") : STR("takes no more requests"));
	notice_raise(d->notices, NOTICE_drain, STR(""),
	    "by uid:%ld: %s; %llu are under way", (long)c->peer.uid,
	    undo ? "requests are taken again" : "no more requests are taken",
	    now);
	json_open(&c->out, '{');
	json_say_bool(&c->out, "draining", !undo);
	json_say_i64(&c->out, "requests", (int64_t)now);
	json_say_i64(&c->out, "until_at", undo ? 0 : clock_wall_ms() + left_ms);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}
