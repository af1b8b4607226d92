/* SPDX-License-Identifier: MIT */
/* common.c - what the dialects have in common. */
#include "proto/dialect/common.h"

#include "proto/json.h"

/* A boolean that may be absent or null. */
static enum err
peek_bool(const struct span *v, const char *field, bool *out,
    struct why *out_why)
{
	switch (v->type) {
	case SPAN_TRUE:
		*out = true;
		return OK;
	case SPAN_ABSENT:
	case SPAN_NULL:
	case SPAN_FALSE:
		*out = false;
		return OK;
	case SPAN_STRING:
	case SPAN_NUMBER:
	case SPAN_OBJECT:
	case SPAN_ARRAY:
		break;
	}
	return why_set(out_why, ERR_VALUE, field, "%s must be true or false",
	    field);
}

/* A count that may be absent or null, which leaves *out as it is. */
static enum err
peek_count(const struct span *v, struct str body, const char *field,
    int64_t *out, struct why *out_why)
{
	int64_t n;

	if (v->type == SPAN_ABSENT || v->type == SPAN_NULL)
		return OK;
	if (span_i64(body, v, &n) || n < 0)
		return why_set(out_why, ERR_VALUE, field,
		    "%s must be a whole number that is not negative", field);
	*out = n;
	return OK;
}

enum err
common_peek(const struct scan *s, struct str body, struct asked *out,
    struct why *out_why)
{
	const struct span *first = &s->found[WANT_MODEL];
	const struct span *model =
	    first->type != SPAN_ABSENT ? first : &s->found[WANT_MODEL_TOO];
	struct asked asked = { 0 };
	enum err e;

	if (model->type != SPAN_ABSENT &&
	    (model->type != SPAN_STRING || model->to - model->from == 2))
		return why_set(out_why, ERR_VALUE, "model",
		    "model must be a string that is not empty");
	asked.model_span = *model;
	e = peek_bool(&s->found[WANT_STREAM], "stream", &asked.stream, out_why);
	if (!e)
		e = peek_bool(&s->found[WANT_INCLUDE_USAGE],
		    "stream_options.include_usage", &asked.include_usage,
		    out_why);
	for (unsigned i = WANT_MAX_TOKENS; i <= WANT_MAX_TOKENS_TOO && !e; i++)
		e = peek_count(&s->found[i], body, s->wants[i].path,
		    &asked.max_tokens, out_why);
	if (!e)
		*out = asked;
	return e;
}

unsigned
common_error(struct watch *w, struct str word)
{
	w->error = true;
	raw_copy(word, w->error_type, sizeof(w->error_type));
	return WATCH_ERROR;
}

unsigned
common_openai_error(struct watch *w, struct str error)
{
	struct str word = cursor_find(error, STR("code"));

	if (!raw_text(word).len)
		word = cursor_find(error, STR("type"));
	return common_error(w, word);
}

void
common_delta(struct watch *w, struct str value)
{
	w->content = true;
	w->delta_bytes += raw_is_object(value) || raw_is_array(value)
	    ? value.len
	    : raw_text(value).len;
}

void
common_whole(struct watch *w)
{
	w->began = w->content = w->terminal = true;
}

void
common_fault(struct str before,
    enum err (*document)(const struct refusal *r, struct buf *out),
    struct str after, const struct refusal *r, struct buf *out)
{
	size_t had = buf_len(out);
	enum err e = buf_add(out, before);

	if (!e)
		e = document(r, out);
	if (!e)
		e = buf_add(out, after);
	if (e)
		buf_chop(out, buf_len(out) - had);
}

enum err
common_openai_document(const struct refusal *r, struct buf *out)
{
	const struct fault_row *row = fault_row(r->fault);
	struct json_out j;

	json_begin(&j, out);
	json_open(&j, '{');
	json_put_key(&j, "error");
	json_open(&j, '{');
	json_say(&j, "message", str_of(r->text));
	json_say(&j, "type", str_of(row->openai));
	json_say_null(&j, "param");
	json_say(&j, "code", str_of(row->openai_code));
	json_close(&j, '}');
	json_close(&j, '}');
	return json_end(&j);
}
