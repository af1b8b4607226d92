/* SPDX-License-Identifier: MIT */
/* fuzz_rec.c - what is read as a record is written as the very same bytes. */
#include <stdlib.h>

#include "store/rec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* What a record of an older version may grow by when it is written. */
#define GROWTH 1024

static void
one_record(const struct rec_kind *kind, struct str from)
{
	char *rec = malloc(kind->size);
	struct buf again;

	buf_init(&again, from.len + GROWTH);
	if (rec && rec_read(kind, from, rec) == OK) {
		if (rec_write(kind, rec, &again))
			abort();
		if ((uint8_t)from.at[0] == kind->version &&
		    !str_eq(buf_str(&again), from))
			abort();
	}
	buf_fini(&again);
	free(rec);
}

static void
attempts(struct str from)
{
	struct str rest = from;
	struct attempt_rec a;
	struct buf again;

	buf_init(&again, from.len + 1);
	while (rec_attempts_next(&rest, &a))
		if (rec_attempts_add(&again, &a))
			abort();
	if (!str_eq(buf_str(&again), str_first(from, from.len - rest.len)))
		abort();
	buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	/* NULL: a list of attempts. */
	static const struct rec_kind *const kinds[] = { &account_kind,
		&apikey_kind, &receipt_kind, &attempt_kind, &rollup_kind, NULL,
		&audit_kind, &budget_kind, &user_kind };
	const struct rec_kind *kind;
	struct str from;

	if (len == 0)
		return 0;
	from = str_at((const char *)bytes + 1, len - 1);
	kind = kinds[bytes[0] % (sizeof(kinds) / sizeof(kinds[0]))];
	if (kind)
		one_record(kind, from);
	else
		attempts(from);
	return 0;
}
