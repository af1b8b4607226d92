/* SPDX-License-Identifier: MIT */
/* fuzz_json.c - hostile control frames: what is read must be written so that
 * it is read again as the same. */
#include <assert.h>

#include "proto/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define MAX ((size_t)64 * 1024)

static void
write_tree(const struct json *v, struct buf *out)
{
	struct json_out j;
	enum err e;

	buf_init(out, 8 * MAX);
	json_begin(&j, out);
	json_put_tree(&j, v);
	e = json_end(&j);
	assert(e == OK);
}

/* Ask everything for everything. */
static void
touch(const struct json *v)
{
	struct str s = { NULL, 0 };
	int64_t n;
	bool b;

	if (json_as_str(v, &s) == OK)
		assert(json_type(v) == JSON_STRING && !memchr(s.at, 0, s.len));
	if (json_as_i64(v, &n) == OK)
		assert(json_type(v) == JSON_NUMBER);
	if (json_as_bool(v, &b) == OK)
		assert(json_type(v) == JSON_BOOL);
	for (const struct json *c = json_first(v); c; c = json_next(c)) {
		if (json_type(v) == JSON_OBJECT)
			assert(json_at(v, json_key(c).at) == c);
		touch(c);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct str text = str_at((const char *)bytes, len);
	struct json *root = NULL, *again = NULL;
	struct why why = { .text = "" };
	struct buf one, two;
	enum err e;

	e = json_parse(text, MAX, &root, &why);
	assert(!e == !why.text[0]);
	if (e)
		return 0;
	touch(root);
	write_tree(root, &one);
	/* Invalid UTF-8 has become U+FFFD: two keys may now be one. */
	e = json_parse(buf_str(&one), 8 * MAX, &again, &why);
	assert(e == OK || e == ERR_EXISTS);
	if (e == OK) {
		touch(again);
		write_tree(again, &two);
		assert(!str_cmp(buf_str(&one), buf_str(&two)));
		buf_fini(&two);
		json_free(again);
	}
	buf_fini(&one);
	json_free(root);
	return 0;
}
