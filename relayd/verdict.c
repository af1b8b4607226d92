/* SPDX-License-Identifier: MIT */
/* verdict.c - what an upstream's failure means. */
#include "relayd/verdict.h"

#include <stdio.h>
#include <stdlib.h>

#include "relayd/family.h"

#define GATE_NONE (-1)
#define SHOW	  true
#define HIDE	  false

/* A wait that an upstream names is believed up to a month (weekly limits). */
#define TOLD_MAX_MS (31LL * 86400 * 1000)
/* After the moment at which a limit is said to end, at most so much more. */
#define LATE_MAX_MS 30000
/* A limit that ends so late is no passing one. */
#define LONG_MS 60000
#define UNIFIED "anthropic-ratelimit-unified-"
/* A limit that is full of that much. */
#define FULL_PPM 1000000

static const struct verdict rows[] = {
#define X(name_, from_, to_, kinds_, text_, next_, scope_, gate_, first_,      \
    most_, told_, show_)                                                       \
	{ .nr = VERDICT_##name_,                                               \
		.name = #name_,                                                \
		.from = from_,                                                 \
		.to = to_,                                                     \
		.kinds = kinds_,                                               \
		.text = text_,                                                 \
		.next = NEXT_##next_,                                          \
		.scope = SCOPE_##scope_,                                       \
		.gate = GATE_##gate_,                                          \
		.first_s = first_,                                             \
		.most_s = most_,                                               \
		.told = TOLD_##told_,                                          \
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

static bool
is_of(struct str kind, const char *kinds)
{
	struct str rest = str_of(kinds), glob;

	while (str_list_next(&rest, &glob))
		if (str_glob(kind, glob))
			return true;
	return false;
}

static const struct verdict *
find(const struct verdict_case *c, bool own)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct verdict *v = &rows[i];

		if (own != (v->kinds || v->text))
			continue;
		if (c->status < v->from || c->status > v->to)
			continue;
		if (v->kinds && !is_of(c->kind, v->kinds))
			continue;
		if (v->text && str_ifind(c->body, str_of(v->text)) < 0)
			continue;
		return v;
	}
	return NULL;
}

const struct verdict *
verdict_find_own(const struct verdict_case *c)
{
	return find(c, true);
}

const struct verdict *
verdict_find_common(const struct verdict_case *c)
{
	const struct verdict *v = find(c, false);

	return v ? v : &rows[VERDICT_strange];
}

const struct verdict *
verdict_find(const struct verdict_case *c)
{
	const struct verdict *v = verdict_find_own(c);

	return v ? v : verdict_find_common(c);
}

void
verdict_label(const struct verdict *v, char out[VERDICT_LABEL])
{
	snprintf(out, VERDICT_LABEL, "%s%s%s", v->name, v->rule[0] ? " " : "",
	    v->rule);
}

const char *
verdict_next_name(enum verdict_next n)
{
	static const char *const names[] = { [NEXT_RETURN] = "return",
		[NEXT_OTHER] = "other",
		[NEXT_SWAP] = "swap",
		[NEXT_SAME] = "same",
		[NEXT_ONCE] = "once",
		[NEXT_HOLD] = "hold" };

	return names[n];
}

const char *
verdict_scope_name(enum verdict_scope s)
{
	static const char *const names[] = { [SCOPE_NOBODY] = "request",
		[SCOPE_ACCOUNT] = "account",
		[SCOPE_FAMILY] = "family",
		[SCOPE_MODEL] = "model",
		[SCOPE_LONG] = "long-context",
		[SCOPE_LIMIT] = "limit",
		[SCOPE_PROVIDER] = "provider",
		[SCOPE_PROXY] = "proxy" };

	return names[s];
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

	/* Of a subscription every answer tells it; it is a wait when that is
	 * what the answer is about. */
	h = http1_find(answer, STR(UNIFIED "reset"));
	if (h && answer->status == 429)
		told = until_unix(h->value, wall_ms);
	h = http1_find(answer, STR("retry-after-ms"));
	if (!told && h && !str_u64(h->value, &n) && n < TOLD_MAX_MS)
		told = (int64_t)n;
	h = http1_find(answer, STR("retry-after"));
	if (!told && h && !str_u64(h->value, &n) && n < TOLD_MAX_MS / 1000)
		told = (int64_t)n * 1000;
	return told < TOLD_MAX_MS ? told : TOLD_MAX_MS;
}

enum verdict_scope
verdict_limit(const struct windows *w, int64_t wall_ms,
    const struct http1_head *answer, int64_t *io_told_ms)
{
	const struct header *claim = answer
	    ? http1_find(answer, STR(UNIFIED "representative-claim"))
	    : NULL;
	bool whole = false, part = claim && family_in(claim->value).len;

	for (unsigned i = 0; i < w->count; i++) {
		const struct window *one = &w->at[i];

		if (one->told_at != wall_ms)
			continue;
		if (one->used_ppm < FULL_PPM &&
		    !str_eq(str_of(one->status), STR("rejected")))
			continue;
		if (window_is_whole(one))
			whole = true;
		else
			part = true;
		if (one->reset_at - wall_ms > *io_told_ms)
			*io_told_ms = one->reset_at - wall_ms;
	}
	if (*io_told_ms > TOLD_MAX_MS)
		*io_told_ms = TOLD_MAX_MS;
	/* Some speak of windows, and not of which is full. */
	if (!part && w->count && *io_told_ms >= LONG_MS)
		whole = true;
	return whole ? SCOPE_ACCOUNT : SCOPE_FAMILY;
}

int64_t
verdict_wait_ms(const struct verdict *v, unsigned strikes, int64_t told_ms,
    uint32_t random)
{
	int64_t most_ms = v->most_s * 1000LL, wait_ms = v->first_s * 1000LL;
	int64_t late_ms = told_ms / 10;

	for (unsigned i = 0; i < strikes && wait_ms < most_ms; i++)
		wait_ms *= 2;
	if (wait_ms > most_ms)
		wait_ms = most_ms;
	if (v->told == TOLD_OWN || !told_ms ||
	    (v->told == TOLD_LEAST && told_ms < wait_ms))
		/* A tenth less to a tenth more. */
		return wait_ms - wait_ms / 10 +
		    (int64_t)((uint64_t)(wait_ms / 5) * random / UINT32_MAX);
	if (late_ms > LATE_MAX_MS)
		late_ms = LATE_MAX_MS;
	return told_ms + (int64_t)((uint64_t)late_ms * random / UINT32_MAX);
}

/* One more failure in a row: those before it, for the wait.  A try that had
 * begun before the last one tells of the same trouble. */
static unsigned
strike(unsigned *io_strikes, int64_t *io_struck_ms,
    const struct verdict_blow *b)
{
	bool is_same =
	    *io_strikes && b->began_ms && b->began_ms < *io_struck_ms;

	if (is_same)
		return *io_strikes - 1;
	*io_struck_ms = b->now_ms;
	return (*io_strikes)++;
}

int64_t
verdict_apply(const struct verdict *v, struct gates *g,
    const struct verdict_blow *b)
{
	enum gate which = (enum gate)v->gate;
	int64_t wait_ms = b->own_ms;
	unsigned strikes;

	if (v->gate == GATE_NONE || !wait_ms)
		return 0;
	g->strikes[which] = gate_strikes(g, which, b->now_ms);
	strikes = strike(&g->strikes[which], &g->struck_ms[which], b);
	if (wait_ms == VERDICT_OWN_NONE)
		wait_ms = verdict_wait_ms(v, strikes, b->told_ms, b->random);
	gate_shut(g, which, b->now_ms + wait_ms, b->reason);
	return g->until_ms[which];
}

int64_t
verdict_apply_part(const struct verdict *v, struct gate_parts *p, struct str of,
    bool is_long, const struct verdict_blow *b)
{
	int64_t wait_ms = b->own_ms, until_ms;
	struct gate_part *g;
	unsigned strikes;

	if (v->gate == GATE_NONE || !wait_ms)
		return 0;
	g = gate_part_of(p, of, is_long, (enum gate)v->gate, b->now_ms);
	strikes = strike(&g->strikes, &g->struck_ms, b);
	if (wait_ms == VERDICT_OWN_NONE)
		wait_ms = verdict_wait_ms(v, strikes, b->told_ms, b->random);
	until_ms = b->now_ms + wait_ms;
	if (until_ms > g->until_ms)
		g->until_ms = until_ms;
	snprintf(g->reason, sizeof(g->reason), "%s", b->reason);
	return g->until_ms;
}
