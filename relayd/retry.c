/* SPDX-License-Identifier: MIT */
/* retry.c - the budget of re-sends. */
#include "relayd/retry.h"

#include "relayd/setting.h"

#define MINUTE_MS 60000

static void
turn(struct retry_budget *b, int64_t now_ms)
{
	int64_t minute = now_ms / MINUTE_MS;

	if (b->minute == minute)
		return;
	b->asked[1] = b->minute == minute - 1 ? b->asked[0] : 0;
	b->again[1] = b->minute == minute - 1 ? b->again[0] : 0;
	b->asked[0] = b->again[0] = 0;
	b->minute = minute;
}

void
retry_asked(struct retry_budget *b, int64_t now_ms)
{
	turn(b, now_ms);
	b->asked[0]++;
}

bool
retry_left(struct retry_budget *b, const struct settings *s, int64_t now_ms)
{
	turn(b, now_ms);
	return b->again[0] + b->again[1] <
	    (b->asked[0] + b->asked[1]) * s->retry_budget_percent / 100 +
	    s->retry_budget_floor;
}

void
retry_taken(struct retry_budget *b, int64_t now_ms)
{
	turn(b, now_ms);
	b->again[0]++;
}
