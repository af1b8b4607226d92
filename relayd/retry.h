/* SPDX-License-Identifier: MIT */
/* retry.h - how often requests may be sent again to one provider: a share of
 * those of the last minute, and a few.  It keeps a storm of failures from
 * becoming a storm of retries.  And how long one waits that is. */
#ifndef RELAYD_RETRY_H
#define RELAYD_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct settings;

/* One second more than a minute: what was sent again counts for at least a
 * minute, what was asked for at most one. */
#define RETRY_SECONDS 61
/* So often the same account is asked again while its provider is overloaded. */
#define RETRY_SAME_MAX 2

struct retry_budget {
	int64_t second;
	unsigned asked[RETRY_SECONDS], again[RETRY_SECONDS];
};

/* A request goes out for the first time. */
void retry_asked(struct retry_budget *b, int64_t now_ms);
/* May one more be sent again? */
bool
retry_left(struct retry_budget *b, const struct settings *s, int64_t now_ms);
/* It is. */
void retry_taken(struct retry_budget *b, int64_t now_ms);

/* Before the same account is asked again: 1 s, then 2 s; longer, but not for
 * ever, when it says so itself. */
int64_t retry_same_wait_ms(unsigned same_tries, int64_t told_ms);

#endif
