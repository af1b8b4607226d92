/* SPDX-License-Identifier: MIT */
/* bedrock.c - AWS Bedrock: the events of Anthropic's stream, each in one
 * binary message.
 *
 *	| total | headers | crc of 8 | headers ... | payload ... | crc of all |
 *	0       4         8          12                            total - 4 */
#include <inttypes.h>
#include <stdlib.h>

#include <sodium.h>
#include <zlib.h>

#include "proto/mem.h"

#include "tests/upstream/ask.h"
#include "tests/upstream/json.h"

static void
add_u32(struct buf *b, size_t n)
{
	const unsigned char bytes[4] = { (unsigned char)(n >> 24),
		(unsigned char)(n >> 16), (unsigned char)(n >> 8),
		(unsigned char)n };

	buf_must(b, str_at((const char *)bytes, sizeof(bytes)));
}

static size_t
crc_of(struct str s)
{
	return crc32(0, (const Bytef *)s.at, (uInt)s.len);
}

/* All headers are strings: type 7. */
static void
add_field(struct buf *b, const char *name, const char *value)
{
	size_t len = strlen(value);

	buf_must(b, str_at((const char[]){ (char)strlen(name) }, 1));
	buf_must(b, str_of(name));
	buf_must(b,
	    str_at((const char[]){ 7, (char)(len >> 8), (char)len }, 3));
	buf_must(b, str_of(value));
}

static void
add_frame(struct buf *out, struct str headers, struct str payload)
{
	struct buf frame;

	buf_init(&frame, (size_t)1 << 30);
	add_u32(&frame, headers.len + payload.len + 16);
	add_u32(&frame, headers.len);
	add_u32(&frame, crc_of(buf_str(&frame)));
	buf_must(&frame, headers);
	buf_must(&frame, payload);
	add_u32(&frame, crc_of(buf_str(&frame)));
	buf_must(out, buf_str(&frame));
	buf_fini(&frame);
}

static void
add_chunk(struct buf *out, struct str json)
{
	size_t size =
	    sodium_base64_encoded_len(json.len, sodium_base64_VARIANT_ORIGINAL);
	char *base64 = xmalloc(size);
	struct buf headers, payload;

	buf_init(&headers, 1024);
	buf_init(&payload, (size_t)1 << 30);
	add_field(&headers, ":event-type", "chunk");
	add_field(&headers, ":content-type", "application/json");
	add_field(&headers, ":message-type", "event");
	sodium_bin2base64(base64, size, (const unsigned char *)json.at,
	    json.len, sodium_base64_VARIANT_ORIGINAL);
	buf_mustf(&payload, "{\"bytes\":\"%s\",\"p\":\"abcdefgh\"}", base64);
	add_frame(out, buf_str(&headers), buf_str(&payload));
	buf_fini(&headers);
	buf_fini(&payload);
	free(base64);
}

static void
add_exception(struct buf *out, const struct ask *q)
{
	const char *message = q->script->message;
	struct buf headers, payload;

	buf_init(&headers, 4096);
	buf_init(&payload, (size_t)1 << 20);
	add_field(&headers, ":exception-type", q->script->errorevent);
	add_field(&headers, ":content-type", "application/json");
	add_field(&headers, ":message-type", "exception");
	buf_must(&payload, STR("{\"message\":"));
	json_add_c(&payload, message ? message : "practice error");
	buf_must(&payload, STR("}"));
	add_frame(out, buf_str(&headers), buf_str(&payload));
	buf_fini(&headers);
	buf_fini(&payload);
}

static void
add_metrics(struct buf *out, const struct tokens *t)
{
	struct buf json;

	buf_init(&json, 4096);
	buf_mustf(&json,
	    "{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":"
	    "{\"inputTokenCount\":%" PRId64 ",\"outputTokenCount\":%" PRId64
	    ",\"invocationLatency\":812,\"firstByteLatency\":377,"
	    "\"cacheReadInputTokenCount\":%" PRId64
	    ",\"cacheWriteInputTokenCount\":%" PRId64 "}}",
	    t->in, t->out, t->cache_read, t->cache_5m + t->cache_1h);
	add_chunk(out, buf_str(&json));
	buf_fini(&json);
}

/* One event of the Anthropic stream.  Bedrock sends no pings. */
static void
add_event(struct answer *out, const struct ask *q, struct str event,
    int64_t wait_ms)
{
	struct str rest = event, line, name;

	name = str_skip(str_cut(&rest, '\n'), strlen("event: "));
	line = str_skip(str_cut(&rest, '\n'), strlen("data: "));
	if (str_eq(name, STR("ping")))
		return;
	if (str_eq(name, STR("error")))
		add_exception(&out->body, q);
	else if (str_eq(name, STR("message_stop")))
		add_metrics(&out->body, &q->tokens);
	else
		add_chunk(&out->body, line);
	answer_piece(out, wait_ms);
}

void
bedrock_stream(const struct ask *q, struct answer *out)
{
	struct ask streamed = *q;
	struct answer events;
	size_t from = 0, end;

	streamed.stream = true;
	out->stream = true;
	answer_header(out, "content-type: application/vnd.amazon.eventstream");
	answer_header(out, "x-amzn-bedrock-content-type: application/json");
	answer_init(&events);
	anthropic_message(&streamed, &events);
	for (size_t i = 0; i < events.pieces.used; i++) {
		end = events.pieces.at[i].end;
		add_event(out, q,
		    str_at(buf_str(&events.body).at + from, end - from),
		    events.pieces.at[i].wait_ms);
		from = end;
	}
	answer_fini(&events);
}

void
bedrock_invoke(const struct ask *q, struct answer *out)
{
	struct ask whole = *q;

	whole.stream = false;
	answer_header(out, "x-amzn-bedrock-input-token-count: %" PRId64,
	    q->tokens.in);
	answer_header(out, "x-amzn-bedrock-output-token-count: %" PRId64,
	    q->tokens.out);
	anthropic_message(&whole, out);
}

void
bedrock_count(const struct ask *q, struct answer *out)
{
	answer_header(out, "content-type: application/json");
	buf_mustf(&out->body, "{\"inputTokens\":%" PRId64 "}", q->tokens.in);
}
