/* SPDX-License-Identifier: MIT */
/* retry.c - the budget of re-sends. */
#include "relayd/retry.h"

#include <string.h>

#include "relayd/setting.h"

#define SECOND_MS 1000
/* Waits before the same account is asked again (semantics of 529). */
#define SAME_WAIT_MS 1000
/* ... at most, when it says itself how long. */
#define SAME_TOLD_MS 10000

/* The seconds that have come since, empty. */
static void
turn(struct retry_budget *b, int64_t now_ms)
{
	int64_t second = now_ms / SECOND_MS;

	if (second - b->second >= RETRY_SECONDS) {
		memset(b, 0, sizeof(*b));
		b->second = second;
	}
	while (b->second < second) {
		b->second++;
		b->asked[b->second % RETRY_SECONDS] = 0;
		b->again[b->second % RETRY_SECONDS] = 0;
	}
}

void
retry_asked(struct retry_budget *b, int64_t now_ms)
{
	turn(b, now_ms);
	b->asked[b->second % RETRY_SECONDS]++;
}

bool
retry_left(struct retry_budget *b, const struct settings *s, int64_t now_ms)
{
	uint64_t asked = 0, again = 0;

	turn(b, now_ms);
	for (int i = 0; i < RETRY_SECONDS; i++) {
		again += b->again[i];
		/* The oldest second may be a part of the minute before. */
		if (i != (b->second + 1) % RETRY_SECONDS)
			asked += b->asked[i];
	}
	return again <
	    asked * s->retry_budget_percent / 100 + s->retry_budget_floor;
}

void
retry_taken(struct retry_budget *b, int64_t now_ms)
{
	turn(b, now_ms);
	b->again[b->second % RETRY_SECONDS]++;
}

int64_t
retry_same_wait_ms(unsigned same_tries, int64_t told_ms)
{
	int64_t wait_ms = (int64_t)SAME_WAIT_MS << same_tries;

	if (told_ms <= wait_ms)
		return wait_ms;
	/* A tenth less of that is not before it. */
	return told_ms < SAME_TOLD_MS ? told_ms + told_ms / 9 : SAME_TOLD_MS;
}
