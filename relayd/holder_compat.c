/* SPDX-License-Identifier: MIT */
/* holder_compat.c - the documents that claude-relay-service gives below
 * /apiStats, which status bars and usage tools read.
 *
 * Fields that have no meaning here are there all the same, as zero, null or
 * empty: their readers do not look whether they exist. */
#include "relayd/holder.h"

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
	return !strcmp(v->state, "active");
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

/* 0 is "no limit" in all of these. */
static void
put_limits(struct json_out *j, const struct holder_view *v)
{
	static const char *const none[] = { "tokenLimit", "concurrencyLimit",
		"rateLimitWindow", "rateLimitRequests", "rateLimitCost",
		"dailyCostLimit", "totalCostLimit", "weeklyOpusCostLimit",
		"currentWindowRequests", "currentWindowTokens",
		"currentWindowCost", "weeklyOpusCost", "weeklyResetHour" };
	static const char *const never[] = { "windowStartTime", "windowEndTime",
		"windowRemainingSeconds" };

	json_put_key(j, "limits");
	json_open(j, '{');
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		json_say_i64(j, none[i], 0);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		json_say_null(j, never[i]);
	json_say_i64(j, "weeklyResetDay", 1);
	holder_say_money(j, "currentDailyCost",
	    figures_today(v->figures)->rated_micro);
	holder_say_money(j, "currentTotalCost", v->figures->total.rated_micro);
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
