/* SPDX-License-Identifier: MIT */
/* fuzz_dialects.c - hostile answers: as a stream cut in pieces, as a body.
 *
 * The first byte chooses the dialect, the second the size of the pieces. */
#include <assert.h>

#include "proto/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static unsigned
listen(const struct dialect *d, struct str text, size_t piece,
    struct watch *out)
{
	struct watch w = { .began = false };
	struct sse sse;
	unsigned seen = 0;

	sse_init(&sse);
	while (text.len) {
		struct str bytes = str_first(text, piece);
		struct sse_event event;
		size_t used;

		text = str_skip(text, piece);
		while (sse_feed(&sse, bytes, &used, &event) == OK) {
			seen |= d->watch(&w, &event);
			bytes = str_skip(bytes, used);
		}
	}
	sse_fini(&sse);
	*out = w;
	return seen;
}

static void
check_word(const char *word, size_t size)
{
	size_t n = strnlen(word, size);

	assert(n < size);
	for (size_t i = 0; i < n; i++)
		assert(word[i] >= ' ' && word[i] <= '~');
}

static void
check_count(int64_t n)
{
	assert(n >= 0 && n <= USAGE_COUNT_MAX);
}

static void
check_same(const struct usage *a, const struct usage *b)
{
	assert(a->input == b->input && a->output == b->output);
	assert(a->cache_read == b->cache_read);
	assert(a->cache_write_5m == b->cache_write_5m);
	assert(a->cache_write_1h == b->cache_write_1h);
	assert(a->reasoning == b->reasoning && a->known == b->known);
	assert(a->doubt == b->doubt);
}

static void
check(const struct watch *w)
{
	check_word(w->error_type, sizeof(w->error_type));
	check_word(w->model, sizeof(w->model));
	check_count(w->usage.input);
	check_count(w->usage.output);
	check_count(w->usage.cache_read);
	check_count(w->usage.cache_write_5m);
	check_count(w->usage.cache_write_1h);
	check_count(w->usage.reasoning);
	assert(usage_total(&w->usage) >= usage_read(&w->usage));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const struct dialect *const all[] = { &dialect_anthropic,
		&dialect_openai_chat, &dialect_openai_responses,
		&dialect_gemini };
	const struct dialect *d;
	struct watch whole, split, body = { .began = false };
	struct str text;
	unsigned seen;

	if (len < 2)
		return 0;
	d = all[bytes[0] % 4];
	text = str_at((const char *)bytes + 2, len - 2);
	seen = listen(d, text, text.len ? text.len : 1, &whole);
	assert(listen(d, text, 1 + (size_t)bytes[1], &split) == seen);
	check(&whole);
	check(&split);
	check_same(&whole.usage, &split.usage);
	assert(!strcmp(whole.error_type, split.error_type));
	assert(!strcmp(whole.model, split.model));
	assert(whole.delta_bytes == split.delta_bytes);
	assert(whole.content == split.content);
	assert(!(seen & WATCH_ERROR) == !whole.error);
	assert(!(seen & WATCH_CONTENT) == !whole.content);
	if (d->has_terminal)
		assert(!(seen & WATCH_TERMINAL) == !whole.terminal);
	d->watch_body(&body, text);
	check(&body);
	return 0;
}
