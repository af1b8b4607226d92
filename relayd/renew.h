/* SPDX-License-Identifier: MIT */
/* renew.h - tokens are renewed before they end, and when an upstream no longer
 * takes them.
 *
 *	due / refused --> TAKE --> ASK --> PUT --> who waits goes on
 *			   |	   |\-- trouble: later, the old token stays
 *			   |	   \--- invalid_grant: again in 5 s with what is
 *			   |		stored by then; twice: held
 *			   \-- the intent is on disk, before anything is asked
 *
 * One renewal at a time for each account; those who need its token join it.
 * New tokens are on disk before anybody uses them: a provider that rotates has
 * made the old ones worthless.  The way out is the account's own, through its
 * proxy or not at all.  Held and limited accounts are renewed, too: a token
 * that nobody renewed is lost. */
#ifndef RELAYD_RENEW_H
#define RELAYD_RENEW_H

#include "relayd/account.h"
#include "relayd/dial.h"

struct daemon;
struct renewal;
struct renewals;

/* The world as renewals see it, for tests to make their own. */
struct renew_world {
	int64_t (*wall_ms)(void *arg);
	struct fetch *(*fetch)(void *arg, const struct fetch_ask *ask,
	    fetch_done *done, void *done_arg);
	void (*cancel)(void *arg, struct fetch *take_fetch);
	void *arg;
	int64_t pause_ms; /* between two tries of a refused token */
};

/* NULL: the real world. */
void renewals_new(struct daemon *d, const struct renew_world *world,
    struct renewals **out);
/* Stop asking; those who wait are told ERR_CLOSED.  Jobs of the store may
 * still come back, until renewals_free(). */
void renewals_stop(struct renewals *all);
void renewals_free(struct renewals *all);
/* Look now which accounts are due; it looks again by itself when the next one
 * is.  Call it when accounts have come or changed. */
void renewals_look(struct renewals *all);

/* Does the account have what renews its token? */
bool renew_is_possible(const struct account *a);
/* Has its token ended, so that it should be renewed before it is sent? */
bool renew_is_needed(const struct renewals *all, const struct account *a);

/* Who waits for a renewal.  Embed it. */
struct renew_wait {
	TAILQ_ENTRY(renew_wait) link;
	struct renewal *in; /* NULL: waits for nothing */
	/* From a task or a completion of the store, never from inside
	 * renew_join().  ERR_DENIED: the sign-in is no longer good; ERR_AGAIN:
	 * not just now. */
	void (*done)(void *arg, enum err e, const struct why *why);
	void *arg;
};

/* Renew the account's token, or join who does.  The account must be possible
 * to renew. */
void renew_join(struct renewals *all, struct account *a, struct renew_wait *w);
/* Wait no longer; NULL or not waiting is fine. */
void renew_leave(struct renew_wait *w);

#endif
