/* SPDX-License-Identifier: MIT */
/* test_why.c - stories are bounded, kept, found and pruned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/relay.h"
#include "relayd/setting.h"
#include "tests/support/storebox.h"

/* --- the story of one request ---------------------------------------------- */

struct scene {
	struct daemon d;
	struct relays all;
	struct relay r;
	struct account a;
	struct whys whys;
};

static void
scene_begin(struct scene *s)
{
	struct why why;

	*s = (struct scene){ .r = { .began_us = clock_us() } };
	assert_int_equal(loop_new(&s->d.loop, &why), OK);
	settings_default(&s->d.settings);
	whys_init(&s->whys, NULL, &s->d.settings);
	s->d.whys = &s->whys;
	s->all.d = &s->d;
	s->r.all = &s->all;
	s->r.d = &s->d;
	s->r.account = &s->a;
	s->a.rec.name = STR("acc");
	s->a.credential = STR("sk-canary-0123456789");
	s->a.proxy_password = STR("");
	snprintf(s->r.account_name, sizeof(s->r.account_name), "acc");
	buf_init(&s->r.story, WHY_MAX);
	buf_init(&s->r.fault_text, 1024);
}

static void
scene_end(struct scene *s)
{
	buf_fini(&s->r.story);
	buf_fini(&s->r.fault_text);
	whys_fini(&s->whys);
	loop_free(s->d.loop);
}

static const struct verdict *
rule_of(unsigned status)
{
	const struct verdict_case c = {
		.status = status, .kind = STR("claude-api"), .body = STR("")
	};

	return verdict_find(&c);
}

static const struct why_story *
kept(const struct scene *s)
{
	return STAILQ_FIRST(&s->whys.waiting);
}

/* The writer is never asked here. */
static void
end_request(struct scene *s, const struct receipt_rec *rec)
{
	s->whys.job = (struct why_job *)s;
	why_ended(&s->r, rec);
	s->whys.job = NULL;
}

static void
a_plain_request_keeps_nothing(void **state)
{
	const struct receipt_rec rec = { .status = 200 };
	struct sched_choice c = { .bond = BOND_NEW };
	struct scene s;

	(void)state;
	scene_begin(&s);
	c.account = &s.a;
	why_chose(&s.r, &c);
	s.r.tries = 1;
	end_request(&s, &rec);
	assert_null(kept(&s));
	scene_end(&s);
}

static void
a_judgement_is_told_without_the_credential(void **state)
{
	const struct receipt_rec rec = {
		.status = 503, .fault = STR("no_account"), .total_us = 77
	};
	struct str rest;
	struct step_rec step;
	struct scene s;

	(void)state;
	scene_begin(&s);
	s.r.verdict = rule_of(401);
	why_judged(&s.r, 401, STR("bad key sk-canary-0123456789, sorry"));
	s.r.fault = FAULT_NO_ACCOUNT;
	buf_must(&s.r.fault_text, STR("nobody\nthere"));
	end_request(&s, &rec);
	assert_non_null(kept(&s));
	rest = str_at(kept(&s)->steps, kept(&s)->len);
	assert_true(why_next(&rest, &step));
	assert_int_equal(step.kind, WHY_JUDGED);
	assert_true(str_eq(step.account, STR("acc")));
	assert_true(str_eq(step.word, STR("unauthorized")));
	assert_true(str_eq(step.scope, STR("account")));
	assert_true(step.next.len > 0);
	assert_true(str_eq(step.text, STR("bad key ***, sorry")));
	assert_int_equal(step.status, 401);
	assert_true(why_next(&rest, &step));
	assert_int_equal(step.kind, WHY_ENDED);
	assert_int_equal(step.status, 503);
	assert_int_equal(step.at_us, 77);
	assert_true(str_eq(step.reason, STR("no_account")));
	assert_true(str_eq(step.text, STR("nobody there")));
	assert_int_equal(step.lost, 0);
	assert_false(why_next(&rest, &step));
	scene_end(&s);
}

static void
a_story_is_bounded_and_its_end_is_told(void **state)
{
	const struct receipt_rec rec = { .status = 503 };
	struct step_rec step = { .lost = 0 };
	char body[600], words[700];
	unsigned judged = 0;
	struct scene s;
	struct str rest;

	(void)state;
	scene_begin(&s);
	memset(body, 'x', sizeof(body));
	memset(words, 'w', sizeof(words));
	s.r.verdict = rule_of(500);
	for (int i = 0; i < 20; i++) {
		why_judged(&s.r, 500, str_at(body, sizeof(body)));
		assert_true(buf_len(&s.r.story) <= WHY_MAX - WHY_LAST);
	}
	s.r.fault = FAULT_NO_ACCOUNT;
	buf_must(&s.r.fault_text, str_at(words, sizeof(words)));
	end_request(&s, &rec);
	assert_non_null(kept(&s));
	assert_true(kept(&s)->len <= WHY_MAX);
	rest = str_at(kept(&s)->steps, kept(&s)->len);
	while (why_next(&rest, &step))
		judged += step.kind == WHY_JUDGED;
	assert_int_equal(step.kind, WHY_ENDED);
	assert_true(judged > 0);
	assert_int_equal(judged + step.lost, 20);
	scene_end(&s);
}

static void
candidates_are_told_with_their_ranks(void **state)
{
	struct sched_choice c = { .bond = BOND_NEW };
	struct step_rec step;
	struct str rest;
	struct scene s;

	(void)state;
	scene_begin(&s);
	c.account = &s.a;
	c.fell[SIEVE_HELD] = 2;
	c.fell[SIEVE_GATED] = 1;
	c.best[0] = (struct sched_candidate){
		.account = &s.a, .priority = 5, .rank = { { -12 } }
	};
	c.best[1] = (struct sched_candidate){
		.account = &s.a, .priority = 50, .rank = { { INT64_MAX } }
	};
	c.best_count = 2;
	why_chose(&s.r, &c);
	rest = buf_str(&s.r.story);
	assert_true(why_next(&rest, &step));
	assert_true(str_eq(step.fell, STR("held 2, gated 1")));
	assert_true(str_eq(step.best,
	    STR("acc 5 -12, acc 50 9223372036854775807")));
	assert_true(str_eq(step.text, STR("pool")));
	assert_true(str_eq(step.next, STR("lru")));
	scene_end(&s);
}

static void
every_cut_of_a_story_is_read_without_harm(void **state)
{
	struct step_rec step;
	struct scene s;
	struct str whole;

	(void)state;
	scene_begin(&s);
	s.r.verdict = rule_of(429);
	why_judged(&s.r, 429, STR("slow down"));
	why_waits(&s.r, "queue", 5);
	whole = buf_str(&s.r.story);
	for (size_t n = 0; n < whole.len; n++) {
		char *copy = xmemdup(whole.at, n);
		struct str rest = str_at(copy, n);
		unsigned steps = 0;

		while (why_next(&rest, &step))
			steps++;
		assert_true(steps < 2);
		free(copy);
	}
	scene_end(&s);
}

/* --- keeping --------------------------------------------------------------- */

struct shelf {
	struct storebox box;
	struct settings settings;
	struct whys whys;
	bool found;
	size_t len;
};

static struct ulid
id_of(int64_t ms, uint8_t n)
{
	const uint8_t random[10] = { n };

	return ulid_make(ms, random);
}

static void
on_found(void *arg, enum err e, const struct why *why, struct str steps)
{
	struct shelf *s = arg;

	(void)why;
	assert_int_equal(e, OK);
	s->found = true;
	s->len = steps.len;
}

static size_t
length_of(struct shelf *s, struct ulid id)
{
	s->found = false;
	whys_find(&s->whys, &id, on_found, s);
	if (!s->found)
		storebox_wait(&s->box, &s->found);
	return s->len;
}

static enum err
do_nothing(struct txn *t, void *arg, struct why *out_why)
{
	(void)t;
	(void)arg;
	(void)out_why;
	return OK;
}

/* Whatever was posted before is done, and what came of that too. */
static void
settle(struct shelf *s)
{
	while (s->whys.job)
		assert_int_equal(storebox_run(&s->box, LANE_WRITE, do_nothing,
				     NULL, NULL),
		    OK);
}

static void
shelf_begin(struct shelf *s)
{
	*s = (struct shelf){ .found = false };
	storebox_init(&s->box);
	assert_int_equal(storebox_open(&s->box, &store_mem, NULL), OK);
	settings_default(&s->settings);
	whys_init(&s->whys, s->box.s, &s->settings);
	assert_int_equal(whys_load(&s->whys, NULL), OK);
	storebox_start(&s->box);
}

static void
shelf_end(struct shelf *s)
{
	storebox_close(&s->box);
	storebox_fini(&s->box);
	whys_fini(&s->whys);
}

static void
what_is_kept_is_found_before_and_after_it_is_written(void **state)
{
	struct ulid id = id_of(clock_wall_ms(), 1);
	struct shelf s;

	(void)state;
	shelf_begin(&s);
	whys_keep(&s.whys, &id, STR("0123456789"));
	assert_int_equal(length_of(&s, id), 10);
	settle(&s);
	assert_int_equal(length_of(&s, id), 10);
	assert_int_equal(s.whys.bytes, 26);
	assert_int_equal(length_of(&s, id_of(1, 1)), 0);
	shelf_end(&s);
}

static void
what_is_old_goes(void **state)
{
	int64_t now = clock_wall_ms();
	struct shelf s;
	struct ulid old, young;

	(void)state;
	shelf_begin(&s);
	s.settings.why_keep_ms = 60000;
	old = id_of(now - 61000, 1);
	young = id_of(now - 1000, 2);
	s.settings.why_keep_ms = 3600000;
	whys_keep(&s.whys, &old, STR("old"));
	whys_keep(&s.whys, &young, STR("young"));
	settle(&s);
	assert_int_equal(length_of(&s, old), 3);
	s.settings.why_keep_ms = 60000;
	whys_prune(&s.whys);
	settle(&s);
	assert_int_equal(length_of(&s, old), 0);
	assert_int_equal(length_of(&s, young), 5);
	assert_int_equal(s.whys.bytes, 16 + 5);
	shelf_end(&s);
}

/* More than one slice of the pruning, the oldest first. */
static void
there_are_never_more_bytes_than_may_be(void **state)
{
	static const char steps[1000];
	int64_t now = clock_wall_ms();
	struct shelf s;
	uint64_t most = 50 * (uint64_t)(16 + sizeof(steps));

	(void)state;
	shelf_begin(&s);
	for (int i = 0; i < 900; i++) {
		struct ulid id = id_of(now - 1000 + i, 1);

		whys_keep(&s.whys, &id, str_at(steps, sizeof(steps)));
	}
	settle(&s);
	assert_int_equal(s.whys.bytes, 900 * (16 + sizeof(steps)));
	s.settings.why_max_bytes = most;
	whys_prune(&s.whys);
	settle(&s);
	assert_int_equal(s.whys.bytes, most);
	assert_int_equal(length_of(&s, id_of(now - 1000 + 899, 1)), 1000);
	assert_int_equal(length_of(&s, id_of(now - 1000 + 850, 1)), 1000);
	assert_int_equal(length_of(&s, id_of(now - 1000 + 849, 1)), 0);
	shelf_end(&s);
}

static void
a_store_that_does_not_keep_up_loses_stories_and_counts_them(void **state)
{
	struct settings settings;
	struct whys w;

	(void)state;
	settings_default(&settings);
	whys_init(&w, NULL, &settings);
	w.job = (struct why_job *)&w;
	for (unsigned i = 0; i < WHYS_WAITING_MAX + 5; i++) {
		struct ulid id = id_of(1, (uint8_t)i);

		whys_keep(&w, &id, STR("x"));
	}
	assert_int_equal(w.waiting_count, WHYS_WAITING_MAX);
	assert_int_equal(w.lost, 5);
	whys_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_request_keeps_nothing),
		cmocka_unit_test(a_judgement_is_told_without_the_credential),
		cmocka_unit_test(a_story_is_bounded_and_its_end_is_told),
		cmocka_unit_test(candidates_are_told_with_their_ranks),
		cmocka_unit_test(every_cut_of_a_story_is_read_without_harm),
		cmocka_unit_test(
		    what_is_kept_is_found_before_and_after_it_is_written),
		cmocka_unit_test(what_is_old_goes),
		cmocka_unit_test(there_are_never_more_bytes_than_may_be),
		cmocka_unit_test(
		    a_store_that_does_not_keep_up_loses_stories_and_counts_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
