/* SPDX-License-Identifier: MIT */
/* test_keeping.c - sums are right in any zone, while they move to another one,
 * and when what they are of is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/keeping.h"
#include "relayd/ledger.h"
#include "relayd/receipt.h"
#include "tests/support/storebox.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS	  (1440 * MINUTE_MS)
/* In winter 2025: the year of these tests has both changes of the clock. */
#define BEGIN_MS (20070 * DAY_MS)
#define DAYS	 400
#define RECEIPTS 3000

struct box {
	struct storebox store;
	struct ledger *l;
	/* What was booked, to be summed by hand. */
	struct booked {
		int64_t at_ms;
		unsigned key, model, account;
	} booked[2 * RECEIPTS];
	unsigned count;
};

static void
box_open(struct box *b, const char *zone)
{
	struct why why = { .text = "" };

	if (storebox_open(&b->store, &store_lmdb, &why) ||
	    ledger_new(b->store.s, b->store.dir, &b->l, &why))
		fail_msg("%s", why.text);
	assert_int_equal(ledger_use_zone(b->l, str_of(zone)), OK);
	storebox_start(&b->store);
}

static void
box_close(struct box *b)
{
	storebox_close(&b->store);
	ledger_free(b->l);
	b->l = NULL;
}

static enum err
nothing(struct txn *t, void *arg, struct why *out_why)
{
	(void)t;
	(void)arg;
	(void)out_why;
	return OK;
}

static void
turn(struct box *b)
{
	assert_int_equal(storebox_run(&b->store, LANE_WRITE, nothing, NULL,
			     NULL),
	    OK);
}

static void
wait_tended(struct box *b)
{
	while (ledger_is_tended(b->l))
		turn(b);
}

static struct box *
box_new(const char *zone)
{
	struct box *b = xcalloc(1, sizeof(*b));

	storebox_init(&b->store);
	box_open(b, zone);
	wait_tended(b);
	return b;
}

static void
box_free(struct box *b)
{
	box_close(b);
	storebox_fini(&b->store);
	free(b);
}

static const char *const keys[] = { "k1", "k2", "k3" };
static const char *const accounts[] = { "north", "south" };
static const char *const models[] = { "opus", "org/sonnet", "a/b/c" };
static const char *const users[] = { "uid:1000", "uid:1001", "uid:1000" };
static const char *const tags[] = { "ci", "ci,night", "" };

static void
book_at(struct box *b, int64_t at_ms)
{
	struct booked *n = &b->booked[b->count++];
	struct receipt_rec r = { .outcome = OUTCOME_OK };
	uint8_t random[ULID_RANDOM];
	struct ulid id;

	for (unsigned i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)rand();
	id = ulid_make(at_ms, random);
	*n = (struct booked){ at_ms, (unsigned)rand() % 3, (unsigned)rand() % 3,
		(unsigned)rand() % 2 };
	r.key_id = str_of(keys[n->key]);
	r.user = str_of(users[n->key]);
	r.tags = str_of(tags[n->key]);
	r.model = str_of(models[n->model]);
	r.account = str_of(accounts[n->account]);
	r.client = STR("claude-cli/2.1");
	r.input = 1 + rand() % 1000;
	r.cost_micro = rand() % 5000;
	r.rated_micro = r.cost_micro * 2;
	assert_int_equal(ledger_done(b->l, &id, &r), OK);
	if (b->count % 500 == 0)
		turn(b);
}

static void
book_many(struct box *b, unsigned count)
{
	while (count-- > 0)
		book_at(b,
		    BEGIN_MS + rand() % (DAYS * 1440) * MINUTE_MS +
			rand() % 60000);
	while (ledger_fill(b->l) > 0)
		turn(b);
	turn(b);
	turn(b);
}

/* --- asking ------------------------------------------------------------------ */

#define ROWS_MAX 20000

struct heard {
	bool here;
	enum err e;
	struct ledger_check check;
	struct ledger_recompute recomputed;
	struct usage_answer answer;
	struct usage_row *rows;
	char (*names)[2][32];
};

static void
on_usage(void *arg, enum err e, const struct why *why,
    const struct usage_answer *a)
{
	struct heard *h = arg;

	(void)why;
	h->e = e;
	h->answer = *a;
	assert_true(a->count <= ROWS_MAX);
	h->rows = xcalloc(a->count + 1, sizeof(*h->rows));
	h->names = xcalloc(a->count + 1, sizeof(*h->names));
	for (size_t i = 0; i < a->count; i++) {
		h->rows[i] = a->rows[i];
		snprintf(h->names[i][0], 32, "%.*s", STR_ARG(a->rows[i].name));
		snprintf(h->names[i][1], 32, "%.*s", STR_ARG(a->rows[i].model));
		h->rows[i].name = str_of(h->names[i][0]);
		h->rows[i].model = str_of(h->names[i][1]);
	}
	h->here = true;
}

static struct heard
ask(struct box *b, const struct usage_query *q)
{
	struct heard h = { .here = false };

	ledger_usage(b->l, q, on_usage, &h);
	storebox_wait(&b->store, &h.here);
	return h;
}

static void
heard_free(struct heard *h)
{
	free(h->rows);
	free(h->names);
}

static void
on_verify(void *arg, enum err e, const struct why *why,
    const struct ledger_check *check)
{
	struct heard *h = arg;

	(void)why;
	h->e = e;
	h->check = *check;
	h->here = true;
}

static struct ledger_check
verify(struct box *b)
{
	struct heard h = { .here = false };

	ledger_verify(b->l, on_verify, &h);
	storebox_wait(&b->store, &h.here);
	assert_int_equal(h.e, OK);
	if (h.check.differences)
		fail_msg("%llu: %s", (unsigned long long)h.check.differences,
		    h.check.first);
	return h.check;
}

static void
assert_same_answers(const struct heard *x, const struct heard *y)
{
	assert_int_equal(x->answer.count, y->answer.count);
	for (size_t i = 0; i < x->answer.count; i++) {
		assert_true(str_eq(x->rows[i].name, y->rows[i].name));
		assert_true(str_eq(x->rows[i].model, y->rows[i].model));
		assert_int_equal(x->rows[i].minute, y->rows[i].minute);
		assert_memory_equal(&x->rows[i].sum, &y->rows[i].sum,
		    sizeof(x->rows[i].sum));
	}
}

/* --- the tests --------------------------------------------------------------- */

static uint64_t
counted(const struct box *b, const struct usage_answer *a, int key, int model)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < b->count; i++) {
		const struct booked *n = &b->booked[i];
		uint32_t minute = minute_of_ms(n->at_ms);

		count += minute >= a->since && minute < a->until &&
		    (key < 0 || n->key == (unsigned)key) &&
		    (model < 0 || n->model == (unsigned)model);
	}
	return count;
}

static uint64_t
requests_of(const struct heard *h)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < h->answer.count; i++)
		sum += h->rows[i].sum.requests;
	return sum;
}

/* Whatever is put together from whichever periods: it is what was booked. */
static void
any_stretch_is_the_sum_of_its_requests(void **state)
{
	struct box *b = box_new(*state);

	srand(11);
	book_many(b, RECEIPTS);
	assert_int_equal(verify(b).receipts, RECEIPTS);
	for (unsigned n = 0; n < 600; n++) {
		int64_t since = BEGIN_MS + rand() % (DAYS * 1440) * MINUTE_MS;
		int key = rand() % 2 ? rand() % 3 : -1;
		int model = rand() % 2 ? rand() % 3 : -1;
		struct usage_query q = {
			.by = rand() % 2 ? DIMENSION_KEY_MODEL : DIMENSION_ALL,
			.per = (enum period)(rand() % PERIOD_COUNT),
			.since_ms = since,
			.until_ms =
			    n % 3 ? since + 1 + rand() % 100000 * MINUTE_MS : 0,
			.want_total = true,
		};
		struct heard h;

		if (q.per == PERIOD_MINUTE)
			q.per = PERIOD_HOUR;
		if (key >= 0)
			q.key = str_of(keys[key]);
		if (model >= 0)
			q.model = str_of(models[model]);
		h = ask(b, &q);
		assert_int_equal(h.e, OK);
		assert_true(h.answer.since <= minute_of_ms(since));
		assert_int_equal(requests_of(&h),
		    counted(b, &h.answer, key, model));
		assert_int_equal(h.answer.total.requests, requests_of(&h));
		heard_free(&h);
	}
	box_free(b);
}

static void
rows_begin_where_days_begin_in_the_zone(void **state)
{
	struct box *b = box_new("Europe/Berlin");
	struct usage_query q = { .by = DIMENSION_ALL, .per = PERIOD_DAY };
	const struct zone *z = ledger_zone(b->l);
	struct heard h;

	(void)state;
	srand(12);
	book_many(b, RECEIPTS);
	for (unsigned i = 0; i < 4; i++) {
		static const enum period pers[] = { PERIOD_HOUR, PERIOD_DAY,
			PERIOD_WEEK, PERIOD_MONTH };

		q.per = pers[i];
		h = ask(b, &q);
		assert_int_equal(requests_of(&h), RECEIPTS);
		for (size_t n = 0; n < h.answer.count; n++) {
			struct usage_answer one = {
				.since = h.rows[n].minute,
				.until = zone_next(z, q.per, h.rows[n].minute),
			};

			assert_int_equal(zone_begin(z, q.per, one.since),
			    one.since);
			assert_int_equal(h.rows[n].sum.requests,
			    counted(b, &one, -1, -1));
		}
		heard_free(&h);
	}
	box_free(b);
}

/* All that can be told is the same as if it had always been that zone. */
static void
assert_same_ledgers(struct box *x, struct box *y)
{
	for (unsigned d = 0; d < DIMENSION_COUNT; d++) {
		for (unsigned p = 0; p < PERIOD_COUNT; p++) {
			struct usage_query q = { .by = (enum dimension)d,
				.per = (enum period)p };
			struct heard hx = ask(x, &q), hy = ask(y, &q);

			assert_int_equal(hx.e, hy.e);
			assert_same_answers(&hx, &hy);
			heard_free(&hx);
			heard_free(&hy);
		}
	}
}

static void
sums_move_to_another_zone_and_lose_nothing(void **state)
{
	struct box *b = box_new("Europe/Berlin"), *other;

	(void)state;
	srand(13);
	book_many(b, RECEIPTS);
	other = box_new("Asia/Kolkata");
	srand(13);
	book_many(other, RECEIPTS);
	/* Requests go on ending meanwhile, and it is stopped in between. */
	assert_int_equal(ledger_use_zone(b->l, STR("America/New_York")), OK);
	srand(14);
	book_many(b, 300);
	assert_int_equal(ledger_use_zone(b->l, STR("Asia/Kolkata")), OK);
	book_many(b, 300);
	box_close(b);
	box_open(b, "Asia/Kolkata");
	wait_tended(b);
	srand(14);
	book_many(other, 300);
	book_many(other, 300);
	assert_int_equal(verify(b).receipts, RECEIPTS + 600);
	assert_same_ledgers(b, other);
	box_free(b);
	box_free(other);
}

static void
on_recompute(void *arg, enum err e, const struct why *why,
    const struct ledger_recompute *sum)
{
	struct heard *h = arg;

	(void)why;
	h->e = e;
	h->recomputed = *sum;
	h->here = true;
}

/* Without a price nothing costs anything any more. */
static struct ledger_recompute
recompute(struct box *b)
{
	struct heard h = { .here = false };

	ledger_recompute(b->l, NULL, 0, true, on_recompute, &h);
	storebox_wait(&b->store, &h.here);
	assert_int_equal(h.e, OK);
	return h.recomputed;
}

static uint64_t
rows_of(struct box *b, enum period per)
{
	struct heard h =
	    ask(b, &(struct usage_query){ .by = DIMENSION_KEY, .per = per });
	uint64_t count = h.answer.count;

	heard_free(&h);
	return count;
}

static void
what_is_pruned_stays_in_what_is_longer(void **state)
{
	const struct ledger_keep keep = { .receipts_ms = 45 * DAY_MS,
		.minutes_ms = 2 * DAY_MS,
		.hours_ms = 90 * DAY_MS,
		.days_ms = 200 * DAY_MS };
	const int64_t now_ms = BEGIN_MS + DAYS * DAY_MS;
	struct box *b = box_new("Europe/Berlin");
	uint64_t months, days, hours, minutes;
	struct ledger_recompute again;
	struct ledger_check check;
	struct usage_answer kept;
	struct heard h;

	(void)state;
	srand(15);
	book_many(b, RECEIPTS);
	months = rows_of(b, PERIOD_MONTH);
	days = rows_of(b, PERIOD_DAY);
	hours = rows_of(b, PERIOD_HOUR);
	minutes = rows_of(b, PERIOD_MINUTE);
	ledger_prune(b->l, &keep, now_ms);
	wait_tended(b);
	assert_int_equal(rows_of(b, PERIOD_MONTH), months);
	assert_in_range(rows_of(b, PERIOD_DAY), 1, days * 3 / 4);
	assert_in_range(rows_of(b, PERIOD_HOUR), 1, hours / 2);
	assert_in_range(rows_of(b, PERIOD_MINUTE), 1, minutes / 20);
	h = ask(b, &(struct usage_query){ .by = DIMENSION_USER });
	assert_int_equal(requests_of(&h), RECEIPTS);
	heard_free(&h);
	check = verify(b);
	kept =
	    (struct usage_answer){ .since = check.since, .until = ZONE_NEVER };
	assert_in_range(check.since, minute_of_ms(now_ms - 46 * DAY_MS),
	    minute_of_ms(now_ms - 45 * DAY_MS));
	assert_int_equal(check.receipts, counted(b, &kept, -1, -1));
	/* A question that begins where there are no hours any more. */
	h = ask(b,
	    &(struct usage_query){ .by = DIMENSION_KEY,
		.since_ms = now_ms - 150 * DAY_MS + 12345 * MINUTE_MS / 60 });
	assert_int_equal(requests_of(&h), counted(b, &h.answer, -1, -1));
	heard_free(&h);
	/* Pricing anew changes what there is, and makes nothing come back. */
	again = recompute(b);
	assert_int_equal(again.receipts, check.receipts);
	assert_true(again.changed > 0);
	assert_int_equal(verify(b).receipts, check.receipts);
	ledger_prune(b->l, &keep, now_ms);
	wait_tended(b);
	/* And so does another zone. */
	assert_int_equal(ledger_use_zone(b->l, STR("America/New_York")), OK);
	wait_tended(b);
	check = verify(b);
	kept.since = check.since;
	assert_int_equal(check.receipts, counted(b, &kept, -1, -1));
	h = ask(b, &(struct usage_query){ .by = DIMENSION_ALL });
	assert_int_equal(requests_of(&h), RECEIPTS);
	heard_free(&h);
	h = ask(b,
	    &(struct usage_query){ .by = DIMENSION_ALL, .per = PERIOD_MONTH });
	assert_int_equal(requests_of(&h), RECEIPTS);
	heard_free(&h);
	box_free(b);
}

static void
pages_are_the_whole_in_pieces(void **state)
{
	static const enum period pers[] = { PERIOD_TOTAL, PERIOD_HOUR,
		PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH };
	struct box *b = box_new("Europe/Berlin");

	(void)state;
	srand(16);
	book_many(b, RECEIPTS);
	for (unsigned i = 0; i < 5; i++) {
		struct usage_query q = {
			.by = DIMENSION_KEY_MODEL, .per = pers[i], .top = 4
		};
		struct heard whole = ask(b, &q);
		size_t seen = 0;

		assert_true(whole.answer.count >= 4);
		q.limit = 7;
		while (seen < whole.answer.count) {
			struct heard page = ask(b, &q);

			assert_true(page.answer.count > 0);
			for (size_t n = 0; n < page.answer.count; n++) {
				const struct usage_row *was =
				    &whole.rows[seen++];

				assert_true(str_eq(page.rows[n].name,
				    was->name));
				assert_int_equal(page.rows[n].minute,
				    was->minute);
			}
			if (seen < whole.answer.count) {
				q.skip = 0;
				while (q.skip < seen &&
				    whole.rows[seen - 1 - q.skip].minute ==
					whole.rows[seen].minute)
					q.skip++;
				q.page_ms = whole.rows[seen].minute * MINUTE_MS;
			}
			heard_free(&page);
		}
		assert_int_equal(seen, whole.answer.count);
		heard_free(&whole);
	}
	box_free(b);
}

static void
only_some_keys_are_told_by_whatever(void **state)
{
	const struct str mine[] = { STR("k1"), STR("k3") };
	static const enum dimension by[] = { DIMENSION_ALL, DIMENSION_KEY,
		DIMENSION_MODEL, DIMENSION_KEY_MODEL };
	struct usage_answer all = { .until = ZONE_NEVER };
	struct box *b = box_new("UTC");
	struct heard h;

	(void)state;
	srand(17);
	book_many(b, 500);
	for (unsigned i = 0; i < 4; i++) {
		h = ask(b,
		    &(struct usage_query){ .by = by[i],
			.keys = mine,
			.key_count = 2,
			.want_total = true });
		assert_int_equal(requests_of(&h),
		    500 - counted(b, &all, 1, -1));
		assert_int_equal(h.answer.total.requests, requests_of(&h));
		heard_free(&h);
	}
	h = ask(b, &(struct usage_query){ .by = DIMENSION_ALL, .keys = mine });
	assert_int_equal(requests_of(&h), 0);
	heard_free(&h);
	/* What no sums can tell is refused. */
	h = ask(b,
	    &(struct usage_query){
		.by = DIMENSION_USER, .keys = mine, .key_count = 2 });
	assert_int_equal(h.e, ERR_UNSUPPORTED);
	heard_free(&h);
	h = ask(b,
	    &(struct usage_query){ .by = DIMENSION_TAG, .per = PERIOD_MINUTE });
	assert_int_equal(h.e, ERR_UNSUPPORTED);
	heard_free(&h);
	box_free(b);
}

/* As the first layout was: other sums, and no word of zones. */
static enum err
make_old(struct txn *t, void *arg, struct why *out_why)
{
	(void)arg;
	(void)out_why;
	for (unsigned i = 0; i < 700; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%04u old", i);
		if (txn_put(t, TABLE_rollup, str_of(key), STR("\1\2")))
			return ERR_IO;
	}
	(void)!txn_del(t, TABLE_meta, STR("keeping"));
	return txn_put(t, TABLE_meta, STR("schema"), STR("1"));
}

static void
an_older_store_gets_its_sums_anew(void **state)
{
	struct box *b = box_new("UTC");

	(void)state;
	srand(18);
	book_many(b, RECEIPTS);
	assert_int_equal(storebox_run(&b->store, LANE_WRITE, make_old, NULL,
			     NULL),
	    OK);
	box_close(b);
	box_open(b, "Europe/Berlin");
	/* What comes in before they are made is in them as well. */
	book_many(b, 100);
	wait_tended(b);
	assert_int_equal(verify(b).receipts, RECEIPTS + 100);
	box_free(b);
}

int
main(void)
{
	char berlin[] = "Europe/Berlin", york[] = "America/New_York";
	char kolkata[] = "Asia/Kolkata";
	const struct CMUnitTest tests[] = {
		{ "any stretch, Berlin", any_stretch_is_the_sum_of_its_requests,
		    NULL, NULL, berlin },
		{ "any stretch, New York",
		    any_stretch_is_the_sum_of_its_requests, NULL, NULL, york },
		{ "any stretch, Kolkata",
		    any_stretch_is_the_sum_of_its_requests, NULL, NULL,
		    kolkata },
		cmocka_unit_test(rows_begin_where_days_begin_in_the_zone),
		cmocka_unit_test(sums_move_to_another_zone_and_lose_nothing),
		cmocka_unit_test(what_is_pruned_stays_in_what_is_longer),
		cmocka_unit_test(pages_are_the_whole_in_pieces),
		cmocka_unit_test(only_some_keys_are_told_by_whatever),
		cmocka_unit_test(an_older_store_gets_its_sums_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
