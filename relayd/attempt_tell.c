/* SPDX-License-Identifier: MIT */
/* attempt_tell.c - what people are told about an account that was tried. */
#include <stdio.h>

#include "relayd/audit.h"
#include "relayd/daemon.h"
#include "relayd/family.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/notice.h"
#include "relayd/relay.h"

/* An account that cannot be used for less is not worth a word. */
#define TOLD_FROM_MS 60000
/* A window of which that much is used. */
#define NEARLY_PPM 900000
/* The ends of two windows are at least so far apart; the same end is told
 * with other fractions of a second. */
#define WINDOW_LEAST_MS (30 * 60000)

struct verdict_blow
attempt_blow(const struct relay *r, const char *error)
{
	int gate = r->verdict->gate;

	return (struct verdict_blow){ .now_ms = loop_ms(r->d->loop),
		.began_ms = r->up.began_us / 1000,
		.told_ms = r->told_ms,
		.own_ms = gate < 0 || r->verdict->rule[0]
		    ? VERDICT_OWN_NONE
		    : r->account->cooldowns.ms[gate],
		.random = r->all->draw(),
		.reason = error };
}

static void
on_held(void *arg, enum err e, const struct why *why, struct account *a)
{
	(void)arg;
	(void)a;
	/* Somebody else has changed it meanwhile: they know better. */
	if (e && e != ERR_STALE && e != ERR_UNKNOWN && e != ERR_CLOSED)
		log_note(LOG_ERROR, "attempt", "cannot hold the account: %s",
		    why->text);
}

/* An operator's rule takes the account out of use. */
static void
hold(struct relay *r, const char *error)
{
	static const struct audit_who ourselves = { .method = "rule" };
	const struct account_secrets kept = { .signed_in = false };
	struct account *a = r->account;
	struct account_rec rec = a->rec;
	char reason[GATE_REASON];

	if (rec.held || a->deleted)
		return;
	snprintf(reason, sizeof(reason), "rule %s: %s", r->verdict->rule,
	    error);
	rec.held = true;
	rec.held_by = STR("relayd");
	rec.held_reason = str_of(reason);
	rec.held_at = (uint64_t)clock_wall_ms();
	rec.held_until = 0;
	account_save(r->d->pool, &rec, &kept, true, rec.rev, &ourselves,
	    on_held, NULL);
	if (notice_raise(r->d->notices, NOTICE_account_held, a->rec.name,
		"by the %s", reason))
		a->is_trouble_told = true;
}

/* Of what the answer says that it is used up. */
static enum verdict_scope
scope_of(struct relay *r)
{
	if (r->verdict->scope != SCOPE_LIMIT)
		return r->verdict->scope;
	return verdict_limit(&r->account->windows, r->heard_wall_ms,
	    &r->up.answer, &r->told_ms);
}

/* When it opens; 0: nothing was shut. */
static int64_t
shut(struct relay *r, const char *error)
{
	struct account *a = r->account;
	enum verdict_scope scope = scope_of(r);
	struct verdict_blow blow = attempt_blow(r, error);
	struct str model = r->ask.model, part = family_of(model);

	switch (scope) {
	case SCOPE_NOBODY:
		return 0;
	case SCOPE_PROVIDER:
		account_note_crowd(a, blow.now_ms, blow.random);
		return 0;
	case SCOPE_PROXY:
		proxy_note_fault(a->outlet.via, blow.now_ms, blow.random);
		return 0;
	case SCOPE_LONG:
		return verdict_apply_part(r->verdict, &a->parts,
		    part.len ? part : model, true, &blow);
	case SCOPE_MODEL:
		part = model;
		break;
	case SCOPE_FAMILY:
	case SCOPE_LIMIT:
		break;
	case SCOPE_ACCOUNT:
		part = STR("");
		break;
	}
	return part.len
	    ? verdict_apply_part(r->verdict, &a->parts, part, false, &blow)
	    : verdict_apply(r->verdict, &a->gates, &blow);
}

void
attempt_shut_gate(struct relay *r, const char *error)
{
	struct account *a = r->account;
	int64_t now_ms = loop_ms(r->d->loop), until_ms = 0;
	int gate = r->verdict->gate;

	if (r->verdict->next == NEXT_HOLD) {
		hold(r, error);
		return;
	}
	if (a->unprotected)
		return;
	switch (attempt_rest_key(r, error)) {
	case KEY_NONE:
		until_ms = shut(r, error);
		break;
	case KEY_ONE:
		return;
	case KEY_LAST:
		until_ms = a->gates.until_ms[gate];
		break;
	}
	r->shut_until_ms = until_ms;
	if (gate < 0 || until_ms - now_ms < TOLD_FROM_MS)
		return;
	if (notice_raise(r->d->notices,
		gate == GATE_AUTH || gate == GATE_CREDIT || gate == GATE_BLOCKED
		    ? NOTICE_account_blocked
		    : NOTICE_account_limited,
		a->rec.name, "%s, for %lld minutes: %s",
		gate_text((enum gate)gate),
		(long long)((until_ms - now_ms + 59999) / 60000), error))
		a->is_trouble_told = true;
}

void
attempt_open_gates(struct relay *r)
{
	struct account *a = r->account;
	enum gate which;

	gate_succeeded(&a->gates, r->heard_ms);
	attempt_praise_key(r);
	waiting_serve(r->all, a);
	if (!a->is_trouble_told || a->rec.held ||
	    gate_until(&a->gates, r->heard_ms, &which) ||
	    gate_parts_until(&a->parts, r->heard_ms))
		return;
	a->is_trouble_told = false;
	notice_raise(r->d->notices, NOTICE_account_recovered, a->rec.name,
	    "it has answered a request");
}

/* Was it told of already, in this run of the window? */
static bool
is_told(const struct window *w)
{
	int64_t apart_ms = w->reset_at - w->warned_for_at;

	return w->reset_at && w->warned_for_at && apart_ms < WINDOW_LEAST_MS &&
	    apart_ms > -WINDOW_LEAST_MS;
}

void
attempt_tell_windows(struct relay *r)
{
	struct account *a = r->account;

	if (!a->windows.count)
		return;
	windows_turn(&a->windows, &a->stop, clock_wall_ms(),
	    loop_ms(r->d->loop), r->all->draw());
	for (unsigned i = 0; i < a->windows.count; i++) {
		struct window *w = &a->windows.at[i];
		struct str status = str_of(w->status);
		char object[NOTICE_OBJECT_MAX], used[48] = "";

		if (w->used_ppm < NEARLY_PPM &&
		    !str_ends(status, STR("_warning")) &&
		    !str_eq(status, STR("rejected")))
			continue;
		if (is_told(w))
			continue;
		if (w->used_ppm >= 0)
			snprintf(used, sizeof(used), "%lld %% of it are used",
			    (long long)(w->used_ppm / 10000));
		snprintf(object, sizeof(object), "%.*s, %s",
		    STR_ARG(a->rec.name), w->name);
		if (notice_raise(r->d->notices, NOTICE_window_warning,
			str_of(object), "%s%s%s", used,
			used[0] && w->status[0] ? "; the provider says " : "",
			w->status))
			w->warned_for_at = w->reset_at;
	}
}
