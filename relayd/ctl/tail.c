/* SPDX-License-Identifier: MIT */
/* tail.c - control methods that follow: receipts as requests end, and what
 * else happens (follow.h). */
#include <stdio.h>

#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/daemon.h"
#include "relayd/follow.h"

/* The parameters key and account; false: it was refused. */
static bool
take_filter(struct ctl_call *c, struct ctl_filter *out)
{
	struct str key = ctl_text(c, "key"), account = ctl_text(c, "account");
	const struct apikey *k = NULL;

	out->peer = c->peer;
	if (key.len)
		k = ctl_find_key(c, key);
	if (key.len && !k) {
		ctl_refusef(c, ERR_UNKNOWN, "key", "there is no key \"%.*s\"",
		    STR_ARG(str_first(key, 60)));
		return false;
	}
	if (account.len >= sizeof(out->account)) {
		ctl_refusef(c, ERR_UNKNOWN, "account",
		    "there is no account of that name");
		return false;
	}
	if (k)
		snprintf(out->key_id, sizeof(out->key_id), "%.*s",
		    STR_ARG(k->rec.id));
	snprintf(out->account, sizeof(out->account), "%.*s", STR_ARG(account));
	return true;
}

void
ctl_receipt_tail(struct ctl_call *c)
{
	struct ctl_filter f = { .topics = TOPIC_TAIL };

	if (take_filter(c, &f))
		ctl_subscribe(c, &f);
}

void
ctl_event_follow(struct ctl_call *c)
{
	struct ctl_filter f = { .topics = 0 };
	struct why why;
	enum err e =
	    topics_read(ctl_text(c, "topic"), c->peer.role, &f.topics, &why);

	/* Who does not run the relay is not told of its accounts. */
	if (!e && c->peer.role == CTL_SELF && ctl_has(c, "account"))
		e = why_set(&why, ERR_DENIED, "account",
		    "to follow an account needs the role view");
	if (e)
		ctl_refuse(c, e, &why);
	else if (take_filter(c, &f))
		ctl_subscribe(c, &f);
}
