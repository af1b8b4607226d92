/* SPDX-License-Identifier: MIT */
/* recent.c - requests that have ended lately. */
#include "relay-tui/recent.h"

#include <stdlib.h>

#include "proto/mem.h"

void
recent_fini(struct recent *r)
{
	free(r->ends);
	r->ends = NULL;
	r->next = r->count = 0;
}

void
recent_add(struct recent *r, int64_t at_ms, int64_t tokens, int64_t first_us)
{
	if (!r->ends)
		r->ends = xcalloc(RECENT_MOST, sizeof(*r->ends));
	r->ends[r->next] = (struct recent_end){ .at_ms = at_ms,
		.tokens = tokens,
		.first_us = first_us < 0    ? 0
		    : first_us > UINT32_MAX ? UINT32_MAX
					    : (uint32_t)first_us };
	r->next = (r->next + 1) % RECENT_MOST;
	if (r->count < RECENT_MOST)
		r->count++;
}

/* The so-manieth from the end. */
static const struct recent_end *
back(const struct recent *r, size_t i)
{
	return &r->ends[(r->next + RECENT_MOST - 1 - i) % RECENT_MOST];
}

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int64_t
quantile(const int64_t *sorted, size_t count, size_t percent)
{
	return count ? sorted[(count - 1) * percent / 100] : 0;
}

void
recent_rates(struct recent *r, int64_t now_ms, struct recent_rates *out)
{
	int64_t requests = 0, tokens = 0;
	size_t sampled = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct recent_end *e = back(r, i);
		bool counts = now_ms - e->at_ms < RECENT_RATE_MS;

		requests += counts;
		tokens += counts ? e->tokens : 0;
		if (sampled < RECENT_SAMPLE && e->first_us &&
		    now_ms - e->at_ms < RECENT_FIRST_MS)
			r->sample[sampled++] = e->first_us;
		if (!counts && sampled == RECENT_SAMPLE)
			break;
	}
	qsort(r->sample, sampled, sizeof(*r->sample), compare);
	*out = (struct recent_rates){
		.requests_milli = requests * 1000000 / RECENT_RATE_MS,
		.tokens_milli = tokens * 1000000 / RECENT_RATE_MS,
		.first_p50_us = quantile(r->sample, sampled, 50),
		.first_p99_us = quantile(r->sample, sampled, 99),
	};
}
