/* SPDX-License-Identifier: MIT */
/* shape_splice.c - single values put into a client's body: the usage asked
 * for, the account's name for the model, the operator's preamble. */
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"

#include "relayd/relay.h"
#include "relayd/shape.h"

/* One for the usage, one for the model, two for a preamble. */
#define SPLICES_MAX 4

/* --- usage and model -------------------------------------------------------------- */

/* Chat streams tell their usage only when asked to; the caller who did not ask
 * is spared the extra chunk again on the way back. */
static bool
ask_for_usage(const struct relay *r, struct splice *out)
{
	const struct span *options = &r->scan.found[WANT_STREAM_OPTIONS];
	const struct span *include = &r->scan.found[WANT_INCLUDE_USAGE];
	struct splice s = { .from = r->scan.open, .to = r->scan.open };

	if (r->dialect != &dialect_openai_chat || !r->asked.stream ||
	    r->asked.include_usage || r->op != OP_GENERATE)
		return false;
	if (include->type != SPAN_ABSENT) {
		s = (struct splice){ include->from, include->to, STR("true") };
	} else if (options->type == SPAN_OBJECT) {
		struct str inner = str_at(r->body.at + options->from + 1,
		    options->to - options->from - 2);
		bool empty = true;

		for (size_t i = 0; i < inner.len; i++)
			empty = empty && strchr(" \t\r\n", inner.at[i]);
		s.from = s.to = options->from + 1;
		s.with = empty ? STR("\"include_usage\":true")
			       : STR("\"include_usage\":true,");
	} else if (options->type == SPAN_ABSENT) {
		s.with = STR("\"stream_options\":{\"include_usage\":true},");
	} else {
		s = (struct splice){ options->from, options->to,
			STR("{\"include_usage\":true}") };
	}
	*out = s;
	return true;
}

/* The model, when the account calls it otherwise than the body does. */
static bool
rename_in_body(const struct relay *r, struct buf *quoted, struct splice *out)
{
	const struct span *span = &r->asked.model_span;
	struct str name = buf_str(&r->up_model);

	if (span->type != SPAN_STRING || (!name.len && !r->says_vendor))
		return false;
	/* Names of rules need no escapes; the client's keep theirs. */
	if (!name.len) {
		name = str_at(r->body.at + span->from + 1,
		    span->to - span->from - 2);
		(void)str_cut(&name, ',');
	}
	buf_mustf(quoted, "\"%.*s\"", STR_ARG(name));
	*out = (struct splice){ span->from, span->to, buf_str(quoted) };
	return true;
}

/* --- a preamble ------------------------------------------------------------------------ */

static const struct span_want system_want[] = { { "system" } };

/* {"type":"text","text":PREAMBLE} */
static void
put_block(struct buf *out, struct str text)
{
	struct json_out j;

	json_begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "type", STR("text"));
	json_say(&j, "text", text);
	json_close(&j, '}');
	/* Records are smaller than this buffer. */
	if (json_end(&j))
		abort();
}

static bool
has_members(struct str inside)
{
	for (size_t i = 0; i < inside.len; i++)
		if (!strchr(" \t\r\n", inside.at[i]))
			return true;
	return false;
}

/* The operator's block in front of what the client says: a list as it was, a
 * text as a block of its own, or nothing.  Returns how many splices do that. */
static size_t
splice_system(const struct scan *scan, struct str body, struct buf *block,
    struct splice out[2])
{
	const struct span *s = &scan->found[0];
	struct str inside;

	switch (s->type) {
	case SPAN_ARRAY:
		inside = str_at(body.at + s->from + 1, s->to - s->from - 2);
		if (has_members(inside))
			buf_must(block, STR(","));
		out[0] =
		    (struct splice){ s->from + 1, s->from + 1, buf_str(block) };
		return 1;
	case SPAN_STRING:
		buf_must(block, STR(",{\"type\":\"text\",\"text\":"));
		out[0] = (struct splice){ s->from, s->from, buf_str(block) };
		out[1] = (struct splice){ s->to, s->to, STR("}]") };
		return 2;
	case SPAN_ABSENT:
		buf_must(block, scan->empty ? STR("]") : STR("],"));
		out[0] =
		    (struct splice){ scan->open, scan->open, buf_str(block) };
		return 1;
	case SPAN_NULL:
		buf_must(block, STR("]"));
		out[0] = (struct splice){ s->from, s->to, buf_str(block) };
		return 1;
	case SPAN_NUMBER:
	case SPAN_TRUE:
	case SPAN_FALSE:
	case SPAN_OBJECT:
		break;
	}
	/* The provider will say what it thinks of that. */
	return 0;
}

/* The operator's words, for a client that is not the provider's own. */
static size_t
preface(const struct relay *r, const struct account *a, struct buf *block,
    struct splice out[2])
{
	struct scan scan;

	if (!a->rec.preamble.len || r->dialect != &dialect_anthropic ||
	    !a->provider->is_native || a->provider->is_native(r->c->head))
		return 0;
	scan_init(&scan, system_want, 1);
	if (scan_feed(&scan, r->body, NULL) || scan_end(&scan, NULL))
		return 0;
	if (scan.found[0].type == SPAN_ABSENT)
		buf_must(block, STR("\"system\":["));
	else if (scan.found[0].type != SPAN_ARRAY)
		buf_must(block, STR("["));
	put_block(block, a->rec.preamble);
	return splice_system(&scan, r->body, block, out);
}

/* --- all of them ------------------------------------------------------------------- */

/* In the order of their places; those of one place stay as they were. */
static void
sort(struct splice *s, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct splice one = s[i];
		size_t k = i;

		for (; k > 0 && s[k - 1].from > one.from; k--)
			s[k] = s[k - 1];
		s[k] = one;
	}
}

enum err
shape_splice(struct relay *r, const struct account *a, bool *out_changed)
{
	struct splice s[SPLICES_MAX];
	struct buf quoted, block;
	size_t n = 0;
	enum err e = OK;

	buf_init(&quoted, 4096);
	buf_init(&block, SHAPE_GROWTH);
	r->hides_usage = a->rec.usage_inject && ask_for_usage(r, &s[n]);
	n += r->hides_usage;
	n += rename_in_body(r, &quoted, &s[n]);
	n += preface(r, a, &block, &s[n]);
	*out_changed = n > 0;
	if (n) {
		sort(s, n);
		buf_clear(&r->shaped);
		e = splice_apply(r->body, s, n, &r->shaped);
		relay_charge(r);
	}
	buf_fini(&quoted);
	buf_fini(&block);
	return e;
}
