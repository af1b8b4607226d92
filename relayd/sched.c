/* SPDX-License-Identifier: MIT */
/* sched.c - which account answers. */
#include "relayd/sched.h"

#include <stdio.h>

#include "relayd/budget.h"
#include "relayd/group.h"

/* What may be said of when a busy account has a place. */
#define BUSY_MIN_MS 1000
#define BUSY_MAX_MS 60000
/* One that tries whether an account is well again is waited for so long. */
#define PROBE_MS 10000

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

/* --- tiers ----------------------------------------------------------------- */

static const struct tier whole_pool = { .kind = TIER_POOL };

unsigned
sched_tiers(const struct sched_ask *ask)
{
	return ask->binding ? ask->binding->count : 1;
}

static const struct tier *
tier_at(const struct sched_ask *ask, unsigned nr)
{
	return ask->binding ? &ask->binding->tier[nr] : &whole_pool;
}

enum strategy
sched_strategy(const struct sched_ask *ask, unsigned nr)
{
	const struct group *g = tier_at(ask, nr)->group;

	return g && g->has_strategy ? g->strategy : ask->strategy;
}

void
sched_tier_text(const struct sched_ask *ask, unsigned nr, char out[TIER_TEXT])
{
	tier_text(tier_at(ask, nr), out);
}

/* The accounts of a tier, one after the other, each with its rank. */
struct walk {
	const struct tier *tier;
	enum strategy strategy;
	struct strategy_ask rank;
	struct account *next; /* of the pool, or alone */
	unsigned i;	      /* of a group */
};

static struct walk
walk_begin(const struct pool *p, const struct sched_ask *ask, unsigned nr)
{
	const struct tier *t = tier_at(ask, nr);

	return (struct walk){ .tier = t,
		.strategy = sched_strategy(ask, nr),
		.rank = { .level = t->group ? t->group->level : p->level,
		    .now_wall_ms = ask->now_wall_ms },
		.next = t->kind == TIER_POOL ? TAILQ_FIRST(&p->accounts)
					     : t->account };
}

static uint64_t
weight_of(const struct sched_candidate *c)
{
	return c->member && c->member->weight ? c->member->weight
					      : account_weight(c->account);
}

static void
rank(struct walk *w, struct sched_candidate *io)
{
	w->rank.account = io->account;
	w->rank.weight = weight_of(io);
	w->rank.had = io->member ? io->member->had : io->account->had;
	strategy_rank(w->strategy, &w->rank, &io->rank);
}

static bool
walk_next(struct walk *w, struct sched_candidate *c)
{
	const struct group *g = w->tier->group;

	c->member = NULL;
	if (g) {
		if (w->i == g->count)
			return false;
		c->member = &g->members[w->i++];
		c->account = c->member->account;
		c->priority = c->member->priority;
		if (!c->priority)
			c->priority = (unsigned)c->account->rec.priority;
		return true;
	}
	c->account = w->next;
	if (!c->account)
		return false;
	c->priority = (unsigned)c->account->rec.priority;
	w->next =
	    w->tier->kind == TIER_POOL ? TAILQ_NEXT(c->account, link) : NULL;
	return true;
}

/* --- the sieves ------------------------------------------------------------ */

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

/* It has failed and may be used again, and one request is finding out whether
 * it is well: until that one knows, others go elsewhere if they can.  It may
 * never know, as when it is refused for its own fault. */
static bool
is_probed(const struct account *a, int64_t now_ms)
{
	static const enum gate gates[] = { GATE_ERRORS, GATE_UNREACHABLE };
	int64_t used_ms = a->used_us / 1000;

	if (!a->in_flight || now_ms - used_ms >= PROBE_MS)
		return false;
	for (int i = 0; i < 2; i++)
		if (a->gates.strikes[gates[i]] &&
		    used_ms >= a->gates.until_ms[gates[i]])
			return true;
	return false;
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

/* A serial account is free for a person's turn when the one before has its
 * answer's head, and a moment later. */
static int64_t
turn_until(const struct account *a, const struct sched_ask *ask)
{
	int64_t wait_ms = a->ttft_ms + SCHED_TURN_GAP_MS;

	if (!ask->turn || !a->rec.serial || a->turn == ask->turn)
		return 0;
	if (!a->turn)
		return a->turn_free_ms > ask->now_ms ? a->turn_free_ms : 0;
	if (wait_ms < BUSY_MIN_MS)
		wait_ms = BUSY_MIN_MS;
	return ask->now_ms + (wait_ms < BUSY_MAX_MS ? wait_ms : BUSY_MAX_MS);
}

/* Those that no waiting changes. */
static enum sieve
sift_coarse(const struct account *a, const struct sched_ask *ask, unsigned tier)
{
	if (ask->kind && strcmp(a->provider->name, ask->kind) != 0)
		return SIEVE_KIND;
	if (!a->provider->serves(ask->dialect, ask->op))
		return SIEVE_KIND;
	if (ask->head && !account_serves_client(a, ask->head))
		return SIEVE_CLIENT;
	if (!tier_shares(tier_at(ask, tier)->kind, a))
		return SIEVE_SHARE;
	if (!account_has_model(a, ask->model))
		return SIEVE_MODEL;
	if (a->rec.held || a->is_forbidden)
		return SIEVE_HELD;
	if (a->is_expired)
		return SIEVE_EXPIRED;
	if (a->outlet.no_way)
		return SIEVE_PROXY;
	return SIEVE_COUNT;
}

/* Which sieve holds it back, and until when? */
static void
sift(const struct sched_ask *ask, struct sched_candidate *io)
{
	struct account *a = io->account;
	int64_t until;
	enum gate which;

	io->until_ms = 0;
	io->is_shut = false;
	io->sieve = sift_coarse(a, ask, io->tier);
	if (io->sieve != SIEVE_COUNT)
		return;
	if (a->outlet.via && a->outlet.via->rest_until_ms > ask->now_ms) {
		io->sieve = SIEVE_PROXY;
		io->until_ms = a->outlet.via->rest_until_ms;
		return;
	}
	until = budget_until(a, ask);
	if (until) {
		io->sieve = SIEVE_BUDGET;
		io->until_ms = until == INT64_MAX ? 0 : until;
		return;
	}
	if (was_tried(ask, a)) {
		io->sieve = SIEVE_TRIED;
		return;
	}
	until = gate_until(&a->gates, ask->now_ms, &which);
	io->is_shut = until || is_probed(a, ask->now_ms);
	if (until && !may_probe(a, ask->now_ms)) {
		io->sieve = SIEVE_GATED;
		io->until_ms = until;
		return;
	}
	until = gate_part_until(&a->parts, ask->model, ask->head, ask->now_ms,
	    &which);
	if (until) {
		io->sieve = SIEVE_FAMILY;
		io->until_ms = until;
		return;
	}
	until = windows_until(&a->windows, ask->model, a == ask->bound,
	    ask->now_ms);
	if (until) {
		io->sieve = SIEVE_WINDOW;
		io->until_ms = until;
		return;
	}
	until = busy_until(a, ask->now_ms);
	if (until) {
		io->sieve = SIEVE_BUSY;
		io->until_ms = until;
		return;
	}
	until = turn_until(a, ask);
	if (until) {
		io->sieve = SIEVE_TURN;
		io->until_ms = until;
	}
}

/* --- which of them --------------------------------------------------------- */

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
precedes(const struct sched_candidate *a, const struct sched_candidate *b)
{
	if (a->is_shut != b->is_shut)
		return b->is_shut;
	if (a->is_soft != b->is_soft)
		return b->is_soft;
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return strategy_is_before(&a->rank, &b->rank);
}

int
sched_compare(const struct sched_candidate *a, const struct sched_candidate *b)
{
	return precedes(a, b) ? -1 : precedes(b, a);
}

/* Put it where it belongs among the best; the last one may have to go. */
static void
keep(struct sched_choice *out, const struct sched_candidate *c)
{
	unsigned i = out->best_count;

	if (out->best_count < SCHED_BEST_MAX)
		out->best_count++;
	else
		i--;
	for (; i > 0 && precedes(c, &out->best[i - 1]); i--)
		out->best[i] = out->best[i - 1];
	out->best[i] = *c;
}

/* In a large pool most lose against the best ones so far by their numbers, and
 * no sieve has to be asked. */
static bool
cannot_win(const struct sched_choice *out, const struct sched_candidate *c)
{
	return out->best_count == SCHED_BEST_MAX &&
	    !precedes(c, &out->best[SCHED_BEST_MAX - 1]);
}

/* By its priority alone? */
static bool
is_behind(const struct sched_choice *out, const struct sched_candidate *c)
{
	const struct sched_candidate *last = &out->best[SCHED_BEST_MAX - 1];

	return out->best_count == SCHED_BEST_MAX && !last->is_shut &&
	    !last->is_soft && c->priority > last->priority;
}

static void
note_soonest(int64_t *io_soonest_ms, int64_t at_ms)
{
	if (at_ms && (!*io_soonest_ms || at_ms < *io_soonest_ms))
		*io_soonest_ms = at_ms;
}

/* The best of a tier; with `than` only of those that are much faster.  Whom
 * each sieve held back is counted whole when there is nobody. */
static void
look_at_tier(const struct pool *p, const struct sched_ask *ask, unsigned tier,
    const struct account *than, struct sched_choice *out)
{
	struct sched_candidate c = { .tier = tier };
	struct walk w = walk_begin(p, ask, tier);
	int64_t soonest_ms = 0;

	out->tier = tier;
	while (walk_next(&w, &c)) {
		if (than && !is_much_faster(c.account, than))
			continue;
		if (is_behind(out, &c))
			continue;
		rank(&w, &c);
		c.is_shut = false;
		c.is_soft = c.account->soft_until_ms > ask->now_ms;
		if (cannot_win(out, &c))
			continue;
		sift(ask, &c);
		if (c.sieve == SIEVE_COUNT) {
			keep(out, &c);
			continue;
		}
		out->fell[c.sieve]++;
		note_soonest(&soonest_ms, c.until_ms);
	}
	note_soonest(&out->soonest_ms, soonest_ms);
	out->is_worth_waiting = !out->best_count && ask->may_wait &&
	    soonest_ms && soonest_ms - ask->now_ms <= ask->tier_wait_ms;
}

static void
look_at_all(const struct pool *p, const struct sched_ask *ask,
    const struct account *than, struct sched_choice *out)
{
	unsigned count = sched_tiers(ask);

	out->best_count = 0;
	for (unsigned i = 0;
	     i < count && !out->best_count && !out->is_worth_waiting; i++)
		look_at_tier(p, ask, i, than, out);
}

static void
choose_best(struct sched_choice *out)
{
	out->account = out->best_count ? out->best[0].account : NULL;
	out->member = out->best_count ? out->best[0].member : NULL;
}

/* --- sessions -------------------------------------------------------------- */

/* For these models, and not for a moment. */
static bool
is_limited(const struct account *a, const struct sched_ask *ask)
{
	enum gate which;
	int64_t until = gate_part_until(&a->parts, ask->model, ask->head,
	    ask->now_ms, &which);

	return until && which != GATE_OVERLOAD &&
	    until - ask->now_ms > SCHED_SHORT_MS;
}

/* Is that a fault of the account, which ends what binds a session to it?  Not
 * that it cannot serve this one request, is busy, is on the far side of a
 * broken proxy, or was asked to rest for a moment. */
static bool
unbinds(const struct account *a, enum sieve s, const struct sched_ask *ask)
{
	int64_t stay_ms = ask->stay_ms ? ask->stay_ms : SCHED_SHORT_MS;
	int64_t until;
	enum gate which;

	switch (s) {
	case SIEVE_SHARE:
	case SIEVE_HELD:
	case SIEVE_EXPIRED:
	case SIEVE_BUDGET:
	case SIEVE_WINDOW:
		return true;
	case SIEVE_FAMILY:
		return is_limited(a, ask);
	case SIEVE_TRIED:
	case SIEVE_GATED:
	case SIEVE_COUNT: /* failed, and could only be probed */
		if (is_limited(a, ask))
			return true;
		until = gate_until(&a->gates, ask->now_ms, &which);
		if (!until || which == GATE_OVERLOAD)
			return false;
		if (which == GATE_UNREACHABLE)
			return a->rec.proxy.len == 0;
		return which != GATE_RATE || until - ask->now_ms > stay_ms;
	case SIEVE_KIND:
	case SIEVE_CLIENT:
	case SIEVE_MODEL:
	case SIEVE_PROXY:
	case SIEVE_BUSY:
	case SIEVE_TURN:
		break;
	}
	return false;
}

/* The bound account where it stands among the key's. */
static struct sched_candidate
find_bound(const struct sched_ask *ask)
{
	struct sched_candidate c = { .account = ask->bound };
	const struct group *g;

	if (!binding_has(ask->binding, c.account, &c.tier)) {
		c.sieve = SIEVE_SHARE;
		return c;
	}
	g = tier_at(ask, c.tier)->group;
	c.member = g ? group_member_of(g, c.account) : NULL;
	sift(ask, &c);
	return c;
}

/* Stays the session where it is?  Else out->left says why not. */
static bool
stays(const struct pool *p, const struct sched_ask *ask,
    struct sched_choice *out)
{
	struct sched_candidate c = find_bound(ask);

	out->left = c.sieve;
	out->tier = c.tier;
	if (ask->must_stay && c.sieve > SIEVE_MODEL) {
		note_soonest(&out->soonest_ms, c.until_ms);
		if (c.sieve != SIEVE_COUNT)
			out->fell[c.sieve]++;
		else
			out->account = c.account;
		out->member = c.member;
		out->bond = BOND_KEPT;
		return true;
	}
	if (c.sieve != SIEVE_COUNT || c.is_shut)
		return false;
	if (ask->may_escape && sched_is_slow(c.account, ask->slow_ms))
		look_at_all(p, ask, c.account, out);
	choose_best(out);
	if (out->account) {
		out->bond = BOND_MOVED;
		return true;
	}
	out->account = c.account;
	out->member = c.member;
	out->tier = c.tier;
	out->bond = BOND_KEPT;
	return true;
}

/* --- choosing -------------------------------------------------------------- */

void
sched_choose(const struct pool *p, const struct sched_ask *ask,
    struct sched_choice *out)
{
	*out = (struct sched_choice){ .account = NULL };
	if (ask->bound && stays(p, ask, out))
		return;
	look_at_all(p, ask, NULL, out);
	choose_best(out);
	if (!ask->bound)
		out->bond = BOND_NEW;
	else if (out->account == ask->bound)
		out->bond = BOND_KEPT;
	else
		out->bond = unbinds(ask->bound, out->left, ask) ? BOND_MOVED
								: BOND_VISIT;
}

void
sched_took(struct pool *p, const struct sched_ask *ask,
    const struct sched_choice *choice)
{
	struct sched_candidate c = { .account = choice->account,
		.member = choice->member };
	struct group *g = tier_at(ask, choice->tier)->group;

	if (g && c.member)
		strategy_took(weight_of(&c), &c.member->had, &g->level);
	else
		strategy_took(weight_of(&c), &c.account->had, &p->level);
}

void
sched_explain(const struct pool *p, const struct sched_ask *ask, sched_see *see,
    void *arg, struct sched_choice *out)
{
	for (unsigned i = 0; i < sched_tiers(ask); i++) {
		struct walk w = walk_begin(p, ask, i);
		struct sched_candidate c = { .tier = i };

		while (walk_next(&w, &c)) {
			rank(&w, &c);
			sift(ask, &c);
			see(arg, &c);
		}
	}
	sched_choose(p, ask, out);
}
