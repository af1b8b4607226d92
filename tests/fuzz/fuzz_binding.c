/* SPDX-License-Identifier: MIT */
/* fuzz_binding.c - lists of tiers, and of a group's members: whatever they are,
 * what is read of them reads the same when it is written anew. */
#include <stdlib.h>

#include "relayd/binding.h"
#include "relayd/group.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(truth)                                                           \
	do {                                                                   \
		if (!(truth))                                                  \
			abort();                                               \
	} while (0)

static void
check_tiers(struct str text)
{
	struct str rest = text;
	struct tier_said t;

	while (binding_next(&rest, &t)) {
		CHECK(t.kind == TIER_POOL ? !t.name.len
					  : field_is_name(t.name));
		CHECK(binding_names(text, t.kind, t.name));
	}
	CHECK(rest.len <= text.len);
}

static void
check_members(struct str text)
{
	struct str rest = text, again;
	struct group_said m, n;
	struct buf out;

	buf_init(&out, 32 * text.len + 64);
	while (group_said_next(&rest, &m)) {
		CHECK(field_is_name(m.name));
		CHECK(m.priority <= 100 && m.weight <= WEIGHT_MAX);
		CHECK(group_said_put(&out, &m) == OK);
	}
	rest = text;
	again = buf_str(&out);
	while (group_said_next(&again, &n)) {
		CHECK(group_said_next(&rest, &m));
		CHECK(str_eq(m.name, n.name) && m.priority == n.priority &&
		    m.weight == n.weight);
	}
	CHECK(!again.len && !group_said_next(&rest, &m));
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_at((const char *)data, size);

	check_tiers(text);
	check_members(text);
	return 0;
}
