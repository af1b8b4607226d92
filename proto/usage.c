/* SPDX-License-Identifier: MIT */
/* usage.c - how many tokens an answer cost.
 *
 * Reads the usage objects of the dialects into classes that do not overlap.
 * Counts are 64-bit text, never floating point; nonsense is left out, and
 * told apart from what was not said. */
#include "proto/usage.h"

#include "proto/cursor.h"

/* A key of a usage object, where its count goes, and of which part that is;
 * 0: nothing is counted by it. */
struct count_row {
	struct str key;
	int64_t *to;
	unsigned part;
};

/* How the counts of an object were told, as bits of their parts. */
struct telling {
	unsigned said;	/* more than nothing */
	unsigned empty; /* null */
	unsigned wrong; /* nothing that can be believed */
};

static int64_t
clamp(int64_t n)
{
	return n < 0 ? 0 : n > USAGE_COUNT_MAX ? USAGE_COUNT_MAX : n;
}

static void
take_count(struct str value, int64_t *to, unsigned part, struct telling *t)
{
	int64_t n;

	if (str_eq(value, STR("null"))) {
		t->empty |= part;
	} else if (raw_whole(value, &n) || n > USAGE_COUNT_MAX) {
		t->wrong |= part;
	} else {
		*to = n;
		t->said |= n ? part : 0;
	}
}

/* Put the member's count where a row says; false when none does. */
static bool
take_member(const struct member *m, const struct count_row *rows, size_t count,
    struct telling *t)
{
	for (size_t i = 0; i < count; i++) {
		if (member_is(m, rows[i].key)) {
			take_count(m->value, rows[i].to, rows[i].part, t);
			return true;
		}
	}
	return false;
}

static void
take_object(struct str json, const struct count_row *rows, size_t count,
    struct telling *t)
{
	struct cursor c;
	struct member m;

	cursor_init(&c, json);
	while (cursor_next(&c, &m))
		take_member(&m, rows, count, t);
}

/* What is in doubt of u after an object: its wrong counts, and those of input
 * and output that are null though nothing else tells them. */
static unsigned
doubt_of(const struct usage *u, const struct telling *t)
{
	unsigned doubt = t->wrong;

	if (!usage_read(u))
		doubt |= t->empty & USAGE_INPUT;
	if (!u->output)
		doubt |= t->empty & USAGE_OUTPUT;
	return doubt;
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* --- tiers ----------------------------------------------------------------- */

static const char *const tier_words[] = {
#define X(name, word, suffix) word,
#include "proto/usage_tier.def"
#undef X
};

const char *
usage_tier_word(enum usage_tier t)
{
	return tier_words[t];
}

enum usage_tier
usage_tier_read(struct str word)
{
	for (unsigned i = 0; i < USAGE_TIERS; i++)
		if (str_eq(word, str_of(tier_words[i])))
			return (enum usage_tier)i;
	return USAGE_STANDARD;
}

void
usage_tier_from_openai(struct usage *u, struct str json)
{
	struct str word = raw_text(json);

	if (word.len && !str_eq(word, STR("auto")))
		u->tier = usage_tier_read(word);
}

/* --- Anthropic ------------------------------------------------------------- */

/* How it was served: said in message_start, and not always again. */
static bool
take_manner(struct usage *u, const struct member *m)
{
	struct str word = raw_text(m->value);

	if (member_is(m, STR("service_tier"))) {
		if (word.len)
			u->tier = usage_tier_read(word);
	} else if (member_is(m, STR("speed"))) {
		u->fast = word.len ? str_eq(word, STR("fast")) : u->fast;
	} else if (member_is(m, STR("inference_geo"))) {
		u->us = word.len ? str_eq(word, STR("us")) : u->us;
	} else {
		return false;
	}
	return true;
}

static void
overwrite(int64_t *to, int64_t n)
{
	if (n)
		*to = n;
}

void
usage_from_anthropic(struct usage *u, struct str json)
{
	struct usage now = { 0 };
	struct telling t = { 0 };
	int64_t written = 0;
	const struct count_row rows[] = {
		{ STR("input_tokens"), &now.input, USAGE_INPUT },
		{ STR("output_tokens"), &now.output, USAGE_OUTPUT },
		{ STR("cache_read_input_tokens"), &now.cache_read,
		    USAGE_CACHE_READ },
		{ STR("cache_creation_input_tokens"), &written,
		    USAGE_CACHE_WRITE },
	};
	const struct count_row split[] = {
		{ STR("ephemeral_5m_input_tokens"), &now.cache_write_5m,
		    USAGE_CACHE_WRITE },
		{ STR("ephemeral_1h_input_tokens"), &now.cache_write_1h,
		    USAGE_CACHE_WRITE },
	};
	const struct count_row tools[] = {
		{ STR("web_search_requests"), &now.searches, USAGE_DETAIL },
	};
	struct cursor c;
	struct member m;

	cursor_init(&c, json);
	while (cursor_next(&c, &m)) {
		if (member_is(&m, STR("cache_creation")))
			take_object(m.value, split, COUNT(split), &t);
		else if (member_is(&m, STR("server_tool_use")))
			take_object(m.value, tools, COUNT(tools), &t);
		else if (!take_manner(u, &m))
			take_member(&m, rows, COUNT(rows), &t);
	}
	overwrite(&u->searches, now.searches);
	overwrite(&u->input, now.input);
	overwrite(&u->output, now.output);
	overwrite(&u->cache_read, now.cache_read);
	if (now.cache_write_5m || now.cache_write_1h) {
		u->cache_write_5m = now.cache_write_5m;
		u->cache_write_1h = now.cache_write_1h;
	} else if (written &&
	    written != u->cache_write_5m + u->cache_write_1h) {
		/* The flat number alone says five minutes; repeated later
		 * without the split, it says nothing new. */
		u->cache_write_5m = written;
		u->cache_write_1h = 0;
	}
	u->doubt = (u->doubt & ~t.said) | doubt_of(u, &t);
	u->known |= usage_total(u) > 0;
}

/* --- OpenAI ---------------------------------------------------------------- */

/* What a usage object of OpenAI's kind says, before it is sorted. */
struct openai_counts {
	int64_t input, output, total;
	int64_t cached, written, written_beside, reasoning;
	int64_t audio_input, audio_output;
};

static void
read_openai_details(struct openai_counts *n, struct str json, int64_t *audio,
    struct telling *t)
{
	const struct count_row rows[] = {
		{ STR("cached_tokens"), &n->cached, USAGE_CACHE_READ },
		{ STR("reasoning_tokens"), &n->reasoning, USAGE_DETAIL },
		{ STR("cache_write_tokens"), &n->written, USAGE_CACHE_WRITE },
		{ STR("cache_creation_tokens"), &n->written,
		    USAGE_CACHE_WRITE },
		{ STR("cache_creation_input_tokens"), &n->written,
		    USAGE_CACHE_WRITE },
		{ STR("cached_creation_tokens"), &n->written,
		    USAGE_CACHE_WRITE },
		{ STR("audio_tokens"), audio, USAGE_DETAIL },
	};

	take_object(json, rows, COUNT(rows), t);
}

static bool
is_input_details(const struct member *m)
{
	return member_is(m, STR("input_tokens_details")) ||
	    member_is(m, STR("prompt_tokens_details"));
}

static bool
is_output_details(const struct member *m)
{
	return member_is(m, STR("output_tokens_details")) ||
	    member_is(m, STR("completion_tokens_details"));
}

static int64_t
lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void
usage_from_openai(struct usage *u, struct str json)
{
	struct openai_counts n = { 0 };
	struct telling t = { 0 };
	const struct count_row rows[] = {
		{ STR("input_tokens"), &n.input, USAGE_INPUT },
		{ STR("prompt_tokens"), &n.input, USAGE_INPUT },
		{ STR("output_tokens"), &n.output, USAGE_OUTPUT },
		{ STR("completion_tokens"), &n.output, USAGE_OUTPUT },
		{ STR("total_tokens"), &n.total, 0 },
		{ STR("cached_tokens"), &n.cached, USAGE_CACHE_READ },
		{ STR("prompt_cache_hit_tokens"), &n.cached, USAGE_CACHE_READ },
		{ STR("cache_creation_tokens"), &n.written_beside,
		    USAGE_CACHE_WRITE },
		{ STR("cache_creation_input_tokens"), &n.written_beside,
		    USAGE_CACHE_WRITE },
	};
	struct cursor c;
	struct member m;

	cursor_init(&c, json);
	while (cursor_next(&c, &m)) {
		if (is_input_details(&m))
			read_openai_details(&n, m.value, &n.audio_input, &t);
		else if (is_output_details(&m))
			read_openai_details(&n, m.value, &n.audio_output, &t);
		else
			take_member(&m, rows, COUNT(rows), &t);
	}
	if (!n.input && !n.output) {
		u->doubt |= t.wrong;
		return;
	}
	/* Some count thinking beside the output; their total tells. */
	if (n.reasoning && n.total == n.input + n.output + n.reasoning)
		n.output = clamp(n.output + n.reasoning);
	if (n.cached > n.input)
		n.cached = n.input;
	u->input = clamp(n.input - n.cached - n.written);
	/* Named outside of the details, as Anthropic does, it is not part of
	 * the input either. */
	if (!n.written)
		n.written = n.written_beside;
	u->output = n.output;
	u->cache_read = n.cached;
	u->cache_write_5m = n.written;
	u->cache_write_1h = 0;
	u->reasoning = n.reasoning;
	u->audio_input = lesser(n.audio_input, u->input);
	u->audio_output = lesser(n.audio_output, u->output);
	u->doubt = doubt_of(u, &t);
	u->known = true;
}

/* --- Gemini ---------------------------------------------------------------- */

/* [{"modality":"AUDIO","tokenCount":7}]: how much of a count was of that. */
static int64_t
modality(struct str list, struct str of, struct telling *t)
{
	struct cursor c;
	struct member m;
	int64_t sum = 0;

	cursor_init(&c, list);
	while (cursor_next(&c, &m)) {
		int64_t n = 0;

		if (!str_eq(raw_text(cursor_find(m.value, STR("modality"))),
			of))
			continue;
		take_count(cursor_find(m.value, STR("tokenCount")), &n,
		    USAGE_DETAIL, t);
		sum = clamp(sum + n);
	}
	return sum;
}

void
usage_from_gemini(struct usage *u, struct str json)
{
	int64_t prompt = 0, cached = 0, candidates = 0, thoughts = 0, tools = 0;
	struct telling t = { 0 };
	const struct count_row rows[] = {
		{ STR("promptTokenCount"), &prompt, USAGE_INPUT },
		{ STR("cachedContentTokenCount"), &cached, USAGE_CACHE_READ },
		{ STR("candidatesTokenCount"), &candidates, USAGE_OUTPUT },
		{ STR("thoughtsTokenCount"), &thoughts, USAGE_OUTPUT },
		{ STR("toolUsePromptTokenCount"), &tools, USAGE_INPUT },
	};
	struct str written;

	take_object(json, rows, COUNT(rows), &t);
	if (!prompt && !candidates && !thoughts && !tools) {
		u->doubt |= t.wrong;
		return;
	}
	if (cached > prompt)
		cached = prompt;
	written = cursor_find(json, STR("candidatesTokensDetails"));
	*u = (struct usage){
		.input = clamp(prompt - cached + tools),
		.output = clamp(candidates + thoughts),
		.cache_read = cached,
		.reasoning = thoughts,
		.audio_input =
		    modality(cursor_find(json, STR("promptTokensDetails")),
			STR("AUDIO"), &t),
		.audio_output = modality(written, STR("AUDIO"), &t),
		.image_output = modality(written, STR("IMAGE"), &t),
		.tier = u->tier,
		.known = true,
	};
	u->audio_input = lesser(u->audio_input, u->input);
	u->audio_output = lesser(u->audio_output, u->output);
	u->image_output = lesser(u->image_output, u->output - u->audio_output);
	u->doubt = doubt_of(u, &t);
}

/* --- sums ------------------------------------------------------------------ */

static int64_t
add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

int64_t
usage_read(const struct usage *u)
{
	return add(add(u->input, u->cache_read),
	    add(u->cache_write_5m, u->cache_write_1h));
}

int64_t
usage_total(const struct usage *u)
{
	return add(usage_read(u), u->output);
}
