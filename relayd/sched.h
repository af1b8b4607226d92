/* SPDX-License-Identifier: MIT */
/* sched.h - which account: the tiers of the key in their order; in a tier the
 * sieves, then priority, then the strategy.
 *
 * A function of the pool, the question and its moments: it changes nothing,
 * asks no clock and no chance, so the same question has the same answer. */
#ifndef RELAYD_SCHED_H
#define RELAYD_SCHED_H

#include "relayd/account.h"
#include "relayd/binding.h"
#include "relayd/strategy.h"

struct budget_need;
struct budgets;
struct group_member;
struct relay;

#define SCHED_TRIED_MAX 10
/* So many of those that could have answered are told. */
#define SCHED_BEST_MAX 8

enum sieve {
#define X(name, text) SIEVE_##name,
#include "relayd/sieve.def"
#undef X
	SIEVE_COUNT
};

struct sched_ask {
	const struct dialect *dialect;
	enum op op;
	struct str model;
	const char *kind; /* of account, when only one will do; or NULL */
	const struct http1_head *head; /* the client's; NULL: none asks */
	int64_t now_ms, now_wall_ms;
	const struct account *tried[SCHED_TRIED_MAX];
	unsigned tried_count;
	const struct binding *binding; /* of the key; NULL: the pool */
	enum strategy strategy;	       /* of the pool */
	/* Who can wait is not sent to the next tier for somebody who is free
	 * in less than that. */
	bool may_wait;
	int64_t tier_wait_ms;
	/* The account that the session is bound to, or NULL. */
	struct account *bound;
	bool must_stay;	 /* no other account will do */
	bool may_escape; /* from one that has become slow */
	/* A rest of that account which is not longer does not end the bond;
	 * 0: SCHED_SHORT_MS. */
	int64_t stay_ms;
	int64_t slow_ms; /* to a first word; 0: no account is slow */
	/* Whose turn it would be at an account that is serial; NULL: such
	 * accounts do not mind. */
	const struct relay *turn;
	/* What it may come to; NULL: no budget counts it. */
	struct budgets *budgets;
	const struct budget_need *need;
};

/* What becomes of the session's binding. */
enum sched_bond {
	BOND_NEW,   /* it was bound to none */
	BOND_KEPT,  /* the account it is bound to */
	BOND_VISIT, /* another one, for this request alone */
	BOND_MOVED, /* another one, from now on */
};

/* Somebody who could answer, or could not. */
struct sched_candidate {
	struct account *account;
	struct group_member *member; /* of the tier's group, or NULL */
	unsigned tier, priority;
	enum sieve sieve; /* that holds it back; SIEVE_COUNT: none */
	bool is_shut;	  /* has failed, or is being probed after that */
	bool is_soft;	  /* its provider is overloaded: after all others */
	struct strategy_rank rank;
	int64_t until_ms; /* when what holds it back ends; 0: unknown */
};

struct sched_choice {
	struct account *account;     /* NULL: none */
	struct group_member *member; /* it was chosen as, or NULL */
	unsigned tier;		     /* its; none: the last one looked at */
	enum sched_bond bond;
	enum sieve left; /* why not the bound one; SIEVE_COUNT: slow */
	/* By each sieve; when nobody is there, all of all tiers are told. */
	unsigned fell[SIEVE_COUNT];
	int64_t soonest_ms;    /* when one of them can be used; 0: unknown */
	bool is_worth_waiting; /* for that: so the tier was not left */
	/* The best of the tier, the first of them first.  None when the
	 * session stays where it is. */
	struct sched_candidate best[SCHED_BEST_MAX];
	unsigned best_count;
};

/* From so many answers on the time to the first word counts. */
#define SCHED_TTFT_LEAST 5
/* An account that rests for less is worth coming back to. */
#define SCHED_SHORT_MS 15000
/* ... when going elsewhere costs more than it should. */
#define SCHED_DEAR_MS 30000

/* From the head of an answer to the next turn of a serial account. */
#define SCHED_TURN_GAP_MS 200

/* Does the account keep people waiting for the first word? */
bool sched_is_slow(const struct account *a, int64_t slow_ms);

const char *sieve_text(enum sieve s);
void sched_choose(const struct pool *p, const struct sched_ask *ask,
    struct sched_choice *out);
/* It is asked now: its turn is over. */
void sched_took(struct pool *p, const struct sched_ask *ask,
    const struct sched_choice *choice);

/* How many tiers there are, and how the nr-th of them chooses. */
unsigned sched_tiers(const struct sched_ask *ask);
enum strategy sched_strategy(const struct sched_ask *ask, unsigned nr);
/* "acct:work", "group:team", "pool". */
void
sched_tier_text(const struct sched_ask *ask, unsigned nr, char out[TIER_TEXT]);

/* See every candidate of every tier, in the order of the tiers, and what is
 * chosen of them. */
typedef void sched_see(void *arg, const struct sched_candidate *c);
void sched_explain(const struct pool *p, const struct sched_ask *ask,
    sched_see *see, void *arg, struct sched_choice *out);
/* -1, 0, 1: is a chosen before b, the other way, or does the list decide? */
int
sched_compare(const struct sched_candidate *a, const struct sched_candidate *b);

#endif
