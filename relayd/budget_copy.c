/* SPDX-License-Identifier: MIT */
/* budget_copy.c - the limits of one key for another that is made like it: each
 * of its own, counting from nothing. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/audit.h"
#include "relayd/budget.h"

struct copying {
	struct budgets *all;
	char from[16], to[16];
	char last[16]; /* the one that was copied last: they are by id */
	struct audit_who who;
	budgets_copied *done;
	void *arg;
};

static void copy_next(struct copying *c);

static void
finish(struct copying *c, enum err e, const struct why *why)
{
	c->done(c->arg, e, why);
	free(c);
}

static void
on_copied(void *arg, enum err e, const struct why *why, struct budget *b)
{
	(void)b;
	if (e)
		finish(arg, e, why);
	else
		copy_next(arg);
}

static const struct budget *
find_next(const struct copying *c)
{
	const struct budget *b;

	TAILQ_FOREACH (b, &c->all->list, link)
		if (b->scope == BUDGET_KEY &&
		    str_eq(b->rec.subject, str_of(c->from)) &&
		    str_cmp(b->rec.id, str_of(c->last)) > 0)
			return b;
	return NULL;
}

static void
copy_next(struct copying *c)
{
	const struct budget *b = find_next(c);
	struct budget_rec r;
	char id[10];

	if (!b) {
		finish(c, OK, NULL);
		return;
	}
	snprintf(c->last, sizeof(c->last), "%.*s", STR_ARG(b->rec.id));
	budget_make_id(id);
	r = b->rec;
	r.id = str_of(id);
	r.subject = str_of(c->to);
	r.rev = 0;
	budget_save(c->all, &r, 0, false, 0, &c->who, on_copied, c);
}

void
budgets_copy(struct budgets *all, struct str from_key, struct str to_key,
    const struct audit_who *who, budgets_copied *done, void *arg)
{
	struct copying *c = xcalloc(1, sizeof(*c));

	c->all = all;
	snprintf(c->from, sizeof(c->from), "%.*s", STR_ARG(from_key));
	snprintf(c->to, sizeof(c->to), "%.*s", STR_ARG(to_key));
	c->who = *who;
	c->done = done;
	c->arg = arg;
	copy_next(c);
}
