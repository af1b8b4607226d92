/* SPDX-License-Identifier: MIT */
/* window.c - how much of a subscription's limits is used. */
#include "relayd/window.h"

#include <stdio.h>
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
window_moment(struct str text)
{
	struct tm tm = { .tm_isdst = 0 };
	char room[64], sign = '+';
	int used = 0, hours = 0, minutes = 0;
	const char *zone;

	if (!text.len || text.len >= sizeof(room))
		return 0;
	snprintf(room, sizeof(room), "%.*s", STR_ARG(text));
	if (sscanf(room, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon,
		&tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used) != 6)
		return 0;
	zone = room + used;
	if (*zone == '.')
		zone += 1 + strspn(zone + 1, "0123456789");
	if (*zone && *zone != 'Z' &&
	    sscanf(zone, "%c%2d:%2d", &sign, &hours, &minutes) != 3)
		return 0;
	if (tm.tm_year < 1970 || tm.tm_year > 9999 || hours < 0 || minutes < 0)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	minutes += 60 * hours;
	return ((int64_t)timegm(&tm) -
		   (sign == '-' ? -60 : 60) * (int64_t)minutes) *
	    1000;
}
