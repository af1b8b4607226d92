/* SPDX-License-Identifier: MIT */
/* json.h - small JSON documents: read into a tree, written into a buf.
 *
 * For control frames, error documents, configuration and translation; bodies
 * that pass by are the business of span.h and cursor.h.  Reading is strict: no
 * duplicate keys, no text behind the end, no NUL in strings, keys are told
 * apart by case, whole numbers only as far as they are exact. */
#ifndef PROTO_JSON_H
#define PROTO_JSON_H

#include "proto/buf.h"

/* --- reading --------------------------------------------------------------- */

/* A value of a tree; all but the root are borrowed from it. */
struct json;

#define JSON_DEPTH_MAX 96

/* The text of an object or array, at most max_bytes long.  ERR_LIMIT: longer,
 * or nested over JSON_DEPTH_MAX; ERR_SYNTAX; ERR_EXISTS: a key twice in one
 * object (out_why->field names it).  Free it with json_free(). */
enum err json_parse(struct str text, size_t max_bytes, struct json **out_root,
    struct why *out_why) CHECKED;
void json_free(struct json *root);

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};
enum json_type json_type(const struct json *v);

/* The member of an object under a key, or NULL; NULL too when o is NULL or no
 * object, so that calls can be chained. */
const struct json *json_at(const struct json *o, const char *key);

/* The first element of an array or member of an object, the one that follows,
 * and how many there are.  NULL at the end, and of scalars. */
const struct json *json_first(const struct json *v);
const struct json *json_next(const struct json *v);
size_t json_count(const struct json *v);
/* The key of a member; empty for elements. */
struct str json_key(const struct json *v);

/* The value as what it must be, or ERR_VALUE.  -2^53..2^53 for numbers. */
enum err json_as_str(const struct json *v, struct str *out) CHECKED;
enum err json_as_i64(const struct json *v, int64_t *out) CHECKED;
enum err json_as_bool(const struct json *v, bool *out) CHECKED;
/* Of what is no number: 0. */
double json_as_double(const struct json *v);

/* The member that must be there: ERR_UNKNOWN when it is absent or null,
 * ERR_VALUE when it is of another type; out_why->field is the key. */
enum err json_want_str(const struct json *o, const char *key, struct str *out,
    struct why *out_why) CHECKED;
enum err json_want_i64(const struct json *o, const char *key, int64_t min,
    int64_t max, int64_t *out, struct why *out_why) CHECKED;
enum err json_want_bool(const struct json *o, const char *key, bool *out,
    struct why *out_why) CHECKED;
enum err json_want_array(const struct json *o, const char *key,
    const struct json **out, struct why *out_why) CHECKED;

/* The member that may be there: absent or null leaves *out as it was. */
enum err json_may_str(const struct json *o, const char *key, struct str *out,
    struct why *out_why) CHECKED;
enum err json_may_i64(const struct json *o, const char *key, int64_t min,
    int64_t max, int64_t *out, struct why *out_why) CHECKED;
enum err json_may_bool(const struct json *o, const char *key, bool *out,
    struct why *out_why) CHECKED;

/* --- writing ---------------------------------------------------------------
 *
 *	struct json_out j;
 *
 *	json_begin(&j, buf);
 *	json_open(&j, '{');
 *	json_put_key(&j, "rev");	json_put_i64(&j, 7);
 *	json_put_key(&j, "rows");	json_open(&j, '[');
 *	...
 *	json_close(&j, ']');
 *	json_close(&j, '}');
 *	return json_end(&j);
 *
 * Commas and colons place themselves.  The first error is latched; the buffer
 * then holds what it held before, and later calls do nothing.  A misplaced
 * call (a value without a key in an object) is an assert. */

/* Room for our own levels around a tree that was read. */
#define JSON_OUT_DEPTH 128

struct json_out {
	struct buf *to;
	size_t had;
	enum err err;
	unsigned depth;
	/* Bit set: this level is an object; this level has members. */
	uint64_t objects[JSON_OUT_DEPTH / 64], nonempty[JSON_OUT_DEPTH / 64];
	bool after_key;
};

void json_begin(struct json_out *j, struct buf *to);
/* ERR_LIMIT: the buffer's ceiling was reached.  Every level must be closed. */
enum err json_end(struct json_out *j) CHECKED;

/* '{' or '[' opens, '}' or ']' closes. */
void json_open(struct json_out *j, char bracket);
void json_close(struct json_out *j, char bracket);
void json_put_key(struct json_out *j, const char *key);

/* Bytes that are not UTF-8 become U+FFFD. */
void json_put_string(struct json_out *j, struct str s);
/* Would it pass unchanged? */
bool json_is_utf8(struct str s);
void json_put_i64(struct json_out *j, int64_t n);
void json_put_bool(struct json_out *j, bool b);
void json_put_null(struct json_out *j);
/* A whole JSON value as it is: the caller vouches for it. */
void json_put_raw(struct json_out *j, struct str json);
/* A value of a tree, again as text. */
void json_put_tree(struct json_out *j, const struct json *v);

/* Members of an object in one line. */
void json_say(struct json_out *j, const char *key, struct str s);
void json_say_i64(struct json_out *j, const char *key, int64_t n);
void json_say_bool(struct json_out *j, const char *key, bool b);
void json_say_null(struct json_out *j, const char *key);

#endif
