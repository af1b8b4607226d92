/* SPDX-License-Identifier: MIT */
/* entry.c - what the ledger says of a request in the ring. */
#include "relayd/entry.h"

#include <assert.h>

#include "store/journal.h"

#include "relayd/receipt.h"

/* Texts of a receipt, and all its attempts, are cut to fit into an entry. */
#define TEXT_MAX     256
#define ATTEMPTS_MAX 4096
#define FAULT_MAX    24

/* Whole characters of UTF-8 stay whole. */
static struct str
text_cut(struct str s, size_t most)
{
	size_t n = most;

	if (s.len <= most)
		return s;
	while (n > 0 && ((uint8_t)s.at[n] & 0xc0) == 0x80)
		n--;
	return str_first(s, n);
}

static struct str
attempts_cut(struct str s)
{
	struct str rest = str_first(s, ATTEMPTS_MAX), list = rest;
	struct attempt_rec a;

	if (s.len <= ATTEMPTS_MAX)
		return s;
	while (rec_attempts_next(&rest, &a))
		continue;
	return str_first(list, list.len - rest.len);
}

static void
put(struct buf *out, const struct ulid *id, const struct receipt_rec *r)
{
	enum err e;

	buf_clear(out);
	buf_must(out, str_at((const char *)id->byte, sizeof(id->byte)));
	e = receipt_rec_write(r, out);
	assert(e == OK);
}

#define CUT_TEXT(name) cut.name = text_cut(cut.name, TEXT_MAX);
#define CUT_U64(name)
#define CUT_I64(name)
#define CUT_FLAG(name)

void
entry_write(struct buf *out, const struct ulid *id, const struct receipt_rec *r)
{
	struct receipt_rec cut = *r;

	cut.attempts = (struct str){ .at = NULL };
#define X(type, name, since) CUT_##type(name)
#include "store/rec/receipt.def"
#undef X
	cut.attempts = attempts_cut(r->attempts);
	/* Bounded by who makes it (SPENT_TEXT_MAX), and worth nothing cut. */
	cut.budgets = r->budgets;
	put(out, id, &cut);
}

/* --- the short form -------------------------------------------------------- */

/* Numbers of seven bytes, which is nine years in us or a quarter of a billion
 * dollars; a price's id is a hash and takes ten. */
#define NUMBER_MAX ((UINT64_C(1) << 48) - 1)
#define ID_MORE	   3

#define SIZE_TEXT 1
#define SIZE_U64  7
#define SIZE_I64  7
#define SIZE_FLAG 1

enum {
	SHORT_MAX = sizeof(struct ulid) + 1 + ID_MORE
#define X(type, name, since) +SIZE_##type
#include "store/rec/receipt.def"
#undef X
};
_Static_assert(SHORT_MAX <= JOURNAL_PROMISE_MAX,
    "an end has more numbers than are promised room");

static uint64_t
lesser_u64(uint64_t n)
{
	return n < NUMBER_MAX ? n : NUMBER_MAX;
}

static int64_t
lesser_i64(int64_t n)
{
	return n < (int64_t)NUMBER_MAX ? n : (int64_t)NUMBER_MAX;
}

#define SHORT_TEXT(name) cut.name = (struct str){ .at = NULL };
#define SHORT_U64(name)	 cut.name = lesser_u64(cut.name);
#define SHORT_I64(name)	 cut.name = lesser_i64(cut.name);
#define SHORT_FLAG(name)

void
entry_write_short(struct buf *out, const struct ulid *id,
    const struct receipt_rec *r)
{
	struct receipt_rec cut = *r;

#define X(type, name, since) SHORT_##type(name)
#include "store/rec/receipt.def"
#undef X
	cut.price_id = r->price_id;
	cut.flags |= RECEIPT_SHORTENED;
	/* Another account than it was opened with matters most. */
	cut.account = text_cut(r->account, TEXT_MAX);
	cut.fault = text_cut(r->fault, FAULT_MAX);
	/* Those of another account, too, when that is what it came to. */
	cut.budgets = r->budgets;
	put(out, id, &cut);
	if (buf_len(out) <= JOURNAL_PROMISE_MAX)
		return;
	cut.budgets = (struct str){ .at = NULL };
	put(out, id, &cut);
	if (buf_len(out) <= JOURNAL_PROMISE_MAX)
		return;
	cut.account = cut.fault = (struct str){ .at = NULL };
	put(out, id, &cut);
}

#define COMPLETE_TEXT(name)                                                    \
	if (!io_end->name.len)                                                 \
		io_end->name = opened->name;
#define COMPLETE_U64(name)
#define COMPLETE_I64(name)
#define COMPLETE_FLAG(name)

void
entry_complete(struct receipt_rec *io_end, const struct receipt_rec *opened)
{
#define X(type, name, since) COMPLETE_##type(name)
#include "store/rec/receipt.def"
#undef X
}
