/* SPDX-License-Identifier: MIT */
/* test_migrate.c - a store is brought from its version to the newest, wholly or
 * not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/migrate.h"

#include "tests/support/storebox.h"

/* Each step adds its letter to the trace, so that order and number show. */
static enum err
add_letter(struct txn *t, const char *letter)
{
	char trace[16];
	struct str old = STR("");
	enum err e = txn_get(t, TABLE_setting, STR("trace"), &old);
	int len;

	if (e && e != ERR_UNKNOWN)
		return e;
	len = snprintf(trace, sizeof(trace), "%.*s%s", STR_ARG(old), letter);
	return txn_put(t, TABLE_setting, STR("trace"),
	    str_at(trace, (size_t)len));
}

static enum err
step_a(struct txn *t, struct why *out_why)
{
	(void)out_why;
	return add_letter(t, "a");
}

static enum err
step_b(struct txn *t, struct why *out_why)
{
	(void)out_why;
	return add_letter(t, "b");
}

static enum err
step_broken(struct txn *t, struct why *out_why)
{
	enum err e = add_letter(t, "x");

	return e ? e : why_set(out_why, ERR_CORRUPT, "", "no such horse");
}

static const struct migration good[] = {
	{ 1, "letters of the first kind", step_a },
	{ 2, "letters of the second kind", step_b },
};
static const struct migration broken[] = {
	{ 1, "letters of the first kind", step_a },
	{ 2, "letters that fail", step_broken },
};

struct run {
	struct migrations m;
	const char *from; /* written as the version first; NULL: none */
	const char *version, *trace; /* after it */
	enum err e;
	const char *text; /* in the reason */
};

static enum err
set_version(struct txn *t, void *arg, struct why *out_why)
{
	const struct run *r = arg;
	enum err e;

	(void)out_why;
	if (r->from)
		return txn_put(t, TABLE_meta, STR("schema"), str_of(r->from));
	/* As store_open() left it. */
	e = txn_del(t, TABLE_meta, STR("schema"));
	return e == ERR_UNKNOWN ? OK : e;
}

static enum err
migrate(struct txn *t, void *arg, struct why *out_why)
{
	const struct run *r = arg;

	return migrate_run(t, &r->m, out_why);
}

/* What is there afterwards; "" when nothing is. */
struct found {
	char version[16], trace[16];
};

static enum err
copy_out(struct txn *t, enum table table, struct str key, char out[16])
{
	struct str got = STR("");
	enum err e = txn_get(t, table, key, &got);

	snprintf(out, 16, "%.*s", STR_ARG(got));
	return e == ERR_UNKNOWN ? OK : e;
}

static enum err
look(struct txn *t, void *arg, struct why *out_why)
{
	struct found *f = arg;
	enum err e = copy_out(t, TABLE_meta, STR("schema"), f->version);

	(void)out_why;
	return e ? e : copy_out(t, TABLE_setting, STR("trace"), f->trace);
}

static void
steps_run_in_order_or_leave_no_trace(void **state)
{
	static const struct run runs[] = {
		/* An empty store just gets the number. */
		{ { good, 2 }, NULL, "3", NULL, OK, "" },
		{ { NULL, 0 }, NULL, "1", NULL, OK, "" },
		{ { good, 2 }, "1", "3", "ab", OK, "" },
		{ { good, 1 }, "1", "2", "a", OK, "" },
		{ { good, 2 }, "2", "3", "b", OK, "" },
		{ { good, 2 }, "3", "3", NULL, OK, "" },
		{ { good, 2 }, "4", "4", NULL, ERR_UNSUPPORTED,
		    "version 4, this relayd knows up to 3" },
		{ { NULL, 0 }, "2", "2", NULL, ERR_UNSUPPORTED, "newer" },
		{ { broken, 2 }, "1", "1", NULL, ERR_CORRUPT,
		    "from version 2 (letters that fail): no such horse" },
		{ { broken, 2 }, NULL, "3", NULL, OK, "" },
		{ { good, 2 }, "horse", "horse", NULL, ERR_CORRUPT,
		    "not a number" },
		{ { good, 2 }, "0", "0", NULL, ERR_CORRUPT, "not a number" },
		{ { good, 2 }, "", "", NULL, ERR_CORRUPT, "not a number" },
		{ { good, 2 }, "99999999999", "99999999999", NULL, ERR_CORRUPT,
		    "not a number" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++) {
		struct run r = runs[i];
		struct storebox box;
		struct why why = { 0 };
		struct found found;

		storebox_init(&box);
		assert_int_equal(storebox_open(&box, &store_mem, NULL), OK);
		storebox_start(&box);
		assert_int_equal(storebox_run(&box, LANE_WRITE, set_version, &r,
				     NULL),
		    OK);
		assert_int_equal(storebox_run(&box, LANE_WRITE, migrate, &r,
				     &why),
		    r.e);
		assert_non_null(strstr(why.text, r.text));
		assert_int_equal(storebox_run(&box, LANE_READ, look, &found,
				     NULL),
		    OK);
		assert_string_equal(found.version, r.version);
		assert_string_equal(found.trace, r.trace ? r.trace : "");
		storebox_fini(&box);
	}
}

static void
our_own_steps_are_without_gaps(void **state)
{
	(void)state;
	for (unsigned i = 0; i < migrations.count; i++) {
		assert_int_equal(migrations.steps[i].from, i + 1);
		assert_non_null(migrations.steps[i].name);
		assert_non_null(migrations.steps[i].run);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_run_in_order_or_leave_no_trace),
		cmocka_unit_test(our_own_steps_are_without_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
