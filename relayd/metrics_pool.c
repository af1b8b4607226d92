/* SPDX-License-Identifier: MIT */
/* metrics_pool.c - metrics of accounts and keys, as they are at this moment. */
#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/metrics.h"

/* --- accounts one by one --------------------------------------------------- */

/* No account can have this name: it does not begin with a letter or digit. */
#define OTHERS "(other)"

typedef uint64_t account_value(const struct account *a, int64_t now_ms);

/* The first accounts in order of name, and the sum of those behind them. */
static void
put_each(const struct daemon *d, struct exposition *x, account_value *value)
{
	int64_t now_ms = loop_ms(d->loop);
	struct label label = { .name = "account" };
	const struct account *a;
	uint64_t others = 0;
	unsigned n = 0;

	TAILQ_FOREACH (a, &d->pool->accounts, link) {
		if (n++ >= METRICS_ACCOUNTS_MAX) {
			others += value(a, now_ms);
			continue;
		}
		label.value = a->rec.name;
		sample_u64(x, &label, 1, value(a, now_ms));
	}
	label.value = STR(OTHERS);
	if (n > METRICS_ACCOUNTS_MAX)
		sample_u64(x, &label, 1, others);
}

static uint64_t
in_flight_of(const struct account *a, int64_t now_ms)
{
	(void)now_ms;
	return a->in_flight;
}

static uint64_t
ready_of(const struct account *a, int64_t now_ms)
{
	int64_t until_ms;

	return !strcmp(account_state(a, now_ms, &until_ms), "ready");
}

static uint64_t
tries_of(const struct account *a, int64_t now_ms)
{
	(void)now_ms;
	return a->requests;
}

static uint64_t
failures_of(const struct account *a, int64_t now_ms)
{
	(void)now_ms;
	return a->failures;
}

void
put_in_flight(const struct daemon *d, struct exposition *x)
{
	put_each(d, x, in_flight_of);
}

void
put_ready(const struct daemon *d, struct exposition *x)
{
	put_each(d, x, ready_of);
}

void
put_tries(const struct daemon *d, struct exposition *x)
{
	put_each(d, x, tries_of);
}

void
put_failures(const struct daemon *d, struct exposition *x)
{
	put_each(d, x, failures_of);
}

void
put_gates(const struct daemon *d, struct exposition *x)
{
	int64_t now_ms = loop_ms(d->loop);
	uint64_t others[GATE_COUNT] = { 0 };
	struct label labels[] = { { .name = "account" }, { .name = "gate" } };
	const struct account *a;
	unsigned n = 0;

	TAILQ_FOREACH (a, &d->pool->accounts, link) {
		bool is_other = n++ >= METRICS_ACCOUNTS_MAX;

		for (int g = 0; g < GATE_COUNT; g++) {
			bool shut = a->gates.until_ms[g] > now_ms;

			others[g] += is_other && shut;
			labels[0].value = a->rec.name;
			labels[1].value = str_of(gate_name((enum gate)g));
			if (!is_other)
				sample_u64(x, labels, 2, shut);
		}
	}
	labels[0].value = STR(OTHERS);
	for (int g = 0; n > METRICS_ACCOUNTS_MAX && g < GATE_COUNT; g++) {
		labels[1].value = str_of(gate_name((enum gate)g));
		sample_u64(x, labels, 2, others[g]);
	}
}

void
put_proxy_rests(const struct daemon *d, struct exposition *x)
{
	int64_t now_ms = loop_ms(d->loop);
	const struct proxy *p;
	uint64_t n = 0;

	TAILQ_FOREACH (p, &d->proxies->list, link)
		n += proxy_rests_until(p, now_ms) != 0;
	sample_u64(x, NULL, 0, n);
}

/* --- by state -------------------------------------------------------------- */

struct state_count {
	const char *name;
	uint64_t count;
};

static void
count_state(struct state_count *all, unsigned count, const char *state)
{
	for (unsigned i = 0; i < count; i++)
		all[i].count += !strcmp(all[i].name, state);
}

static void
put_states(struct exposition *x, const struct state_count *all, unsigned count)
{
	struct label label = { .name = "state" };

	for (unsigned i = 0; i < count; i++) {
		label.value = str_of(all[i].name);
		sample_u64(x, &label, 1, all[i].count);
	}
}

void
put_accounts(const struct daemon *d, struct exposition *x)
{
	struct state_count all[2 + GATE_COUNT] = { { .name = "ready" },
		{ .name = "held" } };
	const struct account *a;
	int64_t until_ms;

	for (int g = 0; g < GATE_COUNT; g++)
		all[2 + g].name = gate_name((enum gate)g);
	TAILQ_FOREACH (a, &d->pool->accounts, link)
		count_state(all, 2 + GATE_COUNT,
		    account_state(a, loop_ms(d->loop), &until_ms));
	put_states(x, all, 2 + GATE_COUNT);
}

void
put_keys(const struct daemon *d, struct exposition *x)
{
	struct state_count all[] = { { .name = "active" }, { .name = "unused" },
		{ .name = "disabled" }, { .name = "expired" },
		{ .name = "owner-disabled" } };
	int64_t wall_ms = clock_wall_ms();
	const struct apikey *k;

	TAILQ_FOREACH (k, &d->keys->keys, link)
		count_state(all, 5, apikey_state(k, wall_ms));
	put_states(x, all, 5);
}

void
put_keys_busy(const struct daemon *d, struct exposition *x)
{
	const struct apikey *k;
	uint64_t n = 0;

	TAILQ_FOREACH (k, &d->keys->keys, link)
		n += k->in_flight > 0;
	sample_u64(x, NULL, 0, n);
}
