/* SPDX-License-Identifier: MIT */
/* usage.h - how many tokens an answer cost, in classes that do not overlap.
 *
 * input + cache_read + cache_write_5m + cache_write_1h is all that was read;
 * output is all that was written, reasoning included; `reasoning` tells how
 * much of it was thinking.  Dialects that count otherwise (OpenAI and Gemini
 * count cached tokens inside the input, Gemini thoughts beside the output)
 * are converted when read.
 *
 * `audio_input` tells how much of the input was sound, `audio_output` and
 * `image_output` how much of the output was sound or pictures. */
#ifndef PROTO_USAGE_H
#define PROTO_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/str.h"

/* The most that is believed of one count: several times what any model can
 * read, and a week of writing.  More is no count. */
#define USAGE_COUNT_MAX INT64_C(100000000)

/* Whose counts are in doubt: named, but not as a number that can be believed.
 * What was told of the others stands. */
enum usage_part {
	USAGE_INPUT = 1 << 0,
	USAGE_OUTPUT = 1 << 1,
	USAGE_CACHE_READ = 1 << 2,
	USAGE_CACHE_WRITE = 1 << 3,
	USAGE_DETAIL = 1 << 4, /* of what is in the others, or beside them */
	USAGE_READ = USAGE_INPUT | USAGE_CACHE_READ | USAGE_CACHE_WRITE,
};

/* How it was served, for that has a price too; as the answer tells. */
enum usage_tier {
#define X(name, word, suffix) USAGE_##name,
#include "proto/usage_tier.def"
#undef X
	USAGE_TIERS
};

struct usage {
	int64_t input, output;
	int64_t cache_read, cache_write_5m, cache_write_1h;
	int64_t reasoning;
	int64_t audio_input, audio_output, image_output;
	int64_t searches; /* of the web, by the upstream itself */
	enum usage_tier tier;
	bool fast;	/* at the higher speed that has a price of its own */
	bool us;	/* in the United States alone */
	bool known;	/* the upstream has told at least once */
	unsigned doubt; /* enum usage_part */
};

/* "priority", and back: words that are none are USAGE_STANDARD. */
const char *usage_tier_word(enum usage_tier t);
enum usage_tier usage_tier_read(struct str word);
/* The service tier that an answer of OpenAI names beside its usage: the JSON
 * value.  "auto" is what was asked for, and tells nothing. */
void usage_tier_from_openai(struct usage *u, struct str json);

/* Take up what a usage object of a dialect says: its JSON text.  What it does
 * not name, or (Anthropic) names as zero, stays as it was, for it comes in
 * parts.  Nothing but zeros, as some send until they know, tells nothing.  A
 * count that is no whole number up to USAGE_COUNT_MAX is left out, and its part
 * is in doubt until it is told well; null is that of input and output alone,
 * and only when nothing else tells. */
void usage_from_anthropic(struct usage *u, struct str json);
/* Chat and Responses, and the variants of those who speak like them. */
void usage_from_openai(struct usage *u, struct str json);
/* A usageMetadata.  The last one of a stream wins as a whole. */
void usage_from_gemini(struct usage *u, struct str json);

/* Everything read, and everything read and written. */
int64_t usage_read(const struct usage *u);
int64_t usage_total(const struct usage *u);

#endif
