/* SPDX-License-Identifier: MIT */
/* window.c - how much of a subscription's limits is used. */
#include "relayd/window.h"

#include <time.h>

#include "relayd/decimal.h"

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
