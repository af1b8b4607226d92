/* SPDX-License-Identifier: MIT */
/* tail.c - the control method receipt.tail: requests, told as they end. */
#include <stdio.h>

#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/ctl_receipt.h"
#include "relayd/daemon.h"
#include "relayd/relay.h"

/* A receipt has bounded texts; escaped they stay below this. */
#define EVENT_MAX (64 * 1024)

struct ended {
	const struct receipt_rec *receipt;
	const struct apikey *key; /* NULL: none, or gone */
};

static bool
wants(void *arg, const struct ctl_filter *f)
{
	const struct ended *e = arg;

	if (f->key_id[0] && !str_eq(e->receipt->key_id, str_of(f->key_id)))
		return false;
	if (f->account[0] && !str_eq(e->receipt->account, str_of(f->account)))
		return false;
	return f->peer.role > CTL_SELF ||
	    (e->key && peer_owns(&f->peer, e->key->rec.owner));
}

static void
on_ended(void *arg, const struct ulid *id, const struct receipt_rec *r)
{
	struct daemon *d = arg;
	struct ended e = { .receipt = r };
	struct json_out j;
	struct buf text;

	if (!d->control || !control_has_subs(d->control))
		return;
	if (r->key_id.len)
		e.key = keyring_id(d->keys, r->key_id);
	buf_init(&text, EVENT_MAX);
	json_begin(&j, &text);
	ctl_put_receipt(&j, id, r, e.key ? e.key->rec.name : STR(""));
	if (json_end(&j) == OK)
		control_publish(d->control, wants, &e, buf_str(&text));
	buf_fini(&text);
}

void
ctl_receipt_tail(struct ctl_call *c)
{
	struct str key = ctl_text(c, "key"), account = ctl_text(c, "account");
	struct ctl_filter f = { .peer = c->peer };
	const struct apikey *k = NULL;

	if (key.len)
		k = ctl_find_key(c, key);
	if (key.len && !k) {
		ctl_refusef(c, ERR_UNKNOWN, "key", "there is no key \"%.*s\"",
		    STR_ARG(str_first(key, 60)));
		return;
	}
	if (account.len >= sizeof(f.account)) {
		ctl_refusef(c, ERR_UNKNOWN, "account",
		    "there is no account of that name");
		return;
	}
	if (k)
		snprintf(f.key_id, sizeof(f.key_id), "%.*s",
		    STR_ARG(k->rec.id));
	snprintf(f.account, sizeof(f.account), "%.*s", STR_ARG(account));
	relays_observe(c->daemon->relays, on_ended, c->daemon);
	ctl_subscribe(c, &f);
}
