/* SPDX-License-Identifier: MIT */
/* holder_compat.c - the documents that claude-relay-service gives below
 * /apiStats, which status bars and usage tools read.
 *
 * Fields that have no meaning here are there all the same, as zero, null or
 * empty: their readers do not look whether they exist. */
#include <time.h>

#include "relayd/apikey.h"
#include "relayd/holder.h"
#include "relayd/unit.h"

static void
begin(struct json_out *j, struct buf *out)
{
	json_begin(j, out);
	json_open(j, '{');
	json_say_bool(j, "success", true);
	json_put_key(j, "data");
}

static void
finish(struct json_out *j, struct buf *out)
{
	json_close(j, '}');
	if (json_end(j))
		buf_clear(out);
}

static void
say_sum(struct json_out *j, const char *key, const struct rollup_rec *sum)
{
	json_put_key(j, key);
	json_open(j, '{');
	holder_put_sum(j, sum);
	json_close(j, '}');
}

static bool
is_active(const struct holder_view *v)
{
	return apikey_state_serves(v->state);
}

void
holder_write_id(const struct holder_view *v, struct buf *out)
{
	struct json_out j;

	begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "id", v->key->id);
	json_close(&j, '}');
	finish(&j, out);
}

/* The limits it knows, each with a field of its own: what stands in `most` is 0
 * where there is no such limit. */
struct known_limits {
	struct holder_limit day, life, week_of_some;
	/* Those of one window that begins with a request. */
	struct holder_limit cost, requests, tokens;
	int64_t length_ms;
	const struct holder_limit *window;
};

static void
know_window(struct known_limits *k, const struct holder_limit *l)
{
	int64_t length_ms;
	struct why why;

	/* Calendar windows are words, the others amounts of time. */
	if (unit_read_ms(str_of(l->window), &length_ms, &why) ||
	    (k->window && length_ms != k->length_ms))
		return;
	if (holder_is_money(l))
		k->cost = *l;
	else if (!strcmp(l->unit, "requests"))
		k->requests = *l;
	else if (!strcmp(l->unit, "tokens"))
		k->tokens = *l;
	else
		return;
	k->length_ms = length_ms;
	k->window = l;
}

static void
know_limit(struct known_limits *k, const struct holder_limit *l)
{
	bool is_money = holder_is_money(l);

	if (l->is_shared)
		return;
	if (l->class.len && is_money && holder_is_per(l, "week"))
		k->week_of_some = *l;
	else if (l->class.len)
		return;
	else if (is_money && holder_is_per(l, "day"))
		k->day = *l;
	else if (is_money && holder_is_per(l, "life"))
		k->life = *l;
	else
		know_window(k, l);
}

static void
put_window(struct json_out *j, const struct known_limits *k, int64_t now_ms)
{
	const struct holder_limit *w = k->window;

	json_say_i64(j, "rateLimitWindow", k->length_ms / 60000);
	json_say_i64(j, "rateLimitRequests", k->requests.most);
	json_say_i64(j, "currentWindowRequests", k->requests.used);
	json_say_i64(j, "tokenLimit", k->tokens.most);
	json_say_i64(j, "currentWindowTokens", k->tokens.used);
	holder_say_money(j, "rateLimitCost", k->cost.most);
	holder_say_money(j, "currentWindowCost", k->cost.used);
	if (w && w->end_ms > now_ms) {
		json_say_i64(j, "windowStartTime", w->begin_ms);
		json_say_i64(j, "windowEndTime", w->end_ms);
		json_say_i64(j, "windowRemainingSeconds",
		    (w->end_ms - now_ms) / 1000);
	} else {
		json_say_null(j, "windowStartTime");
		json_say_null(j, "windowEndTime");
		json_say_null(j, "windowRemainingSeconds");
	}
}

/* When the week begins: a day from 1, Monday, to 7, and its hour. */
static void
put_week(struct json_out *j, const struct holder_limit *l)
{
	struct tm tm = { .tm_wday = 1 };
	time_t t = (time_t)(l->end_ms / 1000);

	if (l->end_ms)
		localtime_r(&t, &tm);
	json_say_i64(j, "weeklyResetDay", tm.tm_wday ? tm.tm_wday : 7);
	json_say_i64(j, "weeklyResetHour", tm.tm_hour);
}

static void
put_limits(struct json_out *j, const struct holder_view *v)
{
	struct known_limits k = { .window = NULL };

	for (size_t i = 0; i < v->limits_count; i++)
		know_limit(&k, &v->limits[i]);
	json_put_key(j, "limits");
	json_open(j, '{');
	json_say_i64(j, "concurrencyLimit", 0);
	put_window(j, &k, v->now_ms);
	holder_say_money(j, "dailyCostLimit", k.day.most);
	holder_say_money(j, "currentDailyCost",
	    figures_today(v->figures)->rated_micro);
	holder_say_money(j, "totalCostLimit", k.life.most);
	holder_say_money(j, "currentTotalCost", v->figures->total.rated_micro);
	holder_say_money(j, "weeklyOpusCostLimit", k.week_of_some.most);
	holder_say_money(j, "weeklyOpusCost", k.week_of_some.used);
	put_week(j, &k.week_of_some);
	json_close(j, '}');
}

static void
put_empty(struct json_out *j)
{
	json_put_key(j, "accounts");
	json_put_raw(j,
	    STR("{\"claudeAccountId\":null,\"geminiAccountId\":null,"
		"\"openaiAccountId\":null,\"details\":null}"));
	json_put_key(j, "restrictions");
	json_put_raw(j,
	    STR("{\"enableModelRestriction\":false,\"restrictedModels\":[],"
		"\"enableClientRestriction\":false,\"allowedClients\":[]}"));
}

void
holder_write_stats(const struct holder_view *v, struct buf *out)
{
	const struct apikey_rec *k = v->key;
	struct json_out j;

	begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "id", k->id);
	json_say(&j, "name", k->name);
	json_say(&j, "description", STR(""));
	json_say(&j, "status", str_of(v->state));
	json_say_bool(&j, "isActive", is_active(v));
	holder_say_time(&j, "createdAt", (int64_t)k->created_at);
	holder_say_time(&j, "expiresAt", (int64_t)k->expires_at);
	json_say(&j, "expirationMode", STR("fixed"));
	json_say_bool(&j, "isActivated", true);
	json_say_i64(&j, "activationDays", 0);
	json_say_null(&j, "activatedAt");
	json_say(&j, "permissions", STR("all"));
	json_put_key(&j, "usage");
	json_open(&j, '{');
	say_sum(&j, "total", &v->figures->total);
	json_close(&j, '}');
	put_limits(&j, v);
	put_empty(&j);
	json_close(&j, '}');
	finish(&j, out);
}

/* --- several keys at once: of those that were asked for, one is ours ----------- */

static bool
is_asked(const struct holder_view *v)
{
	const struct json *i = json_first(v->ask->ids);
	struct str id;

	/* Who names none means the key that came along. */
	if (!i)
		return true;
	for (; i; i = json_next(i))
		if (!json_as_str(i, &id) && str_eq(id, v->key->id))
			return true;
	return false;
}

static void
put_individual(struct json_out *j, const struct holder_view *v)
{
	json_open(j, '{');
	json_say(j, "apiId", v->key->id);
	json_say(j, "name", v->key->name);
	json_say_bool(j, "isActive", is_active(v));
	say_sum(j, "usage", &v->figures->total);
	say_sum(j, "dailyUsage", figures_today(v->figures));
	say_sum(j, "monthlyUsage", &v->figures->month);
	json_close(j, '}');
}

void
holder_write_batch(const struct holder_view *v, struct buf *out)
{
	static const struct rollup_rec nothing;
	bool asked = is_asked(v);
	size_t count = json_count(v->ask->ids);
	struct json_out j;

	begin(&j, out);
	json_open(&j, '{');
	json_put_key(&j, "aggregated");
	json_open(&j, '{');
	json_say_i64(&j, "totalKeys", count ? (int64_t)count : 1);
	json_say_i64(&j, "activeKeys", asked && is_active(v));
	say_sum(&j, "usage", asked ? &v->figures->total : &nothing);
	say_sum(&j, "dailyUsage", asked ? figures_today(v->figures) : &nothing);
	say_sum(&j, "monthlyUsage", asked ? &v->figures->month : &nothing);
	json_close(&j, '}');
	json_put_key(&j, "individual");
	json_open(&j, '[');
	if (asked)
		put_individual(&j, v);
	json_close(&j, ']');
	json_close(&j, '}');
	finish(&j, out);
}

/* --- by model ---------------------------------------------------------------- */

static const struct rollup_rec *
sum_of(const struct figures_model *m, enum holder_period period)
{
	switch (period) {
	case HOLDER_DAILY:
		return &m->today;
	case HOLDER_ALLTIME:
		return &m->total;
	case HOLDER_MONTHLY:
	case HOLDER_UNSAID:
		break;
	}
	return &m->month;
}

static void
put_model(struct json_out *j, const char *name, const struct rollup_rec *sum)
{
	json_open(j, '{');
	json_say(j, "model", str_of(name));
	holder_put_sum(j, sum);
	json_put_key(j, "costs");
	json_open(j, '{');
	holder_say_money(j, "total", sum->rated_micro);
	json_close(j, '}');
	json_put_key(j, "formatted");
	json_open(j, '{');
	holder_say_dollars(j, "total", sum->rated_micro);
	json_close(j, '}');
	json_say_bool(j, "isLegacy", false);
	json_close(j, '}');
}

static void
write_models(const struct holder_view *v, enum holder_period period, bool asked,
    struct buf *out)
{
	const struct figures *f = v->figures;
	struct json_out j;

	begin(&j, out);
	json_open(&j, '[');
	for (unsigned i = 0; asked && i < f->models_count; i++) {
		const struct rollup_rec *sum = sum_of(&f->models[i], period);

		if (sum->requests)
			put_model(&j, f->models[i].name, sum);
	}
	json_close(&j, ']');
	json_say(&j, "period",
	    period == HOLDER_DAILY	   ? STR("daily")
		: period == HOLDER_ALLTIME ? STR("alltime")
					   : STR("monthly"));
	finish(&j, out);
}

void
holder_write_models(const struct holder_view *v, struct buf *out)
{
	write_models(v, v->ask->period, true, out);
}

void
holder_write_batch_models(const struct holder_view *v, struct buf *out)
{
	enum holder_period period = v->ask->period;

	write_models(v, period == HOLDER_UNSAID ? HOLDER_DAILY : period,
	    is_asked(v), out);
}
