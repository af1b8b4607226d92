/* SPDX-License-Identifier: MIT */
/* test_inert.c - foreign text that cannot do anything any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/buf.h"

#include "relayd/inert.h"

static const struct {
	const char *in, *out;
} cases[] = {
	{ "plain", "plain" },
	{ "a\r\nBcc: b\tc", "a  Bcc: b c" },
	{ "\033[31mred\007", "[31mred" },
	{ "\x7f\xc2\x85"
	  "c1",
	    "c1" },
	{ "caf\xc3\xa9 \xe4\xbd\xa0 \xf0\x9f\x98\x80",
	    "caf\xc3\xa9 \xe4\xbd\xa0 \xf0\x9f\x98\x80" },
	{ "\xe2\x80\xaeturned\xe2\x81\xa6\xe2\x80\x8b", "turned" },
	{ "\xff\xc3(",
	    "?"
	    "?(" },
	{ "\xc0\xaf\xed\xa0\x80",
	    "?"
	    "?"
	    "?"
	    "?"
	    "?" },
	{ "cut \xe4\xbd",
	    "cut ?"
	    "?" },
	{ "", "" },
};

static void
what_could_do_something_is_gone(void **state)
{
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = inert_copy(out, sizeof(out), str_of(cases[i].in));

		assert_string_equal(out, cases[i].out);
		assert_int_equal(n, strlen(out));
	}
}

static void
a_text_is_cut_between_two_characters_at_every_size(void **state)
{
	const char *in = "a\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80z";
	static const size_t fits[] = { 0, 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11,
		11 };
	char out[32];

	(void)state;
	for (size_t size = 1; size < sizeof(fits) / sizeof(fits[0]); size++) {
		assert_int_equal(inert_copy(out, size, str_of(in)), fits[size]);
		assert_int_equal(strlen(out), fits[size]);
		assert_memory_equal(out, in, fits[size]);
	}
}

static void
a_secret_is_masked_wherever_it_stands(void **state)
{
	char text[] = "tok-4711 and tok-4711tok-4711.", stars[] = "a *****";

	(void)state;
	inert_mask(text, STR("tok-4711"));
	assert_string_equal(text, "******** and ****************.");
	inert_mask(stars, STR("****"));
	assert_string_equal(stars, "a *****");
	inert_mask(text, STR("an"));
	assert_string_equal(text, "******** and ****************.");
}

static void
a_credential_of_several_parts_is_secret_in_each(void **state)
{
	static const struct {
		const char *credential, *parts;
	} rows[] = {
		{ "", "" },
		{ "sk-0123456789", "sk-0123456789 " },
		{ "short", "" },
		{ "AKIDAKIDAKID:secret+/secret:token==token",
		    "AKIDAKIDAKID secret+/secret token==token " },
		{ "::AKIDAKIDAKID:v1:12345678:", "AKIDAKIDAKID 12345678 " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str rest = str_of(rows[i].credential), part;
		struct buf out;

		buf_init(&out, 256);
		while (inert_next_part(&rest, &part))
			buf_mustf(&out, "%.*s ", STR_ARG(part));
		assert_string_equal(buf_cstr(&out), rows[i].parts);
		buf_fini(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_could_do_something_is_gone),
		cmocka_unit_test(
		    a_text_is_cut_between_two_characters_at_every_size),
		cmocka_unit_test(a_secret_is_masked_wherever_it_stands),
		cmocka_unit_test(
		    a_credential_of_several_parts_is_secret_in_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
