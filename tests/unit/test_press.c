/* SPDX-License-Identifier: MIT */
/* test_press.c - what terminals send, as keys: however it is cut. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relay-tui/press.h"

/* Presses as text: "Up j C-c <paste> click@3,4". */
static void
note(void *user, const struct press *p)
{
	struct buf *out = user;

	if (buf_len(out))
		buf_must(out, STR(" "));
	if (p->kind == PRESS_PASTE)
		buf_mustf(out, "<%.*s>", STR_ARG(p->text));
	else if (p->kind == PRESS_CLICK)
		buf_mustf(out, "click@%d,%d", p->row, p->column);
	else if (p->kind == PRESS_WHEEL)
		buf_mustf(out, "wheel-%s", p->code == PRESS_UP ? "up" : "down");
	else
		press_write(p, out);
}

static const struct {
	const char *bytes, *presses;
} cases[] = {
	{ "jk", "j k" },
	{ "\r\n\t \x7f\x08", "Enter Enter Tab Space Backspace Backspace" },
	{ "\003\x01", "C-c C-a" },
	{ "\033[A\033OB\033[C\033[D", "Up Down Right Left" },
	{ "\033[5~\033[6~\033[3~\033[Z", "PgUp PgDn Delete S-Tab" },
	{ "\033[1;5A\033[5;3~", "Up PgUp" },
	{ "\033OP\033[15~\033[[A", "F1 F5 F1" },
	{ "\033x\033\xc3\xa9", "M-x M-\xc3\xa9" },
	{ "\033\033[A", "Esc Up" },
	{ "\xe5\xbc\xa0\xf0\x9f\x98\x80", "\xe5\xbc\xa0 \xf0\x9f\x98\x80" },
	{ "a\xff\xc3(b", "a ( b" },
	{ "\033[200~q\n\033[A:quit\033[201~j", "<q\n\033[A:quit> j" },
	{ "\033[<0;5;4M\033[<0;5;4m\033[<65;1;1M", "click@3,4 wheel-down" },
	{ "\033[?1;2c\033[>0qj", "j" },
	{ "\033[999999999999999;1Hx", "Home x" },
};

static void
read_cut(struct str bytes, size_t cut, struct buf *out)
{
	struct press_reader r;

	press_reader_init(&r, note, out);
	press_reader_feed(&r, str_first(bytes, cut));
	press_reader_feed(&r, str_skip(bytes, cut));
	press_reader_flush(&r);
	press_reader_fini(&r);
}

static void
every_cut_gives_the_same_presses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str bytes = str_of(cases[i].bytes);

		for (size_t cut = 0; cut <= bytes.len; cut++) {
			struct buf out;

			buf_init(&out, 4096);
			read_cut(bytes, cut, &out);
			assert_string_equal(buf_cstr(&out), cases[i].presses);
			buf_fini(&out);
		}
	}
}

static void
an_esc_alone_is_a_key_when_nothing_follows(void **state)
{
	struct press_reader r;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	press_reader_init(&r, note, &out);
	press_reader_feed(&r, STR("\033"));
	assert_true(press_reader_waits(&r));
	assert_int_equal(buf_len(&out), 0);
	press_reader_flush(&r);
	assert_false(press_reader_waits(&r));
	assert_string_equal(buf_cstr(&out), "Esc");
	press_reader_fini(&r);
	buf_fini(&out);
}

/* Not one byte of it may be taken for a key. */
static void
a_paste_that_is_too_long_is_thrown_away_whole(void **state)
{
	char bytes[4096];
	struct press_reader r;
	struct buf out;

	(void)state;
	memset(bytes, 'q', sizeof(bytes));
	buf_init(&out, 4096);
	press_reader_init(&r, note, &out);
	press_reader_feed(&r, STR("\033[200~"));
	for (size_t i = 0; i < PRESS_PASTE_MAX / sizeof(bytes) * 3; i++)
		press_reader_feed(&r, str_at(bytes, sizeof(bytes)));
	press_reader_feed(&r, STR("\033[201~j"));
	assert_string_equal(buf_cstr(&out), "j");
	press_reader_fini(&r);
	buf_fini(&out);
}

static void
names_of_keys_are_read_as_they_are_written(void **state)
{
	static const char *const names[] = { "j", "G", "C-c", "M-x", "Enter",
		"Esc", "Space", "Tab", "S-Tab", "PgDn", "F12", "Backspace",
		"\xe5\xbc\xa0" };
	struct press p;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf out;

		buf_init(&out, 64);
		assert_int_equal(press_read(str_of(names[i]), &p), OK);
		press_write(&p, &out);
		assert_string_equal(buf_cstr(&out), names[i]);
		buf_fini(&out);
	}
	assert_int_equal(press_read(STR("Nokey"), &p), ERR_SYNTAX);
	assert_int_equal(press_read(STR(""), &p), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_gives_the_same_presses),
		cmocka_unit_test(an_esc_alone_is_a_key_when_nothing_follows),
		cmocka_unit_test(a_paste_that_is_too_long_is_thrown_away_whole),
		cmocka_unit_test(names_of_keys_are_read_as_they_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
