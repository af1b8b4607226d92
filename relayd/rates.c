/* SPDX-License-Identifier: MIT */
/* rates.c - a factor of rated costs for each service. */
#include "relayd/rates.h"

#include <assert.h>
#include <string.h>

#include "store/store.h"

#include "relayd/price.h"

/* Where it stands, or would stand. */
static unsigned
place_of(const struct rates *r, struct str service)
{
	unsigned i = 0;

	while (i < r->count && str_cmp(str_of(r->at[i].service), service) < 0)
		i++;
	return i;
}

const struct rate *
rates_find(const struct rates *r, struct str service)
{
	unsigned i = place_of(r, service);

	return i < r->count && str_eq(str_of(r->at[i].service), service)
	    ? &r->at[i]
	    : NULL;
}

const struct rate *
rates_at(const struct rates *r, struct str kind)
{
	const struct rate *found = rates_find(r, kind);
	size_t longest = 0;

	for (unsigned i = 0; !found && i < r->count; i++) {
		struct str glob = str_of(r->at[i].service);

		if (glob.len > longest && str_glob(kind, glob))
			longest = glob.len;
	}
	/* Of two of the same length the first by name. */
	for (unsigned i = 0; !found && longest && i < r->count; i++) {
		struct str glob = str_of(r->at[i].service);

		if (glob.len == longest && str_glob(kind, glob))
			found = &r->at[i];
	}
	return found;
}

int64_t
rates_of(const struct rates *r, struct str kind)
{
	const struct rate *found = rates_at(r, kind);

	return found ? found->ppm : PRICE_RATE_ONE;
}

enum err
rates_put(struct rates *r, struct str service, int64_t ppm)
{
	unsigned i = place_of(r, service);

	assert(service.len <= RATE_SERVICE_MAX);
	if (!rates_find(r, service)) {
		if (r->count == RATES_MAX)
			return ERR_LIMIT;
		memmove(&r->at[i + 1], &r->at[i],
		    (r->count - i) * sizeof(r->at[0]));
		r->count++;
		r->at[i] = (struct rate){ .ppm = 0 };
		memcpy(r->at[i].service, service.at, service.len);
	}
	r->at[i].ppm = ppm;
	return OK;
}

void
rates_drop(struct rates *r, struct str service)
{
	unsigned i = place_of(r, service);

	if (!rates_find(r, service))
		return;
	r->count--;
	memmove(&r->at[i], &r->at[i + 1], (r->count - i) * sizeof(r->at[0]));
}

/* --- in the store ---------------------------------------------------------- */

struct load {
	struct job job;
	struct rates *out;
	struct why *why;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	int64_t ppm;

	if (key.len > RATE_SERVICE_MAX || price_rate_read(value, &ppm))
		l->job.result = why_set(l->why, ERR_CORRUPT, "rate",
		    "the rate of %.*s cannot be read", STR_ARG(key));
	else
		l->job.result = rates_put(l->out, key, ppm);
	return !l->job.result;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;
	enum err e;

	l->why = out_why;
	e = txn_scan(t, TABLE_rate, STR(""), false, load_one, l);
	return e ? e : l->job.result;
}

enum err
rates_load(struct store *s, struct rates *out, struct why *out_why)
{
	struct load l = { .job.work = load_work, .out = out };
	enum err e;

	*out = (struct rates){ .count = 0 };
	e = store_now(s, LANE_READ, &l.job);
	if (e && out_why)
		*out_why = l.job.why;
	return e;
}

enum err
rates_write(struct txn *t, struct str service, int64_t ppm)
{
	char text[DECIMAL_TEXT];
	enum err e;

	if (!ppm) {
		e = txn_del(t, TABLE_rate, service);
		return e == ERR_UNKNOWN ? OK : e;
	}
	decimal_write(ppm, PRICE_RATE_DIGITS, 0, text);
	return txn_put(t, TABLE_rate, service, str_of(text));
}
