/* SPDX-License-Identifier: MIT */
/* sched.c - which account answers. */
#include "relayd/sched.h"

#include "relayd/budget.h"

/* What may be said of when a busy account has a place. */
#define BUSY_MIN_MS 1000
#define BUSY_MAX_MS 60000

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

/* A place is free when one of its requests ends: on average after its usual
 * duration divided by their number. */
static int64_t
busy_until(const struct account *a, int64_t now_ms)
{
	int64_t most = (int64_t)a->rec.max_concurrency, wait_ms;

	if (!most || a->in_flight < a->rec.max_concurrency)
		return 0;
	wait_ms = a->hold_ms / most;
	if (wait_ms < BUSY_MIN_MS)
		wait_ms = BUSY_MIN_MS;
	return now_ms + (wait_ms < BUSY_MAX_MS ? wait_ms : BUSY_MAX_MS);
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
	until = busy_until(a, ask->now_ms);
	if (until) {
		note_soonest(out, until);
		return SIEVE_BUSY;
	}
	return SIEVE_COUNT;
}

bool
sched_is_slow(const struct account *a, int64_t slow_ms)
{
	return slow_ms && a->ttft_count >= SCHED_TTFT_LEAST &&
	    a->ttft_ms > slow_ms;
}

static bool
is_much_faster(const struct account *a, const struct account *than)
{
	return a->ttft_count >= SCHED_TTFT_LEAST &&
	    3 * a->ttft_ms < than->ttft_ms;
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

/* In a large pool most lose against the best one so far by two numbers, and no
 * sieve has to be asked.  One whose gate is shut is worse than any other. */
static bool
cannot_win(const struct account *a, const struct account *found)
{
	if (a->rec.priority != found->rec.priority)
		return a->rec.priority > found->rec.priority;
	return a->used_us >= found->used_us;
}

/* The best of those that no sieve holds back; with `than` only of those that
 * are much faster.  Whom each sieve held back is counted whole when there is
 * nobody. */
static struct account *
best(const struct pool *p, const struct sched_ask *ask,
    const struct account *than, struct sched_choice *out)
{
	struct account *a, *found = NULL;
	bool is_open = false;
	enum gate which;

	TAILQ_FOREACH (a, &p->accounts, link) {
		enum sieve s;

		if (is_open && cannot_win(a, found))
			continue;
		if (than && !is_much_faster(a, than))
			continue;
		s = sift(a, ask, out);
		if (s != SIEVE_COUNT) {
			out->fell[s]++;
		} else if (better(a, found, ask->now_ms)) {
			found = a;
			is_open = !gate_until(&a->gates, ask->now_ms, &which);
		}
	}
	return found;
}

/* Is that a fault of the account, which ends what binds a session to it?  Not
 * that it cannot serve this one request, is busy, is on the far side of a
 * broken proxy, or was asked to rest for a moment. */
static bool
unbinds(const struct account *a, enum sieve s, int64_t now_ms)
{
	int64_t until;
	enum gate which;

	switch (s) {
	case SIEVE_HELD:
	case SIEVE_BUDGET:
		return true;
	case SIEVE_TRIED:
	case SIEVE_GATED:
	case SIEVE_COUNT: /* failed, and could only be probed */
		until = gate_until(&a->gates, now_ms, &which);
		if (!until || which == GATE_OVERLOAD)
			return false;
		if (which == GATE_UNREACHABLE)
			return a->rec.proxy.len == 0;
		return which != GATE_RATE || until - now_ms > SCHED_SHORT_MS;
	case SIEVE_KIND:
	case SIEVE_CLIENT:
	case SIEVE_MODEL:
	case SIEVE_PROXY:
	case SIEVE_BUSY:
		break;
	}
	return false;
}

/* Stays the session where it is?  Else out->left says why not. */
static bool
stays(const struct pool *p, const struct sched_ask *ask,
    struct sched_choice *out)
{
	struct account *a = ask->bound, *faster = NULL;
	enum gate which;

	out->left = sift(a, ask, out);
	if (ask->must_stay && out->left > SIEVE_MODEL) {
		if (out->left == SIEVE_COUNT)
			out->account = a;
		else
			out->fell[out->left]++;
		out->bond = BOND_KEPT;
		return true;
	}
	if (out->left != SIEVE_COUNT ||
	    gate_until(&a->gates, ask->now_ms, &which))
		return false;
	if (ask->may_escape && sched_is_slow(a, ask->slow_ms))
		faster = best(p, ask, a, out);
	out->account = faster ? faster : a;
	out->bond = faster ? BOND_MOVED : BOND_KEPT;
	return true;
}

void
sched_choose(const struct pool *p, const struct sched_ask *ask,
    struct sched_choice *out)
{
	*out = (struct sched_choice){ .account = NULL };
	if (ask->bound && stays(p, ask, out))
		return;
	/* Those that the bound one told are told again with the others. */
	out->soonest_ms = 0;
	out->account = best(p, ask, NULL, out);
	if (!ask->bound)
		out->bond = BOND_NEW;
	else if (out->account == ask->bound)
		out->bond = BOND_KEPT;
	else
		out->bond = unbinds(ask->bound, out->left, ask->now_ms)
		    ? BOND_MOVED
		    : BOND_VISIT;
}
