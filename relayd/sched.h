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
	/* What it may come to; NULL: no budget counts it. */
	struct budgets *budgets;
	const struct budget_need *need;
};

struct sched_choice {
	struct account *account;    /* NULL: none */
	unsigned fell[SIEVE_COUNT]; /* how many each sieve held back */
	int64_t soonest_ms;	    /* when a gated one opens; 0: unknown */
};

const char *sieve_text(enum sieve s);
void sched_choose(const struct pool *p, const struct sched_ask *ask,
    struct sched_choice *out);

#endif
