/* SPDX-License-Identifier: MIT */
/* cooldown.h - how long an account rests after its failures, where an operator
 * says it otherwise than verdict.def:
 *
 *	errors=10s, rate=0
 *
 * comma-separated: a gate (gate.def) and exactly how long it stays shut, 0: it
 * does not shut. */
#ifndef RELAYD_COOLDOWN_H
#define RELAYD_COOLDOWN_H

#include "relayd/gate.h"

struct cooldowns {
	int64_t ms[GATE_COUNT]; /* VERDICT_OWN_NONE: as the table says */
};

/* ERR_VALUE; *out is whole in any case, without what cannot be read. */
enum err cooldowns_read(struct str text, struct cooldowns *out,
    struct why *out_why) CHECKED;

#endif
