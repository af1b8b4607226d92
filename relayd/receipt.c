/* SPDX-License-Identifier: MIT */
/* receipt.c - the words of receipts, and what can be told from one. */
#include "relayd/receipt.h"

#include "proto/ulid.h"

#include "store/rec.h"

#define DAY_MS (24 * 60 * 60 * INT64_C(1000))

struct word {
	const char *name, *text;
};

static const struct word outcomes[] = {
#define X(name, word, text) { word, text },
#include "relayd/outcome.def"
#undef X
};

static const struct word attempt_outcomes[] = {
#define X(name, word, text) { word, text },
#include "relayd/attempt_outcome.def"
#undef X
};

/* By bit. */
static const struct word flags[] = {
#define X(name, bit, word, text) [bit] = { word, text },
#include "relayd/receipt_flag.def"
#undef X
};

#define FLAG_COUNT (sizeof(flags) / sizeof(flags[0]))

static const struct word unknown = { "unknown",
	"something a newer relayd knows" };

static const struct word *
word_of(const struct word *all, uint64_t count, uint64_t n)
{
	return n < count ? &all[n] : &unknown;
}

static enum err
word_find(const struct word *all, unsigned count, struct str name,
    unsigned *out)
{
	for (unsigned i = 0; i < count; i++) {
		if (all[i].name && str_eq(name, str_of(all[i].name))) {
			*out = i;
			return OK;
		}
	}
	return ERR_UNKNOWN;
}

const char *
outcome_name(uint64_t outcome)
{
	return word_of(outcomes, OUTCOME_COUNT, outcome)->name;
}

const char *
outcome_text(uint64_t outcome)
{
	return word_of(outcomes, OUTCOME_COUNT, outcome)->text;
}

const char *
attempt_outcome_name(uint64_t outcome)
{
	return word_of(attempt_outcomes, ATTEMPT_OUTCOME_COUNT, outcome)->name;
}

const char *
attempt_outcome_text(uint64_t outcome)
{
	return word_of(attempt_outcomes, ATTEMPT_OUTCOME_COUNT, outcome)->text;
}

enum err
outcome_read(struct str word, enum outcome *out)
{
	unsigned n;
	enum err e = word_find(outcomes, OUTCOME_COUNT, word, &n);

	if (!e)
		*out = (enum outcome)n;
	return e;
}

enum err
attempt_outcome_read(struct str word, enum attempt_outcome *out)
{
	unsigned n;
	enum err e =
	    word_find(attempt_outcomes, ATTEMPT_OUTCOME_COUNT, word, &n);

	if (!e)
		*out = (enum attempt_outcome)n;
	return e;
}

const char *
receipt_flag_next(uint64_t *rest)
{
	unsigned bit;

	if (*rest == 0)
		return NULL;
	bit = (unsigned)__builtin_ctzll(*rest);
	*rest &= *rest - 1;
	return word_of(flags, FLAG_COUNT, bit)->name;
}

enum err
receipt_flag_read(struct str word, enum receipt_flag *out)
{
	unsigned bit;
	enum err e = word_find(flags, FLAG_COUNT, word, &bit);

	if (!e)
		*out = (enum receipt_flag)(1 << bit);
	return e;
}

bool
receipt_is_error(const struct receipt_rec *r)
{
	return r->outcome != OUTCOME_OK;
}

void
receipt_set_usage(struct receipt_rec *r, const struct usage *u)
{
	r->input = u->input;
	r->output = u->output;
	r->cache_read = u->cache_read;
	r->cache_write_5m = u->cache_write_5m;
	r->cache_write_1h = u->cache_write_1h;
	r->reasoning = u->reasoning;
	r->audio_input = u->audio_input;
	r->audio_output = u->audio_output;
	r->image_output = u->image_output;
	r->searches = u->searches;
	r->tier = u->tier;
	r->fast = u->fast;
	r->us = u->us;
}

struct usage
receipt_usage(const struct receipt_rec *r)
{
	return (struct usage){
		.input = r->input,
		.output = r->output,
		.cache_read = r->cache_read,
		.cache_write_5m = r->cache_write_5m,
		.cache_write_1h = r->cache_write_1h,
		.reasoning = r->reasoning,
		.audio_input = r->audio_input,
		.audio_output = r->audio_output,
		.image_output = r->image_output,
		.searches = r->searches,
		/* A newer relayd may have known more of them. */
		.tier = r->tier < USAGE_TIERS ? (enum usage_tier)r->tier
					      : USAGE_STANDARD,
		.fast = r->fast,
		.us = r->us,
	};
}

uint32_t
receipt_day(const struct ulid *id)
{
	return (uint32_t)(ulid_ms(id) / DAY_MS);
}
