/* SPDX-License-Identifier: MIT */
/* sched.c - which account answers. */
#include "relayd/sched.h"

#include "relayd/budget.h"

static const char *const texts[] = {
#define X(name, text) text,
#include "relayd/sieve.def"
#undef X
};

const char *
sieve_text(enum sieve s)
{
	return texts[s];
}

static bool
was_tried(const struct sched_ask *ask, const struct account *a)
{
	for (unsigned i = 0; i < ask->tried_count; i++)
		if (ask->tried[i] == a)
			return true;
	return false;
}

/* An account that merely failed may be tried by one request at a time before
 * its gate opens, when nobody better is there: a lone account is never given
 * up on, and a dead one is not stormed. */
static bool
may_probe(const struct account *a, int64_t now_ms)
{
	for (int i = 0; i < GATE_COUNT; i++)
		if (a->gates.until_ms[i] > now_ms && i != GATE_ERRORS &&
		    i != GATE_UNREACHABLE)
			return false;
	return a->in_flight == 0;
}

/* When its budgets have room for the request, 0 when they have it now. */
static int64_t
budget_until(struct account *a, const struct sched_ask *ask)
{
	struct budget_now now;
	int64_t until;

	if (!ask->need)
		return 0;
	now = budgets_now(ask->budgets);
	until = budgets_hold_until(ask->budgets, a, ask->model, ask->need, now);
	if (!until || until == INT64_MAX)
		return until;
	return until - now.wall_ms + ask->now_ms;
}

static void
note_soonest(struct sched_choice *out, int64_t at_ms)
{
	if (!out->soonest_ms || at_ms < out->soonest_ms)
		out->soonest_ms = at_ms;
}

/* The sieve that holds it back, or SIEVE_COUNT. */
static enum sieve
sift(struct account *a, const struct sched_ask *ask, struct sched_choice *out)
{
	enum gate which;
	int64_t until;

	if (ask->kind && strcmp(a->provider->name, ask->kind) != 0)
		return SIEVE_KIND;
	if (!a->provider->serves(ask->dialect, ask->op))
		return SIEVE_KIND;
	if (ask->head && !account_serves_client(a, ask->head))
		return SIEVE_CLIENT;
	if (!account_has_model(a, ask->model))
		return SIEVE_MODEL;
	if (a->rec.held || a->is_forbidden)
		return SIEVE_HELD;
	if (a->outlet.no_way)
		return SIEVE_PROXY;
	until = budget_until(a, ask);
	if (until) {
		if (until != INT64_MAX)
			note_soonest(out, until);
		return SIEVE_BUDGET;
	}
	if (was_tried(ask, a))
		return SIEVE_TRIED;
	until = gate_until(&a->gates, ask->now_ms, &which);
	if (until && !may_probe(a, ask->now_ms)) {
		note_soonest(out, until);
		return SIEVE_GATED;
	}
	return SIEVE_COUNT;
}

static bool
better(const struct account *a, const struct account *than, int64_t now_ms)
{
	enum gate which;
	bool shut, than_shut;

	if (!than)
		return true;
	shut = gate_until(&a->gates, now_ms, &which) != 0;
	than_shut = gate_until(&than->gates, now_ms, &which) != 0;
	if (shut != than_shut)
		return than_shut;
	if (a->rec.priority != than->rec.priority)
		return a->rec.priority < than->rec.priority;
	return a->used_us < than->used_us;
}

void
sched_choose(const struct pool *p, const struct sched_ask *ask,
    struct sched_choice *out)
{
	struct account *a;

	*out = (struct sched_choice){ .account = NULL };
	TAILQ_FOREACH (a, &p->accounts, link) {
		enum sieve s = sift(a, ask, out);

		if (s != SIEVE_COUNT)
			out->fell[s]++;
		else if (better(a, out->account, ask->now_ms))
			out->account = a;
	}
}
