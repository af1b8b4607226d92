/* SPDX-License-Identifier: MIT */
/* fuzz_headrule.c - what is accepted is lines of a head and nothing more, and
 * reads the same when it is written anew. */
#include <stdlib.h>

#include "relayd/headrule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(truth)                                                           \
	do {                                                                   \
		if (!(truth))                                                  \
			abort();                                               \
	} while (0)

static bool
is_line(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] < ' ' || s.at[i] > '~')
			return false;
	return true;
}

static void
check_same(struct str a, struct str b)
{
	struct headrule r, s;

	while (headrule_next(&a, &r)) {
		CHECK(headrule_next(&b, &s));
		CHECK(r.removes == s.removes && str_eq(r.name, s.name));
		CHECK(str_eq(r.value, s.value));
	}
	CHECK(!headrule_next(&b, &s));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_at((const char *)data, size), rest = text;
	struct headrule r, found;
	struct why why;
	struct buf again;
	unsigned count = 0;

	if (headrule_check(text, &why))
		return 0;
	buf_init(&again, 3 * size + 64);
	while (headrule_next(&rest, &r)) {
		CHECK(r.name.len && is_line(r.name) && is_line(r.value));
		CHECK(str_chr(r.name, ':') < 0 && str_chr(r.name, ' ') < 0);
		CHECK(r.removes == !r.value.len);
		CHECK(headrule_find(text, r.name, &found));
		CHECK(found.name.at == r.name.at);
		if (r.removes)
			buf_mustf(&again, "-%.*s|", STR_ARG(r.name));
		else
			buf_mustf(&again, "%.*s:%.*s|", STR_ARG(r.name),
			    STR_ARG(r.value));
		count++;
	}
	CHECK(count <= HEADRULES_MAX);
	CHECK(headrule_check(buf_str(&again), &why) == OK);
	check_same(text, buf_str(&again));
	buf_fini(&again);
	return 0;
}
