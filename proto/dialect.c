/* SPDX-License-Identifier: MIT */
/* dialect.c - the register of dialects. */
#include "proto/dialect.h"

static const struct dialect *const dialects[] = {
#define X(name) &dialect_##name,
#include "proto/dialect.def"
#undef X
};

const struct dialect *
dialect_find(struct str name)
{
	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
		if (str_eq(name, str_of(dialects[i]->name)))
			return dialects[i];
	}
	return NULL;
}
