/* SPDX-License-Identifier: MIT */
/* json.c - small JSON documents read into a tree (the reading half of json.h;
 * json_put.c is the writing half).
 *
 * cJSON builds the tree, but takes much that is not JSON.  So the text is
 * first judged by the scanner of span.h, and the tree then by a walk that
 * refuses duplicate keys.  A struct json is a cJSON node under another name. */
#include "proto/json.h"

#include <math.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "proto/mem.h"
#include "proto/span.h"

/* Whole numbers up to here are exact in a double. */
#define EXACT_MAX ((INT64_C(1) << 53) - 1)

static const cJSON *
node(const struct json *v)
{
	return (const cJSON *)(const void *)v;
}

static const struct json *
json_of(const cJSON *n)
{
	return (const struct json *)(const void *)n;
}

/* --- reading --------------------------------------------------------------- */

/* An array is judged as the only member of an object. */
static enum err
judge_text(struct str text, bool array, struct why *out_why)
{
	struct scan s;
	enum err e = OK;

	scan_init(&s, NULL, 0);
	if (array)
		e = scan_feed(&s, STR("{\"\":"), out_why);
	if (!e)
		e = scan_feed(&s, text, out_why);
	if (!e && array)
		e = scan_feed(&s, STR("}"), out_why);
	if (!e)
		e = scan_end(&s, out_why);
	return e;
}

/* Is there a \u0000, at which cJSON would silently cut a string? */
static bool
has_nul_escape(struct str text)
{
	size_t slashes = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] != '\\') {
			slashes = 0;
			continue;
		}
		if (++slashes % 2 &&
		    str_starts(str_skip(text, i + 1), STR("u0000")))
			return true;
	}
	return false;
}

static int
by_key(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Refuse an object that has a key twice. */
static enum err
judge_keys(const cJSON *object, struct why *out_why)
{
	size_t count = 0, i = 0;
	const char **keys;
	const cJSON *m;
	enum err e = OK;

	cJSON_ArrayForEach(m, object) count++;
	if (count < 2)
		return OK;
	keys = xcalloc(count, sizeof(*keys));
	cJSON_ArrayForEach(m, object) keys[i++] = m->string;
	qsort(keys, count, sizeof(*keys), by_key);
	for (i = 1; i < count && !e; i++) {
		if (!strcmp(keys[i - 1], keys[i]))
			e = why_set(out_why, ERR_EXISTS, keys[i],
			    "\"%s\" occurs twice", keys[i]);
	}
	free(keys);
	return e;
}

static enum err
judge_tree(const cJSON *n, unsigned depth, struct why *out_why)
{
	const cJSON *child;
	enum err e = OK;

	if (depth > JSON_DEPTH_MAX)
		return why_set(out_why, ERR_LIMIT, "",
		    "the JSON text is nested more than %d deep",
		    JSON_DEPTH_MAX);
	if (cJSON_IsObject(n))
		e = judge_keys(n, out_why);
	cJSON_ArrayForEach(child, n)
	{
		if (e)
			break;
		if (cJSON_IsNumber(child) && !isfinite(child->valuedouble))
			e = why_set(out_why, ERR_SYNTAX, "",
			    "a number out of all range");
		else if (child->child)
			e = judge_tree(child, depth + 1, out_why);
	}
	return e;
}

static struct str
without_space(struct str s)
{
	while (s.len && strchr(" \t\r\n", s.at[0]) && s.at[0])
		s = str_skip(s, 1);
	while (s.len && strchr(" \t\r\n", s.at[s.len - 1]) && s.at[s.len - 1])
		s.len--;
	return s;
}

enum err
json_parse(struct str text, size_t max_bytes, struct json **out_root,
    struct why *out_why)
{
	const char *end = NULL;
	cJSON *root;
	enum err e;

	if (text.len > max_bytes)
		return why_set(out_why, ERR_LIMIT, "",
		    "the JSON text is longer than %zu bytes", max_bytes);
	text = without_space(text);
	e = judge_text(text, text.len && text.at[0] == '[', out_why);
	if (e)
		return e;
	if (has_nul_escape(text))
		return why_set(out_why, ERR_SYNTAX, "",
		    "a NUL character in a JSON string");
	root = cJSON_ParseWithLengthOpts(text.at, text.len, &end, false);
	if (!root || end != text.at + text.len) {
		cJSON_Delete(root);
		return why_set(out_why, ERR_SYNTAX, "", "malformed JSON");
	}
	e = judge_tree(root, 1, out_why);
	if (e) {
		cJSON_Delete(root);
		return e;
	}
	*out_root = (struct json *)(void *)root;
	return OK;
}

void
json_free(struct json *root)
{
	cJSON_Delete((cJSON *)(void *)root);
}

/* --- walking --------------------------------------------------------------- */

enum json_type
json_type(const struct json *v)
{
	const cJSON *n = node(v);

	return cJSON_IsObject(n) ? JSON_OBJECT
	    : cJSON_IsArray(n)	 ? JSON_ARRAY
	    : cJSON_IsString(n)	 ? JSON_STRING
	    : cJSON_IsNumber(n)	 ? JSON_NUMBER
	    : cJSON_IsBool(n)	 ? JSON_BOOL
				 : JSON_NULL;
}

const struct json *
json_at(const struct json *o, const char *key)
{
	if (!o || !cJSON_IsObject(node(o)))
		return NULL;
	return json_of(cJSON_GetObjectItemCaseSensitive(node(o), key));
}

const struct json *
json_first(const struct json *v)
{
	return v ? json_of(node(v)->child) : NULL;
}

const struct json *
json_next(const struct json *v)
{
	return json_of(node(v)->next);
}

size_t
json_count(const struct json *v)
{
	size_t n = 0;

	for (v = json_first(v); v; v = json_next(v))
		n++;
	return n;
}

struct str
json_key(const struct json *v)
{
	return str_of(node(v)->string ? node(v)->string : "");
}

/* --- values ---------------------------------------------------------------- */

enum err
json_as_str(const struct json *v, struct str *out)
{
	if (!v || json_type(v) != JSON_STRING)
		return ERR_VALUE;
	*out = str_of(node(v)->valuestring);
	return OK;
}

enum err
json_as_i64(const struct json *v, int64_t *out)
{
	double d;

	if (!v || json_type(v) != JSON_NUMBER)
		return ERR_VALUE;
	d = node(v)->valuedouble;
	/* Written so that a NaN is refused as well. */
	if (!(d >= (double)-EXACT_MAX && d <= (double)EXACT_MAX) ||
	    (double)(int64_t)d != d)
		return ERR_VALUE;
	*out = (int64_t)d;
	return OK;
}

enum err
json_as_bool(const struct json *v, bool *out)
{
	if (!v || json_type(v) != JSON_BOOL)
		return ERR_VALUE;
	*out = cJSON_IsTrue(node(v));
	return OK;
}

static bool
is_absent(const struct json *v)
{
	return !v || json_type(v) == JSON_NULL;
}

static enum err
missing(const char *key, struct why *out_why)
{
	return why_set(out_why, ERR_UNKNOWN, key, "%s is missing", key);
}

static enum err
wrong(const char *key, const char *what, struct why *out_why)
{
	return why_set(out_why, ERR_VALUE, key, "%s must be %s", key, what);
}

enum err
json_may_str(const struct json *o, const char *key, struct str *out,
    struct why *out_why)
{
	const struct json *v = json_at(o, key);

	if (is_absent(v))
		return OK;
	return json_as_str(v, out) ? wrong(key, "a string", out_why) : OK;
}

enum err
json_may_i64(const struct json *o, const char *key, int64_t min, int64_t max,
    int64_t *out, struct why *out_why)
{
	const struct json *v = json_at(o, key);
	int64_t n;

	if (is_absent(v))
		return OK;
	if (json_as_i64(v, &n))
		return wrong(key, "a whole number", out_why);
	if (n < min || n > max)
		return why_set(out_why, ERR_VALUE, key,
		    "%s must be from %lld to %lld", key, (long long)min,
		    (long long)max);
	*out = n;
	return OK;
}

enum err
json_may_bool(const struct json *o, const char *key, bool *out,
    struct why *out_why)
{
	const struct json *v = json_at(o, key);

	if (is_absent(v))
		return OK;
	return json_as_bool(v, out) ? wrong(key, "true or false", out_why) : OK;
}

enum err
json_want_str(const struct json *o, const char *key, struct str *out,
    struct why *out_why)
{
	if (is_absent(json_at(o, key)))
		return missing(key, out_why);
	return json_may_str(o, key, out, out_why);
}

enum err
json_want_i64(const struct json *o, const char *key, int64_t min, int64_t max,
    int64_t *out, struct why *out_why)
{
	if (is_absent(json_at(o, key)))
		return missing(key, out_why);
	return json_may_i64(o, key, min, max, out, out_why);
}

enum err
json_want_bool(const struct json *o, const char *key, bool *out,
    struct why *out_why)
{
	if (is_absent(json_at(o, key)))
		return missing(key, out_why);
	return json_may_bool(o, key, out, out_why);
}

static enum err
want_type(const struct json *o, const char *key, enum json_type type,
    const char *what, const struct json **out, struct why *out_why)
{
	const struct json *v = json_at(o, key);

	if (is_absent(v))
		return missing(key, out_why);
	if (json_type(v) != type)
		return wrong(key, what, out_why);
	*out = v;
	return OK;
}

enum err
json_want_array(const struct json *o, const char *key, const struct json **out,
    struct why *out_why)
{
	return want_type(o, key, JSON_ARRAY, "an array", out, out_why);
}

double
json_as_double(const struct json *v)
{
	return v && json_type(v) == JSON_NUMBER ? node(v)->valuedouble : 0;
}
