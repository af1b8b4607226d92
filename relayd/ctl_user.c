/* SPDX-License-Identifier: MIT */
/* ctl_user.c - what the handlers of the control socket share about people. */
#include "relayd/ctl_user.h"

#include <stdlib.h>

#include <sodium.h>

#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/ctl_key.h"
#include "relayd/daemon.h"
#include "relayd/ledger.h"
#include "relayd/loop.h"

/* --- gathering ------------------------------------------------------------- */

struct gathering {
	struct ctl_call *call;
	struct map by_owner; /* -> struct ctl_user */
	struct str only;     /* the owner of its one row; or .at NULL */
	bool is_month;	     /* this one is asked for; then today */
	ctl_users_done *done;
};

/* The keys of the map are the owners, which outlive what they were copied
 * from: a key may go while the sums are fetched. */
static struct ctl_user *
user_at(struct gathering *g, struct str owner)
{
	struct ctl_user *u = map_get(&g->by_owner, owner);

	if (u)
		return u;
	u = xcalloc(1, sizeof(*u) + owner.len);
	memcpy(u + 1, owner.at, owner.len);
	u->owner = str_at((const char *)(u + 1), owner.len);
	map_set(&g->by_owner, owner, u);
	return u;
}

static void
add_key(struct gathering *g, const struct apikey *k, int64_t now)
{
	struct ctl_user *u = user_at(g, k->rec.owner);

	u->keys++;
	u->active += apikey_state_serves(apikey_state(k, now));
	if (k->used_wall_ms > u->used_wall_ms)
		u->used_wall_ms = k->used_wall_ms;
}

static void
add_people(struct gathering *g, struct str only)
{
	const struct keyring *ring = g->call->daemon->keys;
	int64_t now = clock_wall_ms();
	const struct apikey *k;
	struct str owner;

	TAILQ_FOREACH (k, &ring->keys, link)
		if (k->rec.owner.len &&
		    (!only.at || str_eq(k->rec.owner, only)))
			add_key(g, k, now);
	if (only.at) {
		g->only = user_at(g, only)->owner;
		return;
	}
	for (size_t at = 0; map_next(&ring->users.by_owner, &at, &owner, NULL);)
		(void)user_at(g, owner);
}

static int
compare(const void *a, const void *b)
{
	const struct ctl_user *const *x = a, *const *y = b;

	return str_cmp((*x)->owner, (*y)->owner);
}

/* Answer, and forget. */
static void
gathered(struct gathering *g, enum err e, const struct why *why)
{
	const struct users *said = &g->call->daemon->keys->users;
	size_t count = map_count(&g->by_owner), n = 0;
	struct ctl_user **users = xcalloc(count + 1, sizeof(struct ctl_user *));
	void *u;

	for (size_t at = 0; map_next(&g->by_owner, &at, NULL, &u);) {
		users[n++] = u;
		users[n - 1]->said = user_find(said, users[n - 1]->owner);
	}
	qsort(users, count, sizeof(struct ctl_user *), compare);
	g->done(g->call, e, why, users, count);
	for (size_t i = 0; i < count; i++)
		free(users[i]);
	free(users);
	map_fini(&g->by_owner);
	free(g);
}

static void ask_sums(struct gathering *g);

static void
on_sums(void *arg, enum err e, const struct why *why,
    const struct usage_answer *a)
{
	struct gathering *g = arg;

	for (size_t i = 0; !e && i < a->count; i++) {
		struct ctl_user *u = map_get(&g->by_owner, a->rows[i].name);

		if (u)
			rollup_add(g->is_month ? &u->month : &u->today,
			    &a->rows[i].sum);
	}
	if (e || !g->is_month) {
		gathered(g, e, why);
		return;
	}
	g->is_month = false;
	ask_sums(g);
}

static void
ask_sums(struct gathering *g)
{
	const struct zone *z = ledger_zone(g->call->daemon->ledger);
	uint32_t begin = zone_begin(z, g->is_month ? PERIOD_MONTH : PERIOD_DAY,
	    minute_of_ms(clock_wall_ms()));
	const struct usage_query q = { .by = DIMENSION_USER,
		.user = g->only,
		.since_ms = (int64_t)begin * 60000 };

	ledger_usage(g->call->daemon->ledger, &q, on_sums, g);
}

void
ctl_users(struct ctl_call *c, struct str only, ctl_users_done *done)
{
	struct gathering *g = xcalloc(1, sizeof(*g));
	uint8_t seed[MAP_SEED];

	randombytes_buf(seed, sizeof(seed));
	map_init(&g->by_owner, seed);
	g->call = c;
	g->is_month = true;
	g->done = done;
	add_people(g, only);
	ask_sums(g);
}

/* --- telling --------------------------------------------------------------- */

void
ctl_put_user(struct ctl_call *c, const struct ctl_user *u)
{
	static const struct user_rec nothing;
	const struct user_rec *said = u->said ? &u->said->rec : &nothing;
	struct json_out *j = &c->out;

	json_say(j, "user", u->owner);
	json_say(j, "state", said->disabled ? STR("disabled") : STR("active"));
	json_say(j, "reason", said->reason);
	json_say(j, "disabled_by", said->disabled_by);
	json_say_i64(j, "disabled_at", (int64_t)said->disabled_at);
	json_say_i64(j, "keys", u->keys);
	json_say_i64(j, "active", u->active);
	json_say_i64(j, "used_at", u->used_wall_ms);
	json_say_i64(j, "today_requests", (int64_t)u->today.requests);
	json_say_i64(j, "today_cost_micro", u->today.cost_micro);
	json_say_i64(j, "today_rated_micro", u->today.rated_micro);
	json_say_i64(j, "month_requests", (int64_t)u->month.requests);
	json_say_i64(j, "month_cost_micro", u->month.cost_micro);
	json_say_i64(j, "month_rated_micro", u->month.rated_micro);
}

void
ctl_put_user_keys(struct ctl_call *c, struct str owner)
{
	const struct apikey *k;
	unsigned n = 0;

	json_put_key(&c->out, "rows");
	json_open(&c->out, '[');
	TAILQ_FOREACH (k, &c->daemon->keys->keys, link)
		if (str_eq(k->rec.owner, owner) && ctl_has_room(c, n)) {
			ctl_put_key(c, k);
			n++;
		}
	json_close(&c->out, ']');
}
