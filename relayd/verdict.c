/* SPDX-License-Identifier: MIT */
/* verdict.c - what an upstream's failure means. */
#include "relayd/verdict.h"

#include <stdlib.h>

#define GATE_NONE (-1)
#define SHOW	  true
#define HIDE	  false

/* A wait that an upstream names is believed up to a month (weekly limits). */
#define TOLD_MAX_MS (31LL * 86400 * 1000)

static const struct verdict rows[] = {
#define X(name_, from_, to_, text_, next_, gate_, first_, most_, show_)        \
	{ .nr = VERDICT_##name_,                                               \
		.name = #name_,                                                \
		.from = from_,                                                 \
		.to = to_,                                                     \
		.text = text_,                                                 \
		.next = NEXT_##next_,                                          \
		.gate = GATE_##gate_,                                          \
		.first_s = first_,                                             \
		.most_s = most_,                                               \
		.show = show_ },
#include "relayd/verdict.def"
#undef X
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

const struct verdict *
verdict_at(unsigned i)
{
	return i < ROWS ? &rows[i] : NULL;
}

const struct verdict *
verdict_find(unsigned status, struct str body)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct verdict *v = &rows[i];

		if (status < v->from || status > v->to)
			continue;
		if (v->text && str_ifind(body, str_of(v->text)) < 0)
			continue;
		return v;
	}
	/* The last row takes everything. */
	return &rows[ROWS - 1];
}

unsigned
verdict_status_of(struct str error_type)
{
	static const struct {
		const char *word;
		unsigned status;
	} words[] = {
		{ "overloaded", 529 },
		{ "slow_down", 529 },
		{ "rate_limit", 429 },
		{ "usage_limit", 429 },
		{ "authentication", 401 },
		{ "billing", 402 },
		{ "insufficient_quota", 402 },
		{ "permission", 403 },
		{ "timeout", 504 },
		{ "api_error", 500 },
		{ "server_error", 500 },
		{ "internal", 500 },
		{ "unavailable", 503 },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_ifind(error_type, str_of(words[i].word)) >= 0)
			return words[i].status;
	return 400;
}

/* Unix seconds, as Anthropic's unified reset says them. */
static int64_t
until_unix(struct str text, int64_t wall_ms)
{
	uint64_t at;

	if (str_u64(text, &at) || at > UINT32_MAX)
		return 0;
	return (int64_t)at * 1000 > wall_ms ? (int64_t)at * 1000 - wall_ms : 0;
}

int64_t
verdict_retry_ms(const struct http1_head *answer, int64_t wall_ms)
{
	const struct header *h;
	int64_t told = 0;
	uint64_t n;

	h = http1_find(answer, STR("anthropic-ratelimit-unified-reset"));
	if (h)
		told = until_unix(h->value, wall_ms);
	h = http1_find(answer, STR("retry-after-ms"));
	if (!told && h && !str_u64(h->value, &n) && n < TOLD_MAX_MS)
		told = (int64_t)n;
	h = http1_find(answer, STR("retry-after"));
	if (!told && h && !str_u64(h->value, &n) && n < TOLD_MAX_MS / 1000)
		told = (int64_t)n * 1000;
	return told < TOLD_MAX_MS ? told : TOLD_MAX_MS;
}

void
verdict_apply(const struct verdict *v, struct gates *g, int64_t now_ms,
    int64_t told_ms, const char *reason)
{
	int64_t wait_ms = (int64_t)v->first_s * 1000;
	unsigned strikes;

	if (v->gate == GATE_NONE)
		return;
	strikes = g->strikes[v->gate];
	for (unsigned i = 0; i < strikes && wait_ms < v->most_s * 1000LL; i++)
		wait_ms *= 2;
	if (wait_ms > v->most_s * 1000LL)
		wait_ms = v->most_s * 1000LL;
	if (v->gate == GATE_RATE && told_ms)
		wait_ms = told_ms;
	g->strikes[v->gate] = strikes + 1;
	gate_shut(g, (enum gate)v->gate, now_ms + wait_ms, reason);
}
