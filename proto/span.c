/* SPDX-License-Identifier: MIT */
/* span.c - the scanner of JSON spans, and the splicer.
 *
 * A machine with one state per place where a JSON text can be cut.  Every
 * step takes at least one byte or changes the state; insides of strings are
 * run through by quoted.c.  Keys are collected only where a wanted one could
 * stand; all others are strings like any other.  Nothing is allocated. */
#include "proto/span.h"

#include <assert.h>

#include "proto/quoted.h"

enum state {
	START,	   /* before the outermost brace */
	FIRST_KEY, /* behind '{': a key or '}' */
	NEXT_KEY,  /* behind ',' in an object */
	KEY,	   /* inside a key that may be wanted */
	OTHER_KEY, /* inside a key that is not */
	COLON,
	VALUE,
	FIRST_ELEMENT, /* behind '[': a value or ']' */
	STRING,
	LITERAL,
	NUMBER,
	AFTER, /* behind a value */
	END,   /* behind the outermost brace */
	FAILED,
};

/* The places of a number where it can be cut. */
enum digits {
	SIGN, /* behind '-' */
	ZERO, /* behind a leading zero */
	WHOLE,
	POINT, /* behind '.' */
	FRACTION,
	E, /* behind 'e' */
	E_SIGN,
	EXPONENT,
};

void
scan_init(struct scan *s, const struct span_want *wants, size_t count)
{
	assert(count <= SPAN_WANTS_MAX);
	s->wants = wants;
	s->count = count;
	memset(s->found, 0, count * sizeof(s->found[0]));
	s->open = s->at = s->key_len = 0;
	s->empty = true;
	s->depth = s->step = s->code = 0;
	s->state = START;
	for (size_t i = 0; i < SPAN_LEVELS; i++) {
		s->key[i] = s->through[i] = -1;
		s->seen[i] = 0;
	}
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static enum err
syntax(struct scan *s, const char *what, struct why *out_why)
{
	s->state = FAILED;
	return why_set(out_why, ERR_SYNTAX, "",
	    "%s at byte %zu of the JSON text", what, s->at);
}

/* --- levels ---------------------------------------------------------------- */

static bool
in_array(const struct scan *s)
{
	unsigned level = s->depth - 1;

	return s->nest[level / 64] >> (level % 64) & 1;
}

/* Can a key of this level be a wanted one? */
static bool
may_want(const struct scan *s)
{
	return s->depth == 1 ||
	    (s->depth <= SPAN_LEVELS && s->through[s->depth - 2] >= 0);
}

/* The wanted value that begins or ends at this level, if it is one. */
static struct span *
wanted(struct scan *s)
{
	int key;

	if (s->depth > SPAN_LEVELS || s->depth == 0)
		return NULL;
	key = s->key[s->depth - 1];
	return key < 0 ? NULL : &s->found[key];
}

static void
value_begins(struct scan *s, enum span_type type)
{
	struct span *v = wanted(s);

	if (v)
		*v = (struct span){ .type = type, .from = s->at };
}

/* The value ends before byte `to`. */
static void
value_ends(struct scan *s, size_t to)
{
	struct span *v = wanted(s);

	if (v)
		v->to = to;
	if (s->depth <= SPAN_LEVELS && s->depth > 0)
		s->key[s->depth - 1] = s->through[s->depth - 1] = -1;
	s->state = s->depth ? AFTER : END;
}

static enum err
open_level(struct scan *s, bool array, struct why *out_why)
{
	uint64_t bit;

	if (s->depth == SPAN_DEPTH_MAX) {
		s->state = FAILED;
		return why_set(out_why, ERR_LIMIT, "",
		    "the JSON text is nested more than %d deep",
		    SPAN_DEPTH_MAX);
	}
	bit = UINT64_C(1) << (s->depth % 64);
	if (array)
		s->nest[s->depth / 64] |= bit;
	else
		s->nest[s->depth / 64] &= ~bit;
	s->depth++;
	if (s->depth <= SPAN_LEVELS)
		s->key[s->depth - 1] = s->through[s->depth - 1] = -1;
	if (s->depth == 1)
		s->open = s->at + 1;
	s->state = array ? FIRST_ELEMENT : FIRST_KEY;
	return OK;
}

static void
close_level(struct scan *s)
{
	s->depth--;
	value_ends(s, s->at + 1);
}

/* --- keys ------------------------------------------------------------------ */

/* How much of a path leads to the level of the key just read; the path must
 * start like that of `through`. */
static bool
path_leads_here(const struct scan *s, const char *path, const char **out_rest)
{
	const char *other;
	unsigned names = s->depth - 1;

	if (names) {
		other = s->wants[s->through[s->depth - 2]].path;
		while (names && *path == *other && *path) {
			if (*path == '.')
				names--;
			path++;
			other++;
		}
		if (names)
			return false;
	}
	*out_rest = path;
	return true;
}

/* The key is complete: is it wanted, or on the way to a wanted one? */
static enum err
key_ends(struct scan *s, struct why *out_why)
{
	unsigned level = s->depth - 1;
	const char *rest;

	s->state = COLON;
	s->key[level] = s->through[level] = -1;
	/* A point in a key is not the point of a path. */
	if (s->key_len > SPAN_KEY_MAX || memchr(s->key_text, '.', s->key_len))
		return OK;
	for (size_t i = 0; i < s->count; i++) {
		const char *path = s->wants[i].path;

		if (!path || !*path || !path_leads_here(s, path, &rest) ||
		    (s->key_len && *rest != s->key_text[0]) ||
		    strncmp(rest, s->key_text, s->key_len) != 0)
			continue;
		if (rest[s->key_len] == '\0' && s->key[level] < 0)
			s->key[level] = (int)i;
		else if (rest[s->key_len] == '.' && s->through[level] < 0)
			s->through[level] = (int)i;
		else
			continue;
		if (rest[s->key_len] == '\0' ? s->found[i].type != SPAN_ABSENT
					     : s->seen[level] >> i & 1) {
			s->state = FAILED;
			return why_set(out_why, ERR_EXISTS, path,
			    "\"%.*s\" occurs twice", (int)s->key_len,
			    s->key_text);
		}
		if (rest[s->key_len] == '.')
			s->seen[level] |= 1u << i;
	}
	return OK;
}

static void
key_add(struct scan *s, char c)
{
	if (s->key_len < SPAN_KEY_MAX)
		s->key_text[s->key_len++] = c;
	else
		s->key_len = SPAN_KEY_MAX + 1;
}

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

static char
escape_value(char c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = c ? strchr(from, c) : NULL;

	if (!at)
		return '\0';
	return to[at - from];
}

/* Wanted keys are printable ASCII; what is not becomes a byte that stands in
 * none of them. */
static char
key_char(unsigned code)
{
	if (code < ' ' || code > '~')
		return '\x7f';
	return (char)code;
}

/* A byte of a key that may be wanted. */
static enum err
key_byte(struct scan *s, char c, struct why *out_why)
{
	if (s->step == QUOTED_PLAIN) {
		if (c == '"')
			return key_ends(s, out_why);
		if ((unsigned char)c < 0x20)
			return syntax(s, "a control character in a string",
			    out_why);
		if (c == '\\')
			s->step = QUOTED_ESCAPE;
		else
			key_add(s, c);
	} else if (s->step == QUOTED_ESCAPE) {
		if (c == 'u') {
			s->step = QUOTED_HEX;
			s->code = 0;
			return OK;
		}
		if (!escape_value(c))
			return syntax(s, "an unknown escape", out_why);
		key_add(s, escape_value(c));
		s->step = QUOTED_PLAIN;
	} else {
		if (hex_value(c) < 0)
			return syntax(s, "an unknown escape", out_why);
		s->code = s->code << 4 | (unsigned)hex_value(c);
		if (++s->step < QUOTED_HEX + 4)
			return OK;
		s->step = QUOTED_PLAIN;
		key_add(s, key_char(s->code));
	}
	return OK;
}

/* --- scalars --------------------------------------------------------------- */

static struct str
literal_of(const struct scan *s)
{
	/* The first letter was kept in `code`. */
	return s->code == 't' ? STR("true")
	    : s->code == 'f'  ? STR("false")
			      : STR("null");
}

static enum err
literal_byte(struct scan *s, char c, struct why *out_why)
{
	struct str word = literal_of(s);

	if (c != word.at[s->step])
		return syntax(s, "no value", out_why);
	if (++s->step == word.len)
		value_ends(s, s->at + 1);
	return OK;
}

/* The next place of a number, or -1 when c does not belong to it. */
static int
number_step(unsigned step, char c)
{
	switch ((enum digits)step) {
	case SIGN:
		return c == '0' ? ZERO : is_digit(c) ? WHOLE : -1;
	case WHOLE:
		if (is_digit(c))
			return WHOLE;
		__attribute__((fallthrough));
	case ZERO:
		return c == '.' ? POINT : (c | 0x20) == 'e' ? E : -1;
	case POINT:
		return is_digit(c) ? FRACTION : -1;
	case FRACTION:
		return is_digit(c) ? FRACTION : (c | 0x20) == 'e' ? E : -1;
	case E:
		if (c == '+' || c == '-')
			return E_SIGN;
		__attribute__((fallthrough));
	case E_SIGN:
	case EXPONENT:
		return is_digit(c) ? EXPONENT : -1;
	}
	return -1;
}

static bool
number_may_end(unsigned step)
{
	return step == ZERO || step == WHOLE || step == FRACTION ||
	    step == EXPONENT;
}

/* --- one byte -------------------------------------------------------------- */

static enum err
value_byte(struct scan *s, char c, struct why *out_why)
{
	switch (c) {
	case '"':
		value_begins(s, SPAN_STRING);
		s->state = STRING;
		s->step = QUOTED_PLAIN;
		return OK;
	case '{':
		value_begins(s, SPAN_OBJECT);
		return open_level(s, false, out_why);
	case '[':
		value_begins(s, SPAN_ARRAY);
		return open_level(s, true, out_why);
	case 't':
	case 'f':
	case 'n':
		value_begins(s,
		    c == 't'	   ? SPAN_TRUE
			: c == 'f' ? SPAN_FALSE
				   : SPAN_NULL);
		s->state = LITERAL;
		s->step = 1;
		s->code = (unsigned char)c;
		return OK;
	default:
		if (c != '-' && !is_digit(c))
			return syntax(s, "no value", out_why);
		value_begins(s, SPAN_NUMBER);
		s->state = NUMBER;
		s->step = c == '-' ? SIGN : c == '0' ? ZERO : WHOLE;
		return OK;
	}
}

static enum err
key_begins(struct scan *s, char c, struct why *out_why)
{
	if (c != '"')
		return syntax(s, "no key", out_why);
	if (s->depth == 1)
		s->empty = false;
	s->state = may_want(s) ? KEY : OTHER_KEY;
	s->step = QUOTED_PLAIN;
	s->key_len = 0;
	return OK;
}

/* A byte that stands neither in a run of a string or number nor is white
 * space between tokens. */
static enum err
one_byte(struct scan *s, char c, struct why *out_why)
{
	switch ((enum state)s->state) {
	case START:
		if (c != '{')
			return syntax(s, "no object", out_why);
		return open_level(s, false, out_why);
	case FIRST_KEY:
		if (c == '}') {
			close_level(s);
			return OK;
		}
		__attribute__((fallthrough));
	case NEXT_KEY:
		return key_begins(s, c, out_why);
	case KEY:
		return key_byte(s, c, out_why);
	case COLON:
		if (c != ':')
			return syntax(s, "no colon", out_why);
		s->state = VALUE;
		return OK;
	case FIRST_ELEMENT:
		if (c == ']') {
			close_level(s);
			return OK;
		}
		__attribute__((fallthrough));
	case VALUE:
		return value_byte(s, c, out_why);
	case LITERAL:
		return literal_byte(s, c, out_why);
	case AFTER:
		if (c == (in_array(s) ? ']' : '}'))
			close_level(s);
		else if (c != ',')
			return syntax(s, "no comma", out_why);
		else
			s->state = in_array(s) ? VALUE : NEXT_KEY;
		return OK;
	case END:
		return syntax(s, "something behind the end", out_why);
	case OTHER_KEY:
	case STRING:
	case NUMBER:
	case FAILED:
		break;
	}
	return syntax(s, "an earlier error", out_why);
}

/* The inside of a string whose text does not matter. */
static enum err
run_string(struct scan *s, struct str bytes, size_t *out_used,
    struct why *out_why)
{
	enum quoted verdict = quoted_skip(bytes, &s->step, out_used);

	s->at += *out_used;
	if (verdict == QUOTED_BAD)
		return syntax(s, "a bad character or escape in a string",
		    out_why);
	if (verdict == QUOTED_OPEN)
		return OK;
	if (s->state == STRING)
		value_ends(s, s->at + 1);
	else
		s->state = COLON;
	s->at++;
	++*out_used;
	return OK;
}

/* The digits of a number; the byte behind it is left. */
static enum err
run_number(struct scan *s, struct str bytes, size_t *out_used,
    struct why *out_why)
{
	size_t used = 0;
	int next = -1;

	while (used < bytes.len) {
		next = number_step(s->step, bytes.at[used]);
		if (next < 0)
			break;
		s->step = (unsigned)next;
		used++;
	}
	s->at += used;
	*out_used = used;
	if (used == bytes.len)
		return OK;
	if (!number_may_end(s->step))
		return syntax(s, "a broken number", out_why);
	value_ends(s, s->at);
	return OK;
}

enum err
scan_feed(struct scan *s, struct str bytes, struct why *out_why)
{
	const char *p = bytes.at, *end = p + bytes.len;
	enum err e = OK;
	size_t used;

	while (p < end && !e) {
		switch ((enum state)s->state) {
		case STRING:
		case OTHER_KEY:
		case NUMBER:
			e = (s->state == NUMBER ? run_number : run_string)(s,
			    str_at(p, (size_t)(end - p)), &used, out_why);
			p += used;
			continue;
		case START:
		case FIRST_KEY:
		case NEXT_KEY:
		case COLON:
		case VALUE:
		case FIRST_ELEMENT:
		case AFTER:
		case END:
			if (is_space(*p))
				break;
			__attribute__((fallthrough));
		case KEY:
		case LITERAL:
		case FAILED:
			e = one_byte(s, *p, out_why);
			break;
		}
		p++;
		s->at++;
	}
	return e;
}

enum err
scan_end(struct scan *s, struct why *out_why)
{
	return s->state == END ? OK : syntax(s, "an early end", out_why);
}

/* --- values ---------------------------------------------------------------- */

static enum err
add_code_point(struct buf *out, unsigned c)
{
	char u[4];
	size_t n = 0;

	if (c < 0x80) {
		u[n++] = (char)c;
	} else if (c < 0x800) {
		u[n++] = (char)(0xc0 | c >> 6);
		u[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		u[n++] = (char)(0xe0 | c >> 12);
		u[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		u[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		u[n++] = (char)(0xf0 | c >> 18);
		u[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		u[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		u[n++] = (char)(0x80 | (c & 0x3f));
	}
	return buf_add(out, str_at(u, n));
}

/* Four digits at the front of s. */
static bool
hex4(struct str s, unsigned *out)
{
	*out = 0;
	if (s.len < 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		int v = hex_value(s.at[i]);

		if (v < 0)
			return false;
		*out = *out << 4 | (unsigned)v;
	}
	return true;
}

/* What stands behind "\u" at the front of *rest, the second half of a
 * surrogate pair included. */
static enum err
add_unicode(struct str *rest, struct buf *out)
{
	unsigned c, low;

	if (!hex4(*rest, &c))
		return ERR_SYNTAX;
	*rest = str_skip(*rest, 4);
	if (c >= 0xdc00 && c < 0xe000)
		return ERR_SYNTAX;
	if (c >= 0xd800 && c < 0xdc00) {
		if (!str_starts(*rest, STR("\\u")) ||
		    !hex4(str_skip(*rest, 2), &low) || low < 0xdc00 ||
		    low >= 0xe000)
			return ERR_SYNTAX;
		*rest = str_skip(*rest, 6);
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	return add_code_point(out, c);
}

static enum err
undo_escapes(struct str rest, struct buf *out)
{
	enum err e = OK;

	while (rest.len && !e) {
		ptrdiff_t at = str_chr(rest, '\\');
		size_t plain = at < 0 ? rest.len : (size_t)at;
		char c;

		e = buf_add(out, str_first(rest, plain));
		rest = str_skip(rest, plain);
		if (e || !rest.len)
			break;
		if (rest.len < 2)
			return ERR_SYNTAX;
		c = rest.at[1];
		rest = str_skip(rest, 2);
		if (c == 'u')
			e = add_unicode(&rest, out);
		else if (escape_value(c))
			e = buf_addc(out, escape_value(c));
		else
			e = ERR_SYNTAX;
	}
	return e;
}

enum err
span_text(struct str json, const struct span *v, struct buf *out)
{
	size_t had = buf_len(out);
	enum err e;

	assert(v->type == SPAN_STRING && v->to <= json.len &&
	    v->to - v->from >= 2);
	e = undo_escapes(str_at(json.at + v->from + 1, v->to - v->from - 2),
	    out);
	if (e)
		buf_chop(out, buf_len(out) - had);
	return e;
}

enum err
span_i64(struct str json, const struct span *v, int64_t *out)
{
	enum err e;

	if (v->type != SPAN_NUMBER)
		return ERR_VALUE;
	e = str_i64(str_at(json.at + v->from, v->to - v->from), out);
	return e == ERR_SYNTAX ? ERR_VALUE : e;
}

/* --- changing -------------------------------------------------------------- */

enum err
splice_apply(struct str text, const struct splice *splices, size_t count,
    struct buf *out)
{
	size_t at = 0, had = buf_len(out);
	enum err e = OK;

	for (size_t i = 0; i < count && !e; i++) {
		const struct splice *p = &splices[i];

		assert(p->from >= at && p->to >= p->from && p->to <= text.len);
		e = buf_add(out, str_at(text.at + at, p->from - at));
		if (!e)
			e = buf_add(out, p->with);
		at = p->to;
	}
	if (!e)
		e = buf_add(out, str_skip(text, at));
	if (e)
		buf_chop(out, buf_len(out) - had);
	return e;
}
