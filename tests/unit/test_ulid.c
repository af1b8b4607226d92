/* SPDX-License-Identifier: MIT */
/* test_ulid.c - identifiers keep their time, their order and their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/ulid.h"

static const uint8_t zeros[10];
static const uint8_t ones[10] = { 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255 };

static void
texts_are_those_of_the_specification(void **state)
{
	static const struct {
		int64_t ms;
		const uint8_t *random;
		const char *text;
	} cases[] = {
		{ 0, zeros, "00000000000000000000000000" },
		{ 0, ones, "0000000000ZZZZZZZZZZZZZZZZ" },
		{ (INT64_C(1) << 48) - 1, ones, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ" },
		{ 1469918176385, zeros, "01ARYZ6S410000000000000000" },
		{ 1, zeros, "00000000010000000000000000" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ulid u = ulid_make(cases[i].ms, cases[i].random), read;
		char text[ULID_TEXT + 1];

		ulid_text(&u, text);
		assert_string_equal(text, cases[i].text);
		assert_true(ulid_ms(&u) == cases[i].ms);
		assert_int_equal(ulid_read(str_of(text), &read), OK);
		assert_memory_equal(&read, &u, sizeof(u));
	}
}

static void
every_bit_survives_the_text(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 128; bit++) {
		struct ulid u = { { 0 } }, read;
		char text[ULID_TEXT + 1];

		u.byte[bit / 8] = (uint8_t)(1u << bit % 8);
		ulid_text(&u, text);
		assert_int_equal(ulid_read(str_of(text), &read), OK);
		assert_memory_equal(&read, &u, sizeof(u));
	}
}

static void
later_ones_sort_behind(void **state)
{
	char before[ULID_TEXT + 1], after[ULID_TEXT + 1];

	(void)state;
	for (int64_t ms = 1; ms < INT64_C(1) << 47; ms *= 3) {
		struct ulid a = ulid_make(ms - 1, ones);
		struct ulid b = ulid_make(ms, zeros);

		ulid_text(&a, before);
		ulid_text(&b, after);
		assert_true(strcmp(before, after) < 0);
		assert_true(memcmp(&a, &b, sizeof(a)) < 0);
	}
}

static void
other_texts_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"0",
		"0000000000000000000000000",
		"000000000000000000000000000",
		"80000000000000000000000000",
		"ZZZZZZZZZZZZZZZZZZZZZZZZZZ",
		"0000000000000000000000000I",
		"0000000000000000000000000L",
		"0000000000000000000000000O",
		"0000000000000000000000000U",
		"0000000000000 000000000000",
		"0000000000000-000000000000",
	};
	struct ulid u;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ulid_read(str_of(bad[i]), &u), ERR_SYNTAX);
	assert_int_equal(ulid_read(STR("0000000000000\000000000000000"), &u),
	    ERR_SYNTAX);
}

static void
lower_case_is_read_as_well(void **state)
{
	struct ulid upper, lower;

	(void)state;
	assert_int_equal(ulid_read(STR("01ARZ3NDEKTSV4RRFFQ69G5FAV"), &upper),
	    OK);
	assert_int_equal(ulid_read(STR("01arz3ndektsv4rrffq69g5fav"), &lower),
	    OK);
	assert_memory_equal(&upper, &lower, sizeof(upper));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_those_of_the_specification),
		cmocka_unit_test(every_bit_survives_the_text),
		cmocka_unit_test(later_ones_sort_behind),
		cmocka_unit_test(other_texts_are_refused),
		cmocka_unit_test(lower_case_is_read_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
