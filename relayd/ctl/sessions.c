/* SPDX-License-Identifier: MIT */
/* sessions.c - control methods about the requests that are under way, or
 * wait. */
#include <stdio.h>

#include "store/store.h"

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/ctl_session.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/relay.h"
#include "relayd/waiting.h"

static bool
may_see(const struct ctl_call *c, const struct relay *r)
{
	return c->peer.role > CTL_SELF ||
	    (r->key && ctl_may_see(c, r->key->rec.owner));
}

/* The parameters account and key; false: it was refused. */
static bool
take_wanted(struct ctl_call *c, const struct account **out_account,
    const struct apikey **out_key)
{
	struct str account = ctl_text(c, "account"), key = ctl_text(c, "key");

	*out_account = NULL;
	*out_key = NULL;
	if (account.len &&
	    !(*out_account = pool_find(c->daemon->pool, account))) {
		ctl_refusef(c, ERR_UNKNOWN, "account",
		    "there is no account \"%.*s\"",
		    STR_ARG(str_first(account, 60)));
		return false;
	}
	if (key.len && !(*out_key = ctl_find_key(c, key))) {
		ctl_refusef(c, ERR_UNKNOWN, "key", "there is no key \"%.*s\"",
		    STR_ARG(str_first(key, 60)));
		return false;
	}
	return true;
}

void
ctl_session_list(struct ctl_call *c)
{
	const struct account *account;
	const struct apikey *key;
	const struct relay *r, *last = NULL;
	char next[RELAY_ID_TEXT] = "";
	unsigned n = 0;

	if (!take_wanted(c, &account, &key))
		return;
	json_open(&c->out, '[');
	TAILQ_FOREACH (r, &c->daemon->relays->live, link) {
		/* They stand in the order in which they came, and so do
		 * their ids but for the random part of one moment. */
		if (c->cursor.len &&
		    str_cmp(str_of(r->id_text), c->cursor) <= 0)
			continue;
		if (key && r->key != key)
			continue;
		if (account &&
		    !str_eq(str_of(r->account_name), account->rec.name))
			continue;
		if (!may_see(c, r))
			continue;
		if (!ctl_has_room(c, n)) {
			snprintf(next, sizeof(next), "%s", last->id_text);
			break;
		}
		ctl_put_session(&c->out, r, c->peer.role);
		last = r;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, str_of(next));
}

static void
put_waiting(struct ctl_call *c, const struct relay *r,
    const struct waiting_row *row)
{
	int64_t waited_us = clock_us() - row->since_us;
	struct json_out *j = &c->out;

	json_open(j, '{');
	json_say(j, "id", str_of(r->id_text));
	json_say(j, "key", r->key->rec.name);
	json_say(j, "for",
	    row->is_for_key	   ? STR("key")
		: row->is_for_turn ? STR("turn")
				   : STR("account"));
	json_say(j, "account",
	    row->account && c->peer.role > CTL_SELF ? row->account->rec.name
						    : STR(""));
	json_say(j, "model", buf_str(&r->model));
	json_say_i64(j, "position", row->position);
	json_say_i64(j, "at", clock_wall_ms() - waited_us / 1000);
	json_say_i64(j, "waited_us", waited_us);
	json_say_i64(j, "expected_ms", row->expected_ms);
	json_say_i64(j, "left_ms", row->until_ms - loop_ms(c->daemon->loop));
	json_close(j, '}');
}

void
ctl_queue_list(struct ctl_call *c)
{
	const struct account *account;
	const struct apikey *key;
	const struct relay *last = NULL;
	struct relay *r;
	char next[RELAY_ID_TEXT] = "";
	unsigned n = 0;

	if (!take_wanted(c, &account, &key))
		return;
	json_open(&c->out, '[');
	TAILQ_FOREACH (r, &c->daemon->relays->live, link) {
		struct waiting_row row;

		if (c->cursor.len &&
		    str_cmp(str_of(r->id_text), c->cursor) <= 0)
			continue;
		if (!waiting_row(r, &row) || (key && r->key != key) ||
		    (account && row.account != account) || !may_see(c, r))
			continue;
		if (!ctl_has_room(c, n)) {
			snprintf(next, sizeof(next), "%s", last->id_text);
			break;
		}
		put_waiting(c, r, &row);
		last = r;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, str_of(next));
}

void
ctl_session_kill(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct str id = ctl_text(c, "request");

	if (!relays_kill(c->daemon->relays, id)) {
		ctl_refusef(c, ERR_UNKNOWN, "request",
		    "no such request is under way; `sessions` lists those "
		    "that are");
		return;
	}
	audit_post(c->daemon->store, &who, "request", id, STR("ended"));
	json_open(&c->out, '{');
	json_say(&c->out, "id", id);
	json_say_bool(&c->out, "ended", true);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}
