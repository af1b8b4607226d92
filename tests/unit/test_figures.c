/* SPDX-License-Identifier: MIT */
/* test_figures.c - many ask, the store is asked once: what is kept, who is
 * told, and who may leave when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "relayd/budget.h"
#include "relayd/figures.h"
#include "relayd/loop.h"
#include "tests/support/relaybox.h"

#define KEY STR("kbox00001")

/* One who asks, and what was said. */
struct asker {
	struct figures_wait wait;
	unsigned told;
	enum err e;
};

static int
setup(void **state)
{
	*state = relaybox_new("");
	return 0;
}

static int
teardown(void **state)
{
	relaybox_free(*state);
	return 0;
}

static void
on_told(void *arg, enum err e)
{
	struct asker *a = arg;

	a->told++;
	a->e = e;
}

static enum err
ask(struct relaybox *b, struct asker *a, struct str id)
{
	*a = (struct asker){ .wait = { .done = on_told, .arg = a } };
	return figures_ask(b->d.figures, id, &a->wait);
}

static void
wait_told(struct relaybox *b, const struct asker *a)
{
	for (int i = 0; i < RELAYBOX_PATIENCE && !a->told; i++)
		relaybox_turn(b);
	assert_int_equal(a->told, 1);
}

/* Nothing is kept any more: the next to ask is the first. */
static void
forget(struct relaybox *b)
{
	for (int i = 0; i < RELAYBOX_PATIENCE; i++) {
		if (!figures_kept(b->d.figures))
			return;
		relaybox_turn(b);
	}
	fail_msg("%zu keys are kept", figures_kept(b->d.figures));
}

static void
who_asks_together_is_answered_together(void **state)
{
	struct relaybox *b = *state;
	uint64_t before = figures_questions(b->d.figures);
	uint64_t once;
	struct asker all[50];

	assert_int_equal(ask(b, &all[0], KEY), ERR_AGAIN);
	wait_told(b, &all[0]);
	once = figures_questions(b->d.figures) - before;
	assert_int_equal(once, FIGURES_QUESTIONS);
	figures_leave(&all[0].wait);
	forget(b);
	before = figures_questions(b->d.figures);
	relaybox_hold_store(b, true);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(ask(b, &all[i], KEY), ERR_AGAIN);
		relaybox_turn(b);
	}
	relaybox_hold_store(b, false);
	for (int i = 0; i < 50; i++) {
		wait_told(b, &all[i]);
		assert_int_equal(all[i].e, OK);
		figures_leave(&all[i].wait);
	}
	assert_int_equal(figures_questions(b->d.figures) - before, once);
}

static void
what_is_fresh_is_told_at_once_and_later_forgotten(void **state)
{
	struct relaybox *b = *state;
	struct asker a, c;
	uint64_t asked;

	forget(b);
	assert_int_equal(ask(b, &a, KEY), ERR_AGAIN);
	wait_told(b, &a);
	asked = figures_questions(b->d.figures);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(ask(b, &c, KEY), OK);
		assert_ptr_equal(figures_of(&c.wait), figures_of(&a.wait));
		figures_leave(&c.wait);
	}
	assert_int_equal(figures_questions(b->d.figures), asked);
	/* While somebody reads it, it stays. */
	while (ask(b, &c, KEY) == OK) {
		figures_leave(&c.wait);
		relaybox_turn(b);
	}
	assert_int_equal(figures_kept(b->d.figures), 1);
	wait_told(b, &c);
	figures_leave(&c.wait);
	figures_leave(&a.wait);
	forget(b);
}

static void
who_leaves_is_not_told(void **state)
{
	struct relaybox *b = *state;
	struct asker gone, stays;

	forget(b);
	relaybox_hold_store(b, true);
	assert_int_equal(ask(b, &gone, KEY), ERR_AGAIN);
	assert_int_equal(ask(b, &stays, KEY), ERR_AGAIN);
	figures_leave(&gone.wait);
	figures_leave(&gone.wait);
	relaybox_hold_store(b, false);
	wait_told(b, &stays);
	assert_int_equal(gone.told, 0);
	figures_leave(&stays.wait);
	/* All may leave while it is under way. */
	forget(b);
	assert_int_equal(ask(b, &gone, KEY), ERR_AGAIN);
	figures_leave(&gone.wait);
	forget(b);
	assert_int_equal(gone.told, 0);
}

static void
the_store_is_asked_about_few_keys_at_once(void **state)
{
	struct relaybox *b = *state;
	uint64_t before;
	struct asker all[FIGURES_KEYS_MAX], more;
	char id[16];

	forget(b);
	before = figures_questions(b->d.figures);
	relaybox_hold_store(b, true);
	for (unsigned i = 0; i < FIGURES_KEYS_MAX; i++) {
		snprintf(id, sizeof(id), "k%08u", i);
		assert_int_equal(ask(b, &all[i], str_of(id)), ERR_AGAIN);
	}
	assert_int_equal(figures_questions(b->d.figures) - before,
	    FIGURES_BUSY_MAX);
	assert_int_equal(ask(b, &more, STR("kmore")), ERR_FULL);
	figures_leave(&more.wait);
	/* Half of them go, and are not asked about. */
	for (unsigned i = 0; i < FIGURES_KEYS_MAX; i += 2)
		figures_leave(&all[i].wait);
	relaybox_hold_store(b, false);
	for (unsigned i = 1; i < FIGURES_KEYS_MAX; i += 2) {
		wait_told(b, &all[i]);
		figures_leave(&all[i].wait);
	}
	assert_true(figures_questions(b->d.figures) - before <
	    FIGURES_QUESTIONS * (FIGURES_KEYS_MAX / 2 + FIGURES_BUSY_MAX));
	forget(b);
}

static void
an_id_that_is_none_has_no_figures(void **state)
{
	struct relaybox *b = *state;
	struct asker a;

	assert_int_equal(ask(b, &a, STR("k23456789012345678")), ERR_FULL);
	figures_leave(&a.wait);
	assert_int_equal(figures_kept(b->d.figures), 0);
}

/* --- over HTTP: the state ASKING ------------------------------------------- */

static const struct relay *
the_relay(const struct relaybox *b)
{
	return TAILQ_FIRST(&b->d.relays->live);
}

static void
say_stats(struct boxclient *c)
{
	char text[256];

	snprintf(text, sizeof(text),
	    "GET /stats HTTP/1.1\r\nHost: box\r\nx-api-key: %s\r\n\r\n",
	    c->b->key);
	boxclient_say(c, str_of(text));
}

static void
wait_asking(struct relaybox *b)
{
	for (int i = 0; i < RELAYBOX_PATIENCE; i++) {
		const struct relay *r = the_relay(b);

		if (r && r->state == R_ASKING)
			return;
		relaybox_turn(b);
	}
	fail_msg("it is never asking");
}

static void
at_rest(struct relaybox *b)
{
	const struct counters *n = &b->d.counters;

	for (int i = 0; i < RELAYBOX_PATIENCE; i++) {
		if (!n->requests_now && !n->connections_now)
			break;
		relaybox_turn(b);
	}
	assert_int_equal(n->requests_now, 0);
	assert_int_equal(b->d.relays->count, 0);
	assert_int_equal(keyring_id(&b->keys, KEY)->users, 0);
	assert_int_equal(keyring_id(&b->keys, KEY)->in_flight, 0);
	assert_int_equal(b->receipts_count, 0);
}

enum ends {
	ANSWERED,
	LEFT,
	STOPPED,
	LATE
};

static void
a_question_ends_in_one_way(void **state)
{
	static const unsigned statuses[] = {
		[ANSWERED] = 200, [LEFT] = 0, [STOPPED] = 503, [LATE] = 503
	};
	struct relaybox *b = *state;

	for (enum ends end = ANSWERED; end <= LATE; end++) {
		struct boxclient c;

		relaybox_reset(b);
		forget(b);
		relaybox_hold_store(b, true);
		boxclient_init(&c, b);
		say_stats(&c);
		wait_asking(b);
		/* It asks on behalf of the key, but does not use it. */
		assert_int_equal(keyring_id(&b->keys, KEY)->users, 1);
		assert_int_equal(keyring_id(&b->keys, KEY)->in_flight, 0);
		if (end == LEFT)
			boxclient_leave(&c);
		if (end == STOPPED)
			relays_stop(b->d.relays);
		if (end == LATE)
			relaybox_hurry(b, R_ASKING);
		if (end == ANSWERED)
			relaybox_hold_store(b, false);
		if (end != LEFT)
			boxclient_wait(&c);
		assert_int_equal(c.status, statuses[end]);
		boxclient_leave(&c);
		at_rest(b);
		if (end != ANSWERED)
			relaybox_hold_store(b, false);
		boxclient_fini(&c);
	}
	forget(b);
}

/* --- a store that cannot be read ------------------------------------------- */

struct spoil {
	struct job job;
	bool bad, done;
};

/* A sum of today that is none, and away with it. */
static enum err
spoil_work(struct job *j, struct txn *t, struct why *out_why)
{
	const struct spoil *s = (const struct spoil *)j;
	uint32_t minute = minute_of_ms(clock_wall_ms());
	struct rollup_key k = rollup_key_of(PERIOD_DAY,
	    minute - minute % (24 * 60), DIMENSION_KEY, KEY, STR(""));
	struct str key = str_at(k.bytes, k.len);

	(void)out_why;
	return s->bad ? txn_put(t, TABLE_rollup, key, STR("\xff"))
		      : txn_del(t, TABLE_rollup, key);
}

static void
spoil_done(struct job *j)
{
	assert_int_equal(j->result, OK);
	((struct spoil *)j)->done = true;
}

static void
spoil(struct relaybox *b, bool bad)
{
	struct spoil s = { .job = { .work = spoil_work, .done = spoil_done },
		.bad = bad };

	store_post(b->d.store, LANE_WRITE, &s.job);
	for (int i = 0; i < RELAYBOX_PATIENCE && !s.done; i++)
		relaybox_turn(b);
	assert_true(s.done);
}

static void
what_cannot_be_read_is_said_and_asked_for_again(void **state)
{
	static const unsigned statuses[] = { 503, 503, 200 };
	struct relaybox *b = *state;

	relaybox_reset(b);
	forget(b);
	spoil(b, true);
	for (size_t i = 0; i < 3; i++) {
		struct boxclient c;

		if (i == 2)
			spoil(b, false);
		boxclient_init(&c, b);
		say_stats(&c);
		boxclient_wait(&c);
		assert_int_equal(c.status, statuses[i]);
		assert_true(c.status == 200 ||
		    strstr(buf_cstr(&c.body), "try again"));
		boxclient_fini(&c);
		at_rest(b);
	}
}

/* --- limits ---------------------------------------------------------------- */

static void
on_saved(void *arg, enum err e, const struct why *why, struct budget *b)
{
	(void)b;
	if (e)
		fail_msg("%s: %s", why->field, why->text);
	*(bool *)arg = true;
}

static void
add_budget(struct relaybox *b, const struct budget_rec *r)
{
	bool done = false;

	budget_save(b->d.budgets, r, 0, false, 0, NULL, on_saved, &done);
	for (int i = 0; i < RELAYBOX_PATIENCE && !done; i++)
		relaybox_turn(b);
	assert_true(done);
}

static void
the_limits_of_the_key_are_told_and_those_of_others_are_not(void **state)
{
	const struct budget_rec recs[] = {
		{ .id = STR("bmine0001"),
		    .scope = STR("key"),
		    .subject = KEY,
		    .unit = STR("cost_rated"),
		    .window = STR("day"),
		    .amount = 20000000,
		    .action = STR("deny") },
		{ .id = STR("ball00001"),
		    .scope = STR("all"),
		    .unit = STR("requests"),
		    .window = STR("5h"),
		    .amount = 771177,
		    .action = STR("deny") },
		{ .id = STR("bwarn0001"),
		    .scope = STR("key"),
		    .subject = KEY,
		    .unit = STR("tokens"),
		    .window = STR("life"),
		    .amount = 882288,
		    .action = STR("warn") },
		{ .id = STR("bother001"),
		    .scope = STR("key"),
		    .subject = STR("kother001"),
		    .unit = STR("tokens"),
		    .window = STR("month"),
		    .amount = 993399,
		    .action = STR("deny") },
	};
	struct relaybox *b = *state;
	struct boxclient c;
	const char *said;

	for (size_t i = 0; i < sizeof(recs) / sizeof(recs[0]); i++)
		add_budget(b, &recs[i]);
	boxclient_init(&c, b);
	say_stats(&c);
	boxclient_wait(&c);
	assert_int_equal(c.status, 200);
	said = buf_cstr(&c.body);
	assert_non_null(strstr(said,
	    "day                  usd    $0.0000     "
	    "$20.00     $20.00"));
	assert_non_null(strstr(said,
	    "5h              requests              "
	    "             shared"));
	assert_null(strstr(said, "771"));
	assert_null(strstr(said, "882"));
	assert_null(strstr(said, "993"));
	assert_null(strstr(said, "life"));
	assert_null(strstr(said, "\nmonth"));
	boxclient_fini(&c);
	at_rest(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asks_together_is_answered_together),
		cmocka_unit_test(
		    what_is_fresh_is_told_at_once_and_later_forgotten),
		cmocka_unit_test(who_leaves_is_not_told),
		cmocka_unit_test(the_store_is_asked_about_few_keys_at_once),
		cmocka_unit_test(an_id_that_is_none_has_no_figures),
		cmocka_unit_test(a_question_ends_in_one_way),
		cmocka_unit_test(
		    what_cannot_be_read_is_said_and_asked_for_again),
		cmocka_unit_test(
		    the_limits_of_the_key_are_told_and_those_of_others_are_not),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
