/* SPDX-License-Identifier: MIT */
/* strategy.h - which of several accounts of the same priority comes first: each
 * gets a rank, and the lowest is chosen.  Pure. */
#ifndef RELAYD_STRATEGY_H
#define RELAYD_STRATEGY_H

#include "proto/str.h"

struct account;

enum strategy {
#define X(name, word, rank, text) STRATEGY_##name,
#include "relayd/strategy.def"
#undef X
	STRATEGY_COUNT
};

/* Compared from the first number on; of equal ones the first in the list. */
#define STRATEGY_RANKS 3
struct strategy_rank {
	int64_t at[STRATEGY_RANKS];
};

/* What a rank is made of. */
struct strategy_ask {
	const struct account *account;
	uint64_t weight;     /* 1 or more */
	int64_t had, level;  /* of `weighted`, below */
	int64_t now_wall_ms; /* windows that have ended are empty */
};

const char *strategy_word(enum strategy s);
const char *strategy_text(enum strategy s);
/* ERR_UNKNOWN; the reason names all of them. */
enum err
strategy_read(struct str word, enum strategy *out, struct why *out_why) CHECKED;

void strategy_rank(enum strategy s, const struct strategy_ask *ask,
    struct strategy_rank *out);
bool strategy_is_before(const struct strategy_rank *a,
    const struct strategy_rank *b);

/* Weighted turns.  Each choice adds 1/weight to what the account has had, and
 * next is the one that would be half-way through its turn first:
 *
 *	a (5)	.1  .3  .5  .7  .9
 *	b (1)		.5		a a a b c a a
 *	c (1)		.5
 *
 * Nobody saves turns up while it is held: what it has had counts as no less
 * than the level, which follows the others. */
#define STRATEGY_TURN (INT64_C(1) << 20)
/* It was chosen: what it, and the level, are from now on. */
void strategy_took(uint64_t weight, int64_t *io_had, int64_t *io_level);

/* A rank in words: "2 under way, rested 35s", "0.72". */
#define STRATEGY_SCORE 64
void strategy_score(enum strategy s, const struct strategy_rank *r,
    int64_t now_us, char out[STRATEGY_SCORE]);

/* How much is left, in millionths, and when the tightest window ends (wall
 * clock; 0: none is told). */
int64_t strategy_room(const struct account *a, int64_t now_wall_ms,
    int64_t *out_reset_at);

#endif
