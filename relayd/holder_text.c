/* SPDX-License-Identifier: MIT */
/* holder_text.c - a key's figures for people: curl .../stats
 *
 * Plain text of at most 80 columns, no colours: it is read through curl, less,
 * watch and mail.  What others have named is stripped of whatever could steer
 * a terminal. */
#include <stdio.h>
#include <time.h>

#include "relayd/decimal.h"
#include "relayd/holder.h"
#include "relayd/inert.h"

#define AMOUNT	   48
#define LABEL	   14 /* columns of what a line is about */
#define NAME_MAX_C 48 /* characters of a name that are shown */
#define LEVELS	   8

/* --- words, numbers, moments ------------------------------------------------ */

/* What others wrote, at most that many characters of it; returns how many. */
static unsigned
put_foreign(struct buf *out, struct str foreign, unsigned most, bool is_ascii)
{
	char text[4 * NAME_MAX_C + 1];
	struct str s = str_at(text, inert_copy(text, sizeof(text), foreign));
	unsigned count = 0;

	for (; s.len && count < most; count++) {
		unsigned char c = (unsigned char)s.at[0];
		size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		bool fits = c < 0x80 || !is_ascii;

		buf_must(out, fits ? str_first(s, n) : STR("?"));
		s = str_skip(s, n);
	}
	return count;
}

/* 999, 12.3k, 4.57M. */
static void
write_amount(uint64_t n, char out[AMOUNT])
{
	static const char units[] = "kMGTPE";
	uint64_t unit = 1000;
	unsigned u = 0;

	if (n < 10000) {
		snprintf(out, AMOUNT, "%llu", (unsigned long long)n);
		return;
	}
	while (n / unit >= 1000 && u < sizeof(units) - 2) {
		unit *= 1000;
		u++;
	}
	/* Cut, not rounded: what is left must not look like more. */
	snprintf(out, AMOUNT, "%llu.%llu%c", (unsigned long long)(n / unit),
	    (unsigned long long)(n % unit / (unit / 10)), units[u]);
}

static uint64_t
above_zero(int64_t n)
{
	return n > 0 ? (uint64_t)n : 0;
}

/* In cents from a dollar on, below that to a hundredth of a cent. */
static void
write_money(int64_t micro, char out[DECIMAL_TEXT + 1])
{
	bool whole = micro >= 1000000;
	int64_t step = whole ? 10000 : 100;

	out[0] = '$';
	decimal_write((micro + step / 2) / step, whole ? 2 : 4, whole ? 2 : 4,
	    out + 1);
}

static void
put_day(struct buf *out, uint32_t day)
{
	time_t t = (time_t)day * 86400;
	char text[16];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d", &tm);
	buf_must(out, str_of(text));
}

static void
put_label(struct buf *out, const char *label)
{
	buf_mustf(out, "%-*s", LABEL, label);
}

/* --- the parts --------------------------------------------------------------- */

static void
put_who(struct buf *out, const struct holder_view *v)
{
	const struct apikey_rec *k = v->key;

	put_label(out, "key");
	put_foreign(out, k->name, NAME_MAX_C, v->is_ascii);
	buf_mustf(out, " (%.*s)\n", STR_ARG(str_first(k->id, 16)));
	if (k->owner.len) {
		put_label(out, "owner");
		put_foreign(out, k->owner, NAME_MAX_C, v->is_ascii);
		buf_must(out, STR("\n"));
	}
	put_label(out, "state");
	buf_must(out, str_of(v->state));
	buf_must(out, STR("\n"));
}

/* What limits the key, and what is left of it. */
static void
put_limits(struct buf *out, const struct holder_view *v)
{
	const struct apikey_rec *k = v->key;
	int64_t left_ms = (int64_t)k->expires_at - v->now_ms;
	time_t t = (time_t)(k->expires_at / 1000);
	char text[32];
	struct tm tm;

	put_label(out, "expires");
	if (!k->expires_at || !localtime_r(&t, &tm)) {
		buf_must(out, STR("never\n"));
	} else {
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M %Z", &tm);
		buf_must(out, str_of(text));
		if (left_ms > 0)
			buf_mustf(out, ", %lld days left",
			    (long long)(left_ms / 86400000));
		buf_must(out, STR("\n"));
	}
	if (k->rate.len && !str_eq(k->rate, STR("1"))) {
		put_label(out, "rate");
		buf_mustf(out, "costs count %.*s times\n",
		    STR_ARG(str_first(k->rate, 20)));
	}
}

static void
put_sum(struct buf *out, const char *label, const struct rollup_rec *sum)
{
	int64_t cached =
	    sum->cache_read + sum->cache_write_5m + sum->cache_write_1h;
	char requests[AMOUNT], errors[AMOUNT], input[AMOUNT], output[AMOUNT];
	char cache[AMOUNT], cost[DECIMAL_TEXT + 1];

	write_amount(sum->requests, requests);
	write_amount(sum->errors, errors);
	write_amount(above_zero(sum->input), input);
	write_amount(above_zero(sum->output), output);
	write_amount(above_zero(cached), cache);
	write_money(sum->rated_micro, cost);
	put_label(out, label);
	buf_mustf(out, "%10s%9s%11s%11s%11s%14s\n", requests, errors, input,
	    output, cache, cost);
}

static void
put_sums(struct buf *out, const struct holder_view *v)
{
	put_label(out, "");
	buf_mustf(out, "%10s%9s%11s%11s%11s%14s\n", "requests", "errors",
	    "input", "output", "cached", "cost");
	put_sum(out, "today", figures_today(v->figures));
	put_sum(out, "this month", &v->figures->month);
	put_sum(out, "in total", &v->figures->total);
}

static unsigned
level_of(uint64_t n, uint64_t most)
{
	/* Whoever used anything is seen: only nothing has the lowest level. */
	if (!n || !most)
		return 0;
	return 1 + (unsigned)((double)n / (double)most * (LEVELS - 1) + 0.5);
}

static void
put_spark(struct buf *out, const struct holder_view *v)
{
	static const char *const bars[LEVELS + 1] = { "\u00b7", "\u2581",
		"\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587",
		"\u2588" };
	static const char plain[] = "_.:-=+*#@";
	const struct figures *f = v->figures;
	uint64_t most = 0, n[FIGURES_DAYS];

	for (unsigned i = 0; i < FIGURES_DAYS; i++) {
		n[i] = above_zero(holder_all_tokens(&f->days[i]));
		most = n[i] > most ? n[i] : most;
	}
	put_label(out, "14 days");
	for (unsigned i = 0; i < FIGURES_DAYS; i++) {
		unsigned level = level_of(n[i], most);

		if (v->is_ascii)
			buf_mustf(out, "%c", plain[level]);
		else
			buf_must(out, str_of(bars[level]));
	}
	buf_must(out, STR("  tokens, "));
	put_day(out, f->today - (FIGURES_DAYS - 1));
	buf_must(out, STR(" to "));
	put_day(out, f->today);
	buf_must(out, STR("\n"));
	put_label(out, "");
	buf_mustf(out, "days are those of %s\n", v->zone);
}

void
holder_write_text(const struct holder_view *v, struct buf *out)
{
	put_who(out, v);
	put_limits(out, v);
	buf_must(out, STR("\n"));
	put_sums(out, v);
	buf_must(out, STR("\n"));
	put_spark(out, v);
}
