/* SPDX-License-Identifier: MIT */
/* attempt.c - one try at one account, and what follows when it fails before
 * the client has seen anything. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "relayd/capture.h"
#include "relayd/charge.h"
#include "relayd/conf.h"
#include "relayd/daemon.h"
#include "relayd/inert.h"
#include "relayd/ledger.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/modelrule.h"
#include "relayd/outbound.h"
#include "relayd/price.h"
#include "relayd/relay.h"
#include "relayd/reshape.h"
#include "relayd/shape.h"
#include "relayd/tally.h"
#include "relayd/trace.h"

/* As much of an error's body is read to judge it; a longer one is passed on
 * unjudged. */
#define ERROR_BODY_MAX (256 * 1024)
/* As much of it is kept as a reason. */
#define ERROR_TEXT_MAX 128
/* Reading it may take that long. */
#define ERROR_BODY_MS 10000
/* Waits before the same account is asked again (semantics of 529). */
#define SAME_WAIT_MS 1000
#define SAME_MAX     2
/* What a client asks at its start may take that long. */
#define ASSIST_MS 15000

/* --- the retry budget ------------------------------------------------------------------ */

static struct retry_budget *
budget_of(struct relay *r)
{
	const struct provider *p;

	for (unsigned i = 0; i < RELAYS_PROVIDERS_MAX; i++) {
		p = provider_at(i);
		if (p == r->account->provider)
			return &r->all->budgets[i];
	}
	return &r->all->budgets[RELAYS_PROVIDERS_MAX - 1];
}

static void
budget_turn(struct retry_budget *b, int64_t minute)
{
	if (b->minute == minute)
		return;
	b->asked[1] = b->minute == minute - 1 ? b->asked[0] : 0;
	b->again[1] = b->minute == minute - 1 ? b->again[0] : 0;
	b->asked[0] = b->again[0] = 0;
	b->minute = minute;
}

/* May one more request be sent again to this provider?  The budget keeps a
 * storm of failures from becoming a storm of retries. */
static bool
budget_left(struct relay *r)
{
	const struct settings *s = &r->d->settings;
	struct retry_budget *b = budget_of(r);

	budget_turn(b, loop_ms(r->d->loop) / 60000);
	return b->again[0] + b->again[1] <
	    (b->asked[0] + b->asked[1]) * s->retry_budget_percent / 100 +
	    s->retry_budget_floor;
}

/* --- opening ------------------------------------------------------------------------------ */

/* No account: say which sieve held them all back, and for how long. */
static enum relay_state
nobody(struct relay *r, const struct sched_choice *c)
{
	int64_t now_ms = loop_ms(r->d->loop);
	unsigned there = 0;

	for (int i = 0; i < SIEVE_COUNT; i++)
		there += c->fell[i];
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
	if (c->soonest_ms > now_ms)
		r->fault_retry_ms = c->soonest_ms - now_ms;
	relay_fault(r, FAULT_NO_ACCOUNT,
	    "no account for %.*s can be used just now (%u held, %u without "
	    "their proxy, %u limited or failing, %u busy, %u over budget, %u "
	    "tried)",
	    STR_ARG(str_first(buf_str(&r->model), 100)), c->fell[SIEVE_HELD],
	    c->fell[SIEVE_PROXY], c->fell[SIEVE_GATED], c->fell[SIEVE_BUSY],
	    c->fell[SIEVE_BUDGET], c->fell[SIEVE_TRIED]);
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
	a->in_flight++;
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
	if (!str_eq(name, model))
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

/* The body is chosen: write it down, send it. */
static enum relay_state
send_request(struct relay *r, struct ask *ask)
{
	struct account *a = r->account;
	struct why why;

	/* Others may have taken its last place while a body was shaped or a
	 * token renewed. */
	if (a->rec.max_concurrency && a->in_flight >= a->rec.max_concurrency)
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
	budget_turn(budget_of(r), loop_ms(r->d->loop) / 60000);
	budget_of(r)->asked[0]++;
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

enum relay_state
attempt_open(struct relay *r)
{
	struct sched_choice choice;

	r->ask.now_ms = loop_ms(r->d->loop);
	attempt_ask_bound(r, &r->ask);
	sched_choose(r->d->pool, &r->ask, &choice);
	if (!choice.account)
		return nobody(r, &choice);
	r->account = choice.account;
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
	pool_release(r->d->pool, r->account);
}

static enum attempt_outcome
outcome_of(enum upstream_fault f)
{
	switch (f) {
	case UP_NO_TLS:
		return ATTEMPT_TLS;
	case UP_STALE:
		return ATTEMPT_STALE;
	case UP_RESET:
		return ATTEMPT_RESET;
	case UP_BAD_HEAD:
	case UP_BAD_BODY:
		return ATTEMPT_BAD_RESPONSE;
	case UP_CUT:
		return ATTEMPT_CUT;
	case UP_OK:
	case UP_NO_NAME:
	case UP_NO_CONNECTION:
	case UP_NO_PROXY:
	case UP_DENIED:
		break;
	}
	return ATTEMPT_CONNECT;
}

static void
remember_error(struct relay *r, const char *error)
{
	struct account *a = r->account;

	assert(a);
	if (r->up.fault == UP_NO_PROXY && a->outlet.via)
		proxy_note_error(a->outlet.via, error);
	a->failures++;
	a->last_error_wall_ms = clock_wall_ms();
	snprintf(a->last_error, sizeof(a->last_error), "%s", error);
}

/* Nobody else can answer: what does the client get to see? */
static enum relay_state
give_up(struct relay *r, unsigned status, const char *error)
{
	if (r->verdict->show && status == 529) {
		/* 529 is Anthropic's own; others know 503 for it. */
		relay_fault(r,
		    r->dialect == &dialect_anthropic ? FAULT_OVERLOADED
						     : FAULT_BUSY,
		    "the provider is overloaded");
	} else if (r->verdict->show && status == 429) {
		r->fault_retry_ms = r->told_ms ? r->told_ms : 5000;
		relay_fault(r, FAULT_RATE,
		    "the provider limits requests just now");
	} else if (r->verdict->next == NEXT_RETURN) {
		relay_fault(r, FAULT_REQUEST, "the provider refused it: %s",
		    error);
	} else if (r->verdict->show) {
		/* A timeout, a stream that broke, an error told in a stream. */
		relay_fault(r, status == 504 ? FAULT_TIMEOUT : FAULT_UPSTREAM,
		    "no account could answer: %s", error);
	} else if (status) {
		relay_fault(r, FAULT_NO_ACCOUNT,
		    "no account could answer; the last one tried was refused "
		    "by "
		    "its provider (see relayctl account show %s)",
		    r->account_name);
	} else {
		relay_fault(r, FAULT_UPSTREAM,
		    "no account could be reached: %s", error);
	}
	return do_refuse(r);
}

bool
attempt_may_repeat(struct relay *r)
{
	const struct settings *s = &r->d->settings;

	return r->tries < s->attempts_max &&
	    r->body.len <= s->replay_max_bytes &&
	    loop_ms(r->d->loop) - r->tries_began_ms <= s->attempts_time_ms &&
	    budget_left(r);
}

/* Who may be asked after this failure: the same account again (it is returned
 * then), another one, or nobody (NULL). */
static struct account *
who_next(struct relay *r, struct sched_choice *choice)
{
	struct sched_ask ask = r->ask;

	*choice = (struct sched_choice){ .account = NULL };
	/* It is the request that was refused, not the account's try at it. */
	if (r->verdict->next == NEXT_RETURN)
		return NULL;
	if (!attempt_may_repeat(r))
		return NULL;
	if (attempt_has_other_key(r))
		return r->account;
	if (r->verdict->next == NEXT_SAME)
		return r->same_tries < SAME_MAX ? r->account : NULL;
	if (ask.tried_count < SCHED_TRIED_MAX)
		ask.tried[ask.tried_count++] = r->account;
	ask.now_ms = loop_ms(r->d->loop);
	attempt_ask_bound(r, &ask);
	sched_choose(r->d->pool, &ask, choice);
	return choice->account;
}

static enum relay_state
next_try(struct relay *r, unsigned status, const char *error)
{
	struct sched_choice choice;
	struct account *next = who_next(r, &choice);

	if (!next)
		return give_up(r, status, error);
	budget_of(r)->again[0]++;
	if (attempt_has_other_key(r)) {
		r->up_fresh = false;
		return attempt_account(r);
	}
	if (next == r->account) {
		relay_wait_until(r,
		    loop_ms(r->d->loop) + (SAME_WAIT_MS << r->same_tries++));
		return R_BACKOFF;
	}
	if (r->ask.tried_count < SCHED_TRIED_MAX)
		r->ask.tried[r->ask.tried_count++] = r->account;
	r->account = next;
	attempt_bind(r, &choice);
	r->same_tries = 0;
	r->up_fresh = false;
	return attempt_account(r);
}

void
attempt_forget_answer(struct relay *r)
{
	buf_clear(&r->held);
	sse_fini(&r->sse);
	sse_init(&r->sse);
	decoder_free(r->undo);
	r->undo = NULL;
	reshape_free(r->reshape);
	r->reshape = NULL;
	relay_charge(r);
	r->shown_type = NULL;
	r->watch = (struct watch){ .began = false };
	r->saw_event = r->is_sse = r->lost_track = false;
	r->is_coded = CODING_IDENTITY;
	r->whole = 0;
}

enum relay_state
attempt_failed(struct relay *r, unsigned status, struct str body,
    const char *error)
{
	r->verdict = verdict_find(status, body);
	tally_verdict(r->d->tally, r->verdict);
	remember_error(r, error);
	attempt_shut_gate(r, error);
	log_note(LOG_WARN, "attempt",
	    "%s: account %s failed: %s (status %u, rule %s)", r->id_text,
	    r->account_name, error, status, r->verdict->name);
	attempt_forget_answer(r);
	return next_try(r, status, error);
}

/* --- moves ------------------------------------------------------------------------------------ */

/* The upstream broke, or fell silent, before the client saw anything of it. */
enum relay_state
do_retry(struct relay *r)
{
	enum upstream_fault f = r->up.fault;
	const char *text = upstream_fault_text(f);
	char error[320];

	snprintf(error, sizeof(error), "%s%s%s", text,
	    r->up.why.text[0] ? ": " : "", r->up.why.text);
	attempt_end(r, outcome_of(f), 0, error);
	if (f == UP_STALE && !r->up_fresh && !r->account->deleted) {
		/* Not the account's fault: once more, on a new connection. */
		r->up_fresh = true;
		return attempt_account(r);
	}
	r->told_ms = 0;
	return attempt_failed(r, 0, STR(""), error);
}

static enum relay_state
timed_out(struct relay *r, const char *error)
{
	if (r->asked.stream)
		account_note_ttft(r->account,
		    (clock_us() - r->up.began_us) / 1000);
	attempt_end(r, ATTEMPT_TIMEOUT, 0, error);
	r->told_ms = 0;
	return attempt_failed(r, 504, STR(""), error);
}

/* Is the client going to read events?  Gemini's stream is a JSON array unless
 * it asks for alt=sse. */
static bool
wants_events(const struct relay *r)
{
	return r->asked.stream && r->op == OP_GENERATE &&
	    (!r->routed.action.at || r->routed.sse);
}

/* OPENING's timer: the head is overdue, or the client has waited in silence. */
enum relay_state
do_waited(struct relay *r)
{
	const struct settings *s = &r->d->settings;
	int64_t now_ms = loop_ms(r->d->loop), next_ms = r->deadline_ms;
	int64_t ping_ms;

	if (now_ms >= r->deadline_ms)
		return timed_out(r, "it did not answer in time");
	if (wants_events(r)) {
		ping_ms = r->said_ms +
		    (r->head_sent ? s->ping_after_ms : s->ping_before_ms);
		if (now_ms >= ping_ms) {
			answer_ping(r);
			ping_ms = now_ms + s->ping_after_ms;
		}
		if (ping_ms < next_ms)
			next_ms = ping_ms;
	}
	relay_wait_until(r, next_ms);
	return R_OPENING;
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

/* The head is there: an answer, or a no. */
enum relay_state
do_judge(struct relay *r)
{
	const struct http1_head *h = &r->up.answer;

	r->heard_ms = loop_ms(r->d->loop);
	if (r->capture)
		capture_heard_head(r);
	if (r->account->provider->read_limits)
		r->account->provider->read_limits(h, clock_wall_ms(),
		    &r->account->windows);
	attempt_tell_windows(r);
	if (h->status >= 200 && h->status < 300) {
		attempt_open_gates(r);
		r->head_us = clock_us() - r->began_us;
		return answer_begin(r);
	}
	r->told_ms = verdict_retry_ms(h, clock_wall_ms());
	relay_wait_until(r, r->heard_ms + ERROR_BODY_MS);
	r->events |= 1u << E_DATA;
	return R_JUDGING;
}

enum relay_state
do_gather(struct relay *r)
{
	struct str piece;

	while (upstream_piece(&r->up, &piece)) {
		if (r->capture)
			capture_heard(r, piece);
		buf_must(&r->held, piece);
		if (buf_len(&r->held) > ERROR_BODY_MAX)
			return do_weigh(r);
	}
	if (r->up.phase == UP_ENDED || r->up.phase == UP_FAILED)
		return do_weigh(r);
	return R_JUDGING;
}

/* The reasons as text: who takes gzip gets errors in it, too. */
static struct str
reasons(struct relay *r)
{
	const struct header *f =
	    http1_find(&r->up.answer, STR("content-encoding"));
	struct decoder *d =
	    f ? decoder_new(coding_of(f->value), 4 * ERROR_BODY_MAX) : NULL;
	enum err e;

	if (!d)
		return buf_str(&r->held);
	buf_clear(&r->plain);
	e = decoder_feed(d, buf_str(&r->held), &r->plain);
	decoder_free(d);
	return e ? buf_str(&r->held) : buf_str(&r->plain);
}

struct str
attempt_secret(const struct relay *r)
{
	const struct account_key *k =
	    account_keys_find(&r->account->keys, r->key_nr);

	return k ? k->text : r->account->credential;
}

/* How many bytes at the front of the text are a credential or a part of it. */
static size_t
secret_at(struct str text, struct str secret)
{
	struct str part;

	if (secret.len && str_starts(text, secret))
		return secret.len;
	while (inert_next_part(&secret, &part))
		if (str_starts(text, part))
			return part.len;
	return 0;
}

/* The beginning of an error's body on one line; without the credential, which
 * some services repeat when they refuse it. */
static void
error_text(const struct relay *r, unsigned status, struct str body,
    char out[ERROR_TEXT_MAX])
{
	struct str secret = attempt_secret(r);
	int n = snprintf(out, ERROR_TEXT_MAX, "%u ", status);

	while (body.len && n < ERROR_TEXT_MAX - 4) {
		unsigned char c = (unsigned char)body.at[0];
		size_t hidden = secret_at(body, secret);

		if (hidden) {
			memcpy(out + n, "***", 3);
			n += 3;
			body = str_skip(body, hidden);
			continue;
		}
		out[n++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
		body = str_skip(body, 1);
	}
	out[n] = '\0';
}

/* A kind with words of its own for errors: in the dialect's, from here on. */
static void
translate_reasons(struct relay *r)
{
	const struct provider *p = r->account->provider;
	struct buf said;

	if (!p->refusal)
		return;
	buf_init(&said, ERROR_BODY_MAX);
	r->up.answer.status = p->refusal(&r->up.answer, reasons(r), &said);
	r->shown_type = "application/json";
	buf_clear(&r->held);
	buf_must(&r->held, buf_str(&said));
	buf_fini(&said);
}

/* The reasons are read: pass them on, or try elsewhere. */
static enum relay_state
weigh(struct relay *r, struct str body)
{
	const struct provider *p = r->account->provider;
	unsigned status = r->up.answer.status;
	int64_t told_ms = p->retry_ms ? p->retry_ms(body, clock_wall_ms()) : 0;
	const struct verdict *v = verdict_find(status, body);
	struct sched_choice choice;
	char error[ERROR_TEXT_MAX];

	if (told_ms)
		r->told_ms = told_ms;
	error_text(r, status, body, error);
	if (attempt_token_is_old(r, status) && attempt_may_repeat(r)) {
		budget_of(r)->again[0]++;
		attempt_end(r, ATTEMPT_ERROR_STATUS, status, error);
		attempt_forget_answer(r);
		return attempt_renew(r);
	}
	r->verdict = v;
	if (!r->head_sent &&
	    (v->next == NEXT_RETURN || (v->show && !who_next(r, &choice)))) {
		tally_verdict(r->d->tally, v);
		if (v->next != NEXT_RETURN) {
			remember_error(r, error);
			attempt_shut_gate(r, error);
		}
		return answer_pass_error(r);
	}
	attempt_end(r, ATTEMPT_ERROR_STATUS, status, error);
	return attempt_failed(r, status, body, error);
}

enum relay_state
do_weigh(struct relay *r)
{
	translate_reasons(r);
	return weigh(r, r->shown_type ? buf_str(&r->held) : reasons(r));
}

enum relay_state
attempt_refused(struct relay *r, unsigned status)
{
	r->up.answer.status = status;
	r->told_ms = 0;
	return weigh(r, buf_str(&r->held));
}
