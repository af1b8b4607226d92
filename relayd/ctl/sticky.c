/* SPDX-License-Identifier: MIT */
/* sticky.c - control methods about sessions: which account each is bound to. */
#include <stdio.h>

#include "store/store.h"

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/relay.h"
#include "relayd/waiting.h"

static const struct dialect *const dialects[] = {
#define X(name) &dialect_##name,
#include "proto/dialect.def"
#undef X
};

/* --- who is meant ---------------------------------------------------------- */

struct wanted {
	const struct account *account;
	const struct apikey *key;
	uint64_t session;
};

/* The parameters account and key, and session where there is one; false: it
 * was refused. */
static bool
take_wanted(struct ctl_call *c, struct wanted *out)
{
	struct str account = ctl_text(c, "account"), key = ctl_text(c, "key");
	struct str session = ctl_text(c, "session");

	*out = (struct wanted){ .session = 0 };
	if (account.len &&
	    !(out->account = pool_find(c->daemon->pool, account))) {
		ctl_refusef(c, ERR_UNKNOWN, "account",
		    "there is no account \"%.*s\"",
		    STR_ARG(str_first(account, 60)));
		return false;
	}
	if (key.len && !(out->key = ctl_find_key(c, key))) {
		ctl_refusef(c, ERR_UNKNOWN, "key", "there is no key \"%.*s\"",
		    STR_ARG(str_first(key, 60)));
		return false;
	}
	if (session.len && session_read(session, &out->session)) {
		ctl_refusef(c, ERR_VALUE, "session",
		    "a session is 16 hexadecimal digits, as `sticky ls` shows "
		    "them");
		return false;
	}
	return true;
}

static struct apikey *
key_of(const struct ctl_call *c, const struct sticky_session *t)
{
	size_t len = strnlen(t->key_id, sizeof(t->key_id));

	return keyring_id(c->daemon->keys, str_at(t->key_id, len));
}

static bool
fits(const struct ctl_call *c, const struct wanted *w,
    const struct sticky_session *t)
{
	const struct apikey *k = key_of(c, t);

	if (w->account && t->account != w->account)
		return false;
	if (w->key && k != w->key)
		return false;
	if (w->session && t->id != w->session)
		return false;
	return c->peer.role > CTL_SELF || (k && ctl_may_see(c, k->rec.owner));
}

/* --- bindings -------------------------------------------------------------- */

static void
put_session(struct ctl_call *c, const struct sticky_session *t)
{
	int64_t now_ms = loop_ms(c->daemon->loop), wall_ms = clock_wall_ms();
	int64_t used_at = wall_ms - (now_ms - t->used_ms);
	const struct apikey *k = key_of(c, t);
	struct json_out *j = &c->out;
	char id[SESSION_TEXT];

	session_text(t->id, id);
	json_open(j, '{');
	json_say(j, "session", str_of(id));
	json_say(j, "account", t->account->rec.name);
	json_say(j, "key", k ? k->rec.name : STR(""));
	json_say(j, "dialect", str_of(dialects[t->dialect]->name));
	json_say(j, "source",
	    str_of(session_source_text(t->source, dialects[t->dialect])));
	json_say_i64(j, "requests", t->requests);
	json_say_i64(j, "moves", t->moves);
	json_say_bool(j, "pinned", t->pinned);
	if (c->peer.role > CTL_SELF)
		json_say_i64(j, "switch_micro", t->switch_micro);
	json_say_i64(j, "used_at", used_at);
	json_say_i64(j, "until_at", used_at + c->daemon->relays->sticky.ttl_ms);
	json_close(j, '}');
}

/* The place of a row in the list is its last use; of one moment by id. */
#define PLACE_TEXT (24 + SESSION_TEXT)

struct place {
	uint64_t used_ms, id;
};

static enum err
read_place(struct str cursor, struct place *out)
{
	struct str at = str_cut(&cursor, '-');
	enum err e = str_u64(at, &out->used_ms);

	return e ? e : session_read(cursor, &out->id);
}

/* The first one behind that place. */
static const struct sticky_session *
behind(const struct sticky *all, const struct place *p)
{
	const struct sticky_session *t = sticky_newest(all), *first = NULL;

	for (; t; t = sticky_older(all, t)) {
		if ((uint64_t)t->used_ms > p->used_ms)
			continue;
		if ((uint64_t)t->used_ms < p->used_ms)
			return first ? first : t;
		if (t->id == p->id)
			return sticky_older(all, t);
		if (!first)
			first = t;
	}
	return first;
}

void
ctl_sticky_list(struct ctl_call *c)
{
	const struct sticky *all = &c->daemon->relays->sticky;
	int64_t now_ms = loop_ms(c->daemon->loop);
	const struct sticky_session *t = sticky_newest(all), *last = NULL;
	char next[PLACE_TEXT] = "", id[SESSION_TEXT];
	struct wanted w;
	struct place from = { .used_ms = 0 };
	unsigned n = 0;

	if (c->cursor.len && read_place(c->cursor, &from)) {
		ctl_refusef(c, ERR_VALUE, "cursor", "there is no such page");
		return;
	}
	if (!take_wanted(c, &w))
		return;
	if (c->cursor.len)
		t = behind(all, &from);
	json_open(&c->out, '[');
	for (; t && now_ms - t->used_ms < all->ttl_ms;
	     t = sticky_older(all, t)) {
		if (!fits(c, &w, t))
			continue;
		if (last && !ctl_has_room(c, n)) {
			session_text(last->id, id);
			snprintf(next, sizeof(next), "%lld-%s",
			    (long long)last->used_ms, id);
			break;
		}
		put_session(c, t);
		last = t;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, str_of(next));
}

void
ctl_sticky_clear(struct ctl_call *c)
{
	struct sticky *all = &c->daemon->relays->sticky;
	const struct audit_who who = ctl_who(c);
	struct sticky_session *t = sticky_newest(all), *older;
	unsigned n = 0;
	struct wanted w;
	char text[64];

	if (!take_wanted(c, &w))
		return;
	for (; t; t = older) {
		older = sticky_older(all, t);
		if (!fits(c, &w, t))
			continue;
		sticky_drop(all, t);
		n++;
	}
	snprintf(text, sizeof(text), "%u bindings forgotten", n);
	audit_post(c->daemon->store, &who, "session",
	    ctl_text(c, w.session ? "session" : "account"), str_of(text));
	json_open(&c->out, '{');
	json_say_i64(&c->out, "cleared", n);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

void
ctl_sticky_pin(struct ctl_call *c)
{
	struct sticky *all = &c->daemon->relays->sticky;
	const struct audit_who who = ctl_who(c);
	int64_t now_ms = loop_ms(c->daemon->loop);
	struct account *a = pool_find(c->daemon->pool, ctl_text(c, "account"));
	struct sticky_session *t;
	struct wanted w;
	char text[96];

	if (!take_wanted(c, &w))
		return;
	t = sticky_find(all, w.session, now_ms);
	if (!t) {
		ctl_refusef(c, ERR_UNKNOWN, "session",
		    "no such session is bound; `sticky ls` lists them");
		return;
	}
	t = sticky_bind(all, t->id, a, now_ms);
	t->pinned = true;
	snprintf(text, sizeof(text), "pinned to account %.*s",
	    STR_ARG(a->rec.name));
	audit_post(c->daemon->store, &who, "session", ctl_text(c, "session"),
	    str_of(text));
	put_session(c, t);
	ctl_answer(c, 0, STR(""));
}
