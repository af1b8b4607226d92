/* SPDX-License-Identifier: MIT */
/* charge.c - what a receipt costs. */
#include "relayd/charge.h"

#include "store/rec.h"

#include "relayd/receipt.h"
#include "relayd/spent.h"

const struct price *
charge_price(const struct price_table *t, const struct receipt_rec *r)
{
	const struct price *p = price_find(t, r->upstream_model);

	return p ? p : price_find(t, r->model);
}

void
charge(struct receipt_rec *r, const struct price_table *t, int64_t rate_ppm)
{
	struct usage u = receipt_usage(r);
	const struct price *p;
	struct price_sum sum;

	r->flags &= ~(uint64_t)RECEIPT_UNPRICED;
	r->price_id = 0;
	r->cost_micro = r->rated_micro = 0;
	r->rate_ppm = (uint64_t)rate_ppm;
	if (usage_total(&u) == 0 && u.searches == 0)
		return;
	p = charge_price(t, r);
	if (!p) {
		r->flags |= RECEIPT_UNPRICED;
		return;
	}
	price_cost(p, &u, &sum);
	if (!sum.whole)
		r->flags |= RECEIPT_UNPRICED;
	r->price_id = p->id;
	r->cost_micro = sum.micro;
	r->rated_micro = price_rated(sum.micro, rate_ppm);
}

int64_t
charge_switch(const struct receipt_rec *r, const struct price_table *t)
{
	struct usage u = receipt_usage(r);
	struct usage here = { .tier = u.tier, .fast = u.fast, .us = u.us };
	struct usage there = here;
	const struct price *p;
	struct price_sum read, written;

	here.cache_read = u.cache_read + u.cache_write_5m + u.cache_write_1h;
	if (here.cache_read <= 0)
		return 0;
	if (u.cache_write_1h)
		there.cache_write_1h = here.cache_read;
	else
		there.cache_write_5m = here.cache_read;
	p = charge_price(t, r);
	if (!p)
		return 0;
	price_cost(p, &here, &read);
	price_cost(p, &there, &written);
	return read.whole && written.whole && written.micro > read.micro
	    ? written.micro - read.micro
	    : 0;
}

void
charge_need(const struct receipt_rec *r, struct budget_need *out)
{
	int64_t read = spent_clamp(r->input) + spent_clamp(r->cache_read) +
	    spent_clamp(r->cache_write_5m) + spent_clamp(r->cache_write_1h);

	*out = (struct budget_need){ .of = { 0 } };
	if (r->outcome == OUTCOME_REFUSED || r->outcome == OUTCOME_FAILED)
		return;
	out->of[BUDGET_REQUESTS] = 1;
	out->of[BUDGET_INPUT] = read;
	out->of[BUDGET_OUTPUT] = spent_clamp(r->output);
	out->of[BUDGET_TOKENS] = read + spent_clamp(r->output);
	out->of[BUDGET_COST_REAL] = r->cost_micro;
	out->of[BUDGET_COST_RATED] = r->rated_micro;
}

int64_t
charge_rate(struct str rate)
{
	int64_t ppm;

	return price_rate_read(rate, &ppm) ? PRICE_RATE_ONE : ppm;
}
