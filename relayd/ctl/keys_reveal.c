/* SPDX-License-Identifier: MIT */
/* keys_reveal.c - the control method that shows the value of a key again, where
 * sealed copies are kept. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/daemon.h"
#include "relayd/keycopy.h"

struct reveal {
	struct ctl_call *call;
	char id[16];
};

static void
on_revealed(void *arg, enum err e, const struct why *why, struct str value)
{
	struct reveal *r = arg;
	struct ctl_call *c = r->call;
	const struct apikey *k = keyring_id(c->daemon->keys, str_of(r->id));

	free(r);
	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "value", value);
	json_say_bool(&c->out, "kept", true);
	if (k) {
		json_put_key(&c->out, "key");
		ctl_put_key(c, k);
	}
	json_close(&c->out, '}');
	ctl_answer(c, k ? k->rec.rev : 0, STR(""));
}

void
ctl_key_reveal(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	const struct apikey *k = ctl_want_key(c);
	struct reveal *r;

	if (!k)
		return;
	r = xcalloc(1, sizeof(*r));
	r->call = c;
	snprintf(r->id, sizeof(r->id), "%.*s", STR_ARG(k->rec.id));
	keycopy_reveal(c->daemon->store, k->rec.id, &who, on_revealed, r);
}
