/* SPDX-License-Identifier: MIT */
/* fuzz_spans.c - the span scanner against a slow one that recurses over the
 * whole text, and against itself in pieces.
 *
 * The first byte of the input says where it is cut. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/quoted.h"
#include "proto/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define COUNT 5

static const struct span_want wants[COUNT] = {
	{ "model" },
	{ "max" },
	{ "o" },
	{ "o.u" },
	{ "a.b.c" },
};

/* --- the slow one ---------------------------------------------------------- */

struct slow {
	const char *from, *at, *end;
	struct span found[COUNT];
	bool seen_o, seen_a, seen_ab, twice, deep;
};

static bool slow_value(struct slow *s, const char *path, unsigned depth);

static int
peek(struct slow *s)
{
	return s->at < s->end ? (unsigned char)*s->at : -1;
}

static void
space(struct slow *s)
{
	while (s->at < s->end && *s->at && strchr(" \t\r\n", *s->at))
		s->at++;
}

static bool
word(struct slow *s, const char *w)
{
	size_t n = strlen(w);

	if ((size_t)(s->end - s->at) < n || memcmp(s->at, w, n) != 0)
		return false;
	s->at += n;
	return true;
}

/* A string; its text, as far as it is ASCII and fits, into key. */
static bool
slow_string(struct slow *s, char *key, size_t size)
{
	size_t n = 0;

	if (!word(s, "\""))
		return false;
	for (; s->at < s->end && *s->at != '"'; s->at++) {
		int c = (unsigned char)*s->at;

		if (c < 0x20)
			return false;
		if (c == '\\') {
			static const char from[] = "\"\\/bfnrt";
			static const char to[] = "\"\\/\b\f\n\r\t";
			const char *known;

			if (++s->at == s->end || !*s->at)
				return false;
			known = strchr(from, *s->at);
			if (known) {
				c = (unsigned char)to[known - from];
			} else {
				char hex[5] = "", *stop;

				if (*s->at != 'u' || s->end - s->at < 5)
					return false;
				memcpy(hex, s->at + 1, 4);
				for (int i = 0; i < 4; i++) {
					if (!hex[i] ||
					    !strchr("0123456789abcdefABCDEF",
						hex[i]))
						return false;
				}
				c = (int)strtol(hex, &stop, 16);
				s->at += 4;
				if (c == 0 || c > 0x7f)
					c = 0xff;
			}
		}
		if (n + 1 < size)
			key[n++] = (char)c;
	}
	key[n] = '\0';
	return word(s, "\"");
}

static bool
digits(struct slow *s)
{
	const char *from = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return s->at > from;
}

static bool
slow_number(struct slow *s)
{
	word(s, "-");
	if (!word(s, "0") && !digits(s))
		return false;
	if (word(s, ".") && !digits(s))
		return false;
	if (word(s, "e") || word(s, "E")) {
		if (!word(s, "+"))
			word(s, "-");
		return digits(s);
	}
	return true;
}

/* Has a key on the way to a wanted one been there before? */
static void
note_way(struct slow *s, const char *path)
{
	bool *seen = !strcmp(path, ".o") ? &s->seen_o
	    : !strcmp(path, ".a")	 ? &s->seen_a
	    : !strcmp(path, ".a.b")	 ? &s->seen_ab
					 : NULL;

	if (seen) {
		s->twice |= *seen;
		*seen = true;
	}
}

static bool
slow_member(struct slow *s, const char *path, unsigned depth)
{
	char key[128], child[400] = "?";
	struct span *v = NULL;

	if (!slow_string(s, key, sizeof(key)))
		return false;
	if (*path != '?' && !strchr(key, '.') && strlen(path) < 200)
		snprintf(child, sizeof(child), "%s.%s", path, key);
	note_way(s, child);
	for (size_t i = 0; i < COUNT; i++) {
		if (!strcmp(child + 1, wants[i].path))
			v = &s->found[i];
	}
	if (v && v->type)
		s->twice = true;
	if (s->twice)
		return false;
	space(s);
	if (!word(s, ":"))
		return false;
	space(s);
	if (v) {
		int c = peek(s);

		v->from = (size_t)(s->at - s->from);
		v->type = c == '"' ? SPAN_STRING
		    : c == '{'	   ? SPAN_OBJECT
		    : c == '['	   ? SPAN_ARRAY
		    : c == 't'	   ? SPAN_TRUE
		    : c == 'f'	   ? SPAN_FALSE
		    : c == 'n'	   ? SPAN_NULL
				   : SPAN_NUMBER;
	}
	if (!slow_value(s, child, depth))
		return false;
	if (v)
		v->to = (size_t)(s->at - s->from);
	return true;
}

static bool
slow_nest(struct slow *s, const char *path, unsigned depth)
{
	bool object = *s->at == '{';
	const char *close = object ? "}" : "]";

	if (depth == SPAN_DEPTH_MAX) {
		s->deep = true;
		return false;
	}
	s->at++;
	space(s);
	if (word(s, close))
		return true;
	for (;;) {
		if (object ? !slow_member(s, path, depth + 1)
			   : !slow_value(s, "?", depth + 1))
			return false;
		space(s);
		if (word(s, close))
			return true;
		if (!word(s, ","))
			return false;
		space(s);
	}
}

static bool
slow_value(struct slow *s, const char *path, unsigned depth)
{
	char text[2];

	switch (peek(s)) {
	case '{':
	case '[':
		return slow_nest(s, path, depth);
	case '"':
		return slow_string(s, text, sizeof(text));
	case 't':
		return word(s, "true");
	case 'f':
		return word(s, "false");
	case 'n':
		return word(s, "null");
	default:
		return slow_number(s);
	}
}

static enum err
slow_scan(struct slow *s, struct str text)
{
	*s = (struct slow){ .from = text.at, .at = text.at };
	s->end = text.at + text.len;
	space(s);
	if (peek(s) != '{' || !slow_nest(s, "", 0))
		return s->twice ? ERR_EXISTS : s->deep ? ERR_LIMIT : ERR_SYNTAX;
	space(s);
	return s->at == s->end ? OK : ERR_SYNTAX;
}

/* --- comparing ------------------------------------------------------------- */

static enum err
fast_scan(struct scan *s, struct str text, size_t piece)
{
	struct why why;
	enum err e = OK;

	scan_init(s, wants, COUNT);
	while (text.len && !e) {
		e = scan_feed(s, str_first(text, piece), &why);
		text = str_skip(text, piece);
	}
	return e ? e : scan_end(s, &why);
}

static void
compare_ways(struct str text)
{
	unsigned step = QUOTED_PLAIN;
	enum quoted plain, other;
	size_t used, other_used;

	quoted_skip_by(0, text, &step, &used, &plain);
	for (unsigned way = 1;; way++) {
		unsigned other_step = QUOTED_PLAIN;

		if (!quoted_skip_by(way, text, &other_step, &other_used,
			&other))
			break;
		assert(other == plain && other_used == used);
		assert(plain != QUOTED_OPEN || other_step == step);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct str text = str_at((const char *)bytes, len);
	struct slow slow;
	struct scan whole, split;
	struct buf out;
	size_t piece;
	enum err e;

	if (!len)
		return 0;
	piece = 1 + bytes[0];
	text = str_skip(text, 1);
	compare_ways(text);
	e = fast_scan(&whole, text, text.len ? text.len : 1);
	assert(fast_scan(&split, text, piece) == e);
	assert(slow_scan(&slow, text) == e);
	if (e)
		return 0;
	assert(whole.open == split.open && whole.empty == split.empty);
	for (size_t i = 0; i < COUNT; i++) {
		const struct span *v = &whole.found[i];

		assert(v->type == slow.found[i].type);
		assert(v->from == slow.found[i].from);
		assert(v->to == slow.found[i].to);
		assert(v->type == split.found[i].type);
		assert(v->from == split.found[i].from);
		assert(v->to == split.found[i].to);
		buf_init(&out, text.len + 1);
		if (v->type == SPAN_STRING && span_text(text, v, &out) == OK)
			assert(buf_len(&out) <= v->to - v->from - 2);
		buf_fini(&out);
	}
	return 0;
}
