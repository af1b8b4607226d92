/* SPDX-License-Identifier: MIT */
/* strategy.c - which of several accounts of the same priority comes first. */
#include "relayd/strategy.h"

#include <stdio.h>

#include "relayd/account.h"

#define WHOLE_PPM 1000000

typedef void rank_fn(const struct strategy_ask *ask, int64_t out[]);

/* --- the ranks ------------------------------------------------------------- */

static void
rank_lru(const struct strategy_ask *ask, int64_t out[])
{
	out[0] = ask->account->in_flight;
	out[1] = ask->account->used_us;
}

static int64_t
begin_of(int64_t had, int64_t level)
{
	return had > level ? had : level;
}

static void
rank_weighted(const struct strategy_ask *ask, int64_t out[])
{
	out[0] = begin_of(ask->had, ask->level) +
	    STRATEGY_TURN / 2 / (int64_t)ask->weight;
}

static void
rank_fill(const struct strategy_ask *ask, int64_t out[])
{
	(void)ask;
	(void)out;
}

int64_t
strategy_room(const struct account *a, int64_t now_wall_ms,
    int64_t *out_reset_at)
{
	int64_t tightest = 0;

	*out_reset_at = 0;
	for (unsigned i = 0; i < a->windows.count; i++) {
		const struct window *w = &a->windows.at[i];

		if (w->used_ppm <= tightest ||
		    (w->reset_at && w->reset_at <= now_wall_ms))
			continue;
		tightest = w->used_ppm;
		*out_reset_at = w->reset_at;
	}
	return tightest < WHOLE_PPM ? WHOLE_PPM - tightest : 0;
}

/* 0.6 x what is left of the tightest window + 0.4 x what is left of its places.
 * Of two the one whose window ends first: what it has left is soon lost. */
static void
rank_headroom(const struct strategy_ask *ask, int64_t out[])
{
	const struct account *a = ask->account;
	int64_t most = (int64_t)a->rec.max_concurrency, reset_at;
	int64_t room = strategy_room(a, ask->now_wall_ms, &reset_at);
	int64_t places = WHOLE_PPM;

	if (most)
		places -= (int64_t)a->in_flight * WHOLE_PPM / most;
	out[0] = -(6 * room + 4 * places);
	out[1] = reset_at ? reset_at : INT64_MAX;
	out[2] = a->used_us;
}

/* --- the table ------------------------------------------------------------- */

static const struct {
	const char *word, *text;
	rank_fn *rank;
} rows[] = {
#define X(name, word, rank, text) { word, text, rank },
#include "relayd/strategy.def"
#undef X
};

const char *
strategy_word(enum strategy s)
{
	return rows[s].word;
}

const char *
strategy_text(enum strategy s)
{
	return rows[s].text;
}

enum err
strategy_read(struct str word, enum strategy *out, struct why *out_why)
{
	for (int i = 0; i < STRATEGY_COUNT; i++) {
		if (str_eq(word, str_of(rows[i].word))) {
			*out = (enum strategy)i;
			return OK;
		}
	}
	return why_set(out_why, ERR_UNKNOWN, "strategy",
	    "there is no strategy \"%.*s\"; say lru, weighted, fill or "
	    "headroom",
	    STR_ARG(str_first(word, 40)));
}

void
strategy_rank(enum strategy s, const struct strategy_ask *ask,
    struct strategy_rank *out)
{
	*out = (struct strategy_rank){ .at = { 0 } };
	rows[s].rank(ask, out->at);
}

bool
strategy_is_before(const struct strategy_rank *a, const struct strategy_rank *b)
{
	for (int i = 0; i < STRATEGY_RANKS; i++)
		if (a->at[i] != b->at[i])
			return a->at[i] < b->at[i];
	return false;
}

void
strategy_took(uint64_t weight, int64_t *io_had, int64_t *io_level)
{
	int64_t w = (int64_t)weight, begin = begin_of(*io_had, *io_level);
	int64_t level = begin + STRATEGY_TURN / 2 / w - STRATEGY_TURN / 2;

	*io_had = begin + STRATEGY_TURN / w;
	/* No higher than where anybody who waits begins: all of them come
	 * half-way through their turn later than this one. */
	if (level > *io_level)
		*io_level = level;
}

/* Of which a whole turn is 1.00, and all that can be left 1.00. */
static void
score_of(int64_t n, int64_t whole, char out[STRATEGY_SCORE])
{
	snprintf(out, STRATEGY_SCORE, "%.3f", (double)n / (double)whole);
}

void
strategy_score(enum strategy s, const struct strategy_rank *r, int64_t now_us,
    char out[STRATEGY_SCORE])
{
	switch (s) {
	case STRATEGY_LRU:
		if (r->at[1])
			snprintf(out, STRATEGY_SCORE,
			    "%lld under way, rested %.1fs", (long long)r->at[0],
			    (double)(now_us - r->at[1]) / 1e6);
		else
			snprintf(out, STRATEGY_SCORE,
			    "%lld under way, never used", (long long)r->at[0]);
		return;
	case STRATEGY_WEIGHTED:
		score_of(r->at[0], STRATEGY_TURN, out);
		return;
	case STRATEGY_HEADROOM:
		score_of(-r->at[0], INT64_C(10) * WHOLE_PPM, out);
		return;
	case STRATEGY_FILL:
	case STRATEGY_COUNT:
		break;
	}
	snprintf(out, STRATEGY_SCORE, "by its name");
}
