/* SPDX-License-Identifier: MIT */
/* why.c - the control method why: what a request went through, step by step,
 * from its receipt and its story; of one under way as far as it has come. */
#include "relayd/why.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_receipt.h"
#include "relayd/ctl_session.h"
#include "relayd/daemon.h"
#include "relayd/ledger.h"
#include "relayd/loop.h"
#include "relayd/receipt.h"
#include "relayd/relay.h"

/* What was found out so far. */
struct question {
	struct ctl_call *call;
	struct ulid id;
	bool found;
	bool all;    /* accounts, rules and candidates are told too */
	bool sample; /* and what providers said, at length */
	struct receipt_rec receipt;
	struct buf encoded; /* what the receipt points into */
};

static void
question_free(struct question *q)
{
	buf_fini(&q->encoded);
	free(q);
}

/* --- steps ----------------------------------------------------------------- */

static void
say_unless_empty(struct json_out *j, const char *key, struct str s)
{
	if (s.len)
		json_say(j, key, s);
}

static void
say_unless_0(struct json_out *j, const char *key, uint64_t n)
{
	if (n)
		json_say_i64(j, key, (int64_t)n);
}

static void
begin_step(struct json_out *j, uint64_t at_us, const char *what)
{
	json_open(j, '{');
	json_say_i64(j, "at_us", (int64_t)at_us);
	json_say(j, "what", str_of(what));
}

/* "held 1, gated 2" as rows of who was left out. */
static void
put_fell(struct json_out *j, struct str fell)
{
	if (!fell.len)
		return;
	json_put_key(j, "fell");
	json_open(j, '[');
	while (fell.len) {
		struct str row = str_trim(str_cut(&fell, ','));
		struct str sieve = str_cut(&row, ' ');
		uint64_t n = 0;

		(void)!str_u64(row, &n);
		json_open(j, '{');
		json_say(j, "sieve", sieve);
		json_say_i64(j, "count", (int64_t)n);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* "a1 50 0, a2 50 3" as rows of who could have been chosen. */
static void
put_best(struct json_out *j, struct str best)
{
	if (!best.len)
		return;
	json_put_key(j, "best");
	json_open(j, '[');
	while (best.len) {
		struct str row = str_trim(str_cut(&best, ','));
		struct str name = str_cut(&row, ' ');
		struct str priority = str_cut(&row, ' ');
		bool is_less = str_starts(row, STR("-"));
		uint64_t n = 0, rank = 0;

		(void)!str_u64(priority, &n);
		(void)!str_u64(str_skip(row, is_less), &rank);
		json_open(j, '{');
		json_say(j, "account", name);
		json_say_i64(j, "priority", (int64_t)n);
		json_say_i64(j, "rank",
		    is_less ? -(int64_t)rank : (int64_t)rank);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
put_chose(const struct question *q, const struct step_rec *s)
{
	struct json_out *j = &q->call->out;

	say_unless_empty(j, "bond", s->word);
	if (!q->all)
		return;
	say_unless_empty(j, "account", s->account);
	say_unless_empty(j, "from", s->from);
	say_unless_empty(j, "reason", s->reason);
	say_unless_empty(j, "tier", s->text);
	say_unless_empty(j, "strategy", s->next);
	say_unless_0(j, "cost_micro", s->cost_micro);
	put_fell(j, s->fell);
	put_best(j, s->best);
}

static void
put_judged(const struct question *q, const struct step_rec *s)
{
	struct json_out *j = &q->call->out;

	if (q->all) {
		say_unless_empty(j, "account", s->account);
		say_unless_empty(j, "rule", s->word);
		say_unless_empty(j, "reason", s->reason);
	}
	say_unless_empty(j, "next", s->next);
	say_unless_empty(j, "scope", s->scope);
	if (q->sample)
		say_unless_empty(j, "sample", s->text);
}

static void
put_other(const struct question *q, const struct step_rec *s)
{
	struct json_out *j = &q->call->out;

	if (q->all) {
		say_unless_empty(j, "account", s->account);
		say_unless_0(j, "cost_micro", s->cost_micro);
		put_fell(j, s->fell);
	}
	/* The words of a refusal are those that the client was told. */
	say_unless_empty(j, "word", s->word);
	say_unless_empty(j, "reason", s->reason);
	if (q->all || s->kind == WHY_ENDED)
		say_unless_empty(j, "text", s->text);
}

static void
put_step(const struct question *q, const struct step_rec *s)
{
	struct json_out *j = &q->call->out;

	begin_step(j, s->at_us, why_step_name(s->kind));
	if (s->kind == WHY_CHOSE)
		put_chose(q, s);
	else if (s->kind == WHY_JUDGED)
		put_judged(q, s);
	else
		put_other(q, s);
	say_unless_0(j, "status", s->status);
	say_unless_0(j, "took_us", s->took_us);
	say_unless_0(j, "lost", s->lost);
	json_close(j, '}');
}

static void
put_try(const struct question *q, const struct attempt_rec *a)
{
	struct json_out *j = &q->call->out;

	begin_step(j, a->begin_us, "tried");
	if (q->all) {
		say_unless_empty(j, "account", a->account);
		say_unless_empty(j, "error", a->error);
	}
	json_say(j, "outcome", str_of(attempt_outcome_name(a->outcome)));
	say_unless_0(j, "status", a->status);
	say_unless_0(j, "connect_us", a->connect_us);
	say_unless_0(j, "head_us", a->head_us);
	say_unless_0(j, "took_us", a->end_us);
	json_close(j, '}');
}

/* The story and the tries, in the order of their beginnings; the client's first
 * word where it belongs. */
static void
put_steps(const struct question *q, struct str story)
{
	const struct receipt_rec *r = &q->receipt;
	struct json_out *j = &q->call->out;
	struct str tries = r->attempts;
	struct attempt_rec a;
	struct step_rec s;
	bool has_try = receipt_attempts_next(r, &tries, &a);
	bool has_step = why_next(&story, &s), has_word = r->first_us > 0;

	while (has_try || has_step || has_word) {
		uint64_t next = has_step ? s.at_us : UINT64_MAX;

		if (has_try && a.begin_us < next)
			next = a.begin_us;
		/* The end is written down before the last bytes leave. */
		if (has_word &&
		    (r->first_us < next ||
			(has_step && !has_try && s.kind == WHY_ENDED))) {
			begin_step(j, r->first_us, "answered");
			json_close(j, '}');
			has_word = false;
		} else if (has_try && a.begin_us == next) {
			put_try(q, &a);
			has_try = receipt_attempts_next(r, &tries, &a);
		} else {
			put_step(q, &s);
			has_step = why_next(&story, &s);
		}
	}
}

/* --- the answer ------------------------------------------------------------ */

static void
answer(struct question *q, const struct relay *live, struct str story)
{
	struct ctl_call *c = q->call;
	const struct apikey *k = keyring_id(c->daemon->keys, q->receipt.key_id);
	struct receipt_rec own = q->receipt;
	struct json_out *j = &c->out;

	if (!q->all)
		own.account = own.attempts = STR("");
	json_open(j, '{');
	json_say_bool(j, "live", live != NULL);
	json_say_bool(j, "kept", story.len > 0);
	if (live) {
		json_put_key(j, "session");
		ctl_put_session(j, live, c->peer.role);
	} else {
		json_put_key(j, "receipt");
		ctl_put_receipt(j, &q->id, &own, k ? k->rec.name : STR(""));
	}
	json_put_key(j, "steps");
	json_open(j, '[');
	put_steps(q, story);
	json_close(j, ']');
	json_close(j, '}');
	ctl_answer(c, 0, STR(""));
	question_free(q);
}

static void
refuse(struct question *q, enum err e, const struct why *why)
{
	if (e)
		ctl_refuse(q->call, e, why);
	else
		ctl_refusef(q->call, ERR_UNKNOWN, "request",
		    "no such request is known; `receipts` and `sessions` list "
		    "them");
	question_free(q);
}

static void
on_story(void *arg, enum err e, const struct why *why, struct str story)
{
	struct question *q = arg;

	if (e)
		refuse(q, e, why);
	else
		answer(q, NULL, story);
}

static bool
may_see(const struct question *q)
{
	const struct ctl_call *c = q->call;
	const struct apikey *k = keyring_id(c->daemon->keys, q->receipt.key_id);

	return c->peer.role > CTL_SELF || (k && ctl_may_see(c, k->rec.owner));
}

static void
on_receipt(void *arg, enum err e, const struct why *why,
    const struct receipt_row *rows, size_t count, bool more)
{
	struct question *q = arg;

	(void)more;
	/* An id of zeros asks for any. */
	if (e || !count || memcmp(&rows[0].id, &q->id, sizeof(q->id))) {
		refuse(q, e, why);
		return;
	}
	/* The row lasts for this call alone. */
	if (receipt_rec_write(&rows[0].rec, &q->encoded) ||
	    receipt_rec_read(buf_str(&q->encoded), &q->receipt)) {
		refuse(q, ERR_CORRUPT, NULL);
		return;
	}
	if (!may_see(q)) {
		refuse(q, OK, NULL);
		return;
	}
	whys_find(q->call->daemon->whys, &q->id, on_story, q);
}

/* One that is under way: as far as it has come; false: it is none. */
static bool
answer_live(struct question *q)
{
	const struct relay *r;

	TAILQ_FOREACH (r, &q->call->daemon->relays->live, link) {
		if (memcmp(&r->id, &q->id, sizeof(r->id)) || r->settled)
			continue;
		relay_receipt(r, &q->receipt);
		if (!may_see(q))
			return false;
		answer(q, r, buf_str(&r->story));
		return true;
	}
	return false;
}

void
ctl_why(struct ctl_call *c)
{
	struct str said = ctl_text(c, "request");
	struct question *q = xcalloc(1, sizeof(*q));

	q->call = c;
	q->all = c->peer.role > CTL_SELF;
	q->sample = c->peer.role >= CTL_OPS;
	buf_init(&q->encoded, 256 * 1024);
	if (str_starts(said, STR("req_")))
		said = str_skip(said, 4);
	if (ulid_read(said, &q->id)) {
		ctl_refusef(c, ERR_VALUE, "request",
		    "a request is said by its id: req_ and 26 letters and "
		    "digits");
		question_free(q);
	} else if (!answer_live(q)) {
		ledger_receipt(c->daemon->ledger, &q->id, on_receipt, q);
	}
}
