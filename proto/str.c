/* SPDX-License-Identifier: MIT */
/* str.c - borrowed bytes: compare, cut, trim, numbers. */
#include "proto/str.h"

#include <strings.h>

static inline char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool
str_ieq(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.at[i]) != lower(b.at[i]))
			return false;
	return true;
}

int
str_cmp(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n ? memcmp(a.at, b.at, n) : 0;

	if (r)
		return r;
	return a.len < b.len ? -1 : a.len > b.len;
}

bool
str_starts(struct str s, struct str with)
{
	return s.len >= with.len && str_eq(str_first(s, with.len), with);
}

bool
str_istarts(struct str s, struct str with)
{
	return s.len >= with.len && str_ieq(str_first(s, with.len), with);
}

bool
str_ends(struct str s, struct str with)
{
	return s.len >= with.len && str_eq(str_skip(s, s.len - with.len), with);
}

ptrdiff_t
str_find(struct str s, struct str what)
{
	const char *p;

	if (what.len == 0)
		return 0;
	if (s.len < what.len)
		return -1;
	p = memmem(s.at, s.len, what.at, what.len);
	return p ? p - s.at : -1;
}

ptrdiff_t
str_ifind(struct str s, struct str what)
{
	for (size_t i = 0; i + what.len <= s.len; i++)
		if (str_ieq(str_at(s.at + i, what.len), what))
			return (ptrdiff_t)i;
	return -1;
}

ptrdiff_t
str_chr(struct str s, char c)
{
	const char *p;

	if (s.len == 0)
		return -1;
	p = memchr(s.at, c, s.len);
	return p ? p - s.at : -1;
}

struct str
str_skip(struct str s, size_t n)
{
	/* Not even zero may be added to NULL. */
	if (!s.at)
		return s;
	if (n >= s.len)
		return (struct str){ .at = s.at + s.len, .len = 0 };
	return (struct str){ .at = s.at + n, .len = s.len - n };
}

struct str
str_first(struct str s, size_t n)
{
	return (struct str){ .at = s.at, .len = n < s.len ? n : s.len };
}

struct str
str_cut(struct str *rest, char c)
{
	struct str whole = *rest;
	ptrdiff_t i = str_chr(whole, c);

	if (i < 0) {
		*rest = (struct str){ .at = NULL, .len = 0 };
		return whole;
	}
	*rest = str_skip(whole, (size_t)i + 1);
	return str_first(whole, (size_t)i);
}

struct str
str_trim(struct str s)
{
	while (s.len && (s.at[0] == ' ' || s.at[0] == '\t'))
		s = str_skip(s, 1);
	while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

bool
str_list_next(struct str *rest, struct str *out_member)
{
	while (rest->at) {
		struct str member = str_trim(str_cut(rest, ','));

		if (member.len) {
			*out_member = member;
			return true;
		}
	}
	return false;
}

enum err
str_u64(struct str s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(s.at[i] - '0');

		if (s.at[i] < '0' || s.at[i] > '9')
			return ERR_SYNTAX;
		if (n > (UINT64_MAX - digit) / 10)
			return ERR_LIMIT;
		n = n * 10 + digit;
	}
	*out = n;
	return OK;
}

enum err
str_i64(struct str s, int64_t *out)
{
	bool minus = s.len && s.at[0] == '-';
	uint64_t n;
	enum err e;

	e = str_u64(minus ? str_skip(s, 1) : s, &n);
	if (e)
		return e;
	/* The smallest number has no positive counterpart. */
	if (n > (uint64_t)INT64_MAX + minus)
		return ERR_LIMIT;
	*out = minus ? (int64_t)(0 - n) : (int64_t)n;
	return OK;
}

int
str_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
str_glob(struct str s, struct str pattern)
{
	size_t i = 0, p = 0, star = SIZE_MAX, mark = 0;

	while (i < s.len) {
		if (p < pattern.len && pattern.at[p] == '*') {
			star = p++;
			mark = i;
		} else if (p < pattern.len &&
		    (pattern.at[p] == '?' ||
			lower(pattern.at[p]) == lower(s.at[i]))) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.at[p] == '*')
		p++;
	return p == pattern.len;
}

/* As above, with a pattern for the text: a "*" of it may be anything, so only a
 * "*" takes it. */
bool
str_glob_covers(struct str wide, struct str narrow)
{
	size_t star = SIZE_MAX, mark = 0, w = 0, n = 0;

	while (n < narrow.len) {
		char c = narrow.at[n];

		if (w < wide.len && wide.at[w] == '*') {
			star = w++;
			mark = n;
		} else if (c != '*' && w < wide.len &&
		    (wide.at[w] == '?' ||
			(c != '?' && lower(c) == lower(wide.at[w])))) {
			w++;
			n++;
		} else if (star != SIZE_MAX) {
			w = star + 1;
			n = ++mark;
		} else {
			return false;
		}
	}
	while (w < wide.len && wide.at[w] == '*')
		w++;
	return w == wide.len;
}
