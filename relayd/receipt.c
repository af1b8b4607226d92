/* SPDX-License-Identifier: MIT */
/* receipt.c - the words of receipts, and what can be told from one. */
#include "relayd/receipt.h"

#include "store/rec.h"

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
receipt_flag_next(uint64_t *rest)
{
	unsigned bit;

	if (*rest == 0)
		return NULL;
	bit = (unsigned)__builtin_ctzll(*rest);
	*rest &= *rest - 1;
	return word_of(flags, FLAG_COUNT, bit)->name;
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

bool
receipt_attempts_next(const struct receipt_rec *r, struct str *io_rest,
    struct attempt_rec *out)
{
	if (!rec_attempts_next(io_rest, out))
		return false;
	if (!out->account.len)
		out->account = r->account;
	return true;
}

void
receipt_compact(struct receipt_rec *io, struct buf *out)
{
	struct str rest = io->attempts;
	struct attempt_rec a;

	buf_clear(out);
	while (rec_attempts_next(&rest, &a)) {
		if (str_eq(a.account, io->account))
			a.account = str_at(NULL, 0);
		/* What cannot be written anew stays as it was. */
		if (rec_attempts_add(out, &a))
			return;
	}
	if (!rest.len)
		io->attempts = buf_str(out);
}
