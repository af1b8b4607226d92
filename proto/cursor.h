/* SPDX-License-Identifier: MIT */
/* cursor.h - walk through a whole JSON text without building it.
 *
 * For the events of a stream, of which thousands pass each second and in
 * which one or two numbers matter.  Values are handed out as the bytes they
 * are; to look inside one, put another cursor on it.  Nothing is allocated,
 * nothing recurses, and no text, however broken, leads outside of its bytes.
 * It is lenient: what is not JSON ends the walk, and what is skipped is not
 * checked beyond its brackets and quotes. */
#ifndef PROTO_CURSOR_H
#define PROTO_CURSOR_H

#include "proto/str.h"

struct cursor {
	const char *at, *end;
	char close; /* '}', ']', or 0 when there is nothing to walk through */
};

/* One member of an object, or element of an array (whose key is empty). */
struct member {
	struct str key;	  /* between the quotes, escapes and all */
	struct str value; /* without white space around it */
};

/* Begin before the first member of an object or array; any other text has
 * no members. */
void cursor_init(struct cursor *c, struct str json);
bool cursor_next(struct cursor *c, struct member *out);

/* Is this the member's key?  (Spelled without escapes.) */
static inline bool
member_is(const struct member *m, struct str key)
{
	return str_eq(m->key, key);
}

/* The value under a key of an object, or an empty str. */
struct str cursor_find(struct str json, struct str key);

/* What stands between the quotes of a string, escapes and all; an empty str
 * for all other values. */
struct str raw_text(struct str value);
/* A whole number that is not negative; the others are ERR_SYNTAX. */
enum err raw_count(struct str value, int64_t *out) CHECKED;
/* The same, and as programs without whole numbers write it: 1000.0, 1e3.
 * ERR_LIMIT: whole, but too many. */
enum err raw_whole(struct str value, int64_t *out) CHECKED;
static inline bool
raw_is_object(struct str value)
{
	return value.len && value.at[0] == '{';
}
static inline bool
raw_is_array(struct str value)
{
	return value.len && value.at[0] == '[';
}
/* null, "", [] and {} say nothing, and nor does an empty str. */
bool raw_says_nothing(struct str value);
/* The printable ASCII of a string's text into a C string of size bytes; what
 * does not fit is left away.  Leaves out alone when there is no text. */
void raw_copy(struct str value, char *out, size_t size);

#endif
