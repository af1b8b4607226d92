/* SPDX-License-Identifier: MIT */
/* attempt.c - one try at one account: who it is, what it is asked, and the note
 * of how it went.  What follows a failure stands in attempt_judge.c. */
#include <stdio.h>

#include "relayd/apikey.h"
#include "relayd/capture.h"
#include "relayd/charge.h"
#include "relayd/daemon.h"
#include "relayd/ledger.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/modelrule.h"
#include "relayd/outbound.h"
#include "relayd/price.h"
#include "relayd/relay.h"
#include "relayd/shape.h"
#include "relayd/tally.h"
#include "relayd/trace.h"

/* What a client asks at its start may take that long. */
#define ASSIST_MS 15000

/* --- opening ------------------------------------------------------------------------------ */

/* Those that would do cannot be used: how many for which reason, and until
 * when. */
static void
say_unusable(struct relay *r, const struct sched_choice *c)
{
	int64_t now_ms = loop_ms(r->d->loop);

	if (c->soonest_ms > now_ms)
		r->fault_retry_ms = c->soonest_ms - now_ms;
	relay_fault(r, FAULT_NO_ACCOUNT,
	    "no account %sfor %.*s can be used just now (%u held, %u without "
	    "their proxy, %u limited or failing, %u busy, %u over budget, %u "
	    "tried, %u for others, %u expired)",
	    r->ask.binding ? "of those that this key is bound to " : "",
	    STR_ARG(str_first(buf_str(&r->model), 100)), c->fell[SIEVE_HELD],
	    c->fell[SIEVE_PROXY],
	    c->fell[SIEVE_GATED] + c->fell[SIEVE_FAMILY] +
		c->fell[SIEVE_WINDOW],
	    c->fell[SIEVE_BUSY] + c->fell[SIEVE_TURN], c->fell[SIEVE_BUDGET],
	    c->fell[SIEVE_TRIED], c->fell[SIEVE_SHARE], c->fell[SIEVE_EXPIRED]);
}

void
attempt_say_unusable(struct relay *r)
{
	struct sched_choice choice;

	r->ask.now_ms = loop_ms(r->d->loop);
	sched_choose(r->d->pool, &r->ask, &choice);
	say_unusable(r, &choice);
}

/* No account: say which sieve held them all back, and for how long. */
static enum relay_state
nobody(struct relay *r, const struct sched_choice *c)
{
	unsigned there = 0;
	enum relay_state next;

	why_nobody(r, c);
	for (int i = 0; i < SIEVE_COUNT; i++)
		there += c->fell[i];
	if (r->ask.binding && there == c->fell[SIEVE_SHARE]) {
		relay_fault(r, FAULT_NO_ACCOUNT,
		    "what this key is bound to has no account just now: %.*s",
		    STR_ARG(str_first(r->key->rec.bind, 100)));
		return do_refuse(r);
	}
	if (there == c->fell[SIEVE_KIND]) {
		relay_fault(r, FAULT_ROUTE,
		    there ? "no account here serves %s (%s)"
			  : "no account is set up yet that serves %s (%s); see "
			    "relayctl account add",
		    r->dialect->label, op_name(r->op));
		return do_refuse(r);
	}
	if (there == c->fell[SIEVE_KIND] + c->fell[SIEVE_CLIENT]) {
		relay_fault(r, FAULT_POLICY,
		    "the accounts here that serve %s are subscriptions, for "
		    "their provider's own client alone; use that client, or "
		    "ask the operator of this relay for an account with an "
		    "API key (or for clients = any: relayd-accounts(7))",
		    r->dialect->label);
		return do_refuse(r);
	}
	if (there ==
	    c->fell[SIEVE_KIND] + c->fell[SIEVE_CLIENT] +
		c->fell[SIEVE_MODEL]) {
		relay_fault(r, FAULT_MODEL,
		    "no account here has the model %.*s",
		    STR_ARG(str_first(buf_str(&r->model), 100)));
		return do_refuse(r);
	}
	if (waiting_helps(r, c, &next))
		return next;
	say_unusable(r, c);
	return do_refuse(r);
}

static bool
knows_encoding(const struct relay *r, struct str *out)
{
	const struct header *f =
	    http1_find(r->c->head, STR("content-encoding"));

	*out = (struct str){ .at = NULL, .len = 0 };
	if (!f || !r->decoder || !r->account->provider->takes)
		return false;
	if (!r->account->provider->takes(f->value))
		return false;
	*out = f->value;
	return true;
}

static void
on_upstream(void *arg)
{
	struct relay *r = arg;

	loop_ready(r->d->loop, &r->task);
}

static void
begin_waiting(struct relay *r)
{
	const struct settings *s = &r->d->settings;
	int64_t now_ms = loop_ms(r->d->loop);

	r->deadline_ms = now_ms +
	    (r->asked.stream ? s->stream_head_wait_ms : s->head_wait_ms);
	/* Gemini CLI does not begin before it has heard of these. */
	if (r->op == OP_ASSIST && r->deadline_ms > now_ms + ASSIST_MS)
		r->deadline_ms = now_ms + ASSIST_MS;
	if (!r->said_ms)
		r->said_ms = now_ms;
	do_waited(r);
}

/* The first try is written down before a byte of it leaves, with what it costs
 * at least: that stands when relayd dies before the end. */
static enum err
open_in_ledger(struct relay *r)
{
	struct receipt_rec rec;
	enum err e;

	if (r->opened)
		return OK;
	relay_receipt(r, &rec);
	if (r->op == OP_GENERATE)
		rec.input = (int64_t)(r->bytes_in / 4);
	relay_price(r, &rec);
	rec.budgets = relay_charges(r);
	e = ledger_open(r->d->ledger, &r->id, &rec);
	r->opened = !e;
	return e;
}

static void
start_upstream(struct relay *r, struct account *a)
{
	char key[160];
	struct upstream_ask ask = {
		.to = { .tls = a->tls,
		    .host = a->host,
		    .port = a->port,
		    .allow_private = a->rec.allow_private },
		.head = buf_str(&r->up_head),
		.body = r->up_body,
		.fresh = r->up_fresh,
		.note = on_upstream,
		.arg = r,
	};
	int n = snprintf(key, sizeof(key), "%.*s/%u", STR_ARG(a->rec.name),
	    a->generation);

	outlet_lead(&a->outlet, &ask.to);
	ask.key = str_at(key, (size_t)n);
	r->up_open = true;
	r->up_noted = false;
	attempt_take_place(r, a);
	r->place = NULL;
	a->requests++;
	r->d->counters.attempts_total++;
	upstream_start(r->d->upstreams, &r->up, &ask);
}

/* What the account calls the model, when that is another name. */
static void
note_up_model(struct relay *r)
{
	struct str model = buf_str(&r->model);
	struct str name = modelrule_upstream(r->account->rec.models, model);

	buf_clear(&r->up_model);
	if (!str_eq(name, relay_said_model(r)))
		buf_must(&r->up_model, str_first(name, 256));
}

struct ask
attempt_ask(const struct relay *r)
{
	return (struct ask){ .dialect = r->dialect,
		.op = r->op,
		.head = r->c->head,
		.model = buf_len(&r->up_model) ? buf_str(&r->up_model)
					       : buf_str(&r->model),
		.action = r->routed.action,
		.id = r->routed.id,
		.enveloped = r->routed.enveloped,
		.renamed = buf_len(&r->up_model) > 0,
		.query = buf_str(&r->query),
		.stream = r->asked.stream,
		.has_body = !str_eq(r->c->head->method, STR("GET")) };
}

/* Others may have taken its last place, or a turn, while a body was shaped or a
 * token renewed. */
static bool
lost_place(const struct relay *r, const struct account *a)
{
	if (r->place == a)
		return false;
	if (a->rec.max_concurrency && a->in_flight >= a->rec.max_concurrency)
		return true;
	return r->ask.turn && a->rec.serial && a->turn && a->turn != r;
}

/* The body is chosen: write it down, send it. */
static enum relay_state
send_request(struct relay *r, struct ask *ask)
{
	struct account *a = r->account;
	struct why why;

	if (lost_place(r, a))
		return attempt_open(r);
	ask->length = r->up_body.len;
	ask->credential = attempt_take_key(r);
	buf_clear(&r->up_head);
	if (outbound_request(a, ask, &r->up_head, &why)) {
		relay_fault(r, FAULT_REQUEST, "%s", why.text);
		return do_refuse(r);
	}
	relay_reserve_account(r);
	if (open_in_ledger(r)) {
		r->fault_retry_ms = 2000;
		relay_fault(r, FAULT_BUSY,
		    "the disk cannot keep up with the accounting");
		return do_refuse(r);
	}
	if (r->tries++)
		r->d->counters.retries_total++;
	else
		retry_asked(attempt_retries(r), loop_ms(r->d->loop));
	a->used_us = clock_us();
	if (r->capture || r->d->traces->active)
		capture_sent(r);
	start_upstream(r, a);
	begin_waiting(r);
	/* It may have failed inside the call; whatever else happens to it is
	 * told by its events. */
	if (r->up.phase == UP_FAILED)
		loop_ready(r->d->loop, &r->task);
	return R_OPENING;
}

/* The body is as the account's kind wants it. */
static enum relay_state
send_shaped(struct relay *r)
{
	struct ask ask = attempt_ask(r);
	struct why why;
	enum err e = shape_take(r, &why);

	if (e) {
		relay_fault(r, e == ERR_LIMIT ? FAULT_TOO_BIG : FAULT_REQUEST,
		    "%s%s%s", why.field, why.field[0] ? ": " : "", why.text);
		return do_refuse(r);
	}
	ask.sha256 = r->sha256;
	ask.wall_ms = clock_wall_ms();
	return send_request(r, &ask);
}

enum relay_state
attempt_account(struct relay *r)
{
	struct account *a = r->account;
	enum shape_begun begun;
	struct ask ask;
	bool changed;

	if (!r->renewed && renew_is_needed(r->d->renewals, a))
		return attempt_renew(r);
	r->token_at = a->rec.renewed_at;
	note_up_model(r);
	ask = attempt_ask(r);
	r->account_ppm = price_rate_times(charge_rate(a->rec.rate),
	    rates_of(&r->d->rates, a->rec.kind));
	snprintf(r->account_name, sizeof(r->account_name), "%.*s",
	    STR_ARG(a->rec.name));
	begun = a->provider->body ? shape_begin(r, a, &ask) : SHAPE_NONE;
	if (begun != SHAPE_NONE) {
		r->hides_usage = false;
		return begun == SHAPE_DONE ? send_shaped(r) : R_SHAPING;
	}
	if (shape_splice(r, a, &changed)) {
		relay_fault(r, FAULT_TOO_BIG, "the request body is too large");
		return do_refuse(r);
	}
	if (changed)
		r->up_body = buf_str(&r->shaped);
	else if (knows_encoding(r, &ask.encoding))
		r->up_body = buf_str(&r->c->body);
	else
		r->up_body = r->body;
	return send_request(r, &ask);
}

/* The account may have been removed or held meanwhile. */
static bool
is_still_there(struct relay *r)
{
	r->account = pool_find(r->d->pool, str_of(r->account_name));
	return r->account && !r->account->rec.held;
}

void
attempt_choose(struct relay *r, struct sched_choice *out)
{
	r->ask.now_ms = loop_ms(r->d->loop);
	attempt_ask_bound(r, &r->ask);
	r->waits_for = NULL;
	r->ask.may_wait = waiting_for_tier(r);
	/* It stands in nobody's way itself. */
	if (r->place)
		r->place->in_flight--;
	sched_choose(r->d->pool, &r->ask, out);
	if (r->place)
		r->place->in_flight++;
	if (r->ask.bound && out->account && out->account != r->ask.bound)
		waiting_stick(r, out);
}

void
attempt_take_place(struct relay *r, struct account *a)
{
	struct account *had = r->place;

	if (had == a)
		return;
	if (had)
		attempt_pass_turn(r);
	r->place = a;
	a->in_flight++;
	if (r->ask.turn && a->rec.serial && !a->turn) {
		a->turn = r;
		r->turn_of = a;
	}
	if (had)
		pool_release(r->d->pool, had);
}

void
attempt_pass_turn(struct relay *r)
{
	struct account *a = r->turn_of;

	if (!a)
		return;
	r->turn_of = NULL;
	a->turn = NULL;
	a->turn_free_ms = loop_ms(r->d->loop) + SCHED_TURN_GAP_MS;
	waiting_turn_over(r->all, a);
}

void
attempt_give_back(struct relay *r)
{
	struct account *had = r->place;

	r->place = NULL;
	if (!had)
		return;
	attempt_pass_turn(r);
	pool_release(r->d->pool, had);
}

enum relay_state
attempt_open(struct relay *r)
{
	struct sched_choice choice;

	attempt_choose(r, &choice);
	if (choice.account && r->all->line.count && !r->place) {
		waiting_serve(r->all, choice.account);
		attempt_choose(r, &choice);
	}
	if (!choice.account) {
		attempt_give_back(r);
		return nobody(r, &choice);
	}
	attempt_take_place(r, choice.account);
	r->account = choice.account;
	sched_took(r->d->pool, &r->ask, &choice);
	why_chose(r, &choice);
	attempt_bind(r, &choice);
	r->same_tries = 0;
	return attempt_account(r);
}

/* --- ending -------------------------------------------------------------------------------- */

void
attempt_note(struct relay *r, enum attempt_outcome outcome, unsigned status,
    const char *error)
{
	const struct upstream *u = &r->up;
	struct attempt_rec rec = {
		.account = str_of(r->account_name),
		.status = status,
		.outcome = outcome,
		.error = str_of(error),
		.begin_us = (uint64_t)(u->began_us - r->began_us),
		.end_us = (uint64_t)(clock_us() - u->began_us),
	};

	if (!r->up_open || r->up_noted)
		return;
	r->up_noted = true;
	if (!status && u->head_us)
		rec.status = u->answer.status;
	if (u->head_us)
		rec.head_us = (uint64_t)(u->head_us - u->began_us);
	if (!u->reused && u->connected_us)
		rec.connect_us = (uint64_t)(u->connected_us - u->began_us);
	rec.error = str_first(rec.error, 200);
	/* A list that is full keeps the first ones. */
	if (rec_attempts_add(&r->attempts, &rec))
		log_note(LOG_DEBUG, "attempts", "%s: list is full", r->id_text);
	if (!r->wait_us)
		r->wait_us = (int64_t)rec.begin_us;
	tally_attempt(r->d->tally, outcome, rec.connect_us);
}

void
attempt_end(struct relay *r, enum attempt_outcome outcome, unsigned status,
    const char *error)
{
	if (!r->up_open)
		return;
	attempt_note(r, outcome, status, error);
	account_note_hold(r->account, (clock_us() - r->up.began_us) / 1000);
	upstream_cancel(&r->up);
	/* What it has still told in this turn is not about the next one. */
	r->events &=
	    ~(1u << E_HEAD | 1u << E_DATA | 1u << E_FAIL | 1u << E_END);
	buf_wipe(&r->up_head);
	r->up_open = false;
	attempt_pass_turn(r);
	pool_release(r->d->pool, r->account);
}

enum relay_state
do_again(struct relay *r)
{
	enum relay_state next;

	if (attempt_renewed(r, &next))
		return next;
	return is_still_there(r) ? attempt_account(r) : attempt_open(r);
}

/* A large body is shaped. */
enum relay_state
do_shaped(struct relay *r)
{
	const struct provider *p = r->shape->provider;
	struct why why;

	if (is_still_there(r) && r->account->provider == p)
		return send_shaped(r);
	/* For nobody, then. */
	if (shape_take(r, &why)) {
		relay_fault(r, FAULT_REQUEST, "%s", why.text);
		return do_refuse(r);
	}
	return attempt_open(r);
}
