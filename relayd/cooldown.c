/* SPDX-License-Identifier: MIT */
/* cooldown.c - how long an account rests, where its operator says it. */
#include "relayd/cooldown.h"

#include "relayd/unit.h"
#include "relayd/verdict.h"

#define LONGEST_MS (31LL * 86400 * 1000)

static enum err
read_one(struct str word, struct cooldowns *out, struct why *out_why)
{
	struct str value = word, name = str_trim(str_cut(&value, '='));
	struct why why;
	enum gate g;
	int64_t ms;

	value = str_trim(value);
	if (!value.at || !gate_find(name, &g))
		return why_set(out_why, ERR_VALUE, "cooldown",
		    "\"%.*s\" is no gate and its time: write for example "
		    "errors=10s, rate=0; the gates are rate, overload, errors, "
		    "auth, credit, unreachable and blocked",
		    STR_ARG(str_first(name, 40)));
	if (out->ms[g] != VERDICT_OWN_NONE)
		return why_set(out_why, ERR_VALUE, "cooldown", "says %s twice",
		    gate_name(g));
	if (unit_read_ms(value, &ms, &why) || ms > LONGEST_MS)
		return why_set(out_why, ERR_VALUE, "cooldown",
		    "%s: \"%.*s\" is no time of at most 31 days; write for "
		    "example %s=10s",
		    gate_name(g), STR_ARG(str_first(value, 40)), gate_name(g));
	out->ms[g] = ms;
	return OK;
}

enum err
cooldowns_read(struct str text, struct cooldowns *out, struct why *out_why)
{
	struct str word;
	enum err e = OK;

	for (int i = 0; i < GATE_COUNT; i++)
		out->ms[i] = VERDICT_OWN_NONE;
	while (!e && str_list_next(&text, &word))
		e = read_one(word, out, out_why);
	return e;
}
