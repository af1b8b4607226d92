/* SPDX-License-Identifier: MIT */
/* test_ctl_budget.c - who may see and change which limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/controlbox.h"

/* Two people with a key each, and a limit of every scope. */
static void
furnish(struct house *h)
{
	struct client c;

	client_connect(&c, h);
	asked_well(&c, "key.create",
	    "{\"name\":\"mine\",\"owner\":\"uid:4711\",\"tags\":\"team\"}");
	asked_well(&c, "key.create",
	    "{\"name\":\"theirs\",\"owner\":\"uid:4712\"}");
	asked_well(&c, "budget.add",
	    "{\"scope\":\"key:mine\",\"limit\":\"1 usd\",\"per\":\"day\"}");
	asked_well(&c, "budget.add",
	    "{\"scope\":\"key:theirs\",\"limit\":\"1 usd\",\"per\":\"day\"}");
	asked_well(&c, "budget.add",
	    "{\"scope\":\"user:uid:4711\",\"limit\":\"2 usd\",\"per\":\"5h\"}");
	asked_well(&c, "budget.add",
	    "{\"scope\":\"user:uid:4712\",\"limit\":\"2 usd\",\"per\":\"5h\"}");
	asked_well(&c, "budget.add",
	    "{\"scope\":\"tag:team\",\"limit\":\"9 usd\",\"per\":\"month\"}");
	asked_well(&c, "budget.add",
	    "{\"scope\":\"all\",\"limit\":\"99 usd\",\"per\":\"month\"}");
	client_fini(&c);
}

/* What a list holds: "key mine, all, ..." in any order. */
static void
sees(struct client *c, const char *params, unsigned count,
    const char *const *want)
{
	struct ctl_frame f = ask(c, "budget.list", params);

	assert_int_equal(f.kind, CTL_RESULT);
	assert_int_equal(json_count(f.data), count);
	for (unsigned i = 0; i < count; i++) {
		const struct json *row = json_first(f.data);

		while (row && !str_eq(text_at(row, "of"), str_of(want[i])))
			row = json_next(row);
		if (!row)
			fail_msg("%s is not seen", want[i]);
	}
	ctl_frame_fini(&f);
}

static void
people_see_what_limits_their_own_keys(void **state)
{
	static const char *const own[] = { "key mine", "user uid:4711" };
	static const char *const of_key[] = { "key mine", "user uid:4711",
		"tag team", "all" };
	static const char *const all[] = { "key mine", "key theirs",
		"user uid:4711", "user uid:4712", "tag team", "all" };
	struct house *h = *state;
	struct client self, view;

	furnish(h);
	client_adopt(&self, h, CTL_SELF);
	client_adopt(&view, h, CTL_VIEW);
	sees(&self, "{}", 2, own);
	sees(&self, "{\"key\":\"mine\"}", 4, of_key);
	asked_badly(&self, "budget.list", "{\"key\":\"theirs\"}", ERR_UNKNOWN);
	sees(&view, "{}", 6, all);
	sees(&view, "{\"scope\":\"all\"}", 1, all + 5);
	client_fini(&self);
	client_fini(&view);
}

static void
only_admins_change_limits(void **state)
{
	static const enum ctl_role roles[] = { CTL_SELF, CTL_VIEW, CTL_OPS };
	struct house *h = *state;
	struct budget *b;

	furnish(h);
	b = TAILQ_FIRST(&h->budgets.list);
	for (int i = 0; i < 3; i++) {
		struct client c;
		char params[100];

		client_adopt(&c, h, roles[i]);
		asked_badly(&c, "budget.add",
		    "{\"scope\":\"all\",\"limit\":\"1 usd\",\"per\":\"day\"}",
		    ERR_DENIED);
		snprintf(params, sizeof(params), "{\"budget\":\"%.*s\"}",
		    STR_ARG(b->rec.id));
		asked_badly(&c, "budget.set", params, ERR_DENIED);
		asked_badly(&c, "budget.rm", params, ERR_DENIED);
		client_fini(&c);
	}
	assert_int_equal(h->budgets.count, 6);
}

int
main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
	const struct CMUnitTest tests[] = {
		TEST(people_see_what_limits_their_own_keys),
		TEST(only_admins_change_limits),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
