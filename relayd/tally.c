/* SPDX-License-Identifier: MIT */
/* tally.c - what is counted of requests by their kind. */
#include "relayd/tally.h"

#include "store/rec.h"

static const struct dialect *const dialects[] = {
#define X(name) &dialect_##name,
#include "proto/dialect.def"
#undef X
};

static const char *const class_names[TALLY_CLASSES] = {
	[TALLY_INPUT] = "input",
	[TALLY_OUTPUT] = "output",
	[TALLY_CACHE_READ] = "cache_read",
	[TALLY_CACHE_WRITE_5M] = "cache_write_5m",
	[TALLY_CACHE_WRITE_1H] = "cache_write_1h",
};

static const struct tally_histogram_row histograms[] = {
#define X(name, metric_, label_, low_, high_, help_)                           \
	{ .metric = (metric_),                                                 \
		.label = (label_),                                             \
		.low = (low_),                                                 \
		.high = (high_),                                               \
		.help = (help_) },
#include "relayd/histogram.def"
#undef X
};

const struct tally_histogram_row *
tally_histogram_row(enum tally_histogram h)
{
	return &histograms[h];
}

const char *
tally_dialect_name(enum tally_dialect d)
{
	return dialects[d]->name;
}

const char *
tally_class_name(enum tally_class c)
{
	return class_names[c];
}

static unsigned
dialect_index(const struct dialect *dialect)
{
	unsigned i = 0;

	while (i < TALLY_DIALECTS - 1 && dialects[i] != dialect)
		i++;
	return i;
}

void
tally_request(struct tally *t, const struct dialect *dialect, unsigned op,
    enum outcome outcome)
{
	t->requests[dialect_index(dialect)][op][outcome]++;
}

static uint64_t
known(int64_t tokens)
{
	return tokens > 0 ? (uint64_t)tokens : 0;
}

static void
add_tokens(struct tally *t, unsigned dialect, const struct receipt_rec *r)
{
	uint64_t *sum = t->tokens[dialect];

	sum[TALLY_INPUT] += known(r->input);
	sum[TALLY_OUTPUT] += known(r->output);
	sum[TALLY_CACHE_READ] += known(r->cache_read);
	sum[TALLY_CACHE_WRITE_5M] += known(r->cache_write_5m);
	sum[TALLY_CACHE_WRITE_1H] += known(r->cache_write_1h);
	t->reasoning[dialect] += known(r->reasoning);
	t->estimated += (r->flags & RECEIPT_ESTIMATED) != 0;
}

/* A moment that was never reached is no measurement. */
static void
add_time(struct tally *t, enum tally_histogram h, uint64_t us)
{
	if (us)
		histogram_add(&t->took[h], (int64_t)us);
}

static void
add_cost(struct tally *t, unsigned dialect, const struct receipt_rec *r)
{
	t->cost_micro[dialect] += known(r->cost_micro);
	t->rated_micro[dialect] += known(r->rated_micro);
	t->unpriced += (r->flags & RECEIPT_UNPRICED) != 0;
}

void
tally_receipt(struct tally *t, const struct dialect *dialect,
    const struct receipt_rec *r, int64_t overhead_us)
{
	bool stream = r->flags & RECEIPT_STREAM;

	add_tokens(t, dialect_index(dialect), r);
	add_cost(t, dialect_index(dialect), r);
	histogram_add(&t->took[TALLY_H_wait], (int64_t)r->wait_us);
	add_time(t, stream ? TALLY_H_head_stream : TALLY_H_head_whole,
	    r->head_us);
	add_time(t, stream ? TALLY_H_first_stream : TALLY_H_first_whole,
	    r->first_us);
	add_time(t, stream ? TALLY_H_total_stream : TALLY_H_total_whole,
	    r->total_us);
	histogram_add(&t->took[TALLY_H_overhead], overhead_us);
}

void
tally_attempt(struct tally *t, enum attempt_outcome outcome,
    uint64_t connect_us)
{
	t->attempts[outcome]++;
	add_time(t, TALLY_H_connect, connect_us);
}

void
tally_verdict(struct tally *t, const struct verdict *v)
{
	t->verdicts[v->nr]++;
}
