/* SPDX-License-Identifier: MIT */
/* holder_limit.c - which limits a key's holder is told: those that can refuse
 * a request with it. */
#include <stdio.h>

#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/daemon.h"
#include "relayd/holder.h"

bool
holder_is_money(const struct holder_limit *l)
{
	return !strcmp(l->unit, "usd");
}

int64_t
holder_left(const struct holder_limit *l)
{
	return l->used < l->most ? l->most - l->used : 0;
}

bool
holder_is_per(const struct holder_limit *l, const char *word)
{
	struct str window = str_of(l->window);

	return str_eq(str_cut(&window, '@'), str_of(word));
}

static struct holder_limit
limit_of(const struct budget_view *b)
{
	struct holder_limit l = { .unit = budget_unit_is_money(b->b->unit)
		    ? "usd"
		    : budget_unit_word(b->b->unit),
		.class = b->b->rec.class,
		.is_shared = b->b->scope != BUDGET_KEY,
		.most = b->amount,
		.used = b->used + b->reserved,
		.begin_ms = b->begin_ms,
		.end_ms = b->end_ms };

	snprintf(l.window, sizeof(l.window), "%.*s", STR_ARG(b->b->rec.window));
	return l;
}

size_t
holder_limits(struct daemon *d, struct apikey *k,
    struct holder_limit out[HOLDER_LIMITS_MAX])
{
	struct budget_now now = budgets_now(d->budgets);
	struct budget_view b;
	size_t count = 0;

	for (unsigned i = 0; count < HOLDER_LIMITS_MAX &&
	     budgets_view_key(d->budgets, k, i, now, &b);
	     i++)
		if (b.b->action == BUDGET_DENY)
			out[count++] = limit_of(&b);
	return count;
}
