/* SPDX-License-Identifier: MIT */
/* attempt_token.c - what a try at a subscription's account has beside others:
 * a token that may have ended. */
#include <stdio.h>

#include "relayd/daemon.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/outbound.h"
#include "relayd/relay.h"

/* As long may a request wait for a token; the renewal itself goes on. */
#define RENEW_WAIT_MS 20000

/* --- a new token -------------------------------------------------------------------- */

static void
on_renewed(void *arg, enum err e, const struct why *why)
{
	struct relay *r = arg;

	r->renew_end = e;
	r->renew_why = *why;
	/* The state's timer is due now. */
	relay_wait_until(r, loop_ms(r->d->loop));
}

bool
attempt_token_is_old(const struct relay *r, unsigned status)
{
	return status == 401 && !r->head_sent && !r->renewed &&
	    renew_is_possible(r->account);
}

enum relay_state
attempt_renew(struct relay *r)
{
	struct account *a = r->account;
	int64_t now_ms = loop_ms(r->d->loop);

	r->renewed = true;
	r->renew_end = OK;
	snprintf(r->account_name, sizeof(r->account_name), "%.*s",
	    STR_ARG(a->rec.name));
	/* Another request may have had it renewed since this one was sent. */
	if (r->token_at && a->rec.renewed_at != r->token_at) {
		relay_wait_until(r, now_ms);
		return R_BACKOFF;
	}
	why_renewed(r, NULL);
	log_note(LOG_INFO, "attempt",
	    "%s: the token of %s is renewed before it is tried again",
	    r->id_text, r->account_name);
	r->renewing = (struct renew_wait){ .done = on_renewed, .arg = r };
	relay_wait_until(r, now_ms + RENEW_WAIT_MS);
	renew_join(r->d->renewals, a, &r->renewing);
	return R_BACKOFF;
}

bool
attempt_renewed(struct relay *r, enum relay_state *out_next)
{
	bool waited_in_vain = r->renewing.in != NULL;
	struct account *a;

	if (!waited_in_vain && !r->renew_end)
		return false;
	attempt_forget_renewal(r);
	a = pool_find(r->d->pool, str_of(r->account_name));
	if (!a) {
		r->renew_end = OK;
		return false;
	}
	r->account = a;
	r->told_ms = 0;
	r->renew_end = OK;
	*out_next = attempt_failed(r, 401, STR(""),
	    waited_in_vain ? "its token was not renewed in time"
			   : "its token is refused and could not be renewed");
	return true;
}

void
attempt_forget_renewal(struct relay *r)
{
	renew_leave(&r->renewing);
}
