/* SPDX-License-Identifier: MIT */
/* test_proxy.c - proxies in the store and in memory, and which way out an
 * account takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/account.h"
#include "relayd/proxy.h"
#include "tests/support/storebox.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define TEXT_MAX     4096

struct bench {
	struct storebox box;
	struct proxies ps;
	unsigned changes; /* that were told */
	/* Of the last save. */
	bool done;
	enum err e;
	struct proxy *proxy;
};

static void
on_changed(void *arg)
{
	((struct bench *)arg)->changes++;
}

static void
reopen(struct bench *b)
{
	assert_int_equal(storebox_open(&b->box, &store_lmdb, NULL), OK);
	proxies_init(&b->ps, b->box.s);
	assert_int_equal(proxies_load(&b->ps, NULL), OK);
	b->ps.changed = on_changed;
	b->ps.changed_arg = b;
	storebox_start(&b->box);
}

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	storebox_init(&b->box);
	reopen(b);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	storebox_close(&b->box);
	proxies_fini(&b->ps);
	storebox_fini(&b->box);
	free(b);
	return 0;
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct proxy *p)
{
	struct bench *b = arg;

	(void)why;
	b->done = true;
	b->e = e;
	b->proxy = p;
}

static enum err
save(struct bench *b, const char *name, const char *url, const char *password,
    bool must_exist, uint64_t if_rev)
{
	struct proxy_rec r = { .name = str_of(name) };
	struct buf text;
	char *at;
	size_t room;

	buf_init(&text, TEXT_MAX);
	assert_int_equal(buf_room(&text, TEXT_MAX, &at, &room), OK);
	assert_int_equal(proxy_take_url(&r, str_of(url), &text, NULL), OK);
	assert_int_equal(proxy_check(&r, NULL), OK);
	b->done = false;
	proxy_save(&b->ps, &r,
	    password ? str_of(password) : (struct str){ .at = NULL, .len = 0 },
	    must_exist, if_rev, NULL, on_saved, b);
	storebox_wait(&b->box, &b->done);
	buf_fini(&text);
	return b->e;
}

static enum err
drop(struct bench *b, const char *name, uint64_t if_rev)
{
	b->done = false;
	proxy_delete(&b->ps, str_of(name), if_rev, NULL, on_saved, b);
	storebox_wait(&b->box, &b->done);
	return b->e;
}

/* --- records --------------------------------------------------------------- */

struct look {
	const char *secret;
	bool found;
};

static enum err
look_work(struct txn *t, void *arg, struct why *out_why)
{
	struct look *l = arg;
	struct str value;
	enum err e = txn_get(t, TABLE_proxy, STR("tokyo"), &value);

	(void)out_why;
	l->found = !e && str_find(value, str_of(l->secret)) >= 0;
	return e;
}

static void
the_password_is_sealed_kept_replaced_and_removed(void **state)
{
	struct bench *b = *state;
	struct look look = { .secret = "canary-4711" };

	assert_int_equal(save(b, "tokyo", "socks5h://u@Host.Test:1080",
			     "canary-4711", false, 0),
	    OK);
	assert_string_equal(b->proxy->url, "socks5h://u@host.test:1080");
	assert_true(str_eq(b->proxy->password, STR("canary-4711")));
	assert_int_equal(storebox_run(&b->box, LANE_READ, look_work, &look,
			     NULL),
	    OK);
	assert_false(look.found);
	assert_int_equal(save(b, "tokyo", "http://u@[::1]:3128", NULL, true, 1),
	    OK);
	assert_string_equal(b->proxy->url, "http://u@[::1]:3128");
	assert_true(str_eq(b->proxy->password, STR("canary-4711")));
	/* It outlives relayd. */
	storebox_close(&b->box);
	proxies_fini(&b->ps);
	reopen(b);
	assert_int_equal(b->ps.count, 1);
	b->proxy = proxy_find(&b->ps, STR("tokyo"));
	assert_true(str_eq(b->proxy->password, STR("canary-4711")));
	assert_int_equal(save(b, "tokyo", "http://u@h:1", "other", true, 2),
	    OK);
	assert_true(str_eq(b->proxy->password, STR("other")));
	assert_int_equal(save(b, "tokyo", "http://h:1", "", true, 3), OK);
	assert_int_equal(b->proxy->password.len, 0);
}

/* A record as it was written when users stood open in it. */
static enum err
write_old_work(struct txn *t, void *arg, struct why *out_why)
{
	struct proxy_rec r = { .name = STR("tokyo"),
		.kind = STR("socks5h"),
		.host = STR("host.test"),
		.port = 1080,
		.user = STR("mallory-4711"),
		.rev = 1 };
	struct buf blob;
	enum err e;

	(void)arg;
	(void)out_why;
	buf_init(&blob, TEXT_MAX);
	e = proxy_rec_write(&r, &blob);
	if (!e)
		e = txn_put(t, TABLE_proxy, r.name, buf_str(&blob));
	buf_fini(&blob);
	return e;
}

static void
the_user_is_sealed_also_of_records_from_before(void **state)
{
	struct bench *b = *state;
	struct look look = { .secret = "mallory-4711" };
	struct str sealed;
	char copy[512];

	assert_int_equal(storebox_run(&b->box, LANE_WRITE, write_old_work, NULL,
			     NULL),
	    OK);
	for (unsigned i = 0; i < 2; i++) {
		storebox_close(&b->box);
		proxies_fini(&b->ps);
		reopen(b);
		b->proxy = proxy_find(&b->ps, STR("tokyo"));
		assert_string_equal(b->proxy->url,
		    "socks5h://mallory-4711@host.test:1080");
		assert_string_equal(b->proxy->shown,
		    "socks5h://host.test:1080");
		assert_true(str_eq(b->proxy->user, STR("mallory-4711")));
		assert_int_equal(b->proxy->rec.user.len, 0);
		assert_int_equal(storebox_run(&b->box, LANE_READ, look_work,
				     &look, NULL),
		    OK);
		assert_false(look.found);
	}
	/* The same user is not sealed anew: that would look like a change. */
	assert_in_range(b->proxy->rec.login.len, 1, sizeof(copy));
	memcpy(copy, b->proxy->rec.login.at, b->proxy->rec.login.len);
	sealed = str_at(copy, b->proxy->rec.login.len);
	assert_int_equal(save(b, "tokyo", "http://mallory-4711@h:1", NULL, true,
			     1),
	    OK);
	assert_true(str_eq(b->proxy->rec.login, sealed));
	assert_int_equal(save(b, "tokyo", "http://other@h:1", NULL, true, 2),
	    OK);
	assert_false(str_eq(b->proxy->rec.login, sealed));
	assert_string_equal(b->proxy->url, "http://other@h:1");
	assert_int_equal(save(b, "tokyo", "http://h:1", NULL, true, 3), OK);
	assert_int_equal(b->proxy->user.len + b->proxy->rec.login.len, 0);
}

static void
a_proxy_that_is_mended_rests_no_longer(void **state)
{
	struct proxy p = { .rec = { .name = STR("tokyo") } };

	(void)state;
	proxy_note_fault(&p, 1000, 0);
	assert_int_equal(proxy_rests_until(&p, 1000), 0);
	proxy_note_fault(&p, 2000, 0);
	assert_int_equal(proxy_rests_until(&p, 2000), 56000);
	assert_int_equal(proxy_rests_until(&p, 56000), 0);
	proxy_mend(&p);
	assert_int_equal(proxy_rests_until(&p, 2000), 0);
	/* It begins anew. */
	proxy_note_fault(&p, 3000, 0);
	assert_int_equal(proxy_rests_until(&p, 3000), 0);
}

static void
a_proxy_that_fails_twice_in_a_minute_rests_for_longer_and_longer(void **state)
{
	static const int64_t rests_s[] = { 60, 120, 240, 480, 600, 600 };
	struct proxy p = { .rec = { .name = STR("tokyo") } };
	int64_t now_ms = 1000000, until_ms;

	(void)state;
	/* One a minute is nothing. */
	for (int i = 0; i < 5; i++) {
		proxy_note_fault(&p, now_ms, 0);
		assert_int_equal(proxy_rests_until(&p, now_ms), 0);
		now_ms += 60000;
	}
	proxy_note_fault(&p, now_ms, 0);
	for (size_t i = 0; i < COUNT(rests_s); i++) {
		now_ms += 10;
		proxy_note_fault(&p, now_ms, UINT32_MAX / 2 + 1);
		until_ms = proxy_rests_until(&p, now_ms);
		assert_int_equal(until_ms, now_ms + rests_s[i] * 1000);
		/* Those that were under way make it no longer. */
		for (int k = 0; k < 50; k++)
			proxy_note_fault(&p, until_ms - 1, UINT32_MAX);
		assert_int_equal(proxy_rests_until(&p, now_ms), until_ms);
		/* The first that goes that way again decides. */
		now_ms = until_ms;
		assert_int_equal(proxy_rests_until(&p, now_ms), 0);
	}
	/* A tenth more or less. */
	proxy_note_fault(&p, now_ms, 0);
	assert_int_equal(proxy_rests_until(&p, now_ms), now_ms + 540000);
	now_ms += 540000;
	proxy_note_good(&p);
	proxy_note_fault(&p, now_ms, 0);
	assert_int_equal(proxy_rests_until(&p, now_ms), 0);
	proxy_note_fault(&p, now_ms + 59999, UINT32_MAX);
	assert_int_equal(proxy_rests_until(&p, now_ms + 59999),
	    now_ms + 59999 + 66000);
}

static void
a_save_that_cannot_be_leaves_all_as_it_was(void **state)
{
	struct bench *b = *state;

	assert_int_equal(save(b, "a", "http://h:1", NULL, true, 0),
	    ERR_UNKNOWN);
	assert_int_equal(save(b, "a", "http://h:1", "p", false, 0), OK);
	assert_int_equal(save(b, "a", "http://h:2", "q", false, 0), ERR_EXISTS);
	assert_int_equal(save(b, "a", "http://h:2", "q", true, 7), ERR_STALE);
	assert_int_equal(drop(b, "a", 7), ERR_STALE);
	assert_int_equal(b->ps.count, 1);
	assert_string_equal(proxy_find(&b->ps, STR("a"))->url, "http://h:1");
	assert_int_equal(b->changes, 1);
	assert_int_equal(drop(b, "a", 1), OK);
	assert_int_equal(b->ps.count, 0);
	assert_int_equal(b->changes, 2);
	assert_int_equal(drop(b, "a", 0), ERR_UNKNOWN);
}

static void
urls_that_name_no_proxy_are_refused(void **state)
{
	static const char *const rows[] = { "", "tokyo", "ftp://h:1",
		"socks4://h:1", "socks5h://", "http://u:p@h:1", "http://h:0",
		"http://h:99999", "http://h:1/path", "http://h:1?q",
		"http://h h:1", "http://0x7f.1:1", "http://2130706433:1" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct proxy_rec r = { .name = STR("a") };
		struct buf text;
		struct why why;
		enum err e;

		buf_init(&text, TEXT_MAX);
		e = proxy_take_url(&r, str_of(rows[i]), &text, &why);
		if (!e)
			e = proxy_check(&r, &why);
		if (e != ERR_VALUE)
			fail_msg("\"%s\" was accepted", rows[i]);
		assert_string_equal(why.field, "url");
		buf_fini(&text);
	}
}

/* --- which way ------------------------------------------------------------- */

static void
each_spelling_leads_its_way_or_nowhere(void **state)
{
	static const struct {
		const char *standard, *said, *proxy, *password, *name;
		const char *no_way;
	} rows[] = {
		{ "", "", NULL, "", "direct", NULL },
		{ "", "direct", NULL, "", "direct", NULL },
		{ "", "tokyo", "http://u@t:1", "of-t", "tokyo", NULL },
		{ "", "socks5h://x:2", "socks5h://x:2", "own", "socks5h://x:2",
		    NULL },
		{ "", "osaka", NULL, "", "", "no proxy \"osaka\"" },
		{ "tokyo", "", "http://u@t:1", "of-t", "tokyo", NULL },
		{ "tokyo", "direct", NULL, "", "direct", NULL },
		{ "tokyo", "kyoto", "http://k:3", "", "kyoto", NULL },
		{ "tokyo", "http://x:2", "http://x:2", "own", "http://x:2",
		    NULL },
		{ "osaka", "", NULL, "", "", "proxy_default" },
		{ "osaka", "tokyo", "http://u@t:1", "of-t", "tokyo", NULL },
		{ "osaka", "direct", NULL, "", "direct", NULL },
	};
	struct bench *b = *state;

	assert_int_equal(save(b, "tokyo", "http://u@t:1", "of-t", false, 0),
	    OK);
	assert_int_equal(save(b, "kyoto", "http://k:3", NULL, false, 0), OK);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct outlet o = { .proxy = NULL };
		struct dial_to to = { .proxy = "stale", .no_way = "stale" };

		proxies_set_default(&b->ps, rows[i].standard);
		outlet_find(&o, &b->ps, str_of(rows[i].said), STR(""),
		    STR("own"));
		outlet_lead(&o, &to);
		assert_int_equal(!to.no_way, !rows[i].no_way);
		if (rows[i].no_way)
			assert_non_null(strstr(to.no_way, rows[i].no_way));
		assert_int_equal(!to.proxy, !rows[i].proxy);
		if (rows[i].proxy)
			assert_string_equal(to.proxy, rows[i].proxy);
		assert_true(str_eq(to.proxy_password,
		    str_of(rows[i].password)));
		assert_true(str_eq(outlet_name(&o), str_of(rows[i].name)));
		outlet_fini(&o);
	}
}

static void
without_a_list_a_name_leads_nowhere(void **state)
{
	struct outlet o = { .proxy = NULL };

	(void)state;
	outlet_find(&o, NULL, STR("tokyo"), STR(""), STR(""));
	assert_non_null(o.no_way);
	outlet_find(&o, NULL, STR(""), STR(""), STR(""));
	assert_null(o.no_way);
	outlet_fini(&o);
}

static void
the_family_of_a_proxy_counts_before_the_accounts(void **state)
{
	struct bench *b = *state;
	struct outlet o = { .proxy = NULL };
	struct proxy *p;

	outlet_find(&o, &b->ps, STR("direct"), STR("6"), STR(""));
	assert_int_equal(o.family, DIAL_6);
	assert_int_equal(save(b, "tokyo", "http://t:1", NULL, false, 0), OK);
	outlet_find(&o, &b->ps, STR("tokyo"), STR("6"), STR(""));
	assert_int_equal(o.family, DIAL_6);
	p = b->proxy;
	p->rec.family = STR("4");
	outlet_find(&o, &b->ps, STR("tokyo"), STR("6"), STR(""));
	assert_int_equal(o.family, DIAL_4);
	p->rec.family = STR("any");
	outlet_find(&o, &b->ps, STR("tokyo"), STR("any"), STR(""));
	assert_int_equal(o.family, DIAL_ANY);
	outlet_fini(&o);
}

/* --- accounts -------------------------------------------------------------- */

static void
a_change_gives_its_accounts_new_connections_and_no_others(void **state)
{
	struct bench *b = *state;
	struct account a[3] = { { .provider = &provider_anthropic_compat },
		{ .provider = &provider_anthropic_compat },
		{ .provider = &provider_anthropic_compat } };
	static const char *const said[] = { "tokyo", "kyoto", "" };
	struct pool pool;
	unsigned before[3];

	pool_init(&pool, NULL, NULL);
	pool.proxies = &b->ps;
	assert_int_equal(save(b, "tokyo", "http://u@t:1", "one", false, 0), OK);
	for (size_t i = 0; i < COUNT(a); i++) {
		account_rec_init(&a[i].rec);
		a[i].rec.name = str_of(said[i]);
		a[i].rec.proxy = str_of(said[i]);
		pool_insert(&pool, &a[i]);
	}
	pool_find_ways(&pool);
	assert_string_equal(a[0].outlet.proxy, "http://u@t:1");
	assert_non_null(a[1].outlet.no_way);
	assert_null(a[2].outlet.proxy);
	for (size_t i = 0; i < COUNT(a); i++)
		before[i] = a[i].generation;
	pool_find_ways(&pool);
	assert_int_equal(a[0].generation, before[0]);
	/* Another password is another way. */
	assert_int_equal(save(b, "tokyo", "http://u@t:1", "two", true, 0), OK);
	pool_find_ways(&pool);
	assert_int_not_equal(a[0].generation, before[0]);
	assert_true(str_eq(a[0].outlet.password, STR("two")));
	assert_int_equal(a[1].generation, before[1]);
	assert_int_equal(a[2].generation, before[2]);
	assert_int_equal(save(b, "kyoto", "http://k:1", NULL, false, 0), OK);
	pool_find_ways(&pool);
	assert_null(a[1].outlet.no_way);
	assert_int_not_equal(a[1].generation, before[1]);
	assert_int_equal(drop(b, "tokyo", 0), OK);
	pool_find_ways(&pool);
	assert_null(a[0].outlet.proxy);
	assert_null(a[0].outlet.via);
	assert_non_null(a[0].outlet.no_way);
	for (size_t i = 0; i < COUNT(a); i++)
		outlet_fini(&a[i].outlet);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_password_is_sealed_kept_replaced_and_removed),
		TEST(a_proxy_that_is_mended_rests_no_longer),
		TEST(
		    a_proxy_that_fails_twice_in_a_minute_rests_for_longer_and_longer),
		TEST(the_user_is_sealed_also_of_records_from_before),
		TEST(a_save_that_cannot_be_leaves_all_as_it_was),
		TEST(urls_that_name_no_proxy_are_refused),
		TEST(each_spelling_leads_its_way_or_nowhere),
		TEST(without_a_list_a_name_leads_nowhere),
		TEST(the_family_of_a_proxy_counts_before_the_accounts),
		TEST(a_change_gives_its_accounts_new_connections_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
