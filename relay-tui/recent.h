/* SPDX-License-Identifier: MIT */
/* recent.h - requests that have ended lately: how many per second, how many
 * tokens, and how long the first byte took.  Bounded, whatever comes. */
#ifndef RELAY_TUI_RECENT_H
#define RELAY_TUI_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rates are of so long a time; with a power of two of entries. */
#define RECENT_RATE_MS	10000
#define RECENT_FIRST_MS 300000
#define RECENT_MOST	32768
/* First bytes of so many are looked at. */
#define RECENT_SAMPLE 2048

struct recent_end {
	int64_t at_ms, tokens;
	uint32_t first_us; /* 0: it had none */
};

/* Of zeros: nothing yet. */
struct recent {
	struct recent_end *ends; /* a ring */
	size_t next, count;
	int64_t sample[RECENT_SAMPLE];
};

struct recent_rates {
	int64_t requests_milli, tokens_milli; /* per 1000 s */
	int64_t first_p50_us, first_p99_us;   /* 0: unknown */
};

void recent_fini(struct recent *r);
void
recent_add(struct recent *r, int64_t at_ms, int64_t tokens, int64_t first_us);
void recent_rates(struct recent *r, int64_t now_ms, struct recent_rates *out);

#endif
