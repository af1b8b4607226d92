/* SPDX-License-Identifier: MIT */
/* reply.c - decides the text and the numbers of an honest answer.
 *
 * The default text says who speaks: nobody shall take practice for a model. */
#include "tests/upstream/reply.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "tests/upstream/json.h"

#define MAX_TEXT ((int64_t)256 * 1024 * 1024)

/* The first words of a text, cut between characters. */
static struct str
few_words(const char *text)
{
	struct str s = str_trim(str_of(text));
	size_t n = s.len;
	ptrdiff_t line = str_chr(s, '\n');

	if (line >= 0)
		n = (size_t)line;
	if (n > 80)
		n = 80;
	while (n > 0 && n < s.len && ((unsigned char)s.at[n] & 0xc0) == 0x80)
		n--;
	return str_first(s, n);
}

static void
add_sized(struct buf *out, struct str words, int64_t size)
{
	struct str some;

	if (size > MAX_TEXT / 2)
		size = MAX_TEXT / 2;
	for (; size > 0; size -= (int64_t)some.len) {
		some = str_first(words, (size_t)size);
		buf_must(out, some);
	}
}

/* A request for structured output gets what its schema allows. */
static const cJSON *
schema_of(const struct ask *q)
{
	const cJSON *in = q->inner, *at;

	at = cJSON_GetObjectItem(cJSON_GetObjectItem(in, "output_config"),
	    "format");
	if (!at)
		at = cJSON_GetObjectItem(cJSON_GetObjectItem(in, "text"),
		    "format");
	if (!at)
		at = cJSON_GetObjectItem(cJSON_GetObjectItem(in,
					     "response_format"),
		    "json_schema");
	if (at)
		return cJSON_GetObjectItem(at, "schema");
	in = cJSON_GetObjectItem(in, "generationConfig");
	at = cJSON_GetObjectItem(in, "responseJsonSchema");
	return at ? at : cJSON_GetObjectItem(in, "responseSchema");
}

static char *
text_of(const struct ask *q)
{
	const struct script *s = q->script;
	const cJSON *schema = schema_of(q);
	struct buf out;

	buf_init(&out, (size_t)MAX_TEXT);
	/* A schema goes first: a client's side calls (titles, routing) repeat
	 * the prompt, and with it a marker that was not meant for them. */
	if (schema)
		json_from_schema(&out, schema);
	else if (s->size != NONE && s->size >= 0)
		add_sized(&out,
		    s->text && s->text[0]
			? str_of(s->text)
			: STR("The practice upstream says this. "),
		    s->size);
	else if (q->tool_result)
		buf_mustf(&out, "The tool said: %s", q->tool_result);
	else if (s->text)
		buf_must(&out, str_of(s->text));
	else if (script_num(s->echo, 0))
		buf_must(&out, str_of(q->said ? q->said : ""));
	else if (q->said && few_words(q->said).len)
		buf_mustf(&out,
		    "This is the practice upstream, no model is behind it. "
		    "You said: %.*s",
		    STR_ARG(few_words(q->said)));
	else
		buf_must(&out,
		    STR("This is the practice upstream, no model is behind "
			"it."));
	return buf_take(&out, NULL);
}

static void
tokens_read(struct tokens *t, const char *text)
{
	int64_t *const each[] = { &t->in, &t->out, &t->cache_read, &t->cache_5m,
		&t->cache_1h, &t->reasoning };
	struct str rest = str_of(text), one;

	for (size_t i = 0; i < 6 && rest.at; i++) {
		one = str_cut(&rest, ',');
		if (str_i64(str_trim(one), each[i]))
			*each[i] = 0;
	}
}

void
reply_make(struct ask *q, size_t body_len)
{
	const struct script *s = q->script;
	size_t len;

	q->text = text_of(q);
	len = q->text_len = strlen(q->text);
	q->deltas = len < 8 ? 1 : len < 800 ? 8 : len / 100;
	if (q->deltas > 1000)
		q->deltas = 1000;
	if (s->events >= 0)
		q->deltas = (size_t)s->events;
	q->interval_ms = script_num(s->interval_ms, 0);
	q->tool_input = s->input ? s->input : "{}";
	/* Four bytes are about one token: plausible, and the same each time. */
	q->tokens = (struct tokens){ .in = (int64_t)(body_len / 4 + 1),
		.out = (int64_t)(len / 4 + 1) };
	if (s->usage) {
		q->tokens = (struct tokens){ .in = 0 };
		tokens_read(&q->tokens, s->usage);
	}
}

/* Where delta i begins, between two characters. */
static size_t
delta_at(const struct ask *q, size_t i, size_t len)
{
	size_t at = len * i / q->deltas;

	while (at > 0 && at < len &&
	    ((unsigned char)q->text[at] & 0xc0) == 0x80)
		at--;
	return at;
}

struct str
ask_delta(const struct ask *q, size_t i)
{
	size_t len = q->text_len, from = delta_at(q, i, len);

	return str_at(q->text + from, delta_at(q, i + 1, len) - from);
}

bool
error_is_due(const struct ask *q, size_t i)
{
	int64_t after = script_num(q->script->errorafter, 0);

	return q->script->errorevent && after == (int64_t)i;
}

bool
ending_is_due(const struct ask *q, enum ending ending)
{
	int64_t without = script_num(q->script->noterminal, 0);

	return ending == ENDING_TERMINAL ? without < 1 : without < 2;
}
