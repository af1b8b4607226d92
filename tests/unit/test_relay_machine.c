/* SPDX-License-Identifier: MIT */
/* test_relay_machine.c - the life of a request, as relay_moves.def says: what
 * the client sees, which accounts are tried, and the one receipt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/audit.h"
#include "relayd/ledger.h"
#include "relayd/loop.h"
#include "tests/support/relaybox.h"

#define KILL  ""
#define POWER "durable = power\n"

enum asks {
	WHOLE,
	STREAM
};

enum does {
	STAYS,
	LEAVES,
	STOPS /* relayd ends it */
};

/* One life in one line.  Times are in ms, 0 is the default's. */
struct life {
	const char *name;
	enum asks asks;
	const char *a, *b; /* acts of the accounts */
	int64_t head_wait, event_wait, idle, ping, hold;
	enum does does;
	enum relay_state when; /* it does so */
	unsigned status;       /* what the client saw; 0: nothing */
	const char *sees;      /* in the body */
	bool broken;	       /* the body had no proper end */
	int outcome;	       /* -1: there is no receipt */
	const char *tries;
	unsigned flags;
};

#define RETRIED	     RECEIPT_RETRIED
#define STREAMED     RECEIPT_STREAM
#define GUESSED	     RECEIPT_ESTIMATED
#define DISCONNECTED RECEIPT_DISCONNECTED
#define NO_RECEIPT   (-1)

static int
setup(void **state)
{
	*state = relaybox_new(KILL);
	return 0;
}

static int
setup_power(void **state)
{
	*state = relaybox_new(POWER);
	return 0;
}

static void
on_traced(void *arg, enum err e, const struct why *why, struct trace *t)
{
	(void)why;
	assert_int_equal(e, OK);
	*(struct trace **)arg = t;
}

/* All is as it was while the details of every request are kept. */
static int
setup_traced(void **state)
{
	const struct audit_who who = { .method = "test" };
	const struct trace_rec r = {
		.bodies = true, .max = UINT64_MAX, .until_at = INT64_MAX
	};
	struct relaybox *b = relaybox_new(KILL);
	struct trace *t = NULL;

	trace_start(b->d.traces, &r, STR(""), &who, on_traced, &t);
	for (int i = 0; i < RELAYBOX_PATIENCE && !t; i++)
		relaybox_turn(b);
	assert_non_null(t);
	*state = b;
	return 0;
}

static int
teardown_traced(void **state)
{
	struct relaybox *b = *state;
	const struct trace *t = TAILQ_FIRST(&b->d.traces->list);

	for (int i = 0; i < RELAYBOX_PATIENCE && b->d.traces->writing; i++)
		relaybox_turn(b);
	assert_true(t->rec.count > 100);
	assert_int_equal(t->held, 0);
	assert_int_equal(t->users, 0);
	assert_int_equal(t->trouble[0], 0);
	relaybox_free(b);
	return 0;
}

static int
teardown(void **state)
{
	relaybox_free(*state);
	return 0;
}

/* --- running a life -------------------------------------------------------- */

static const struct relay *
the_relay(const struct relaybox *b)
{
	return TAILQ_FIRST(&b->d.relays->live);
}

static void
wait_state(struct relaybox *b, const struct life *l)
{
	for (int i = 0; i < RELAYBOX_PATIENCE; i++) {
		const struct relay *r = the_relay(b);

		if (r && r->state == l->when)
			return;
		relaybox_turn(b);
	}
	fail_msg("%s: it is never %s", l->name, relay_state_text(l->when));
}

static void
shorten(struct settings *s, const struct life *l)
{
	if (l->head_wait)
		s->head_wait_ms = s->stream_head_wait_ms = l->head_wait;
	if (l->event_wait)
		s->first_event_wait_ms = l->event_wait;
	if (l->idle)
		s->stream_idle_ms = l->idle;
	if (l->ping)
		s->ping_before_ms = s->ping_after_ms = l->ping;
	if (l->hold)
		s->hold_time_ms = l->hold;
}

/* Everything has come back: nobody is under way any more. */
static void
settle(struct relaybox *b, const char *name)
{
	const struct counters *c = &b->d.counters;
	const struct apikey *k = keyring_id(&b->keys, STR("kbox00001"));

	for (int i = 0; i < RELAYBOX_PATIENCE; i++) {
		if (!c->connections_now && !c->requests_now)
			break;
		relaybox_hurry(b, R_ENDING);
		relaybox_turn(b);
	}
	if (c->connections_now || c->requests_now || c->body_bytes_now)
		fail_msg("%s: %llu connections, %llu requests, %llu bytes",
		    name, (unsigned long long)c->connections_now,
		    (unsigned long long)c->requests_now,
		    (unsigned long long)c->body_bytes_now);
	assert_int_equal(b->d.relays->count, 0);
	assert_true(TAILQ_EMPTY(&b->d.relays->live));
	assert_int_equal(k->in_flight, 0);
	assert_int_equal(k->users, 0);
	assert_int_equal(b->a->in_flight, 0);
	assert_int_equal(b->b->in_flight, 0);
	assert_int_equal(c->upstream_now, c->upstream_idle_now);
}

static void
check_receipt(const struct relaybox *b, const struct life *l)
{
	const struct boxreceipt *r = b->receipts;
	unsigned flags;

	if (l->outcome == NO_RECEIPT) {
		assert_int_equal(b->receipts_count, 0);
		return;
	}
	if (b->receipts_count != 1)
		fail_msg("%s: %zu receipts", l->name, b->receipts_count);
	/* What it costs is not the life's affair. */
	flags = r->flags & ~(unsigned)RECEIPT_UNPRICED;
	if ((int)r->outcome != l->outcome || r->status != l->status ||
	    flags != l->flags || strcmp(r->tries, l->tries) != 0)
		fail_msg("%s: %s, status %u, flags %#x (not %#x), tries %s",
		    l->name, outcome_name(r->outcome), r->status, flags,
		    l->flags, r->tries);
}

static void
check_client(struct boxclient *c, const struct life *l)
{
	const char *body = buf_cstr(&c->body);

	if (c->status != l->status || c->whole != (l->status && !l->broken))
		fail_msg("%s: status %u, %s: %s", l->name, c->status,
		    c->whole ? "whole" : "broken", body);
	if (l->sees && !strstr(body, l->sees))
		fail_msg("%s: no \"%s\" in: %s", l->name, l->sees, body);
	/* Its receipt was written before it could see the end. */
	if (c->whole && l->outcome != NO_RECEIPT)
		assert_non_null(relaybox_receipt(c->b, &c->id));
}

static void
live(struct relaybox *b, const struct life *l)
{
	struct boxclient c;

	relaybox_reset(b);
	shorten(&b->d.settings, l);
	b->script[0] = l->a;
	b->script[1] = l->b;
	boxclient_init(&c, b);
	boxclient_ask(&c, l->asks == STREAM);
	if (l->does != STAYS)
		wait_state(b, l);
	if (l->does == LEAVES) {
		boxclient_look(&c);
		boxclient_leave(&c);
	}
	if (l->does == STOPS)
		relays_stop(b->d.relays);
	for (int i = 0; i < RELAYBOX_PATIENCE && l->does != LEAVES; i++) {
		relaybox_hurry(b, R_BACKOFF);
		boxclient_look(&c);
		if (c.whole || c.closed)
			break;
		relaybox_turn(b);
	}
	if (l->does != LEAVES)
		check_client(&c, l);
	boxclient_leave(&c);
	settle(b, l->name);
	check_receipt(b, l);
	boxclient_fini(&c);
}

static void
live_all(struct relaybox *b, const struct life *lives, size_t count)
{
	for (size_t i = 0; i < count; i++)
		live(b, &lives[i]);
	relaybox_wait_stored(b);
}

#define LIVE(b, lives) live_all(b, lives, sizeof(lives) / sizeof((lives)[0]))

/* --- answers --------------------------------------------------------------- */

static void
an_answer_passes_in_every_framing(void **state)
{
	static const struct life lives[] = {
		{ .name = "sized",
		    .a = "200",
		    .status = 200,
		    .sees = "hello",
		    .outcome = OUTCOME_OK,
		    .tries = "a:ok/200" },
		{ .name = "chunked",
		    .a = "200-chunked",
		    .status = 200,
		    .sees = "hello",
		    .outcome = OUTCOME_OK,
		    .tries = "a:ok/200" },
		{ .name = "until close",
		    .a = "200-close",
		    .status = 200,
		    .sees = "hello",
		    .outcome = OUTCOME_OK,
		    .tries = "a:ok/200" },
		{ .name = "after a 100",
		    .a = "100-200",
		    .status = 200,
		    .sees = "{}",
		    .outcome = OUTCOME_OK,
		    .flags = GUESSED,
		    .tries = "a:ok/200" },
		{ .name = "nothing",
		    .a = "204",
		    .status = 204,
		    .outcome = OUTCOME_OK,
		    .flags = GUESSED,
		    .tries = "a:ok/204" },
		{ .name = "a stream",
		    .asks = STREAM,
		    .a = "sse",
		    .status = 200,
		    .sees = "message_stop",
		    .outcome = OUTCOME_OK,
		    .flags = STREAMED,
		    .tries = "a:ok/200" },
		{ .name = "a stream until close",
		    .asks = STREAM,
		    .a = "sse-close",
		    .status = 200,
		    .sees = "message_stop",
		    .outcome = OUTCOME_OK,
		    .flags = STREAMED,
		    .tries = "a:ok/200" },
	};

	LIVE(*state, lives);
}

static void
what_fails_unseen_is_tried_elsewhere(void **state)
{
#define ELSEWHERE(act, tried)                                                  \
	{                                                                      \
		.name = act, .a = act, .b = "200", .head_wait = 20,            \
		.idle = 20, .status = 200, .sees = "hello",                    \
		.outcome = OUTCOME_OK, .flags = RETRIED,                       \
		.tries = "a:" tried " b:ok/200"                                \
	}
#define STREAM_ELSEWHERE(act, tried)                                           \
	{                                                                      \
		.name = act, .asks = STREAM, .a = act, .b = "sse",             \
		.event_wait = 20, .status = 200, .sees = "message_stop",       \
		.outcome = OUTCOME_OK, .flags = RETRIED | STREAMED,            \
		.tries = "a:" tried " b:ok/200"                                \
	}
	static const struct life lives[] = {
		ELSEWHERE("401", "error_status/401"),
		ELSEWHERE("429", "error_status/429"),
		ELSEWHERE("500", "error_status/500"),
		ELSEWHERE("500-cut", "error_status/500"),
		ELSEWHERE("302", "error_status/302"),
		ELSEWHERE("hang", "timeout/0"),
		ELSEWHERE("half", "reset/0"),
		ELSEWHERE("junk", "bad_response/0"),
		ELSEWHERE("200-cut", "cut/200"),
		ELSEWHERE("200-hang", "timeout/200"),
		STREAM_ELSEWHERE("sse-early", "cut/200"),
		STREAM_ELSEWHERE("sse-empty", "cut/200"),
		STREAM_ELSEWHERE("sse-silent", "timeout/200"),
		STREAM_ELSEWHERE("bad-chunk", "bad_response/200"),
		STREAM_ELSEWHERE("429", "error_status/429"),
	};

	LIVE(*state, lives);
}

/* Without a connection that was kept, so that it is the account's fault. */
static void
a_connection_that_breaks_first_thing_is_the_accounts_fault(void **state)
{
	static const char *const acts[] = { "cut", "reset" };
	struct relaybox *b = *state;

	for (size_t i = 0; i < 2; i++) {
		const struct life l = { .name = acts[i],
			.a = acts[i],
			.b = "200",
			.status = 200,
			.outcome = OUTCOME_OK,
			.flags = RETRIED,
			.tries = "a:reset/0 b:ok/200" };

		upstreams_forget(b->d.upstreams, STR("a/"));
		live(b, &l);
	}
}

static void
a_kept_connection_that_was_closed_is_nobodys_fault(void **state)
{
	static const struct life lives[] = {
		{ .name = "one that is kept",
		    .a = "200",
		    .status = 200,
		    .outcome = OUTCOME_OK,
		    .tries = "a:ok/200" },
		{ .name = "and breaks",
		    .a = "cut 200",
		    .status = 200,
		    .outcome = OUTCOME_OK,
		    .flags = RETRIED,
		    .tries = "a:stale/0 a:ok/200" },
	};
	struct relaybox *b = *state;

	LIVE(b, lives);
	assert_int_equal(b->a->gates.strikes[GATE_UNREACHABLE], 0);
}

static void
an_overloaded_account_is_asked_again(void **state)
{
	static const struct life lives[] = {
		{ .name = "once",
		    .a = "529 200",
		    .status = 200,
		    .outcome = OUTCOME_OK,
		    .flags = RETRIED,
		    .tries = "a:error_status/529 a:ok/200" },
		{ .name = "twice",
		    .a = "529 529 200",
		    .status = 200,
		    .outcome = OUTCOME_OK,
		    .flags = RETRIED,
		    .tries = "a:error_status/529 a:error_status/529 a:ok/200" },
		{ .name = "and then believed",
		    .a = "529 529 529",
		    .status = 529,
		    .sees = "overloaded_error",
		    .outcome = OUTCOME_UPSTREAM,
		    .flags = RETRIED,
		    .tries = "a:error_status/529 a:error_status/529 "
			     "a:error_status/529" },
		{ .name = "also when it says so in the stream",
		    .asks = STREAM,
		    .a = "sse-error sse",
		    .status = 200,
		    .sees = "message_stop",
		    .outcome = OUTCOME_OK,
		    .flags = RETRIED | STREAMED,
		    .tries = "a:error_status/529 a:ok/200" },
	};

	LIVE(*state, lives);
}

static void
when_nobody_can_answer_the_client_is_told_what_concerns_it(void **state)
{
	static const struct life lives[] = {
		{ .name = "its own fault, as it came",
		    .a = "400",
		    .status = 400,
		    .sees = "invalid_request_error",
		    .outcome = OUTCOME_UPSTREAM,
		    .tries = "a:error_status/400" },
		{ .name = "its own fault, told in the stream",
		    .asks = STREAM,
		    .a = "sse-refused",
		    .status = 200,
		    .sees = "invalid_request_error",
		    .outcome = OUTCOME_UPSTREAM,
		    .flags = STREAMED,
		    .tries = "a:stream_error/200" },
		{ .name = "a limit, as it came",
		    .a = "429",
		    .b = "429",
		    .status = 429,
		    .sees = "rate_limit_error",
		    .outcome = OUTCOME_UPSTREAM,
		    .flags = RETRIED,
		    .tries = "a:error_status/429 b:error_status/429" },
		{ .name = "not our credential's trouble",
		    .a = "401",
		    .b = "401",
		    .status = 503,
		    .sees = "no account could answer",
		    .outcome = OUTCOME_FAILED,
		    .flags = RETRIED,
		    .tries = "a:error_status/401 b:error_status/401" },
		{ .name = "silence",
		    .a = "hang",
		    .b = "hang",
		    .head_wait = 20,
		    .status = 504,
		    .sees = "did not answer in time",
		    .outcome = OUTCOME_FAILED,
		    .flags = RETRIED,
		    .tries = "a:timeout/0 b:timeout/0" },
		{ .name = "an error that is never told to its end",
		    .a = "500-hang",
		    .b = "500-cut",
		    .status = 500,
		    .sees = "api_error",
		    .outcome = OUTCOME_UPSTREAM,
		    .flags = RETRIED,
		    .tries = "a:error_status/500 b:error_status/500" },
	};

	LIVE(*state, lives);
}

static void
what_was_seen_is_never_made_to_look_whole(void **state)
{
#define BROKEN(act, outcome_, tried)                                           \
	{                                                                      \
		.name = act, .asks = STREAM, .a = act, .b = "sse", .idle = 20, \
		.status = 200, .sees = "event: error", .broken = true,         \
		.outcome = outcome_, .flags = STREAMED | GUESSED,              \
		.tries = tried                                                 \
	}
	static const struct life lives[] = {
		BROKEN("sse-cut", OUTCOME_CUT, "a:cut/200"),
		BROKEN("sse-half", OUTCOME_CUT, "a:cut/200"),
		BROKEN("sse-reset", OUTCOME_CUT, "a:cut/200"),
		BROKEN("sse-short", OUTCOME_CUT, "a:cut/200"),
		BROKEN("sse-hang", OUTCOME_CUT, "a:cut/200"),
	};

	LIVE(*state, lives);
}

/* --- leaving and stopping -------------------------------------------------- */

static void
a_client_that_leaves_costs_one_receipt(void **state)
{
#define LEAVING(state_, asks_, act, outcome_, tried, flags_)                   \
	{                                                                      \
		.name = act, .asks = asks_, .a = act, .does = LEAVES,          \
		.when = R_##state_, .outcome = outcome_,                       \
		.status = R_##state_ >= R_STREAMING ? 200 : 0, .tries = tried, \
		.flags = flags_                                                \
	}
	static const struct life lives[] = {
		LEAVING(BACKOFF, WHOLE, "529", OUTCOME_GONE,
		    "a:error_status/529", DISCONNECTED | GUESSED),
		LEAVING(OPENING, WHOLE, "hang", OUTCOME_GONE, "a:gone/0",
		    DISCONNECTED | GUESSED),
		LEAVING(JUDGING, WHOLE, "500-hang", OUTCOME_GONE, "a:gone/500",
		    DISCONNECTED | GUESSED),
		LEAVING(HOLDING, STREAM, "sse-begun", OUTCOME_GONE,
		    "a:gone/200", DISCONNECTED | GUESSED | STREAMED),
		LEAVING(HOLDING, WHOLE, "200-hang", OUTCOME_GONE, "a:gone/200",
		    DISCONNECTED | GUESSED),
		LEAVING(STREAMING, STREAM, "sse-hang", OUTCOME_GONE,
		    "a:gone/200", DISCONNECTED | GUESSED | STREAMED),
		LEAVING(ENDING, STREAM, "sse-linger", OUTCOME_OK, "a:ok/200",
		    STREAMED),
	};

	LIVE(*state, lives);
}

static void
a_request_that_never_becomes_whole_has_no_receipt(void **state)
{
	static const char *const says[] = {
		"POST /v1/messages HTTP/1.1\r\nHo",
		"POST /v1/messages HTTP/1.1\r\nHost: b\r\nx-api-key: KEY\r\n"
		"Content-Length: 10\r\n\r\n",
		"POST /v1/messages HTTP/1.1\r\nHost: b\r\nx-api-key: KEY\r\n"
		"Content-Length: 10\r\n\r\n{\"mo",
		"POST /v1/messages HTTP/1.1\r\nHost: b\r\nx-api-key: KEY\r\n"
		"Transfer-Encoding: chunked\r\n\r\n4\r\n{\"m",
	};
	struct relaybox *b = *state;

	for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
		const char *key = strstr(says[i], "KEY");
		struct boxclient c;
		char text[1024];

		snprintf(text, sizeof(text), "%.*s%s%s",
		    (int)(key ? key - says[i] : 200), says[i],
		    key ? b->key : "", key ? key + 3 : "");
		relaybox_reset(b);
		boxclient_init(&c, b);
		boxclient_say(&c, str_of(text));
		for (int t = 0; key && !b->d.counters.requests_now; t++) {
			assert_true(t < RELAYBOX_PATIENCE);
			relaybox_turn(b);
		}
		boxclient_fini(&c);
		settle(b, text);
		assert_int_equal(b->receipts_count, 0);
	}
}

static void
a_daemon_that_stops_tells_everybody(void **state)
{
#define STOPPING(state_, asks_, act, status_, sees_, outcome_, tried, flags_)  \
	{                                                                      \
		.name = act, .asks = asks_, .a = act, .does = STOPS,           \
		.when = R_##state_, .status = status_, .sees = sees_,          \
		.broken = (status_) == 200 && (outcome_) != OUTCOME_OK,        \
		.outcome = outcome_, .tries = tried, .flags = flags_           \
	}
	static const struct life lives[] = {
		STOPPING(BACKOFF, WHOLE, "529", 503, "stopped", OUTCOME_FAILED,
		    "a:error_status/529", 0),
		STOPPING(OPENING, WHOLE, "hang", 503, "stopped", OUTCOME_FAILED,
		    "a:gone/0", 0),
		STOPPING(JUDGING, WHOLE, "500-hang", 503, "stopped",
		    OUTCOME_FAILED, "a:gone/500", 0),
		STOPPING(HOLDING, STREAM, "sse-begun", 503, "stopped",
		    OUTCOME_FAILED, "a:gone/200", STREAMED),
		STOPPING(STREAMING, STREAM, "sse-hang", 200, "stopped",
		    OUTCOME_CUT, "a:cut/200", STREAMED | GUESSED),
		STOPPING(ENDING, STREAM, "sse-linger", 200, "message_stop",
		    OUTCOME_OK, "a:ok/200", STREAMED),
	};

	LIVE(*state, lives);
}

/* --- the receipt on disk before the end is shown ----------------------------- */

static const struct life sealed = { .name = "sealed",
	.asks = STREAM,
	.a = "sse",
	.when = R_SEALING,
	.status = 200,
	.sees = "message_stop",
	.outcome = OUTCOME_OK,
	.flags = STREAMED,
	.tries = "a:ok/200" };

/* Up to the moment when all waits for the store. */
static void
live_to_the_seal(struct relaybox *b, struct boxclient *c)
{
	relaybox_reset(b);
	relaybox_hold_store(b, true);
	b->script[0] = sealed.a;
	boxclient_init(c, b);
	boxclient_ask(c, true);
	wait_state(b, &sealed);
	boxclient_look(c);
	assert_false(c->whole);
	assert_null(strstr(buf_cstr(&c->body), "message_stop"));
	assert_int_equal(b->receipts_count, 1);
}

static void
the_end_is_shown_when_the_receipt_is_on_disk(void **state)
{
	struct relaybox *b = *state;
	struct boxclient c;

	live_to_the_seal(b, &c);
	/* It is as good as over: stopping makes no difference. */
	relays_stop(b->d.relays);
	relaybox_turn(b);
	assert_int_equal(the_relay(b)->state, R_SEALING);
	relaybox_hold_store(b, false);
	boxclient_wait(&c);
	check_client(&c, &sealed);
	boxclient_fini(&c);
	settle(b, sealed.name);
	check_receipt(b, &sealed);
	relaybox_wait_stored(b);
}

static void
a_client_may_leave_while_its_receipt_is_written(void **state)
{
	struct relaybox *b = *state;
	struct boxclient c;

	live_to_the_seal(b, &c);
	boxclient_leave(&c);
	settle(b, sealed.name);
	relaybox_hold_store(b, false);
	relaybox_wait_stored(b);
	check_receipt(b, &sealed);
	boxclient_fini(&c);
}

/* --- waiting --------------------------------------------------------------- */

enum occupied {
	KEY,   /* has all the places that it may */
	FIRST, /* account, and there is no other one */
	SECOND /* account: for who has failed at the first one */
};

enum ends {
	SERVED,	 /* the place becomes free */
	LATE,	 /* nobody gives it up in time */
	GONE,	 /* the client leaves */
	STOPPED, /* relayd does */
	REVOKED	 /* its key is */
};

/* A life that has to wait, in one line. */
struct wait {
	const char *name;
	enum occupied occupied;
	enum ends ends;
	struct life life;
};

#define WAITS(occupied_, ends_, asks_, a_, status_, sees_, outcome_, tried,    \
    flags_)                                                                    \
	{                                                                      \
#occupied_ ", " #ends_, occupied_, ends_,                      \
		{                                                              \
			.name = #occupied_ ", " #ends_, .asks = asks_,         \
			.a = a_, .b = asks_ == STREAM ? "sse" : "200",         \
			.when = R_WAITING, .status = status_, .sees = sees_,   \
			.outcome = outcome_, .tries = tried, .flags = flags_   \
		}                                                              \
	}

/* One more, or one less, is there than there is. */
static void
occupy(struct relaybox *b, enum occupied what, bool taken)
{
	struct apikey *k = keyring_id(&b->keys, STR("kbox00001"));
	struct account *a = what == FIRST ? b->a : b->b;

	if (what == KEY) {
		k->rec.max_concurrency = taken;
		k->running = taken ? k->running + 1 : k->running - 1;
		if (!taken)
			waiting_look_at_key(k);
		return;
	}
	b->b->rec.held = what == FIRST && taken;
	a->rec.max_concurrency = taken;
	if (taken)
		a->in_flight++;
	else
		pool_release(&b->pool, a);
}

static void
end_the_wait(struct relaybox *b, const struct wait *w, struct boxclient *c)
{
	struct apikey *k = keyring_id(&b->keys, STR("kbox00001"));

	switch (w->ends) {
	case SERVED:
		occupy(b, w->occupied, false);
		break;
	case GONE:
		boxclient_leave(c);
		/* Before its place becomes free. */
		for (int i = 0; i < RELAYBOX_PATIENCE && the_relay(b); i++)
			relaybox_turn(b);
		break;
	case STOPPED:
		relays_stop(b->d.relays);
		break;
	case REVOKED:
		k->rec.disabled = true;
		waiting_look_at_key(k);
		break;
	case LATE:
		break;
	}
}

static void
live_waiting(struct relaybox *b, const struct wait *w)
{
	const struct life *l = &w->life;
	struct counters *n = &b->d.counters, before;
	struct settings *s = &b->d.settings;
	struct boxclient c;

	relaybox_reset(b);
	if (w->ends == LATE)
		s->queue_wait_ms = s->queue_wait_stream_ms =
		    s->attempts_time_ms = 30;
	before = *n;
	b->script[0] = l->a;
	b->script[1] = l->b;
	occupy(b, w->occupied, true);
	boxclient_init(&c, b);
	boxclient_ask(&c, l->asks == STREAM);
	if (w->ends != LATE)
		wait_state(b, l);
	end_the_wait(b, w, &c);
	if (w->ends != GONE) {
		boxclient_wait(&c);
		check_client(&c, l);
	}
	boxclient_leave(&c);
	if (w->ends == REVOKED)
		keyring_id(&b->keys, STR("kbox00001"))->rec.disabled = false;
	if (w->ends != SERVED)
		occupy(b, w->occupied, false);
	settle(b, w->name);
	check_receipt(b, l);
	assert_int_equal(n->queue_entered_total - before.queue_entered_total,
	    1);
	assert_int_equal(n->queue_served_total - before.queue_served_total,
	    w->ends == SERVED);
	assert_int_equal(n->queue_late_total - before.queue_late_total,
	    w->ends == LATE);
	assert_int_equal(n->queue_left_total - before.queue_left_total,
	    w->ends != SERVED && w->ends != LATE);
	assert_int_equal(n->queue_keys_now + n->queue_accounts_now, 0);
	boxclient_fini(&c);
}

static void
who_waits_is_served_or_told_and_leaves_nothing_behind(void **state)
{
	static const struct wait waits[] = {
		WAITS(KEY, SERVED, WHOLE, "200", 200, "hello", OUTCOME_OK,
		    "a:ok/200", 0),
		WAITS(KEY, LATE, WHOLE, "200", 429, "none became free in time",
		    OUTCOME_REFUSED, "", 0),
		WAITS(KEY, GONE, WHOLE, "200", 0, NULL, NO_RECEIPT, "", 0),
		WAITS(KEY, STOPPED, WHOLE, "200", 503, "stopped",
		    OUTCOME_REFUSED, "", 0),
		WAITS(KEY, REVOKED, WHOLE, "200", 401, "disabled",
		    OUTCOME_REFUSED, "", 0),
		WAITS(FIRST, SERVED, STREAM, "sse", 200, "message_stop",
		    OUTCOME_OK, "a:ok/200", STREAMED),
		WAITS(FIRST, LATE, WHOLE, "200", 429,
		    "none became free in time", OUTCOME_REFUSED, "", 0),
		WAITS(FIRST, GONE, STREAM, "sse", 0, NULL, NO_RECEIPT, "", 0),
		WAITS(FIRST, STOPPED, STREAM, "sse", 503, "stopped",
		    OUTCOME_REFUSED, "", STREAMED),
		WAITS(FIRST, REVOKED, WHOLE, "200", 401, "disabled",
		    OUTCOME_REFUSED, "", 0),
		WAITS(SECOND, SERVED, WHOLE, "500", 200, "hello", OUTCOME_OK,
		    "a:error_status/500 b:ok/200", RETRIED),
		WAITS(SECOND, SERVED, STREAM, "sse-early", 200, "message_stop",
		    OUTCOME_OK, "a:cut/200 b:ok/200", RETRIED | STREAMED),
		WAITS(SECOND, LATE, WHOLE, "500", 429,
		    "none became free in time", OUTCOME_FAILED,
		    "a:error_status/500", 0),
		WAITS(SECOND, GONE, WHOLE, "500", 0, NULL, OUTCOME_GONE,
		    "a:error_status/500", DISCONNECTED | GUESSED),
		WAITS(SECOND, STOPPED, WHOLE, "500", 503, "stopped",
		    OUTCOME_FAILED, "a:error_status/500", 0),
		WAITS(SECOND, REVOKED, WHOLE, "500", 401, "disabled",
		    OUTCOME_FAILED, "a:error_status/500", 0),
	};
	struct relaybox *b = *state;

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		live_waiting(b, &waits[i]);
	relaybox_wait_stored(b);
}

/* --- any order ------------------------------------------------------------- */

#define CROWD	     8
#define RANDOM_LIVES 2400

struct crowd {
	struct relaybox *b;
	uint64_t seed;
	struct boxclient at[CROWD];
	unsigned leaves_in[CROWD]; /* turns; 0: it stays */
	unsigned begun, ended;
};

/* The same in every run: xorshift64*. */
static unsigned
chance(struct crowd *c, unsigned out_of)
{
	c->seed ^= c->seed >> 12;
	c->seed ^= c->seed << 25;
	c->seed ^= c->seed >> 27;
	return (unsigned)((c->seed * 2685821657736338717ULL) >> 33) % out_of;
}

static const char *
any_act(void *arg, struct str path)
{
	struct crowd *c = arg;
	unsigned count = 1;

	(void)path;
	while (player_act(count))
		count++;
	return player_act(chance(c, count));
}

static void
begin_any(struct crowd *c, unsigned i)
{
	struct boxclient *k = &c->at[i];

	boxclient_init(k, c->b);
	c->leaves_in[i] = chance(c, 3) ? 0 : 1 + chance(c, 12);
	c->begun++;
	if (chance(c, 16))
		boxclient_ask(k, chance(c, 2));
	else
		boxclient_say(k, STR("POST /v1/messages HTTP/1.1\r\nHo"));
	/* Some send half a request and never the rest. */
	if (!chance(c, 16) && !c->leaves_in[i])
		c->leaves_in[i] = 1 + chance(c, 12);
}

static void
end_any(struct crowd *c, unsigned i)
{
	struct boxclient *k = &c->at[i];
	const struct boxreceipt *r;

	if (k->whole) {
		r = relaybox_receipt(c->b, &k->id);
		assert_non_null(r);
		assert_int_equal(r->status, k->status);
	}
	boxclient_fini(k);
	k->b = NULL;
	c->ended++;
}

/* One turn for everybody. */
static void
step(struct crowd *c)
{
	struct relaybox *b = c->b;
	struct account *a;

	for (unsigned i = 0; i < CROWD; i++) {
		struct boxclient *k = &c->at[i];

		if (!k->b && c->begun < RANDOM_LIVES)
			begin_any(c, i);
		if (!k->b)
			continue;
		boxclient_look(k);
		if (c->leaves_in[i] && !--c->leaves_in[i])
			boxclient_leave(k);
		if (k->whole || k->closed || k->fd < 0)
			end_any(c, i);
	}
	if (!chance(c, 100))
		relays_stop(b->d.relays);
	if (!chance(c, 20))
		player_drop_idle(b->player);
	if (!chance(c, 4)) {
		relaybox_hurry(b, R_BACKOFF);
		relaybox_hurry(b, R_ENDING);
		relaybox_hurry(b, R_JUDGING);
	}
	TAILQ_FOREACH (a, &b->pool.accounts, link)
		account_open(a);
	loop_turn(b->d.loop, 1);
}

static int
by_id(const void *x, const void *y)
{
	const struct boxreceipt *a = x, *b = y;

	return memcmp(&a->id, &b->id, sizeof(a->id));
}

/* --- budgets of the crowd -------------------------------------------------- */

#define CROWD_BUDGETS 5

/* In the store by then, so that the ledger counts for them. */
static void
on_budget(void *arg, enum err e, const struct why *why, struct budget *it)
{
	(void)why;
	assert_int_equal(e, OK);
	*(struct budget **)arg = it;
}

static void
limit_all(struct relaybox *b, struct budget *out[CROWD_BUDGETS])
{
	static const char *const words[CROWD_BUDGETS][5] = {
		{ "all", "", "requests", "life", "deny" },
		{ "key", "kbox00001", "output", "life", "deny" },
		{ "account", "a", "output", "life", "warn" },
		{ "account", "b", "output", "life", "hold" },
		{ "platform", "*", "requests", "1s-sliding", "hold" },
	};

	for (int i = 0; i < CROWD_BUDGETS; i++) {
		struct budget_rec r = { .scope = str_of(words[i][0]),
			.subject = str_of(words[i][1]),
			.unit = str_of(words[i][2]),
			.window = str_of(words[i][3]),
			.action = str_of(words[i][4]),
			.amount = INT64_C(1) << 40 };
		char id[10];

		budget_make_id(id);
		r.id = str_of(id);
		out[i] = NULL;
		budget_save(&b->budgets, &r, 0, false, 0, NULL, on_budget,
		    &out[i]);
		for (int n = 0; n < RELAYBOX_PATIENCE && !out[i]; n++)
			relaybox_turn(b);
		assert_non_null(out[i]);
	}
}

struct spent_job {
	struct job job;
	struct str id;
	int64_t sum;
	bool done;
};

static void
add_row(void *arg, int64_t at_ms, int64_t sum)
{
	struct spent_job *j = arg;

	(void)at_ms;
	j->sum += sum;
}

static enum err
spent_work(struct job *job, struct txn *t, struct why *out_why)
{
	struct spent_job *j = (struct spent_job *)job;

	(void)out_why;
	return spent_each(t, j->id, add_row, j);
}

static void
spent_done(struct job *job)
{
	assert_int_equal(job->result, OK);
	((struct spent_job *)job)->done = true;
}

static int64_t
stored_of(struct relaybox *b, struct str id)
{
	struct spent_job j = {
		.job = { .work = spent_work, .done = spent_done }, .id = id
	};

	store_post(b->d.store, LANE_READ, &j.job);
	for (int n = 0; n < RELAYBOX_PATIENCE && !j.done; n++)
		relaybox_turn(b);
	assert_true(j.done);
	return j.sum;
}

/* Nothing is reserved any more, and what is used is what the receipts say: here,
 * and in the store. */
static void
check_budgets(struct relaybox *b, struct budget *of[CROWD_BUDGETS])
{
	int64_t requests = 0, output = 0;

	for (size_t i = 0; i < b->receipts_count; i++) {
		const struct boxreceipt *r = &b->receipts[i];

		if (r->outcome == OUTCOME_REFUSED ||
		    r->outcome == OUTCOME_FAILED)
			continue;
		requests++;
		output += r->output;
	}
	assert_true(requests > 0 && output > 0);
	assert_int_equal(of[0]->used, requests);
	assert_int_equal(of[1]->used, output);
	assert_int_equal(of[2]->used + of[3]->used, output);
	for (int i = 0; i < CROWD_BUDGETS; i++) {
		assert_int_equal(of[i]->reserved, 0);
		assert_int_equal(of[i]->users, 0);
		if (i < 4)
			assert_int_equal(stored_of(b, of[i]->rec.id),
			    of[i]->used);
	}
}

static void
in_any_order_there_is_one_receipt_for_each_request(void **state)
{
	struct crowd c = { .b = *state, .seed = 20240229 };
	const struct counters *n = &c.b->d.counters;
	uint64_t firsts = n->attempts_total - n->retries_total;
	uint64_t attempts = n->attempts_total;
	struct settings *s = &c.b->d.settings;
	uint64_t tried = 0, tries = 0;
	struct budget *limits[CROWD_BUDGETS];
	struct apikey *key = keyring_id(&c.b->keys, STR("kbox00001"));
	uint64_t waited = n->queue_entered_total;

	relaybox_reset(c.b);
	limit_all(c.b, limits);
	s->head_wait_ms = s->stream_head_wait_ms = 12;
	s->first_event_wait_ms = s->stream_idle_ms = 12;
	s->ping_before_ms = s->ping_after_ms = 5;
	s->hold_time_ms = 4;
	s->request_head_wait_ms = 20;
	s->queue_wait_ms = s->queue_wait_stream_ms = 12;
	/* More ask than have places, of the key and at the accounts. */
	key->rec.max_concurrency = 6;
	c.b->a->rec.max_concurrency = c.b->b->rec.max_concurrency = 2;
	c.b->choose = any_act;
	c.b->choose_arg = &c;
	for (int i = 0; c.ended < RANDOM_LIVES; i++) {
		assert_true(i < 100 * RANDOM_LIVES);
		step(&c);
	}
	c.b->choose = NULL;
	settle(c.b, "at the end");
	key->rec.max_concurrency = 0;
	c.b->a->rec.max_concurrency = c.b->b->rec.max_concurrency = 0;
	assert_true(n->queue_entered_total - waited > RANDOM_LIVES / 20);
	assert_true(n->queue_late_total && n->queue_left_total);
	assert_int_equal(n->queue_entered_total,
	    n->queue_served_total + n->queue_late_total + n->queue_left_total);
	assert_int_equal(n->queue_keys_now + n->queue_accounts_now, 0);
	assert_int_equal(key->running, 0);
	qsort(c.b->receipts, c.b->receipts_count, sizeof(*c.b->receipts),
	    by_id);
	for (size_t i = 0; i < c.b->receipts_count; i++) {
		const struct boxreceipt *r = &c.b->receipts[i];

		assert_true(!i || by_id(r - 1, r) < 0);
		tried += r->tries_count > 0;
		tries += r->tries_count;
	}
	/* Who was tried for has a receipt, and every try is in one. */
	assert_int_equal(tried, n->attempts_total - n->retries_total - firsts);
	assert_int_equal(tries, n->attempts_total - attempts);
	assert_true(tried > RANDOM_LIVES / 2);
	relaybox_wait_stored(c.b);
	check_budgets(c.b, limits);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_passes_in_every_framing),
		cmocka_unit_test(what_fails_unseen_is_tried_elsewhere),
		cmocka_unit_test(
		    a_connection_that_breaks_first_thing_is_the_accounts_fault),
		cmocka_unit_test(
		    a_kept_connection_that_was_closed_is_nobodys_fault),
		cmocka_unit_test(an_overloaded_account_is_asked_again),
		cmocka_unit_test(
		    when_nobody_can_answer_the_client_is_told_what_concerns_it),
		cmocka_unit_test(what_was_seen_is_never_made_to_look_whole),
		cmocka_unit_test(a_client_that_leaves_costs_one_receipt),
		cmocka_unit_test(
		    a_request_that_never_becomes_whole_has_no_receipt),
		cmocka_unit_test(
		    who_waits_is_served_or_told_and_leaves_nothing_behind),
		cmocka_unit_test(a_daemon_that_stops_tells_everybody),
		cmocka_unit_test(
		    in_any_order_there_is_one_receipt_for_each_request),
	};
	const struct CMUnitTest durable[] = {
		cmocka_unit_test(the_end_is_shown_when_the_receipt_is_on_disk),
		cmocka_unit_test(
		    a_client_may_leave_while_its_receipt_is_written),
		cmocka_unit_test(
		    in_any_order_there_is_one_receipt_for_each_request),
	};
	int failed = cmocka_run_group_tests(tests, setup, teardown);

	failed += cmocka_run_group_tests(durable, setup_power, teardown);
	return failed +
	    cmocka_run_group_tests(tests, setup_traced, teardown_traced);
}
