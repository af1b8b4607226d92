/* SPDX-License-Identifier: MIT */
/* test_audit.c - rows of changes: what they say, and that they hold together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "relayd/audit.h"
#include "tests/support/storebox.h"

static const struct audit_who me = {
	.uid = 1000, .pid = 42, .method = "account_set"
};

static enum err
write_two(struct txn *t, void *arg, struct why *out_why)
{
	const struct account_rec before = { .name = STR("a"),
		.kind = STR("claude-api"),
		.priority = 50,
		.credential = STR("sealed one"),
		.rev = 1 };
	struct account_rec after = before;
	enum err e;

	(void)arg;
	after.priority = 10;
	after.credential = STR("sealed two");
	after.rev = 2;
	after.changed_at = 99;
	e = audit_write(t, &me, "account", STR("a"), &account_kind, NULL,
	    &before, out_why);
	if (!e)
		e = audit_write(t, &me, "account", STR("a"), &account_kind,
		    &before, &after, out_why);
	if (!e)
		e = audit_write(t, &me, "account", STR("a"), &account_kind,
		    &after, NULL, out_why);
	return e;
}

struct seen {
	bool done;
	size_t count;
	bool more;
	uint64_t numbers[8];
	char changes[8][256];
	struct audit_check check;
	enum err e;
};

static void
on_list(void *arg, enum err e, const struct why *why,
    const struct audit_row *rows, size_t count, bool more)
{
	struct seen *s = arg;

	(void)why;
	s->e = e;
	s->count = count;
	s->more = more;
	for (size_t i = 0; i < count && i < 8; i++) {
		s->numbers[i] = rows[i].number;
		snprintf(s->changes[i], sizeof(s->changes[i]), "%.*s",
		    STR_ARG(rows[i].rec.changes));
	}
	s->done = true;
}

static void
on_check(void *arg, enum err e, const struct why *why,
    const struct audit_check *check)
{
	struct seen *s = arg;

	(void)why;
	s->e = e;
	s->check = *check;
	s->done = true;
}

static struct audit_check
verified(struct storebox *b)
{
	struct seen s = { .done = false };

	audit_verify(b->s, on_check, &s);
	storebox_wait(b, &s.done);
	assert_int_equal(s.e, OK);
	return s.check;
}

static void
begin(struct storebox *b)
{
	struct why why;

	storebox_init(b);
	assert_int_equal(storebox_open(b, &store_lmdb, &why), OK);
	storebox_start(b);
	assert_int_equal(storebox_run(b, LANE_WRITE, write_two, NULL, &why),
	    OK);
}

static void
a_row_says_what_changed_and_shows_no_secret(void **state)
{
	struct audit_query q = { .limit = 0 };
	struct seen s = { .done = false };
	struct storebox b;

	(void)state;
	begin(&b);
	audit_list(b.s, &q, on_list, &s);
	storebox_wait(&b, &s.done);
	assert_int_equal(s.count, 3);
	assert_int_equal(s.numbers[0], 3);
	assert_string_equal(s.changes[0], "removed");
	assert_string_equal(s.changes[1],
	    "credential: changed\npriority: 50 -> 10");
	assert_string_equal(s.changes[2],
	    "name: (none) -> \"a\"\nkind: (none) -> \"claude-api\"\n"
	    "credential: changed\npriority: (none) -> 50");
	storebox_fini(&b);
}

static void
a_list_goes_on_below_the_last_number(void **state)
{
	struct audit_query q = { .limit = 2 };
	struct seen s = { .done = false };
	struct storebox b;

	(void)state;
	begin(&b);
	audit_list(b.s, &q, on_list, &s);
	storebox_wait(&b, &s.done);
	assert_int_equal(s.count, 2);
	assert_true(s.more);
	q.below = s.numbers[1];
	s.done = false;
	audit_list(b.s, &q, on_list, &s);
	storebox_wait(&b, &s.done);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.numbers[0], 1);
	assert_false(s.more);
	storebox_fini(&b);
}

static void
a_whole_chain_is_verified(void **state)
{
	struct audit_check check;
	struct storebox b;

	(void)state;
	begin(&b);
	check = verified(&b);
	assert_int_equal(check.rows, 3);
	assert_int_equal(check.broken_at, 0);
	storebox_fini(&b);
}

/* What an intruder with the store in hand would do. */
static enum err
tamper(struct txn *t, void *arg, struct why *out_why)
{
	const char *how = arg;
	const char key[8] = { 0, 0, 0, 0, 0, 0, 0, how[0] };
	struct str at = str_at(key, sizeof(key)), value;
	struct audit_rec r;
	char copy[512];
	struct buf out;
	size_t len;
	enum err e;

	(void)out_why;
	if (how[1] == 'x')
		return txn_del(t, TABLE_audit, at);
	e = txn_get(t, TABLE_audit, at, &value);
	if (e)
		return e;
	len = value.len;
	memcpy(copy, value.at, len);
	e = audit_rec_read(str_at(copy, len), &r);
	r.uid = 0;
	buf_init(&out, 512);
	if (!e)
		e = audit_rec_write(&r, &out);
	if (!e)
		e = txn_put(t, TABLE_audit, at, buf_str(&out));
	buf_fini(&out);
	return e;
}

static void
a_row_that_was_touched_is_noticed(void **state)
{
	/* The number, x for removal; and where it shows. */
	static const struct {
		char how[3];
		uint64_t at;
	} cases[] = {
		{ "\1x", 1 },
		{ "\2x", 2 },
		{ "\3x", 4 - 1 },
		{ "\1u", 2 },
		{ "\2u", 3 },
		{ "\3u", 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct audit_check check;
		struct storebox b;
		struct why why;
		char how[3];

		begin(&b);
		memcpy(how, cases[i].how, sizeof(how));
		assert_int_equal(storebox_run(&b, LANE_WRITE, tamper, how,
				     &why),
		    OK);
		check = verified(&b);
		assert_int_equal(check.broken_at, cases[i].at);
		storebox_fini(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_says_what_changed_and_shows_no_secret),
		cmocka_unit_test(a_list_goes_on_below_the_last_number),
		cmocka_unit_test(a_whole_chain_is_verified),
		cmocka_unit_test(a_row_that_was_touched_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
