/* SPDX-License-Identifier: MIT */
/* bedrock_answer.c - what Bedrock answers, as Anthropic would have said it
 * (protocols/bedrock.md 7, 8). */
#include <string.h>

#include "proto/cursor.h"
#include "proto/dialect.h"
#include "proto/enc.h"
#include "proto/eventstream.h"
#include "proto/json.h"
#include "proto/mem.h"

#include "relayd/bedrock.h"
#include "relayd/rename.h"

#define METRICS "amazon-bedrock-invocationMetrics"

/* --- errors --------------------------------------------------------------------- */

/* The exceptions and what Anthropic says instead. */
static const struct meaning {
	const char *exception;
	unsigned status;
	const char *type;
} meanings[] = {
	{ "validationexception", 400, "invalid_request_error" },
	{ "servicequotaexceededexception", 429, "rate_limit_error" },
	{ "throttlingexception", 429, "rate_limit_error" },
	{ "accessdeniedexception", 403, "permission_error" },
	{ "unrecognizedclientexception", 401, "authentication_error" },
	{ "invalidsignatureexception", 401, "authentication_error" },
	{ "expiredtokenexception", 401, "authentication_error" },
	{ "incompletesignature", 401, "authentication_error" },
	{ "resourcenotfoundexception", 404, "not_found_error" },
	{ "modeltimeoutexception", 504, "timeout_error" },
	{ "modelnotreadyexception", 529, "overloaded_error" },
	{ "serviceunavailableexception", 529, "overloaded_error" },
	{ "modelerrorexception", 502, "api_error" },
	{ "modelstreamerrorexception", 502, "api_error" },
	{ "internalserverexception", 500, "api_error" },
};

/* NULL: unknown. */
static const struct meaning *
meaning_of(struct str exception)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (str_ieq(exception, str_of(meanings[i].exception)))
			return &meanings[i];
	return NULL;
}

/* The text of {"message":...}, of which there are two spellings. */
static struct str
message_of(struct str json)
{
	struct str text = cursor_find(json, STR("message"));

	if (!text.len)
		text = cursor_find(json, STR("Message"));
	return text.len && text.at[0] == '"' ? text : STR("\"\"");
}

static enum err
put_error(const char *type, struct str json_text, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "type", STR("error"));
	json_put_key(&j, "error");
	json_open(&j, '{');
	json_say(&j, "type", str_of(type));
	json_put_key(&j, "message");
	json_put_raw(&j, json_text);
	json_close(&j, '}');
	json_close(&j, '}');
	return json_end(&j);
}

/* "ValidationException:http://..." or "com.amazon.coral#ValidationException". */
static struct str
exception_of(const struct http1_head *answer, struct str body)
{
	const struct header *h = http1_find(answer, STR("x-amzn-errortype"));
	struct str said =
	    h ? h->value : raw_text(cursor_find(body, STR("__type")));
	struct str name = str_cut(&said, ':');
	ptrdiff_t at = str_chr(name, '#');

	return str_trim(at < 0 ? name : str_skip(name, (size_t)at + 1));
}

static const char *
type_of_status(unsigned status)
{
	switch (status) {
	case 401:
		return "authentication_error";
	case 403:
		return "permission_error";
	case 404:
		return "not_found_error";
	case 413:
		return "request_too_large";
	case 429:
		return "rate_limit_error";
	default:
		return status < 500 ? "invalid_request_error" : "api_error";
	}
}

unsigned
bedrock_refusal(const struct http1_head *answer, struct str body,
    struct buf *out)
{
	const struct meaning *m = meaning_of(exception_of(answer, body));
	unsigned status = answer->status;

	/* The status decides between a credential that is wrong and one that
	 * may not. */
	if (m && !(m->status == 403 && status == 401))
		status = m->status;
	if (put_error(m ? m->type : type_of_status(status), message_of(body),
		out))
		buf_clear(out);
	return status;
}

/* --- the model's name ------------------------------------------------------------ */

/* Append json with the string `value`, a part of it, made the model's name. */
static enum err
put_renamed(const struct reshape *base, struct str json, struct str value,
    struct buf *out)
{
	struct str id = raw_text(value), name = bedrock_model_name(id);
	struct splice s = { .with = name };

	if (base->model.len)
		return rename_model(json, base->model, out);
	if (!id.len || name.len == id.len)
		return buf_add(out, json);
	s.from = (size_t)(id.at - json.at);
	s.to = s.from + id.len;
	return splice_apply(json, &s, 1, out);
}

/* --- a stream ------------------------------------------------------------------------ */

struct events {
	struct reshape base;
	struct eventstream stream;
	struct buf json;
	bool began, knows_input;
};

/* A member of the metrics as a member of the usage. */
static enum err
put_count(struct str metrics, struct str from, const char *to, bool *io_first,
    struct buf *out)
{
	struct str value = cursor_find(metrics, from);
	enum err e;

	/* As it is: whoever reads it judges what is no count. */
	if (!value.len)
		return OK;
	e = buf_addf(out, "%s\"%s\":%.*s", *io_first ? "" : ",", to,
	    STR_ARG(value));
	*io_first = false;
	return e;
}

/* The metrics of the end count when the beginning had no usage. */
static enum err
put_metrics(struct str metrics, struct buf *out)
{
	bool first = true;
	enum err e;

	e = buf_add(out, STR(",\"usage\":{"));
	if (!e)
		e = put_count(metrics, STR("inputTokenCount"), "input_tokens",
		    &first, out);
	if (!e)
		e = put_count(metrics, STR("outputTokenCount"), "output_tokens",
		    &first, out);
	if (!e)
		e = put_count(metrics, STR("cacheReadInputTokenCount"),
		    "cache_read_input_tokens", &first, out);
	if (!e)
		e = put_count(metrics, STR("cacheWriteInputTokenCount"),
		    "cache_creation_input_tokens", &first, out);
	return e ? e : buf_addc(out, '}');
}

/* An object without the metrics, which speak of the upstream. */
static enum err
put_event_json(struct events *s, struct str json, struct buf *out)
{
	struct str metrics = cursor_find(json, STR(METRICS)), usage;
	struct str message = cursor_find(json, STR("message"));
	struct cursor c;
	struct member m;
	enum err e;

	if (raw_is_object(message)) {
		usage = cursor_find(message, STR("usage"));
		s->knows_input =
		    cursor_find(usage, STR("input_tokens")).len > 0;
		return put_renamed(&s->base, json,
		    cursor_find(message, STR("model")), out);
	}
	if (!metrics.len)
		return buf_add(out, json);
	e = buf_add(out, STR("{\"type\":"));
	if (!e)
		e = buf_add(out, cursor_find(json, STR("type")));
	cursor_init(&c, json);
	while (!e && cursor_next(&c, &m)) {
		if (member_is(&m, STR(METRICS)) || member_is(&m, STR("type")))
			continue;
		e = buf_addf(out, ",\"%.*s\":", STR_ARG(m.key));
		if (!e)
			e = buf_add(out, m.value);
	}
	if (!e && !s->knows_input && !cursor_find(json, STR("usage")).len)
		e = put_metrics(metrics, out);
	return e ? e : buf_addc(out, '}');
}

static enum err
put_event(struct events *s, struct str json, struct buf *out)
{
	struct str type = raw_text(cursor_find(json, STR("type")));
	size_t from;
	enum err e;

	/* Anthropic's own library drops what says no type. */
	if (!type.len)
		return OK;
	e = buf_addf(out, "event: %.*s\ndata: ", STR_ARG(type));
	from = out->end;
	if (!e)
		e = put_event_json(s, json, out);
	/* White space between members must not end the line. */
	for (size_t i = from; !e && i < out->end; i++)
		if (out->mem[i] == '\n' || out->mem[i] == '\r')
			out->mem[i] = ' ';
	return e ? e : buf_add(out, STR("\n\n"));
}

static enum err
put_chunk(struct events *s, struct str payload, struct buf *out)
{
	struct str bytes = raw_text(cursor_find(payload, STR("bytes")));
	enum err e;

	buf_clear(&s->json);
	e = enc_unbase64(&s->json, bytes, ENC_BASE64);
	return e ? e : put_event(s, buf_str(&s->json), out);
}

static enum err
put_exception(const char *type, struct str json_text, struct buf *out)
{
	enum err e = buf_add(out, STR("event: error\ndata: "));

	if (!e)
		e = put_error(type, json_text, out);
	return e ? e : buf_add(out, STR("\n\n"));
}

/* An error frame says its text in a header. */
static enum err
put_error_frame(const struct eventstream_message *m, struct buf *out)
{
	struct json_out j;
	struct buf text;
	enum err e;

	buf_init(&text, 4096);
	json_begin(&j, &text);
	json_open(&j, '[');
	json_put_string(&j, str_first(m->error_message, 512));
	json_close(&j, ']');
	e = json_end(&j);
	if (!e)
		e = put_exception("api_error",
		    str_at(buf_str(&text).at + 1, buf_len(&text) - 2), out);
	buf_fini(&text);
	return e;
}

static enum err
put_message(struct events *s, const struct eventstream_message *m,
    struct buf *out)
{
	const struct meaning *means;

	if (str_eq(m->type, STR("event")))
		return str_eq(m->event_type, STR("chunk"))
		    ? put_chunk(s, m->payload, out)
		    : OK;
	if (str_eq(m->type, STR("exception"))) {
		means = meaning_of(m->exception_type);
		return put_exception(means ? means->type : "api_error",
		    message_of(m->payload), out);
	}
	if (str_eq(m->type, STR("error")))
		return put_error_frame(m, out);
	return OK;
}

static enum err
events_feed(struct reshape *base, struct str piece, struct buf *out,
    struct why *out_why)
{
	struct events *s = (struct events *)base;
	struct eventstream_message m;
	size_t used;
	enum err e;

	if (!s->began) {
		eventstream_init(&s->stream);
		buf_init(&s->json, EVENTSTREAM_FRAME_MAX);
		s->began = true;
	}
	while (!(e = eventstream_feed(&s->stream, piece, &used, &m))) {
		e = put_message(s, &m, out);
		if (e)
			break;
		piece = str_skip(piece, used);
	}
	if (e == ERR_AGAIN)
		return OK;
	return why_set(out_why, e, "", "the event stream is damaged");
}

static enum err
events_end(struct reshape *base, struct buf *out, struct why *out_why)
{
	struct events *s = (struct events *)base;

	(void)out;
	if (!s->began || eventstream_between(&s->stream))
		return OK;
	return why_set(out_why, ERR_SYNTAX, "",
	    "the event stream ended inside a message");
}

static void
events_fini(struct reshape *base)
{
	struct events *s = (struct events *)base;

	if (!s->began)
		return;
	eventstream_fini(&s->stream);
	buf_fini(&s->json);
}

const struct reshape_ops bedrock_events = {
	.content_type = "text/event-stream",
	.size = sizeof(struct events),
	.feed = events_feed,
	.end = events_end,
	.fini = events_fini,
};

/* --- a whole answer ---------------------------------------------------------------------- */

static enum err
message_end(struct reshape *base, struct buf *out, struct why *out_why)
{
	struct str body = buf_str(&((struct reshape_whole *)base)->body);

	(void)out_why;
	return put_renamed(base, body, cursor_find(body, STR("model")), out);
}

static enum err
count_end(struct reshape *base, struct buf *out, struct why *out_why)
{
	struct str body = buf_str(&((struct reshape_whole *)base)->body);
	int64_t n;

	if (raw_count(cursor_find(body, STR("inputTokens")), &n))
		return why_set(out_why, ERR_SYNTAX, "",
		    "the count of tokens is none");
	return buf_addf(out, "{\"input_tokens\":%lld}", (long long)n);
}

const struct reshape_ops bedrock_message = {
	.content_type = "application/json",
	.size = sizeof(struct reshape_whole),
	.feed = reshape_whole_feed,
	.end = message_end,
	.fini = reshape_whole_fini,
};

const struct reshape_ops bedrock_count = {
	.content_type = "application/json",
	.size = sizeof(struct reshape_whole),
	.feed = reshape_whole_feed,
	.end = count_end,
	.fini = reshape_whole_fini,
};
