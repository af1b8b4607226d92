/* SPDX-License-Identifier: MIT */
/* price.c - what a model costs, and what an answer of it has cost. */
#include "relayd/price.h"

#include <stdio.h>

/* Counts are below 2^40, prices with their factors below 10^18: their products
 * need more than 64 bits, and a sum of nine of them fits into 127. */
__extension__ typedef __int128 wide;

#define PICO_PER_MICRO 1000000

static const struct {
	const char *word, *field, *text;
	enum price_unit instead;
} units[] = {
#define X(name, word, field, instead, text)                                    \
	{ word, field, text, PRICE_##instead },
#include "relayd/price_unit.def"
#undef X
};

const char *
price_unit_word(enum price_unit u)
{
	return units[u].word;
}

const char *
price_unit_text(enum price_unit u)
{
	return units[u].text;
}

const char *
price_origin_name(enum price_origin o)
{
	static const char *const names[] = { "packaged", "updated",
		"override" };

	return names[o];
}

/* --- filling the gaps ------------------------------------------------------ */

/* Parts of the input's price, for a provider that lists them all so. */
static const struct {
	enum price_unit unit;
	int64_t ppm;
} anthropic_parts[] = {
	{ PRICE_CACHE_READ, 100000 },
	{ PRICE_WRITE_5M, 1250000 },
	{ PRICE_WRITE_1H, 2000000 },
};

#define ANTHROPIC_SEARCH_PICO INT64_C(10000000000) /* $10 for a thousand */

static int64_t
times(int64_t n, int64_t ppm)
{
	return (int64_t)(((wide)n * ppm + PRICE_RATE_ONE / 2) / PRICE_RATE_ONE);
}

/* The stated price that comes nearest.  Of a long input in a tier, where only
 * one of the two is stated, the dearer: a longer request is not cheaper. */
static int64_t
nearest(const struct price_rates *r, unsigned tier, unsigned length,
    enum price_unit u)
{
	int64_t of_length = r->pico[USAGE_STANDARD][length][u];
	int64_t of_tier = r->pico[tier][0][u];

	if (r->pico[tier][length][u] != PRICE_NONE)
		return r->pico[tier][length][u];
	if (of_length != PRICE_NONE || of_tier != PRICE_NONE)
		return of_length > of_tier ? of_length : of_tier;
	return r->pico[USAGE_STANDARD][0][u];
}

static int64_t
derived(const struct price_stated *s, const int64_t *row, enum price_unit u)
{
	bool anthropic = !strcmp(s->provider, "anthropic");

	for (unsigned i = 0; anthropic && i < 3; i++)
		if (anthropic_parts[i].unit == u)
			return times(row[PRICE_INPUT], anthropic_parts[i].ppm);
	if (anthropic && u == PRICE_SEARCH)
		return ANTHROPIC_SEARCH_PICO;
	return units[u].instead == u ? PRICE_NONE : row[units[u].instead];
}

void
price_settle(struct price *p, const struct price_stated *s)
{
	p->above = s->above;
	p->fast_ppm = s->fast_ppm;
	p->us_ppm = s->us_ppm;
	for (unsigned t = 0; t < USAGE_TIERS; t++) {
		for (unsigned l = 0; l < 2; l++) {
			int64_t *row = p->rates.pico[t][l];

			/* What stands in for another one comes before it. */
			for (unsigned u = 0; u < PRICE_UNITS; u++) {
				row[u] = nearest(&s->rates, t, l,
				    (enum price_unit)u);
				if (row[u] == PRICE_NONE)
					row[u] =
					    derived(s, row, (enum price_unit)u);
			}
		}
	}
}

void
price_stated_init(struct price_stated *s)
{
	*s = (struct price_stated){ .above = 0 };
	for (unsigned t = 0; t < USAGE_TIERS; t++)
		for (unsigned l = 0; l < 2; l++)
			for (unsigned u = 0; u < PRICE_UNITS; u++)
				s->rates.pico[t][l][u] = PRICE_NONE;
}

void
price_stated_merge(struct price_stated *s, const struct price_stated *over)
{
	for (unsigned t = 0; t < USAGE_TIERS; t++)
		for (unsigned l = 0; l < 2; l++)
			for (unsigned u = 0; u < PRICE_UNITS; u++)
				if (over->rates.pico[t][l][u] != PRICE_NONE)
					s->rates.pico[t][l][u] =
					    over->rates.pico[t][l][u];
	if (over->above)
		s->above = over->above;
	if (over->fast_ppm)
		s->fast_ppm = over->fast_ppm;
	if (over->us_ppm)
		s->us_ppm = over->us_ppm;
	if (over->provider[0])
		memcpy(s->provider, over->provider, sizeof(s->provider));
}

bool
price_is_stated(const struct price_stated *s)
{
	const int64_t *row = s->rates.pico[USAGE_STANDARD][0];

	return row[PRICE_INPUT] != PRICE_NONE &&
	    row[PRICE_OUTPUT] != PRICE_NONE;
}

/* --- what it costs --------------------------------------------------------- */

static int64_t
at_least_0(int64_t n)
{
	return n < 0 ? 0 : n;
}

static void
count_units(const struct usage *u, struct price_line lines[PRICE_UNITS])
{
	const int64_t counts[PRICE_UNITS] = {
		[PRICE_INPUT] = u->input - u->audio_input,
		[PRICE_OUTPUT] = u->output - u->audio_output - u->image_output,
		[PRICE_CACHE_READ] = u->cache_read,
		[PRICE_WRITE_5M] = u->cache_write_5m,
		[PRICE_WRITE_1H] = u->cache_write_1h,
		[PRICE_AUDIO_INPUT] = u->audio_input,
		[PRICE_AUDIO_OUTPUT] = u->audio_output,
		[PRICE_IMAGE_OUTPUT] = u->image_output,
		[PRICE_SEARCH] = u->searches,
	};

	for (unsigned i = 0; i < PRICE_UNITS; i++)
		lines[i].count = at_least_0(counts[i]);
}

static int64_t
micro_of(wide pico)
{
	const wide most = (wide)PRICE_COST_MAX * PICO_PER_MICRO;

	if (pico >= most)
		return PRICE_COST_MAX;
	return (int64_t)((pico + PICO_PER_MICRO / 2) / PICO_PER_MICRO);
}

void
price_cost(const struct price *p, const struct usage *u, struct price_sum *out)
{
	const int64_t *row;
	int64_t ppm = PRICE_RATE_ONE;
	wide sum = 0;

	out->is_long = p->above && usage_read(u) > p->above;
	/* Another speed or place without a price of its own is not known to
	 * cost the same. */
	out->whole = (!u->fast || p->fast_ppm) && (!u->us || p->us_ppm);
	row = p->rates.pico[u->tier][out->is_long];
	if (u->fast && p->fast_ppm)
		ppm = times(ppm, p->fast_ppm);
	if (u->us && p->us_ppm)
		ppm = times(ppm, p->us_ppm);
	count_units(u, out->lines);
	for (unsigned i = 0; i < PRICE_UNITS; i++) {
		struct price_line *line = &out->lines[i];

		line->pico = row[i];
		if (line->pico == PRICE_NONE) {
			out->whole &= line->count == 0;
			continue;
		}
		if (ppm != PRICE_RATE_ONE && i != PRICE_SEARCH)
			line->pico = times(line->pico, ppm);
		sum += (wide)line->count * line->pico;
	}
	out->micro = micro_of(sum);
}

void
price_line_text(const struct price_line *line, char out[DECIMAL_TEXT])
{
	wide pico = (wide)line->count * line->pico;

	if (line->pico == PRICE_NONE)
		out[0] = '\0';
	else if (pico <= INT64_MAX)
		decimal_write((int64_t)pico, PRICE_DIGITS, 0, out);
	else
		decimal_write(micro_of(pico), PRICE_DIGITS - 6, 0, out);
}

int64_t
price_rated(int64_t micro, int64_t rate_ppm)
{
	wide rated =
	    ((wide)micro * rate_ppm + PRICE_RATE_ONE / 2) / PRICE_RATE_ONE;

	return rated > PRICE_COST_MAX ? PRICE_COST_MAX : (int64_t)rated;
}

enum err
price_rate_read(struct str text, int64_t *out_ppm)
{
	int64_t ppm = PRICE_RATE_ONE;

	if (text.len &&
	    (decimal_read(text, PRICE_RATE_DIGITS, 1000 * PRICE_RATE_ONE,
		 &ppm) ||
		ppm == 0))
		return ERR_VALUE;
	*out_ppm = ppm;
	return OK;
}

int64_t
price_rate_times(int64_t a_ppm, int64_t b_ppm)
{
	wide n = ((wide)a_ppm * b_ppm + PRICE_RATE_ONE / 2) / PRICE_RATE_ONE;

	/* A receipt without a rate means 1, so the least there is stays. */
	if (n < 1)
		return 1;
	return n > PRICE_COST_MAX ? PRICE_COST_MAX : (int64_t)n;
}
