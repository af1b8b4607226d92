/* SPDX-License-Identifier: MIT */
/* gate.c - why an account may not be used just now, and until when. */
#include "relayd/gate.h"

#include <stdio.h>

#include "relayd/family.h"

static const char *const names[] = {
#define X(NAME, name, text) name,
#include "relayd/gate.def"
#undef X
};

static const char *const texts[] = {
#define X(NAME, name, text) text,
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

bool
gate_find(struct str name, enum gate *out)
{
	for (int i = 0; i < GATE_COUNT; i++) {
		if (!str_eq(name, str_of(names[i])))
			continue;
		*out = (enum gate)i;
		return true;
	}
	return false;
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

static bool
has_decayed(int64_t until_ms, int64_t now_ms)
{
	return until_ms <= now_ms - GATE_DECAY_MS;
}

void
gate_succeeded(struct gates *g, int64_t now_ms)
{
	for (int i = 0; i < GATE_COUNT; i++)
		if (i == GATE_ERRORS || i == GATE_UNREACHABLE ||
		    (i == GATE_RATE ? has_decayed(g->until_ms[i], now_ms)
				    : g->until_ms[i] <= now_ms))
			gate_open(g, (enum gate)i);
}

unsigned
gate_strikes(const struct gates *g, enum gate which, int64_t now_ms)
{
	return which == GATE_RATE && has_decayed(g->until_ms[which], now_ms)
	    ? 0
	    : g->strikes[which];
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

/* --- for some models alone ------------------------------------------------- */

struct gate_part *
gate_part_of(struct gate_parts *p, struct str of, bool is_long, enum gate which,
    int64_t now_ms)
{
	struct gate_part *first = NULL;

	for (unsigned i = 0; i < p->count; i++) {
		struct gate_part *g = &p->at[i];

		if (g->which == which && g->is_long == is_long &&
		    str_eq(str_of(g->of), of)) {
			if (has_decayed(g->until_ms, now_ms))
				g->strikes = 0;
			return g;
		}
		if (!first || g->until_ms < first->until_ms)
			first = g;
	}
	if (p->count < GATE_PARTS_MAX)
		first = &p->at[p->count++];
	*first = (struct gate_part){ .which = which, .is_long = is_long };
	snprintf(first->of, sizeof(first->of), "%.*s", STR_ARG(of));
	return first;
}

int64_t
gate_part_until(const struct gate_parts *p, struct str model,
    const struct http1_head *head, int64_t now_ms, enum gate *out_which)
{
	struct str family;
	int64_t last = 0;

	if (!p->count)
		return 0;
	family = family_of(model);
	for (unsigned i = 0; i < p->count; i++) {
		const struct gate_part *g = &p->at[i];
		struct str of = str_of(g->of);

		if (g->until_ms <= now_ms || g->until_ms <= last)
			continue;
		if (!str_eq(of, family) &&
		    !str_eq(of, str_first(model, GATE_PART_NAME - 1)))
			continue;
		if (g->is_long && !family_wants_long(head))
			continue;
		last = g->until_ms;
		*out_which = g->which;
	}
	return last;
}

int64_t
gate_parts_until(const struct gate_parts *p, int64_t now_ms)
{
	int64_t last = 0;

	for (unsigned i = 0; i < p->count; i++)
		if (p->at[i].until_ms > now_ms && p->at[i].until_ms > last)
			last = p->at[i].until_ms;
	return last;
}

unsigned
gate_part_open(struct gate_parts *p, struct str of, int64_t now_ms)
{
	unsigned kept = 0, shut = 0;

	for (unsigned i = 0; i < p->count; i++) {
		if (of.len && !str_eq(str_of(p->at[i].of), of)) {
			p->at[kept++] = p->at[i];
			continue;
		}
		shut += p->at[i].until_ms > now_ms;
	}
	p->count = kept;
	return shut;
}
