/* SPDX-License-Identifier: MIT */
/* test_ledger.c - every request is counted once, whatever happens to relayd. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/mem.h"
#include "proto/usage.h"

#include "store/journal.h"

#include "relayd/ledger.h"
#include "relayd/log.h"
#include "relayd/receipt.h"
#include "tests/support/storebox.h"

#define DAY_MS	INT64_C(86400000)
#define DAY_MIN 1440
#define DAY_0	20000 /* days since 1970; where most of these play */

/* The memory backend, with its db known, to make it fail. */
static void *spy_db;

static enum err
spy_open(const char *dir, size_t map_size, void **out_db, struct why *out_why)
{
	enum err e = store_mem.open(dir, map_size, out_db, out_why);

	spy_db = *out_db;
	return e;
}

struct box {
	struct storebox store;
	struct ledger *l;
};

static void
box_ledger(struct box *b)
{
	struct why why = { .text = "" };

	if (ledger_new(b->store.s, b->store.dir, &b->l, &why))
		fail_msg("%s", why.text);
}

static void
box_init(struct box *b, const struct store_ops *ops)
{
	struct why why = { .text = "" };

	*b = (struct box){ .l = NULL };
	storebox_init(&b->store);
	if (storebox_open(&b->store, ops, &why))
		fail_msg("%s", why.text);
	box_ledger(b);
}

static void
box_fini(struct box *b)
{
	storebox_close(&b->store);
	ledger_free(b->l);
	storebox_fini(&b->store);
}

/* As after a kill: what is in the ring stays there.  (No thread runs yet.) */
static void
box_again(struct box *b)
{
	ledger_free(b->l);
	box_ledger(b);
}

static struct ulid
id_of(uint32_t n)
{
	uint8_t random[10] = { 0 };

	memcpy(random + 2, &n, sizeof(n));
	random[9] = (uint8_t)(n * 7);
	return ulid_make((int64_t)DAY_0 * DAY_MS + n, random);
}

static const struct receipt_rec plain = {
	.key_id = { "k1", 2 },
	.account = { "north", 5 },
	.client = { "claude-cli/2.1", 14 },
	.model = { "opus", 4 },
	.status = 200,
	.outcome = OUTCOME_OK,
	.input = 10,
	.output = 3,
	.bytes_in = 400,
	.total_us = 1000,
};

static void
done(struct box *b, uint32_t n, const struct receipt_rec *r)
{
	struct ulid id = id_of(n);

	assert_int_equal(ledger_done(b->l, &id, r), OK);
}

static void
open_(struct box *b, uint32_t n, const struct receipt_rec *r)
{
	struct ulid id = id_of(n);

	assert_int_equal(ledger_open(b->l, &id, r), OK);
}

static void
end_(struct box *b, uint32_t n, const struct receipt_rec *r)
{
	struct ulid id = id_of(n);

	ledger_end(b->l, &id, r);
}

/* --- asking ---------------------------------------------------------------- */

struct answer {
	bool here, more;
	enum err e;
	size_t count;
	struct ledger_check check;
	struct receipt_row receipts[LEDGER_RECEIPTS_MAX];
	struct usage_row usage[64];
	struct rollup_rec whole;
	struct buf texts; /* what the rows point at */
};

/* The rows' texts last for the call only. */
static struct str
keep(struct answer *a, struct str s)
{
	size_t at = buf_len(&a->texts);

	buf_must(&a->texts, s);
	return str_at(a->texts.mem + at, s.len);
}

static void
on_receipts(void *arg, enum err e, const struct why *why,
    const struct receipt_row *rows, size_t count, bool more)
{
	struct answer *a = arg;

	(void)why;
	a->e = e;
	a->count = count;
	a->more = more;
	for (size_t i = 0; i < count; i++) {
		a->receipts[i] = rows[i];
		a->receipts[i].rec.model = keep(a, rows[i].rec.model);
		a->receipts[i].rec.key_id = keep(a, rows[i].rec.key_id);
		a->receipts[i].rec.fault = keep(a, rows[i].rec.fault);
		a->receipts[i].rec.attempts = keep(a, rows[i].rec.attempts);
	}
	a->here = true;
}

static void
on_usage(void *arg, enum err e, const struct why *why,
    const struct usage_answer *got)
{
	struct answer *a = arg;

	(void)why;
	assert_true(got->count <= 64);
	a->e = e;
	a->count = got->count;
	a->whole = got->total;
	for (size_t i = 0; i < got->count; i++) {
		a->usage[i] = got->rows[i];
		a->usage[i].name = keep(a, got->rows[i].name);
		a->usage[i].model = keep(a, got->rows[i].model);
	}
	a->here = true;
}

static void
on_verify(void *arg, enum err e, const struct why *why,
    const struct ledger_check *check)
{
	struct answer *a = arg;

	(void)why;
	a->e = e;
	a->check = *check;
	a->here = true;
}

static struct answer *
answer_new(void)
{
	struct answer *a = xcalloc(1, sizeof(*a));
	char *at;
	size_t room;

	buf_init(&a->texts, 4 << 20);
	/* It must not move: the rows point into it. */
	assert_int_equal(buf_room(&a->texts, 4 << 20, &at, &room), OK);
	return a;
}

static void
answer_free(struct answer *a)
{
	buf_fini(&a->texts);
	free(a);
}

static struct answer *
ask_receipts(struct box *b, const struct receipts_query *q)
{
	struct answer *a = answer_new();

	ledger_receipts(b->l, q, on_receipts, a);
	storebox_wait(&b->store, &a->here);
	assert_int_equal(a->e, OK);
	return a;
}

static struct answer *
ask_usage(struct box *b, const struct usage_query *q)
{
	struct answer *a = answer_new();

	ledger_usage(b->l, q, on_usage, a);
	storebox_wait(&b->store, &a->here);
	assert_int_equal(a->e, OK);
	return a;
}

static struct ledger_check
ask_verify(struct box *b)
{
	struct answer *a = answer_new();
	struct ledger_check check;

	ledger_verify(b->l, on_verify, a);
	storebox_wait(&b->store, &a->here);
	assert_int_equal(a->e, OK);
	check = a->check;
	answer_free(a);
	return check;
}

static void
assert_sums_agree(struct box *b, uint64_t receipts)
{
	struct ledger_check check = ask_verify(b);

	if (check.differences)
		fail_msg("%s", check.first);
	assert_int_equal(check.receipts, receipts);
}

static enum err
nothing(struct txn *t, void *arg, struct why *out_why)
{
	(void)t;
	(void)arg;
	(void)out_why;
	return OK;
}

/* A job of the writer's takes what was fed before it along. */
static void
wait_folded(struct box *b)
{
	while (ledger_fill(b->l) > 0)
		assert_int_equal(storebox_run(&b->store, LANE_WRITE, nothing,
				     NULL, NULL),
		    OK);
	assert_int_equal(storebox_run(&b->store, LANE_WRITE, nothing, NULL,
			     NULL),
	    OK);
	assert_int_equal(storebox_run(&b->store, LANE_WRITE, nothing, NULL,
			     NULL),
	    OK);
}

static struct rollup_rec
total(struct box *b)
{
	struct answer *a =
	    ask_usage(b, &(struct usage_query){ .by = DIMENSION_ALL });
	struct rollup_rec sum = { .requests = 0 };

	assert_true(a->count <= 1);
	if (a->count)
		sum = a->usage[0].sum;
	answer_free(a);
	return sum;
}

/* --- the tests, over both backends ----------------------------------------- */

static const struct store_ops *
ops_of(void **state)
{
	return *state;
}

static void
a_request_is_a_receipt_and_sums(void **state)
{
	struct answer *a;
	struct box b;

	box_init(&b, ops_of(state));
	storebox_start(&b.store);
	open_(&b, 1, &plain);
	end_(&b, 1, &plain);
	wait_folded(&b);
	a = ask_receipts(&b, &(struct receipts_query){ .limit = 0 });
	assert_int_equal(a->count, 1);
	assert_false(a->more);
	assert_int_equal(a->receipts[0].rec.output, 3);
	assert_true(str_eq(a->receipts[0].rec.model, STR("opus")));
	answer_free(a);
	assert_int_equal(total(&b).requests, 1);
	assert_int_equal(total(&b).errors, 0);
	assert_int_equal(total(&b).input, 10);
	assert_int_equal(total(&b).total_us, 1000);
	assert_sums_agree(&b, 1);
	box_fini(&b);
}

static void
a_drained_ring_leaves_no_file(void **state)
{
	struct ledger_found found;
	struct box b;

	box_init(&b, ops_of(state));
	done(&b, 1, &plain);
	box_again(&b);
	found = *ledger_found(b.l);
	assert_int_equal(found.rings, 1);
	assert_int_equal(found.entries, 1);
	/* The new one is empty, and goes with its ledger. */
	box_again(&b);
	found = *ledger_found(b.l);
	assert_int_equal(found.rings, 0);
	box_fini(&b);
}

static void
a_request_open_at_a_kill_is_interrupted(void **state)
{
	struct receipt_rec sent = plain;
	struct answer *a;
	struct box b;

	sent.input = sent.output = 0;
	box_init(&b, ops_of(state));
	open_(&b, 1, &sent);
	open_(&b, 2, &sent);
	end_(&b, 1, &plain);
	box_again(&b);
	assert_int_equal(ledger_found(b.l)->interrupted, 1);
	/* Once only. */
	box_again(&b);
	assert_int_equal(ledger_found(b.l)->interrupted, 0);
	storebox_start(&b.store);
	a = ask_receipts(&b, &(struct receipts_query){ .limit = 0 });
	assert_int_equal(a->count, 2);
	assert_int_equal(a->receipts[1].rec.outcome, OUTCOME_OK);
	assert_int_equal(a->receipts[0].rec.outcome, OUTCOME_INTERRUPTED);
	assert_int_equal(a->receipts[0].rec.flags,
	    RECEIPT_INTERRUPTED | RECEIPT_ESTIMATED);
	assert_int_equal(a->receipts[0].rec.input, 100);
	answer_free(a);
	assert_int_equal(total(&b).errors, 1);
	assert_int_equal(total(&b).estimated, 1);
	assert_int_equal(total(&b).input, 110);
	assert_sums_agree(&b, 2);
	box_fini(&b);
}

static enum err
find_ring(void *arg, const char *path, struct why *out_why)
{
	(void)out_why;
	snprintf(arg, 512, "%s", path);
	return OK;
}

static void
replaying_a_ring_twice_changes_nothing(void **state)
{
	struct rollup_rec before, after;
	char path[512] = "", command[1200];
	struct box b;

	box_init(&b, ops_of(state));
	for (uint32_t n = 0; n < 3000; n++) {
		if (n % 2)
			open_(&b, n, &plain);
		if (n % 2 && n % 5)
			end_(&b, n, &plain);
		else if (n % 5)
			done(&b, n, &plain);
	}
	assert_int_equal(journal_each(b.store.dir, NULL, find_ring, path, NULL),
	    OK);
	snprintf(command, sizeof(command), "cp '%s' '%s.copy'", path, path);
	assert_int_equal(system(command), 0);
	box_again(&b);
	assert_int_equal(ledger_found(b.l)->interrupted, 300);
	ledger_free(b.l);
	/* The file is back and its position forgotten, as when a folder was
	 * not synced before the power went. */
	snprintf(command, sizeof(command), "mv '%s.copy' '%s'", path, path);
	assert_int_equal(system(command), 0);
	box_ledger(&b);
	assert_int_equal(ledger_found(b.l)->rings, 1);
	assert_int_equal(ledger_found(b.l)->entries, 1500 + 2400);
	assert_int_equal(ledger_found(b.l)->interrupted, 0);
	storebox_start(&b.store);
	before = (struct rollup_rec){ .requests = 2700, .input = 0 };
	after = total(&b);
	assert_int_equal(after.requests, before.requests);
	assert_sums_agree(&b, 2700);
	box_fini(&b);
}

static void
a_request_said_to_be_done_twice_counts_once(void **state)
{
	struct box b;

	box_init(&b, ops_of(state));
	storebox_start(&b.store);
	done(&b, 1, &plain);
	done(&b, 1, &plain);
	wait_folded(&b);
	done(&b, 1, &plain);
	open_(&b, 1, &plain);
	wait_folded(&b);
	assert_int_equal(total(&b).requests, 1);
	assert_sums_agree(&b, 1);
	box_fini(&b);
}

static void
a_full_ring_refuses_until_it_is_drained(void **state)
{
	struct receipt_rec long_one = plain, refused = plain;
	char text[256];
	struct ulid id;
	uint32_t n = 0;
	struct box b;
	enum err e;

	memset(text, 'x', sizeof(text));
	long_one.fault = long_one.model = str_at(text, sizeof(text));
	refused.outcome = OUTCOME_REFUSED;
	box_init(&b, ops_of(state));
	for (;;) {
		id = id_of(n);
		if (ledger_open(b.l, &id, &long_one))
			break;
		end_(&b, n++, &long_one);
	}
	/* The rest is for the ends of what was let in. */
	assert_in_range(ledger_fill(b.l), 75, 77);
	assert_int_equal(ledger_done(b.l, &id, &refused), ERR_FULL);
	do {
		id = id_of(n++);
		e = ledger_done(b.l, &id, &long_one);
	} while (!e);
	assert_int_equal(e, ERR_FULL);
	assert_in_range(ledger_fill(b.l), 99, 100);
	storebox_start(&b.store);
	wait_folded(&b);
	assert_int_equal(ledger_fill(b.l), 0);
	done(&b, n - 1, &plain);
	wait_folded(&b);
	assert_sums_agree(&b, n);
	box_fini(&b);
}

static void
long_texts_are_cut_and_attempts_stay_whole(void **state)
{
	struct attempt_rec one = { .account = STR("north"),
		.status = 500,
		.outcome = ATTEMPT_ERROR_STATUS };
	struct receipt_rec r = plain;
	char text[300];
	struct answer *a;
	struct buf tries;
	struct str rest;
	struct box b;
	unsigned n = 0;

	/* U+00E9 lies across the cut. */
	memset(text, 'x', sizeof(text));
	memcpy(text + 255, "\xc3\xa9", 2);
	r.fault = str_at(text, sizeof(text));
	one.error = str_at(text, 200);
	buf_init(&tries, 1 << 16);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(rec_attempts_add(&tries, &one), OK);
	r.attempts = buf_str(&tries);
	box_init(&b, ops_of(state));
	storebox_start(&b.store);
	done(&b, 1, &r);
	wait_folded(&b);
	a = ask_receipts(&b, &(struct receipts_query){ .limit = 1 });
	assert_int_equal(a->count, 1);
	assert_int_equal(a->receipts[0].rec.fault.len, 255);
	rest = a->receipts[0].rec.attempts;
	while (rec_attempts_next(&rest, &one))
		n++;
	assert_int_equal(rest.len, 0);
	assert_in_range(n, 10, 39);
	answer_free(a);
	buf_fini(&tries);
	assert_sums_agree(&b, 1);
	box_fini(&b);
}

static void
add_try(struct buf *to, const char *account, enum attempt_outcome outcome)
{
	struct attempt_rec a = { .account = str_of(account),
		.outcome = outcome };

	assert_int_equal(rec_attempts_add(to, &a), OK);
}

/* Of the four requests below. */
static const struct {
	enum dimension by;
	const char *name;
	uint64_t requests, errors;
	int64_t input;
	const char *model;
} sums_wanted[] = {
	{ DIMENSION_ALL, "", 4, 3, 30, NULL },
	{ DIMENSION_KEY, "k1", 3, 2, 20, NULL },
	{ DIMENSION_KEY, "k2", 1, 1, 10, NULL },
	/* Tries, and of nobody: the one that was refused. */
	{ DIMENSION_ACCOUNT, "", 1, 1, 0, NULL },
	{ DIMENSION_ACCOUNT, "north", 2, 2, 10, NULL },
	{ DIMENSION_ACCOUNT, "south", 2, 1, 20, NULL },
	{ DIMENSION_MODEL, "", 1, 1, 0, NULL },
	{ DIMENSION_MODEL, "haiku", 1, 1, 10, NULL },
	{ DIMENSION_MODEL, "opus/4:1", 2, 1, 20, NULL },
	{ DIMENSION_CLIENT, "", 1, 1, 0, NULL },
	{ DIMENSION_CLIENT, "claude-cli/2.1", 3, 2, 30, NULL },
	{ DIMENSION_USER, "", 1, 1, 0, NULL },
	{ DIMENSION_USER, "uid:1000", 3, 2, 30, NULL },
	/* A request with two tags is counted under both. */
	{ DIMENSION_TAG, "", 2, 2, 10, NULL },
	{ DIMENSION_TAG, "ci", 2, 1, 20, NULL },
	{ DIMENSION_TAG, "night shift", 1, 1, 10, NULL },
	{ DIMENSION_KEY_MODEL, "k1", 1, 1, 0, "" },
	{ DIMENSION_KEY_MODEL, "k1", 2, 1, 20, "opus/4:1" },
	{ DIMENSION_KEY_MODEL, "k2", 1, 1, 10, "haiku" },
	{ DIMENSION_ACCOUNT_MODEL, "", 1, 1, 0, "" },
	{ DIMENSION_ACCOUNT_MODEL, "north", 1, 1, 10, "haiku" },
	{ DIMENSION_ACCOUNT_MODEL, "north", 1, 1, 0, "opus/4:1" },
	{ DIMENSION_ACCOUNT_MODEL, "south", 2, 1, 20, "opus/4:1" },
};

static void
sums_are_kept_by_everything_one_asks_for(void **state)
{
	struct receipt_rec refused = { .key_id = STR("k1"),
		.model = STR("anything"),
		.outcome = OUTCOME_REFUSED };
	struct receipt_rec switched = plain, failed = plain, cut = plain;
	struct buf tries[3];
	size_t met = 0;
	struct box b;

	for (unsigned i = 0; i < 3; i++)
		buf_init(&tries[i], 1000);
	add_try(&tries[0], "north", ATTEMPT_CONNECT);
	add_try(&tries[0], "south", ATTEMPT_OK);
	add_try(&tries[1], "north", ATTEMPT_TIMEOUT);
	add_try(&tries[2], "south", ATTEMPT_CUT);
	switched.model = cut.model = STR("opus/4:1");
	switched.user = failed.user = cut.user = STR("uid:1000");
	switched.tags = STR("ci");
	cut.tags = STR("ci, night shift,ci,");
	switched.account = cut.account = STR("south");
	switched.attempts = buf_str(&tries[0]);
	failed.outcome = OUTCOME_FAILED;
	failed.model = STR("haiku");
	failed.key_id = STR("k2");
	failed.attempts = buf_str(&tries[1]);
	cut.outcome = OUTCOME_CUT;
	cut.attempts = buf_str(&tries[2]);
	box_init(&b, ops_of(state));
	storebox_start(&b.store);
	done(&b, 1, &switched);
	done(&b, 2, &failed);
	done(&b, 3, &refused);
	done(&b, 4, &cut);
	wait_folded(&b);
	for (unsigned d = 0; d < DIMENSION_COUNT; d++) {
		struct answer *a = ask_usage(&b,
		    &(struct usage_query){ .by = (enum dimension)d });

		for (size_t i = 0; i < a->count; i++, met++) {
			const struct usage_row *row = &a->usage[i];

			assert_int_equal(sums_wanted[met].by, d);
			assert_true(str_eq(row->name,
			    str_of(sums_wanted[met].name)));
			if (sums_wanted[met].model)
				assert_true(str_eq(row->model,
				    str_of(sums_wanted[met].model)));
			assert_int_equal(row->sum.requests,
			    sums_wanted[met].requests);
			assert_int_equal(row->sum.errors,
			    sums_wanted[met].errors);
			assert_int_equal(row->sum.input,
			    sums_wanted[met].input);
		}
		answer_free(a);
	}
	assert_int_equal(met, sizeof(sums_wanted) / sizeof(sums_wanted[0]));
	assert_sums_agree(&b, 4);
	for (unsigned i = 0; i < 3; i++)
		buf_fini(&tries[i]);
	box_fini(&b);
}

static void
a_try_at_the_account_that_answered_does_not_name_it_again(void **state)
{
	struct receipt_rec r = plain, compact;
	struct str rest;
	struct attempt_rec a;
	struct buf tries, out;

	(void)state;
	buf_init(&tries, 1000);
	buf_init(&out, 1000);
	add_try(&tries, "south", ATTEMPT_CONNECT);
	add_try(&tries, "north", ATTEMPT_OK);
	r.attempts = buf_str(&tries);
	compact = r;
	receipt_compact(&compact, &out);
	assert_int_equal(compact.attempts.len, r.attempts.len - 5);
	rest = compact.attempts;
	assert_true(receipt_attempts_next(&compact, &rest, &a));
	assert_true(str_eq(a.account, STR("south")));
	assert_int_equal(a.outcome, ATTEMPT_CONNECT);
	assert_true(receipt_attempts_next(&compact, &rest, &a));
	assert_true(str_eq(a.account, STR("north")));
	assert_false(receipt_attempts_next(&compact, &rest, &a));
	/* Those that cannot be read stay as they are. */
	r.attempts = STR("\377\377broken");
	receipt_compact(&r, &out);
	assert_true(str_eq(r.attempts, STR("\377\377broken")));
	buf_fini(&tries);
	buf_fini(&out);
}

static void
usage_is_told_by_day_and_name(void **state)
{
	struct receipt_rec r = plain;
	struct answer *a;
	struct box b;

	box_init(&b, ops_of(state));
	storebox_start(&b.store);
	for (uint32_t day = 0; day < 5; day++) {
		for (uint32_t n = 0; n <= day; n++) {
			uint8_t random[10] = { (uint8_t)n };
			struct ulid id = ulid_make((DAY_0 + day) * DAY_MS +
				(n ? DAY_MS - 1 : 0),
			    random);

			r.key_id = n % 2 ? STR("odd") : STR("even");
			assert_int_equal(ledger_done(b.l, &id, &r), OK);
		}
	}
	wait_folded(&b);
	a = ask_usage(&b,
	    &(struct usage_query){ .by = DIMENSION_ALL,
		.per = PERIOD_DAY,
		.since_ms = (DAY_0 + 1) * DAY_MS,
		.until_ms = (DAY_0 + 4) * DAY_MS });
	assert_int_equal(a->count, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(a->usage[i].minute, (DAY_0 + 1 + i) * DAY_MIN);
		assert_int_equal(a->usage[i].sum.requests, 2 + i);
	}
	answer_free(a);
	a = ask_usage(&b,
	    &(struct usage_query){
		.by = DIMENSION_KEY, .key = STR("odd"), .per = PERIOD_DAY });
	assert_int_equal(a->count, 4);
	assert_int_equal(a->usage[0].minute, (DAY_0 + 1) * DAY_MIN);
	assert_int_equal(a->usage[3].sum.requests, 2);
	assert_true(str_eq(a->usage[3].name, STR("odd")));
	answer_free(a);
	a = ask_usage(&b, &(struct usage_query){ .by = DIMENSION_KEY });
	assert_int_equal(a->count, 2);
	assert_int_equal(a->usage[0].sum.requests, 9);
	assert_int_equal(a->usage[1].sum.requests, 6);
	answer_free(a);
	assert_sums_agree(&b, 15);
	box_fini(&b);
}

static void
receipts_are_paged_newest_first(void **state)
{
	struct receipts_query q = { .limit = 7 };
	struct receipt_rec r = plain;
	struct ulid id = id_of(33);
	uint32_t next = 100;
	struct answer *a;
	struct box b;

	box_init(&b, ops_of(state));
	storebox_start(&b.store);
	for (uint32_t n = 0; n < 100; n++) {
		r.key_id = n % 10 ? STR("often") : STR("rare");
		r.status = n;
		done(&b, n, &r);
	}
	wait_folded(&b);
	for (bool more = true; more;) {
		a = ask_receipts(&b, &q);
		for (size_t i = 0; i < a->count; i++)
			assert_int_equal(a->receipts[i].rec.status, --next);
		more = a->more;
		if (more)
			q.before = a->receipts[a->count - 1].id;
		answer_free(a);
	}
	assert_int_equal(next, 0);
	a = ask_receipts(&b,
	    &(struct receipts_query){ .key_id = STR("rare"),
		.since = id_of(20),
		.before = id_of(80) });
	assert_int_equal(a->count, 6);
	assert_int_equal(a->receipts[0].rec.status, 70);
	assert_int_equal(a->receipts[5].rec.status, 20);
	assert_false(a->more);
	answer_free(a);
	a = ask_receipts(&b,
	    &(struct receipts_query){ .model = STR("sonnet") });
	assert_int_equal(a->count, 0);
	answer_free(a);
	a = answer_new();
	ledger_receipt(b.l, &id, on_receipts, a);
	storebox_wait(&b.store, &a->here);
	assert_int_equal(a->count, 1);
	assert_int_equal(a->receipts[0].rec.status, 33);
	answer_free(a);
	id = id_of(100);
	a = answer_new();
	ledger_receipt(b.l, &id, on_receipts, a);
	storebox_wait(&b.store, &a->here);
	assert_int_equal(a->count, 0);
	answer_free(a);
	box_fini(&b);
}

/* More than one transaction looks at. */
static void
long_questions_are_asked_in_parts(void **state)
{
	struct receipt_rec r = plain;
	char name[16];
	struct answer *a;
	struct box b;

	box_init(&b, ops_of(state));
	storebox_start(&b.store);
	for (uint32_t n = 0; n < 17000; n++) {
		snprintf(name, sizeof(name), "k%05u", n);
		r.key_id = str_of(n == 5 ? "the-one" : name);
		done(&b, n, &r);
		if (n % 4000 == 0)
			wait_folded(&b);
	}
	wait_folded(&b);
	a = ask_receipts(&b,
	    &(struct receipts_query){ .key_id = STR("the-one") });
	assert_int_equal(a->count, 1);
	answer_free(a);
	a = ask_usage(&b,
	    &(struct usage_query){
		.by = DIMENSION_KEY, .key = STR("the-one") });
	assert_int_equal(a->count, 1);
	assert_int_equal(a->usage[0].sum.requests, 1);
	answer_free(a);
	assert_sums_agree(&b, 17000);
	box_fini(&b);
}

static enum err
spoil(struct txn *t, void *arg, struct why *out_why)
{
	const struct rollup_rec *to = arg;
	struct rollup_key k = rollup_key_of(PERIOD_DAY, DAY_0 * DAY_MIN,
	    DIMENSION_KEY, STR("k1"), STR(""));
	struct buf b;
	enum err e;

	(void)out_why;
	if (!to)
		return txn_del(t, TABLE_rollup, str_at(k.bytes, k.len));
	buf_init(&b, 200);
	e = rollup_rec_write(to, &b);
	if (!e)
		e = txn_put(t, TABLE_rollup, str_at(k.bytes, k.len),
		    buf_str(&b));
	buf_fini(&b);
	return e;
}

static enum err
spoil_receipts(struct txn *t, void *arg, struct why *out_why)
{
	struct ulid id = id_of(1);

	(void)arg;
	(void)out_why;
	return txn_del(t, TABLE_receipt, str_at((const char *)id.byte, 16));
}

static void
verify_finds_what_is_wrong(void **state)
{
	struct rollup_rec wrong = { .requests = 2 };
	struct ledger_check check;
	struct box b;

	box_init(&b, ops_of(state));
	storebox_start(&b.store);
	done(&b, 1, &plain);
	wait_folded(&b);
	assert_sums_agree(&b, 1);
	assert_int_equal(storebox_run(&b.store, LANE_WRITE, spoil, &wrong,
			     NULL),
	    OK);
	check = ask_verify(&b);
	/* The day is not that of its receipts, nor the month that of its days. */
	assert_int_equal(check.differences, 2);
	assert_non_null(strstr(check.first, "k1"));
	assert_int_equal(storebox_run(&b.store, LANE_WRITE, spoil, NULL, NULL),
	    OK);
	check = ask_verify(&b);
	assert_int_equal(check.differences, 2);
	assert_int_equal(storebox_run(&b.store, LANE_WRITE, spoil_receipts,
			     NULL, NULL),
	    OK);
	check = ask_verify(&b);
	assert_int_equal(check.receipts, 0);
	/* Minutes, hours and days of what is kept of them. */
	assert_true(check.differences > 2 * DIMENSION_COUNT);
	box_fini(&b);
}

static void
swallow(void *arg, enum log_level level, struct str line)
{
	(void)level;
	*(bool *)arg = str_find(line, STR("kept_as")) >= 0;
}

static void
a_damaged_ring_is_set_aside(void **state)
{
	char path[512] = "", bad[600];
	bool said = false;
	struct box b;
	FILE *f;

	box_init(&b, ops_of(state));
	done(&b, 1, &plain);
	assert_int_equal(journal_each(b.store.dir, NULL, find_ring, path, NULL),
	    OK);
	ledger_free(b.l);
	f = fopen(path, "r+");
	assert_non_null(f);
	fputs("spoiled", f);
	fclose(f);
	log_capture(swallow, &said);
	box_ledger(&b);
	log_capture(NULL, NULL);
	assert_true(said);
	assert_int_equal(ledger_found(b.l)->damaged, 1);
	snprintf(bad, sizeof(bad), "%s.bad", path);
	assert_int_equal(access(bad, F_OK), 0);
	assert_int_equal(access(path, F_OK), -1);
	box_fini(&b);
}

/* Opened, done, done again, killed, in any order. */
static void
random_lives_are_each_counted_once(void **state)
{
	enum {
		MOST = 4000
	};
	bool *is_known = xcalloc(MOST, sizeof(bool));
	uint64_t known = 0, interrupted = 0;
	struct box b;

	srand(23);
	box_init(&b, ops_of(state));
	for (unsigned step = 0; step < 20000; step++) {
		uint32_t n = (uint32_t)rand() % MOST;
		struct receipt_rec r = plain;

		r.outcome = (uint64_t)rand() % OUTCOME_COUNT;
		r.output = rand() % 1000;
		r.key_id = rand() % 2 ? STR("k1") : STR("k2");
		r.account = rand() % 3 ? STR("north") : STR("");
		known += !is_known[n];
		is_known[n] = true;
		if (rand() % 2)
			open_(&b, n, &r);
		else
			done(&b, n, &r);
		if (rand() % 500 == 0) {
			box_again(&b);
			interrupted += ledger_found(b.l)->interrupted;
		}
	}
	box_again(&b);
	assert_true(interrupted > 0);
	storebox_start(&b.store);
	assert_int_equal(total(&b).requests, known);
	assert_sums_agree(&b, known);
	box_fini(&b);
	free(is_known);
}

/* As long as a receipt can be: with tries and an error in words. */
static void
make_long(struct receipt_rec *r, struct buf *tries)
{
	static const char text[] = "the upstream said something very long "
				   "about what it did not like in here";

	for (int i = 0; i < 3; i++)
		assert_int_equal(rec_attempts_add(tries,
				     &(struct attempt_rec){
					 .account = STR("north"),
					 .status = 529,
					 .error = str_of(text) }),
		    OK);
	r->attempts = buf_str(tries);
	r->fault = r->upstream_model = str_of(text);
}

/* Everything that is open, and many refusals, while nothing is drained. */
static uint32_t
fill_ring(struct box *b, const struct receipt_rec *end, bool *is_open)
{
	uint32_t n = 0, ended = 0;
	struct ulid id;

	srand(31);
	for (;; n++) {
		id = id_of(n);
		if (ledger_open(b->l, &id, &plain))
			break;
		is_open[n] = true;
		if (rand() % 3)
			continue;
		end_(b, n, end);
		is_open[n] = false;
		ended++;
	}
	assert_in_range(ended, n / 5, n / 2);
	return n;
}

static unsigned
tries_of(const struct receipt_rec *r)
{
	struct str rest = r->attempts;
	struct attempt_rec a;
	unsigned n = 0;

	while (rec_attempts_next(&rest, &a))
		n++;
	assert_int_equal(rest.len, 0);
	return n;
}

static void
an_end_has_room_in_a_ring_that_is_full(void **state)
{
	enum {
		MOST = 60000
	};
	bool *is_open = xcalloc(MOST, sizeof(*is_open));
	struct receipt_rec end = plain;
	uint64_t shortened = 0;
	struct answer *a;
	struct buf tries;
	uint32_t opened, more;
	struct box b;

	buf_init(&tries, 4096);
	make_long(&end, &tries);
	end.output = 700;
	end.price_id = UINT64_MAX;
	end.cost_micro = INT64_C(1) << 40;
	box_init(&b, ops_of(state));
	opened = fill_ring(&b, &end, is_open);
	assert_in_range(ledger_fill(b.l), 20, 77);
	/* What is not promised goes to others, to the last byte. */
	for (more = 0;; more++) {
		struct ulid id = id_of(opened + more);

		if (ledger_done(b.l, &id, &plain))
			break;
	}
	for (uint32_t n = 0; n < opened; n++)
		if (is_open[n])
			end_(&b, n, &end);
	storebox_start(&b.store);
	wait_folded(&b);
	assert_int_equal(total(&b).requests, opened + more);
	assert_int_equal(total(&b).output, opened * 700 + more * 3);
	assert_sums_agree(&b, opened + more);
	a = ask_receipts(&b,
	    &(struct receipts_query){ .before = id_of(opened) });
	assert_int_equal(a->count, LEDGER_RECEIPTS_MAX);
	for (size_t i = 0; i < a->count; i++) {
		const struct receipt_rec *r = &a->receipts[i].rec;
		bool is_short = r->flags & RECEIPT_SHORTENED;

		assert_true(str_eq(r->model, plain.model));
		assert_true(str_eq(r->key_id, plain.key_id));
		assert_int_equal(r->price_id, end.price_id);
		assert_int_equal(r->cost_micro, end.cost_micro);
		assert_int_equal(tries_of(r), is_short ? 0 : 3);
		assert_int_equal(r->fault.len, is_short ? 24 : end.fault.len);
		shortened += is_short;
	}
	assert_in_range(shortened, 50, LEDGER_RECEIPTS_MAX);
	answer_free(a);
	box_fini(&b);
	buf_fini(&tries);
	free(is_open);
}

/* The same, when the daemon is killed over it. */
static void
a_full_ring_is_replayed_whole(void **state)
{
	enum {
		MOST = 60000
	};
	bool *is_open = xcalloc(MOST, sizeof(*is_open));
	struct receipt_rec end = plain;
	struct buf tries;
	uint32_t opened, left = 0;
	struct box b;

	buf_init(&tries, 4096);
	make_long(&end, &tries);
	box_init(&b, ops_of(state));
	opened = fill_ring(&b, &end, is_open);
	for (uint32_t n = 0; n < opened; n++) {
		if (is_open[n] && n % 7)
			end_(&b, n, &end);
		left += is_open[n] && n % 7 == 0;
	}
	box_again(&b);
	assert_int_equal(ledger_found(b.l)->interrupted, left);
	storebox_start(&b.store);
	assert_int_equal(total(&b).requests, opened);
	assert_int_equal(total(&b).errors, left);
	assert_sums_agree(&b, opened);
	box_fini(&b);
	buf_fini(&tries);
	free(is_open);
}

/* --- one backend each ------------------------------------------------------ */

static void
a_lost_commit_is_folded_again(void **state)
{
	struct store_ops ops = store_mem;
	struct box b;

	(void)state;
	ops.open = spy_open;
	box_init(&b, &ops);
	for (uint32_t n = 0; n < 50; n++) {
		if (n % 3 == 0)
			open_(&b, n, &plain);
		if (n % 3 != 1)
			done(&b, n, &plain);
	}
	/* Whichever write it is: first here, then there. */
	store_mem_fail(spy_db, 7, ERR_FULL);
	storebox_start(&b.store);
	wait_folded(&b);
	for (unsigned at = 1; at < 12; at++) {
		store_mem_fail(spy_db, at, at % 2 ? ERR_IO : ERR_FULL);
		done(&b, 100 + at, &plain);
		while (ledger_fill(b.l) > 0 || total(&b).requests < 33 + at)
			store_collect(b.store.s);
	}
	assert_sums_agree(&b, 33 + 11);
	box_fini(&b);
}

/* What the child says when it is through with something. */
struct told {
	uint32_t opened, done;
};

static void
child_run(const char *dir, int to)
{
	struct store_conf conf = { .ops = &store_lmdb,
		.dir = dir,
		.map_size = 64 << 20,
		.arena_size = 65536 };
	struct told told = { .opened = 0 };
	struct ledger *l;
	struct store *s;

	if (store_open(&conf, &s, NULL) || ledger_new(s, dir, &l, NULL) ||
	    store_start(s, NULL))
		_exit(1);
	for (;;) {
		uint32_t *n = told.opened > told.done && rand() % 2
		    ? &told.done
		    : &told.opened;
		struct ulid id = id_of(*n);
		enum err e = OK;

		if (n == &told.done)
			ledger_end(l, &id, &plain);
		else
			e = ledger_open(l, &id, &plain);
		if (e == ERR_FULL)
			continue;
		++*n;
		if (e ||
		    write(to, &told, sizeof(told)) != (ssize_t)sizeof(told))
			_exit(1);
	}
}

static void
kill_while_it_works(const char *dir, unsigned messages, struct told *out)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		child_run(dir, ends[1]);
	}
	close(ends[1]);
	for (unsigned i = 0; i < messages; i++)
		assert_int_equal(read(ends[0], out, sizeof(*out)),
		    sizeof(*out));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	while (read(ends[0], out, sizeof(*out)) == (ssize_t)sizeof(*out))
		continue;
	close(ends[0]);
}

static void
a_kill_at_any_moment_costs_no_receipt(void **state)
{
	(void)state;
	srand(5);
	for (unsigned round = 0; round < 20; round++) {
		struct told told = { .opened = 0 };
		struct rollup_rec sum;
		struct why why;
		struct box b = { .l = NULL };

		storebox_init(&b.store);
		kill_while_it_works(b.store.dir,
		    1 + (unsigned)rand() % (round % 2 ? 200 : 20000), &told);
		b.store.map_size = 64 << 20;
		if (storebox_open(&b.store, &store_lmdb, &why))
			fail_msg("%s", why.text);
		box_ledger(&b);
		storebox_start(&b.store);
		sum = total(&b);
		/* The last thing it did may be in without having been told. */
		assert_in_range(sum.requests, told.opened, told.opened + 1);
		assert_in_range(sum.requests - sum.errors, told.done,
		    told.done + 1);
		assert_int_equal(sum.errors, ledger_found(b.l)->interrupted);
		assert_sums_agree(&b, sum.requests);
		box_fini(&b);
	}
}

static void
receipts_are_told_in_words(void **state)
{
	uint64_t rest = RECEIPT_STREAM | RECEIPT_ESTIMATED;

	(void)state;
	for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
		assert_string_not_equal(outcome_name(i), "unknown");
		assert_true(strlen(outcome_text(i)) > 5);
	}
	for (unsigned i = 0; i < ATTEMPT_OUTCOME_COUNT; i++)
		assert_string_not_equal(attempt_outcome_name(i), "unknown");
	assert_string_equal(outcome_name(99), "unknown");
	assert_string_equal(attempt_outcome_name(UINT64_MAX), "unknown");
	assert_string_equal(receipt_flag_next(&rest), "estimated");
	assert_string_equal(receipt_flag_next(&rest), "stream");
	assert_null(receipt_flag_next(&rest));
	rest = UINT64_C(1) << 63;
	assert_string_equal(receipt_flag_next(&rest), "unknown");
	assert_int_equal(rest, 0);
}

static void
a_receipt_takes_its_tokens_from_usage(void **state)
{
	struct receipt_rec r = { .input = 9 };
	struct usage got,
	    u = { .input = 1,
		    .output = 2,
		    .cache_read = 3,
		    .cache_write_5m = 4,
		    .cache_write_1h = 5,
		    .reasoning = 6,
		    .audio_input = 7,
		    .audio_output = 8,
		    .image_output = 9,
		    .searches = 10,
		    .tier = USAGE_BATCH,
		    .fast = true,
		    .us = true };

	(void)state;
	receipt_set_usage(&r, &u);
	assert_int_equal(r.input, 1);
	assert_int_equal(r.output, 2);
	assert_int_equal(r.cache_read, 3);
	assert_int_equal(r.cache_write_5m, 4);
	assert_int_equal(r.cache_write_1h, 5);
	assert_int_equal(r.reasoning, 6);
	got = receipt_usage(&r);
	assert_int_equal(got.searches, 10);
	assert_int_equal(got.audio_input, 7);
	assert_int_equal(got.audio_output, 8);
	assert_int_equal(got.image_output, 9);
	assert_int_equal(got.tier, USAGE_BATCH);
	assert_true(got.fast && got.us);
	r.tier = 77;
	assert_int_equal(receipt_usage(&r).tier, USAGE_STANDARD);
}

#define BOTH(name)                                                             \
	{ #name " (mem)", name, NULL, NULL, mem },                             \
	{                                                                      \
#name " (lmdb)", name, NULL, NULL, lmdb                        \
	}

int
main(void)
{
	struct store_ops copies[] = { store_mem, store_lmdb };
	void *mem = &copies[0], *lmdb = &copies[1];
	const struct CMUnitTest tests[] = {
		BOTH(a_request_is_a_receipt_and_sums),
		BOTH(a_drained_ring_leaves_no_file),
		BOTH(a_request_open_at_a_kill_is_interrupted),
		BOTH(replaying_a_ring_twice_changes_nothing),
		BOTH(a_request_said_to_be_done_twice_counts_once),
		BOTH(a_full_ring_refuses_until_it_is_drained),
		BOTH(an_end_has_room_in_a_ring_that_is_full),
		BOTH(a_full_ring_is_replayed_whole),
		BOTH(long_texts_are_cut_and_attempts_stay_whole),
		BOTH(sums_are_kept_by_everything_one_asks_for),
		BOTH(usage_is_told_by_day_and_name),
		BOTH(receipts_are_paged_newest_first),
		BOTH(long_questions_are_asked_in_parts),
		BOTH(verify_finds_what_is_wrong),
		BOTH(a_damaged_ring_is_set_aside),
		BOTH(random_lives_are_each_counted_once),
		cmocka_unit_test(a_lost_commit_is_folded_again),
		cmocka_unit_test(a_kill_at_any_moment_costs_no_receipt),
		cmocka_unit_test(
		    a_try_at_the_account_that_answered_does_not_name_it_again),
		cmocka_unit_test(receipts_are_told_in_words),
		cmocka_unit_test(a_receipt_takes_its_tokens_from_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
