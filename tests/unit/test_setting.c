/* SPDX-License-Identifier: MIT */
/* test_setting.c - tunables and the amounts they are written in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relayd/setting.h"

static void
amounts_of_time_are_read_and_written(void **state)
{
	static const struct {
		const char *in;
		int64_t ms;
		const char *out;
	} cases[] = {
		{ "45s", 45000, "45s" },
		{ " 2 m ", 120000, "2m" },
		{ "90s", 90000, "90s" },
		{ "500ms", 500, "500ms" },
		{ "1500ms", 1500, "1500ms" },
		{ "24h", 86400000, "1d" },
		{ "0", 0, "0" },
		{ "0s", 0, "0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[UNIT_TEXT];
		int64_t ms = -1;

		assert_int_equal(unit_read_ms(str_of(cases[i].in), &ms, NULL),
		    OK);
		assert_int_equal(ms, cases[i].ms);
		unit_write_ms(ms, text);
		assert_string_equal(text, cases[i].out);
	}
}

static void
a_time_without_a_unit_is_ambiguous(void **state)
{
	static const struct {
		const char *in, *why;
	} cases[] = {
		{ "45", "has no unit, write for example 45s or 45ms" },
		{ "soon", "is not a time, write for example 45s, 2m or 500ms" },
		{ "-3s", "is not a time, write for example 45s, 2m or 500ms" },
		{ "", "is not a time, write for example 45s, 2m or 500ms" },
		{ "3 fortnights",
		    "has an unknown unit, use ms, s, m, h or d, for example "
		    "45s" },
		{ "1.5s",
		    "has an unknown unit, use ms, s, m, h or d, for example "
		    "45s" },
		{ "1m30s",
		    "has an unknown unit, use ms, s, m, h or d, for example "
		    "45s" },
		{ "9223372036854775807s", "is too large" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct why why;
		int64_t ms = -1;

		assert_int_equal(unit_read_ms(str_of(cases[i].in), &ms, &why),
		    ERR_VALUE);
		assert_int_equal(ms, -1);
		assert_string_equal(why.text, cases[i].why);
	}
}

static void
amounts_of_bytes_are_read_and_written(void **state)
{
	static const struct {
		const char *in;
		uint64_t bytes;
		const char *out;
	} cases[] = {
		{ "65536", 65536, "64K" },
		{ "64K", 65536, "64K" },
		{ "64k", 65536, "64K" },
		{ "64KiB", 65536, "64K" },
		{ "64 KB", 65536, "64K" },
		{ "1000", 1000, "1000" },
		{ "7B", 7, "7" },
		{ "2G", 2ULL << 30, "2G" },
		{ "1T", 1ULL << 40, "1T" },
		{ "0", 0, "0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[UNIT_TEXT];
		uint64_t bytes = 1;

		assert_int_equal(unit_read_bytes(str_of(cases[i].in), &bytes,
				     NULL),
		    OK);
		assert_int_equal(bytes, cases[i].bytes);
		unit_write_bytes(bytes, text);
		assert_string_equal(text, cases[i].out);
	}
}

static void
every_default_is_within_its_bounds_and_reads_back(void **state)
{
	struct settings s;

	(void)state;
	settings_default(&s);
	for (unsigned i = 0; i < SETTING_NR; i++) {
		const struct setting_row *row = setting_row((enum setting)i);
		struct settings other = s;
		char text[SETTING_VALUE];
		struct why why;

		assert_true(settings_is_default(&s, (enum setting)i));
		/* The table is written in the form that is shown. */
		settings_text(&s, (enum setting)i, text);
		assert_string_equal(text, row->value);
		assert_int_equal(settings_set(&other, str_of(row->name),
				     str_of(row->value), &why),
		    OK);
		assert_memory_equal(&s, &other, sizeof(s));
		assert_int_equal(settings_set(&other, str_of(row->name),
				     str_of(row->least), &why),
		    OK);
		assert_int_equal(settings_set(&other, str_of(row->name),
				     str_of(row->most), &why),
		    OK);
		settings_text(&other, (enum setting)i, text);
		assert_string_equal(text, row->most);
		assert_false(settings_is_default(&other, (enum setting)i));
	}
	assert_int_equal(s.connect_wait_ms, 10000);
	assert_int_equal(s.hold_size_bytes, 65536);
	assert_int_equal(s.attempts_max, 3);
}

static void
a_refused_value_leaves_the_settings_as_they_were(void **state)
{
	static const struct {
		const char *name, *value;
		enum err e;
		const char *field, *why;
	} cases[] = {
		{ "connect_wait", "10", ERR_VALUE, "connect_wait",
		    "has no unit, write for example 10s or 10ms" },
		{ "connect_wait", "1h", ERR_VALUE, "connect_wait",
		    "must be from 1s to 2m, for example 10s" },
		{ "attempts_max", "0", ERR_VALUE, "attempts_max",
		    "must be from 1 to 10, for example 3" },
		{ "attempts_max", "3x", ERR_VALUE, "attempts_max",
		    "is not a whole number, write for example 3" },
		{ "hold_size", "1G", ERR_VALUE, "hold_size",
		    "must be from 0 to 4M, for example 64K" },
		{ "connect_wiat", "10s", ERR_UNKNOWN, "name",
		    "there is no such setting; is it connect_wait?" },
		{ "xyz", "10s", ERR_UNKNOWN, "name",
		    "there is no such setting" },
	};
	struct settings s, before;

	(void)state;
	settings_default(&s);
	before = s;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct why why;

		assert_int_equal(settings_set(&s, str_of(cases[i].name),
				     str_of(cases[i].value), &why),
		    cases[i].e);
		assert_string_equal(why.field, cases[i].field);
		assert_string_equal(why.text, cases[i].why);
		assert_memory_equal(&s, &before, sizeof(s));
	}
}

static void
money_is_in_dollars_and_says_so(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} cases[] = {
		{ "0.50usd", "0.50usd" },
		{ "$2", "2.00usd" },
		{ " 0.000001 usd ", "0.000001usd" },
		{ "0", "0" },
		{ "0usd", "0" },
		{ "0.5", NULL },
		{ "usd", NULL },
		{ "$", NULL },
		{ "-1usd", NULL },
		{ "2eur", NULL },
		{ "1000.01usd", NULL },
	};
	struct settings s;

	(void)state;
	settings_default(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[SETTING_VALUE];
		enum err e = settings_set(&s, STR("sticky_cost_guard"),
		    str_of(cases[i].in), NULL);

		assert_int_equal(e, cases[i].out ? OK : ERR_VALUE);
		if (e)
			continue;
		settings_text(&s, SETTING_NR_sticky_cost_guard, text);
		assert_string_equal(text, cases[i].out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amounts_of_time_are_read_and_written),
		cmocka_unit_test(a_time_without_a_unit_is_ambiguous),
		cmocka_unit_test(amounts_of_bytes_are_read_and_written),
		cmocka_unit_test(money_is_in_dollars_and_says_so),
		cmocka_unit_test(
		    every_default_is_within_its_bounds_and_reads_back),
		cmocka_unit_test(
		    a_refused_value_leaves_the_settings_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
