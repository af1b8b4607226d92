/* SPDX-License-Identifier: MIT */
/* test_ctl_why.c - what `why` tells of a request, and to whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/ledger.h"
#include "relayd/loop.h"
#include "relayd/receipt.h"
#include "relayd/relay.h"
#include "tests/support/controlbox.h"

struct scene {
	struct house *h;
	struct client admin;
	struct ulid id;
	char params[64];
	struct buf story, attempts;
	struct receipt_rec rec;
};

static void
add_step(struct scene *s, const struct step_rec *step)
{
	struct buf one;
	char len[2];

	buf_init(&one, WHY_MAX);
	assert_int_equal(step_rec_write(step, &one), OK);
	len[0] = (char)(buf_len(&one) >> 8);
	len[1] = (char)buf_len(&one);
	buf_must(&s->story, str_at(len, 2));
	buf_must(&s->story, buf_str(&one));
	buf_fini(&one);
}

/* A request that failed at one account and was answered by another one. */
static void
scene_begin(struct scene *s, void **state)
{
	static const struct step_rec steps[] = {
		{ .kind = WHY_CHOSE,
		    .at_us = 1,
		    .account = { "acc-1", 5 },
		    .word = { "new", 3 },
		    .text = { "pool", 4 },
		    .next = { "lru", 3 },
		    .fell = { "held 2, gated 1", 15 },
		    .best = { "acc-1 5 -12, acc-2 50 3", 23 } },
		{ .kind = WHY_JUDGED,
		    .at_us = 30,
		    .account = { "acc-1", 5 },
		    .word = { "rate", 4 },
		    .reason = { "rate limited", 12 },
		    .next = { "other", 5 },
		    .text = { "slow down", 9 },
		    .status = 429,
		    .took_us = 5000000 },
		{ .kind = WHY_ENDED, .at_us = 90, .status = 200, .lost = 3 },
	};
	static const struct attempt_rec tries[] = {
		{ .account = { "acc-1", 5 },
		    .status = 429,
		    .outcome = ATTEMPT_ERROR_STATUS,
		    .error = { "429 slow", 8 },
		    .begin_us = 10,
		    .connect_us = 4,
		    .head_us = 5,
		    .end_us = 6 },
		{ .account = { "acc-2", 5 },
		    .status = 200,
		    .outcome = ATTEMPT_OK,
		    .begin_us = 40,
		    .end_us = 50 },
	};
	const uint8_t random[10] = { 7 };
	struct apikey *k;
	char text[ULID_TEXT + 1];

	*s = (struct scene){ .h = *state };
	client_connect(&s->admin, s->h);
	asked_well(&s->admin, "key.create",
	    "{\"name\":\"mine\",\"owner\":\"uid:4711\"}");
	k = keyring_find(s->h->d.keys, STR("mine"));
	s->id = ulid_make(clock_wall_ms(), random);
	ulid_text(&s->id, text);
	snprintf(s->params, sizeof(s->params), "{\"request\":\"req_%s\"}",
	    text);
	buf_init(&s->story, WHY_MAX);
	buf_init(&s->attempts, 4096);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		add_step(s, &steps[i]);
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		assert_int_equal(rec_attempts_add(&s->attempts, &tries[i]), OK);
	s->rec = (struct receipt_rec){ .key_id = k->rec.id,
		.account = STR("acc-2"),
		.model = STR("m"),
		.status = 200,
		.first_us = 80,
		.total_us = 90,
		.attempts = buf_str(&s->attempts) };
}

static void
scene_end(struct scene *s)
{
	buf_fini(&s->story);
	buf_fini(&s->attempts);
	client_fini(&s->admin);
}

/* The receipt comes to the store a little after. */
static struct ctl_frame
ask_why(struct scene *s, struct client *c)
{
	for (int i = 0; i < PATIENCE; i++) {
		struct ctl_frame f = ask(c, "why", s->params);

		if (f.kind == CTL_RESULT)
			return f;
		assert_true(ctl_frame_is(&f, ERR_UNKNOWN));
		ctl_frame_fini(&f);
		loop_turn(s->h->d.loop, 10);
	}
	fail_msg("%s never came", s->params);
	return (struct ctl_frame){ .root = NULL };
}

static void
keep(struct scene *s)
{
	assert_int_equal(ledger_done(s->h->d.ledger, &s->id, &s->rec), OK);
	whys_keep(&s->h->whys, &s->id, buf_str(&s->story));
}

static const struct json *
step_at(const struct ctl_frame *f, unsigned i)
{
	const struct json *s = json_first(json_at(f->data, "steps"));

	while (s && i--)
		s = json_next(s);
	assert_non_null(s);
	return s;
}

static void
check_text(const struct json *o, const char *key, const char *want)
{
	if (!str_eq(text_at(o, key), str_of(want)))
		fail_msg("%s is \"%.*s\"", key, STR_ARG(text_at(o, key)));
}

static void
check_number(const struct json *o, const char *key, int64_t want)
{
	int64_t n = INT64_MIN;

	assert_int_equal(json_want_i64(o, key, INT64_MIN, INT64_MAX, &n, NULL),
	    OK);
	assert_int_equal(n, want);
}

static void
check_row(const struct json *rows, unsigned i, const char *name_key,
    const char *name, const char *number_key, int64_t number)
{
	const struct json *row = json_first(rows);

	while (row && i--)
		row = json_next(row);
	assert_non_null(row);
	check_text(row, name_key, name);
	check_number(row, number_key, number);
}

static void
operators_are_told_every_member(void **state)
{
	struct ctl_frame f;
	struct scene s;

	scene_begin(&s, state);
	keep(&s);
	f = ask_why(&s, &s.admin);
	assert_int_equal(json_count(json_at(f.data, "steps")), 6);
	check_text(step_at(&f, 0), "what", "chose");
	check_number(step_at(&f, 0), "at_us", 1);
	check_text(step_at(&f, 0), "account", "acc-1");
	check_text(step_at(&f, 0), "bond", "new");
	check_text(step_at(&f, 0), "tier", "pool");
	check_text(step_at(&f, 0), "strategy", "lru");
	check_row(json_at(step_at(&f, 0), "fell"), 0, "sieve", "held", "count",
	    2);
	check_row(json_at(step_at(&f, 0), "fell"), 1, "sieve", "gated", "count",
	    1);
	check_row(json_at(step_at(&f, 0), "best"), 0, "account", "acc-1",
	    "rank", -12);
	check_row(json_at(step_at(&f, 0), "best"), 1, "account", "acc-2",
	    "priority", 50);
	check_text(step_at(&f, 1), "what", "tried");
	check_text(step_at(&f, 1), "account", "acc-1");
	check_text(step_at(&f, 1), "outcome", "error_status");
	check_text(step_at(&f, 1), "error", "429 slow");
	check_number(step_at(&f, 1), "status", 429);
	check_number(step_at(&f, 1), "connect_us", 4);
	check_number(step_at(&f, 1), "head_us", 5);
	check_number(step_at(&f, 1), "took_us", 6);
	check_text(step_at(&f, 2), "what", "judged");
	check_text(step_at(&f, 2), "rule", "rate");
	check_text(step_at(&f, 2), "reason", "rate limited");
	check_text(step_at(&f, 2), "next", "other");
	check_text(step_at(&f, 2), "sample", "slow down");
	check_number(step_at(&f, 2), "status", 429);
	check_number(step_at(&f, 2), "took_us", 5000000);
	check_text(step_at(&f, 3), "account", "acc-2");
	check_text(step_at(&f, 4), "what", "answered");
	check_text(step_at(&f, 5), "what", "ended");
	check_number(step_at(&f, 5), "lost", 3);
	check_text(json_at(f.data, "receipt"), "account", "acc-2");
	ctl_frame_fini(&f);
	scene_end(&s);
}

static void
those_who_look_are_told_all_but_what_providers_said(void **state)
{
	struct client view;
	struct ctl_frame f;
	struct scene s;

	scene_begin(&s, state);
	keep(&s);
	client_adopt(&view, s.h, CTL_VIEW);
	f = ask_why(&s, &view);
	check_text(step_at(&f, 2), "rule", "rate");
	assert_null(json_at(step_at(&f, 2), "sample"));
	check_text(step_at(&f, 1), "error", "429 slow");
	ctl_frame_fini(&f);
	client_fini(&view);
	scene_end(&s);
}

/* Neither an account nor a rule nor a candidate, in any member. */
static void
people_are_told_of_their_own_without_accounts(void **state)
{
	static const char *const hidden[] = { "acc-1", "acc-2", "slow", "rate",
		"gated", "lru" };
	struct client mine, hers;
	struct ctl_frame f;
	struct json_out j;
	struct buf text;
	struct scene s;

	scene_begin(&s, state);
	keep(&s);
	client_adopt(&mine, s.h, CTL_SELF);
	client_adopt_as(&hers, s.h, CTL_SELF, 4712);
	f = ask_why(&s, &mine);
	assert_int_equal(json_count(json_at(f.data, "steps")), 6);
	check_text(step_at(&f, 2), "next", "other");
	buf_init(&text, 64 * 1024);
	json_begin(&j, &text);
	json_put_tree(&j, json_at(f.data, "steps"));
	assert_int_equal(json_end(&j), OK);
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (str_find(buf_str(&text), str_of(hidden[i])) >= 0)
			fail_msg("%s in %.*s", hidden[i],
			    STR_ARG(buf_str(&text)));
	check_text(json_at(f.data, "receipt"), "account", "");
	assert_int_equal(json_count(json_at(json_at(f.data, "receipt"),
			     "attempts")),
	    0);
	buf_fini(&text);
	ctl_frame_fini(&f);
	asked_badly(&hers, "why", s.params, ERR_UNKNOWN);
	client_fini(&mine);
	client_fini(&hers);
	scene_end(&s);
}

static void
without_a_story_the_receipt_tells(void **state)
{
	struct ctl_frame f;
	struct scene s;
	bool kept = true;

	scene_begin(&s, state);
	assert_int_equal(ledger_done(s.h->d.ledger, &s.id, &s.rec), OK);
	f = ask_why(&s, &s.admin);
	assert_int_equal(json_want_bool(f.data, "kept", &kept, NULL), OK);
	assert_false(kept);
	assert_int_equal(json_count(json_at(f.data, "steps")), 3);
	ctl_frame_fini(&f);
	asked_badly(&s.admin, "why", "{\"request\":\"me\"}", ERR_VALUE);
	asked_badly(&s.admin, "why",
	    "{\"request\":\"req_00000000000000000000000000\"}", ERR_UNKNOWN);
	scene_end(&s);
}

int
main(void)
{
#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
	const struct CMUnitTest tests[] = {
		T(operators_are_told_every_member),
		T(those_who_look_are_told_all_but_what_providers_said),
		T(people_are_told_of_their_own_without_accounts),
		T(without_a_story_the_receipt_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
