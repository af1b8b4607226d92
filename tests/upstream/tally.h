/* SPDX-License-Identifier: MIT */
/* tally.h - counts under names: paths, request ids, `once` ids. */
#ifndef TESTS_UPSTREAM_TALLY_H
#define TESTS_UPSTREAM_TALLY_H

#include <stdint.h>

#include "proto/buf.h"
#include "proto/str.h"

struct count {
	char *name;
	uint64_t total, now;
};

struct tally {
	struct count *slot;
	size_t used, size;
};

void tally_fini(struct tally *t);
/* The count of a name, made when it is new; valid until the next call. */
struct count *tally_at(struct tally *t, struct str name);
/* {"name":{"total":n,"now":n},...}, without those that are zero. */
void tally_json(const struct tally *t, struct buf *out);

#endif
