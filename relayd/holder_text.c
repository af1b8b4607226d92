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

#define AMOUNT	    48
#define LABEL	    14 /* columns of what a line is about */
#define NAME_MAX_C  48 /* characters of a name that are shown */
#define MODEL_MAX_C 44
#define LEVELS	    8

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

/* 99999, 123.4k, 4.5M. */
static void
write_amount(uint64_t n, char out[AMOUNT])
{
	static const char units[] = "kMGTPE";
	uint64_t unit = 1000;
	unsigned u = 0;

	/* As it is while it fits, so that numbers that stand together are
	 * seldom told in two ways. */
	if (n < 100000) {
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
write_money(int64_t micro, char *out)
{
	bool whole = micro >= 1000000;
	int64_t step = whole ? 10000 : 100;

	out[0] = '$';
	decimal_write((micro + step / 2) / step, whole ? 2 : 4, whole ? 2 : 4,
	    out + 1);
}

/* ">" where the cost of some requests is not in it: they have no price. */
static void
write_cost(const struct rollup_rec *sum, char out[AMOUNT])
{
	if (!sum->unpriced)
		write_money(sum->rated_micro, out);
	else if (!sum->rated_micro)
		snprintf(out, AMOUNT, "no price");
	else {
		out[0] = '>';
		write_money(sum->rated_micro, out + 1);
	}
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
	if (k->owner.len && !str_starts(k->owner, STR("uid:"))) {
		put_label(out, "owner");
		put_foreign(out, k->owner, NAME_MAX_C, v->is_ascii);
		buf_must(out, STR("\n"));
	}
	put_label(out, "state");
	buf_must(out, str_of(v->state));
	buf_must(out, STR("\n"));
}

static void
put_terms(struct buf *out, const struct holder_view *v)
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
write_limit(const struct holder_limit *l, int64_t n, char out[AMOUNT])
{
	if (holder_is_money(l))
		write_money(n, out);
	else
		write_amount(above_zero(n), out);
}

/* The local time, to the minute. */
static void
write_moment(int64_t wall_ms, char out[32])
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;

	snprintf(out, 32, "-");
	if (wall_ms && localtime_r(&t, &tm))
		strftime(out, 32, "%Y-%m-%d %H:%M", &tm);
}

static void
put_limit(struct buf *out, const struct holder_view *v,
    const struct holder_limit *l)
{
	char used[AMOUNT], most[AMOUNT], left[AMOUNT], reset[32];

	write_limit(l, l->used, used);
	write_limit(l, l->most, most);
	write_limit(l, holder_left(l), left);
	write_moment(l->end_ms, reset);
	put_label(out, l->window);
	if (l->is_shared)
		buf_mustf(out, "%10s%33s%18s\n", l->unit,
		    holder_left(l) ? "shared" : "shared, used up", reset);
	else
		buf_mustf(out, "%10s%11s%11s%11s%18s\n", l->unit, used, most,
		    left, reset);
	if (l->class.len) {
		put_label(out, "");
		buf_must(out, STR("  of models "));
		put_foreign(out, l->class, NAME_MAX_C, v->is_ascii);
		buf_must(out, STR("\n"));
	}
}

/* What limits the key, and what is left of it. */
static void
put_limits(struct buf *out, const struct holder_view *v)
{
	buf_must(out, STR("\n"));
	put_label(out, "limits");
	buf_mustf(out, "%10s%11s%11s%11s%18s\n", "of", "used", "at most",
	    "left", "begins anew");
	for (size_t i = 0; i < v->limits_count; i++)
		put_limit(out, v, &v->limits[i]);
}

static void
put_sum(struct buf *out, const char *label, const struct rollup_rec *sum)
{
	int64_t writes = sum->cache_write_5m + sum->cache_write_1h;
	char requests[AMOUNT], errors[AMOUNT], input[AMOUNT], output[AMOUNT];
	char reads[AMOUNT], written[AMOUNT], cost[AMOUNT];

	write_amount(sum->requests, requests);
	write_amount(sum->errors, errors);
	write_amount(above_zero(sum->input), input);
	write_amount(above_zero(sum->output), output);
	write_amount(above_zero(sum->cache_read), reads);
	write_amount(above_zero(writes), written);
	write_cost(sum, cost);
	put_label(out, label);
	buf_mustf(out, "%9s%7s%8s%8s%11s%8s%15s\n", requests, errors, input,
	    output, reads, written, cost);
}

static void
put_sums(struct buf *out, const struct holder_view *v)
{
	put_label(out, "");
	buf_mustf(out, "%9s%7s%8s%8s%11s%8s%15s\n", "requests", "errors",
	    "input", "output", "cache read", "written", "cost");
	put_sum(out, "today", figures_today(v->figures));
	put_sum(out, "this month", &v->figures->month);
	put_sum(out, "in total", &v->figures->total);
}

static void
put_model(struct buf *out, const struct holder_view *v,
    const struct figures_model *m)
{
	char requests[AMOUNT], tokens[AMOUNT], cost[AMOUNT];
	unsigned width;

	write_amount(m->month.requests, requests);
	write_amount(above_zero(holder_all_tokens(&m->month)), tokens);
	write_cost(&m->month, cost);
	width = put_foreign(out, str_of(m->name), MODEL_MAX_C, v->is_ascii);
	buf_mustf(out, "%*s%10s%11s%14s\n", (int)(MODEL_MAX_C + 1 - width), "",
	    requests, tokens, cost);
}

static void
put_models(struct buf *out, const struct holder_view *v)
{
	const struct figures *f = v->figures;

	buf_mustf(out, "\n%-*s%10s%11s%14s\n", MODEL_MAX_C + 1,
	    "models, this month", "requests", "tokens", "cost");
	for (unsigned i = 0; i < f->models_count; i++)
		if (f->models[i].month.requests)
			put_model(out, v, &f->models[i]);
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
	buf_mustf(out, "  tokens, %s to %s\n", f->dates[0],
	    f->dates[FIGURES_DAYS - 1]);
	put_label(out, "");
	buf_must(out, STR("days are those of "));
	put_foreign(out, v->zone, NAME_MAX_C, v->is_ascii);
	buf_must(out, STR("\n"));
	if (v->figures->is_moving) {
		put_label(out, "");
		buf_must(out,
		    STR("sums are being made anew: they are not final\n"));
	}
}

void
holder_write_text(const struct holder_view *v, struct buf *out)
{
	put_who(out, v);
	put_terms(out, v);
	if (v->limits_count)
		put_limits(out, v);
	buf_must(out, STR("\n"));
	put_sums(out, v);
	if (v->figures->models_count)
		put_models(out, v);
	buf_must(out, STR("\n"));
	put_spark(out, v);
}
