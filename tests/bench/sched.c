/* SPDX-License-Identifier: MIT */
/* sched.c - how long it takes to choose an account, and what a hundred thousand
 * sessions take in memory.  Ends with 1 when it is more than was promised. */
#include "relayd/sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/mem.h"

#include "relayd/group.h"
#include "relayd/session.h"
#include "relayd/sticky.h"

#define ACCOUNTS 1000
#define SESSIONS 100000
#define ROUNDS	 20000
#define NOW_MS	 1000000
#define TTL_MS	 3600000

#define MOST_NS	   50000
#define MOST_BYTES 120

struct stage {
	struct pool pool;
	struct group group; /* of all of them */
	enum strategy strategy;
	const struct binding *binding;
	struct account *at;
	struct sticky sticky;
	uint64_t ids[SESSIONS];
	uint32_t seed;
	int64_t took_ns[ROUNDS];
};

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* What this thread has worked: neighbours on the machine are not counted. */
static int64_t
worked_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static uint32_t
any(struct stage *s, uint32_t below)
{
	s->seed = s->seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)s->seed * below >> 32);
}

/* Of the windows that a subscription has. */
static void
use_some(struct stage *s, struct account *a)
{
	static const char *const names[] = { "5h", "7d", "7d-opus" };

	for (int i = 0; i < 3; i++) {
		struct window *w = window_of(&a->windows, str_of(names[i]));

		w->used_ppm = any(s, 1000000);
		w->reset_at = NOW_MS + any(s, 1000000);
	}
}

static void
furnish(struct stage *s)
{
	char name[16];

	s->seed = 1;
	pool_init(&s->pool, NULL, NULL);
	s->at = xcalloc(ACCOUNTS, sizeof(s->at[0]));
	s->group.members = xcalloc(ACCOUNTS, sizeof(s->group.members[0]));
	s->group.count = ACCOUNTS;
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		struct account *a = &s->at[i];

		account_rec_init(&a->rec);
		snprintf(name, sizeof(name), "account-%04u", i);
		a->blob = strdup(name);
		a->rec.name = str_of(a->blob);
		a->rec.models = STR("claude-opus-*,claude-sonnet-*");
		a->rec.max_concurrency = 8;
		a->provider = &provider_anthropic_compat;
		/* One in ten is limited, and none is well for the reason that
		 * it is the first. */
		if (i % 10 == 0)
			gate_shut(&a->gates, GATE_RATE, NOW_MS + 60000, "429");
		use_some(s, a);
		pool_insert(&s->pool, a);
		s->group.members[i] =
		    (struct group_member){ .account = a, .weight = 1 + i % 7 };
	}
	sticky_init(&s->sticky);
	sticky_limit(&s->sticky, SESSIONS, TTL_MS);
	for (unsigned i = 0; i < SESSIONS; i++) {
		s->ids[i] = (uint64_t)any(s, UINT32_MAX) << 32 | (i + 1);
		sticky_bind(&s->sticky, s->ids[i], &s->at[i % ACCOUNTS],
		    NOW_MS);
	}
}

/* One decision of a session, with what is written down of it. */
static void
decide(struct stage *s, uint64_t id)
{
	struct sched_ask ask = { .dialect = &dialect_anthropic,
		.op = OP_GENERATE,
		.model = STR("claude-sonnet-4-5"),
		.now_ms = NOW_MS,
		.now_wall_ms = NOW_MS,
		.strategy = s->strategy,
		.binding = s->binding };
	struct sched_choice choice;
	struct sticky_session *t = sticky_find(&s->sticky, id, NOW_MS);

	ask.bound = t ? t->account : NULL;
	sched_choose(&s->pool, &ask, &choice);
	if (!choice.account)
		abort();
	sched_took(&s->pool, &ask, &choice);
	choice.account->used_us = now_ns() / 1000;
	if (t && choice.bond == BOND_KEPT)
		sticky_touch(&s->sticky, t, NOW_MS);
	else
		sticky_bind(&s->sticky, id, choice.account, NOW_MS);
}

/* What a session is found by: of a request of Claude Code's size. */
static void
measure_naming(const char *what, const char *header)
{
	static const uint8_t secret[SESSION_SECRET] = { 1 };
	struct http1_head head = { .count = 20 };
	struct session_ask ask = { .secret = secret,
		.head = &head,
		.dialect = &dialect_anthropic,
		.key_id = STR("k12345678"),
		.by_content = true };
	struct scan scan;
	struct buf body;
	struct why why;
	int64_t began_ns;

	buf_init(&body, 1024 * 1024);
	buf_must(&body,
	    STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
		"\"content\":\"a\"}],\"system\":\""));
	while (buf_len(&body) < 100 * 1000)
		buf_must(&body, STR("You are a helpful program. "));
	buf_must(&body, STR("\"}"));
	for (size_t i = 0; i < head.count; i++)
		head.fields[i] = (struct header){ .name = STR("x-some-name"),
			.value = STR("value") };
	head.fields[19].name = str_of(header);
	scan_init(&scan, ask.dialect->wants, WANT_COUNT);
	ask.body = buf_str(&body);
	ask.scan = &scan;
	if (scan_feed(&scan, ask.body, &why) || scan_end(&scan, &why))
		abort();
	began_ns = now_ns();
	for (int i = 0; i < ROUNDS; i++)
		if (!session_of(&ask).id)
			abort();
	printf("%-32s %10.2f\n", what,
	    (double)(now_ns() - began_ns) / ROUNDS / 1000);
	buf_fini(&body);
}

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t
measure(struct stage *s, const char *what, bool is_new)
{
	const size_t half = ROUNDS / 2, most = ROUNDS * 99 / 100;
	uint64_t fresh = UINT64_C(1) << 63;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t id = is_new ? fresh + (uint64_t)any(s, UINT32_MAX)
				     : s->ids[any(s, SESSIONS)];
		int64_t began_ns = worked_ns();

		decide(s, id);
		s->took_ns[i] = worked_ns() - began_ns;
	}
	qsort(s->took_ns, ROUNDS, sizeof(s->took_ns[0]), by_size);
	printf("%-32s %10.2f %10.2f %10.2f\n", what,
	    (double)s->took_ns[half] / 1000, (double)s->took_ns[most] / 1000,
	    (double)s->took_ns[ROUNDS - 1] / 1000);
	return s->took_ns[most];
}

/* Of a new session, by each strategy: in the pool, and in a group whose members
 * have weights, behind an account that is held.  The slowest p99. */
static int64_t
measure_strategies(struct stage *s)
{
	struct account gone = { .rec.held = true,
		.rec.priority = 50,
		.provider = &provider_anthropic_compat };
	const struct binding bound = { .count = 2,
		.tier = { { .kind = TIER_ACCOUNT, .account = &gone },
		    { .kind = TIER_GROUP, .group = &s->group } } };
	int64_t slowest_ns = 0;
	char what[64];

	for (int i = 0; i < 2 * STRATEGY_COUNT; i++) {
		int64_t took_ns;

		s->strategy = (enum strategy)(i % STRATEGY_COUNT);
		s->binding = i < STRATEGY_COUNT ? NULL : &bound;
		snprintf(what, sizeof(what), "%s, among %s",
		    strategy_word(s->strategy),
		    s->binding ? "a group's" : "them all");
		took_ns = measure(s, what, true);
		if (took_ns > slowest_ns)
			slowest_ns = took_ns;
	}
	return slowest_ns;
}

int
main(void)
{
	struct stage *s = xcalloc(1, sizeof(*s));
	int64_t bound_ns, new_ns;
	double bytes;

	furnish(s);
	bytes = (double)sticky_bytes(&s->sticky) / SESSIONS;
	printf("%d accounts of one priority, %d sessions of %.1f bytes\n\n",
	    ACCOUNTS, SESSIONS, bytes);
	printf("%-32s %10s %10s %10s\n", "a decision, in us", "p50", "p99",
	    "most");
	bound_ns = measure(s, "of a session that is bound", false);
	new_ns = measure_strategies(s);
	printf("\n%-32s %10s\n", "to know a session, in us", "mean");
	measure_naming("by a header", "x-claude-code-session-id");
	measure_naming("by how it begins, of 100 KB", "x-other");
	for (unsigned i = 0; i < ACCOUNTS; i++)
		free(s->at[i].blob);
	sticky_fini(&s->sticky);
	free(s->group.members);
	free(s->at);
	free(s);
	return bound_ns > MOST_NS || new_ns > MOST_NS || bytes > MOST_BYTES;
}
