/* SPDX-License-Identifier: MIT */
/* usage.h - how many tokens an answer cost, in classes that do not overlap.
 *
 * input + cache_read + cache_write_5m + cache_write_1h is all that was read;
 * output is all that was written, reasoning included; `reasoning` tells how
 * much of it was thinking.  Dialects that count otherwise (OpenAI and Gemini
 * count cached tokens inside the input, Gemini thoughts beside the output)
 * are converted when read. */
#ifndef PROTO_USAGE_H
#define PROTO_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/str.h"

/* The most that is believed of one count; more is a lie, and is cut. */
#define USAGE_COUNT_MAX (INT64_C(1) << 40)

struct usage {
	int64_t input, output;
	int64_t cache_read, cache_write_5m, cache_write_1h;
	int64_t reasoning;
	bool known; /* the upstream has told at least once */
};

/* Take up what a usage object of a dialect says: its JSON text.  What it does
 * not name, or (Anthropic) names as zero, stays as it was, for it comes in
 * parts.  Nothing but zeros, as some send until they know, tells nothing. */
void usage_from_anthropic(struct usage *u, struct str json);
/* Chat and Responses, and the variants of those who speak like them. */
void usage_from_openai(struct usage *u, struct str json);
/* A usageMetadata.  The last one of a stream wins as a whole. */
void usage_from_gemini(struct usage *u, struct str json);

/* *sum += *u, field by field. */
void usage_add(struct usage *sum, const struct usage *u);

/* Everything read, and everything read and written. */
int64_t usage_read(const struct usage *u);
int64_t usage_total(const struct usage *u);

#endif
