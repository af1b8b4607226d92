/* SPDX-License-Identifier: MIT */
/* test_renew.c - renewals under a clock and a provider of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/renew.h"
#include "tests/support/relaybox.h"

#define MINUTE 60000LL
#define NOW    (1000000LL * MINUTE)
#define LIFE   (480 * MINUTE)

/* The provider, and the clock. */
struct world {
	struct relaybox *b;
	int64_t now;
	unsigned asked, cancelled;
	char url[256], body[1024];
	fetch_done *done;
	void *done_arg;
	char log[8192];
};

static int64_t
world_wall_ms(void *arg)
{
	const struct world *w = arg;

	return w->now;
}

/* Never looked into: it stands for the call under way. */
static char call_under_way;

static struct fetch *
world_fetch(void *arg, const struct fetch_ask *ask, fetch_done *done,
    void *done_arg)
{
	struct world *w = arg;

	w->asked++;
	snprintf(w->url, sizeof(w->url), "%s", ask->url);
	snprintf(w->body, sizeof(w->body), "%.*s", STR_ARG(ask->body));
	w->done = done;
	w->done_arg = done_arg;
	return (struct fetch *)(void *)&call_under_way;
}

static void
world_cancel(void *arg, struct fetch *f)
{
	struct world *w = arg;

	assert_ptr_equal(f, &call_under_way);
	w->cancelled++;
	w->done = NULL;
}

static void
on_line(void *arg, enum log_level level, struct str line)
{
	struct world *w = arg;
	size_t len = strlen(w->log);

	(void)level;
	snprintf(w->log + len, sizeof(w->log) - len, "%.*s\n", STR_ARG(line));
}

static int
setup(void **state)
{
	static struct world w;
	struct renew_world world = { .wall_ms = world_wall_ms,
		.fetch = world_fetch,
		.cancel = world_cancel,
		.arg = &w,
		.pause_ms = 1 };

	w = (struct world){ .now = NOW };
	w.b = relaybox_new("");
	relaybox_reset(w.b);
	renewals_new(&w.b->d, &world, &w.b->d.renewals);
	log_capture(on_line, &w);
	*state = &w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	struct renewals *all = w->b->d.renewals;

	/* Whatever happened: no token was told. */
	assert_null(strstr(w->log, "token-"));
	log_capture(NULL, NULL);
	renewals_stop(all);
	relaybox_turn(w->b);
	w->b->d.renewals = NULL;
	relaybox_free(w->b);
	renewals_free(all);
	return 0;
}

/* --- helps ------------------------------------------------------------------------ */

static void
turns_until(struct world *w, const bool *flag)
{
	for (int i = 0; i < RELAYBOX_PATIENCE && !*flag; i++)
		relaybox_turn(w->b);
	assert_true(*flag);
}

static void
turns_until_asked(struct world *w, unsigned times)
{
	for (int i = 0; i < RELAYBOX_PATIENCE && w->asked < times; i++)
		relaybox_turn(w->b);
	assert_int_equal(w->asked, times);
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct account *a)
{
	(void)why;
	(void)a;
	assert_int_equal(e, OK);
	*(bool *)arg = true;
}

static struct account *
account(struct world *w)
{
	return pool_find(&w->b->pool, STR("c"));
}

/* Somebody signs in to the account "c". */
static void
sign_in(struct world *w, const char *access, const char *refresh, bool again)
{
	struct account_secrets secrets = { .credential = str_of(access),
		.refresh_token = str_of(refresh),
		.signed_in = true };
	struct account_rec r;
	bool done = false;

	account_rec_init(&r);
	r.name = STR("c");
	r.kind = STR("claude-oauth");
	r.auth_url = STR("http://auth.example");
	r.renewed_at = (uint64_t)w->now;
	r.expires_at = (uint64_t)(w->now + LIFE);
	r.scopes = STR("user:inference");
	account_save(&w->b->pool, &r, &secrets, again, 0, NULL, on_saved,
	    &done);
	turns_until(w, &done);
}

/* What the provider says to the call under way. */
static void
answer(struct world *w, enum err e, unsigned status, const char *body)
{
	struct fetch_result r = {
		.e = e, .status = status, .body = str_of(body), .connect_us = 1
	};
	fetch_done *done = w->done;

	assert_non_null(done);
	w->done = NULL;
	done(w->done_arg, &r);
}

#define NEW_TOKENS                                                             \
	"{\"access_token\":\"token-a2\",\"refresh_token\":\"token-r2\","       \
	"\"expires_in\":28800}"
#define REFUSED                                                                \
	"{\"error\":\"invalid_grant\",\"error_description\":"                  \
	"\"of \\u001b[1m no use\"}"

struct ended {
	struct renew_wait wait;
	bool done;
	enum err e;
};

static void
on_ended(void *arg, enum err e, const struct why *why)
{
	struct ended *d = arg;

	(void)why;
	d->done = true;
	d->e = e;
}

static void
join(struct world *w, struct ended *d)
{
	*d = (struct ended){ .wait = { .done = on_ended, .arg = d } };
	renew_join(w->b->d.renewals, account(w), &d->wait);
}

static enum err
read_note(struct txn *t, void *arg, struct why *out_why)
{
	struct str note;
	enum err e = txn_get(t, TABLE_renewal, STR("c"), &note);

	(void)out_why;
	*(bool *)arg = e == OK;
	return e == ERR_UNKNOWN ? OK : e;
}

static bool
has_note(struct world *w)
{
	bool has = false;

	assert_int_equal(storebox_run(&w->b->box, LANE_WRITE, read_note, &has,
			     NULL),
	    OK);
	return has;
}

/* --- when -------------------------------------------------------------------------- */

static void
a_token_is_renewed_when_the_clock_says_so(void **state)
{
	struct world *w = *state;
	struct renewals *all = w->b->d.renewals;
	int64_t due;

	sign_in(w, "token-a1", "token-r1", false);
	due = oauth_renew_at(STR("c"), NOW, NOW + LIFE);
	w->now = due - 1;
	renewals_look(all);
	for (int i = 0; i < 5; i++)
		relaybox_turn(w->b);
	assert_int_equal(w->asked, 0);
	w->now = due;
	renewals_look(all);
	turns_until_asked(w, 1);
	assert_string_equal(w->url, "http://auth.example/v1/oauth/token");
	assert_non_null(strstr(w->body, "\"token-r1\""));
	/* The intent was on disk before anything was asked. */
	assert_true(has_note(w));
	/* The old token serves meanwhile. */
	assert_true(str_eq(account(w)->credential, STR("token-a1")));
	answer(w, OK, 200, NEW_TOKENS);
	while (str_eq(account(w)->credential, STR("token-a1")))
		relaybox_turn(w->b);
	assert_true(str_eq(account(w)->credential, STR("token-a2")));
	assert_int_equal(account(w)->rec.expires_at, w->now + 28800000);
	assert_int_equal(account(w)->rec.renewed_at, w->now);
	/* What the answer did not tell stays. */
	assert_true(str_eq(account(w)->rec.scopes, STR("user:inference")));
	assert_false(has_note(w));
	/* The next one has the new refresh token. */
	w->now += LIFE;
	renewals_look(all);
	turns_until_asked(w, 2);
	assert_non_null(strstr(w->body, "\"token-r2\""));
}

static void
a_clock_that_jumps_back_renews_nothing(void **state)
{
	struct world *w = *state;

	sign_in(w, "token-a1", "token-r1", false);
	w->now -= 365 * 1440 * MINUTE;
	renewals_look(w->b->d.renewals);
	for (int i = 0; i < 5; i++)
		relaybox_turn(w->b);
	assert_int_equal(w->asked, 0);
	assert_false(renew_is_needed(w->b->d.renewals, account(w)));
	w->now = NOW + LIFE;
	assert_true(renew_is_needed(w->b->d.renewals, account(w)));
}

static void
all_who_wait_share_one_renewal(void **state)
{
	struct world *w = *state;
	struct ended d[5];

	sign_in(w, "token-a1", "token-r1", false);
	for (size_t i = 0; i < 4; i++)
		join(w, &d[i]);
	/* Also those who come while it is under way, but not who left. */
	turns_until_asked(w, 1);
	join(w, &d[4]);
	renew_leave(&d[0].wait);
	answer(w, OK, 200, NEW_TOKENS);
	for (size_t i = 1; i < 5; i++) {
		turns_until(w, &d[i].done);
		assert_int_equal(d[i].e, OK);
	}
	assert_false(d[0].done);
	assert_int_equal(w->asked, 1);
}

/* --- trouble ------------------------------------------------------------------------- */

static void
trouble_is_waited_out_longer_and_longer(void **state)
{
	static const struct {
		enum err e;
		unsigned status;
	} troubles[] = { { ERR_IO, 0 }, { OK, 500 }, { OK, 429 },
		{ ERR_TIMEOUT, 0 } };
	struct world *w = *state;
	struct renewals *all = w->b->d.renewals;
	int64_t wait_ms = 5000;

	sign_in(w, "token-a1", "token-r1", false);
	w->now = NOW + LIFE - MINUTE;
	renewals_look(all);
	for (unsigned i = 0; i < 4; i++) {
		turns_until_asked(w, i + 1);
		answer(w, troubles[i].e, troubles[i].status, "");
		while (account(w)->renew_failures <= i)
			relaybox_turn(w->b);
		/* Not held, and the old token is still there. */
		assert_false(account(w)->rec.held);
		assert_true(str_eq(account(w)->credential, STR("token-a1")));
		w->now += wait_ms - 1;
		renewals_look(all);
		for (int n = 0; n < 3; n++)
			relaybox_turn(w->b);
		assert_int_equal(w->asked, i + 1);
		w->now += 1;
		renewals_look(all);
		wait_ms *= 2;
	}
	turns_until_asked(w, 5);
	answer(w, OK, 200, NEW_TOKENS);
	while (account(w)->renew_failures)
		relaybox_turn(w->b);
}

static void
a_refusal_is_believed_the_second_time(void **state)
{
	struct world *w = *state;
	struct ended d;

	sign_in(w, "token-a1", "token-r1", false);
	join(w, &d);
	turns_until_asked(w, 1);
	answer(w, OK, 400, REFUSED);
	turns_until_asked(w, 2);
	assert_false(account(w)->rec.held);
	answer(w, OK, 400, REFUSED);
	turns_until(w, &d.done);
	assert_int_equal(d.e, ERR_DENIED);
	assert_true(account(w)->rec.held);
	assert_true(account_is_signed_out(&account(w)->rec));
	assert_true(str_find(account(w)->rec.held_reason,
			STR("account reauth c (400 invalid_grant: of "
			    "?[1m no use)")) > 0);
	assert_non_null(strstr(w->log, "invalid_grant: of ?[1m no use"));
	assert_true(str_find(account(w)->rec.held_reason, STR("lost")) < 0);
	assert_false(has_note(w));
	/* It is left alone from then on. */
	w->now += 2 * LIFE;
	renewals_look(w->b->d.renewals);
	for (int i = 0; i < 5; i++)
		relaybox_turn(w->b);
	assert_int_equal(w->asked, 2);
}

/* Of the client, say, or by something that stands in front of the provider. */
static void
another_refusal_is_believed_when_it_lasts(void **state)
{
	struct world *w = *state;
	struct ended d;
	unsigned n = 0;

	sign_in(w, "token-a1", "token-r1", false);
	for (; n < 5; n++) {
		join(w, &d);
		turns_until_asked(w, n + 1);
		answer(w, OK, 401, "{\"error\":\"invalid_client\"}");
		turns_until(w, &d.done);
		assert_int_equal(d.e, ERR_AGAIN);
		assert_false(account(w)->rec.held);
		w->now += 2 * MINUTE;
	}
	join(w, &d);
	turns_until_asked(w, n + 1);
	answer(w, OK, 401, "{\"error\":\"invalid_client\"}");
	turns_until(w, &d.done);
	assert_int_equal(d.e, ERR_DENIED);
	assert_true(account_is_signed_out(&account(w)->rec));
	assert_true(str_find(account(w)->rec.held_reason,
			STR("(401 invalid_client)")) > 0);
	assert_false(has_note(w));
}

static void
a_refusal_once_is_nothing(void **state)
{
	struct world *w = *state;
	struct ended d;

	sign_in(w, "token-a1", "token-r1", false);
	join(w, &d);
	turns_until_asked(w, 1);
	answer(w, OK, 400, REFUSED);
	turns_until_asked(w, 2);
	answer(w, OK, 200, NEW_TOKENS);
	turns_until(w, &d.done);
	assert_int_equal(d.e, OK);
	assert_false(account(w)->rec.held);
}

/* Between the two tries it is read again what is stored. */
static void
who_signs_in_meanwhile_wins(void **state)
{
	struct world *w = *state;
	struct ended d;

	sign_in(w, "token-a1", "token-r1", false);
	join(w, &d);
	turns_until_asked(w, 1);
	sign_in(w, "token-a3", "token-r3", true);
	answer(w, OK, 400, REFUSED);
	turns_until(w, &d.done);
	assert_int_equal(d.e, OK);
	assert_int_equal(w->asked, 1);
	assert_false(account(w)->rec.held);
	assert_true(str_eq(account(w)->credential, STR("token-a3")));
	/* And an answer that comes too late changes nothing. */
	join(w, &d);
	turns_until_asked(w, 2);
	sign_in(w, "token-a4", "token-r4", true);
	answer(w, OK, 200, NEW_TOKENS);
	turns_until(w, &d.done);
	assert_true(str_eq(account(w)->credential, STR("token-a4")));
}

static void
an_answer_that_was_lost_is_named_when_it_shows(void **state)
{
	struct world *w = *state;
	struct ended d;

	sign_in(w, "token-a1", "token-r1", false);
	join(w, &d);
	turns_until_asked(w, 1);
	/* It was heard, and nobody knows what came of it. */
	answer(w, ERR_TIMEOUT, 0, "");
	turns_until(w, &d.done);
	assert_int_equal(d.e, ERR_AGAIN);
	assert_true(has_note(w));
	join(w, &d);
	turns_until_asked(w, 2);
	answer(w, OK, 400, REFUSED);
	turns_until_asked(w, 3);
	answer(w, OK, 400, REFUSED);
	turns_until(w, &d.done);
	assert_true(str_find(account(w)->rec.held_reason, STR("lost")) > 0);
}

static void
fields_changed_meanwhile_keep_the_tokens(void **state)
{
	struct world *w = *state;
	struct account_rec r;
	struct ended d;
	bool done = false;

	sign_in(w, "token-a1", "token-r1", false);
	join(w, &d);
	turns_until_asked(w, 1);
	/* Drafted before, stored after the new tokens. */
	r = account(w)->rec;
	r.priority = 7;
	answer(w, OK, 200, NEW_TOKENS);
	account_save(&w->b->pool, &r, NULL, true, 0, NULL, on_saved, &done);
	turns_until(w, &done);
	turns_until(w, &d.done);
	assert_int_equal(account(w)->rec.priority, 7);
	assert_int_equal(account(w)->rec.expires_at, w->now + 28800000);
	assert_true(str_eq(account(w)->credential, STR("token-a2")));
}

static void
who_waits_when_relayd_stops_is_told(void **state)
{
	struct world *w = *state;
	struct ended d;

	sign_in(w, "token-a1", "token-r1", false);
	join(w, &d);
	turns_until_asked(w, 1);
	renewals_stop(w->b->d.renewals);
	assert_true(d.done);
	assert_int_equal(d.e, ERR_CLOSED);
	assert_int_equal(w->cancelled, 1);
}

static void
an_account_that_is_removed_ends_its_renewal(void **state)
{
	struct world *w = *state;
	bool removed = false;
	struct ended d;

	sign_in(w, "token-a1", "token-r1", false);
	join(w, &d);
	turns_until_asked(w, 1);
	account_delete(&w->b->pool, STR("c"), 0, NULL, on_saved, &removed);
	turns_until(w, &removed);
	answer(w, OK, 200, NEW_TOKENS);
	turns_until(w, &d.done);
	assert_int_equal(d.e, ERR_UNKNOWN);
	assert_false(has_note(w));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_token_is_renewed_when_the_clock_says_so),
		CASE(a_clock_that_jumps_back_renews_nothing),
		CASE(all_who_wait_share_one_renewal),
		CASE(trouble_is_waited_out_longer_and_longer),
		CASE(a_refusal_is_believed_the_second_time),
		CASE(another_refusal_is_believed_when_it_lasts),
		CASE(a_refusal_once_is_nothing),
		CASE(who_signs_in_meanwhile_wins),
		CASE(an_answer_that_was_lost_is_named_when_it_shows),
		CASE(fields_changed_meanwhile_keep_the_tokens),
		CASE(who_waits_when_relayd_stops_is_told),
		CASE(an_account_that_is_removed_ends_its_renewal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
