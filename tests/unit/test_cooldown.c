/* SPDX-License-Identifier: MIT */
/* test_cooldown.c - how long an account rests where its operator says it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/cooldown.h"
#include "relayd/verdict.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define OWN_NONE     VERDICT_OWN_NONE

static void
times_are_read_by_their_gates(void **state)
{
	static const struct {
		const char *text;
		int64_t errors_ms, rate_ms;
	} cases[] = {
		{ "", OWN_NONE, OWN_NONE },
		{ "errors=10s", 10000, OWN_NONE },
		{ "errors=10s,rate=0", 10000, 0 },
		{ " rate = 5m , errors=250ms ", 250, 300000 },
		{ "rate=31d", OWN_NONE, 31LL * 86400 * 1000 },
		{ ", ,rate=1s,", OWN_NONE, 1000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cooldowns c;
		struct why why;

		if (cooldowns_read(str_of(cases[i].text), &c, &why))
			fail_msg("\"%s\": %s", cases[i].text, why.text);
		assert_int_equal(c.ms[GATE_ERRORS], cases[i].errors_ms);
		assert_int_equal(c.ms[GATE_RATE], cases[i].rate_ms);
		assert_int_equal(c.ms[GATE_AUTH], OWN_NONE);
	}
}

static void
every_gate_can_be_named(void **state)
{
	(void)state;
	for (int i = 0; i < GATE_COUNT; i++) {
		struct cooldowns c;
		struct buf text;

		buf_init(&text, 64);
		buf_mustf(&text, "%s=7s", gate_name((enum gate)i));
		assert_int_equal(cooldowns_read(buf_str(&text), &c, NULL), OK);
		for (int k = 0; k < GATE_COUNT; k++)
			assert_int_equal(c.ms[k], k == i ? 7000 : OWN_NONE);
		buf_fini(&text);
	}
}

static void
what_cannot_be_read_is_refused_with_an_example(void **state)
{
	static const char *const cases[] = { "errors", "errors=", "=10s",
		"noise=10s", "errors=10", "errors=-1s", "errors=soon",
		"rate=32d", "rate=1s,rate=1s", "Rate=1s", "rate:1s",
		"rate=1s;errors=2s" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct why why = { .field = "" };
		struct cooldowns c;

		if (cooldowns_read(str_of(cases[i]), &c, &why) != ERR_VALUE)
			fail_msg("\"%s\" was read", cases[i]);
		assert_string_equal(why.field, "cooldown");
		assert_true(strstr(why.text, "for example") ||
		    strstr(why.text, "twice"));
		/* Whole in any case. */
		assert_int_equal(c.ms[GATE_BLOCKED], OWN_NONE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_read_by_their_gates),
		cmocka_unit_test(every_gate_can_be_named),
		cmocka_unit_test(
		    what_cannot_be_read_is_refused_with_an_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
