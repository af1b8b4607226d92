/* SPDX-License-Identifier: MIT */
/* json_put.c - JSON written into a buf (the writing half of json.h). */
#include <assert.h>

#include "proto/json.h"

void
json_begin(struct json_out *j, struct buf *to)
{
	*j = (struct json_out){ .to = to, .had = buf_len(to) };
}

/* Latch the first error, and take back what was written. */
static void
note(struct json_out *j, enum err e)
{
	if (!e || j->err)
		return;
	j->err = e;
	buf_chop(j->to, buf_len(j->to) - j->had);
}

static void
put(struct json_out *j, struct str s)
{
	if (!j->err)
		note(j, buf_add(j->to, s));
}

enum err
json_end(struct json_out *j)
{
	assert(j->depth == 0 && !j->after_key);
	return j->err;
}

/* --- places ---------------------------------------------------------------- */

static bool
has_bit(const struct json_out *j, const uint64_t *bits)
{
	unsigned level = j->depth - 1;

	return bits[level / 64] >> (level % 64) & 1;
}

static void
set_bit(const struct json_out *j, uint64_t *bits, bool on)
{
	unsigned level = j->depth - 1;
	uint64_t bit = UINT64_C(1) << (level % 64);

	if (on)
		bits[level / 64] |= bit;
	else
		bits[level / 64] &= ~bit;
}

static void
place_comma(struct json_out *j)
{
	if (has_bit(j, j->nonempty))
		put(j, STR(","));
	set_bit(j, j->nonempty, true);
}

/* Before every value. */
static void
place(struct json_out *j)
{
	if (j->after_key) {
		j->after_key = false;
	} else if (j->depth) {
		assert(!has_bit(j, j->objects));
		place_comma(j);
	}
}

void
json_open(struct json_out *j, char bracket)
{
	place(j);
	assert(j->depth < JSON_OUT_DEPTH);
	j->depth++;
	set_bit(j, j->nonempty, false);
	set_bit(j, j->objects, bracket == '{');
	put(j, bracket == '{' ? STR("{") : STR("["));
}

void
json_close(struct json_out *j, char bracket)
{
	assert(j->depth && !j->after_key);
	assert((bracket == '}') == has_bit(j, j->objects));
	j->depth--;
	put(j, bracket == '}' ? STR("}") : STR("]"));
}

/* --- strings --------------------------------------------------------------- */

/* How many bytes at the front of s are one character of UTF-8; 0 when they are
 * none (overlong, a surrogate, over U+10FFFF, or cut). */
static size_t
utf8_len(struct str s)
{
	unsigned char first = (unsigned char)s.at[0], second;
	size_t n = first < 0x80 ? 1
	    : first < 0xc2	? 0
	    : first < 0xe0	? 2
	    : first < 0xf0	? 3
	    : first < 0xf5	? 4
				: 0;

	if (n < 2)
		return n;
	if (s.len < n)
		return 0;
	second = (unsigned char)s.at[1];
	if ((first == 0xe0 && second < 0xa0) ||
	    (first == 0xed && second > 0x9f) ||
	    (first == 0xf0 && second < 0x90) ||
	    (first == 0xf4 && second > 0x8f))
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s.at[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

bool
json_is_utf8(struct str s)
{
	size_t n;

	for (; s.len; s = str_skip(s, n)) {
		n = utf8_len(s);
		if (!n)
			return false;
	}
	return true;
}

/* How many bytes at the front of s can stand in a string as they are. */
static size_t
plain_len(struct str s)
{
	size_t at = 0, n;

	while (at < s.len) {
		unsigned char c = (unsigned char)s.at[at];

		if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
			break;
		n = utf8_len(str_skip(s, at));
		if (!n)
			break;
		at += n;
	}
	return at;
}

/* A byte that plain_len() stopped at. */
static void
put_escaped(struct json_out *j, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = c ? strchr(from, c) : NULL;
	char text[6] = "\\u00";

	if (c >= 0x80) {
		put(j, STR("\xef\xbf\xbd"));
	} else if (at) {
		text[1] = to[at - from];
		put(j, str_at(text, 2));
	} else {
		text[4] = hex[c >> 4];
		text[5] = hex[c & 15];
		put(j, str_at(text, 6));
	}
}

static void
put_quoted(struct json_out *j, struct str s)
{
	put(j, STR("\""));
	while (s.len) {
		size_t n = plain_len(s);

		put(j, str_first(s, n));
		s = str_skip(s, n);
		if (s.len) {
			put_escaped(j, (unsigned char)s.at[0]);
			s = str_skip(s, 1);
		}
	}
	put(j, STR("\""));
}

void
json_put_key(struct json_out *j, const char *key)
{
	assert(j->depth && has_bit(j, j->objects) && !j->after_key);
	place_comma(j);
	put_quoted(j, str_of(key));
	put(j, STR(":"));
	j->after_key = true;
}

/* --- values ---------------------------------------------------------------- */

void
json_put_string(struct json_out *j, struct str s)
{
	place(j);
	put_quoted(j, s);
}

void
json_put_i64(struct json_out *j, int64_t n)
{
	place(j);
	if (!j->err)
		note(j, buf_addf(j->to, "%lld", (long long)n));
}

void
json_put_bool(struct json_out *j, bool b)
{
	json_put_raw(j, b ? STR("true") : STR("false"));
}

void
json_put_null(struct json_out *j)
{
	json_put_raw(j, STR("null"));
}

void
json_put_raw(struct json_out *j, struct str json)
{
	place(j);
	put(j, json);
}

static void
put_number(struct json_out *j, const struct json *v)
{
	int64_t n;

	if (json_as_i64(v, &n) == OK) {
		json_put_i64(j, n);
		return;
	}
	place(j);
	if (!j->err)
		note(j, buf_addf(j->to, "%.17g", json_as_double(v)));
}

void
json_put_tree(struct json_out *j, const struct json *v)
{
	enum json_type type = json_type(v);
	struct str text = { NULL, 0 };
	bool yes = false;

	switch (type) {
	case JSON_NULL:
		json_put_null(j);
		return;
	case JSON_BOOL:
		json_put_bool(j, json_as_bool(v, &yes) == OK && yes);
		return;
	case JSON_NUMBER:
		put_number(j, v);
		return;
	case JSON_STRING:
		if (json_as_str(v, &text) == OK)
			json_put_string(j, text);
		return;
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	json_open(j, type == JSON_OBJECT ? '{' : '[');
	for (v = json_first(v); v; v = json_next(v)) {
		if (type == JSON_OBJECT)
			json_put_key(j, json_key(v).at);
		json_put_tree(j, v);
	}
	json_close(j, type == JSON_OBJECT ? '}' : ']');
}

void
json_say(struct json_out *j, const char *key, struct str s)
{
	json_put_key(j, key);
	json_put_string(j, s);
}

void
json_say_i64(struct json_out *j, const char *key, int64_t n)
{
	json_put_key(j, key);
	json_put_i64(j, n);
}

void
json_say_bool(struct json_out *j, const char *key, bool b)
{
	json_put_key(j, key);
	json_put_bool(j, b);
}

void
json_say_null(struct json_out *j, const char *key)
{
	json_put_key(j, key);
	json_put_null(j);
}
