/* SPDX-License-Identifier: MIT */
/* test_account.c - accounts: what may be saved, fields from text, saving by
 * revision, secrets, also while a request uses one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/loop.h"
#include "tests/support/relaybox.h"

#define TEXT_MAX 4096

struct saved {
	bool done;
	enum err e;
	struct account *account;
};

static int
setup(void **state)
{
	*state = relaybox_new("");
	relaybox_reset(*state);
	return 0;
}

static int
teardown(void **state)
{
	relaybox_free(*state);
	return 0;
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct account *a)
{
	struct saved *s = arg;

	(void)why;
	s->done = true;
	s->e = e;
	s->account = a;
}

static struct saved
wait_saved(struct relaybox *b, struct saved *s)
{
	for (int i = 0; i < RELAYBOX_PATIENCE && !s->done; i++)
		relaybox_turn(b);
	assert_true(s->done);
	return *s;
}

static struct saved
save(struct relaybox *b, const struct account_rec *r, const char *credential,
    bool must_exist, uint64_t if_rev)
{
	const struct account_secrets secrets = { .credential =
						     str_of(credential) };
	struct saved s = { .done = false };

	account_save(&b->pool, r, &secrets, must_exist, if_rev, NULL, on_saved,
	    &s);
	return wait_saved(b, &s);
}

static struct saved
drop(struct relaybox *b, const char *name, uint64_t if_rev)
{
	struct saved s = { .done = false };

	account_delete(&b->pool, str_of(name), if_rev, NULL, on_saved, &s);
	return wait_saved(b, &s);
}

/* --- what may be saved ----------------------------------------------------- */

static void
what_may_not_be_saved_names_its_field(void **state)
{
	static const struct {
		const char *name, *kind, *url, *proxy, *note;
		uint64_t priority;
		enum err e;
		const char *field;
	} cases[] = {
		{ "ok-1.x_Y", "claude-api", "", "", "", 50, OK, NULL },
		{ "ok", "anthropic-compat", "http://10.0.0.1:8080/v1/", "", "",
		    1, OK, NULL },
		{ "ok", "claude-api", "", "socks5h://u@10.0.0.1:1080", "", 100,
		    OK, NULL },
		{ "", "claude-api", "", "", "", 50, ERR_VALUE, "name" },
		{ "-x", "claude-api", "", "", "", 50, ERR_VALUE, "name" },
		{ "a b", "claude-api", "", "", "", 50, ERR_VALUE, "name" },
		{ "a/b", "claude-api", "", "", "", 50, ERR_VALUE, "name" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaa",
		    "claude-api", "", "", "", 50, ERR_VALUE, "name" },
		{ "a", "no-such", "", "", "", 50, ERR_UNKNOWN, "kind" },
		{ "a", "anthropic-compat", "", "", "", 50, ERR_VALUE, "url" },
		{ "a", "claude-api", "ftp://x", "", "", 50, ERR_VALUE, "url" },
		{ "a", "claude-api", "https://u:p@x", "", "", 50, ERR_VALUE,
		    "url" },
		{ "a", "claude-api", "https://x/?q", "", "", 50, ERR_VALUE,
		    "url" },
		{ "a", "claude-api", "", "socks5://u:p@x:1", "", 50, ERR_VALUE,
		    "proxy" },
		{ "a", "claude-api", "", "", "", 0, ERR_VALUE, "priority" },
		{ "a", "claude-api", "", "", "", 101, ERR_VALUE, "priority" },
		{ "a", "claude-api", "", "", "two\nlines", 50, ERR_VALUE, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct account_rec r;
		struct why why = { .field = "untouched" };
		enum err e;

		account_rec_init(&r);
		r.name = str_of(cases[i].name);
		r.kind = str_of(cases[i].kind);
		r.url = str_of(cases[i].url);
		r.proxy = str_of(cases[i].proxy);
		r.note = str_of(cases[i].note);
		r.priority = cases[i].priority;
		e = account_check(&r, &why);
		if (e != cases[i].e)
			fail_msg("case %zu: %s", i, err_name(e));
		if (e)
			assert_string_equal(why.field, cases[i].field);
	}
}

static void
a_field_is_set_from_text(void **state)
{
	static const struct {
		const char *name, *value;
		enum err e;
	} cases[] = {
		{ "url", "https://x.test", OK },
		{ "models", "a-*,b", OK },
		{ "priority", "7", OK },
		{ "priority", "0", ERR_VALUE },
		{ "priority", "101", ERR_VALUE },
		{ "priority", "7 ", ERR_VALUE },
		{ "priority", "", ERR_VALUE },
		{ "allow-private", "yes", OK },
		{ "allow_private", "ON", OK },
		{ "allow-private", "maybe", ERR_VALUE },
		{ "user-agent", "cli/1", OK },
		{ "auth", "bearer", OK },
		{ "auth", "", OK },
		{ "auth", "basic", ERR_VALUE },
		{ "note", "anything", OK },
		/* Not so, or not by the operator. */
		{ "credential", "sk-1", ERR_UNKNOWN },
		{ "proxy-password", "p", ERR_UNKNOWN },
		{ "rev", "9", ERR_UNKNOWN },
		{ "name", "other", ERR_UNKNOWN },
		{ "", "x", ERR_UNKNOWN },
	};
	struct account_rec r;
	struct buf text;
	size_t room;
	char *at;

	(void)state;
	account_rec_init(&r);
	buf_init(&text, TEXT_MAX);
	assert_int_equal(buf_room(&text, TEXT_MAX, &at, &room), OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct why why = { .field = "" };
		enum err e = account_field_set(&r, &provider_anthropic_compat,
		    str_of(cases[i].name), str_of(cases[i].value), &text, &why);

		if (e != cases[i].e)
			fail_msg("%s = \"%s\": %s", cases[i].name,
			    cases[i].value, err_name(e));
		assert_true(!e || why.text[0]);
	}
	assert_true(str_eq(r.url, STR("https://x.test")));
	assert_true(str_eq(r.models, STR("a-*,b")));
	assert_int_equal(r.priority, 7);
	assert_true(r.allow_private);
	assert_true(str_eq(r.user_agent, STR("cli/1")));
	assert_int_equal(r.auth.len, 0);
	assert_int_equal(r.rev, 0);
	assert_int_equal(account_field_set(&r, &provider_anthropic_compat,
			     STR("allow-"
				 "private"),
			     STR("no"), &text, NULL),
	    OK);
	assert_false(r.allow_private);
	buf_fini(&text);
}

/* Whoever mistypes is told all there is, to the last word. */
static void
what_is_unknown_is_answered_with_all_that_is_known(void **state)
{
	const struct provider *p, *last = NULL;
	struct account_rec r;
	struct why why;
	struct buf text;
	size_t room;
	char *at;

	(void)state;
	account_rec_init(&r);
	buf_init(&text, TEXT_MAX);
	assert_int_equal(buf_room(&text, TEXT_MAX, &at, &room), OK);
	for (unsigned k = 0; (p = provider_at(k)); k++) {
		const struct field *f, *end = NULL;

		last = p;
		assert_int_equal(account_field_set(&r, p,
				     STR("a-name-of-forty-bytes-or-even-more-"
					 "of-it"),
				     STR("x"), &text, &why),
		    ERR_UNKNOWN);
		for (unsigned i = 0; (f = account_field_at(p, i)); i++)
			if (f->type != FIELD_SECRET) {
				assert_non_null(strstr(why.text, f->name));
				end = f;
			}
		assert_true(end &&
		    str_ends(str_of(why.text), str_of(end->name)));
	}
	assert_int_equal(provider_refuse(STR("a-name-of-forty-bytes-or-even-"
					     "more-of-it"),
			     &why),
	    ERR_UNKNOWN);
	for (unsigned k = 0; (p = provider_at(k)); k++)
		assert_non_null(strstr(why.text, p->name));
	assert_true(last && str_ends(str_of(why.text), str_of(last->name)));
	buf_fini(&text);
}

static void
every_field_of_every_kind_is_found_by_its_name(void **state)
{
	const struct provider *p;
	const struct field *f;

	(void)state;
	for (unsigned k = 0; (p = provider_at(k)); k++)
		for (unsigned i = 0; (f = account_field_at(p, i)); i++) {
			assert_true(f->help && f->help[0]);
			assert_non_null(account_field_find(p, str_of(f->name)));
		}
}

/* --- saving ---------------------------------------------------------------- */

static void
an_account_is_saved_against_its_revision(void **state)
{
	struct relaybox *b = *state;
	struct account_rec r = b->a->rec;
	unsigned generation = b->a->generation;

	r.note = STR("new");
	assert_int_equal(r.rev, 1);
	assert_int_equal(save(b, &r, NULL, false, 0).e, ERR_EXISTS);
	assert_int_equal(save(b, &r, NULL, true, 9).e, ERR_STALE);
	assert_int_equal(b->a->rec.note.len, 0);
	r = b->a->rec;
	r.note = STR("new");
	assert_ptr_equal(save(b, &r, NULL, true, 1).account, b->a);
	assert_int_equal(b->a->rec.rev, 2);
	assert_true(str_eq(b->a->rec.note, STR("new")));
	/* Connections made for what it was are not used for what it is. */
	assert_int_not_equal(b->a->generation, generation);
	assert_int_equal(drop(b, "a", 1).e, ERR_STALE);
	assert_int_equal(drop(b, "nobody", 0).e, ERR_UNKNOWN);
	assert_int_equal(drop(b, "a", 2).e, OK);
	assert_null(pool_find(&b->pool, STR("a")));
	assert_int_equal(b->pool.count, 1);
}

static void
a_secret_is_kept_replaced_or_dropped(void **state)
{
	struct relaybox *b = *state;
	struct account_rec r = b->a->rec;

	assert_true(str_eq(b->a->credential, STR("of-the-account")));
	/* Shorter than sixteen: no part of it is told. */
	assert_int_equal(r.credential_end.len, 0);
	assert_true(str_find(r.credential, STR("of-the-account")) < 0);
	assert_int_equal(save(b, &r, NULL, true, 0).e, OK);
	assert_true(str_eq(b->a->credential, STR("of-the-account")));
	r = b->a->rec;
	assert_int_equal(save(b, &r, "sk-a-longer-secret-9876", true, 0).e, OK);
	assert_true(str_eq(b->a->credential, STR("sk-a-longer-secret-9876")));
	assert_true(str_eq(b->a->rec.credential_end, STR("9876")));
	r = b->a->rec;
	assert_int_equal(save(b, &r, NULL, true, 0).e, OK);
	assert_true(str_eq(b->a->rec.credential_end, STR("9876")));
	r = b->a->rec;
	assert_int_equal(save(b, &r, "", true, 0).e, OK);
	assert_int_equal(b->a->credential.len, 0);
	assert_int_equal(b->a->rec.credential.len, 0);
	assert_int_equal(b->a->rec.credential_end.len, 0);
}

static void
what_is_true_of_this_moment_outlives_a_save(void **state)
{
	struct relaybox *b = *state;
	struct account_rec r = b->a->rec;
	int64_t now_ms = loop_ms(b->d.loop), until_ms;

	assert_string_equal(account_state(b->a, now_ms, &until_ms), "ready");
	gate_shut(&b->a->gates, GATE_RATE, now_ms + 60000, "slow");
	b->a->requests = 5;
	assert_int_equal(save(b, &r, NULL, true, 0).e, OK);
	assert_string_equal(account_state(b->a, now_ms, &until_ms), "rate");
	assert_int_equal(until_ms, now_ms + 60000);
	assert_int_equal(b->a->requests, 5);
	r = b->a->rec;
	r.held = true;
	assert_int_equal(save(b, &r, NULL, true, 0).e, OK);
	assert_string_equal(account_state(b->a, now_ms, &until_ms), "held");
	assert_int_equal(until_ms, 0);
}

static void
a_url_becomes_where_to_go(void **state)
{
	static const struct {
		const char *url, *host, *field, *base;
		bool tls;
		uint16_t port;
	} cases[] = {
		{ "https://h.test", "h.test", "h.test", "", true, 443 },
		{ "https://h.test:8443/x/", "h.test", "h.test:8443", "/x", true,
		    8443 },
		{ "http://h.test:80/a/b//", "h.test", "h.test", "/a/b", false,
		    80 },
		{ "http://[::1]:9", "::1", "[::1]:9", "", false, 9 },
		{ "https://[::1]/", "::1", "[::1]", "", true, 443 },
	};
	struct relaybox *b = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct account_rec r = b->a->rec;

		r.url = str_of(cases[i].url);
		assert_int_equal(account_check(&r, NULL), OK);
		assert_int_equal(save(b, &r, NULL, true, 0).e, OK);
		assert_string_equal(b->a->host, cases[i].host);
		assert_string_equal(b->a->host_field, cases[i].field);
		assert_string_equal(b->a->base, cases[i].base);
		assert_int_equal(b->a->tls, cases[i].tls);
		assert_int_equal(b->a->port, cases[i].port);
	}
}

/* --- in use ---------------------------------------------------------------- */

static void
an_account_that_is_deleted_lasts_as_long_as_its_request(void **state)
{
	struct relaybox *b = *state;
	struct account *a = b->a;
	struct boxclient c;

	b->script[0] = "sse-hang";
	boxclient_init(&c, b);
	boxclient_ask(&c, true);
	for (int i = 0; !strstr(buf_cstr(&c.body), "hello"); i++) {
		assert_true(i < RELAYBOX_PATIENCE);
		relaybox_turn(b);
		boxclient_look(&c);
	}
	assert_int_equal(a->in_flight, 1);
	assert_int_equal(drop(b, "a", 0).e, OK);
	assert_true(a->deleted);
	assert_int_equal(a->in_flight, 1);
	boxclient_fini(&c);
	for (int i = 0; b->d.counters.requests_now; i++) {
		assert_true(i < RELAYBOX_PATIENCE);
		relaybox_turn(b);
	}
	assert_int_equal(b->receipts_count, 1);
	assert_string_equal(b->receipts[0].tries, "a:gone/200");
}

/* It waits to be asked again, and is gone by then. */
static void
a_request_that_waits_for_a_deleted_account_goes_elsewhere(void **state)
{
	struct relaybox *b = *state;
	struct boxclient c;

	b->script[0] = "529";
	b->script[1] = "200";
	boxclient_init(&c, b);
	boxclient_ask(&c, false);
	for (int i = 0;; i++) {
		const struct relay *r = TAILQ_FIRST(&b->d.relays->live);

		if (r && r->state == R_BACKOFF)
			break;
		assert_true(i < RELAYBOX_PATIENCE);
		relaybox_turn(b);
	}
	assert_int_equal(drop(b, "a", 0).e, OK);
	relaybox_hurry(b, R_BACKOFF);
	boxclient_wait(&c);
	assert_int_equal(c.status, 200);
	assert_string_equal(b->receipts[0].tries,
	    "a:error_status/529 b:ok/200");
	boxclient_fini(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_not_be_saved_names_its_field),
		cmocka_unit_test(a_field_is_set_from_text),
		cmocka_unit_test(
		    what_is_unknown_is_answered_with_all_that_is_known),
		cmocka_unit_test(
		    every_field_of_every_kind_is_found_by_its_name),
		TEST(an_account_is_saved_against_its_revision),
		TEST(a_secret_is_kept_replaced_or_dropped),
		TEST(what_is_true_of_this_moment_outlives_a_save),
		TEST(a_url_becomes_where_to_go),
		TEST(an_account_that_is_deleted_lasts_as_long_as_its_request),
		TEST(a_request_that_waits_for_a_deleted_account_goes_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
