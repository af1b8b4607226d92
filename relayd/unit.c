/* SPDX-License-Identifier: MIT */
/* unit.c - reads and writes amounts of time and of bytes. */
#include "relayd/unit.h"

#include <inttypes.h>
#include <stdio.h>

struct unit {
	const char *name;
	uint64_t worth;
};

static const struct unit times[] = {
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
};

static const struct unit sizes[] = {
	{ "T", 1ULL << 40 },
	{ "G", 1ULL << 30 },
	{ "M", 1ULL << 20 },
	{ "K", 1ULL << 10 },
};

/* Split "64 K" into its digits and its unit. */
static struct str
digits_of(struct str s, struct str *out_unit)
{
	size_t n = 0;

	s = str_trim(s);
	while (n < s.len && s.at[n] >= '0' && s.at[n] <= '9')
		n++;
	*out_unit = str_trim(str_skip(s, n));
	return str_first(s, n);
}

static enum err
multiply(uint64_t n, uint64_t worth, uint64_t most, uint64_t *out,
    struct why *out_why)
{
	if (n > most / worth)
		return why_set(out_why, ERR_VALUE, NULL, "is too large");
	*out = n * worth;
	return OK;
}

enum err
unit_read_ms(struct str s, int64_t *out_ms, struct why *out_why)
{
	struct str name, digits = digits_of(s, &name);
	uint64_t n, ms = 0;
	enum err e;

	if (str_u64(digits, &n))
		return why_set(out_why, ERR_VALUE, NULL,
		    "is not a time, write for example 45s, 2m or 500ms");
	if (name.len == 0 && n != 0)
		return why_set(out_why, ERR_VALUE, NULL,
		    "has no unit, write for example %" PRIu64 "s or %" PRIu64
		    "ms",
		    n, n);
	if (n == 0 && name.len == 0) {
		*out_ms = 0;
		return OK;
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (!str_eq(name, str_of(times[i].name)))
			continue;
		e = multiply(n, times[i].worth, INT64_MAX, &ms, out_why);
		if (e)
			return e;
		*out_ms = (int64_t)ms;
		return OK;
	}
	return why_set(out_why, ERR_VALUE, NULL,
	    "has an unknown unit, use ms, s, m, h or d, for example 45s");
}

/* "K", "k", "KB" and "KiB" are all 1024. */
static bool
is_size(struct str name, const struct unit *u)
{
	struct str tail = str_skip(name, 1);

	return str_ieq(str_first(name, 1), str_of(u->name)) &&
	    (tail.len == 0 || str_ieq(tail, STR("iB")) ||
		str_ieq(tail, STR("B")));
}

enum err
unit_read_bytes(struct str s, uint64_t *out_bytes, struct why *out_why)
{
	struct str name, digits = digits_of(s, &name);
	uint64_t n;

	if (str_u64(digits, &n))
		return why_set(out_why, ERR_VALUE, NULL,
		    "is not a size, write for example 64M or 65536");
	if (name.len == 0 || str_ieq(name, STR("B"))) {
		*out_bytes = n;
		return OK;
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (is_size(name, &sizes[i]))
			return multiply(n, sizes[i].worth, INT64_MAX, out_bytes,
			    out_why);
	return why_set(out_why, ERR_VALUE, NULL,
	    "has an unknown unit, use K, M, G or T, for example 64M");
}

void
unit_write_ms(int64_t ms, char out[UNIT_TEXT])
{
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		int64_t worth = (int64_t)times[i].worth;

		if (ms && ms % worth == 0) {
			snprintf(out, UNIT_TEXT, "%" PRId64 "%s", ms / worth,
			    times[i].name);
			return;
		}
	}
	snprintf(out, UNIT_TEXT, "0");
}

void
unit_write_bytes(uint64_t bytes, char out[UNIT_TEXT])
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (bytes && bytes % sizes[i].worth == 0) {
			snprintf(out, UNIT_TEXT, "%" PRIu64 "%s",
			    bytes / sizes[i].worth, sizes[i].name);
			return;
		}
	}
	snprintf(out, UNIT_TEXT, "%" PRIu64, bytes);
}
