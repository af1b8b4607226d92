/* SPDX-License-Identifier: MIT */
/* gemini.c - Google's generateContent in all its forms: whole, as events, as
 * a streamed array, plain or in the wrapping of Code Assist. */
#include <inttypes.h>
#include <string.h>

#include "tests/upstream/ask.h"
#include "tests/upstream/json.h"

static void
add_usage(struct buf *b, const struct tokens *t)
{
	buf_mustf(b,
	    "{\"promptTokenCount\":%" PRId64
	    ",\"cachedContentTokenCount\":%" PRId64
	    ",\"candidatesTokenCount\":%" PRId64
	    ",\"thoughtsTokenCount\":%" PRId64 ",\"totalTokenCount\":%" PRId64
	    "}",
	    t->in, t->cache_read, t->out, t->reasoning,
	    t->in + t->out + t->reasoning);
}

/* One response object.  `part` is JSON; the last one says why it ended. */
static void
add_response(struct buf *b, const struct ask *q, struct str part, bool last)
{
	if (q->wrapped)
		buf_must(b, STR("{\"response\":"));
	buf_must(b,
	    STR("{\"candidates\":[{\"content\":{\"role\":\"model\","
		"\"parts\":["));
	buf_must(b, part);
	buf_must(b, STR("]}"));
	if (last)
		buf_must(b, STR(",\"finishReason\":\"STOP\""));
	buf_must(b, STR(",\"index\":0}],\"usageMetadata\":"));
	if (last)
		add_usage(b, &q->tokens);
	else
		buf_mustf(b,
		    "{\"promptTokenCount\":%" PRId64
		    ",\"totalTokenCount\":%" PRId64 "}",
		    q->tokens.in, q->tokens.in);
	buf_must(b, STR(",\"modelVersion\":"));
	json_add_c(b, q->model);
	buf_mustf(b, ",\"responseId\":\"practice-%012" PRIu64 "\"}", q->seq);
	if (q->wrapped)
		buf_mustf(b, ",\"traceId\":\"practice%012" PRIu64 "\"}",
		    q->seq);
}

static void
part_text(struct buf *part, struct str text)
{
	buf_clear(part);
	buf_must(part, STR("{\"text\":"));
	json_add(part, text);
	buf_must(part, STR("}"));
}

static void
part_thought(struct buf *part)
{
	buf_clear(part);
	buf_must(part,
	    STR("{\"thought\":true,\"text\":\"**Practice** thinks.\"}"));
}

static void
part_call(struct buf *part, const struct ask *q)
{
	buf_clear(part);
	buf_must(part, STR("{\"functionCall\":{\"name\":"));
	json_add_c(part, q->script->tool);
	buf_mustf(part, ",\"args\":%s},\"thoughtSignature\":\"cHJhY3RpY2U=\"}",
	    q->tool_input);
}

/* A stream is a row of events, or one array over many pieces. */
struct stream {
	const struct ask *q;
	struct answer *a;
	bool sse, begun;
};

static void
stream_add(struct stream *s, struct str part, bool last, int64_t wait_ms)
{
	struct buf *b = &s->a->body;

	if (s->sse)
		buf_must(b, STR("data: "));
	else
		buf_must(b, s->begun ? STR(",\r\n") : STR("["));
	add_response(b, s->q, part, last);
	if (s->sse)
		buf_must(b, STR("\r\n\r\n"));
	s->begun = true;
	answer_piece(s->a, wait_ms);
}

static void
stream_error(struct stream *s)
{
	const char *message = s->q->script->message;
	struct buf *b = &s->a->body;

	if (s->sse)
		buf_must(b, STR("data: "));
	else
		buf_must(b, s->begun ? STR(",\r\n") : STR("["));
	buf_must(b, STR("{\"error\":{\"code\":503,\"message\":"));
	json_add_c(b, message ? message : "The model is overloaded.");
	buf_must(b, STR(",\"status\":"));
	json_add_c(b, s->q->script->errorevent);
	buf_must(b, STR("}}"));
	buf_must(b, s->sse ? STR("\r\n\r\n") : STR("]"));
	answer_piece(s->a, s->q->interval_ms);
}

/* Returns false when the error event ended it. */
static bool
stream_text(struct stream *s, struct buf *part)
{
	const struct ask *q = s->q;
	bool last;

	for (size_t i = 0; i <= q->deltas; i++) {
		if (error_is_due(q, i)) {
			stream_error(s);
			return false;
		}
		if (i == q->deltas)
			break;
		part_text(part, ask_delta(q, i));
		last = i + 1 == q->deltas && !q->script->errorevent &&
		    ending_is_due(q, ENDING_TERMINAL);
		stream_add(s, buf_str(part), last, q->interval_ms);
	}
	return true;
}

/* Code Assist takes the envelope, whole, and nothing in its place. */
static bool
refuse_envelope(const struct ask *q, struct answer *a)
{
	const char *project = json_string(q->root, "project");

	if (!q->wrapped ||
	    (q->inner != q->root && json_string(q->root, "model") && project &&
		!strncmp(project, "practice-project-", 17)))
		return false;
	a->status = 400;
	answer_header(a, "content-type: application/json; charset=UTF-8");
	buf_must(&a->body,
	    STR("{\"error\":{\"code\":400,\"message\":\"This is no envelope "
		"of a project here.\",\"status\":\"INVALID_ARGUMENT\"}}"));
	return true;
}

void
gemini_stream(const struct ask *q, struct answer *a)
{
	struct stream s = { .q = q, .a = a };
	struct buf part;

	if (refuse_envelope(q, a))
		return;
	s.sse = str_eq(http_query(q->req, STR("alt")), STR("sse"));
	a->stream = true;
	answer_header(a, "content-type: %s",
	    s.sse ? "text/event-stream" : "application/json; charset=UTF-8");
	if (error_is_due(q, 0)) {
		stream_error(&s);
		return;
	}
	buf_init(&part, (size_t)1 << 30);
	if (script_num(q->script->thinking, 0)) {
		part_thought(&part);
		stream_add(&s, buf_str(&part), false, q->interval_ms);
	}
	if (q->call_tool) {
		part_call(&part, q);
		stream_add(&s, buf_str(&part),
		    ending_is_due(q, ENDING_TERMINAL), q->interval_ms);
	} else if (!stream_text(&s, &part)) {
		buf_fini(&part);
		return;
	}
	if (!s.sse && ending_is_due(q, ENDING_USUAL))
		buf_must(&a->body, STR("]"));
	answer_piece(a, 0);
	buf_fini(&part);
}

void
gemini_generate(const struct ask *q, struct answer *a)
{
	struct buf part;

	if (refuse_envelope(q, a))
		return;
	buf_init(&part, (size_t)1 << 30);
	if (q->call_tool)
		part_call(&part, q);
	else
		part_text(&part, str_of(q->text));
	answer_header(a, "content-type: application/json; charset=UTF-8");
	add_response(&a->body, q, buf_str(&part), true);
	buf_fini(&part);
}

void
gemini_count(const struct ask *q, struct answer *a)
{
	answer_header(a, "content-type: application/json; charset=UTF-8");
	buf_mustf(&a->body, "{\"totalTokens\":%" PRId64 "}", q->tokens.in);
}
