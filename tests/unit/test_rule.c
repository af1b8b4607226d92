/* SPDX-License-Identifier: MIT */
/* test_rule.c - operators' rules: what they match, in which order they are
 * asked, what may be said, and that the store keeps them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/rule.h"
#include "tests/support/storebox.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A rule in words; the others are empty. */
struct said {
	const char *id;
	unsigned place, from, to;
	const char *kind, *model, *text, *header, *action, *scope;
	unsigned rest_s;
};

static struct str
word(const char *text)
{
	return text ? str_of(text) : STR("");
}

static struct rule_rec
rec_of(const struct said *s)
{
	return (struct rule_rec){ .id = word(s->id),
		.place = s->place,
		.from = s->from,
		.to = s->to ? s->to : s->from,
		.kind = word(s->kind),
		.model = word(s->model),
		.text = word(s->text),
		.header = word(s->header),
		.action = s->action ? str_of(s->action) : STR("other"),
		.scope = word(s->scope),
		.rest_ms = 1000ULL * s->rest_s };
}

/* As if the store had said so; what is added must be allowed. */
static void
add(struct rules *rs, const struct said *s)
{
	struct rule *r = xcalloc(1, sizeof(*r));
	struct rule_rec rec = rec_of(s);
	struct buf blob;
	struct why why;
	size_t len;
	char *at;

	if (rule_check(rs, &rec, &why))
		fail_msg("%s: %s: %s", s->id, why.field, why.text);
	buf_init(&blob, 4096);
	assert_int_equal(rule_rec_write(&rec, &blob), OK);
	at = buf_take(&blob, &len);
	assert_int_equal(rule_adopt(r, at, len), OK);
	rules_insert(rs, r);
}

static const struct verdict *
judge(const struct rules *rs, unsigned status, const char *kind,
    const char *model, const char *body, const struct http1_head *answer)
{
	const struct verdict_case c = { .status = status,
		.kind = str_of(kind),
		.model = str_of(model),
		.answer = answer,
		.body = str_of(body) };

	return rules_judge(rs, &c);
}

/* --- matching -------------------------------------------------------------- */

static const struct said matchers[] = {
	{ "r-text", 10, 429, 0, .text = "Slow Down" },
	{ "r-model", 20, 429, 0, .model = "claude-opus-*,gpt-?" },
	{ "r-kind", 30, 400, 499, .kind = "claude*, ccr" },
	{ "r-head", 40, 500, 599, .header = "X-Mood: *bad*" },
};

static const struct {
	unsigned status;
	const char *kind, *model, *body, *mood;
	const char *by; /* the rule, or the row of the table */
} matches[] = {
	{ 429, "openai-api", "x", "please SLOW down now", NULL, "r-text" },
	{ 429, "openai-api", "x", "please slow", NULL, "rate" },
	{ 429, "openai-api", "gpt-5", "", NULL, "r-model" },
	{ 429, "openai-api", "gpt-55", "", NULL, "rate" },
	{ 429, "openai-api", "Claude-Opus-4", "", NULL, "r-model" },
	{ 429, "ccr", "x", "", NULL, "r-kind" },
	{ 428, "claude-oauth", "gpt-5", "", NULL, "r-kind" },
	{ 400, "claude-api", "x", "", NULL, "r-kind" },
	{ 499, "claude-api", "x", "", NULL, "r-kind" },
	{ 500, "claude-api", "x", "", NULL, "server" },
	{ 500, "claude-api", "x", "", "very BAD today", "r-head" },
	{ 500, "claude-api", "x", "", "good", "server" },
	{ 404, "openai-api", "x", "", "bad", "request" },
	/* Providers' rows come before, whatever an operator says. */
	{ 429, "claude-oauth", "gpt-5", "slow down: extra usage is required",
	    NULL, "extra_usage" },
	/* Not an answer: no rule is asked. */
	{ STATUS_UNREACHABLE, "claude-api", "x", "", NULL, "unreachable" },
};

static void
a_rule_judges_what_fits_all_that_it_says(void **state)
{
	struct rules rs;

	(void)state;
	rules_init(&rs, NULL);
	for (size_t i = 0; i < COUNT(matchers); i++)
		add(&rs, &matchers[i]);
	for (size_t i = 0; i < COUNT(matches); i++) {
		struct http1_head h = { .count = matches[i].mood ? 1 : 0 };
		const struct verdict *v;
		const char *by;

		h.fields[0] =
		    (struct header){ STR("x-mood"), word(matches[i].mood) };
		v = judge(&rs, matches[i].status, matches[i].kind,
		    matches[i].model, matches[i].body, &h);
		by = v->rule[0] ? v->rule : v->name;
		if (strcmp(by, matches[i].by) != 0)
			fail_msg("%zu: %s, not %s", i, by, matches[i].by);
		assert_int_equal(rule_of(&rs, v) != NULL, v->rule[0] != '\0');
	}
	/* Without rules, or without an answer's head, the table judges. */
	assert_string_equal(judge(NULL, 429, "ccr", "x", "", NULL)->name,
	    "rate");
	assert_string_equal(judge(&rs, 500, "ccr", "x", "", NULL)->name,
	    "server");
	rules_fini(&rs);
}

static void
the_lowest_place_is_asked_first_however_they_came(void **state)
{
	static const struct said list[] = {
		{ "r-c", 30, 429, 0, .action = "other" },
		{ "r-a", 10, 429, 0, .text = "a" },
		/* The same place: by their ids. */
		{ "r-bb", 20, 429, 0, .text = "b" },
		{ "r-ba", 20, 429, 0, .text = "bb" },
	};
	static const struct {
		const char *body, *by;
	} cases[] = { { "ab", "r-a" }, { "bb", "r-ba" }, { "b", "r-bb" },
		{ "c", "r-c" } };
	char label[VERDICT_LABEL];
	struct rules rs;
	struct rule *r;

	(void)state;
	rules_init(&rs, NULL);
	for (size_t i = 0; i < COUNT(list); i++)
		add(&rs, &list[i]);
	assert_int_equal(rules_last_place(&rs), 30 + RULE_STEP);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(judge(&rs, 429, "claude-api", "x",
					cases[i].body, NULL)
					->rule,
		    cases[i].by);
	verdict_label(judge(&rs, 429, "claude-api", "x", "c", NULL), label);
	assert_string_equal(label, "operator r-c");
	r = rule_find(&rs, STR("r-a"));
	assert_non_null(r);
	rules_remove(&rs, r);
	assert_null(rule_find(&rs, STR("r-a")));
	assert_int_equal(rs.count, 3);
	assert_string_equal(judge(&rs, 429, "claude-api", "x", "ab", NULL)
				->rule,
	    "r-bb");
	rules_fini(&rs);
}

static void
each_action_is_a_verdict(void **state)
{
	static const struct {
		struct said said;
		enum verdict_next next;
		enum verdict_scope scope;
		int gate;
		unsigned first_s;
		bool show;
	} cases[] = {
		{ { "r", 1, 500, .action = "return" }, NEXT_RETURN,
		    SCOPE_NOBODY, -1, 0, true },
		{ { "r", 1, 500, .action = "other" }, NEXT_OTHER, SCOPE_NOBODY,
		    -1, 0, true },
		{ { "r", 1, 500, .action = "same" }, NEXT_SAME, SCOPE_NOBODY,
		    -1, 0, true },
		{ { "r", 1, 500, .action = "hold" }, NEXT_HOLD, SCOPE_NOBODY,
		    -1, 0, false },
		{ { "r", 1, 500, .action = "cool", .scope = "account",
		      .rest_s = 90 },
		    NEXT_OTHER, SCOPE_ACCOUNT, GATE_RATE, 90, true },
		{ { "r", 1, 500, .action = "cool", .scope = "family",
		      .rest_s = 5 },
		    NEXT_OTHER, SCOPE_FAMILY, GATE_RATE, 5, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct verdict *v;
		struct rules rs;

		rules_init(&rs, NULL);
		add(&rs, &cases[i].said);
		v = judge(&rs, 500, "claude-api", "x", "", NULL);
		assert_string_equal(v->rule, "r");
		assert_int_equal(v->next, cases[i].next);
		assert_int_equal(v->scope, cases[i].scope);
		assert_int_equal(v->gate, cases[i].gate);
		assert_int_equal(v->first_s, cases[i].first_s);
		assert_int_equal(v->most_s, cases[i].first_s);
		assert_int_equal(v->show, cases[i].show);
		rules_fini(&rs);
	}
}

/* --- what may be said ------------------------------------------------------ */

static const char long_text[] =
    "0123456789012345678901234567890123456789012345678901234567890123456789"
    "0123456789012345678901234567890123456789012345678901234567890123456789"
    "0123456789012345678901234567890123456789012345678901234567890123456789";

static const struct {
	struct said said;
	const char *field; /* that is refused; NULL: none */
} sayings[] = {
	{ { "r", 1, 429, .to = 0 }, NULL },
	{ { "r", 1, 429, .text = "too\nmany" }, "text" },
	{ { "r", 1, 429, .text = long_text }, "text" },
	{ { "r", 0, 429, .to = 0 }, "place" },
	{ { "r", RULE_PLACE_MAX, 429, .to = 0 }, NULL },
	{ { "r", RULE_PLACE_MAX + 1, 429, .to = 0 }, "place" },
	{ { "r", 1, 0, .to = 0 }, "status" },
	{ { "r", 1, 429, .kind = "claude" }, "kind" },
	{ { "r", 1, 429, .kind = "claude*,nobody" }, "kind" },
	{ { "r", 1, 429, .kind = "claude-[ao]*" }, "kind" },
	{ { "r", 1, 429, .kind = "," }, "kind" },
	{ { "r", 1, 429, .kind = "*" }, NULL },
	{ { "r", 1, 429, .model = "claude opus" }, "model" },
	{ { "r", 1, 429, .model = "claude-{a,b}" }, "model" },
	{ { "r", 1, 429, .model = "claude-?" }, NULL },
	{ { "r", 1, 429, .header = "x-mood" }, "header" },
	{ { "r", 1, 429, .header = "x-mood:" }, "header" },
	{ { "r", 1, 429, .header = "x mood: bad" }, "header" },
	{ { "r", 1, 429, .header = "x-mood: bad" }, NULL },
	{ { "r", 1, 429, .action = "" }, "action" },
	{ { "r", 1, 429, .action = "Cool" }, "action" },
	{ { "r", 1, 429, .action = "cool", .scope = "account" }, "for" },
	{ { "r", 1, 429, .action = "cool", .scope = "account",
	      .rest_s = 31 * 86400 },
	    NULL },
	{ { "r", 1, 429, .action = "cool", .scope = "account",
	      .rest_s = 31 * 86400 + 1 },
	    "for" },
	{ { "r", 1, 429, .action = "cool", .scope = "world", .rest_s = 5 },
	    "scope" },
	{ { "r", 1, 429, .action = "hold", .rest_s = 5 }, "for" },
	{ { "r", 1, 429, .action = "hold", .scope = "account" }, "scope" },
	/* What a provider's row judges first. */
	{ { "r", 1, 400, .text = "Organization has been disabled." }, "text" },
	{ { "r", 1, 400, 429, .text = "organization has been disabled" },
	    NULL },
	{ { "r", 1, 403, .kind = "gemini-api", .text = "terms of service" },
	    "text" },
	{ { "r", 1, 403, .kind = "gemini*,ccr", .text = "terms of service" },
	    NULL },
};

static void
what_can_never_match_or_is_no_rule_is_refused_by_its_field(void **state)
{
	struct rules rs;

	(void)state;
	rules_init(&rs, NULL);
	for (size_t i = 0; i < COUNT(sayings); i++) {
		const struct rule_rec rec = rec_of(&sayings[i].said);
		struct why why = { .field = "" };
		enum err e = rule_check(&rs, &rec, &why);

		if (!e != !sayings[i].field ||
		    (e && strcmp(why.field, sayings[i].field) != 0))
			fail_msg("%zu: %s, %s", i, err_text(e), why.field);
	}
	rules_fini(&rs);
}

/* `first` stands at 10, `then` at 20: is either refused beside the other, and
 * whichever comes first? */
static const struct {
	struct said first, then;
	bool shadows;
} pairs[] = {
	{ { "r1", 10, 429, .to = 0 }, { "r2", 20, 429, .to = 0 }, true },
	{ { "r1", 10, 400, .to = 499 }, { "r2", 20, 429, .to = 0 }, true },
	{ { "r1", 10, 429, .to = 0 }, { "r2", 20, 400, .to = 499 }, false },
	{ { "r1", 10, 429, .text = "slow" },
	    { "r2", 20, 429, .text = "too SLOW" }, true },
	{ { "r1", 10, 429, .text = "too slow" },
	    { "r2", 20, 429, .text = "slow" }, false },
	{ { "r1", 10, 429, .text = "slow" }, { "r2", 20, 429, .to = 0 },
	    false },
	{ { "r1", 10, 429, .model = "claude-*" },
	    { "r2", 20, 429, .model = "claude-opus-*, claude-sonnet-?" },
	    true },
	{ { "r1", 10, 429, .model = "claude-*" },
	    { "r2", 20, 429, .model = "claude-opus-*,gpt-5" }, false },
	/* A star is more than a question mark. */
	{ { "r1", 10, 429, .model = "gpt-?" },
	    { "r2", 20, 429, .model = "gpt-*" }, false },
	{ { "r1", 10, 429, .kind = "claude*" }, { "r2", 20, 429, .to = 0 },
	    false },
	{ { "r1", 10, 429, .kind = "claude*" },
	    { "r2", 20, 429, .kind = "claude-api" }, true },
	{ { "r1", 10, 429, .header = "x-a: 1" },
	    { "r2", 20, 429, .header = "X-A: 1" }, true },
	{ { "r1", 10, 429, .header = "x-a: 1" },
	    { "r2", 20, 429, .header = "x-a: 2" }, false },
	{ { "r1", 10, 429, .header = "x-a: 1" }, { "r2", 20, 429, .to = 0 },
	    false },
};

static void
a_rule_that_another_one_stands_before_is_refused_whichever_came_first(void *
	*state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT(pairs); i++) {
		const struct said *one = &pairs[i / 2].first,
				  *two = &pairs[i / 2].then;
		struct rule_rec rec = rec_of(i % 2 ? one : two);
		enum err want = pairs[i / 2].shadows ? ERR_VALUE : OK;
		struct why why = { .field = "" };
		struct rules rs;

		rules_init(&rs, NULL);
		add(&rs, i % 2 ? two : one);
		if (rule_check(&rs, &rec, &why) != want)
			fail_msg("pair %zu: %s", i / 2, why.text);
		if (want)
			assert_string_equal(why.field, "place");
		/* One does not stand in its own way. */
		rec = rec_of(i % 2 ? two : one);
		assert_int_equal(rule_check(&rs, &rec, &why), OK);
		rules_fini(&rs);
	}
}

static void
there_is_an_end_to_rules(void **state)
{
	struct rules rs;
	struct rule_rec rec;
	struct said s = { "", 1, 429, .to = 0 };
	char id[RULE_ID_LEN + 1], model[16];
	struct why why;

	(void)state;
	rules_init(&rs, NULL);
	for (unsigned i = 0; i < RULES_MAX; i++) {
		snprintf(id, sizeof(id), "r%u", i);
		snprintf(model, sizeof(model), "m-%u", i);
		s.id = id;
		s.model = model;
		s.place = i + 1;
		add(&rs, &s);
	}
	s.id = "one-more";
	s.model = "other";
	rec = rec_of(&s);
	assert_int_equal(rule_check(&rs, &rec, &why), ERR_LIMIT);
	/* Those there are can still be changed. */
	s.id = "r7";
	rec = rec_of(&s);
	assert_int_equal(rule_check(&rs, &rec, &why), OK);
	rules_fini(&rs);
}

static void
a_status_is_a_failures_or_a_range_of_them(void **state)
{
	static const struct {
		const char *text;
		unsigned from, to; /* 0: refused */
	} cases[] = {
		{ "429", 429, 429 },
		{ "500-599", 500, 599 },
		{ " 500 - 502", 500, 502 },
		{ "300", 300, 300 },
		{ "299", 0, 0 },
		{ "200-429", 0, 0 },
		{ "500-600", 0, 0 },
		{ "503-500", 0, 0 },
		{ "5xx", 0, 0 },
		{ "-429", 0, 0 },
		{ "429-", 0, 0 },
		{ "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rule_rec r = { .place = 1 };
		enum err e =
		    rule_status_read(str_trim(str_of(cases[i].text)), &r, NULL);

		if (!e != (cases[i].from != 0))
			fail_msg("\"%s\"", cases[i].text);
		if (!e) {
			assert_int_equal(r.from, cases[i].from);
			assert_int_equal(r.to, cases[i].to);
		}
	}
}

/* --- the store ------------------------------------------------------------- */

struct saved {
	bool done;
	enum err e;
	struct rule *rule;
};

static void
on_saved(void *arg, enum err e, const struct why *why, struct rule *r)
{
	(void)why;
	*(struct saved *)arg =
	    (struct saved){ .done = true, .e = e, .rule = r };
}

static struct saved
save(struct storebox *box, struct rules *rs, const struct rule_rec *r,
    bool must_exist, uint64_t if_rev)
{
	struct saved s = { .done = false };

	rule_save(rs, r, must_exist, if_rev, NULL, on_saved, &s);
	storebox_wait(box, &s.done);
	return s;
}

static void
rules_are_kept_in_their_order_and_changed_by_revision(void **state)
{
	static const struct said list[] = { { "rb", 20, 429, .to = 0 },
		{ "ra", 10, 429, .text = "a" } };
	struct saved s = { .done = false };
	struct storebox box;
	struct rule_rec rec;
	struct rules rs;

	(void)state;
	storebox_init(&box);
	assert_int_equal(storebox_open(&box, &store_lmdb, NULL), OK);
	rules_init(&rs, box.s);
	storebox_start(&box);
	for (size_t i = 0; i < COUNT(list); i++) {
		rec = rec_of(&list[i]);
		assert_int_equal(save(&box, &rs, &rec, false, 0).e, OK);
	}
	assert_int_equal(save(&box, &rs, &rec, false, 0).e, ERR_EXISTS);
	assert_string_equal(judge(&rs, 429, "ccr", "x", "a", NULL)->rule, "ra");
	/* Its place is behind the other now. */
	rec = rule_find(&rs, STR("ra"))->rec;
	rec.place = 30;
	assert_int_equal(save(&box, &rs, &rec, true, 9).e, ERR_STALE);
	assert_int_equal(save(&box, &rs, &rec, true, 1).rule->rec.rev, 2);
	assert_string_equal(judge(&rs, 429, "ccr", "x", "a", NULL)->rule, "rb");
	storebox_close(&box);
	rules_fini(&rs);

	assert_int_equal(storebox_open(&box, &store_lmdb, NULL), OK);
	rules_init(&rs, box.s);
	assert_int_equal(rules_load(&rs, NULL), OK);
	storebox_start(&box);
	assert_int_equal(rs.count, 2);
	assert_string_equal(TAILQ_FIRST(&rs.list)->verdict.rule, "rb");
	assert_int_equal(rules_last_place(&rs), 40);
	rule_delete(&rs, STR("rb"), 0, NULL, on_saved, &s);
	storebox_wait(&box, &s.done);
	assert_int_equal(s.e, OK);
	assert_null(rule_find(&rs, STR("rb")));
	assert_string_equal(judge(&rs, 429, "ccr", "x", "b", NULL)->name,
	    "rate");
	storebox_close(&box);
	rules_fini(&rs);
	storebox_fini(&box);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_judges_what_fits_all_that_it_says),
		cmocka_unit_test(
		    the_lowest_place_is_asked_first_however_they_came),
		cmocka_unit_test(each_action_is_a_verdict),
		cmocka_unit_test(
		    what_can_never_match_or_is_no_rule_is_refused_by_its_field),
		cmocka_unit_test(
		    a_rule_that_another_one_stands_before_is_refused_whichever_came_first),
		cmocka_unit_test(there_is_an_end_to_rules),
		cmocka_unit_test(a_status_is_a_failures_or_a_range_of_them),
		cmocka_unit_test(
		    rules_are_kept_in_their_order_and_changed_by_revision),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
