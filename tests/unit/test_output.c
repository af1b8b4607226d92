/* SPDX-License-Identifier: MIT */
/* test_output.c - what relayctl prints: foreign text made harmless, tables
 * that line up, completion, settings of clients. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "relay-tui/help.h"
#include "relay-tui/noun.h"
#include "relay-tui/secret.h"
#include "relay-tui/snippet.h"

#define REPLACED "\xef\xbf\xbd"

static int
group_setup(void **state)
{
	(void)state;
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

/* --- text ------------------------------------------------------------------ */

static void
foreign_text_cannot_command_a_terminal(void **state)
{
	static const struct {
		const char *text, *clean;
	} cases[] = {
		{ "plain", "plain" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\033[31mred\033[0m", "[31mred[0m" },
		{ "\033]52;c;ZXZpbA==\a", "]52;c;ZXZpbA==" },
		{ "a\r\nb\tc", "a b c" },
		{ "a\b\b\bb\x7f", "ab" },
		{ "\xc2\x9b[2J", "[2J" }, /* C1 CSI */
		{ "a\xe2\x80\xae"
		  "b",
		    "ab" }, /* override */
		{ "a\xe2\x81\xa6"
		  "b",
		    "ab" }, /* isolate */
		{ "a\xe2\x80\x8b"
		  "b",
		    "ab" },					/* zero width */
		{ "\x9b[2J", REPLACED "[2J" },			/* bare byte */
		{ "\xc0\xaf", REPLACED REPLACED },		/* overlong */
		{ "\xed\xa0\x80", REPLACED REPLACED REPLACED }, /* surrogate */
		{ "cut\xe2\x82", "cut" REPLACED REPLACED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, 256);
		text_clean(str_of(cases[i].text), &b);
		assert_string_equal(buf_cstr(&b), cases[i].clean);
		buf_fini(&b);
	}
}

static void
no_byte_whatsoever_gets_through_as_a_command(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++) {
			char raw[2] = { (char)a, (char)b };
			struct buf out;
			struct str s;

			buf_init(&out, 64);
			text_clean(str_at(raw, 2), &out);
			s = buf_str(&out);
			for (size_t i = 0; i < s.len; i++) {
				unsigned char c = (unsigned char)s.at[i];

				assert_true(c >= 0x20 && c != 0x7f);
				/* U+0080 to U+009F are c2 80 to c2 9f. */
				assert_false(c == 0xc2 && i + 1 < s.len &&
				    (unsigned char)s.at[i + 1] < 0xa0);
			}
			buf_fini(&out);
		}
}

static void
width_is_what_a_terminal_takes(void **state)
{
	static const struct {
		const char *text;
		int width;
	} cases[] = {
		{ "", 0 }, { "abc", 3 }, { "\xc3\xa4", 1 },
		{ "a\xcc\x88", 1 },		   /* combining */
		{ "\xe6\xbc\xa2\xe5\xad\x97", 4 }, /* wide */
		{ "\xf0\x9f\x98\x80", 2 },	   /* emoji */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(text_width(str_of(cases[i].text)),
		    cases[i].width);
	/* A wide one that does not fit whole is left out. */
	assert_int_equal(text_fit(STR("a\xe6\xbc\xa2\xe5\xad\x97"), 4).len, 4);
	assert_int_equal(text_fit(STR("abc"), 0).len, 0);
}

/* --- tables ---------------------------------------------------------------- */

static const struct column columns[] = {
	{ "NAME", "name", CELL_TEXT, true },
	{ "STATE", "state", CELL_STATE, false },
	{ "NEVER", "absent", CELL_TEXT, false },
	{ "COUNT", "count", CELL_NUMBER, false },
	{ "SIZE", "size", CELL_BYTES, false },
	{ "TOOK", "took", CELL_US, false },
	{ "USED", "used", CELL_AGO, false },
	{ "KEY", "end", CELL_END, false },
	{ "LIST", "list", CELL_TEXT, false },
	{ .title = NULL },
};

static const char rows[] =
    "[{\"name\":\"\\u6f22\\u5b57\",\"state\":\"ready\",\"count\":7,"
    "\"size\":1536,\"took\":850,\"used\":1000,\"end\":\"abcd\","
    "\"list\":[\"a\",\"b\"]},"
    "{\"name\":\"a rather long name \\u001b[31m\",\"state\":\"held\","
    "\"count\":1234,\"size\":12,\"took\":1234567,\"used\":0,\"end\":\"\"}]";

static void
print(const char *json, int width, bool colour, char *out, size_t room)
{
	FILE *f = fmemopen(out, room, "w");
	struct output o = {
		.to = f, .colour = colour, .width = width, .now_ms = 61000
	};
	struct json *root;
	struct table t;

	assert_int_equal(json_parse(str_of(json), 65536, &root, NULL), OK);
	table_init(&t, columns);
	table_add_all(&t, &o, root);
	table_print(&t, &o);
	table_fini(&t);
	json_free(root);
	fclose(f);
}

static void
money_has_as_many_digits_as_it_needs(void **state)
{
	static const struct {
		const char *row, *want;
	} cases[] = {
		{ "{\"n\":0}", "$0" },
		{ "{\"n\":1}", "$0.000001" },
		{ "{\"n\":999}", "$0.000999" },
		{ "{\"n\":7500}", "$0.0075" },
		{ "{\"n\":999949}", "$0.9999" },
		{ "{\"n\":999950}", "$1.0000" },
		{ "{\"n\":1000000}", "$1.00" },
		{ "{\"n\":1234567890}", "$1234.57" },
		{ "{\"n\":-7500}", "-$0.0075" },
	};
	const struct column c = { "N", "n", CELL_MONEY, false };
	struct output o = { .to = stdout };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *root;
		struct buf text;

		buf_init(&text, 4096);
		assert_int_equal(json_parse(str_of(cases[i].row), 4096, &root,
				     NULL),
		    OK);
		cell_write(&o, &c, root, &text);
		assert_string_equal(buf_cstr(&text), cases[i].want);
		json_free(root);
		buf_fini(&text);
	}
}

static void
a_moment_that_is_just_over_is_not_to_come(void **state)
{
	static const struct {
		const char *row, *want;
	} cases[] = {
		{ "{\"n\":1000}", "1m ago" },
		{ "{\"n\":60001}", "0s ago" },
		{ "{\"n\":61000}", "0s ago" },
		{ "{\"n\":61001}", "0s ago" },
		{ "{\"n\":61999}", "0s ago" },
		{ "{\"n\":62000}", "in 1s" },
	};
	const struct column c = { "N", "n", CELL_AGO, false };
	struct output o = { .to = stdout, .now_ms = 61000 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *root;
		struct buf text;

		buf_init(&text, 64);
		assert_int_equal(json_parse(str_of(cases[i].row), 4096, &root,
				     NULL),
		    OK);
		cell_write(&o, &c, root, &text);
		assert_string_equal(buf_cstr(&text), cases[i].want);
		json_free(root);
		buf_fini(&text);
	}
}

static void
a_table_lines_up(void **state)
{
	char text[4096];

	(void)state;
	print(rows, 0, false, text, sizeof(text));
	assert_string_equal(text,
	    "NAME                     STATE  COUNT  SIZE   TOOK  USED    "
	    "KEY      LIST\n"
	    "\xe6\xbc\xa2\xe5\xad\x97                     ready      7  1.5K"
	    "  850us  1m ago  ...abcd  a, b\n"
	    "a rather long name [31m  held    1234    12   1.2s\n");
}

static void
a_table_is_cut_where_it_may_be(void **state)
{
	char text[4096];

	(void)state;
	print(rows, 60, false, text, sizeof(text));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(text_width(str_of(line)) <= 60);
	print(rows, 60, false, text, sizeof(text));
	assert_non_null(strstr(text, "a rather \xe2\x80\xa6  held"));
}

static void
colours_are_never_all_there_is(void **state)
{
	char plain[4096], painted[4096];

	(void)state;
	print(rows, 0, false, plain, sizeof(plain));
	print(rows, 0, true, painted, sizeof(painted));
	assert_null(strchr(plain, '\033'));
	assert_non_null(strstr(painted, "\033[32mready\033[0m"));
	assert_non_null(strstr(painted, "\033[33mheld\033[0m"));
}

static void
no_rows_are_no_heads(void **state)
{
	char text[64] = "";

	(void)state;
	print("[]", 0, false, text, sizeof(text));
	assert_string_equal(text, "");
}

/* --- words ----------------------------------------------------------------- */

static void
what_looks_like_a_secret_is_known_for_one(void **state)
{
	static const struct {
		const char *word;
		bool like;
	} cases[] = {
		{ "sk-ant-api03-0123456789abcdef", true },
		{ "sk-proj-0123456789abcdef", true },
		{ "AIzaSyD-0123456789abcdefghijklmnopq", true },
		{ "cr_0123456789012345678901234567890123456789012345678",
		    true },
		{ "sk-short", false },
		{ "https://api.anthropic.com", false },
		{ "claude-sonnet-5", false },
		{ "cr_eam", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(secret_is_like(str_of(cases[i].word)),
		    cases[i].like);
	assert_true(secret_is_name("api_key"));
	assert_true(secret_is_name("access_token"));
	assert_false(secret_is_name("priority"));
}

static void
every_client_is_told_address_and_key(void **state)
{
	const struct snippet *c;

	(void)state;
	for (unsigned i = 0; (c = snippet_at(i)); i++) {
		const struct snippet *found;
		struct buf b;

		assert_int_equal(snippet_find(str_of(c->said), &found, NULL),
		    OK);
		assert_ptr_equal(found, c);
		buf_init(&b, 16384);
		assert_int_equal(snippet_write(c, STR("http://relay:3000"),
				     STR("cr_value"), &b),
		    OK);
		assert_true(str_find(buf_str(&b), STR("http://relay:3000")) >=
		    0);
		assert_true(str_find(buf_str(&b), STR("cr_value")) >= 0);
		assert_true(str_find(buf_str(&b), STR("{URL}")) < 0);
		assert_true(str_find(buf_str(&b), STR("{KEY}")) < 0);
		assert_true(str_ends(buf_str(&b), STR("\n")));
		buf_fini(&b);
	}
	/* A base that ends with /v1 would be doubled by this client. */
	assert_int_equal(snippet_find(STR("claude"), &c, NULL), OK);
	assert_non_null(strstr(c->text, "{URL}/api\""));
	/* Its users must know who else sees the key. */
	assert_int_equal(snippet_find(STR("gemini_gca"), &c, NULL), OK);
	assert_non_null(strstr(c->note, "googleapis.com"));
	assert_int_equal(snippet_find(STR("telnet"), &c, NULL), ERR_UNKNOWN);
}

static void
the_audit_tells_moments_and_commands(void **state)
{
	static const char row[] =
	    "{\"at\":1795199022919,\"method\":\"key_rotate\","
	    "\"object\":\"kaaaaaaaa\",\"changes\":\"old_until: 0 -> "
	    "1795199022919\\nnote: \\\"a\\\" -> \\\"1795199022919\\\"\"}";
	char text[2048] = "";
	struct output o = { .to = fmemopen(text, sizeof(text), "w"),
		.zone = "Asia/Tokyo" };
	struct json *root;
	struct table t;

	(void)state;
	assert_non_null(o.to);
	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	assert_int_equal(json_parse(str_of(row), 4096, &root, NULL), OK);
	table_init(&t, audit_columns);
	table_add(&t, &o, root);
	table_print(&t, &o);
	fclose(o.to);
	assert_non_null(strstr(text, "2026-11-21 03:23"));
	assert_non_null(strstr(text, "  key rotate  "));
	assert_non_null(strstr(text,
	    "old_until: - -> 2026-11-21 03:23 note: \"a\" -> "
	    "\"1795199022919\"\n(times of Asia/Tokyo)\n"));
	table_fini(&t);
	json_free(root);
	unsetenv("TZ");
	tzset();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(foreign_text_cannot_command_a_terminal),
		cmocka_unit_test(no_byte_whatsoever_gets_through_as_a_command),
		cmocka_unit_test(width_is_what_a_terminal_takes),
		cmocka_unit_test(money_has_as_many_digits_as_it_needs),
		cmocka_unit_test(a_moment_that_is_just_over_is_not_to_come),
		cmocka_unit_test(a_table_lines_up),
		cmocka_unit_test(a_table_is_cut_where_it_may_be),
		cmocka_unit_test(colours_are_never_all_there_is),
		cmocka_unit_test(no_rows_are_no_heads),
		cmocka_unit_test(what_looks_like_a_secret_is_known_for_one),
		cmocka_unit_test(the_audit_tells_moments_and_commands),
		cmocka_unit_test(every_client_is_told_address_and_key),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
