/* SPDX-License-Identifier: MIT */
/* test_span.c - the scanner of JSON spans, and the splicer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/quoted.h"
#include "proto/span.h"

enum {
	MODEL,
	STREAM,
	MAX,
	USER,
	OPTIONS,
	INCLUDE,
	DEEP,
	COUNT
};

static const struct span_want wants[COUNT] = {
	[MODEL] = { "model" },
	[STREAM] = { "stream" },
	[MAX] = { "max_tokens" },
	[USER] = { "metadata.user_id" },
	[OPTIONS] = { "stream_options" },
	[INCLUDE] = { "stream_options.include_usage" },
	[DEEP] = { "request.config.max" },
};

/* Scan text in pieces that end at the two cuts. */
static enum err
scan_cut(struct scan *s, struct str text, size_t one, size_t two,
    struct why *out_why)
{
	enum err e;

	scan_init(s, wants, COUNT);
	e = scan_feed(s, str_first(text, one), out_why);
	if (!e)
		e = scan_feed(s, str_first(str_skip(text, one), two - one),
		    out_why);
	if (!e)
		e = scan_feed(s, str_skip(text, two), out_why);
	return e ? e : scan_end(s, out_why);
}

static void
assert_same(const struct scan *a, const struct scan *b)
{
	assert_int_equal(a->open, b->open);
	assert_int_equal(a->empty, b->empty);
	assert_memory_equal(a->found, b->found, COUNT * sizeof(a->found[0]));
}

/* Scan text whole and at every pair of cuts; the result must be the same. */
static enum err
scan_all_ways(struct scan *s, struct str text, struct why *out_why)
{
	struct why why = { .text = "" };
	struct scan again;
	enum err e = scan_cut(s, text, 0, text.len, out_why);

	for (size_t one = 0; one <= text.len; one++) {
		for (size_t two = one; two <= text.len; two++) {
			assert_int_equal(scan_cut(&again, text, one, two, &why),
			    e);
			if (e == OK)
				assert_same(s, &again);
			else
				assert_string_equal(why.text, out_why->text);
		}
	}
	return e;
}

struct want_case {
	const char *text;
	const char *found[COUNT]; /* the bytes of the span */
};

static const struct want_case want_cases[] = {
	{ "{}", { NULL } },
	{ " \t\r\n{ \n} ", { NULL } },
	{ "{\"model\":\"m\"}", { [MODEL] = "\"m\"" } },
	{ "{\"model\" : \"a\\\"b\\\\\" , \"stream\"\n:\ntrue}",
	    { [MODEL] = "\"a\\\"b\\\\\"", [STREAM] = "true" } },
	{ "{\"max_tokens\":0,\"stream\":false}",
	    { [MAX] = "0", [STREAM] = "false" } },
	{ "{\"max_tokens\":-12.50e+3 }", { [MAX] = "-12.50e+3" } },
	{ "{\"mod\\u0065l\":null}", { [MODEL] = "null" } },
	{ "{\"\\u006d\\u006F\\u0064el\":{}}", { [MODEL] = "{}" } },
	{ "{\"model\":[1,[2,{\"stream\":3}]],\"stream\":{\"model\":4}}",
	    { [MODEL] = "[1,[2,{\"stream\":3}]]",
		[STREAM] = "{\"model\":4}" } },
	{ "{\"metadata\":{\"x\":[],\"user_id\":\"u\"}}", { [USER] = "\"u\"" } },
	{ "{\"metadata\":[{\"user_id\":\"u\"}]}", { NULL } },
	{ "{\"user_id\":1,\"other\":{\"user_id\":2}}", { NULL } },
	{ "{\"x\":{\"metadata\":{\"user_id\":1}}}", { NULL } },
	{ "{\"metadata.user_id\":1,\"stream_options.include_usage\":2}",
	    { NULL } },
	{ "{\"stream_options\":{\"include_usage\":true}}",
	    { [OPTIONS] = "{\"include_usage\":true}", [INCLUDE] = "true" } },
	{ "{\"stream_options\":null}", { [OPTIONS] = "null" } },
	{ "{\"stream_options\":{},\"model\":1}",
	    { [OPTIONS] = "{}", [MODEL] = "1" } },
	{ "{\"request\":{\"max\":1,\"config\":{\"max\":7},\"z\":{\"max\":2}}}",
	    { [DEEP] = "7" } },
	{ "{\"request\":{\"config\":[{\"max\":7}]},\"config\":{\"max\":1}}",
	    { NULL } },
	{ "{\"modelx\":1,\"mode\":2,\"\":3,\"Model\":4,\"mod\\u00e9l\":5}",
	    { NULL } },
	{ "{\"\\u0000\":1,\"model\\u0000\":2}", { NULL } },
	{ "{\"a\":\"\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\",\"model\":\"\xc3\xa9\"}",
	    { [MODEL] = "\"\xc3\xa9\"" } },
	{ "{\"a\":[true,false,null,0,-0,0.0,1e1,1E-1,\"\"],\"model\":1}",
	    { [MODEL] = "1" } },
};

static void
wanted_values_are_found_at_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(want_cases) / sizeof(want_cases[0]);
	     i++) {
		const struct want_case *c = &want_cases[i];
		struct why why = { .text = "" };
		struct scan s;

		if (scan_all_ways(&s, str_of(c->text), &why))
			fail_msg("%s: %s", c->text, why.text);
		for (size_t w = 0; w < COUNT; w++) {
			const struct span *v = &s.found[w];

			if (!c->found[w]) {
				assert_int_equal(v->type, SPAN_ABSENT);
				continue;
			}
			assert_int_not_equal(v->type, SPAN_ABSENT);
			assert_int_equal(v->to - v->from, strlen(c->found[w]));
			assert_memory_equal(c->text + v->from, c->found[w],
			    v->to - v->from);
		}
	}
}

static const char *const bad_texts[] = {
	"",
	" ",
	"[]",
	"1",
	"\"a\"",
	"null",
	"\xef\xbb\xbf{}",
	"{",
	"}",
	"{}}",
	"{}{}",
	"{} x",
	"{},",
	"{]",
	"{\"a\"}",
	"{\"a\":}",
	"{\"a\" 1}",
	"{\"a\":1,}",
	"{,\"a\":1}",
	"{\"a\":1 \"b\":2}",
	"{a:1}",
	"{'a':1}",
	"{\"a\":[1,]}",
	"{\"a\":[,1]}",
	"{\"a\":[1 2]}",
	"{\"a\":[1}",
	"{\"a\":[1}}",
	"{\"a\":{]}",
	"{\"a\":tru}",
	"{\"a\":True}",
	"{\"a\":nulll}",
	"{\"a\":fals e}",
	"{\"a\":NaN}",
	"{\"a\":01}",
	"{\"a\":+1}",
	"{\"a\":.5}",
	"{\"a\":5.}",
	"{\"a\":1e}",
	"{\"a\":1e+}",
	"{\"a\":-}",
	"{\"a\":1-}",
	"{\"a\":0x1}",
	"{\"a\":1",
	"{\"a\":\"",
	"{\"a\":\"\\",
	"{\"a\":\"\\u12\"}",
	"{\"a\":\"\\u12g4\"}",
	"{\"a\":\"\\x\"}",
	"{\"a\":\"\\U0041\"}",
	"{\"a\":\"\n\"}",
	"{\"a\":\"\x01\"}",
	"{\"a\n\":1}",
	"{\"a\\q\":1}",
	"{\"a\\u00g0\":1}",
	"{\"x\":{\"a\t\":1}}",
	"{\"x\":{\"a\\q\":1}}",
	"{\"a\":/**/1}",
	"{\"a\":1}\f",
};

static void
what_is_not_json_is_refused_at_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++) {
		struct why why = { .text = "" };
		struct scan s;

		if (scan_all_ways(&s, str_of(bad_texts[i]), &why) != ERR_SYNTAX)
			fail_msg("taken: %s", bad_texts[i]);
		assert_string_not_equal(why.text, "");
		/* It stays refused. */
		assert_int_equal(scan_feed(&s, STR("{}"), &why), ERR_SYNTAX);
	}
}

static void
a_nul_byte_is_refused_everywhere(void **state)
{
	const char text[] = "{\"model\":\"abc\",\"b\":[1,true]}";
	char copy[sizeof(text)];
	struct why why;
	struct scan s;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		memcpy(copy, text, sizeof(text));
		copy[i] = '\0';
		assert_int_equal(scan_all_ways(&s,
				     str_at(copy, sizeof(text) - 1), &why),
		    ERR_SYNTAX);
	}
}

static void
a_wanted_key_twice_is_refused_however_it_is_spelled(void **state)
{
	static const struct {
		const char *text, *field;
	} cases[] = {
		{ "{\"model\":1,\"model\":2}", "model" },
		{ "{\"model\":1,\"x\":{},\"mod\\u0065l\":2}", "model" },
		{ "{\"\\u006dodel\":1,\"\\u006Dodel\":2}", "model" },
		{ "{\"metadata\":{\"user_id\":1,\"user\\u005fid\":2}}",
		    "metadata.user_id" },
		/* We would read the first, the provider the last. */
		{ "{\"metadata\":{\"user_id\":1},\"metadata\":{}}",
		    "metadata.user_id" },
		{ "{\"metadata\":1,\"metadata\":{\"user_id\":1}}",
		    "metadata.user_id" },
		{ "{\"stream_options\":null,\"stream_options\":{}}",
		    "stream_options" },
		{ "{\"request\":{\"config\":1,\"config\":{\"max\":1}}}",
		    "request.config.max" },
		{ "{\"request\":{},\"request\":{}}", "request.config.max" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct why why = { .text = "" };
		struct scan s;

		assert_int_equal(scan_all_ways(&s, str_of(cases[i].text), &why),
		    ERR_EXISTS);
		assert_string_equal(why.field, cases[i].field);
	}
}

static void
an_unknown_key_may_occur_twice(void **state)
{
	struct why why;
	struct scan s;

	(void)state;
	assert_int_equal(scan_all_ways(&s,
			     STR("{\"x\":{\"model\":1,\"model\":2},\"x\":3}"),
			     &why),
	    OK);
}

/* {"a":[[[...]]]} with n levels in all. */
static struct str
nested(char *mem, size_t n)
{
	size_t at = 0;

	memcpy(mem, "{\"a\":", 5);
	at = 5;
	memset(mem + at, '[', n - 1);
	at += n - 1;
	memset(mem + at, ']', n - 1);
	at += n - 1;
	mem[at++] = '}';
	return str_at(mem, at);
}

static void
nesting_ends_at_its_limit(void **state)
{
	char mem[2 * SPAN_DEPTH_MAX + 16];
	struct why why;
	struct scan s;
	struct str text;

	(void)state;
	text = nested(mem, SPAN_DEPTH_MAX);
	assert_int_equal(scan_cut(&s, text, 0, 0, &why), OK);
	text = nested(mem, SPAN_DEPTH_MAX + 1);
	assert_int_equal(scan_cut(&s, text, 0, 0, &why), ERR_LIMIT);
	/* Brackets are remembered at every level. */
	text = nested(mem, SPAN_DEPTH_MAX);
	for (size_t i = text.len - 2; mem[i] == ']'; i--) {
		mem[i] = '}';
		assert_int_equal(scan_cut(&s, text, 0, 0, &why), ERR_SYNTAX);
		mem[i] = ']';
	}
}

static void
a_long_key_is_nobodys(void **state)
{
	char text[4096];
	struct why why;
	struct scan s;

	(void)state;
	for (size_t n = SPAN_KEY_MAX - 8; n < SPAN_KEY_MAX + 8; n++) {
		snprintf(text, sizeof(text), "{\"model%0*d\":1,\"model\":2}",
		    (int)n, 0);
		assert_int_equal(scan_cut(&s, str_of(text), 3, 40, &why), OK);
		assert_int_equal(text[s.found[MODEL].from], '2');
	}
}

static void
the_place_for_a_first_member_is_told(void **state)
{
	struct why why;
	struct scan s;

	(void)state;
	assert_int_equal(scan_all_ways(&s, STR(" {  }"), &why), OK);
	assert_int_equal(s.open, 2);
	assert_true(s.empty);
	assert_int_equal(scan_all_ways(&s, STR("{ \"x\":{}}"), &why), OK);
	assert_int_equal(s.open, 1);
	assert_false(s.empty);
}

/* --- the inside of strings ------------------------------------------------- */

/* xorshift: the same tests on every machine and every day. */
static uint32_t
next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void
fill_string(char *mem, size_t n, uint32_t *seed)
{
	static const char pieces[] = "\\\\\\\\\\\\\"nrtbfu/0aFg12 x";
	uint32_t mood = next_random(seed) % 4;

	for (size_t i = 0; i < n; i++) {
		uint32_t r = next_random(seed);

		if (mood == 0)
			mem[i] = pieces[r % (sizeof(pieces) - 1)];
		else if (r % 64 < mood)
			mem[i] = (char)(r >> 8);
		else
			mem[i] = r % 16 ? 'x' : '\\';
		/* Mostly escapes that exist, or the run ends early. */
		if (mood && i && mem[i - 1] == '\\' && r % 32)
			mem[i] = "\"\\/bfnrt"[r / 64 % 8];
	}
}

static void
all_ways_through_a_string_agree(void **state)
{
	char mem[700];
	uint32_t seed = 20;

	(void)state;
	for (int round = 0; round < 60000; round++) {
		size_t n = next_random(&seed) % sizeof(mem);
		unsigned from = next_random(&seed) % (QUOTED_HEX + 4);
		unsigned step = from;
		enum quoted plain, other;
		size_t used, other_used;

		fill_string(mem, n, &seed);
		assert_true(quoted_skip_by(0, str_at(mem, n), &step, &used,
		    &plain));
		for (unsigned way = 1; way < 4; way++) {
			unsigned other_step = from;

			if (!quoted_skip_by(way, str_at(mem, n), &other_step,
				&other_used, &other))
				break;
			assert_int_equal(other, plain);
			assert_int_equal(other_used, used);
			if (plain == QUOTED_OPEN)
				assert_int_equal(other_step, step);
		}
	}
}

static void
this_machine_has_a_fast_way(void **state)
{
	unsigned step = QUOTED_PLAIN;
	enum quoted verdict;
	size_t used;

	(void)state;
#if defined(__x86_64__)
	assert_true(quoted_skip_by(1, STR("x\""), &step, &used, &verdict));
	assert_int_equal(verdict, QUOTED_CLOSED);
	assert_int_equal(used, 1);
#else
	assert_false(quoted_skip_by(1, STR("x\""), &step, &used, &verdict));
#endif
}

static void
each_byte_of_a_block_counts(void **state)
{
	/* A bad byte, a quote and a backslash at every place of a block. */
	char mem[200];
	size_t used;

	(void)state;
	for (size_t at = 0; at < 130; at++) {
		unsigned step = QUOTED_PLAIN;

		memset(mem, 'x', sizeof(mem));
		mem[at] = '\x1f';
		mem[at + 7] = '"';
		assert_int_equal(quoted_skip(str_at(mem, sizeof(mem)), &step,
				     &used),
		    QUOTED_BAD);
		assert_int_equal(used, at);
		mem[at] = '"';
		assert_int_equal(quoted_skip(str_at(mem, sizeof(mem)), &step,
				     &used),
		    QUOTED_CLOSED);
		assert_int_equal(used, at);
		mem[at] = '\\';
		mem[at + 1] = '"';
		assert_int_equal(quoted_skip(str_at(mem, sizeof(mem)), &step,
				     &used),
		    QUOTED_CLOSED);
		assert_int_equal(used, at + 7);
		mem[at + 1] = 'u';
		assert_int_equal(quoted_skip(str_at(mem, sizeof(mem)), &step,
				     &used),
		    QUOTED_BAD);
		assert_int_equal(used, at + 2);
		memcpy(mem + at + 2, "0aF9", 4);
		step = QUOTED_PLAIN;
		assert_int_equal(quoted_skip(str_at(mem, sizeof(mem)), &step,
				     &used),
		    QUOTED_CLOSED);
		assert_int_equal(used, at + 7);
	}
}

/* --- values ---------------------------------------------------------------- */

static enum err
text_of(const char *json, struct buf *out)
{
	struct span v = { .type = SPAN_STRING, .from = 0, .to = strlen(json) };

	buf_clear(out);
	return span_text(str_of(json), &v, out);
}

static void
escapes_are_undone(void **state)
{
	static const struct {
		const char *json, *text; /* NULL: refused */
	} cases[] = {
		{ "\"\"", "" },
		{ "\"abc\"", "abc" },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
		{ "\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac" },
		{ "\"x\\ud83d\\ude00y\"", "x\xf0\x9f\x98\x80y" },
		{ "\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf" },
		{ "\"\\ud83d\"", NULL },
		{ "\"\\ud83dx\"", NULL },
		{ "\"\\ud83d\\u0041\"", NULL },
		{ "\"\\ude00\"", NULL },
		{ "\"\\u12\"", NULL },
		{ "\"\\x\"", NULL },
	};
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum err e = text_of(cases[i].json, &out);

		if (!cases[i].text) {
			assert_int_equal(e, ERR_SYNTAX);
			assert_int_equal(buf_len(&out), 0);
			continue;
		}
		assert_int_equal(e, OK);
		assert_string_equal(buf_cstr(&out), cases[i].text);
	}
	buf_fini(&out);
	buf_init(&out, 4);
	assert_int_equal(text_of("\"abc\\nd\"", &out), ERR_LIMIT);
	assert_int_equal(buf_len(&out), 0);
	buf_fini(&out);
}

static void
whole_numbers_are_read_as_text(void **state)
{
	static const struct {
		const char *json;
		enum err e;
		int64_t n;
	} cases[] = {
		{ "0", OK, 0 },
		{ "-7", OK, -7 },
		{ "9007199254740993", OK, INT64_C(9007199254740993) },
		{ "9223372036854775807", OK, INT64_MAX },
		{ "9223372036854775808", ERR_LIMIT, 0 },
		{ "1.0", ERR_VALUE, 0 },
		{ "1e3", ERR_VALUE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span v = { SPAN_NUMBER, 0, strlen(cases[i].json) };
		int64_t n = 0;

		assert_int_equal(span_i64(str_of(cases[i].json), &v, &n),
		    cases[i].e);
		assert_int_equal(n, cases[i].n);
		v.type = SPAN_STRING;
		assert_int_equal(span_i64(str_of(cases[i].json), &v, &n),
		    ERR_VALUE);
	}
}

/* --- changing -------------------------------------------------------------- */

static void
splices_leave_all_other_bytes(void **state)
{
	const struct splice splices[] = {
		{ 0, 0, STR("<") },
		{ 2, 4, STR("new") },
		{ 4, 4, STR("+") },
		{ 5, 6, STR("") },
		{ 8, 8, STR(">") },
	};
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	assert_int_equal(splice_apply(STR("01234567"), splices, 5, &out), OK);
	assert_string_equal(buf_cstr(&out), "<01new+467>");
	buf_clear(&out);
	assert_int_equal(splice_apply(STR("01234567"), NULL, 0, &out), OK);
	assert_string_equal(buf_cstr(&out), "01234567");
	buf_fini(&out);
}

static void
a_splice_that_does_not_fit_leaves_nothing(void **state)
{
	const struct splice one = { 2, 3, STR("long enough") };
	struct buf out;

	(void)state;
	buf_init(&out, 12);
	buf_must(&out, STR("ab"));
	assert_int_equal(splice_apply(STR("01234567"), &one, 1, &out),
	    ERR_LIMIT);
	assert_string_equal(buf_cstr(&out), "ab");
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wanted_values_are_found_at_every_cut),
		cmocka_unit_test(what_is_not_json_is_refused_at_every_cut),
		cmocka_unit_test(a_nul_byte_is_refused_everywhere),
		cmocka_unit_test(
		    a_wanted_key_twice_is_refused_however_it_is_spelled),
		cmocka_unit_test(an_unknown_key_may_occur_twice),
		cmocka_unit_test(nesting_ends_at_its_limit),
		cmocka_unit_test(a_long_key_is_nobodys),
		cmocka_unit_test(the_place_for_a_first_member_is_told),
		cmocka_unit_test(all_ways_through_a_string_agree),
		cmocka_unit_test(this_machine_has_a_fast_way),
		cmocka_unit_test(each_byte_of_a_block_counts),
		cmocka_unit_test(escapes_are_undone),
		cmocka_unit_test(whole_numbers_are_read_as_text),
		cmocka_unit_test(splices_leave_all_other_bytes),
		cmocka_unit_test(a_splice_that_does_not_fit_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
