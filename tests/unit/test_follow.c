/* SPDX-License-Identifier: MIT */
/* test_follow.c - what followers hear, who hears it, and what it costs when
 * there are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/follow.h"
#include "relayd/loop.h"
#include "relayd/relay.h"
#include "tests/support/controlbox.h"

static void
topics_are_read_by_role(void **state)
{
	static const struct {
		const char *list;
		enum ctl_role role;
		enum err e;
		unsigned topics;
	} cases[] = {
		{ "", CTL_SELF, OK, TOPIC_BIT(TOPIC_requests) },
		{ "", CTL_VIEW, OK,
		    TOPIC_BIT(TOPIC_requests) | TOPIC_BIT(TOPIC_accounts) },
		{ "requests", CTL_SELF, OK, TOPIC_BIT(TOPIC_requests) },
		{ "accounts", CTL_VIEW, OK, TOPIC_BIT(TOPIC_accounts) },
		{ "accounts, requests", CTL_ADMIN, OK,
		    TOPIC_BIT(TOPIC_requests) | TOPIC_BIT(TOPIC_accounts) },
		{ "accounts", CTL_SELF, ERR_DENIED, 0 },
		{ "requests,accounts", CTL_SELF, ERR_DENIED, 0 },
		{ "weather", CTL_ADMIN, ERR_UNKNOWN, 0 },
		{ "requests,", CTL_ADMIN, OK, TOPIC_BIT(TOPIC_requests) },
		{ ",requests", CTL_ADMIN, ERR_UNKNOWN, 0 },
		{ "Requests", CTL_ADMIN, ERR_UNKNOWN, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned topics = 0;
		struct why why = { .field = "" };

		assert_int_equal(topics_read(str_of(cases[i].list),
				     cases[i].role, &topics, &why),
		    cases[i].e);
		assert_int_equal(topics, cases[i].topics);
		if (cases[i].e)
			assert_string_equal(why.field, "topic");
	}
}

/* A request as its moves leave it. */
static struct relay *
make_relay(struct house *h, const char *key)
{
	struct relay *r = xcalloc(1, sizeof(*r));

	r->all = h->d.relays;
	r->d = &h->d;
	r->key = keyring_find(h->d.keys, str_of(key));
	assert_non_null(r->key);
	r->state = R_STREAMING;
	r->tries_began_ms = 1;
	r->tries = 2;
	r->began_us = clock_us();
	r->wait_us = 3;
	r->head_us = 4;
	r->first_us = 5;
	r->watch.usage.input = 100;
	r->watch.delta_bytes = 400;
	buf_init(&r->model, 100);
	buf_must(&r->model, STR("m-1"));
	snprintf(r->id_text, sizeof(r->id_text), "req_1");
	snprintf(r->account_name, sizeof(r->account_name), "a-1");
	snprintf(r->client, sizeof(r->client), "claude-cli/2");
	return r;
}

static void
end_relay(struct relay *r)
{
	buf_fini(&r->model);
	free(r);
}

static void
tell_phase(struct house *h, const struct relay *r)
{
	assert_non_null(h->d.relays->watcher.phase);
	h->d.relays->watcher.phase(h->d.relays->watcher.arg, r);
}

static int64_t
number_at(const struct json *o, const char *key)
{
	int64_t n = -1;

	assert_int_equal(json_want_i64(o, key, 0, INT64_MAX, &n, NULL), OK);
	return n;
}

static void
a_phase_is_told_with_all_its_members(void **state)
{
	struct house *h = *state;
	const struct json *q;
	struct client admin;
	struct ctl_frame f;
	struct relay *r;

	client_connect(&admin, h);
	asked_well(&admin, "key.create", "{\"name\":\"k\"}");
	asked_well(&admin, "event.follow", "{\"topic\":\"requests\"}");
	r = make_relay(h, "k");
	tell_phase(h, r);
	assert_true(hear(&admin, &f));
	assert_int_equal(f.kind, CTL_EVENT);
	assert_true(str_eq(text_at(f.data, "topic"), STR("requests")));
	assert_true(str_eq(text_at(f.data, "event"), STR("phase")));
	q = json_at(f.data, "request");
	assert_true(str_eq(text_at(q, "id"), STR("req_1")));
	assert_true(str_eq(text_at(q, "phase"), STR("streaming")));
	assert_true(str_eq(text_at(q, "key"), STR("k")));
	assert_true(str_eq(text_at(q, "account"), STR("a-1")));
	assert_true(str_eq(text_at(q, "model"), STR("m-1")));
	assert_true(str_eq(text_at(q, "session"), STR("")));
	assert_true(str_eq(text_at(q, "client"), STR("claude-cli/2")));
	assert_true(str_eq(text_at(q, "peer"), STR("")));
	assert_int_equal(number_at(q, "wait_us"), 3);
	assert_int_equal(number_at(q, "head_us"), 4);
	assert_int_equal(number_at(q, "first_us"), 5);
	assert_int_equal(number_at(q, "input"), 100);
	assert_int_equal(number_at(q, "output"), 100);
	assert_int_equal(number_at(q, "tries"), 2);
	assert_true(number_at(q, "speed") >= 0);
	assert_true(number_at(q, "age_us") >= 0);
	assert_true(number_at(q, "at") > 0);
	assert_int_equal(json_count(q), 17);
	ctl_frame_fini(&f);
	r->state = R_SETTLED;
	tell_phase(h, r);
	assert_true(hear(&admin, &f));
	assert_true(str_eq(text_at(f.data, "event"), STR("end")));
	ctl_frame_fini(&f);
	end_relay(r);
	client_fini(&admin);
}

static void
a_person_hears_of_their_own_and_no_account(void **state)
{
	struct house *h = *state;
	const struct ulid id = { .byte = { 1 } };
	struct receipt_rec rec = { .account = STR("a-1"), .model = STR("m") };
	struct client admin, self;
	struct relay *mine, *hers;
	const struct json *q;
	struct ctl_frame f;

	client_connect(&admin, h);
	client_adopt(&self, h, CTL_SELF);
	asked_well(&admin, "key.create",
	    "{\"name\":\"mine\",\"owner\":\"uid:4711\"}");
	asked_well(&admin, "key.create",
	    "{\"name\":\"hers\",\"owner\":\"uid:4712\"}");
	asked_badly(&self, "event.follow", "{\"account\":\"a-1\"}", ERR_DENIED);
	asked_badly(&self, "event.follow", "{\"key\":\"hers\"}", ERR_UNKNOWN);
	asked_badly(&self, "event.follow", "{\"topic\":\"accounts\"}",
	    ERR_DENIED);
	asked_well(&self, "event.follow", "{}");
	mine = make_relay(h, "mine");
	hers = make_relay(h, "hers");
	tell_phase(h, hers);
	tell_phase(h, mine);
	assert_true(hear(&self, &f));
	/* Not even a number is missing. */
	assert_int_equal(f.seq, 1);
	q = json_at(f.data, "request");
	assert_true(str_eq(text_at(q, "key"), STR("mine")));
	assert_true(str_eq(text_at(q, "account"), STR("")));
	ctl_frame_fini(&f);
	rec.key_id = mine->key->rec.id;
	h->d.relays->observer(h->d.relays->observer_arg, &id, &rec);
	assert_true(hear(&self, &f));
	assert_true(str_eq(text_at(f.data, "event"), STR("end")));
	q = json_at(f.data, "request");
	assert_true(str_eq(text_at(q, "account"), STR("")));
	assert_true(str_eq(text_at(q, "model"), STR("m")));
	ctl_frame_fini(&f);
	end_relay(mine);
	end_relay(hers);
	client_fini(&self);
	client_fini(&admin);
}

static void
while_nobody_follows_nobody_watches(void **state)
{
	struct house *h = *state;
	struct client one, two;

	assert_null(h->d.relays->watcher.phase);
	client_connect(&one, h);
	client_connect(&two, h);
	asked_well(&one, "event.follow", "{}");
	asked_well(&two, "event.follow", "{\"topic\":\"accounts\"}");
	assert_non_null(h->d.relays->watcher.phase);
	asked_well(&one, "event.stop", "{\"sub\":1}");
	assert_non_null(h->d.relays->watcher.phase);
	asked_well(&two, "event.stop", "{\"sub\":1}");
	assert_null(h->d.relays->watcher.phase);
	assert_null(h->d.relays->observer);
	client_fini(&one);
	client_fini(&two);
}

static void
accounts_are_told_of_when_their_state_changes(void **state)
{
	struct house *h = *state;
	const struct json *a;
	struct client admin, ops;
	struct ctl_frame f;

	client_connect(&admin, h);
	client_adopt(&ops, h, CTL_OPS);
	asked_well(&admin, "account.add",
	    "{\"kind\":\"claude-api\",\"name\":\"a-1\",\"credential\":\"" SECRET
	    "\"}");
	asked_well(&ops, "event.follow", "{\"topic\":\"accounts\"}");
	asked_well(&admin, "account.hold",
	    "{\"name\":\"a-1\",\"reason\":\"test\"}");
	assert_true(hear(&ops, &f));
	/* What was so when it began to follow is no event. */
	assert_int_equal(f.seq, 1);
	assert_true(str_eq(text_at(f.data, "event"), STR("state")));
	a = json_at(f.data, "account");
	assert_true(str_eq(text_at(a, "name"), STR("a-1")));
	assert_true(str_eq(text_at(a, "kind"), STR("claude-api")));
	assert_true(str_eq(text_at(a, "state"), STR("held")));
	assert_true(str_eq(text_at(a, "was"), STR("ready")));
	assert_true(str_eq(text_at(a, "last_error"), STR("")));
	assert_int_equal(number_at(a, "until_at"), 0);
	assert_int_equal(number_at(a, "in_flight"), 0);
	assert_int_equal(json_count(a), 7);
	ctl_frame_fini(&f);
	asked_well(&admin, "account.rm", "{\"name\":\"a-1\"}");
	assert_true(hear(&ops, &f));
	assert_true(str_eq(text_at(f.data, "event"), STR("removed")));
	ctl_frame_fini(&f);
	client_fini(&ops);
	client_fini(&admin);
}

int
main(void)
{
#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(topics_are_read_by_role),
		T(a_phase_is_told_with_all_its_members),
		T(a_person_hears_of_their_own_and_no_account),
		T(while_nobody_follows_nobody_watches),
		T(accounts_are_told_of_when_their_state_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
