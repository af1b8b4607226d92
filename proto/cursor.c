/* SPDX-License-Identifier: MIT */
/* cursor.c - walk through a whole JSON text without building it. */
#include "proto/cursor.h"

#include "proto/quoted.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

/* From the opening quote to behind the closing one, or NULL. */
static const char *
skip_string(const char *p, const char *end)
{
	unsigned step = QUOTED_PLAIN;
	size_t used;

	p++;
	if (quoted_skip(str_at(p, (size_t)(end - p)), &step, &used) !=
	    QUOTED_CLOSED)
		return NULL;
	return p + used + 1;
}

/* From an opening bracket to behind the one that closes it, or NULL. */
static const char *
skip_nest(const char *p, const char *end)
{
	size_t depth = 0;

	while (p && p < end) {
		switch (*p) {
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (--depth == 0)
				return p + 1;
			break;
		case '"':
			p = skip_string(p, end);
			continue;
		default:
			break;
		}
		p++;
	}
	return NULL;
}

static const char *
skip_scalar(const char *p, const char *end)
{
	while (p < end && *p != ',' && *p != '}' && *p != ']' && !is_space(*p))
		p++;
	return p;
}

static const char *
skip_value(const char *p, const char *end)
{
	if (*p == '"')
		return skip_string(p, end);
	if (*p == '{' || *p == '[')
		return skip_nest(p, end);
	return skip_scalar(p, end);
}

void
cursor_init(struct cursor *c, struct str json)
{
	const char *p, *end;

	*c = (struct cursor){ .close = 0 };
	if (!json.len)
		return;
	end = json.at + json.len;
	p = skip_space(json.at, end);
	*c = (struct cursor){ .at = p, .end = end };
	if (p < end && (*p == '{' || *p == '[')) {
		c->close = *p == '{' ? '}' : ']';
		c->at = skip_space(p + 1, end);
	}
}

/* The key and the colon; leaves c->at before the value. */
static bool
next_key(struct cursor *c, struct str *out)
{
	const char *from = c->at, *to;

	if (*from != '"')
		return false;
	to = skip_string(from, c->end);
	if (!to)
		return false;
	*out = str_at(from + 1, (size_t)(to - from - 2));
	to = skip_space(to, c->end);
	if (to == c->end || *to != ':')
		return false;
	c->at = skip_space(to + 1, c->end);
	return c->at < c->end;
}

static bool
finish(struct cursor *c)
{
	c->close = 0;
	return false;
}

bool
cursor_next(struct cursor *c, struct member *out)
{
	const char *to;

	if (!c->close || c->at >= c->end || *c->at == c->close)
		return finish(c);
	out->key = str_at("", 0);
	if (c->close == '}' && !next_key(c, &out->key))
		return finish(c);
	to = skip_value(c->at, c->end);
	if (!to || to == c->at)
		return finish(c);
	out->value = str_at(c->at, (size_t)(to - c->at));
	to = skip_space(to, c->end);
	/* The end of the object or array must follow as well: a text that
	 * was cut says nothing by its last, perhaps half, value. */
	if (to == c->end || (*to != ',' && *to != c->close))
		return finish(c);
	c->at = *to == ',' ? skip_space(to + 1, c->end) : to;
	return true;
}

struct str
cursor_find(struct str json, struct str key)
{
	struct cursor c;
	struct member m;

	cursor_init(&c, json);
	while (cursor_next(&c, &m)) {
		if (member_is(&m, key))
			return m.value;
	}
	return str_at("", 0);
}

struct str
raw_text(struct str value)
{
	if (value.len < 2 || value.at[0] != '"')
		return str_at("", 0);
	return str_at(value.at + 1, value.len - 2);
}

enum err
raw_count(struct str value, int64_t *out)
{
	enum err e;
	int64_t n;

	e = str_i64(value, &n);
	if (e)
		return e;
	if (n < 0)
		return ERR_SYNTAX;
	*out = n;
	return OK;
}

/* *io = *io * 10 ^ power + digit; false: that is too many. */
static bool
shift(int64_t *io, size_t power, int digit)
{
	int64_t n = *io;

	for (; n && power; power--)
		if (__builtin_mul_overflow(n, 10, &n))
			return false;
	return !__builtin_add_overflow(n, digit, io);
}

/* The "e3" at the end of a number; more than EXPONENT_MAX is as good as that.
 * False: it is none. */
#define EXPONENT_MAX 100000
static bool
take_exponent(struct str s, int64_t *out)
{
	bool minus;

	*out = 0;
	if (!s.len)
		return true;
	if ((s.at[0] | 0x20) != 'e')
		return false;
	s = str_skip(s, 1);
	minus = s.len && s.at[0] == '-';
	if (s.len && (s.at[0] == '-' || s.at[0] == '+'))
		s = str_skip(s, 1);
	if (!s.len)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return false;
		if (*out < EXPONENT_MAX)
			*out = *out * 10 + (s.at[i] - '0');
	}
	if (minus)
		*out = -*out;
	return true;
}

enum err
raw_whole(struct str value, int64_t *out)
{
	size_t i = 0, zeros = 0, places = 0, digits = 0;
	bool point = false;
	int64_t n = 0, power;

	if (!raw_count(value, out))
		return OK;
	/* The zeros behind a digit are kept back, so that those at the end can
	 * be of any number. */
	for (; i < value.len; i++) {
		char c = value.at[i];

		if (c == '.' && !point && digits) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9')
			break;
		digits++;
		places += point;
		zeros++;
		if (c == '0')
			continue;
		if (!shift(&n, zeros, c - '0'))
			return ERR_LIMIT;
		zeros = 0;
	}
	if (!digits || (point && !places) ||
	    !take_exponent(str_skip(value, i), &power))
		return ERR_SYNTAX;
	power += (int64_t)zeros - (int64_t)places;
	/* Its last digit is none of the zeros, so it stays behind the point. */
	if (n && power < 0)
		return ERR_SYNTAX;
	if (!shift(&n, n ? (size_t)power : 0, 0))
		return ERR_LIMIT;
	*out = n;
	return OK;
}

bool
raw_says_nothing(struct str value)
{
	struct cursor c;

	if (!value.len)
		return true;
	switch (value.at[0]) {
	case '"':
		return value.len == 2;
	case 'n':
		return true;
	case '{':
	case '[':
		cursor_init(&c, value);
		return c.at < c.end && *c.at == c.close;
	default:
		return false;
	}
}

void
raw_copy(struct str value, char *out, size_t size)
{
	struct str text = raw_text(value);
	size_t n = 0;

	if (!text.len)
		return;
	for (size_t i = 0; i < text.len && n + 1 < size; i++) {
		char c = text.at[i];

		if (c >= ' ' && c <= '~')
			out[n++] = c;
	}
	out[n] = '\0';
}
