/* SPDX-License-Identifier: MIT */
/* sched.h - which account: sieves, then priority, then the one that rested
 * longest.  A pure function of the pool, the question and the time. */
#ifndef RELAYD_SCHED_H
#define RELAYD_SCHED_H

#include "relayd/account.h"

struct budget_need;
struct budgets;

#define SCHED_TRIED_MAX 10

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
	int64_t now_ms;
	const struct account *tried[SCHED_TRIED_MAX];
	unsigned tried_count;
	/* The account that the session is bound to, or NULL. */
	struct account *bound;
	bool must_stay;	 /* no other account will do */
	bool may_escape; /* from one that has become slow */
	int64_t slow_ms; /* to a first word; 0: no account is slow */
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

struct sched_choice {
	struct account *account; /* NULL: none */
	enum sched_bond bond;
	enum sieve left; /* why not the bound one; SIEVE_COUNT: slow */
	unsigned fell[SIEVE_COUNT]; /* by each sieve; all, when nobody is */
	int64_t soonest_ms;	    /* when a gated one opens; 0: unknown */
};

/* From so many answers on the time to the first word counts. */
#define SCHED_TTFT_LEAST 5
/* An account that rests for less is worth coming back to. */
#define SCHED_SHORT_MS 15000

/* Does the account keep people waiting for the first word? */
bool sched_is_slow(const struct account *a, int64_t slow_ms);

const char *sieve_text(enum sieve s);
void sched_choose(const struct pool *p, const struct sched_ask *ask,
    struct sched_choice *out);

#endif
