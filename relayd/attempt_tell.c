/* SPDX-License-Identifier: MIT */
/* attempt_tell.c - what people are told about an account that was tried. */
#include <stdio.h>

#include "relayd/daemon.h"
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

void
attempt_shut_gate(struct relay *r, const char *error)
{
	struct account *a = r->account;
	int64_t now_ms = loop_ms(r->d->loop), until_ms;
	int gate = r->verdict->gate;

	switch (attempt_rest_key(r, error)) {
	case KEY_NONE:
		verdict_apply(r->verdict, &a->gates, now_ms, r->told_ms, error);
		break;
	case KEY_ONE:
		return;
	case KEY_LAST:
		break;
	}
	if (gate < 0 || gate >= GATE_COUNT)
		return;
	until_ms = a->gates.until_ms[gate];
	if (until_ms - now_ms < TOLD_FROM_MS)
		return;
	if (notice_raise(r->d->notices,
		gate == GATE_AUTH || gate == GATE_CREDIT
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
	if (!a->is_trouble_told || gate_until(&a->gates, r->heard_ms, &which))
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
