/* SPDX-License-Identifier: MIT */
/* window.c - how much of a subscription's limits is used. */
#include "relayd/window.h"

#include <time.h>

#include "relayd/decimal.h"
#include "relayd/family.h"

/* Between two points of a forecast, at least. */
#define FORECAST_STEP_MS (5 * 60000)
/* What was told so long ago weighs as much as what is new. */
#define FORECAST_HALF_MS (60 * 60000)
#define HOUR_MS		 (60 * 60000)
/* The ends of two runs are at least so far apart; one and the same is told with
 * other fractions of a second. */
#define RUN_LEAST_MS (30 * 60000)
/* After a reset: a second, and then spread over as much as that. */
#define RESET_MS      1000
#define RESET_LATE_MS 30000
/* Full, and nobody says until when: ask again after that. */
#define UNTOLD_MS (10 * 60000)

/* Names go to terminals and metrics. */
static bool
is_plain(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '-' || c == '_' ||
			c == '.'))
			return false;
	}
	return name.len > 0;
}

struct window *
window_of(struct windows *w, struct str name)
{
	struct window *one;

	if (!is_plain(name) || name.len >= sizeof(one->name))
		return NULL;
	for (unsigned i = 0; i < w->count; i++)
		if (str_ieq(str_of(w->at[i].name), name))
			return &w->at[i];
	if (w->count == WINDOWS_MAX)
		return NULL;
	one = &w->at[w->count++];
	*one = (struct window){ .used_ppm = -1 };
	/* Names of headers come in every case. */
	for (size_t i = 0; i < name.len; i++)
		one->name[i] = name.at[i] >= 'A' && name.at[i] <= 'Z'
		    ? (char)(name.at[i] - 'A' + 'a')
		    : name.at[i];
	return one;
}

int64_t
window_share(struct str number, int64_t whole)
{
	int64_t n;

	/* No limit is used a million times. */
	if (decimal_read(number, 6, INT64_C(1000000) * 1000000, &n))
		return -1;
	return n / whole;
}

int64_t
window_share_of(double number, double whole)
{
	double ppm = number / whole * 1e6 + 0.5;

	/* The cast of one that does not fit is undefined; a NaN is neither. */
	return ppm >= 0 && ppm <= 1e12 ? (int64_t)ppm : -1;
}

/* So many digits at the front of *rest, and the byte behind them (0: none);
 * -1: there are no such. */
static int
take_digits(struct str *rest, size_t n, char behind)
{
	int value = 0;

	if (rest->len < n + (behind != 0) || (behind && rest->at[n] != behind))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (rest->at[i] < '0' || rest->at[i] > '9')
			return -1;
		value = 10 * value + (rest->at[i] - '0');
	}
	*rest = str_skip(*rest, n + (behind != 0));
	return value;
}

/* "Z", nothing, or "+02:00": seconds east of Greenwich; false: none of them. */
static bool
read_zone(struct str text, int64_t *out_s)
{
	int hours, minutes;
	bool west;

	*out_s = 0;
	if (!text.len || str_eq(text, STR("Z")))
		return true;
	west = text.at[0] == '-';
	if (!west && text.at[0] != '+')
		return false;
	text = str_skip(text, 1);
	hours = take_digits(&text, 2, ':');
	minutes = take_digits(&text, 2, '\0');
	if (hours < 0 || minutes < 0 || text.len)
		return false;
	*out_s = (west ? -60 : 60) * (60 * (int64_t)hours + minutes);
	return true;
}

int64_t
window_moment(struct str text)
{
	struct tm tm = { .tm_isdst = 0 };
	int64_t east_s;

	tm.tm_year = take_digits(&text, 4, '-') - 1900;
	tm.tm_mon = take_digits(&text, 2, '-') - 1;
	tm.tm_mday = take_digits(&text, 2, 'T');
	tm.tm_hour = take_digits(&text, 2, ':');
	tm.tm_min = take_digits(&text, 2, ':');
	tm.tm_sec = take_digits(&text, 2, '\0');
	if (tm.tm_year < 70 || tm.tm_mon < 0 || tm.tm_mday < 1 ||
	    tm.tm_hour < 0 || tm.tm_min < 0 || tm.tm_sec < 0)
		return 0;
	/* Fractions of a second are nothing to a window of hours. */
	if (text.len && text.at[0] == '.')
		do
			text = str_skip(text, 1);
		while (text.len && text.at[0] >= '0' && text.at[0] <= '9');
	if (!read_zone(text, &east_s))
		return 0;
	return ((int64_t)timegm(&tm) - east_s) * 1000;
}

struct str
window_part(const struct window *w)
{
	struct str rest = str_of(w->name);
	size_t i = 0;

	while (i < rest.len && rest.at[i] != '-' && rest.at[i] != '_')
		i++;
	return str_skip(rest, i + 1);
}

bool
window_is_whole(const struct window *w)
{
	return !window_part(w).len;
}

/* --- stopping before the end ----------------------------------------------- */

enum err
window_stop_read(struct str s, struct window_stop *out)
{
	int64_t ppm;

	*out = (struct window_stop){ .at_ppm = 0 };
	if (!s.len)
		return OK;
	if (str_eq(s, STR("warning"))) {
		out->at_warning = true;
		return OK;
	}
	if (str_ends(s, STR("%")))
		s.len--;
	if (decimal_read(str_trim(s), 2, 100 * 100, &ppm) || ppm < 100)
		return ERR_VALUE;
	out->at_ppm = ppm * 100;
	return OK;
}

static bool
is_same_run(int64_t a, int64_t b)
{
	return a && b && a - b < RUN_LEAST_MS && b - a < RUN_LEAST_MS;
}

/* The average forgets with time, not with the number of answers. */
static void
note_forecast(struct window *w)
{
	int64_t took_ms = w->told_at - w->seen_at, hourly;

	if (w->used_ppm < 0 || !w->told_at)
		return;
	/* The first point, a new run, or a clock that went back. */
	if (!w->seen_at || w->used_ppm < w->seen_ppm || took_ms < 0) {
		w->seen_at = w->told_at;
		w->seen_ppm = w->used_ppm;
		return;
	}
	if (took_ms < FORECAST_STEP_MS)
		return;
	hourly = (w->used_ppm - w->seen_ppm) * HOUR_MS / took_ms;
	if (!w->hourly_ppm || took_ms > 8 * (int64_t)FORECAST_HALF_MS)
		w->hourly_ppm = hourly;
	else
		w->hourly_ppm += (hourly - w->hourly_ppm) * took_ms /
		    (took_ms + FORECAST_HALF_MS);
	w->seen_at = w->told_at;
	w->seen_ppm = w->used_ppm;
}

int64_t
window_full_at(const struct window *w)
{
	int64_t left_ppm = 1000000 - w->used_ppm, at;

	if (w->hourly_ppm <= 0 || w->used_ppm < 0)
		return 0;
	if (left_ppm <= 0)
		return w->told_at;
	at = w->told_at + left_ppm * HOUR_MS / w->hourly_ppm;
	return w->reset_at && at >= w->reset_at ? 0 : at;
}

/* Does it stop new sessions (0), or those that are bound too (1)? */
static bool
is_reached(const struct window *w, const struct window_stop *stop, int bound)
{
	struct str status = str_of(w->status);

	if (stop->at_warning)
		return str_eq(status, STR("rejected")) ||
		    (!bound && str_ends(status, STR("_warning")));
	return stop->at_ppm &&
	    w->used_ppm >= stop->at_ppm + (bound ? WINDOW_BOUND_MORE_PPM : 0);
}

static int64_t
opens_after_ms(struct window *w, int64_t wall_ms, uint32_t random)
{
	if (!w->reset_at)
		return w->told_at + UNTOLD_MS - wall_ms;
	if (!is_same_run(w->reset_at, w->late_for_at)) {
		w->late_for_at = w->reset_at;
		w->late_ms = RESET_MS +
		    (int64_t)((uint64_t)RESET_LATE_MS * random / UINT32_MAX);
	}
	return w->reset_at + w->late_ms - wall_ms;
}

void
windows_turn(struct windows *w, const struct window_stop *stop, int64_t wall_ms,
    int64_t now_ms, uint32_t random)
{
	w->stop_ms = 0;
	for (unsigned i = 0; i < w->count; i++) {
		struct window *one = &w->at[i];

		note_forecast(one);
		for (int bound = 0; bound < 2; bound++) {
			int64_t rest_ms = is_reached(one, stop, bound)
			    ? opens_after_ms(one, wall_ms, random)
			    : 0;

			one->stop_ms[bound] =
			    rest_ms > 0 ? now_ms + rest_ms : 0;
			if (one->stop_ms[bound] > w->stop_ms)
				w->stop_ms = one->stop_ms[bound];
		}
	}
}

/* A limit of a known family is of its models; of one that is not known, of
 * none that can be told. */
static bool
is_about(const struct window *w, struct str model)
{
	struct str family = family_in(str_of(w->name));

	return window_is_whole(w) ||
	    (family.len && str_eq(family, family_of(model)));
}

int64_t
windows_until(const struct windows *w, struct str model, bool is_bound,
    int64_t now_ms)
{
	int64_t last = 0;

	if (w->stop_ms <= now_ms)
		return 0;
	for (unsigned i = 0; i < w->count; i++) {
		int64_t until_ms = w->at[i].stop_ms[is_bound];

		if (until_ms > now_ms && until_ms > last &&
		    is_about(&w->at[i], model))
			last = until_ms;
	}
	return last;
}
