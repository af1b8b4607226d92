/* SPDX-License-Identifier: MIT */
/* test_holder.c - what a key's holder reads, byte for byte, and what may stand
 * in the bodies of its questions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "relayd/holder.h"

#define MINUTE	 INT64_C(60000)
#define DAY_MS	 INT64_C(86400000)
#define DAY_0	 20412 /* 2025-11-20 */
#define TEXT_MAX (256 * 1024)

struct world {
	struct apikey_rec key;
	struct figures figures;
	struct holder_ask ask;
	struct holder_view v;
	struct buf out;
};

static void
set_dates(struct figures *f)
{
	for (unsigned i = 0; i < FIGURES_DAYS; i++)
		snprintf(f->dates[i], sizeof(f->dates[i]), "2025-11-%02u",
		    (7 + i) % 100);
}

static void
world_init(struct world *w)
{
	struct rollup_rec *today = &w->figures.days[FIGURES_DAYS - 1];

	*w = (struct world){ .key = { .id = STR("kabcdefgh"),
				 .name = STR("laptop"),
				 .owner = STR("@alice"),
				 .note = STR("canary-note"),
				 .tags = STR("canary-tags"),
				 .created_at = 1700000000123 } };
	set_dates(&w->figures);
	*today = (struct rollup_rec){ .requests = 12,
		.errors = 1,
		.input = 12345,
		.output = 999,
		.cache_read = 4000000,
		.cache_write_5m = 500000,
		.cache_write_1h = 67890,
		.cost_micro = 77777777,
		.rated_micro = 123456 };
	w->figures.days[FIGURES_DAYS - 3].input = 2000000;
	w->figures.days[0].output = 1;
	w->figures.month = *today;
	w->figures.month.requests = 10000;
	w->figures.month.rated_micro = 1234567;
	w->figures.total = w->figures.month;
	w->figures.total.requests = 1234567890;
	w->figures.total.rated_micro = INT64_C(98765432109876);
	w->v = (struct holder_view){ .key = &w->key,
		.state = "active",
		.now_ms = DAY_0 * DAY_MS + 90 * MINUTE,
		.zone = STR("UTC"),
		.figures = &w->figures,
		.ask = &w->ask };
	buf_init(&w->out, TEXT_MAX);
}

static void
world_fini(struct world *w)
{
	holder_ask_fini(&w->ask);
	buf_fini(&w->out);
}

static const char *
written(struct world *w, holder_write *write)
{
	buf_clear(&w->out);
	write(&w->v, &w->out);
	return buf_cstr(&w->out);
}

/* --- text ------------------------------------------------------------------ */

static void
people_read_a_page_of_80_columns(void **state)
{
	static const char page[] =
	    "key           laptop (kabcdefgh)\n"
	    "owner         @alice\n"
	    "state         active\n"
	    "expires       2025-12-20 12:00 UTC, 30 days left\n"
	    "rate          costs count 1.5 times\n"
	    "\n"
	    "               requests errors   input  output cac"
	    "he read written           cost\n"
	    "today                12      1   12345     999    "
	    "   4.0M  567.8k        $0.1235\n"
	    "this month        10000      1   12345     999    "
	    "   4.0M  567.8k          $1.23\n"
	    "in total           1.2G      1   12345     999    "
	    "   4.0M  567.8k   $98765432.11\n"
	    "\n"
	    "14 days       .__________=_@  tokens, 2025-11-07 to 2025-11-20\n"
	    "              days are those of UTC\n";
	struct world w;

	(void)state;
	world_init(&w);
	w.key.expires_at = (DAY_0 + 30) * DAY_MS + 12 * 60 * MINUTE;
	w.key.rate = STR("1.5");
	w.v.is_ascii = true;
	w.figures.days[FIGURES_DAYS - 3].input = 1800000;
	assert_string_equal(written(&w, holder_write_text), page);
	world_fini(&w);
}

static void
a_key_that_was_never_used_has_a_page_too(void **state)
{
	struct world w;
	const char *page;

	(void)state;
	world_init(&w);
	memset(&w.figures, 0, sizeof(w.figures));
	set_dates(&w.figures);
	w.key.owner = STR("");
	w.v.state = "disabled";
	page = written(&w, holder_write_text);
	assert_non_null(strstr(page, "state         disabled\n"));
	assert_non_null(strstr(page, "expires       never\n"));
	assert_null(strstr(page, "owner"));
	assert_non_null(strstr(page, "$0.0000\n"));
	/* Fourteen dots in the middle of the line. */
	assert_non_null(strstr(page,
	    "14 days       \u00b7\u00b7\u00b7\u00b7\u00b7\u00b7\u00b7"
	    "\u00b7\u00b7\u00b7\u00b7\u00b7\u00b7\u00b7  tokens"));
	world_fini(&w);
}

static void
names_cannot_steer_a_terminal(void **state)
{
	static const struct {
		const char *name, *shown, *ascii;
	} cases[] = {
		{ "a\x1b[31mb", "a[31mb", "a[31mb" },
		{ "a\r\nb\tc\x7f", "a  b c", "a  b c" },
		{ "na\u00efve", "na\u00efve", "na?ve" },
		{ "\u6e2c\U0001f600", "\u6e2c\U0001f600", "??" },
		{ "c1 \xc2\x9b ok", "c1  ok", "c1  ok" },
		{ "cut \xe6\xb8", "cut ??", "cut ??" },
		{ "turned \u202e", "turned ", "turned " },
		{ "bad \xff\xfe \x80", "bad ?? ?", "bad ?? ?" },
		{ "over \xc0\xaf long", "over ?? long", "over ?? long" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int ascii = 0; ascii < 2; ascii++) {
			char line[128];
			struct world w;

			world_init(&w);
			w.key.name = str_of(cases[i].name);
			w.v.is_ascii = ascii;
			snprintf(line, sizeof(line), "key           %s (",
			    ascii ? cases[i].ascii : cases[i].shown);
			if (!str_starts(str_of(written(&w, holder_write_text)),
				str_of(line)))
				fail_msg("%zu: %s", i, buf_cstr(&w.out));
			world_fini(&w);
		}
}

static void
no_line_is_longer_than_a_terminal(void **state)
{
	struct world w;
	struct str rest;

	(void)state;
	world_init(&w);
	w.key.name = STR("0123456789012345678901234567890123456789"
			 "0123456789012345678901234567890123456789");
	w.key.owner = w.key.name;
	w.key.rate = STR("999.123456");
	w.key.expires_at = (DAY_0 + 300000) * DAY_MS;
	memset(&w.figures.total, 0x0f, sizeof(w.figures.total));
	w.figures.total.rated_micro = INT64_C(999999999000000);
	w.figures.total.unpriced = 1;
	w.v.is_ascii = true;
	w.v.zone = STR("America/Argentina/ComodRivadavia");
	rest = str_of(written(&w, holder_write_text));
	while (rest.at) {
		struct str line = str_cut(&rest, '\n');

		if (line.len > 80)
			fail_msg("%.*s", STR_ARG(line));
	}
	world_fini(&w);
}

/* --- documents ------------------------------------------------------------- */

#define SUM                                                                    \
	"{\"requests\":12,\"errors\":1,\"unpriced\":0,\"estimated\":0,"        \
	"\"input_tokens\":12345,"                                              \
	"\"output_tokens\":999,\"cache_creation_tokens\":567890,"              \
	"\"cache_read_tokens\":4000000,\"total_tokens\":4581234,"              \
	"\"cost\":0.123456,\"actual_cost\":0.123456,\"tokens\":13344,"         \
	"\"allTokens\":4581234,\"inputTokens\":12345,"                         \
	"\"outputTokens\":999,\"cacheCreateTokens\":567890,"                   \
	"\"cacheReadTokens\":4000000,\"formattedCost\":\"$0.123456\"}"

static void
small_documents_are_these(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	assert_string_equal(written(&w, holder_write_me),
	    "{\"id\":\"user_kabcdefgh\",\"type\":\"user\","
	    "\"display_name\":\"laptop\","
	    "\"created_at\":\"2023-11-14T22:13:20.123Z\","
	    "\"status\":\"active\","
	    "\"timestamp\":\"2025-11-20T01:30:00.000Z\"}");
	assert_string_equal(written(&w, holder_write_credit),
	    "{\"object\":\"usage\",\"data\":[{\"type\":\"credit_balance\","
	    "\"credit_balance\":null}],"
	    "\"timestamp\":\"2025-11-20T01:30:00.000Z\"}");
	assert_string_equal(written(&w, holder_write_id),
	    "{\"success\":true,\"data\":{\"id\":\"kabcdefgh\"}}");
	world_fini(&w);
}

static void
a_sum_is_said_in_everybodys_words(void **state)
{
	static const struct {
		holder_write *write;
		const char *has;
	} cases[] = {
		{ holder_write_usage,
		    "\"usage\":{\"today\":" SUM ",\"daily\":" SUM
		    ",\"monthly\":{" },
		{ holder_write_usage,
		    "\"isValid\":true,\"status\":\"active\"" },
		{ holder_write_usage,
		    "\"mode\":\"unrestricted\",\"remaining\":-1," },
		{ holder_write_usage, "{\"date\":\"2025-11-07\"," },
		{ holder_write_usage, "{\"date\":\"2025-11-20\"," },
		{ holder_write_usage, "\"daily_tokens\":4581234" },
		{ holder_write_usage, "\"expires_at\":null" },
		{ holder_write_key_info, "\"usage\":{\"today\":" SUM },
		{ holder_write_key_info, "\"dailyCost\":0.123456" },
		{ holder_write_key_info, "\"owner\":\"@alice\"" },
		{ holder_write_stats, "\"currentDailyCost\":0.123456" },
		{ holder_write_stats, "\"currentTotalCost\":98765432.109876" },
		{ holder_write_stats, "\"dailyCostLimit\":0" },
		{ holder_write_batch, "\"dailyUsage\":" SUM },
		{ holder_write_batch, "\"totalKeys\":1,\"activeKeys\":1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;

		world_init(&w);
		if (!strstr(written(&w, cases[i].write), cases[i].has))
			fail_msg("no %s in %s", cases[i].has, buf_cstr(&w.out));
		world_fini(&w);
	}
}

static void
every_document_is_json_and_keeps_what_is_not_the_holders(void **state)
{
	static holder_write *const all[] = { holder_write_me,
		holder_write_key_info, holder_write_usage, holder_write_credit,
		holder_write_id, holder_write_stats, holder_write_batch };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct json *root;
		struct world w;
		struct why why;

		world_init(&w);
		w.key.name = STR("\"\\\x1b\xff");
		w.key.expires_at = 1800000000000;
		w.key.rate = STR("0.25");
		written(&w, all[i]);
		assert_int_equal(json_parse(buf_str(&w.out), TEXT_MAX, &root,
				     &why),
		    OK);
		assert_null(strstr(buf_cstr(&w.out), "canary"));
		/* The price of the list is the operator's affair. */
		assert_null(strstr(buf_cstr(&w.out), "77.777777"));
		json_free(root);
		world_fini(&w);
	}
}

static void
a_key_out_of_use_is_said_to_be(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.v.state = "expired";
	assert_non_null(strstr(written(&w, holder_write_usage),
	    "\"isValid\":false"));
	assert_non_null(strstr(written(&w, holder_write_usage),
	    "\"status\":\"expired\""));
	assert_non_null(strstr(written(&w, holder_write_stats),
	    "\"isActive\":false"));
	assert_non_null(strstr(written(&w, holder_write_batch),
	    "\"activeKeys\":0"));
	world_fini(&w);
}

/* --- limits and models ----------------------------------------------------- */

#define HOUR_MS (60 * MINUTE)

static const struct holder_limit limits[] = {
	{ .window = "day",
	    .unit = "usd",
	    .most = 20000000,
	    .used = 1250000,
	    .begin_ms = DAY_0 * DAY_MS,
	    .end_ms = (DAY_0 + 1) * DAY_MS },
	{ .window = "life", .unit = "usd", .most = 5000000, .used = 6000000 },
	{ .window = "week",
	    .unit = "usd",
	    .class = { "claude-opus*", 12 },
	    .most = 100000000,
	    .used = 500000,
	    .end_ms = (DAY_0 + 4) * DAY_MS },
	{ .window = "5h",
	    .unit = "requests",
	    .most = 100,
	    .used = 12,
	    .begin_ms = DAY_0 * DAY_MS,
	    .end_ms = DAY_0 * DAY_MS + 5 * HOUR_MS },
	{ .window = "5h",
	    .unit = "tokens",
	    .most = 2000000,
	    .used = 1,
	    .begin_ms = DAY_0 * DAY_MS,
	    .end_ms = DAY_0 * DAY_MS + 5 * HOUR_MS },
	{ .window = "month",
	    .unit = "usd",
	    .is_shared = true,
	    .most = INT64_C(771177000000),
	    .used = INT64_C(882288000000) },
};

static void
add_limits(struct world *w)
{
	w->v.limits = limits;
	w->v.limits_count = sizeof(limits) / sizeof(limits[0]);
}

static void
people_read_what_is_left(void **state)
{
	static const char part[] =
	    "expires       never\n"
	    "\n"
	    "limits                of       used    at most       left       "
	    "begins anew\n"
	    "day                  usd      $1.25     $20.00     $18.75  "
	    "2025-11-21 00:00\n"
	    "life                 usd      $6.00      $5.00    $0.0000        "
	    "         -\n"
	    "week                 usd    $0.5000    $100.00     $99.50  "
	    "2025-11-24 00:00\n"
	    "                of models claude-opus*\n"
	    "5h              requests         12        100         88  "
	    "2025-11-20 05:00\n"
	    "5h                tokens          1       2.0M       1.9M  "
	    "2025-11-20 05:00\n"
	    "month                usd                  shared, used up        "
	    "         -\n"
	    "\n";
	struct world w;

	(void)state;
	world_init(&w);
	add_limits(&w);
	if (!strstr(written(&w, holder_write_text), part))
		fail_msg("%s", buf_cstr(&w.out));
	world_fini(&w);
}

static void
programs_read_what_is_left(void **state)
{
	static const struct {
		holder_write *write;
		const char *has;
	} cases[] = {
		/* The tightest one of money. */
		{ holder_write_usage,
		    "\"mode\":\"quota_limited\",\"remaining\":0,"
		    "\"quota\":{\"limit\":5,\"used\":6,\"remaining\":0,"
		    "\"unit\":\"USD\"}" },
		{ holder_write_usage,
		    "{\"window\":\"1d\",\"unit\":\"usd\",\"shared\":false,"
		    "\"exhausted\":false,\"limit\":20,\"used\":1.25,"
		    "\"remaining\":18.75,"
		    "\"window_start\":\"2025-11-20T00:00:00.000Z\","
		    "\"reset_at\":\"2025-11-21T00:00:00.000Z\"}" },
		/* What others share in is not told. */
		{ holder_write_usage,
		    "{\"window\":\"month\",\"unit\":\"usd\",\"shared\":true,"
		    "\"exhausted\":true,\"window_start\":null,"
		    "\"reset_at\":null}" },
		{ holder_write_key_info, "\"model\":\"claude-opus*\"" },
		{ holder_write_key_info, "\"dailyCostLimit\":20" },
		{ holder_write_key_info, "\"totalCostLimit\":5" },
		{ holder_write_credit, "\"credit_balance\":0" },
		{ holder_write_stats, "\"dailyCostLimit\":20," },
		{ holder_write_stats, "\"totalCostLimit\":5," },
		{ holder_write_stats,
		    "\"weeklyOpusCostLimit\":100,"
		    "\"weeklyOpusCost\":0.5" },
		{ holder_write_stats,
		    "\"rateLimitWindow\":300,\"rateLimitRequests\":100,"
		    "\"currentWindowRequests\":12,\"tokenLimit\":2000000,"
		    "\"currentWindowTokens\":1,\"rateLimitCost\":0," },
		{ holder_write_stats, "\"windowRemainingSeconds\":12600" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;

		world_init(&w);
		add_limits(&w);
		written(&w, cases[i].write);
		if (!strstr(buf_cstr(&w.out), cases[i].has))
			fail_msg("no %s in %s", cases[i].has, buf_cstr(&w.out));
		assert_null(strstr(buf_cstr(&w.out), "771177"));
		assert_null(strstr(buf_cstr(&w.out), "882288"));
		world_fini(&w);
	}
}

static void
add_models(struct world *w)
{
	static const struct rollup_rec some = {
		.requests = 7, .input = 1500, .rated_micro = 2500000
	};
	struct figures *f = &w->figures;

	f->models_count = 3;
	strcpy(f->models[0].name, "claude-opus-4-8");
	f->models[0].today = f->models[0].month = f->models[0].total = some;
	strcpy(f->models[1].name, "gpt-\x1b[2J\u00fc");
	f->models[1].month = f->models[1].total = some;
	strcpy(f->models[2].name, "long-ago");
	f->models[2].total = some;
}

static void
models_stand_by_cost_with_what_they_used(void **state)
{
	static const char part[] =
	    "\n"
	    "models, this month                             requests     "
	    "tokens "
	    "         cost\n"
	    "claude-opus-4-8                                       7       "
	    "1500 "
	    "        $2.50\n"
	    "gpt-[2J\u00fc                                              7"
	    "       1500         $2.50\n"
	    "\n";
	static const struct {
		const char *body;
		holder_write *write;
		unsigned models;
		const char *period;
	} cases[] = {
		{ "", holder_write_models, 2, "\"period\":\"monthly\"" },
		{ "{\"period\":\"daily\"}", holder_write_models, 1,
		    "\"period\":\"daily\"" },
		{ "{\"period\":\"alltime\"}", holder_write_models, 3,
		    "\"period\":\"alltime\"" },
		{ "", holder_write_batch_models, 1, "\"period\":\"daily\"" },
		{ "{\"apiIds\":[\"kother000\"],\"period\":\"monthly\"}",
		    holder_write_batch_models, 0, "\"data\":[]" },
	};
	struct world w;
	struct why why;

	(void)state;
	world_init(&w);
	add_models(&w);
	if (!strstr(written(&w, holder_write_text), part))
		fail_msg("%s", buf_cstr(&w.out));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *root;

		assert_int_equal(holder_ask_read(str_of(cases[i].body), &w.ask,
				     &why),
		    OK);
		written(&w, cases[i].write);
		assert_non_null(strstr(buf_cstr(&w.out), cases[i].period));
		assert_int_equal(json_parse(buf_str(&w.out), TEXT_MAX, &root,
				     &why),
		    OK);
		assert_int_equal(json_count(json_at(root, "data")),
		    cases[i].models);
		json_free(root);
		holder_ask_fini(&w.ask);
	}
	world_fini(&w);
}

/* --- bodies ---------------------------------------------------------------- */

static void
a_body_is_read_or_refused(void **state)
{
	static const struct {
		const char *body;
		enum err e;
		const char *field, *key, *id;
		enum holder_period period;
		size_t ids;
	} cases[] = {
		{ "", OK, "", "", "", HOLDER_UNSAID, 0 },
		{ "{}", OK, "", "", "", HOLDER_UNSAID, 0 },
		{ "{\"apiKey\":\"cr_x\"}", OK, "", "cr_x", "", HOLDER_UNSAID,
		    0 },
		{ "{\"apiKey\":null,\"apiId\":\"k\"}", OK, "", "", "k",
		    HOLDER_UNSAID, 0 },
		{ "{\"period\":\"monthly\",\"more\":[]}", OK, "", "", "",
		    HOLDER_MONTHLY, 0 },
		{ "{\"apiIds\":[\"a\",\"b\"]}", OK, "", "", "", HOLDER_UNSAID,
		    2 },
		{ "{\"apiIds\":[]}", OK, "", "", "", HOLDER_UNSAID, 0 },
		{ .body = "{", .e = ERR_SYNTAX },
		{ .body = "[]", .e = ERR_VALUE },
		{ .body = "{\"apiKey\":1}", .e = ERR_VALUE, .field = "apiKey" },
		{ .body = "{\"apiId\":{}}", .e = ERR_VALUE, .field = "apiId" },
		{ .body = "{\"period\":\"weekly\"}",
		    .e = ERR_VALUE,
		    .field = "period" },
		{ .body = "{\"apiIds\":{}}",
		    .e = ERR_VALUE,
		    .field = "apiIds" },
		{ .body = "{\"apiIds\":[null]}",
		    .e = ERR_VALUE,
		    .field = "apiIds" },
		{ .body = "{\"apiKey\":\"a\",\"apiKey\":\"b\"}",
		    .e = ERR_EXISTS,
		    .field = "apiKey" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct holder_ask a = { .root = NULL };
		struct why why = { .text = "" };
		enum err e = holder_ask_read(str_of(cases[i].body), &a, &why);

		if (e != cases[i].e)
			fail_msg("%s: %s", cases[i].body, err_name(e));
		if (e && cases[i].field)
			assert_string_equal(why.field, cases[i].field);
		if (e)
			continue;
		assert_true(str_eq(a.api_key, str_of(cases[i].key)));
		assert_true(str_eq(a.api_id, str_of(cases[i].id)));
		assert_int_equal(a.period, cases[i].period);
		assert_int_equal(json_count(a.ids), cases[i].ids);
		holder_ask_fini(&a);
	}
}

static void
more_ids_than_anybody_has_are_refused(void **state)
{
	struct holder_ask a;
	struct why why;
	struct buf body;

	(void)state;
	buf_init(&body, TEXT_MAX);
	buf_must(&body, STR("{\"apiIds\":[\"k\""));
	for (int i = 1; i < HOLDER_IDS_MAX; i++)
		buf_must(&body, STR(",\"k\""));
	buf_must(&body, STR("]}"));
	assert_int_equal(holder_ask_read(buf_str(&body), &a, &why), OK);
	assert_int_equal(json_count(a.ids), HOLDER_IDS_MAX);
	holder_ask_fini(&a);
	buf_chop(&body, 2);
	buf_must(&body, STR(",\"k\"]}"));
	assert_int_equal(holder_ask_read(buf_str(&body), &a, &why), ERR_LIMIT);
	buf_fini(&body);
}

static void
a_batch_is_about_the_key_that_was_sent(void **state)
{
	static const struct {
		const char *body, *has, *lacks;
	} cases[] = {
		{ "{\"apiIds\":[\"kother000\",\"kabcdefgh\"]}",
		    "\"totalKeys\":2,\"activeKeys\":1", "kother000" },
		{ "{\"apiIds\":[\"kother000\"]}",
		    "\"totalKeys\":1,\"activeKeys\":0,\"usage\":"
		    "{\"requests\":0,",
		    "kabcdefgh" },
		{ "{\"apiIds\":[\"kother000\"]}", "\"individual\":[]",
		    "laptop" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text;
		struct world w;
		struct why why;

		world_init(&w);
		assert_int_equal(holder_ask_read(str_of(cases[i].body), &w.ask,
				     &why),
		    OK);
		text = written(&w, holder_write_batch);
		assert_non_null(strstr(text, cases[i].has));
		assert_null(strstr(text, cases[i].lacks));
		world_fini(&w);
	}
}

/* --- vouchers -------------------------------------------------------------- */

static void
what_was_redeemed_is_told_without_what_operators_wrote(void **state)
{
	static const char want[] =
	    "{\"success\":true,\"data\":{\"redemptions\":["
	    "{\"id\":\"vabcdefgh\",\"type\":\"combo\",\"quotaAdded\":2.5,"
	    "\"timeAdded\":36,\"timeUnit\":\"hours\","
	    "\"newTotalCostLimit\":3.5,"
	    "\"newExpiresAt\":\"2025-11-20T00:00:00.000Z\","
	    "\"timestamp\":\"2023-11-14T22:13:20.123Z\","
	    "\"status\":\"active\",\"revokedAt\":null,\"quotaRevoked\":0},"
	    "{\"id\":\"vold\",\"type\":\"time\",\"quotaAdded\":0,"
	    "\"timeAdded\":30,\"timeUnit\":\"days\","
	    "\"newTotalCostLimit\":null,\"newExpiresAt\":null,"
	    "\"timestamp\":\"2023-11-14T22:13:20.123Z\","
	    "\"status\":\"revoked\","
	    "\"revokedAt\":\"2025-11-20T00:00:00.000Z\","
	    "\"quotaRevoked\":0}],\"total\":2}}";
	const struct voucher_rec both = { .id = STR("vabcdefgh"),
		.note = STR("canary-note"),
		.created_by = STR("canary-by"),
		.quota_micro = 2500000,
		.time_ms = 36 * 60 * MINUTE,
		.budget_id = STR("bcanary"),
		.limit_micro = 3500000,
		.key_expires_at = DAY_0 * DAY_MS,
		.redeemed_at = 1700000000123 };
	const struct voucher_rec old = { .id = STR("vold"),
		.time_ms = 30 * DAY_MS,
		.redeemed_at = 1700000000123,
		.revoked_at = DAY_0 * DAY_MS,
		.reason = STR("canary-reason") };
	const struct voucher_rec *const vouchers[] = { &both, &old };
	struct world w;

	(void)state;
	world_init(&w);
	assert_string_equal(written(&w, holder_write_redeemed),
	    "{\"success\":true,\"data\":{\"redemptions\":[],\"total\":0}}");
	w.v.vouchers = vouchers;
	w.v.vouchers_count = 2;
	assert_string_equal(written(&w, holder_write_redeemed), want);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(people_read_a_page_of_80_columns),
		cmocka_unit_test(a_key_that_was_never_used_has_a_page_too),
		cmocka_unit_test(names_cannot_steer_a_terminal),
		cmocka_unit_test(no_line_is_longer_than_a_terminal),
		cmocka_unit_test(small_documents_are_these),
		cmocka_unit_test(a_sum_is_said_in_everybodys_words),
		cmocka_unit_test(
		    every_document_is_json_and_keeps_what_is_not_the_holders),
		cmocka_unit_test(a_key_out_of_use_is_said_to_be),
		cmocka_unit_test(people_read_what_is_left),
		cmocka_unit_test(programs_read_what_is_left),
		cmocka_unit_test(models_stand_by_cost_with_what_they_used),
		cmocka_unit_test(a_body_is_read_or_refused),
		cmocka_unit_test(more_ids_than_anybody_has_are_refused),
		cmocka_unit_test(a_batch_is_about_the_key_that_was_sent),
		cmocka_unit_test(
		    what_was_redeemed_is_told_without_what_operators_wrote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
