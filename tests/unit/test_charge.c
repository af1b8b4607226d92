/* SPDX-License-Identifier: MIT */
/* test_charge.c - receipts and their sums in money: as they settle, when they
 * are priced anew, and those of a relayd that knew no prices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/charge.h"
#include "relayd/ledger.h"
#include "relayd/prices.h"
#include "relayd/receipt.h"
#include "tests/support/storebox.h"

#define DAY_MS INT64_C(86400000)
#define DAY_0  20000

struct box {
	struct storebox store;
	struct ledger *l;
	struct price_table *prices;
};

static void
box_init(struct box *b, const struct store_ops *ops)
{
	struct why why = { .text = "" };

	*b = (struct box){ .l = NULL };
	storebox_init(&b->store);
	if (storebox_open(&b->store, ops, &why) ||
	    prices_load(b->store.s, &b->prices, &why) ||
	    ledger_new(b->store.s, b->store.dir, &b->l, &why))
		fail_msg("%s", why.text);
	storebox_start(&b->store);
}

static void
box_fini(struct box *b)
{
	storebox_close(&b->store);
	ledger_free(b->l);
	price_table_unref(b->prices);
	storebox_fini(&b->store);
}

static const struct receipt_rec plain = {
	.key_id = { "k1", 2 },
	.account = { "north", 5 },
	.client = { "claude-cli/2.1", 14 },
	.model = { "claude-opus-4-8", 15 },
	.status = 200,
	.outcome = OUTCOME_OK,
	.input = 1000,
	.output = 100,
};

static struct ulid
id_at(int64_t ms, uint32_t n)
{
	uint8_t random[10] = { 0 };

	memcpy(random, &n, sizeof(n));
	random[9] = (uint8_t)(n * 7);
	return ulid_make(ms, random);
}

static void
done(struct box *b, int64_t ms, uint32_t n, const struct receipt_rec *r)
{
	struct ulid id = id_at(ms, n);

	assert_int_equal(ledger_done(b->l, &id, r), OK);
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
wait_folded(struct box *b)
{
	do
		assert_int_equal(storebox_run(&b->store, LANE_WRITE, nothing,
				     NULL, NULL),
		    OK);
	while (ledger_fill(b->l) > 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(storebox_run(&b->store, LANE_WRITE, nothing,
				     NULL, NULL),
		    OK);
}

/* --- asking ---------------------------------------------------------------- */

struct answer {
	bool here;
	enum err e;
	struct ledger_check check;
	struct ledger_recompute recomputed;
	struct rollup_rec sum;
};

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

static void
on_recompute(void *arg, enum err e, const struct why *why,
    const struct ledger_recompute *sum)
{
	struct answer *a = arg;

	(void)why;
	a->e = e;
	a->recomputed = *sum;
	a->here = true;
}

static void
on_spent(void *arg, enum err e, const struct why *why,
    const struct rollup_rec *sum)
{
	struct answer *a = arg;

	(void)why;
	a->e = e;
	a->sum = *sum;
	a->here = true;
}

static void
assert_sums_agree(struct box *b, uint64_t receipts)
{
	struct answer a = { .here = false };

	ledger_verify(b->l, on_verify, &a);
	storebox_wait(&b->store, &a.here);
	assert_int_equal(a.e, OK);
	if (a.check.differences)
		fail_msg("%s", a.check.first);
	assert_int_equal(a.check.receipts, receipts);
}

static struct ledger_recompute
recompute(struct box *b, int64_t from_ms, bool apply)
{
	struct answer a = { .here = false };

	ledger_recompute(b->l, b->prices, from_ms, apply, on_recompute, &a);
	storebox_wait(&b->store, &a.here);
	assert_int_equal(a.e, OK);
	return a.recomputed;
}

static struct rollup_rec
spent(struct box *b, int64_t since_ms)
{
	struct answer a = { .here = false };

	ledger_spent(b->l, since_ms, on_spent, &a);
	storebox_wait(&b->store, &a.here);
	assert_int_equal(a.e, OK);
	return a.sum;
}

/* --- settling -------------------------------------------------------------- */

static void
a_receipt_is_charged_by_who_answered(void **state)
{
	struct receipt_rec r = plain;
	struct box b;

	box_init(&b, *state);
	charge(&r, b.prices, 1500000);
	assert_int_equal(r.cost_micro, 7500);
	assert_int_equal(r.rated_micro, 11250);
	assert_int_equal(r.rate_ppm, 1500000);
	assert_int_equal(r.flags, 0);
	assert_int_equal(r.price_id, price_find(b.prices, r.model)->id);
	/* Another model answered, and it is known. */
	r.upstream_model = STR("claude-haiku-4-5-20251001");
	charge(&r, b.prices, PRICE_RATE_ONE);
	assert_int_equal(r.cost_micro, 1500);
	/* It is not known: then what was asked for. */
	r.upstream_model = STR("something-of-theirs");
	charge(&r, b.prices, PRICE_RATE_ONE);
	assert_int_equal(r.cost_micro, 7500);
	box_fini(&b);
}

static void
what_has_no_price_costs_nothing_and_says_so(void **state)
{
	struct receipt_rec r = plain;
	struct box b;

	box_init(&b, *state);
	r.model = STR("unheard-of");
	charge(&r, b.prices, PRICE_RATE_ONE);
	assert_int_equal(r.flags, RECEIPT_UNPRICED);
	assert_int_equal(r.cost_micro, 0);
	assert_int_equal(r.price_id, 0);
	charge(&r, NULL, PRICE_RATE_ONE);
	assert_int_equal(r.flags, RECEIPT_UNPRICED);
	/* Of which nothing was used needs none. */
	r.input = r.output = 0;
	charge(&r, b.prices, PRICE_RATE_ONE);
	assert_int_equal(r.flags, 0);
	box_fini(&b);
}

static void
a_rate_that_cannot_be_read_is_one(void **state)
{
	(void)state;
	assert_int_equal(charge_rate(STR("")), PRICE_RATE_ONE);
	assert_int_equal(charge_rate(STR("0.5")), PRICE_RATE_ONE / 2);
	assert_int_equal(charge_rate(STR("half")), PRICE_RATE_ONE);
}

/* --- sums ------------------------------------------------------------------ */

static void
costs_are_summed_and_counted_from_any_moment(void **state)
{
	struct receipt_rec r = plain, unknown = plain;
	const int64_t day = DAY_0 * DAY_MS;
	struct box b;

	box_init(&b, *state);
	unknown.model = STR("unheard-of");
	charge(&unknown, b.prices, PRICE_RATE_ONE);
	charge(&r, b.prices, 2 * PRICE_RATE_ONE);
	for (uint32_t i = 0; i < 10; i++)
		done(&b, day + (int64_t)i * DAY_MS / 4, i, &r);
	done(&b, day + 1, 100, &unknown);
	wait_folded(&b);
	assert_sums_agree(&b, 11);
	assert_int_equal(spent(&b, day).requests, 11);
	assert_int_equal(spent(&b, day).cost_micro, 75000);
	assert_int_equal(spent(&b, day).rated_micro, 150000);
	assert_int_equal(spent(&b, day).unpriced, 1);
	/* Between two midnights of UTC, as those of other zones are. */
	assert_int_equal(spent(&b, day + DAY_MS / 4).requests, 9);
	assert_int_equal(spent(&b, day + DAY_MS / 4 + 1).requests, 8);
	assert_int_equal(spent(&b, day + DAY_MS / 4 + 1).cost_micro, 60000);
	assert_int_equal(spent(&b, day + DAY_MS).requests, 6);
	assert_int_equal(spent(&b, day + 9 * DAY_MS).requests, 0);
	box_fini(&b);
}

/* --- pricing anew ---------------------------------------------------------- */

static struct price_table *
table_of(const char *model, const char *input)
{
	struct price_table *t;
	struct price_set set;
	char text[200];

	snprintf(text, sizeof(text),
	    "{\"%s\":{\"input_cost_per_token\":%s,"
	    "\"output_cost_per_token\":0}}",
	    model, input);
	assert_int_equal(price_set_read(str_of(text), PRICE_UPDATED, &set,
			     NULL),
	    OK);
	t = price_table_new(&set, NULL, NULL);
	price_set_fini(&set);
	return t;
}

static void
recomputing_twice_changes_nothing(void **state)
{
	struct receipt_rec r = plain, unknown = plain;
	struct ledger_recompute sum;
	struct price_table *old;
	struct box b;

	box_init(&b, *state);
	unknown.model = STR("new-one");
	charge(&unknown, b.prices, PRICE_RATE_ONE);
	charge(&r, b.prices, 3 * PRICE_RATE_ONE);
	/* More than one piece of writing, and over two days. */
	for (uint32_t i = 0; i < 1500; i++) {
		done(&b, DAY_0 * DAY_MS + i, i, &unknown);
		if (i % 250 == 0)
			wait_folded(&b);
	}
	done(&b, (DAY_0 - 5) * DAY_MS, 1, &unknown);
	done(&b, (DAY_0 + 1) * DAY_MS, 1, &r);
	wait_folded(&b);
	sum = recompute(&b, DAY_0 * DAY_MS, true);
	assert_int_equal(sum.receipts, 1501);
	assert_int_equal(sum.changed, 0);

	old = b.prices;
	b.prices = table_of("new-one", "2e-6");
	sum = recompute(&b, DAY_0 * DAY_MS, false);
	assert_int_equal(sum.changed, 1501);
	assert_int_equal(sum.unpriced_before, 1500);
	assert_int_equal(sum.unpriced_after, 1);
	assert_int_equal(sum.cost_before_micro, 7500);
	assert_int_equal(sum.cost_after_micro, 1500 * 2000);
	assert_int_equal(spent(&b, 0).cost_micro, 7500);

	sum = recompute(&b, DAY_0 * DAY_MS, true);
	assert_int_equal(sum.changed, 1501);
	assert_sums_agree(&b, 1502);
	assert_int_equal(spent(&b, 0).cost_micro, 1500 * 2000);
	assert_int_equal(spent(&b, 0).rated_micro, 1500 * 2000);
	assert_int_equal(spent(&b, 0).unpriced, 2);
	assert_int_equal(recompute(&b, DAY_0 * DAY_MS, true).changed, 0);

	price_table_unref(b.prices);
	b.prices = old;
	/* The rates of that time are kept. */
	recompute(&b, DAY_0 * DAY_MS, true);
	assert_int_equal(spent(&b, 0).rated_micro, 3 * 7500);
	assert_sums_agree(&b, 1502);
	box_fini(&b);
}

/* --- what an older relayd wrote -------------------------------------------- */

#define FIELDS_MAX 64

/* A kind as it was in its first version. */
static struct rec_kind
first_version(const struct rec_kind *now, struct rec_field fields[FIELDS_MAX])
{
	struct rec_kind old = *now;

	old.version = 1;
	old.fields = fields;
	old.count = 0;
	for (size_t i = 0; i < now->count; i++)
		if (now->fields[i].since == 1)
			fields[old.count++] = now->fields[i];
	return old;
}

static enum err
put_old(struct txn *t, void *arg, struct why *out_why)
{
	struct rec_field a[FIELDS_MAX], b[FIELDS_MAX];
	struct rec_kind receipt = first_version(&receipt_kind, a);
	struct rec_kind rollup = first_version(&rollup_kind, b);
	struct ulid id = id_at(DAY_0 * DAY_MS, 1);
	struct zone *zone = zone_new(STR("UTC"));
	struct sums sums;
	struct buf bytes;
	struct str key;
	size_t at = 0;
	void *sum;
	enum err e;

	(void)arg;
	(void)out_why;
	assert_int_not_equal(receipt.count, receipt_kind.count);
	buf_init(&bytes, 4096);
	assert_int_equal(rec_write(&receipt, &plain, &bytes), OK);
	assert_int_equal(bytes.mem[0], 1);
	e = txn_put(t, TABLE_receipt, str_at((char *)id.byte, 16),
	    buf_str(&bytes));
	sums_init(&sums, zone);
	sums_add(&sums, &id, &plain);
	while (!e && map_next(&sums.by_key, &at, &key, &sum)) {
		buf_clear(&bytes);
		assert_int_equal(rec_write(&rollup, sum, &bytes), OK);
		e = txn_put(t, TABLE_rollup, key, buf_str(&bytes));
	}
	sums_fini(&sums);
	zone_free(zone);
	buf_fini(&bytes);
	return e;
}

static void
receipts_of_the_first_version_are_read_and_can_be_priced(void **state)
{
	struct receipt_rec r = plain;
	struct ledger_recompute sum;
	struct box b;

	box_init(&b, *state);
	assert_int_equal(storebox_run(&b.store, LANE_WRITE, put_old, NULL,
			     NULL),
	    OK);
	assert_sums_agree(&b, 1);
	assert_int_equal(spent(&b, 0).cost_micro, 0);
	/* New ones are added to the same sums. */
	charge(&r, b.prices, PRICE_RATE_ONE);
	done(&b, DAY_0 * DAY_MS, 2, &r);
	wait_folded(&b);
	assert_sums_agree(&b, 2);
	assert_int_equal(spent(&b, 0).cost_micro, 7500);
	sum = recompute(&b, 0, true);
	assert_int_equal(sum.changed, 1);
	assert_sums_agree(&b, 2);
	assert_int_equal(spent(&b, 0).cost_micro, 15000);
	assert_int_equal(spent(&b, 0).rated_micro, 15000);
	box_fini(&b);
}

/* --- the stored table ------------------------------------------------------ */

static const struct {
	const char *field, *value;
} half_price[] = { { "input", "2.5" }, { "output", "12.5" } };

static enum err
put_override(struct txn *t, void *arg, struct why *out_why)
{
	struct price_table **out = arg;
	struct price_stated s;
	enum err e;

	price_stated_init(&s);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(price_stated_set(&s,
				     str_of(half_price[i].field),
				     str_of(half_price[i].value), NULL),
		    OK);
	e = prices_put_override(t, STR("claude-opus-4-8"), &s);
	return e ? e : prices_changed(t, out, out_why);
}

static enum err
get_noted(struct txn *t, void *arg, struct why *out_why)
{
	const struct receipt_rec *r = arg;
	struct price_sum sum;
	struct usage u = receipt_usage(r);
	struct price p;
	struct buf text;
	enum err e;

	(void)out_why;
	buf_init(&text, 16384);
	e = prices_get_noted(t, r->price_id, &text, &p);
	if (!e) {
		assert_true(str_eq(p.name, STR("claude-opus-4-8")));
		price_cost(&p, &u, &sum);
		assert_int_equal(sum.micro, r->cost_micro);
	}
	buf_fini(&text);
	return e;
}

static void
a_receipt_can_be_explained_after_its_price_has_changed(void **state)
{
	struct receipt_rec before = plain, after = plain;
	struct price_table *t = NULL;
	struct box b;

	box_init(&b, *state);
	charge(&before, b.prices, PRICE_RATE_ONE);
	assert_int_equal(storebox_run(&b.store, LANE_WRITE, put_override, &t,
			     NULL),
	    OK);
	charge(&after, t, PRICE_RATE_ONE);
	assert_int_equal(before.cost_micro, 7500);
	assert_int_equal(after.cost_micro, 3750);
	assert_int_not_equal(before.price_id, after.price_id);
	assert_int_equal(storebox_run(&b.store, LANE_READ, get_noted, &before,
			     NULL),
	    OK);
	assert_int_equal(storebox_run(&b.store, LANE_READ, get_noted, &after,
			     NULL),
	    OK);
	before.price_id ^= 1;
	assert_int_equal(storebox_run(&b.store, LANE_READ, get_noted, &before,
			     NULL),
	    ERR_UNKNOWN);
	price_table_unref(t);
	box_fini(&b);
}

static void
leaving_a_cache_costs_writing_it_anew(void **state)
{
	struct receipt_rec r = plain;
	struct box b;

	box_init(&b, *state);
	assert_int_equal(charge_switch(&r, b.prices), 0);
	r.cache_read = 100000;
	assert_int_equal(charge_switch(&r, b.prices), 575000);
	/* What it has just written is there as well. */
	r.cache_read = 60000;
	r.cache_write_5m = 40000;
	assert_int_equal(charge_switch(&r, b.prices), 575000);
	/* For an hour, if it was. */
	r.cache_write_5m = 0;
	r.cache_write_1h = 40000;
	assert_int_equal(charge_switch(&r, b.prices), 950000);
	r.model = STR("nobody-knows");
	assert_int_equal(charge_switch(&r, b.prices), 0);
	box_fini(&b);
}

static enum err
put_garbage(struct txn *t, void *arg, struct why *out_why)
{
	(void)arg;
	(void)out_why;
	return txn_put(t, TABLE_price, STR("f"), STR("{\"m\":7}"));
}

static void
stored_prices_that_are_damaged_do_not_keep_it_from_starting(void **state)
{
	struct why why = { .text = "" };
	struct box b;

	box_init(&b, *state);
	assert_int_equal(storebox_run(&b.store, LANE_WRITE, put_garbage, NULL,
			     NULL),
	    OK);
	storebox_close(&b.store);
	price_table_unref(b.prices);
	b.prices = NULL;
	if (storebox_open(&b.store, *state, &why) ||
	    prices_load(b.store.s, &b.prices, &why))
		fail_msg("%s", why.text);
	assert_non_null(price_find(b.prices, STR("gpt-5")));
	box_fini(&b);
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
		BOTH(a_receipt_is_charged_by_who_answered),
		BOTH(leaving_a_cache_costs_writing_it_anew),
		BOTH(what_has_no_price_costs_nothing_and_says_so),
		cmocka_unit_test(a_rate_that_cannot_be_read_is_one),
		BOTH(costs_are_summed_and_counted_from_any_moment),
		BOTH(recomputing_twice_changes_nothing),
		BOTH(receipts_of_the_first_version_are_read_and_can_be_priced),
		BOTH(a_receipt_can_be_explained_after_its_price_has_changed),
		{ "stored_prices_that_are_damaged_do_not_keep_it_from_starting",
		    stored_prices_that_are_damaged_do_not_keep_it_from_starting,
		    NULL, NULL, lmdb },
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
