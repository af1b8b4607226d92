/* SPDX-License-Identifier: MIT */
/* test_ctl.c - the table of control methods, its frames, and words typed at a
 * terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/ctl_words.h"

/* --- the table ------------------------------------------------------------- */

static void
a_method_is_named_with_a_dot_on_the_wire(void **state)
{
	(void)state;
	assert_int_equal(ctl_method_find(STR("account.add")),
	    CTL_M_account_add);
	assert_int_equal(ctl_method_find(STR("status")), CTL_M_status);
	assert_int_equal(ctl_method_find(STR("account_add")), CTL_METHODS);
	assert_int_equal(ctl_method_find(STR("account.ad")), CTL_METHODS);
	assert_int_equal(ctl_method_find(STR("")), CTL_METHODS);
}

static void
whatever_changes_more_than_ones_own_needs_more_than_a_look(void **state)
{
	struct ctl_param p;
	const struct ctl_row *row;

	(void)state;
	for (unsigned i = 0; (row = ctl_row(i)) && row->method; i++) {
		if (ctl_param_find(row, STR("if_rev"), &p) ||
		    ctl_param_find(row, STR("dry_run"), &p))
			assert_true(row->role >= CTL_OPS ||
			    !strncmp(row->method, "my_", 3));
		assert_true(row->help[0] >= 'a' && row->help[0] <= 'z');
	}
}

static void
a_row_tells_its_parameters_in_order(void **state)
{
	static const struct {
		const char *name;
		enum ctl_type type;
		bool positional, required;
	} want[] = {
		{ "NAME", CTL_TEXT, true, true },
		{ "REASON", CTL_TEXT, true, false },
		{ "until", CTL_WHEN, false, false },
		{ "if_rev", CTL_NUMBER, false, false },
		{ "dry_run", CTL_FLAG, false, false },
	};
	struct ctl_param_cursor at = { .begun = false };
	struct ctl_param p;
	size_t n = 0;

	(void)state;
	while (ctl_param_next(ctl_row(CTL_M_account_hold), &at, &p)) {
		assert_true(n < 5);
		assert_true(str_eq(p.name, str_of(want[n].name)));
		assert_int_equal(p.type, want[n].type);
		assert_int_equal(p.positional, want[n].positional);
		assert_int_equal(p.required, want[n].required);
		n++;
	}
	assert_int_equal(n, 5);
}

static void
every_type_in_the_table_is_known(void **state)
{
	const struct ctl_row *row;

	(void)state;
	for (unsigned i = 0; (row = ctl_row(i)); i++) {
		struct str rest = str_of(row->parameters);

		while (rest.at && rest.len) {
			struct str type = str_cut(&rest, ' ');
			struct str name = str_cut(&type, '=');
			struct ctl_param p;

			if (str_starts(name, STR("+")))
				continue;
			assert_true(ctl_param_find(row, name, &p));
			/* What is no type would quietly become a flag. */
			assert_int_equal(p.type == CTL_FLAG, type.at == NULL);
		}
	}
}

/* --- frames ---------------------------------------------------------------- */

static const char frames[] =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"account.list\","
    "\"params\":{\"limit\":3}}\n"
    "{\"jsonrpc\":\"2.0\",\"id\":\"x\\u00e4\",\"result\":{\"rev\":7,"
    "\"data\":[1,2],\"next\":\"b\"}}\n"
    "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32000,"
    "\"message\":\"no\",\"data\":{\"code\":\"stale\",\"field\":\"if_rev\","
    "\"args\":[]}}}\n"
    "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"sub\":1,"
    "\"seq\":9,\"lost\":2,\"data\":{\"a\":1}}}\n";

/* What is told of each frame, as one line. */
static void
tell(struct buf *out, const struct ctl_frame *f)
{
	buf_mustf(out,
	    "%d id=%lld/%.*s m=%.*s rev=%lld next=%.*s e=%lld/%.*s/"
	    "%.*s sub=%lld/%lld/%lld data=%zu\n",
	    f->kind, (long long)f->id.number, (int)f->id.len, f->id.text,
	    STR_ARG(f->method), (long long)f->rev, STR_ARG(f->next),
	    (long long)f->code, STR_ARG(f->error), STR_ARG(f->field),
	    (long long)f->sub, (long long)f->seq, (long long)f->lost,
	    json_count(f->data));
}

/* Feed a text in two pieces and tell all frames. */
static void
feed(struct str a, struct str b, struct buf *out)
{
	struct str pieces[] = { a, b };
	struct buf in;

	buf_init(&in, CTL_FRAME_MAX);
	for (size_t i = 0; i < 2; i++) {
		struct str line;
		size_t eat;

		buf_must(&in, pieces[i]);
		while (ctl_line(buf_str(&in), &line, &eat) == OK) {
			struct ctl_frame f;

			assert_int_equal(ctl_frame_read(line, &f, NULL), OK);
			tell(out, &f);
			ctl_frame_fini(&f);
			buf_eat(&in, eat);
		}
	}
	assert_int_equal(buf_len(&in), 0);
	buf_fini(&in);
}

static void
every_cut_gives_the_same_frames(void **state)
{
	struct str all = STR(frames);
	struct buf whole, cut;

	(void)state;
	buf_init(&whole, 4096);
	buf_init(&cut, 4096);
	feed(all, STR(""), &whole);
	assert_string_equal(buf_cstr(&whole),
	    "0 id=1/ m=account.list rev=0 next= e=0// sub=0/0/0 data=0\n"
	    "1 id=0/x\xc3\xa4 m= rev=7 next=b e=0// sub=0/0/0 data=2\n"
	    "2 id=2/ m= rev=0 next= e=-32000/stale/if_rev sub=0/0/0 data=0\n"
	    "3 id=0/ m=event rev=0 next= e=0// sub=1/9/2 data=1\n");
	for (size_t at = 0; at <= all.len; at++) {
		buf_clear(&cut);
		feed(str_first(all, at), str_skip(all, at), &cut);
		assert_true(str_eq(buf_str(&cut), buf_str(&whole)));
	}
	buf_fini(&whole);
	buf_fini(&cut);
}

static void
what_is_no_frame_is_refused_and_keeps_its_id(void **state)
{
	static const struct {
		const char *line;
		enum err e;
		int64_t id; /* -1: none */
	} cases[] = {
		{ "", ERR_SYNTAX, -1 },
		{ "hello", ERR_SYNTAX, -1 },
		{ "{\"jsonrpc\":\"2.0\"", ERR_SYNTAX, -1 },
		{ "[]", ERR_VALUE, -1 },
		{ "{\"id\":4,\"method\":\"status\"}", ERR_VALUE, 4 },
		{ "{\"jsonrpc\":\"1.0\",\"id\":4,\"method\":\"a\"}", ERR_VALUE,
		    4 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":5}", ERR_VALUE, 5 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":7}", ERR_VALUE, 5 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"a\","
		  "\"params\":[1]}",
		    ERR_VALUE, 6 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"a\"}",
		    ERR_VALUE, -1 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"a\"}", ERR_VALUE,
		    -1 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"a\","
		  "\"method\":\"b\"}",
		    ERR_SYNTAX, -1 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":\"x\"}}",
		    ERR_VALUE, 7 },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{}}",
		    ERR_VALUE, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl_frame f;
		enum err e = ctl_frame_read(str_of(cases[i].line), &f, NULL);

		if (e != cases[i].e || f.id.is_null != (cases[i].id < 0) ||
		    (cases[i].id >= 0 && f.id.number != cases[i].id))
			fail_msg("case %zu: %s gave %d", i, cases[i].line, e);
	}
}

static void
a_line_that_can_never_end_is_told_from_one_that_has_not_yet(void **state)
{
	char *giant = malloc(CTL_FRAME_MAX);
	struct str line;
	size_t eat;

	(void)state;
	memset(giant, 'x', CTL_FRAME_MAX);
	assert_int_equal(ctl_line(str_at(giant, CTL_FRAME_MAX - 1), &line,
			     &eat),
	    ERR_AGAIN);
	assert_int_equal(ctl_line(str_at(giant, CTL_FRAME_MAX), &line, &eat),
	    ERR_LIMIT);
	giant[CTL_FRAME_MAX - 1] = '\n';
	assert_int_equal(ctl_line(str_at(giant, CTL_FRAME_MAX), &line, &eat),
	    OK);
	assert_int_equal(line.len, CTL_FRAME_MAX - 1);
	assert_int_equal(eat, CTL_FRAME_MAX);
	free(giant);
}

static void
what_is_written_reads_back(void **state)
{
	struct ctl_id id = { .is_text = true, .len = 2, .text = "a\"" };
	struct why why = { .field = "name", .text = "line\nbreak" };
	struct ctl_frame f;
	struct json_out j;
	struct str line;
	struct buf b;
	size_t eat;

	(void)state;
	buf_init(&b, CTL_FRAME_MAX);
	ctl_call_begin(&j, &b, 12, ctl_row(CTL_M_account_add));
	json_say(&j, "kind", STR("x\ny"));
	assert_int_equal(ctl_call_end(&j), OK);
	assert_int_equal(ctl_result(&b, &id, 3, STR("[true]"), STR("more")),
	    OK);
	assert_int_equal(ctl_error(&b, &id, CTL_CODE_OURS, ERR_STALE, &why),
	    OK);

	assert_int_equal(ctl_line(buf_str(&b), &line, &eat), OK);
	assert_int_equal(ctl_frame_read(line, &f, NULL), OK);
	assert_int_equal(f.kind, CTL_CALL);
	assert_true(str_eq(f.method, STR("account.add")));
	assert_int_equal(f.id.number, 12);
	ctl_frame_fini(&f);
	buf_eat(&b, eat);

	assert_int_equal(ctl_line(buf_str(&b), &line, &eat), OK);
	assert_int_equal(ctl_frame_read(line, &f, NULL), OK);
	assert_int_equal(f.kind, CTL_RESULT);
	assert_int_equal(f.rev, 3);
	assert_true(f.id.is_text && f.id.len == 2);
	assert_true(str_eq(f.next, STR("more")));
	ctl_frame_fini(&f);
	buf_eat(&b, eat);

	assert_int_equal(ctl_line(buf_str(&b), &line, &eat), OK);
	assert_int_equal(ctl_frame_read(line, &f, NULL), OK);
	assert_true(ctl_frame_is(&f, ERR_STALE));
	assert_false(ctl_frame_is(&f, ERR_DENIED));
	assert_true(str_eq(f.message, STR("line\nbreak")));
	ctl_frame_fini(&f);
	buf_eat(&b, eat);
	assert_int_equal(buf_len(&b), 0);
	buf_fini(&b);
}

static void
a_frame_that_would_be_too_long_leaves_nothing_behind(void **state)
{
	const struct ctl_id id = { .number = 1 };
	char *data = malloc(CTL_FRAME_MAX);
	struct buf b;

	(void)state;
	memset(data, ' ', CTL_FRAME_MAX);
	data[0] = '1';
	buf_init(&b, 2 * CTL_FRAME_MAX);
	buf_must(&b, STR("before"));
	assert_int_equal(ctl_result(&b, &id, 0, str_at(data, CTL_FRAME_MAX),
			     STR("")),
	    ERR_LIMIT);
	assert_true(str_eq(buf_str(&b), STR("before")));
	buf_fini(&b);
	free(data);
}

/* --- words ----------------------------------------------------------------- */

#define WORDS_MAX 12

struct words {
	const char *at[WORDS_MAX];
};

static int
count_of(const struct words *w)
{
	int n = 0;

	while (n < WORDS_MAX && w->at[n])
		n++;
	return n;
}

/* "name=value" of each argument; a source that is not the words in braces. */
static void
write_match(const struct ctl_match *m, char *out, size_t room)
{
	static const char *const sources[] = { "", "{-}", "{file}", "{fd}" };
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < m->count; i++)
		len += (size_t)snprintf(out + len, room - len, "%s%s=%s%.*s",
		    i ? " " : "", m->args[i].name, sources[m->args[i].source],
		    STR_ARG(m->args[i].value));
}

static void
words_become_a_row_and_its_parameters(void **state)
{
	static const struct {
		struct words words;
		enum ctl_method method;
		const char *args;
	} cases[] = {
		{ { { "status" } }, CTL_M_status, "" },
		{ { { "account", "list" } }, CTL_M_account_list, "" },
		{ { { "account", "ls", "--limit", "3" } }, CTL_M_account_list,
		    "limit=3" },
		{ { { "account", "ls", "--limit=3" } }, CTL_M_account_list,
		    "limit=3" },
		{ { { "account", "add", "claude-api", "work" } },
		    CTL_M_account_add, "kind=claude-api name=work" },
		{ { { "account", "set", "work", "--allow-private" } },
		    CTL_M_account_set, "name=work allow_private=yes" },
		{ { { "account", "set", "--allow-private", "--note", "a b",
		      "--", "work" } },
		    CTL_M_account_set, "allow_private=yes note=a b name=work" },
		{ { { "account", "set", "work", "priority=3", "note=" } },
		    CTL_M_account_set, "name=work priority=3 note=" },
		{ { { "account", "set", "work", "--credential", "-" } },
		    CTL_M_account_set, "name=work credential={-}" },
		{ { { "account", "set", "work", "--credential-file", "/k" } },
		    CTL_M_account_set, "name=work credential={file}/k" },
		{ { { "account", "set", "work", "--proxy-password-fd=3" } },
		    CTL_M_account_set, "name=work proxy_password={fd}3" },
		{ { { "account", "hold", "work", "too dear", "--if-rev", "4",
		      "--dry-run" } },
		    CTL_M_account_hold,
		    "name=work reason=too dear if_rev=4 dry_run=" },
		{ { { "account", "login", "droid", "d", "--qr" } },
		    CTL_M_oauth_begin, "kind=droid name=d qr=" },
		{ { { "account", "login", "--resume" } }, CTL_M_oauth_resume,
		    "" },
		{ { { "account", "login", "--resume", "d", "--qr" } },
		    CTL_M_oauth_resume, "id=d qr=" },
		{ { { "set", "hold_time", "2s" } }, CTL_M_setting_set,
		    "name=hold_time value=2s" },
		{ { { "settings" } }, CTL_M_setting_list, "" },
		{ { { "usage", "--by", "day", "--since", "7d" } },
		    CTL_M_usage_show, "by=day since=7d" },
		{ { { "key", "find", "--value", "-" } }, CTL_M_key_find,
		    "value={-}" },
		{ { { "config", "check", "--", "--odd" } }, CTL_M_config_check,
		    "path=--odd" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl_match m;
		struct why why = { .text = "" };
		char args[512];

		if (ctl_match(count_of(&cases[i].words), cases[i].words.at, &m,
			&why))
			fail_msg("case %zu: %s", i, why.text);
		assert_ptr_equal(m.row, ctl_row(cases[i].method));
		write_match(&m, args, sizeof(args));
		assert_string_equal(args, cases[i].args);
	}
}

static void
words_that_fit_nothing_are_told_what_would(void **state)
{
	static const struct {
		struct words words;
		enum err e;
		bool has_row;
		const char *says; /* a part of the text */
	} cases[] = {
		{ { { "frobnicate" } }, ERR_UNKNOWN, false, "account" },
		{ { { "acc" } }, ERR_UNKNOWN, false, "account" },
		{ { { "account" } }, ERR_UNKNOWN, false, "add, list, show" },
		{ { { "account", "destroy" } }, ERR_UNKNOWN, false,
		    "\"destroy\"" },
		{ { { "account", "kill" } }, ERR_UNKNOWN, false, "hold" },
		{ { { "account", "add" } }, ERR_SYNTAX, true,
		    "KIND is missing" },
		{ { { "account", "add", "x" } }, ERR_SYNTAX, true,
		    "NAME is missing" },
		{ { { "status", "now" } }, ERR_SYNTAX, true, "\"now\"" },
		{ { { "status", "--fast" } }, ERR_SYNTAX, true, "--fast" },
		{ { { "key", "list", "--limit" } }, ERR_SYNTAX, true,
		    "needs a value" },
		{ { { "key", "rm", "a", "--dry-run=yes" } }, ERR_SYNTAX, true,
		    "takes no value" },
		{ { { "key", "ls", "--tag", "a", "--tag", "b" } }, ERR_SYNTAX,
		    true, "twice" },
		{ { { "account", "set", "a", "note=1", "--note", "2" } },
		    ERR_SYNTAX, true, "twice" },
		{ { { "account", "set", "a", "=" } }, ERR_SYNTAX, true,
		    "name" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl_match m;
		struct why why = { .text = "" };
		enum err e = ctl_match(count_of(&cases[i].words),
		    cases[i].words.at, &m, &why);

		if (e != cases[i].e || !strstr(why.text, cases[i].says))
			fail_msg("case %zu: %d, %s", i, e, why.text);
		assert_int_equal(m.row != NULL, cases[i].has_row);
	}
}

static void
a_secret_in_the_words_is_refused_in_every_spelling(void **state)
{
	static const struct words cases[] = {
		{ { "account", "set", "a", "--credential", "sk-1" } },
		{ { "account", "set", "a", "--credential=sk-1" } },
		{ { "account", "set", "a", "--credential" } },
		{ { "account", "set", "a", "credential=sk-1" } },
		{ { "account", "set", "a", "--proxy-password", "p" } },
		{ { "account", "set", "a", "--proxy_password=p" } },
		{ { "account", "set", "a", "proxy-password=p" } },
		{ { "account", "set", "a", "PROXY-password=p" } },
		{ { "key", "find", "--value", "cr_x" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl_match m;
		struct why why = { .text = "" };

		if (ctl_match(count_of(&cases[i]), cases[i].at, &m, &why) !=
		    ERR_DENIED)
			fail_msg("case %zu was taken", i);
		/* It says how, and repeats nothing. */
		assert_non_null(strstr(why.text, "-file PATH"));
		assert_null(strstr(why.text, "sk-1"));
	}
}

static void
more_words_than_there_is_room_for_are_refused(void **state)
{
	const char *words[CTL_ARGS_MAX + 8] = { "account", "set", "a" };
	char names[CTL_ARGS_MAX + 8][24];
	struct ctl_match m;
	struct why why;
	int n = 3;

	(void)state;
	for (; n < CTL_ARGS_MAX + 8; n++) {
		snprintf(names[n], sizeof(names[n]), "--f%d=1", n);
		words[n] = names[n];
	}
	assert_int_equal(ctl_match(n, words, &m, &why), ERR_SYNTAX);
	assert_int_equal(m.count, CTL_ARGS_MAX);
	assert_int_equal(ctl_match(CTL_ARGS_MAX, words, &m, &why), OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_method_is_named_with_a_dot_on_the_wire),
		cmocka_unit_test(
		    whatever_changes_more_than_ones_own_needs_more_than_a_look),
		cmocka_unit_test(a_row_tells_its_parameters_in_order),
		cmocka_unit_test(every_type_in_the_table_is_known),
		cmocka_unit_test(every_cut_gives_the_same_frames),
		cmocka_unit_test(what_is_no_frame_is_refused_and_keeps_its_id),
		cmocka_unit_test(
		    a_line_that_can_never_end_is_told_from_one_that_has_not_yet),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(
		    a_frame_that_would_be_too_long_leaves_nothing_behind),
		cmocka_unit_test(words_become_a_row_and_its_parameters),
		cmocka_unit_test(words_that_fit_nothing_are_told_what_would),
		cmocka_unit_test(
		    a_secret_in_the_words_is_refused_in_every_spelling),
		cmocka_unit_test(more_words_than_there_is_room_for_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
