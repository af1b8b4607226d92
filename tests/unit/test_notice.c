/* SPDX-License-Identifier: MIT */
/* test_notice.c - what is raised, and the channels it is for: saving them,
 * their secrets, what they want. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/log.h"
#include "relayd/notices.h"
#include "tests/support/relaybox.h"

#define LINES_MAX 64

struct bench {
	struct relaybox *box;
	struct notices *n;
	/* Of the log, that are notices of accounts, or of invented models. */
	char lines[LINES_MAX][1024];
	unsigned count;
};

static void
see(void *arg, enum log_level level, struct str line)
{
	struct bench *b = arg;

	(void)level;
	if ((str_starts(line, STR("notice event=account_")) ||
		str_starts(line, STR("notice event=window_")) ||
		str_starts(line,
		    STR("notice event=model_unpriced object=invented-"))) &&
	    b->count < LINES_MAX)
		snprintf(b->lines[b->count++], sizeof(b->lines[0]), "%.*s",
		    STR_ARG(str_skip(line, 13)));
}

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->box = relaybox_new("");
	relaybox_reset(b->box);
	b->n = notices_new(b->box->d.loop, &b->box->d.settings);
	b->n->store = b->box->box.s;
	channels_init(&b->n->channels, b->box->box.s);
	b->box->d.notices = b->n;
	log_set_level(LOG_INFO);
	log_capture(see, b);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	log_capture(NULL, NULL);
	notices_stop(b->n);
	b->box->d.notices = NULL;
	for (int i = 0; i < 20; i++)
		relaybox_turn(b->box);
	notices_free(b->n);
	relaybox_free(b->box);
	free(b);
	return 0;
}

/* --- raising --------------------------------------------------------------- */

static void
nobody_is_told_when_there_are_no_notices(void **state)
{
	(void)state;
	assert_false(notice_raise(NULL, NOTICE_start, STR(""), "%d", 1));
}

static void
what_is_raised_is_harmless_and_bounded(void **state)
{
	struct bench *b = *state;
	char name[4 * NOTICE_OBJECT_MAX];

	memset(name, 'x', sizeof(name));
	name[0] = '\n';
	name[1] = '\033';
	assert_true(notice_raise(b->n, NOTICE_account_limited,
	    str_at(name, sizeof(name)), "%s", "a\r\nb\x1b[2J"));
	assert_int_equal(b->count, 1);
	assert_non_null(strstr(b->lines[0], "text=\"a  b[2J\""));
	assert_true(strlen(b->lines[0]) < NOTICE_OBJECT_MAX + 60);
}

static void
the_same_is_counted_until_the_setting_says(void **state)
{
	struct bench *b = *state;

	assert_true(notice_raise(b->n, NOTICE_account_limited, STR("a"), "1"));
	assert_false(notice_raise(b->n, NOTICE_account_limited, STR("a"), "2"));
	assert_true(notice_raise(b->n, NOTICE_account_limited, STR("b"), "3"));
	assert_true(notice_raise(b->n, NOTICE_account_blocked, STR("a"), "4"));
	b->box->d.settings.notice_repeat_ms = 0;
	assert_true(notice_raise(b->n, NOTICE_start, STR(""), "5"));
	assert_true(notice_raise(b->n, NOTICE_start, STR(""), "6"));
	assert_int_equal(b->n->raised[NOTICE_account_limited], 2);
	assert_int_equal(b->n->repeats.held_back, 1);
}

static void
of_forty_names_twenty_are_told_and_the_last_says_so(void **state)
{
	struct bench *b = *state;
	char name[32], text[NOTICE_TEXT_MAX];
	unsigned told = 0;

	/* However long it is, the last word has room. */
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 40; i++) {
		unsigned before = b->count;

		snprintf(name, sizeof(name), "invented-%d", i);
		if (!notice_raise(b->n, NOTICE_model_unpriced, str_of(name),
			"%s", text))
			continue;
		told++;
		assert_int_equal(b->count, before + 1);
		assert_int_equal(strstr(b->lines[before],
				     "the others are counted") != NULL,
		    told == REPEAT_BURST);
	}
	assert_int_equal(told, REPEAT_BURST);
	assert_int_equal(b->n->raised[NOTICE_model_unpriced], REPEAT_BURST);
	assert_int_equal(b->n->repeats.held_back, 40 - REPEAT_BURST);
}

/* --- accounts -------------------------------------------------------------- */

static void
ask_once(struct bench *b, unsigned status)
{
	struct boxclient c;

	boxclient_init(&c, b->box);
	boxclient_ask(&c, false);
	boxclient_wait(&c);
	assert_int_equal(c.status, status);
	boxclient_fini(&c);
}

static bool
told(const struct bench *b, unsigned i, const char *how)
{
	return i < b->count && !strncmp(b->lines[i], how, strlen(how));
}

static void
an_account_that_answers_again_is_told_so_once(void **state)
{
	struct bench *b = *state;

	b->box->script[0] = "401 200 200";
	b->box->script[1] = "200";
	ask_once(b, 200);
	assert_true(told(b, 0, "account_blocked object=a "));
	assert_int_equal(b->count, 1);
	/* Time has passed. */
	b->box->a->gates.until_ms[GATE_AUTH] = 0;
	ask_once(b, 200);
	assert_true(told(b, 1, "account_recovered object=a "));
	ask_once(b, 200);
	assert_int_equal(b->count, 2);
}

static void
a_short_wait_is_not_worth_a_word(void **state)
{
	struct bench *b = *state;

	b->box->script[0] = "500 200";
	b->box->script[1] = "200";
	ask_once(b, 200);
	assert_true(b->box->a->gates.strikes[GATE_ERRORS] > 0);
	b->box->a->gates.until_ms[GATE_ERRORS] = 0;
	ask_once(b, 200);
	assert_int_equal(b->count, 0);
}

static const struct {
	int64_t used_ppm, reset_at;
	const char *status;
	bool told;
} runs[] = {
	{ 100000, 1795192000000, "allowed", false },
	{ 899999, 1795192000000, "allowed", false },
	{ 900000, 1795192000000, "allowed", true },
	{ 990000, 1795192000400, "allowed_warning", false },
	{ -1, 1795210000000, "allowed_warning", true },
	{ 1000000, 1795209999999, "rejected", false },
	{ 10000, 1795228000000, "allowed", false },
	{ 0, 1795228000000, "rejected", true },
};

static void
a_window_is_warned_of_once_in_each_run(void **state)
{
	struct bench *b = *state;
	struct window *w = window_of(&b->box->a->windows, STR("5h"));

	b->box->d.settings.notice_repeat_ms = 0;
	b->box->script[0] = "200 200 200 200 200 200 200 200";
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		unsigned before = b->count;

		w->used_ppm = runs[i].used_ppm;
		w->reset_at = runs[i].reset_at;
		snprintf(w->status, sizeof(w->status), "%s", runs[i].status);
		ask_once(b, 200);
		assert_int_equal(b->count - before, runs[i].told);
		if (runs[i].told)
			assert_true(told(b, before,
			    "window_warning object=\"a, 5h\""));
	}
}

/* --- channels -------------------------------------------------------------- */

struct saved {
	bool done;
	enum err e;
	struct channel *channel;
};

static void
on_saved(void *arg, enum err e, const struct why *why, struct channel *c)
{
	struct saved *s = arg;

	(void)why;
	*s = (struct saved){ .done = true, .e = e, .channel = c };
}

static struct saved
wait_saved(struct bench *b, struct saved *s)
{
	for (int i = 0; i < RELAYBOX_PATIENCE && !s->done; i++)
		relaybox_turn(b->box);
	assert_true(s->done);
	return *s;
}

static struct saved
save(struct bench *b, const struct channel_rec *r, const char *secret,
    const char *sign, bool must_exist, uint64_t if_rev)
{
	struct channel_secrets secrets = { .at = {
					       str_of(secret), str_of(sign) } };
	struct saved s = { .done = false };

	channel_save(&b->n->channels, r, &secrets, must_exist, if_rev, NULL,
	    on_saved, &s);
	return wait_saved(b, &s);
}

static struct channel_rec
record(void)
{
	return (struct channel_rec){ .name = STR("ops"),
		.kind = STR("slack"),
		.origin = STR("https://hooks.slack.com") };
}

struct look {
	const char *secret;
	bool found;
};

static enum err
look_work(struct txn *t, void *arg, struct why *out_why)
{
	struct look *l = arg;
	struct str value;
	enum err e = txn_get(t, TABLE_channel, STR("ops"), &value);

	(void)out_why;
	l->found = !e && str_find(value, str_of(l->secret)) >= 0;
	return e;
}

static void
secrets_are_sealed_kept_replaced_and_removed(void **state)
{
	struct bench *b = *state;
	struct look look = { .secret = "canary-4711" };
	struct channel_rec r = record();
	struct saved s;

	s = save(b, &r, "https://h/canary-4711", "canary-4711-sign", false, 0);
	assert_int_equal(s.e, OK);
	assert_true(str_eq(s.channel->secrets[CHANNEL_SECRET],
	    STR("https://h/canary-4711")));
	assert_int_equal(storebox_run(&b->box->box, LANE_READ, look_work, &look,
			     NULL),
	    OK);
	assert_false(look.found);
	r.note = STR("changed");
	s = save(b, &r, NULL, NULL, true, 1);
	assert_int_equal(s.e, OK);
	assert_int_equal(s.channel->rec.rev, 2);
	assert_true(str_eq(s.channel->secrets[CHANNEL_SIGN],
	    STR("canary-4711-sign")));
	s = save(b, &r, "https://h/other", "", true, 2);
	assert_int_equal(s.e, OK);
	assert_true(str_eq(s.channel->secrets[CHANNEL_SECRET],
	    STR("https://h/other")));
	assert_int_equal(s.channel->secrets[CHANNEL_SIGN].len, 0);
}

static void
a_save_that_cannot_be_leaves_all_as_it_was(void **state)
{
	struct bench *b = *state;
	struct channel_rec r = record();
	struct saved s = { .done = false };

	assert_int_equal(save(b, &r, "s", NULL, true, 0).e, ERR_UNKNOWN);
	assert_int_equal(save(b, &r, "s", NULL, false, 0).e, OK);
	assert_int_equal(save(b, &r, "s", NULL, false, 0).e, ERR_EXISTS);
	assert_int_equal(save(b, &r, "s", NULL, true, 7).e, ERR_STALE);
	assert_int_equal(b->n->channels.count, 1);
	channel_delete(&b->n->channels, STR("ops"), 7, NULL, on_saved, &s);
	assert_int_equal(wait_saved(b, &s).e, ERR_STALE);
	s.done = false;
	channel_delete(&b->n->channels, STR("ops"), 1, NULL, on_saved, &s);
	assert_int_equal(wait_saved(b, &s).e, OK);
	assert_int_equal(b->n->channels.count, 0);
	s.done = false;
	channel_delete(&b->n->channels, STR("ops"), 0, NULL, on_saved, &s);
	assert_int_equal(wait_saved(b, &s).e, ERR_UNKNOWN);
}

static const struct {
	const char *events, *severity;
	enum notice_event event;
	bool wants;
} wishes[] = {
	{ "", "", NOTICE_start, true },
	{ "", "warning", NOTICE_start, false },
	{ "", "warning", NOTICE_account_limited, true },
	{ "", "critical", NOTICE_account_limited, false },
	{ "", "critical", NOTICE_store_trouble, true },
	{ "account_*", "", NOTICE_account_held, true },
	{ "account_*", "", NOTICE_start, false },
	{ "stop, *_trouble", "", NOTICE_disk_trouble, true },
	{ "stop, *_trouble", "info", NOTICE_stop, true },
	{ "stop, *_trouble", "warning", NOTICE_stop, false },
};

static void
a_channel_wants_what_its_filters_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		const struct channel c = {
			.rec = { .events = str_of(wishes[i].events),
			    .severity = str_of(wishes[i].severity) }
		};

		assert_int_equal(channel_wants(&c, wishes[i].event),
		    wishes[i].wants);
	}
}

static void
what_is_raised_waits_for_the_channels_that_want_it(void **state)
{
	struct bench *b = *state;
	struct channel_rec r = record();

	assert_int_equal(save(b, &r, "s", NULL, false, 0).e, OK);
	r.name = STR("quiet-one");
	r.severity = STR("critical");
	assert_int_equal(save(b, &r, "s", NULL, false, 0).e, OK);
	notice_raise(b->n, NOTICE_account_held, STR("a"), "by me");
	notice_raise(b->n, NOTICE_store_trouble, STR(""), "oh");
	assert_int_equal(b->n->queue.waiting, 3);
	assert_int_equal(notice_queue_count(&b->n->queue, STR("ops"), false),
	    2);
	/* Nobody tells yet, but the store hears of it. */
	for (int i = 0; i < RELAYBOX_PATIENCE &&
	     (b->n->flush || TAILQ_FIRST(&b->n->queue.dirty));
	     i++)
		relaybox_turn(b->box);
	assert_null(b->n->flush);
	assert_null(TAILQ_FIRST(&b->n->queue.dirty));
	assert_int_equal(notices_clear(b->n, STR("ops"), true), 2);
	assert_int_equal(b->n->queue.waiting, 1);
}

static void
what_waits_for_a_channel_that_is_gone_is_dropped(void **state)
{
	struct bench *b = *state;
	struct channel_rec r = record();
	struct notice_rec orphan = { .id = STR("01M7WWGAHXRB948QQMJJYRWZG7"),
		.channel = STR("ghost"),
		.event = STR("start") };

	assert_int_equal(save(b, &r, "s", NULL, false, 0).e, OK);
	notice_raise(b->n, NOTICE_account_held, STR("a"), "by me");
	assert_non_null(notice_queue_add(&b->n->queue, &orphan));
	notices_run(b->n, NULL);
	assert_int_equal(b->n->queue.waiting, 1);
	assert_int_equal(notice_queue_count(&b->n->queue, STR("ops"), false),
	    1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_told_when_there_are_no_notices),
		TEST(what_is_raised_is_harmless_and_bounded),
		TEST(the_same_is_counted_until_the_setting_says),
		TEST(of_forty_names_twenty_are_told_and_the_last_says_so),
		TEST(an_account_that_answers_again_is_told_so_once),
		TEST(a_short_wait_is_not_worth_a_word),
		TEST(a_window_is_warned_of_once_in_each_run),
		TEST(secrets_are_sealed_kept_replaced_and_removed),
		TEST(a_save_that_cannot_be_leaves_all_as_it_was),
		cmocka_unit_test(a_channel_wants_what_its_filters_say),
		TEST(what_is_raised_waits_for_the_channels_that_want_it),
		TEST(what_waits_for_a_channel_that_is_gone_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
