/* SPDX-License-Identifier: MIT */
/* test_enc.c - one text for each value, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/enc.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define assert_held(b, literal)                                                \
	do {                                                                   \
		assert_int_equal(buf_len(b), sizeof(literal) - 1);             \
		assert_memory_equal(buf_cstr(b), literal,                      \
		    sizeof(literal) - 1);                                      \
	} while (0)

static void
base64_is_that_of_rfc_4648(void **state)
{
	static const struct {
		const char *bytes, *text;
		enum enc_base64 variant;
	} cases[] = {
		{ "", "", ENC_BASE64 },
		{ "f", "Zg==", ENC_BASE64 },
		{ "fo", "Zm8=", ENC_BASE64 },
		{ "foo", "Zm9v", ENC_BASE64 },
		{ "foob", "Zm9vYg==", ENC_BASE64 },
		{ "fooba", "Zm9vYmE=", ENC_BASE64 },
		{ "foobar", "Zm9vYmFy", ENC_BASE64 },
		{ "f", "Zg", ENC_BASE64_BARE },
		{ "fo", "Zm8", ENC_BASE64_BARE },
		{ "\xfb\xff\xfe", "+//+", ENC_BASE64 },
		{ "\xfb\xff\xfe", "-__-", ENC_BASE64URL },
		{ "\xff", "_w==", ENC_BASE64URL },
		{ "\xff", "_w", ENC_BASE64URL_BARE },
		{ "", "", ENC_BASE64URL_BARE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct str bytes = str_of(cases[i].bytes);
		struct str text = str_of(cases[i].text);
		struct buf b;

		/* Ceilings at which each just fits. */
		buf_init(&b, text.len);
		assert_int_equal(enc_base64(&b, bytes, cases[i].variant), OK);
		assert_true(str_eq(buf_str(&b), text));
		buf_fini(&b);
		buf_init(&b, bytes.len);
		assert_int_equal(enc_unbase64(&b, text, cases[i].variant), OK);
		assert_true(str_eq(buf_str(&b), bytes));
		buf_fini(&b);
	}
}

static void
base64_is_read_strictly(void **state)
{
	static const struct {
		const char *text;
		enum enc_base64 variant;
	} bad[] = {
		{ "Zg", ENC_BASE64 },
		{ "Zg=", ENC_BASE64 },
		{ "Zg===", ENC_BASE64 },
		{ "Zh==", ENC_BASE64 },
		{ "Zm9=", ENC_BASE64 },
		{ "Z", ENC_BASE64 },
		{ "=", ENC_BASE64 },
		{ "==", ENC_BASE64 },
		{ "====", ENC_BASE64 },
		{ "Z===", ENC_BASE64 },
		{ "Zg==Zg==", ENC_BASE64 },
		{ " Zg==", ENC_BASE64 },
		{ "Zg==\n", ENC_BASE64 },
		{ "Zm\n9v", ENC_BASE64 },
		{ "-__-", ENC_BASE64 },
		{ "+//+", ENC_BASE64URL },
		{ "Zg==", ENC_BASE64_BARE },
		{ "Zh", ENC_BASE64_BARE },
		{ "Z", ENC_BASE64URL_BARE },
		{ "Zm9vY", ENC_BASE64URL_BARE },
		{ "Zg=", ENC_BASE64URL_BARE },
		{ "Zm9*", ENC_BASE64URL },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_must(&b, STR("x"));
	for (size_t i = 0; i < COUNT(bad); i++)
		if (enc_unbase64(&b, str_of(bad[i].text), bad[i].variant) !=
		    ERR_SYNTAX)
			fail_msg("%s", bad[i].text);
	assert_int_equal(enc_unbase64(&b, STR("Zm9v\0"), ENC_BASE64),
	    ERR_SYNTAX);
	assert_held(&b, "x");
	buf_fini(&b);
}

static void
hex_has_two_digits_for_each_byte(void **state)
{
	static const char *const bad[] = { "0", "000", "0g", "g0", " 00", "0 0",
		"00 ", "0x", "00:00" };
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(enc_hex(&b, STR("\x00\x01\xab\xff")), OK);
	assert_held(&b, "0001abff");
	buf_clear(&b);
	assert_int_equal(enc_unhex(&b, STR("0001abFF")), OK);
	assert_held(&b, "\x00\x01\xab\xff");
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(enc_unhex(&b, str_of(bad[i])), ERR_SYNTAX);
	assert_int_equal(buf_len(&b), 4);
	buf_clear(&b);
	assert_int_equal(enc_hex(&b, STR("")), OK);
	assert_int_equal(enc_unhex(&b, STR("")), OK);
	assert_int_equal(buf_len(&b), 0);
	buf_fini(&b);
}

static void
base62_has_one_length_for_each_size(void **state)
{
	(void)state;
	for (size_t n = 1; n <= ENC_BASE62_MAX; n++) {
		char low[ENC_BASE62_MAX], high[ENC_BASE62_MAX];
		struct buf b;

		memset(low, 0, n);
		memset(high, 0xff, n);
		buf_init(&b, 1000);
		assert_int_equal(enc_base62(&b, str_at(low, n)), OK);
		assert_int_equal(buf_len(&b), ENC_BASE62_LEN(n));
		assert_int_equal(enc_base62(&b, str_at(high, n)), OK);
		assert_int_equal(buf_len(&b), 2 * ENC_BASE62_LEN(n));
		/* No length to spare: the first digit of the largest is used. */
		assert_true(buf_str(&b).at[ENC_BASE62_LEN(n)] != '0');
		buf_fini(&b);
	}
	assert_int_equal(ENC_BASE62_LEN(32), 43);
}

static void
base62_knows_these(void **state)
{
	static const struct {
		struct str bytes;
		const char *text;
	} cases[] = {
		{ { "\x00", 1 }, "00" },
		{ { "\x3d", 1 }, "0z" },
		{ { "\x3e", 1 }, "10" },
		{ { "\xff", 1 }, "47" },
		{ { "\x01\x00", 2 }, "048" },
		{ { "\xff\xff", 2 }, "H31" },
		{ { "\x00\x00\x00\x00\x00\x00\x00\x01", 8 }, "00000000001" },
		{ { "\xff\xff\xff\xff\xff\xff\xff\xff", 8 }, "LygHa16AHYF" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf b;

		buf_init(&b, 100);
		assert_int_equal(enc_base62(&b, cases[i].bytes), OK);
		assert_string_equal(buf_cstr(&b), cases[i].text);
		buf_fini(&b);
	}
}

static void
percent_signs_come_and_go(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(enc_percent(&b, STR("aZ09-._~ /?%&+\0\xe9"), "/"), OK);
	assert_held(&b, "aZ09-._~%20/%3F%25%26%2B%00%E9");
	buf_clear(&b);
	assert_int_equal(enc_unpercent(&b, STR("a%20b+%2f%2F%00%e9%E9")), OK);
	assert_held(&b, "a b+//\0\xe9\xe9");
	buf_clear(&b);
	assert_int_equal(enc_unpercent(&b, STR("%")), ERR_SYNTAX);
	assert_int_equal(enc_unpercent(&b, STR("a%2")), ERR_SYNTAX);
	assert_int_equal(enc_unpercent(&b, STR("%2g")), ERR_SYNTAX);
	assert_int_equal(enc_unpercent(&b, STR("%%20")), ERR_SYNTAX);
	assert_int_equal(enc_unpercent(&b, STR("%+1")), ERR_SYNTAX);
	assert_int_equal(buf_len(&b), 0);
	buf_fini(&b);
}

static void
what_does_not_fit_leaves_nothing_behind(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	buf_must(&b, STR("ab"));
	assert_int_equal(enc_base64(&b, STR("abc"), ENC_BASE64), ERR_LIMIT);
	assert_int_equal(enc_unbase64(&b, STR("Zm9vYg=="), ENC_BASE64),
	    ERR_LIMIT);
	assert_int_equal(enc_hex(&b, STR("ab")), ERR_LIMIT);
	assert_int_equal(enc_unhex(&b, STR("00000000")), ERR_LIMIT);
	assert_int_equal(enc_base62(&b, STR("abcd")), ERR_LIMIT);
	assert_int_equal(enc_percent(&b, STR("a  "), ""), ERR_LIMIT);
	assert_held(&b, "ab");
	assert_int_equal(enc_percent(&b, STR(" "), ""), OK);
	assert_held(&b, "ab%20");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_is_that_of_rfc_4648),
		cmocka_unit_test(base64_is_read_strictly),
		cmocka_unit_test(hex_has_two_digits_for_each_byte),
		cmocka_unit_test(base62_has_one_length_for_each_size),
		cmocka_unit_test(base62_knows_these),
		cmocka_unit_test(percent_signs_come_and_go),
		cmocka_unit_test(what_does_not_fit_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
