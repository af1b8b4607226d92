/* SPDX-License-Identifier: MIT */
/* habit.c - what requests with one key usually come to.
 *
 * Small and of fixed size: the models asked last, and of each the outputs of
 * the last answers.  It is learned anew after a restart. */
#include "relayd/habit.h"

#include <stdlib.h>

#include "proto/mem.h"

#define MODELS	    4
#define MODEL_BYTES 64
#define OUTPUTS	    50
/* Fewer answers than that say little of the next. */
#define OUTPUTS_FEW 5
/* Until they are there. */
#define OUTPUT_UNKNOWN 4096
/* Bytes of JSON to a token: seven halves. */
#define TOKENS_OF(bytes) ((int64_t)(bytes)*2 / 7)

#define PPM	  INT64_C(1000000)
#define RATIO_MIN (PPM / 20)
#define RATIO_MAX (PPM * 8)
/* Of so many turns the least cached one counts: a new conversation has nothing
 * in the cache. */
#define CACHED 4

struct model_habit {
	char model[MODEL_BYTES];
	uint64_t used_at; /* by count of answers */
	unsigned count, next;
	int32_t output[OUTPUTS];
	int64_t most; /* what nine in ten stayed below */
};

struct habit {
	uint64_t learned;
	int64_t ratio_ppm; /* tokens read per token guessed; 0: unknown */
	int64_t cached_ppm[CACHED];
	struct model_habit models[MODELS];
};

struct habit *
habit_new(void)
{
	return xcalloc(1, sizeof(struct habit));
}

void
habit_free(struct habit *h)
{
	free(h);
}

static const struct model_habit *
find(const struct habit *h, struct str model)
{
	model = str_first(model, MODEL_BYTES - 1);
	for (int i = 0; i < MODELS; i++)
		if (h->models[i].count &&
		    str_eq(str_of(h->models[i].model), model))
			return &h->models[i];
	return NULL;
}

/* --- guessing -------------------------------------------------------------- */

static int64_t
guess_output(const struct habit *h, struct str model, int64_t max_tokens)
{
	const struct model_habit *m = h ? find(h, model) : NULL;
	int64_t n = m && m->count >= OUTPUTS_FEW ? m->most : OUTPUT_UNKNOWN;

	return max_tokens > 0 && max_tokens < n ? max_tokens : n;
}

static int64_t
cached_share(const struct habit *h)
{
	int64_t least = PPM;

	if (h->learned < CACHED)
		return 0;
	for (int i = 0; i < CACHED; i++)
		if (h->cached_ppm[i] < least)
			least = h->cached_ppm[i];
	return least;
}

void
habit_guess(const struct habit *h, struct str model, size_t body_bytes,
    int64_t max_tokens, struct usage *out)
{
	int64_t read = TOKENS_OF(body_bytes);

	*out = (struct usage){ .output = guess_output(h, model, max_tokens) };
	if (h && h->ratio_ppm)
		read = read * h->ratio_ppm / PPM;
	if (h)
		out->cache_read = read * cached_share(h) / PPM;
	out->input = read - out->cache_read;
}

/* --- learning -------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

static int64_t
nine_in_ten(const struct model_habit *m)
{
	int32_t sorted[OUTPUTS];

	memcpy(sorted, m->output, m->count * sizeof(sorted[0]));
	qsort(sorted, m->count, sizeof(sorted[0]), compare);
	return sorted[(m->count * 9 + 9) / 10 - 1];
}

/* The place of that model, or of the one that was not asked for longest. */
static struct model_habit *
take(struct habit *h, struct str model)
{
	struct model_habit *m = NULL;

	model = str_first(model, MODEL_BYTES - 1);
	for (int i = 0; i < MODELS; i++) {
		struct model_habit *it = &h->models[i];

		if (it->count && str_eq(str_of(it->model), model))
			return it;
		if (!m || it->used_at < m->used_at)
			m = it;
	}
	*m = (struct model_habit){ .count = 0 };
	memcpy(m->model, model.at, model.len);
	return m;
}

void
habit_learn(struct habit *h, struct str model, size_t body_bytes,
    const struct usage *u)
{
	int64_t read =
	    u->input + u->cache_read + u->cache_write_5m + u->cache_write_1h;
	int64_t guessed = TOKENS_OF(body_bytes), ratio;
	struct model_habit *m;

	if (!model.len || read <= 0 || guessed <= 0 || u->output < 0)
		return;
	ratio = read > guessed * 8 ? RATIO_MAX : read * PPM / guessed;
	if (ratio < RATIO_MIN)
		ratio = RATIO_MIN;
	h->ratio_ppm = h->ratio_ppm ? (3 * h->ratio_ppm + ratio) / 4 : ratio;
	/* Counts are at most USAGE_COUNT_MAX, so this does not overflow. */
	h->cached_ppm[h->learned % CACHED] = u->cache_read * PPM / read;
	m = take(h, model);
	m->used_at = ++h->learned;
	m->output[m->next] =
	    u->output > INT32_MAX ? INT32_MAX : (int32_t)u->output;
	m->next = (m->next + 1) % OUTPUTS;
	if (m->count < OUTPUTS)
		m->count++;
	m->most = nine_in_ten(m);
}
