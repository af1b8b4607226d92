/* SPDX-License-Identifier: MIT */
/* retry.h - how often requests may be sent again to one provider: a share of
 * those of the last minute, and a few.  It keeps a storm of failures from
 * becoming a storm of retries. */
#ifndef RELAYD_RETRY_H
#define RELAYD_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct settings;

struct retry_budget {
	int64_t minute;
	/* This minute, and the one before. */
	unsigned asked[2], again[2];
};

/* A request goes out. */
void retry_asked(struct retry_budget *b, int64_t now_ms);
/* May one more be sent again? */
bool
retry_left(struct retry_budget *b, const struct settings *s, int64_t now_ms);
/* It is. */
void retry_taken(struct retry_budget *b, int64_t now_ms);

#endif
