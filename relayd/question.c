/* SPDX-License-Identifier: MIT */
/* question.c - what relayd asks an account's provider for somebody at the
 * control socket. */
#include "relayd/question.h"

#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/daemon.h"

#define TOTAL_MS 30000

static void renew_first(struct question *q, struct account *a);

/* Accounts can be changed while somebody far away thinks. */
static struct account *
account_of(const struct question *q, struct why *out_why)
{
	struct account *a =
	    pool_find(q->call->daemon->pool, ctl_text(q->call, "name"));

	if (a && a->provider == q->kind)
		return a;
	why_set(out_why, ERR_UNKNOWN, "name",
	    "the account was changed meanwhile");
	return NULL;
}

static void
on_fetched(void *arg, const struct fetch_result *result)
{
	struct question *q = arg;
	struct ctl_call *c = q->call;
	struct why why = result->why;
	struct account *a;

	q->fetch = NULL;
	a = account_of(q, &why);
	if (a && !result->e && result->status == 401 && !q->renewed &&
	    renew_is_possible(a)) {
		renew_first(q, a);
		return;
	}
	if (!a)
		ctl_refuse(c, ERR_UNKNOWN, &why);
	else if (result->e)
		ctl_refuse(c, result->e, &why);
	else
		q->hear(c, a, result);
	free(q);
}

static void
on_renewed(void *arg, enum err e, const struct why *why)
{
	struct question *q = arg;
	struct why w = *why;
	const struct account *a = NULL;

	if (!e && !(a = account_of(q, &w)))
		e = ERR_UNKNOWN;
	if (!e)
		e = account_check_allowed(a, &w);
	if (!e)
		e = q->put(q, a, &w);
	if (e) {
		/* That the provider denies it is no question of rights. */
		ctl_refuse(q->call, e == ERR_DENIED ? ERR_VALUE : e, &w);
		free(q);
	}
}

/* A token that has ended says nothing of the account. */
static void
renew_first(struct question *q, struct account *a)
{
	q->renewed = true;
	q->wait = (struct renew_wait){ .done = on_renewed, .arg = q };
	renew_join(q->call->daemon->renewals, a, &q->wait);
}

static void
abandon(struct ctl_call *c)
{
	struct question *q = c->state;

	fetch_cancel(q->fetch);
	renew_leave(&q->wait);
	free(q);
	ctl_refusef(c, ERR_CLOSED, "", "relayd is stopping");
}

void
question_begin(struct ctl_call *c, struct account *a, question_put *put,
    question_hear *hear)
{
	struct question *q;
	struct why why = { .text = "" };
	enum err e = OK;

	if (c->peer.role < CTL_OPS)
		e = why_set(&why, ERR_DENIED, "ask",
		    "asking the provider is for those who run relayd (ops)");
	if (!e)
		e = account_check_allowed(a, &why);
	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	q = xcalloc(1, sizeof(*q));
	q->call = c;
	q->kind = a->provider;
	q->put = put;
	q->hear = hear;
	ctl_wait(c, abandon, q);
	if (renew_is_needed(c->daemon->renewals, a)) {
		renew_first(q, a);
		return;
	}
	e = put(q, a, &why);
	if (e) {
		free(q);
		ctl_refuse(c, e, &why);
	}
}

void
question_fetch(struct question *q, const struct account *a,
    const struct fetch_ask *ask)
{
	struct fetch_ask to = *ask;

	to.total_ms = TOTAL_MS;
	to.way.allow_private = a->rec.allow_private;
	outlet_lead(&a->outlet, &to.way);
	q->fetch = fetch_start(q->call->daemon->dialer, &to, on_fetched, q);
}
