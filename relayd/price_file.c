/* SPDX-License-Identifier: MIT */
/* price_file.c - price files in the shape of LiteLLM's
 * model_prices_and_context_window.json: one object, a member per model.
 *
 * The text is judged as JSON first, then walked through as it stands, so that
 * prices are read from their digits and a refusal can name the line. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/coding.h"
#include "proto/cursor.h"
#include "proto/enc.h"
#include "proto/json.h"
#include "proto/mem.h"
#include "proto/span.h"

#include "relayd/price_table.h"

void
price_set_fini(struct price_set *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->at[i].name);
	free(s->at);
	*s = (struct price_set){ .at = NULL };
}

static unsigned
line_of(struct str text, const char *at)
{
	unsigned line = 1;

	for (const char *p = text.at; p < at; p++)
		line += *p == '\n';
	return line;
}

/* Names are matched as bytes, and shown. */
bool
price_name_is_good(struct str name)
{
	if (name.len == 0 || name.len > PRICE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] <= ' ' || name.at[i] > '~' ||
		    name.at[i] == '\\' || name.at[i] == '"')
			return false;
	return true;
}

static struct price_entry *
entry_add(struct price_set *s)
{
	if (s->count == s->size) {
		size_t size = s->size ? 2 * s->size : 64;

		s->at = xrealloc(s->at, size * sizeof(*s->at));
		s->size = size;
	}
	return &s->at[s->count++];
}

/* LiteLLM has names that no request can have ("... (image)"): those are passed
 * over, since they can never match. */
static enum err
take_model(struct price_set *s, const struct member *m,
    enum price_origin origin, const char **out_at, struct why *out_why)
{
	struct price_stated stated;
	struct price_entry *n;
	enum err e;

	if (member_is(m, STR("sample_spec"))) {
		raw_copy(cursor_find(m->value, STR("version")), s->version,
		    sizeof(s->version));
		return OK;
	}
	e = price_stated_read(&stated, m->value, out_at, out_why);
	if (e)
		return e;
	if (!price_name_is_good(m->key) ||
	    (origin != PRICE_OVERRIDE && !price_is_stated(&stated))) {
		s->unpriced++;
		return OK;
	}
	if (s->count == PRICE_MODELS_MAX)
		return why_set(out_why, ERR_LIMIT, "",
		    "is one model too many: a file has at most %d",
		    PRICE_MODELS_MAX);
	n = entry_add(s);
	n->name = xmemdup(m->key.at, m->key.len);
	n->stated = stated;
	n->origin = origin;
	return OK;
}

/* Where a text stops being JSON. */
static size_t
end_of_sense(struct str text)
{
	struct scan s;

	scan_init(&s, NULL, 0);
	return scan_feed(&s, text, NULL) || scan_end(&s, NULL) ? s.at : 0;
}

/* Where a key stands for the last time. */
static size_t
last_of_key(struct str text, const char *key)
{
	size_t at = 0, found = 0;
	struct buf quoted;
	ptrdiff_t next;

	buf_init(&quoted, 1024);
	if (buf_addf(&quoted, "\"%s\"", key))
		buf_must(&quoted, STR("\""));
	while ((next = str_find(str_skip(text, at), buf_str(&quoted))) >= 0) {
		found = at + (size_t)next;
		at = found + 1;
	}
	buf_fini(&quoted);
	return found;
}

/* People look for a line, not for a byte. */
static void
say_place(struct str text, size_t at, struct why *io_why)
{
	struct why was = *io_why;
	struct str said = str_of(was.text);
	ptrdiff_t tail = str_find(said, STR(" at byte "));
	size_t column = 1;

	if (at > text.len)
		at = text.len;
	while (column <= at && text.at[at - column] != '\n')
		column++;
	if (tail > 0)
		said = str_first(said, (size_t)tail);
	why_set(io_why, ERR_SYNTAX, "from", "line %u, column %zu: %.*s",
	    line_of(text, text.at + at), column, STR_ARG(said));
}

static enum err
check_json(struct str text, struct why *out_why)
{
	struct json *root;
	enum err e = json_parse(text, PRICE_FILE_MAX, &root, out_why);

	if (e == ERR_SYNTAX)
		say_place(text, end_of_sense(text), out_why);
	if (e == ERR_EXISTS)
		say_place(text, last_of_key(text, out_why->field), out_why);
	if (e)
		return e;
	if (json_type(root) != JSON_OBJECT)
		e = why_set(out_why, ERR_VALUE, "",
		    "the file is no object of models");
	json_free(root);
	return e;
}

enum err
price_set_read(struct str text, enum price_origin origin, struct price_set *out,
    struct why *out_why)
{
	struct price_set s = { .at = NULL };
	struct why why = { .text = "" };
	const char *at = text.at;
	struct cursor c;
	struct member m;
	enum err e = check_json(text, out_why);

	if (e)
		return e;
	cursor_init(&c, text);
	while (!e && cursor_next(&c, &m))
		e = take_model(&s, &m, origin, &at, &why);
	if (e)
		why_set(out_why, e, "from", "line %u: %.*s: %s%s%s",
		    line_of(text, at), STR_ARG(str_first(m.key, 80)), why.field,
		    why.field[0] ? " " : "", why.text);
	else if (s.count == 0)
		e = why_set(out_why, ERR_VALUE, "from",
		    s.unpriced
			? "there is no model with a price in it: each of them "
			  "needs one for input and one for output"
			: "there is no model with a price in it");
	if (e)
		price_set_fini(&s);
	else
		*out = s;
	return e;
}

void
price_set_write(const struct price_set *s, struct buf *out)
{
	buf_mustf(out, "{\"sample_spec\":{\"version\":\"%s\"}", s->version);
	for (size_t i = 0; i < s->count; i++) {
		buf_mustf(out, ",\n\"%s\":", s->at[i].name);
		price_stated_write(&s->at[i].stated, out);
	}
	buf_must(out, STR("}\n"));
}

/* Base64 of zstd: a frame of the control socket has room for a file of some
 * megabytes so. */
enum err
price_unpack(struct str packed, struct buf *out, struct why *out_why)
{
	struct decoder *d = decoder_new(CODING_ZSTD, PRICE_FILE_MAX);
	struct buf bytes;
	enum err e;

	buf_init(&bytes, 1024 * 1024);
	e = enc_unbase64(&bytes, packed, ENC_BASE64);
	if (!e)
		e = decoder_feed(d, buf_str(&bytes), out);
	if (!e)
		e = decoder_end(d);
	decoder_free(d);
	buf_fini(&bytes);
	if (e == ERR_LIMIT)
		return why_set(out_why, e, "from",
		    "the file has more than %d bytes", PRICE_FILE_MAX);
	if (e)
		return why_set(out_why, e, "from",
		    "is not the base64 of a file packed with zstd");
	return OK;
}
