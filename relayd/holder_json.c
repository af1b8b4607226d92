/* SPDX-License-Identifier: MIT */
/* holder_json.c - a key's figures for programs that show what is left.
 *
 * Each kind of program has its own words for the same sums (CC-Switch, status
 * bars, the scripts people wrote for other relays), and looks only for its own:
 * so one document holds them all. */
#include <stdio.h>
#include <time.h>

#include "relayd/apikey.h"
#include "relayd/decimal.h"
#include "relayd/holder.h"

#define MICRO_DIGITS 6
#define TIME_TEXT    32

int64_t
holder_tokens(const struct rollup_rec *sum)
{
	return sum->input + sum->output;
}

int64_t
holder_all_tokens(const struct rollup_rec *sum)
{
	return sum->input + sum->output + sum->cache_read +
	    sum->cache_write_5m + sum->cache_write_1h;
}

void
holder_say_time(struct json_out *j, const char *key, int64_t wall_ms)
{
	time_t t = (time_t)(wall_ms / 1000);
	char text[TIME_TEXT], day[24];
	struct tm tm;

	if (!wall_ms || !gmtime_r(&t, &tm)) {
		json_say_null(j, key);
		return;
	}
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%03dZ", day, (int)(wall_ms % 1000));
	json_say(j, key, str_of(text));
}

void
holder_say_money(struct json_out *j, const char *key, int64_t micro)
{
	char text[DECIMAL_TEXT];

	decimal_write(micro, MICRO_DIGITS, 0, text);
	json_put_key(j, key);
	json_put_raw(j, str_of(text));
}

void
holder_say_dollars(struct json_out *j, const char *key, int64_t micro)
{
	char text[DECIMAL_TEXT + 1] = "$";

	decimal_write(micro, MICRO_DIGITS, MICRO_DIGITS, text + 1);
	json_say(j, key, str_of(text));
}

/* In one kind of words. */
static void
put_plainly(struct json_out *j, const struct rollup_rec *sum)
{
	json_say_i64(j, "requests", (int64_t)sum->requests);
	json_say_i64(j, "errors", (int64_t)sum->errors);
	json_say_i64(j, "unpriced", (int64_t)sum->unpriced);
	json_say_i64(j, "estimated", (int64_t)sum->estimated);
	json_say_i64(j, "input_tokens", sum->input);
	json_say_i64(j, "output_tokens", sum->output);
	json_say_i64(j, "cache_creation_tokens",
	    sum->cache_write_5m + sum->cache_write_1h);
	json_say_i64(j, "cache_read_tokens", sum->cache_read);
	json_say_i64(j, "total_tokens", holder_all_tokens(sum));
	holder_say_money(j, "cost", sum->rated_micro);
	holder_say_money(j, "actual_cost", sum->rated_micro);
}

void
holder_put_sum(struct json_out *j, const struct rollup_rec *sum)
{
	int64_t writes = sum->cache_write_5m + sum->cache_write_1h;

	put_plainly(j, sum);
	json_say_i64(j, "tokens", holder_tokens(sum));
	json_say_i64(j, "allTokens", holder_all_tokens(sum));
	json_say_i64(j, "inputTokens", sum->input);
	json_say_i64(j, "outputTokens", sum->output);
	json_say_i64(j, "cacheCreateTokens", writes);
	json_say_i64(j, "cacheReadTokens", sum->cache_read);
	holder_say_dollars(j, "formattedCost", sum->rated_micro);
}

static void
say_sum(struct json_out *j, const char *key, const struct rollup_rec *sum)
{
	json_put_key(j, key);
	json_open(j, '{');
	holder_put_sum(j, sum);
	json_close(j, '}');
}

static void
put_usage(struct json_out *j, const struct figures *f)
{
	json_put_key(j, "usage");
	json_open(j, '{');
	say_sum(j, "today", figures_today(f));
	say_sum(j, "daily", figures_today(f));
	say_sum(j, "monthly", &f->month);
	say_sum(j, "total", &f->total);
	json_close(j, '}');
}

static void
put_days(struct json_out *j, const struct figures *f)
{
	json_put_key(j, "daily_usage");
	json_open(j, '[');
	for (unsigned i = 0; i < FIGURES_DAYS; i++) {
		json_open(j, '{');
		json_say(j, "date", str_of(f->dates[i]));
		put_plainly(j, &f->days[i]);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
put_models(struct json_out *j, const struct figures *f)
{
	json_put_key(j, "model_stats");
	json_open(j, '[');
	for (unsigned i = 0; i < f->models_count; i++) {
		json_open(j, '{');
		json_say(j, "model", str_of(f->models[i].name));
		put_plainly(j, &f->models[i].month);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* What a key is, without figures: members of an open object. */
static void
put_key(struct json_out *j, const struct holder_view *v)
{
	const struct apikey_rec *k = v->key;

	json_say(j, "id", k->id);
	json_say(j, "name", k->name);
	/* A number of the host's is nobody's business out here. */
	json_say(j, "owner",
	    str_starts(k->owner, STR("uid:")) ? STR("") : k->owner);
	json_say(j, "status", str_of(v->state));
	json_say_bool(j, "isActive", apikey_state_serves(v->state));
	holder_say_time(j, "createdAt", (int64_t)k->created_at);
	holder_say_time(j, "expiresAt", (int64_t)k->expires_at);
	json_put_key(j, "rate");
	json_put_raw(j, k->rate.len ? k->rate : STR("1"));
}

/* --- limits ---------------------------------------------------------------- */

static void
say_amount(struct json_out *j, const char *key, const struct holder_limit *l,
    int64_t n)
{
	if (holder_is_money(l))
		holder_say_money(j, key, n);
	else
		json_say_i64(j, key, n);
}

/* "window", "limit", "used", "remaining" and "reset_at" are as sub2api says
 * them, for whom a day is "1d". */
static void
put_limit(struct json_out *j, const struct holder_limit *l)
{
	const char *window = holder_is_per(l, "day") ? "1d"
	    : holder_is_per(l, "week")		     ? "7d"
						     : l->window;

	json_open(j, '{');
	json_say(j, "window", str_of(window));
	json_say(j, "unit", str_of(l->unit));
	if (l->class.len)
		json_say(j, "model", l->class);
	json_say_bool(j, "shared", l->is_shared);
	json_say_bool(j, "exhausted", !holder_left(l));
	if (!l->is_shared) {
		say_amount(j, "limit", l, l->most);
		say_amount(j, "used", l, l->used);
		say_amount(j, "remaining", l, holder_left(l));
	}
	holder_say_time(j, "window_start", l->begin_ms);
	holder_say_time(j, "reset_at", l->end_ms);
	json_close(j, '}');
}

static void
say_limits(struct json_out *j, const char *key, const struct holder_view *v)
{
	json_put_key(j, key);
	json_open(j, '[');
	for (size_t i = 0; i < v->limits_count; i++)
		put_limit(j, &v->limits[i]);
	json_close(j, ']');
}

/* The limit of money that will be reached first, of all models; NULL: none. */
static const struct holder_limit *
tightest(const struct holder_view *v)
{
	const struct holder_limit *found = NULL;

	for (size_t i = 0; i < v->limits_count; i++) {
		const struct holder_limit *l = &v->limits[i];

		if (holder_is_money(l) && !l->is_shared && !l->class.len &&
		    (!found || holder_left(l) < holder_left(found)))
			found = l;
	}
	return found;
}

static void
finish(struct json_out *j, const struct holder_view *v, struct buf *out)
{
	holder_say_time(j, "timestamp", v->now_ms);
	json_close(j, '}');
	if (json_end(j))
		buf_clear(out);
}

/* The limit of money of that window, of all models; 0: none. */
static int64_t
most_of(const struct holder_view *v, const char *window)
{
	for (size_t i = 0; i < v->limits_count; i++) {
		const struct holder_limit *l = &v->limits[i];

		if (holder_is_money(l) && !l->is_shared && !l->class.len &&
		    holder_is_per(l, window))
			return l->most;
	}
	return 0;
}

void
holder_write_me(const struct holder_view *v, struct buf *out)
{
	struct json_out j;
	char id[32];

	snprintf(id, sizeof(id), "user_%.*s", STR_ARG(v->key->id));
	json_begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "id", str_of(id));
	json_say(&j, "type", STR("user"));
	json_say(&j, "display_name", v->key->name);
	holder_say_time(&j, "created_at", (int64_t)v->key->created_at);
	json_say(&j, "status", str_of(v->state));
	finish(&j, v, out);
}

void
holder_write_key_info(const struct holder_view *v, struct buf *out)
{
	const struct figures *f = v->figures;
	struct json_out j;

	json_begin(&j, out);
	json_open(&j, '{');
	put_key(&j, v);
	json_put_key(&j, "keyInfo");
	json_open(&j, '{');
	put_key(&j, v);
	json_say_i64(&j, "tokenLimit", 0);
	holder_say_money(&j, "dailyCostLimit", most_of(v, "day"));
	holder_say_money(&j, "totalCostLimit", most_of(v, "life"));
	holder_say_money(&j, "dailyCost", figures_today(f)->rated_micro);
	holder_say_money(&j, "totalCost", f->total.rated_micro);
	put_usage(&j, f);
	json_close(&j, '}');
	say_limits(&j, "limits", v);
	finish(&j, v, out);
}

/* "isValid", "mode", "remaining" and "unit" are what CC-Switch looks at; -1 is
 * its word for what has no end. */
static void
put_standing(struct json_out *j, const struct holder_view *v)
{
	const struct holder_limit *l = tightest(v);

	json_say_bool(j, "isValid", apikey_state_serves(v->state));
	json_say(j, "status", str_of(v->state));
	json_say(j, "planName", v->key->name);
	json_say(j, "unit", STR("USD"));
	if (!l) {
		json_say(j, "mode", STR("unrestricted"));
		json_say_i64(j, "remaining", -1);
		return;
	}
	json_say(j, "mode", STR("quota_limited"));
	holder_say_money(j, "remaining", holder_left(l));
	json_put_key(j, "quota");
	json_open(j, '{');
	holder_say_money(j, "limit", l->most);
	holder_say_money(j, "used", l->used);
	holder_say_money(j, "remaining", holder_left(l));
	json_say(j, "unit", STR("USD"));
	json_close(j, '}');
}

void
holder_write_usage(const struct holder_view *v, struct buf *out)
{
	const struct figures *f = v->figures;
	const struct rollup_rec *today = figures_today(f);
	struct json_out j;

	json_begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "object", STR("usage"));
	put_standing(&j, v);
	json_put_key(&j, "key");
	json_open(&j, '{');
	put_key(&j, v);
	json_close(&j, '}');
	put_usage(&j, f);
	json_say_i64(&j, "total_tokens", holder_all_tokens(&f->total));
	json_say_i64(&j, "total_requests", (int64_t)f->total.requests);
	json_say_i64(&j, "daily_tokens", holder_all_tokens(today));
	json_say_i64(&j, "daily_requests", (int64_t)today->requests);
	json_say_i64(&j, "monthly_tokens", holder_all_tokens(&f->month));
	json_say_i64(&j, "monthly_requests", (int64_t)f->month.requests);
	holder_say_time(&j, "expires_at", (int64_t)v->key->expires_at);
	say_limits(&j, "rate_limits", v);
	put_models(&j, f);
	put_days(&j, f);
	json_say(&j, "zone", v->zone);
	json_say_bool(&j, "is_final", !f->is_moving);
	finish(&j, v, out);
}

/* What a provider's console would say of an organization's credit: that of the
 * key, whatever id was asked for; null when there is no limit. */
void
holder_write_credit(const struct holder_view *v, struct buf *out)
{
	const struct holder_limit *l = tightest(v);
	struct json_out j;

	json_begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "object", STR("usage"));
	json_put_key(&j, "data");
	json_open(&j, '[');
	json_open(&j, '{');
	json_say(&j, "type", STR("credit_balance"));
	if (l)
		holder_say_money(&j, "credit_balance", holder_left(l));
	else
		json_say_null(&j, "credit_balance");
	json_close(&j, '}');
	json_close(&j, ']');
	finish(&j, v, out);
}
