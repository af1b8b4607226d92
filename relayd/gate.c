/* SPDX-License-Identifier: MIT */
/* gate.c - why an account may not be used just now, and until when. */
#include "relayd/gate.h"

#include <stdio.h>

static const char *const names[] = {
	[GATE_RATE] = "rate",
	[GATE_OVERLOAD] = "overload",
	[GATE_ERRORS] = "errors",
	[GATE_AUTH] = "auth",
	[GATE_CREDIT] = "credit",
	[GATE_UNREACHABLE] = "unreachable",
};

static const char *const texts[] = {
#define X(name, text) text,
#include "relayd/gate.def"
#undef X
};

const char *
gate_name(enum gate g)
{
	return names[g];
}

const char *
gate_text(enum gate g)
{
	return texts[g];
}

void
gate_shut(struct gates *g, enum gate which, int64_t until_ms,
    const char *reason)
{
	if (until_ms > g->until_ms[which])
		g->until_ms[which] = until_ms;
	snprintf(g->reason[which], sizeof(g->reason[which]), "%s", reason);
}

void
gate_open(struct gates *g, enum gate which)
{
	g->until_ms[which] = 0;
	g->strikes[which] = 0;
	g->reason[which][0] = '\0';
}

void
gate_open_all(struct gates *g)
{
	for (int i = 0; i < GATE_COUNT; i++)
		gate_open(g, (enum gate)i);
}

void
gate_succeeded(struct gates *g, int64_t now_ms)
{
	for (int i = 0; i < GATE_COUNT; i++)
		if (i == GATE_ERRORS || i == GATE_UNREACHABLE ||
		    g->until_ms[i] <= now_ms)
			gate_open(g, (enum gate)i);
}

int64_t
gate_until(const struct gates *g, int64_t now_ms, enum gate *out_which)
{
	int64_t last = 0;

	for (int i = 0; i < GATE_COUNT; i++) {
		if (g->until_ms[i] <= now_ms || g->until_ms[i] <= last)
			continue;
		last = g->until_ms[i];
		*out_which = (enum gate)i;
	}
	return last;
}
