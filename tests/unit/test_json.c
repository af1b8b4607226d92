/* SPDX-License-Identifier: MIT */
/* test_json.c - small JSON documents read and written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/json.h"

static struct json *
parse(const char *text)
{
	struct json *root = NULL;
	struct why why = { .text = "" };

	if (json_parse(str_of(text), 4096, &root, &why))
		fail_msg("%s: %s", text, why.text);
	return root;
}

static void
what_is_not_strict_json_is_refused(void **state)
{
	static const struct {
		const char *text;
		enum err e;
		const char *field;
	} cases[] = {
		{ "", ERR_SYNTAX, "" },
		{ "1", ERR_SYNTAX, "" },
		{ "null", ERR_SYNTAX, "" },
		{ "{} x", ERR_SYNTAX, "" },
		{ "[] []", ERR_SYNTAX, "" },
		{ "[1],\"x\":[2]", ERR_SYNTAX, "" },
		{ "[1]}", ERR_SYNTAX, "" },
		{ "[01]", ERR_SYNTAX, "" },
		{ "[1e400]", ERR_SYNTAX, "" },
		{ "{\"a\":-1e400}", ERR_SYNTAX, "" },
		{ "[\"\t\"]", ERR_SYNTAX, "" },
		{ "[\"\\ud800\"]", ERR_SYNTAX, "" },
		{ "[\"x\\u0000y\"]", ERR_SYNTAX, "" },
		{ "[\"x\\\\\\u0000y\"]", ERR_SYNTAX, "" },
		{ "{\"\\u0000\":1}", ERR_SYNTAX, "" },
		{ "\xef\xbb\xbf{}", ERR_SYNTAX, "" },
		{ "{\"a\":1,\"a\":2}", ERR_EXISTS, "a" },
		{ "{\"a\":1,\"\\u0061\":2}", ERR_EXISTS, "a" },
		{ "[[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]]", ERR_EXISTS, "b" },
		{ "[\"0123456789012345678901234567890123456789012345678\"]",
		    ERR_LIMIT, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *root = NULL;
		struct why why = { .field = "" };
		enum err e = json_parse(str_of(cases[i].text), 48, &root, &why);

		if (e != cases[i].e)
			fail_msg("%s: %s", cases[i].text, err_name(e));
		assert_string_equal(why.field, cases[i].field);
		assert_string_not_equal(why.text, "");
		assert_null(root);
	}
}

static void
keys_are_told_apart_by_case_and_escaped_backslashes_are_no_nul(void **state)
{
	struct json *root = parse(" {\"a\":\"\\\\u0000\",\"A\":2}\n");
	struct str s;
	int64_t n;

	(void)state;
	assert_int_equal(json_want_str(root, "a", &s, NULL), OK);
	assert_true(str_eq(s, STR("\\u0000")));
	assert_int_equal(json_want_i64(root, "A", 0, 9, &n, NULL), OK);
	assert_int_equal(n, 2);
	json_free(root);
}

static void
nesting_has_a_limit(void **state)
{
	char text[4 * JSON_DEPTH_MAX];
	struct json *root = NULL;
	struct why why;

	(void)state;
	for (size_t n = JSON_DEPTH_MAX; n <= JSON_DEPTH_MAX + 1; n++) {
		memset(text, '[', n);
		text[n] = '1';
		memset(text + n + 1, ']', n);
		assert_int_equal(json_parse(str_at(text, 2 * n + 1), 4096,
				     &root, &why),
		    n == JSON_DEPTH_MAX ? OK : ERR_LIMIT);
	}
	json_free(root);
}

static void
members_are_got_by_type(void **state)
{
	struct json *root = parse("{\"s\":\"t\",\"n\":7,\"b\":true,\"o\":{},"
				  "\"a\":[1,2],\"z\":null,\"f\":1.5}");
	const struct json *v = NULL;
	struct why why = { .field = "" };
	struct str s = STR("unset");
	int64_t n = -1;
	bool b = false;

	(void)state;
	assert_int_equal(json_want_str(root, "s", &s, &why), OK);
	assert_true(str_eq(s, STR("t")));
	assert_int_equal(json_want_i64(root, "n", 0, 7, &n, &why), OK);
	assert_int_equal(n, 7);
	assert_int_equal(json_want_bool(root, "b", &b, &why), OK);
	assert_true(b);
	assert_int_equal(json_want_array(root, "a", &v, &why), OK);
	assert_int_equal(json_count(v), 2);

	assert_int_equal(json_want_str(root, "n", &s, &why), ERR_VALUE);
	assert_string_equal(why.field, "n");
	assert_int_equal(json_want_str(root, "z", &s, &why), ERR_UNKNOWN);
	assert_int_equal(json_want_i64(root, "q", 0, 1, &n, &why), ERR_UNKNOWN);
	assert_string_equal(why.field, "q");
	assert_int_equal(json_want_i64(root, "n", 8, 9, &n, &why), ERR_VALUE);
	assert_int_equal(json_want_i64(root, "n", 0, 6, &n, &why), ERR_VALUE);
	assert_int_equal(json_want_i64(root, "f", 0, 9, &n, &why), ERR_VALUE);
	assert_int_equal(json_want_bool(root, "n", &b, &why), ERR_VALUE);
	assert_int_equal(json_want_array(root, "o", &v, &why), ERR_VALUE);

	n = 99;
	assert_int_equal(json_may_i64(root, "q", 0, 1, &n, &why), OK);
	assert_int_equal(json_may_i64(root, "z", 0, 1, &n, &why), OK);
	assert_int_equal(n, 99);
	assert_int_equal(json_may_str(root, "b", &s, &why), ERR_VALUE);
	assert_int_equal(json_may_bool(root, "q", &b, &why), OK);

	assert_null(json_at(json_at(NULL, "x"), "y"));
	assert_null(json_at(json_at(root, "s"), "y"));
	json_free(root);
}

static void
only_exact_numbers_are_whole(void **state)
{
	static const struct {
		const char *text;
		enum err e;
	} cases[] = {
		{ "[9007199254740991]", OK },
		{ "[-9007199254740991]", OK },
		{ "[9007199254740992]", ERR_VALUE },
		{ "[9007199254740993]", ERR_VALUE },
		{ "[0.5]", ERR_VALUE },
		{ "[\"1\"]", ERR_VALUE },
		{ "[1e3]", OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *root = parse(cases[i].text);
		int64_t n;

		assert_int_equal(json_as_i64(json_first(root), &n), cases[i].e);
		json_free(root);
	}
}

static void
elements_and_members_are_walked_in_order(void **state)
{
	struct json *root = parse("{\"x\":1,\"y\":[\"a\",\"b\"]}");
	const struct json *v = json_first(root);
	struct str s;

	(void)state;
	assert_true(str_eq(json_key(v), STR("x")));
	assert_int_equal(json_type(v), JSON_NUMBER);
	v = json_next(v);
	assert_true(str_eq(json_key(v), STR("y")));
	assert_null(json_next(v));
	v = json_first(v);
	assert_true(str_eq(json_key(v), STR("")));
	assert_int_equal(json_as_str(json_next(v), &s), OK);
	assert_true(str_eq(s, STR("b")));
	assert_null(json_first(NULL));
	json_free(root);
}

static void
commas_and_colons_place_themselves(void **state)
{
	struct json_out j;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	json_begin(&j, &b);
	json_open(&j, '{');
	json_say(&j, "a", STR("x"));
	json_say_i64(&j, "b", INT64_MIN);
	json_put_key(&j, "c");
	json_open(&j, '[');
	json_put_i64(&j, 1);
	json_open(&j, '[');
	json_close(&j, ']');
	json_open(&j, '{');
	json_say_bool(&j, "t", true);
	json_say_bool(&j, "f", false);
	json_close(&j, '}');
	json_put_null(&j);
	json_put_raw(&j, STR("{\"raw\":1}"));
	json_close(&j, ']');
	json_say_null(&j, "d");
	json_close(&j, '}');
	assert_int_equal(json_end(&j), OK);
	assert_string_equal(buf_cstr(&b),
	    "{\"a\":\"x\",\"b\":-9223372036854775808,\"c\":[1,[],{\"t\":true,"
	    "\"f\":false},null,{\"raw\":1}],\"d\":null}");
	buf_fini(&b);
}

static void
strings_are_escaped_and_made_utf8(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "\"\"" },
		{ "a\"b\\c/", "\"a\\\"b\\\\c/\"" },
		{ "\b\f\n\r\t\x01\x1f\x7f",
		    "\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "\xf4\x8f\xbf\xbf\xed\x9f\xbf",
		    "\"\xf4\x8f\xbf\xbf\xed\x9f\xbf\"" },
#define BAD "\xef\xbf\xbd"
		{ "x\xff"
		  "y",
		    "\"x" BAD "y\"" },
		{ "\xc0\x80", "\"" BAD BAD "\"" },
		{ "\xc3", "\"" BAD "\"" },
		{ "\xe2\x82", "\"" BAD BAD "\"" },
		{ "\xe0\x80\x80", "\"" BAD BAD BAD "\"" },
		{ "\xed\xa0\x80", "\"" BAD BAD BAD "\"" },
		{ "\xf4\x90\x80\x80", "\"" BAD BAD BAD BAD "\"" },
		{ "\xf0\x8f\xbf\xbf", "\"" BAD BAD BAD BAD "\"" },
	};
	struct json_out j;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&b);
		json_begin(&j, &b);
		json_put_string(&j, str_of(cases[i].in));
		assert_int_equal(json_end(&j), OK);
		assert_string_equal(buf_cstr(&b), cases[i].out);
	}
	buf_clear(&b);
	json_begin(&j, &b);
	json_put_string(&j, str_at("a\0b", 3));
	assert_int_equal(json_end(&j), OK);
	assert_string_equal(buf_cstr(&b), "\"a\\u0000b\"");
	buf_fini(&b);
}

static void
a_document_that_does_not_fit_leaves_nothing(void **state)
{
	const char *whole = "{\"a\":[\"x\",1],\"b\":null}";

	(void)state;
	for (size_t max = 3; max <= strlen(whole) + 3; max++) {
		struct json_out j;
		struct buf b;
		bool fits = max == strlen(whole) + 3;

		buf_init(&b, max);
		buf_must(&b, STR("had"));
		json_begin(&j, &b);
		json_open(&j, '{');
		json_put_key(&j, "a");
		json_open(&j, '[');
		json_put_string(&j, STR("x"));
		json_put_i64(&j, 1);
		json_close(&j, ']');
		json_say_null(&j, "b");
		json_close(&j, '}');
		assert_int_equal(json_end(&j), fits ? OK : ERR_LIMIT);
		assert_int_equal(buf_len(&b), fits ? max : 3);
		buf_fini(&b);
	}
}

static void
a_tree_is_written_as_it_was_read(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"[1,-2,0.5,1.0000000000000001e+300,true,false,null,\"\"]",
		"{\"a\":{\"b\":[{\"c\":\"\\n\xc3\xa9\"}]},\"\":[[]]}",
	};
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct json *root = parse(texts[i]);
		struct json_out j;

		buf_clear(&b);
		json_begin(&j, &b);
		json_put_tree(&j, root);
		assert_int_equal(json_end(&j), OK);
		assert_string_equal(buf_cstr(&b), texts[i]);
		json_free(root);
	}
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_strict_json_is_refused),
		cmocka_unit_test(
		    keys_are_told_apart_by_case_and_escaped_backslashes_are_no_nul),
		cmocka_unit_test(nesting_has_a_limit),
		cmocka_unit_test(members_are_got_by_type),
		cmocka_unit_test(only_exact_numbers_are_whole),
		cmocka_unit_test(elements_and_members_are_walked_in_order),
		cmocka_unit_test(commas_and_colons_place_themselves),
		cmocka_unit_test(strings_are_escaped_and_made_utf8),
		cmocka_unit_test(a_document_that_does_not_fit_leaves_nothing),
		cmocka_unit_test(a_tree_is_written_as_it_was_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
