/* SPDX-License-Identifier: MIT */
/* test_account_keys.c - several keys of one account: their text, and their turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/account_keys.h"

#define THREE "fk-aaaaaaaaaaaa0001 fk-bbbbbbbbbbbb0002 fk-cccccccccccc0003"

static void
keys_are_told_apart_by_whatever_is_between(void **state)
{
	static const struct {
		const char *given, *kept;
		enum err e;
	} cases[] = {
		{ "12345678", "12345678", OK },
		{ " 12345678\r\n\t12345679\n\n", "12345678 12345679", OK },
		{ "12345678 12345679 12345670", "12345678 12345679 12345670",
		    OK },
		{ "", NULL, ERR_VALUE },
		{ " \n\t ", NULL, ERR_VALUE },
		{ "1234567", NULL, ERR_VALUE },
		{ "12345678 1234\001678", NULL, ERR_VALUE },
		{ "12345678 1234567\xc3\xa4", NULL, ERR_VALUE },
		{ "12345678 12345678", NULL, ERR_EXISTS },
		{ "12345678 12345679 12345678", NULL, ERR_EXISTS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out;
		struct why why = { .text = "" };
		enum err e;

		buf_init(&out, 4096);
		e = account_keys_read(str_of(cases[i].given), &out, &why);
		if (e != cases[i].e)
			fail_msg("case %zu: %d, %s", i, (int)e, why.text);
		if (cases[i].kept)
			assert_string_equal(buf_cstr(&out), cases[i].kept);
		else
			assert_null(strstr(why.text, "12345678"));
		buf_fini(&out);
	}
}

static void
no_more_keys_than_a_ring_holds(void **state)
{
	char text[ACCOUNT_KEYS_MAX * 12 + 16] = "",
					  longest[ACCOUNT_KEY_MOST + 2];
	struct why why;
	struct buf out;
	size_t n = 0;

	(void)state;
	buf_init(&out, 4096);
	for (int i = 0; i < ACCOUNT_KEYS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "key-%04d ",
		    i);
	assert_int_equal(account_keys_read(str_of(text), &out, &why), OK);
	snprintf(text + n, sizeof(text) - n, "key-last");
	buf_clear(&out);
	assert_int_equal(account_keys_read(str_of(text), &out, &why),
	    ERR_LIMIT);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	buf_clear(&out);
	assert_int_equal(account_keys_read(str_of(longest), &out, &why),
	    ERR_VALUE);
	longest[sizeof(longest) - 2] = '\0';
	buf_clear(&out);
	assert_int_equal(account_keys_read(str_of(longest), &out, &why), OK);
	buf_fini(&out);
}

static struct account_key *
take(struct account_keys *r, int64_t now_ms)
{
	static int64_t clock;
	struct account_key *k = account_keys_next(r, now_ms);

	k->used_us = ++clock;
	return k;
}

static void
every_key_has_its_turn(void **state)
{
	struct account_keys r = { .count = 0 };
	unsigned turns[4] = { 0 };

	(void)state;
	assert_null(account_keys_next(&r, 0));
	assert_int_equal(account_keys_opens(&r, 0), 0);
	account_keys_set(&r, STR(THREE));
	assert_int_equal(r.count, 3);
	for (int i = 0; i < 9; i++)
		turns[take(&r, 0)->nr]++;
	for (unsigned nr = 1; nr <= 3; nr++)
		assert_int_equal(turns[nr], 3);
	account_keys_fini(&r);
}

static void
a_key_that_rests_is_left_out_until_its_time(void **state)
{
	struct account_keys r = { .count = 0 };

	(void)state;
	account_keys_set(&r, STR(THREE));
	gate_shut(&account_keys_find(&r, 1)->gates, GATE_AUTH, 1000, "no");
	for (int i = 0; i < 4; i++)
		assert_int_not_equal(take(&r, 500)->nr, 1);
	assert_true(account_keys_has_other(&r, 2, 500));
	gate_shut(&account_keys_find(&r, 3)->gates, GATE_RATE, 800, "no");
	assert_false(account_keys_has_other(&r, 2, 500));
	assert_true(account_keys_has_other(&r, 2, 800));
	assert_int_equal(account_keys_opens(&r, 500), 0);
	gate_shut(&account_keys_find(&r, 2)->gates, GATE_CREDIT, 900, "no");
	/* None is left: the one that comes back first. */
	assert_int_equal(account_keys_opens(&r, 500), 800);
	assert_int_equal(account_keys_next(&r, 500)->nr, 3);
	assert_int_equal(account_keys_opens(&r, 800), 0);
	account_keys_forgive(&r);
	assert_int_equal(account_keys_opens(&r, 500), 0);
	account_keys_fini(&r);
}

static void
what_is_known_of_a_key_stays_with_it(void **state)
{
	struct account_keys r = { .count = 0 };

	(void)state;
	account_keys_set(&r, STR(THREE));
	gate_shut(&account_keys_find(&r, 2)->gates, GATE_AUTH, 1000, "no");
	account_keys_find(&r, 2)->requests = 7;
	account_keys_set(&r, STR("fk-dddddddddddd0004 fk-bbbbbbbbbbbb0002"));
	assert_int_equal(r.count, 2);
	assert_null(account_keys_find(&r, 1));
	assert_int_equal(account_keys_find(&r, 2)->requests, 7);
	assert_int_equal(account_keys_next(&r, 500)->nr, 4);
	/* One that comes again is a new one. */
	account_keys_set(&r, STR("fk-aaaaaaaaaaaa0001"));
	assert_int_equal(r.at[0].nr, 5);
	account_keys_set(&r, STR(""));
	assert_int_equal(r.count, 0);
	account_keys_fini(&r);
}

static void
a_key_is_found_by_its_end(void **state)
{
	struct account_keys r = { .count = 0 };
	struct account_key *k = NULL;

	(void)state;
	account_keys_set(&r, STR(THREE " fk-dddddddddddd1002"));
	assert_int_equal(account_keys_find_end(&r, STR("0003"), &k), OK);
	assert_int_equal(k->nr, 3);
	assert_true(str_eq(account_keys_end(k), STR("0003")));
	assert_int_equal(account_keys_find_end(&r, STR("b0002"), &k), OK);
	assert_int_equal(account_keys_find_end(&r, STR("002"), &k),
	    ERR_UNKNOWN);
	assert_int_equal(account_keys_find_end(&r, STR("0004"), &k),
	    ERR_UNKNOWN);
	account_keys_set(&r, STR("fk-aaaaaaaaaaaa0002 fk-bbbbbbbbbbbb0002"));
	assert_int_equal(account_keys_find_end(&r, STR("0002"), &k), ERR_VALUE);
	/* Of a short one nothing is shown. */
	account_keys_set(&r, STR("shortkey"));
	assert_int_equal(account_keys_end(&r.at[0]).len, 0);
	account_keys_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_told_apart_by_whatever_is_between),
		cmocka_unit_test(no_more_keys_than_a_ring_holds),
		cmocka_unit_test(every_key_has_its_turn),
		cmocka_unit_test(a_key_that_rests_is_left_out_until_its_time),
		cmocka_unit_test(what_is_known_of_a_key_stays_with_it),
		cmocka_unit_test(a_key_is_found_by_its_end),
	};

	return cmocka_run_group_tests_name("account_keys", tests, NULL, NULL);
}
