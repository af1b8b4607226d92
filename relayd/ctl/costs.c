/* SPDX-License-Identifier: MIT */
/* costs.c - control methods about what was spent: since when, why so much, and
 * whether all of it adds up. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/apikey.h"
#include "relayd/conf.h"
#include "relayd/control.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/ledger.h"
#include "relayd/loop.h"
#include "relayd/prices.h"
#include "relayd/receipt.h"

/* --- since when ------------------------------------------------------------ */

static const char *const periods[] = { "today", "week", "month" };

#define PERIODS 3

struct spending {
	struct ctl_call *call;
	int64_t since_ms[PERIODS];
	unsigned at;
};

/* Midnight, Monday, and the first, of the zone that the configuration names. */
static int64_t
period_begin(int64_t now_ms, unsigned period)
{
	time_t t = (time_t)(now_ms / 1000);
	struct tm tm;

	localtime_r(&t, &tm);
	if (period == 1)
		tm.tm_mday -= (tm.tm_wday + 6) % 7;
	else if (period == 2)
		tm.tm_mday = 1;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * 1000;
}

static void
put_period(struct spending *s, const struct rollup_rec *sum)
{
	struct json_out *j = &s->call->out;

	json_open(j, '{');
	json_say(j, "period", str_of(periods[s->at]));
	json_say_i64(j, "since_at", s->since_ms[s->at]);
	json_say(j, "zone", str_of(s->call->daemon->conf->timezone));
	json_say_i64(j, "requests", (int64_t)sum->requests);
	json_say_i64(j, "unpriced", (int64_t)sum->unpriced);
	json_say_i64(j, "cost_micro", sum->cost_micro);
	json_say_i64(j, "rated_micro", sum->rated_micro);
	json_close(j, '}');
}

static void
on_spent(void *arg, enum err e, const struct why *why,
    const struct rollup_rec *sum)
{
	struct spending *s = arg;
	struct ctl_call *c = s->call;

	if (e) {
		ctl_refuse(c, e, why);
		free(s);
		return;
	}
	put_period(s, sum);
	if (++s->at < PERIODS) {
		ledger_spent(c->daemon->ledger, s->since_ms[s->at], on_spent,
		    s);
		return;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, STR(""));
	free(s);
}

void
ctl_cost(struct ctl_call *c)
{
	struct spending *s = xcalloc(1, sizeof(*s));
	int64_t now = clock_wall_ms();

	s->call = c;
	for (unsigned i = 0; i < PERIODS; i++)
		s->since_ms[i] = period_begin(now, i);
	json_open(&c->out, '[');
	ledger_spent(c->daemon->ledger, s->since_ms[0], on_spent, s);
}

/* --- why so much ----------------------------------------------------------- */

struct explain {
	struct job job;
	struct ctl_call *call;
	struct ulid id;
	struct receipt_rec rec; /* its texts are in text */
	struct buf text, price_text;
	struct price price;
	bool has_price;
};

static void
explain_free(struct explain *x)
{
	buf_fini(&x->text);
	buf_fini(&x->price_text);
	free(x);
}

static void
say_digits(struct json_out *j, const char *key, int64_t n, unsigned digits)
{
	char text[DECIMAL_TEXT];

	decimal_write(n, digits, 0, text);
	json_say(j, key, str_of(text));
}

static void
put_line(struct json_out *j, unsigned u, const struct price_line *line)
{
	char cost[DECIMAL_TEXT];

	if (!line->count)
		return;
	json_open(j, '{');
	json_say(j, "unit", str_of(price_unit_word((enum price_unit)u)));
	json_say(j, "text", str_of(price_unit_text((enum price_unit)u)));
	json_say_i64(j, "count", line->count);
	if (line->pico != PRICE_NONE) {
		say_digits(j, "price", line->pico,
		    u == PRICE_SEARCH ? PRICE_DIGITS : PRICE_DIGITS - 6);
		price_line_text(line, cost);
		json_say(j, "cost", str_of(cost));
	}
	json_close(j, '}');
}

static void
put_lines(struct json_out *j, const struct price_sum *sum)
{
	json_put_key(j, "lines");
	json_open(j, '[');
	for (unsigned i = 0; i < PRICE_UNITS; i++)
		put_line(j, i, &sum->lines[i]);
	json_close(j, ']');
}

/* What was counted, of which nothing has a price. */
static void
put_counts(struct explain *x, struct json_out *j)
{
	struct usage u = receipt_usage(&x->rec);
	struct price_stated none;
	struct price p = { .id = 0 };
	struct price_sum sum;

	price_stated_init(&none);
	price_settle(&p, &none);
	price_cost(&p, &u, &sum);
	put_lines(j, &sum);
}

/* Where the price is from, as long as it is the one in force. */
static void
put_version(struct explain *x, struct json_out *j)
{
	const struct price_table *t = x->call->daemon->prices;
	const struct price *now = price_find(t, x->price.name);
	bool holds = now && now->id == x->price.id;

	json_say_bool(j, "in_force", holds);
	if (!holds)
		return;
	json_say(j, "origin", str_of(price_origin_name(now->origin)));
	json_say(j, "version", str_of(price_version(t, now->origin)));
}

/* Who asked whom, when, and what became of it. */
static void
put_request(struct explain *x, struct json_out *j)
{
	const struct receipt_rec *r = &x->rec;
	const struct apikey *k =
	    r->key_id.len ? keyring_id(x->call->daemon->keys, r->key_id) : NULL;

	json_say_i64(j, "at", ulid_ms(&x->id));
	json_say(j, "key", k ? k->rec.name : r->key_id);
	json_say(j, "key_id", r->key_id);
	json_say(j, "account", r->account);
	json_say(j, "outcome", str_of(outcome_name(r->outcome)));
	json_say(j, "outcome_text", str_of(outcome_text(r->outcome)));
	json_say_i64(j, "status", (int64_t)r->status);
	json_say(j, "fault", r->fault);
}

static void
put_price(struct explain *x, struct json_out *j)
{
	struct usage u = receipt_usage(&x->rec);
	struct price_sum sum;

	price_cost(&x->price, &u, &sum);
	json_say(j, "price", x->price.name);
	put_version(x, j);
	json_say_bool(j, "is_long", sum.is_long);
	put_lines(j, &sum);
	say_digits(j, "sum", sum.micro, PRICE_DIGITS - 6);
	json_say_bool(j, "adds_up", sum.micro == x->rec.cost_micro);
}

static void
explain_done(struct job *job)
{
	struct explain *x = (struct explain *)job;
	struct ctl_call *c = x->call;
	struct json_out *j = &c->out;
	const struct receipt_rec *r = &x->rec;
	char id[4 + ULID_TEXT + 1] = "req_";

	if (job->result) {
		ctl_refuse(c, job->result, &job->why);
		explain_free(x);
		return;
	}
	ulid_text(&x->id, id + 4);
	json_open(j, '{');
	json_say(j, "id", str_of(id));
	json_say(j, "model", r->model);
	json_say(j, "upstream_model", r->upstream_model);
	json_say(j, "tier", str_of(usage_tier_word(receipt_usage(r).tier)));
	json_say_bool(j, "fast", r->fast);
	json_say_bool(j, "us", r->us);
	json_say_bool(j, "estimated", r->flags & RECEIPT_ESTIMATED);
	json_say_bool(j, "unpriced", r->flags & RECEIPT_UNPRICED);
	json_say_i64(j, "price_id", (int64_t)r->price_id);
	put_request(x, j);
	if (x->has_price)
		put_price(x, j);
	else
		put_counts(x, j);
	json_say_i64(j, "cost_micro", r->cost_micro);
	say_digits(j, "rate",
	    r->rate_ppm ? (int64_t)r->rate_ppm : PRICE_RATE_ONE,
	    PRICE_RATE_DIGITS);
	json_say_i64(j, "rated_micro", r->rated_micro);
	json_close(j, '}');
	ctl_answer(c, 0, STR(""));
	explain_free(x);
}

static enum err
explain_work(struct job *job, struct txn *t, struct why *out_why)
{
	struct explain *x = (struct explain *)job;
	enum err e;

	if (!x->rec.price_id)
		return OK;
	e = prices_get_noted(t, x->rec.price_id, &x->price_text, &x->price);
	x->has_price = e == OK;
	if (e == ERR_UNKNOWN)
		return why_set(out_why, e, "receipt",
		    "the price of this request is not in the store");
	return e;
}

static bool
may_see(const struct ctl_call *c, const struct receipt_rec *r)
{
	const struct apikey *k;

	if (c->peer.role > CTL_SELF)
		return true;
	k = r->key_id.len ? keyring_id(c->daemon->keys, r->key_id) : NULL;
	return k && ctl_may_see(c, k->rec.owner);
}

/* The rows last for the call only: what is shown later is kept. */
static void
on_receipt(void *arg, enum err e, const struct why *why,
    const struct receipt_row *rows, size_t count, bool more)
{
	struct explain *x = arg;
	struct why none;

	(void)more;
	if (!e && (!count || !may_see(x->call, &rows[0].rec))) {
		e = why_set(&none, ERR_UNKNOWN, "receipt",
		    "there is no such request, or it has not ended yet");
		why = &none;
	}
	if (!e)
		e = receipt_rec_write(&rows[0].rec, &x->text);
	if (!e)
		e = receipt_rec_read(buf_str(&x->text), &x->rec);
	if (e) {
		ctl_refuse(x->call, e, why);
		explain_free(x);
		return;
	}
	store_post(x->call->daemon->store, LANE_READ, &x->job);
}

void
ctl_usage_explain(struct ctl_call *c)
{
	struct str said = ctl_text(c, "receipt");
	struct explain *x = xcalloc(1, sizeof(*x));

	if (str_starts(said, STR("req_")))
		said = str_skip(said, 4);
	if (ulid_read(said, &x->id)) {
		free(x);
		ctl_refusef(c, ERR_VALUE, "receipt",
		    "say the id of a request, as `receipts` lists it: "
		    "req_...");
		return;
	}
	x->job.work = explain_work;
	x->job.done = explain_done;
	x->call = c;
	buf_init(&x->text, 64 * 1024);
	buf_init(&x->price_text, 64 * 1024);
	ledger_receipt(c->daemon->ledger, &x->id, on_receipt, x);
}

/* --- does it add up -------------------------------------------------------- */

static void
on_verified(void *arg, enum err e, const struct why *why,
    const struct ledger_check *check)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '{');
	json_say_i64(&c->out, "receipts", (int64_t)check->receipts);
	json_say_i64(&c->out, "sums", (int64_t)check->sums);
	json_say_i64(&c->out, "differences", (int64_t)check->differences);
	json_say(&c->out, "first", str_of(check->first));
	if (check->since) {
		char since[ZONE_TEXT];

		zone_text(ledger_zone(c->daemon->ledger), check->since, since);
		json_say(&c->out, "since", str_of(since));
	}
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

void
ctl_usage_verify(struct ctl_call *c)
{
	ledger_verify(c->daemon->ledger, on_verified, c);
}

/* The table as it was when it was asked, held until the answer. */
struct recomputing {
	struct ctl_call *call;
	struct price_table *prices;
	bool apply;
};

/* In pieces it was written, and in one row it is told. */
static void
note_recompute(const struct recomputing *r, const struct ledger_recompute *sum)
{
	struct audit_who who = ctl_who(r->call);
	char text[160];

	snprintf(text, sizeof(text), "%llu receipts: cost_micro: %lld -> %lld",
	    (unsigned long long)sum->changed, (long long)sum->cost_before_micro,
	    (long long)sum->cost_after_micro);
	audit_post(r->call->daemon->store, &who, "price", STR("receipts"),
	    str_of(text));
}

static void
put_recomputed(struct json_out *j, const struct recomputed_model *m)
{
	json_open(j, '{');
	json_say(j, "model", str_of(m->name));
	json_say_i64(j, "changed", (int64_t)m->changed);
	json_say_i64(j, "lost", (int64_t)m->lost);
	json_say_i64(j, "difference_micro", m->difference_micro);
	json_close(j, '}');
}

static void
on_recomputed(void *arg, enum err e, const struct why *why,
    const struct ledger_recompute *sum)
{
	struct recomputing *r = arg;
	struct json_out *j = &r->call->out;

	price_table_unref(r->prices);
	if (e) {
		ctl_refuse(r->call, e, why);
		free(r);
		return;
	}
	if (r->apply && sum->changed)
		note_recompute(r, sum);
	json_open(j, '{');
	json_say_i64(j, "receipts", (int64_t)sum->receipts);
	json_say_i64(j, "changed", (int64_t)sum->changed);
	json_say_i64(j, "unpriced_before", (int64_t)sum->unpriced_before);
	json_say_i64(j, "unpriced_after", (int64_t)sum->unpriced_after);
	json_say_i64(j, "cost_before_micro", sum->cost_before_micro);
	json_say_i64(j, "cost_after_micro", sum->cost_after_micro);
	json_say_i64(j, "rated_before_micro", sum->rated_before_micro);
	json_say_i64(j, "rated_after_micro", sum->rated_after_micro);
	json_say_i64(j, "difference_micro",
	    sum->cost_after_micro - sum->cost_before_micro);
	json_say_i64(j, "lost", (int64_t)sum->lost);
	json_put_key(j, "models");
	json_open(j, '[');
	for (unsigned i = 0; i < sum->models_count; i++)
		put_recomputed(j, &sum->models[i]);
	json_close(j, ']');
	json_say_bool(j, "applied", r->apply);
	json_close(j, '}');
	ctl_answer(r->call, 0, STR(""));
	free(r);
}

void
ctl_usage_recompute(struct ctl_call *c)
{
	struct str from = ctl_text(c, "from");
	struct recomputing *r;
	int64_t from_ms = 0;
	struct why why;
	enum err e = OK;

	if (from.len)
		e = ctl_read_when(from, clock_wall_ms(), false, "from",
		    &from_ms, &why);
	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	r = xcalloc(1, sizeof(*r));
	r->call = c;
	r->prices = price_table_ref(c->daemon->prices);
	r->apply = ctl_flag(c, "apply");
	ledger_recompute(c->daemon->ledger, r->prices, from_ms, r->apply,
	    on_recomputed, r);
}
