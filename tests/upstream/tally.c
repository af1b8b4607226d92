/* SPDX-License-Identifier: MIT */
/* tally.c - an open hash of counts; names are never forgotten one by one. */
#include "tests/upstream/tally.h"

#include <inttypes.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "tests/upstream/json.h"

void
tally_fini(struct tally *t)
{
	for (size_t i = 0; i < t->size; i++)
		free(t->slot[i].name);
	free(t->slot);
	*t = (struct tally){ .slot = NULL };
}

static size_t
hash(struct str s)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.at[i]) * 1099511628211u;
	return (size_t)(h ^ h >> 32);
}

static struct count *
find(struct tally *t, struct str name)
{
	size_t i = hash(name) & (t->size - 1);

	while (t->slot[i].name && !str_eq(name, str_of(t->slot[i].name)))
		i = (i + 1) & (t->size - 1);
	return &t->slot[i];
}

static void
grow(struct tally *t)
{
	struct tally old = *t;

	t->size = old.size ? old.size * 2 : 64;
	t->slot = xcalloc(t->size, sizeof(*t->slot));
	for (size_t i = 0; i < old.size; i++)
		if (old.slot[i].name)
			*find(t, str_of(old.slot[i].name)) = old.slot[i];
	free(old.slot);
}

struct count *
tally_at(struct tally *t, struct str name)
{
	struct count *c;

	if (t->used * 2 >= t->size)
		grow(t);
	c = find(t, name);
	if (!c->name) {
		c->name = xmemdup(name.len ? name.at : "", name.len);
		t->used++;
	}
	return c;
}

void
tally_json(const struct tally *t, struct buf *out)
{
	const char *comma = "";

	buf_must(out, STR("{"));
	for (size_t i = 0; i < t->size; i++) {
		if (!t->slot[i].total && !t->slot[i].now)
			continue;
		buf_must(out, str_of(comma));
		json_add(out, str_of(t->slot[i].name));
		buf_mustf(out, ":{\"total\":%" PRIu64 ",\"now\":%" PRIu64 "}",
		    t->slot[i].total, t->slot[i].now);
		comma = ",";
	}
	buf_must(out, STR("}"));
}
