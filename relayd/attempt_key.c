/* SPDX-License-Identifier: MIT */
/* attempt_key.c - what a try at an account with several keys has beside
 * others: one of them may be refused while the account goes on. */
#include <stdio.h>

#include "relayd/daemon.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/notice.h"
#include "relayd/relay.h"

/* A key that rests for less is not worth a word. */
#define TOLD_FROM_MS 60000

struct str
attempt_take_key(struct relay *r)
{
	struct account *a = r->account;
	struct account_key *k =
	    account_keys_next(&a->keys, loop_ms(r->d->loop));

	r->key_nr = k ? k->nr : 0;
	if (!k)
		return a->credential;
	k->used_us = clock_us();
	k->requests++;
	return k->text;
}

/* Does it speak of who asks (refused, out of credit, limited), rather than of
 * the service, the request, or what the account does not have?  What is limited
 * rests with all models: a key's limits are those of its owner, and of them
 * nothing but the answer is known.  An operator's rule is of the account. */
static bool
is_about_key(const struct verdict *v)
{
	return v->gate >= 0 && v->from >= 400 && v->to < 500 &&
	    v->scope != SCOPE_MODEL && v->scope != SCOPE_LONG;
}

bool
attempt_has_other_key(const struct relay *r)
{
	return r->key_nr && is_about_key(r->verdict) &&
	    r->account->keys.count &&
	    account_keys_has_other(&r->account->keys, r->key_nr,
		loop_ms(r->d->loop));
}

static void
tell_rest(struct relay *r, const struct account_key *k, int64_t until_ms,
    const char *error)
{
	int64_t rest_ms = until_ms - loop_ms(r->d->loop);
	struct str end = account_keys_end(k);
	char object[NOTICE_OBJECT_MAX];

	log_note(LOG_WARN, "attempt",
	    "%s: the key %.*s of %s rests for %lld s: %s", r->id_text,
	    STR_ARG(end), r->account_name, (long long)(rest_ms / 1000), error);
	if (rest_ms < TOLD_FROM_MS)
		return;
	snprintf(object, sizeof(object), "%s, key %.*s", r->account_name,
	    STR_ARG(end));
	notice_raise(r->d->notices, NOTICE_account_limited, str_of(object),
	    "%s, for %lld minutes, while others of its keys are used: %s",
	    gate_text((enum gate)r->verdict->gate),
	    (long long)((rest_ms + 59999) / 60000), error);
}

enum key_rests
attempt_rest_key(struct relay *r, const char *error)
{
	struct account_keys *keys = &r->account->keys;
	int64_t now_ms = loop_ms(r->d->loop), opens_ms;
	struct verdict_blow blow = attempt_blow(r, error);
	struct account_key *k;

	if (!r->key_nr || !keys->count || !is_about_key(r->verdict))
		return KEY_NONE;
	k = account_keys_find(keys, r->key_nr);
	/* It was taken off meanwhile: nobody is to blame. */
	if (!k)
		return KEY_ONE;
	if (!verdict_apply(r->verdict, &k->gates, &blow))
		return KEY_ONE;
	k->since_wall_ms = clock_wall_ms();
	opens_ms = account_keys_opens(keys, now_ms);
	if (opens_ms) {
		gate_shut(&r->account->gates, (enum gate)r->verdict->gate,
		    opens_ms, error);
		return KEY_LAST;
	}
	tell_rest(r, k, k->gates.until_ms[r->verdict->gate], error);
	return KEY_ONE;
}

void
attempt_praise_key(struct relay *r)
{
	struct account_key *k = account_keys_find(&r->account->keys, r->key_nr);

	if (r->key_nr && k)
		gate_succeeded(&k->gates, r->heard_ms);
}
