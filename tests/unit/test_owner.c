/* SPDX-License-Identifier: MIT */
/* test_owner.c - people by name and by number. */
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relay-tui/owner.h"

/* Nobody is called so, and nobody has that number. */
#define NAME "no-such-user-here"
#define UID  "4294967200"

static void
what_is_typed_becomes_an_owner(void **state)
{
	static const struct {
		const char *said;
		bool chooses;
		enum err e;
		const char *owner;
	} cases[] = {
		{ "root", false, OK, "uid:0" },
		{ "@root", false, OK, "uid:0" },
		{ "0", false, OK, "uid:0" },
		{ "uid:0", false, OK, "uid:0" },
		{ UID, false, OK, "uid:" UID },
		{ "uid:" UID, false, OK, "uid:" UID },
		{ "=root", false, OK, "root" },
		{ "=", false, OK, "" },
		{ "", false, OK, "" },
		{ NAME, false, ERR_UNKNOWN, NULL },
		{ "@" NAME, false, ERR_UNKNOWN, NULL },
		{ "@0", false, ERR_UNKNOWN, NULL },
		{ "uid:x", false, ERR_UNKNOWN, NULL },
		{ "4294967295", false, ERR_UNKNOWN, NULL },
		/* Among the owners there are. */
		{ NAME, true, OK, NAME },
		{ "the team", true, OK, "the team" },
		{ "root", true, OK, "uid:0" },
		{ "@" NAME, true, ERR_UNKNOWN, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[OWNER_TEXT] = "untouched";
		struct why why = { .text = "" };
		enum err e = owner_read(str_of(cases[i].said), cases[i].chooses,
		    out, &why);

		if (e != cases[i].e ||
		    strcmp(out, e ? "untouched" : cases[i].owner) != 0)
			fail_msg("\"%s\": %s, \"%s\"", cases[i].said,
			    err_name(e), out);
		if (e)
			assert_non_null(strstr(why.text, "no user"));
	}
}

static void
a_long_one_is_refused(void **state)
{
	char said[OWNER_TEXT + 10], out[OWNER_TEXT];

	(void)state;
	memset(said, 'x', sizeof(said) - 1);
	said[sizeof(said) - 1] = '\0';
	assert_int_equal(owner_read(str_of(said), true, out, NULL), ERR_LIMIT);
	said[0] = '=';
	assert_int_equal(owner_read(str_of(said), true, out, NULL), ERR_LIMIT);
	said[0] = '@';
	assert_int_equal(owner_read(str_of(said), true, out, NULL), ERR_LIMIT);
}

static void
an_owner_is_shown_by_name_where_there_is_one(void **state)
{
	static const struct {
		const char *owner, *shown;
	} cases[] = {
		{ "uid:0", "root" },
		{ "uid:" UID, "uid:" UID },
		{ "uid:", "uid:" },
		{ "user uid:0", "user root" },
		{ "user uid:" UID, "user uid:" UID },
		{ "uid:0 x", "uid:0 x" },
		{ "uid:4294967295", "uid:4294967295" },
		{ "uid:99999999999999999999", "uid:99999999999999999999" },
		{ "the team", "the team" },
		{ "root", "root" },
		{ "a\033[31mb", "a[31mb" },
		{ "", "" },
	};
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_init(&out, 256);
		owner_write(str_of(cases[i].owner), &out);
		assert_string_equal(buf_cstr(&out), cases[i].shown);
		buf_fini(&out);
	}
	buf_init(&out, 256);
	uid_write(0, &out);
	buf_must(&out, STR(" "));
	uid_write(4294967200, &out);
	buf_must(&out, STR(" "));
	uid_write(-1, &out);
	assert_string_equal(buf_cstr(&out), "root " UID " -1");
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_typed_becomes_an_owner),
		cmocka_unit_test(a_long_one_is_refused),
		cmocka_unit_test(an_owner_is_shown_by_name_where_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
