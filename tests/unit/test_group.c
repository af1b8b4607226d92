/* SPDX-License-Identifier: MIT */
/* test_group.c - groups in the store and in memory, what is bound to them, and
 * the saving of records that they stand for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/audit.h"
#include "relayd/binding.h"
#include "relayd/group.h"
#include "tests/support/storebox.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct bench {
	struct storebox box;
	struct pool pool;
	struct groups gs;
	struct account at[3];
	unsigned changes; /* that were told */
	/* Of the last save. */
	bool done;
	enum err e;
	struct group *group;
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
	groups_init(&b->gs, &b->pool, b->box.s);
	assert_int_equal(groups_load(&b->gs, NULL), OK);
	b->gs.changed = on_changed;
	b->gs.changed_arg = b;
	storebox_start(&b->box);
}

static int
setup(void **state)
{
	static const char *const names[] = { "a", "b", "c" };
	struct bench *b = xcalloc(1, sizeof(*b));

	storebox_init(&b->box);
	pool_init(&b->pool, NULL, NULL);
	for (size_t i = 0; i < COUNT(names); i++) {
		account_rec_init(&b->at[i].rec);
		b->at[i].rec.name = str_of(names[i]);
		pool_insert(&b->pool, &b->at[i]);
	}
	reopen(b);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	storebox_close(&b->box);
	groups_fini(&b->gs);
	storebox_fini(&b->box);
	free(b);
	return 0;
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct group *g)
{
	struct bench *b = arg;

	(void)why;
	b->done = true;
	b->e = e;
	b->group = g;
}

static const struct audit_who who = { .uid = 7, .method = "group_add" };

static enum err
save(struct bench *b, const char *name, const char *members,
    const char *strategy, bool must_exist, uint64_t if_rev)
{
	const struct group_rec r = { .name = str_of(name),
		.members = str_of(members),
		.strategy = str_of(strategy) };
	struct why why;
	enum err e = group_check(&r, &b->pool, &why);

	if (e)
		return e;
	b->done = false;
	group_save(&b->gs, &r, must_exist, if_rev, &who, on_saved, b);
	storebox_wait(&b->box, &b->done);
	return b->e;
}

static void
check_members(const struct group *g, const char *names)
{
	assert_int_equal(g->count, strlen(names));
	for (unsigned i = 0; i < g->count; i++)
		assert_int_equal(g->members[i].account->rec.name.at[0],
		    names[i]);
}

/* --- members as text ------------------------------------------------------- */

static const struct {
	const char *text;
	unsigned count;
	const char *stops; /* NULL: it does not */
} said[] = {
	{ "", 0, NULL },
	{ "a", 1, NULL },
	{ " a , b:1 ,, c:100:1000 ", 3, NULL },
	{ "a:", 0, "a" },
	{ "a::2", 0, "a" },
	{ "a,b:101", 1, "b" },
	{ "a,b:1:1001", 1, "b" },
	{ "a,b:1:2:3", 1, "b" },
	{ "a,-b", 1, "-b" },
	{ "a,b:x,c", 1, "b" },
};

static void
members_are_read_to_the_first_that_is_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(said); i++) {
		struct str rest = str_of(said[i].text);
		struct group_said m;
		unsigned count = 0;

		while (group_said_next(&rest, &m))
			count++;
		assert_int_equal(count, said[i].count);
		assert_true(str_eq(rest,
		    str_of(said[i].stops ? said[i].stops : "")));
	}
}

static void
members_stand_in_order_each_once(void **state)
{
	struct group_said m = { .name = STR("b"), .priority = 5, .weight = 2 };
	struct buf one, two;

	(void)state;
	buf_init(&one, 1000);
	buf_init(&two, 1000);
	assert_int_equal(group_members_with(STR("a:1:1,c:3"), &m, &one), OK);
	assert_true(str_eq(buf_str(&one), STR("a:1:1,b:5:2,c:3:0")));
	m.priority = 6;
	assert_int_equal(group_members_with(buf_str(&one), &m, &two), OK);
	assert_true(str_eq(buf_str(&two), STR("a:1:1,b:6:2,c:3:0")));
	buf_clear(&one);
	assert_int_equal(group_members_without(buf_str(&two), STR("a"), &one),
	    OK);
	assert_true(str_eq(buf_str(&one), STR("b:6:2,c:3:0")));
	buf_fini(&one);
	buf_fini(&two);
}

/* --- the store ------------------------------------------------------------- */

static void
a_group_is_kept_changed_and_removed(void **state)
{
	struct bench *b = *state;
	struct group *g;

	assert_int_equal(save(b, "team", "a:9:3, c", "fill", false, 0), OK);
	assert_int_equal(b->changes, 1);
	g = group_find(&b->gs, STR("team"));
	check_members(g, "ac");
	assert_int_equal(g->members[0].priority, 9);
	assert_int_equal(g->members[0].weight, 3);
	assert_true(g->has_strategy && g->strategy == STRATEGY_FILL);
	assert_int_equal(save(b, "team", "b", "", false, 0), ERR_EXISTS);
	assert_int_equal(save(b, "team", "b", "", true, 7), ERR_STALE);
	assert_int_equal(save(b, "other", "b", "", true, 0), ERR_UNKNOWN);
	/* What a member has had of turns is its own. */
	g->members[1].had = 77;
	assert_int_equal(save(b, "team", "b,c", "", true, 1), OK);
	check_members(g, "bc");
	assert_int_equal(g->members[1].had, 77);
	assert_false(g->has_strategy);
	assert_int_equal(g->rec.rev, 2);
	assert_true(g->rec.created_at && g->rec.changed_at);
	storebox_close(&b->box);
	groups_fini(&b->gs);
	reopen(b);
	g = group_find(&b->gs, STR("team"));
	check_members(g, "bc");
	b->done = false;
	group_delete(&b->gs, STR("team"), 2, &who, on_saved, b);
	storebox_wait(&b->box, &b->done);
	assert_int_equal(b->e, OK);
	assert_null(group_find(&b->gs, STR("team")));
}

static void
what_names_no_account_or_strategy_is_refused(void **state)
{
	struct bench *b = *state;

	assert_int_equal(save(b, "team", "z", "", false, 0), ERR_UNKNOWN);
	assert_int_equal(save(b, "team", "a:b", "", false, 0), ERR_VALUE);
	assert_int_equal(save(b, "team", "a", "best", false, 0), ERR_UNKNOWN);
	assert_int_equal(save(b, "", "a", "", false, 0), ERR_VALUE);
}

static void
an_account_that_goes_leaves_its_groups_in_the_store_too(void **state)
{
	struct bench *b = *state;
	struct group *g;

	assert_int_equal(save(b, "one", "a:1:1,b,c", "", false, 0), OK);
	assert_int_equal(save(b, "two", "c", "", false, 0), OK);
	g = group_find(&b->gs, STR("one"));
	TAILQ_REMOVE(&b->pool.accounts, &b->at[1], link);
	groups_forget(&b->gs, &b->at[1]);
	check_members(g, "ac");
	/* A save that comes behind the one that tidies up. */
	assert_int_equal(save(b, "two", "a,c", "", true, 0), OK);
	storebox_close(&b->box);
	groups_fini(&b->gs);
	reopen(b);
	g = group_find(&b->gs, STR("one"));
	assert_true(str_eq(g->rec.members, STR("a:1:1,c:0:0")));
	assert_int_equal(g->rec.rev, 2);
	assert_int_equal(group_find(&b->gs, STR("two"))->rec.rev, 2);
}

/* --- bindings -------------------------------------------------------------- */

static const struct {
	const char *text;
	enum err e;
	const char *kept, *says;
} bindings[] = {
	{ "", OK, "", "" },
	{ "pool", OK, "", "" },
	{ "acct:a", OK, "acct:a", "" },
	{ " group:team ,acct:b, pool ", OK, "group:team,acct:b,pool", "" },
	{ "acct:z", ERR_UNKNOWN, NULL, "there are" },
	{ "group:z", ERR_UNKNOWN, NULL, "there are team" },
	{ "pool,acct:a", ERR_VALUE, NULL, "last" },
	{ "acct:a,acct:a", ERR_VALUE, NULL, "twice" },
	{ "a", ERR_VALUE, NULL, "an example" },
	{ "acct:", ERR_VALUE, NULL, "an example" },
	{ "acct:a,group:te am", ERR_VALUE, NULL, "an example" },
};

static void
a_binding_names_what_is_there(void **state)
{
	struct bench *b = *state;

	assert_int_equal(save(b, "team", "c", "", false, 0), OK);
	for (size_t i = 0; i < COUNT(bindings); i++) {
		struct why why = { .text = "" };
		struct buf out;
		enum err e;

		buf_init(&out, BINDING_TEXT_MAX);
		e = binding_check(str_of(bindings[i].text), &b->pool, &b->gs,
		    &out, &why);
		assert_int_equal(e, bindings[i].e);
		if (e)
			assert_non_null(strstr(why.text, bindings[i].says));
		else
			assert_string_equal(buf_cstr(&out), bindings[i].kept);
		buf_fini(&out);
	}
}

static void
what_a_key_is_bound_to_is_looked_up_when_something_changes(void **state)
{
	struct bench *b = *state;
	struct apikey k = { .rec = {
				.rev = 1, .bind = STR("group:team, acct:b") } };
	const struct binding *to = binding_of_key(&k, &b->pool);
	unsigned tier;

	assert_null(binding_of_key(NULL, &b->pool));
	assert_int_equal(to->count, 2);
	assert_null(to->tier[0].group);
	assert_false(binding_has(to, &b->at[2], &tier));
	assert_true(binding_has(to, &b->at[1], &tier));
	assert_int_equal(tier, 1);
	assert_int_equal(save(b, "team", "c", "", false, 0), OK);
	to = binding_of_key(&k, &b->pool);
	assert_true(binding_has(to, &b->at[2], &tier));
	assert_int_equal(tier, 0);
	k.rec.bind = STR("acct:a");
	k.rec.rev++;
	to = binding_of_key(&k, &b->pool);
	assert_int_equal(to->count, 1);
	assert_true(binding_names(k.rec.bind, TIER_ACCOUNT, STR("a")));
	assert_false(binding_names(k.rec.bind, TIER_GROUP, STR("a")));
	free(k.binding);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_read_to_the_first_that_is_none),
		cmocka_unit_test(members_stand_in_order_each_once),
		TEST(a_group_is_kept_changed_and_removed),
		TEST(what_names_no_account_or_strategy_is_refused),
		TEST(an_account_that_goes_leaves_its_groups_in_the_store_too),
		TEST(a_binding_names_what_is_there),
		TEST(
		    what_a_key_is_bound_to_is_looked_up_when_something_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
