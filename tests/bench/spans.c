/* SPDX-License-Identifier: MIT */
/* spans.c - how fast the span scanner runs over what really passes by. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/buf.h"
#include "proto/dialect.h"
#include "proto/quoted.h"

#define MIB	  (1024 * 1024)
#define BUDGET_NS INT64_C(400000000)
/* As it arrives from a socket. */
#define PIECE ((size_t)64 * 1024)

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void
add_head(struct buf *b)
{
	buf_must(b,
	    STR("{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":32000,"
		"\"stream\":true,\"messages\":[{\"role\":\"user\","
		"\"content\":\""));
}

/* Source code in JSON: a quote, a line end or a tab every dozen bytes. */
static void
make_code(struct buf *b)
{
	add_head(b);
	while (buf_len(b) < 10 * MIB)
		buf_must(b,
		    STR("#include \\\"buf.h\\\"\\n\\tif (!s->open)\\n\\t\\t"
			"printf(\\\"%s\\\\n\\\", s->name);\\n\\u2014 \\n"));
	buf_must(b, STR("\"}]}"));
}

static void
make_picture(struct buf *b)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
				     "pqrstuvwxyz0123456789+/";
	uint32_t seed = 1;
	char line[1024];

	add_head(b);
	while (buf_len(b) < 50 * MIB) {
		for (size_t i = 0; i < sizeof(line); i++) {
			seed = seed * 1664525 + 1013904223;
			line[i] = digits[seed >> 26];
		}
		buf_must(b, str_at(line, sizeof(line)));
	}
	buf_must(b, STR("\"}]}"));
}

/* Tools with schemas, a long system prompt, turns with tool results. */
static void
make_claude_code(struct buf *b)
{
	buf_must(b,
	    STR("{\"model\":\"claude-opus-4-5\",\"max_tokens\":32000,"
		"\"stream\":true,\"metadata\":{\"user_id\":"
		"\"{\\\"device_id\\\":\\\"d\\\",\\\"session_id\\\":"
		"\\\"s\\\"}\"},\"system\":[{\"type\":\"text\",\"text\":\""));
	for (int i = 0; i < 150; i++)
		buf_must(b,
		    STR("- Prefer editing the file to writing another; say "
			"\\\"why\\\" in one sentence, not what.\\n"));
	buf_must(b, STR("\"}],\"tools\":[{}"));
	for (int i = 0; i < 60; i++)
		buf_mustf(b,
		    ",{\"name\":\"Tool%d\",\"description\":\"Reads a file "
		    "from the local filesystem.\\n\\nUsage:\\n- The path must "
		    "be absolute\",\"input_schema\":{\"type\":\"object\","
		    "\"properties\":{\"file_path\":{\"type\":\"string\","
		    "\"description\":\"The absolute path\"},\"offset\":{"
		    "\"type\":\"integer\",\"minimum\":0}},\"required\":["
		    "\"file_path\"],\"additionalProperties\":false}}",
		    i);
	buf_must(b,
	    STR("],\"messages\":[{\"role\":\"user\","
		"\"content\":\"go\"}"));
	while (buf_len(b) < 100 * 1024)
		buf_must(b,
		    STR(",{\"role\":\"assistant\",\"content\":[{\"type\":"
			"\"tool_use\",\"id\":\"toolu_01\",\"name\":\"Read\","
			"\"input\":{\"file_path\":\"/src/a.c\"}}]},{\"role\":"
			"\"user\",\"content\":[{\"type\":\"tool_result\","
			"\"tool_use_id\":\"toolu_01\",\"content\":\"     1\\t"
			"/* a.c - the first */\\n     2\\t#include <stdio.h>"
			"\\n     3\\t\\n     4\\tint main(void)\\n     5\\t{"
			"\\n     6\\t\\tputs(\\\"hello\\\");\\n     7\\t}\\n"
			"\",\"cache_control\":{\"type\":\"ephemeral\"}}]}"));
	buf_must(b, STR("]}"));
}

static void
scan(struct str text)
{
	const struct dialect *d = &dialect_anthropic;
	struct why why = { .text = "" };
	struct scan s;
	enum err e = OK;

	scan_init(&s, d->wants, WANT_COUNT);
	while (text.len && !e) {
		e = scan_feed(&s, str_first(text, PIECE), &why);
		text = str_skip(text, PIECE);
	}
	if (!e)
		e = scan_end(&s, &why);
	if (e || s.found[WANT_MODEL].type != SPAN_STRING) {
		fprintf(stderr, "spans: %s\n", why.text);
		exit(1);
	}
}

static void
measure(const char *what, void (*make)(struct buf *b))
{
	struct buf b;
	int64_t from, best = INT64_MAX, begin;

	buf_init(&b, 64 * MIB);
	make(&b);
	begin = now_ns();
	while (now_ns() - begin < BUDGET_NS) {
		int64_t took;

		from = now_ns();
		scan(buf_str(&b));
		took = now_ns() - from;
		if (took < best)
			best = took;
	}
	printf("%-28s %9zu bytes  %7.3f ms  %6.2f GB/s\n", what, buf_len(&b),
	    (double)best / 1e6, (double)buf_len(&b) / (double)best);
	buf_fini(&b);
}

/* The same without the machine of span.c, by each way of this machine. */
static void
measure_ways(void)
{
	struct buf b;

	buf_init(&b, 64 * MIB);
	make_code(&b);
	for (unsigned way = 0;; way++) {
		struct str text = buf_str(&b);
		struct str inside =
		    str_skip(text, (size_t)str_find(text, STR("#include")));
		int64_t from, took, best = INT64_MAX, begin = now_ns();
		enum quoted verdict;
		size_t used = 0;
		bool able = true;

		while (able && now_ns() - begin < BUDGET_NS / 4) {
			unsigned step = QUOTED_PLAIN;

			from = now_ns();
			able =
			    quoted_skip_by(way, inside, &step, &used, &verdict);
			took = now_ns() - from;
			if (took < best)
				best = took;
		}
		if (!able)
			break;
		printf("  one string, way %u          %9zu bytes  %20.2f "
		       "GB/s\n",
		    way, used, (double)used / (double)best);
	}
	buf_fini(&b);
}

/* What listening to one piece of text of a stream costs. */
static void
measure_event(const struct dialect *d, struct str name, struct str data)
{
	const struct sse_event event = { .name = name, .data = data };
	struct watch w = { .began = false };
	int64_t begin = now_ns(), took;
	long rounds = 0;

	do {
		for (int i = 0; i < 1000; i++)
			d->watch(&w, &event);
		rounds += 1000;
		took = now_ns() - begin;
	} while (took < BUDGET_NS / 4);
	printf("  event of %-18s %9zu bytes  %16.0f ns each\n", d->name,
	    data.len, (double)took / (double)rounds);
	if (!w.content)
		exit(1);
}

static void
measure_events(void)
{
	measure_event(&dialect_anthropic, STR("content_block_delta"),
	    STR("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
		"\"type\":\"text_delta\",\"text\":\" a few words\"}}"));
	measure_event(&dialect_openai_chat, STR(""),
	    STR("{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\","
		"\"created\":1767225600,\"model\":\"gpt-x\",\"choices\":[{"
		"\"index\":0,\"delta\":{\"content\":\" a few words\"},"
		"\"finish_reason\":null}],\"usage\":null}"));
	measure_event(&dialect_openai_responses,
	    STR("response.output_text.delta"),
	    STR("{\"type\":\"response.output_text.delta\","
		"\"sequence_number\":9,\"item_id\":\"msg_1\","
		"\"output_index\":0,\"content_index\":0,\"delta\":"
		"\" a few words\",\"logprobs\":[]}"));
	measure_event(&dialect_gemini, STR(""),
	    STR("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
		"\" a few words\"}],\"role\":\"model\"},\"index\":0}],"
		"\"usageMetadata\":{\"promptTokenCount\":10,"
		"\"totalTokenCount\":10},\"modelVersion\":\"gemini-x\"}"));
}

int
main(void)
{
	measure("text full of escapes", make_code);
	measure("base64", make_picture);
	measure("a body of Claude Code", make_claude_code);
	measure_ways();
	measure_events();
	return 0;
}
