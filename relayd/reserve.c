/* SPDX-License-Identifier: MIT */
/* reserve.c - what a request takes from budgets: reserved on its way in, and
 * settled with its receipt.
 *
 * A request that falls under no budget has r->reserved NULL, and pays a
 * comparison for it. */
#include <stdio.h>
#include <time.h>

#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/charge.h"
#include "relayd/daemon.h"
#include "relayd/habit.h"
#include "relayd/loop.h"
#include "relayd/receipt.h"
#include "relayd/relay.h"

static bool
is_counted(enum op op)
{
	return op == OP_GENERATE || op == OP_COMPACT || op == OP_EMBED;
}

/* What it may come to, from what is like it. */
static void
guess(const struct relay *r, const struct habit *h, struct budget_need *out)
{
	struct receipt_rec rec = { .model = buf_str(&r->model) };
	struct usage u;

	habit_guess(h, rec.model, r->body.len, r->asked.max_tokens, &u);
	if (r->op == OP_EMBED)
		u.output = 0;
	receipt_set_usage(&rec, &u);
	relay_price(r, &rec);
	charge_need(&rec, out);
}

/* --- refusing -------------------------------------------------------------- */

/* Requests are a rate, which passes; all else has to be paid for, and what
 * never passes is not to be waited for. */
static enum fault
fault_of(const struct budget_refusal *f)
{
	return f->b->unit == BUDGET_REQUESTS &&
		f->b->window.kind != CYCLE_LIFE && f->asked <= f->amount
	    ? FAULT_RATE
	    : FAULT_BUDGET;
}

static void
say_whose(const struct budget *b, char out[160])
{
	if (b->scope == BUDGET_KEY)
		snprintf(out, 160, "this key");
	else if (b->scope == BUDGET_ALL)
		snprintf(out, 160, "all keys together");
	else
		snprintf(out, 160, "%s %.*s", budget_scope_word(b->scope),
		    STR_ARG(str_first(b->rec.subject, 80)));
}

static void
say_when(const struct budget_refusal *f, char out[128])
{
	time_t at = (time_t)((f->resets_at_ms + 999) / 1000);
	struct tm tm;

	if (!f->resets_at_ms) {
		snprintf(out, 128, "%s",
		    f->asked > f->amount ? "that is more than all of it"
			: f->b->window.kind == CYCLE_LIFE
			? "it does not begin anew"
			: "there is room again when some of them have ended");
		return;
	}
	localtime_r(&at, &tm);
	strftime(out, 128, "there is room again at %Y-%m-%d %H:%M:%S %Z", &tm);
}

static enum fault
refuse(struct relay *r, const struct budget_refusal *f, int64_t wall_ms)
{
	struct str class = str_first(f->b->rec.class, 80);
	enum budget_unit u = f->b->unit;
	char whose[160], when[128], amount[BUDGET_TEXT], used[BUDGET_TEXT],
	    more[BUDGET_TEXT], asked[BUDGET_TEXT];

	budget_amount_text(u, f->amount, amount);
	budget_amount_text(u, f->used, used);
	budget_amount_text(u, f->reserved, more);
	budget_amount_text(u, f->asked, asked);
	say_whose(f->b, whose);
	say_when(f, when);
	relay_fault(r, fault_of(f),
	    "over budget: %s%s%.*s may use %s %s%.*s; used are %s, reserved by "
	    "requests under way %s, and this request may need %s; %s (budget "
	    "%.*s)",
	    whose, class.len ? " with " : "", STR_ARG(class), amount,
	    f->b->window.kind == CYCLE_LIFE ? "for " : "per ",
	    STR_ARG(f->b->rec.window), used, more, asked, when,
	    STR_ARG(f->b->rec.id));
	/* A 402 is not to be tried again by itself, whenever that may be. */
	if (r->fault == FAULT_RATE && f->resets_at_ms > wall_ms)
		r->fault_retry_ms = f->resets_at_ms - wall_ms;
	return r->fault;
}

/* --- the way of a request -------------------------------------------------- */

enum fault
relay_reserve(struct relay *r)
{
	struct budgets *all = r->d->budgets;
	const struct budget_set *of;
	struct budget_refusal refusal;
	struct budget_now now;
	bool fits;

	if (!all->count || !r->key || !is_counted(r->op))
		return FAULT_NONE;
	of = budgets_of_key(all, r->key);
	if (!of->count && !all->upstream_count)
		return FAULT_NONE;
	r->reserved = reservation_new(all, buf_str(&r->model));
	guess(r, of->habit, &r->reserved->need);
	now = budgets_now(all);
	fits = reservation_take_key(all, r->reserved, of, now, &refusal);
	if (fits)
		return FAULT_NONE;
	relay_unreserve(r);
	return refuse(r, &refusal, now.wall_ms);
}

void
relay_reserve_account(struct relay *r)
{
	struct budgets *all = r->d->budgets;

	if (!r->reserved)
		return;
	reservation_take_account(all, r->reserved,
	    budgets_of_account(all, r->account), budgets_now(all));
}

struct str
relay_charges(struct relay *r)
{
	return r->reserved ? reservation_text(r->reserved) : STR("");
}

/* An answer that told what it used teaches what the next may use. */
static void
learn(const struct relay *r, const struct receipt_rec *rec)
{
	const struct budget_set *of = r->key->budgets;
	struct usage u = receipt_usage(rec);

	if (of && of->habit && rec->outcome == OUTCOME_OK &&
	    !(rec->flags & RECEIPT_ESTIMATED))
		habit_learn(of->habit, rec->model, r->body.len, &u);
}

void
relay_spend(struct relay *r, const struct receipt_rec *rec)
{
	struct budgets *all = r->d->budgets;
	struct budget_need truth;

	if (!r->reserved)
		return;
	charge_need(rec, &truth);
	learn(r, rec);
	reservation_settle(all, r->reserved, &truth, budgets_now(all));
	r->reserved = NULL;
}

void
relay_unreserve(struct relay *r)
{
	struct budgets *all = r->d->budgets;

	if (!r->reserved)
		return;
	reservation_settle(all, r->reserved, NULL, budgets_now(all));
	r->reserved = NULL;
}
