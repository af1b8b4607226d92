/* SPDX-License-Identifier: MIT */
/* attempt_judge.c - what an account has said, or that it said nothing: whose
 * fault that is, and what follows before the client has seen anything. */
#include <assert.h>
#include <stdio.h>

#include "relayd/capture.h"
#include "relayd/daemon.h"
#include "relayd/inert.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/relay.h"
#include "relayd/reshape.h"
#include "relayd/rule.h"
#include "relayd/tally.h"

/* As much of an error's body is read to judge it; a longer one is passed on
 * unjudged. */
#define ERROR_BODY_MAX (256 * 1024)
/* As much of it is kept as a reason. */
#define ERROR_TEXT_MAX 128
/* Reading it may take that long. */
#define ERROR_BODY_MS 10000
/* Before a refusal is believed that may be a slip. */
#define ONCE_WAIT_MS 2000
/* Other accounts that are tried when one does not answer in time. */
#define SWAPS_MAX 1

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

/* When somebody can be asked again: the last one, whose gate was just shut, or
 * another that was looked at.  Nobody knows where nothing is shut, or somebody
 * has to sign in first. */
static void
note_when(struct relay *r, const struct sched_choice *choice)
{
	int64_t now_ms = loop_ms(r->d->loop);
	enum gate which;
	int64_t at_ms = 0;

	if (!r->account->rec.held)
		at_ms = account_shut_until(r->account, buf_str(&r->model),
		    r->c->head, now_ms, &which);
	if (choice->soonest_ms && (!at_ms || choice->soonest_ms < at_ms))
		at_ms = choice->soonest_ms;
	if (at_ms > now_ms)
		r->fault_retry_ms = at_ms - now_ms;
}

/* Nobody else can answer: what does the client get to see? */
static enum relay_state
give_up(struct relay *r, unsigned status, const char *error)
{
	/* Addresses, and whose proxy there is, are the operator's to know. */
	if (status < 100 && r->up.fault)
		error = upstream_fault_text(r->up.fault);
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
		relay_fault(r,
		    status == 504 || status == STATUS_SILENT ? FAULT_TIMEOUT
							     : FAULT_UPSTREAM,
		    "no account could answer: %s", error);
	} else if (status >= 100) {
		relay_fault(r, FAULT_NO_ACCOUNT,
		    "no account could answer; the last one tried was refused "
		    "by "
		    "its provider (see relayctl account show %s)",
		    r->account_name);
	} else {
		relay_fault(r, FAULT_UPSTREAM,
		    "no account could be reached: %s (see relayctl account "
		    "show %s)",
		    error, r->account_name);
	}
	return do_refuse(r);
}

struct retry_budget *
attempt_retries(struct relay *r)
{
	return &r->all->retries[provider_nr(r->account->provider)];
}

bool
attempt_may_repeat(struct relay *r)
{
	const struct settings *s = &r->d->settings;

	return r->tries < s->attempts_max &&
	    r->body.len <= s->replay_max_bytes &&
	    loop_ms(r->d->loop) - r->tries_began_ms <= s->attempts_time_ms &&
	    retry_left(attempt_retries(r), s, loop_ms(r->d->loop));
}

/* Who is asked after a failure. */
enum again {
	AGAIN_NOBODY,
	AGAIN_SAME,
	AGAIN_OTHER,
	AGAIN_LATER /* others, who have no place just now */
};

/* It was the account's turn, and is not again. */
static void
exclude(struct sched_ask *ask, const struct account *a)
{
	if (ask->tried_count && ask->tried[ask->tried_count - 1] == a)
		return;
	if (ask->tried_count < SCHED_TRIED_MAX)
		ask->tried[ask->tried_count++] = a;
}

static enum again
who_next(struct relay *r, struct sched_choice *choice)
{
	*choice = (struct sched_choice){ .account = NULL };
	/* It is the request that was refused, not the account's try at it. */
	if (r->verdict->next == NEXT_RETURN)
		return AGAIN_NOBODY;
	if (!attempt_may_repeat(r))
		return AGAIN_NOBODY;
	if (attempt_has_other_key(r))
		return AGAIN_SAME;
	if (r->verdict->next == NEXT_SAME)
		return r->same_tries < RETRY_SAME_MAX ? AGAIN_SAME
						      : AGAIN_NOBODY;
	if (r->verdict->next == NEXT_ONCE && !r->forgiven)
		return AGAIN_SAME;
	if (r->verdict->next == NEXT_SWAP && r->silences > SWAPS_MAX)
		return AGAIN_NOBODY;
	exclude(&r->ask, r->account);
	attempt_choose(r, choice);
	if (choice->account)
		return AGAIN_OTHER;
	return waiting_may_help(r, choice) ? AGAIN_LATER : AGAIN_NOBODY;
}

/* So long from now, a tenth more or less. */
static void
back_off(struct relay *r, int64_t wait_ms)
{
	wait_ms +=
	    (int64_t)((uint64_t)(wait_ms / 5) * r->all->draw() / UINT32_MAX) -
	    wait_ms / 10;
	why_waits(r, "backoff", wait_ms * 1000);
	relay_wait_until(r, loop_ms(r->d->loop) + wait_ms);
}

static enum relay_state
same_again(struct relay *r)
{
	if (attempt_has_other_key(r)) {
		r->up_fresh = false;
		return attempt_account(r);
	}
	if (r->verdict->next == NEXT_ONCE) {
		r->forgiven = true;
		back_off(r, ONCE_WAIT_MS);
		return R_BACKOFF;
	}
	back_off(r, retry_same_wait_ms(r->same_tries++, r->told_ms));
	return R_BACKOFF;
}

static enum relay_state
next_try(struct relay *r, unsigned status, const char *error)
{
	struct sched_choice choice;
	enum again again = who_next(r, &choice);
	enum relay_state next;

	if (again == AGAIN_NOBODY) {
		if (r->verdict->next != NEXT_RETURN)
			note_when(r, &choice);
		return give_up(r, status, error);
	}
	retry_taken(attempt_retries(r), loop_ms(r->d->loop));
	if (again == AGAIN_SAME)
		return same_again(r);
	r->same_tries = 0;
	r->forgiven = false;
	r->up_fresh = false;
	if (again == AGAIN_LATER) {
		why_nobody(r, &choice);
		if (waiting_helps(r, &choice, &next))
			return next;
		return give_up(r, status, error);
	}
	r->account = choice.account;
	sched_took(r->d->pool, &r->ask, &choice);
	why_chose(r, &choice);
	attempt_bind(r, &choice);
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

void
attempt_find_verdict(struct relay *r, unsigned status, struct str body)
{
	struct verdict_case c = { .status = status,
		.kind = str_of(r->account->provider->name),
		.model = r->ask.model,
		.body = body };
	struct rule *rule;

	if (status >= 100 && r->up.answer.status)
		c.answer = &r->up.answer;
	r->verdict = rules_judge(r->d->rules, &c);
	rule = rule_of(r->d->rules, r->verdict);
	if (!rule)
		return;
	/* It may be removed before this request is over. */
	r->by_rule = *r->verdict;
	r->verdict = &r->by_rule;
}

void
attempt_count_verdict(struct relay *r)
{
	struct rule *rule = rule_of(r->d->rules, r->verdict);

	tally_verdict(r->d->tally, r->verdict);
	if (rule)
		rule->judged++;
}

/* A slip, perhaps: the account is asked once more before it is blamed. */
static bool
is_forgiven(struct relay *r)
{
	return r->verdict->next == NEXT_ONCE && !r->forgiven &&
	    attempt_may_repeat(r) && !attempt_has_other_key(r);
}

enum relay_state
attempt_failed(struct relay *r, unsigned status, struct str body,
    const char *error)
{
	char label[VERDICT_LABEL];

	attempt_find_verdict(r, status, body);
	attempt_count_verdict(r);
	remember_error(r, error);
	r->silences += status == STATUS_SILENT;
	if (!is_forgiven(r))
		attempt_shut_gate(r, error);
	why_judged(r, status, body);
	verdict_label(r->verdict, label);
	log_note(LOG_WARN, "attempt",
	    "%s: account %s failed: %s (status %u, rule %s)", r->id_text,
	    r->account_name, error, status, label);
	/* Its head was needed until here. */
	attempt_end(r, ATTEMPT_ERROR_STATUS, status, error);
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
	char error[sizeof(r->up.why.text) + 64];

	snprintf(error, sizeof(error), "%s%s%s", text,
	    r->up.why.text[0] ? ": " : "", r->up.why.text);
	attempt_end(r, outcome_of(f), 0, error);
	if (f == UP_STALE && !r->up_fresh && !r->account->deleted) {
		/* Not the account's fault: once more, on a new connection. */
		r->up_fresh = true;
		return attempt_account(r);
	}
	r->told_ms = 0;
	return attempt_failed(r,
	    f == UP_NO_PROXY && r->account->outlet.via ? STATUS_PROXY
						       : STATUS_UNREACHABLE,
	    STR(""), error);
}

static enum relay_state
timed_out(struct relay *r, const char *error)
{
	if (r->asked.stream)
		account_note_ttft(r->account,
		    (clock_us() - r->up.began_us) / 1000);
	attempt_end(r, ATTEMPT_TIMEOUT, 0, error);
	r->told_ms = 0;
	return attempt_failed(r, STATUS_SILENT, STR(""), error);
}

/* Is the client going to read events?  Gemini's stream is a JSON array unless
 * it asks for alt=sse. */
static bool
wants_events(const struct relay *r)
{
	return r->asked.stream && r->op == OP_GENERATE &&
	    (!r->routed.action.at || r->routed.sse);
}

int64_t
attempt_ping(struct relay *r, int64_t at_ms)
{
	const struct settings *s = &r->d->settings;
	int64_t now_ms = loop_ms(r->d->loop), ping_ms;

	if (!wants_events(r))
		return at_ms;
	if (!r->said_ms)
		r->said_ms = now_ms;
	ping_ms =
	    r->said_ms + (r->head_sent ? s->ping_after_ms : s->ping_before_ms);
	if (now_ms >= ping_ms) {
		answer_ping(r);
		ping_ms = now_ms + s->ping_after_ms;
	}
	return ping_ms < at_ms ? ping_ms : at_ms;
}

/* OPENING's timer: the head is overdue, or the client has waited in silence. */
enum relay_state
do_waited(struct relay *r)
{
	if (loop_ms(r->d->loop) >= r->deadline_ms)
		return timed_out(r, "it did not answer in time");
	relay_wait_until(r, attempt_ping(r, r->deadline_ms));
	return R_OPENING;
}

/* The head is there: an answer, or a no. */
enum relay_state
do_judge(struct relay *r)
{
	const struct http1_head *h = &r->up.answer;

	r->heard_ms = loop_ms(r->d->loop);
	r->heard_wall_ms = clock_wall_ms();
	attempt_pass_turn(r);
	if (r->account->outlet.via)
		proxy_note_good(r->account->outlet.via);
	if (r->capture)
		capture_heard_head(r);
	if (r->account->provider->read_limits)
		r->account->provider->read_limits(h, r->heard_wall_ms,
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
	const struct verdict *v;
	struct sched_choice choice;
	char error[ERROR_TEXT_MAX];

	if (told_ms)
		r->told_ms = told_ms;
	error_text(r, status, body, error);
	if (attempt_token_is_old(r, status) && attempt_may_repeat(r)) {
		retry_taken(attempt_retries(r), loop_ms(r->d->loop));
		attempt_end(r, ATTEMPT_ERROR_STATUS, status, error);
		attempt_forget_answer(r);
		return attempt_renew(r);
	}
	attempt_find_verdict(r, status, body);
	v = r->verdict;
	if (!r->head_sent &&
	    (v->next == NEXT_RETURN ||
		(v->show && who_next(r, &choice) == AGAIN_NOBODY))) {
		attempt_count_verdict(r);
		if (v->next != NEXT_RETURN)
			remember_error(r, error);
		/* A no to a long context is of that, and no error. */
		attempt_shut_gate(r, error);
		why_judged(r, status, body);
		return answer_pass_error(r);
	}
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
