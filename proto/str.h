/* SPDX-License-Identifier: MIT */
/* str.h - borrowed bytes.
 *
 * A struct str points into memory that somebody else owns; it need not end
 * with NUL and may hold any byte.  It is passed by value and is valid until
 * the next call on its owner. */
#ifndef PROTO_STR_H
#define PROTO_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/err.h"

struct str {
	const char *at;
	size_t len;
};

/* A literal as a str; and for printf: "%.*s", STR_ARG(s). */
#define STR(literal)                                                           \
	((struct str){ .at = (literal), .len = sizeof(literal) - 1 })
#define STR_ARG(s) (int)(s).len, (s).at

static inline struct str
str_of(const char *c)
{
	return (struct str){ .at = c, .len = c ? strlen(c) : 0 };
}

static inline struct str
str_at(const char *at, size_t len)
{
	return (struct str){ .at = at, .len = len };
}

static inline bool
str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.at, b.at, a.len));
}

/* Equal but for the case of ASCII letters. */
bool str_ieq(struct str a, struct str b);

/* Order of bytes, as memcmp(3). */
int str_cmp(struct str a, struct str b);

bool str_starts(struct str s, struct str with);
bool str_istarts(struct str s, struct str with);
bool str_ends(struct str s, struct str with);

/* Where `what` first stands in s, or -1. */
ptrdiff_t str_find(struct str s, struct str what);
ptrdiff_t str_ifind(struct str s, struct str what);
ptrdiff_t str_chr(struct str s, char c);

/* s from byte n on (empty when shorter), and the first n bytes of it. */
struct str str_skip(struct str s, size_t n);
struct str str_first(struct str s, size_t n);

/* Cut at the first c: returns what stands before it and leaves in *rest what
 * follows.  Without a c the whole of *rest is returned and *rest becomes
 * { NULL, 0 }, which ends a loop `while (rest.at)`. */
struct str str_cut(struct str *rest, char c);

/* Without spaces and tabs at both ends. */
struct str str_trim(struct str s);

/* The next member of a comma-separated header list, trimmed; empty members
 * are skipped.  Returns false at the end. */
bool str_list_next(struct str *rest, struct str *out_member);

/* Decimal digits only, the whole of s; ERR_SYNTAX otherwise, ERR_LIMIT when it
 * does not fit. */
enum err str_u64(struct str s, uint64_t *out) CHECKED;
enum err str_i64(struct str s, int64_t *out) CHECKED;

/* The value of a hex digit of either case, or -1. */
int str_hex_digit(char c);

/* A shell-like glob over the whole of s: `*` any run of bytes, `?` one byte.
 * ASCII case does not matter (model names are compared so). */
bool str_glob(struct str s, struct str pattern);
/* Does `wide` fit whatever `narrow` fits? */
bool str_glob_covers(struct str wide, struct str narrow);

#endif
