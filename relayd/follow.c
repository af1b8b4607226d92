/* SPDX-License-Identifier: MIT */
/* follow.c - what happens to requests and accounts, as events for those who
 * follow.  The states of accounts change with the time, so they are looked at
 * every now and then, while somebody wants to know. */
#include "relayd/follow.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/ctl_receipt.h"
#include "relayd/ctl_session.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/relay.h"

/* An event's texts are bounded; escaped they stay below this. */
#define EVENT_MAX (64 * 1024)
#define LOOK_MS	  200

struct follow {
	struct daemon *d;
	struct timer look;
	unsigned topics;
};

/* What an event is about, for wants(). */
struct about {
	unsigned topic; /* a bit */
	struct str key_id, account;
	const struct apikey *key; /* NULL: none, or gone */
	bool for_self;		  /* the text is one for the role self */
};

static const struct {
	const char *name;
	enum ctl_role role;
} topics[] = {
#define X(name, role, text) { #name, CTL_##role },
#include "relayd/topic.def"
#undef X
};

/* --- who is told ----------------------------------------------------------- */

static bool
wants(void *arg, const struct ctl_filter *f)
{
	const struct about *a = arg;
	bool is_self = f->peer.role == CTL_SELF;

	if (!(f->topics & a->topic))
		return false;
	/* receipt.tail says the same to everybody. */
	if (a->topic != TOPIC_TAIL && is_self != a->for_self)
		return false;
	if (f->key_id[0] && !str_eq(a->key_id, str_of(f->key_id)))
		return false;
	if (f->account[0] && !str_eq(a->account, str_of(f->account)))
		return false;
	return !is_self || (a->key && peer_owns(&f->peer, a->key->rec.owner));
}

static bool
is_followed(const struct follow *f, unsigned topic)
{
	return f->d->control && (f->topics & topic);
}

/* --- writing --------------------------------------------------------------- */

struct event {
	struct buf text;
	struct json_out j;
};

static void
event_begin(struct event *e, enum topic t, const char *what, const char *member)
{
	buf_init(&e->text, EVENT_MAX);
	json_begin(&e->j, &e->text);
	json_open(&e->j, '{');
	json_say(&e->j, "topic", str_of(topics[t].name));
	json_say(&e->j, "event", str_of(what));
	json_put_key(&e->j, member);
}

static void
event_end(struct event *e, const struct follow *f, struct about *a)
{
	json_close(&e->j, '}');
	if (json_end(&e->j) == OK)
		control_publish(f->d->control, wants, a, buf_str(&e->text));
	buf_fini(&e->text);
}

/* --- requests -------------------------------------------------------------- */

static void
on_phase(void *arg, const struct relay *r)
{
	const struct follow *f = arg;
	struct about a = { .topic = TOPIC_BIT(TOPIC_requests),
		.key_id = r->key->rec.id,
		.key = r->key,
		.account = str_of(r->account_name) };
	bool is_over = r->state == R_SETTLED;
	struct event e;

	if (!is_followed(f, a.topic))
		return;
	for (int self = 0; self < 2; self++) {
		a.for_self = self;
		event_begin(&e, TOPIC_requests, is_over ? "end" : "phase",
		    "request");
		ctl_put_session(&e.j, r, self ? CTL_SELF : CTL_VIEW);
		event_end(&e, f, &a);
	}
}

static void
tell_tail(const struct follow *f, struct about *a, const struct ulid *id,
    const struct receipt_rec *r)
{
	struct json_out j;
	struct buf text;

	a->topic = TOPIC_TAIL;
	buf_init(&text, EVENT_MAX);
	json_begin(&j, &text);
	ctl_put_receipt(&j, id, r, a->key ? a->key->rec.name : STR(""));
	if (json_end(&j) == OK)
		control_publish(f->d->control, wants, a, buf_str(&text));
	buf_fini(&text);
}

/* Those who do not run the relay are told of their requests, not of its
 * accounts. */
static void
tell_end(const struct follow *f, struct about *a, const struct ulid *id,
    const struct receipt_rec *r)
{
	struct receipt_rec own = *r;
	struct event e;

	own.account = own.attempts = STR("");
	a->topic = TOPIC_BIT(TOPIC_requests);
	for (int self = 0; self < 2; self++) {
		a->for_self = self;
		event_begin(&e, TOPIC_requests, "end", "request");
		ctl_put_receipt(&e.j, id, self ? &own : r,
		    a->key ? a->key->rec.name : STR(""));
		event_end(&e, f, a);
	}
}

static void
on_ended(void *arg, const struct ulid *id, const struct receipt_rec *r)
{
	const struct follow *f = arg;
	struct about a = { .key_id = r->key_id, .account = r->account };

	if (r->key_id.len)
		a.key = keyring_id(f->d->keys, r->key_id);
	if (is_followed(f, TOPIC_TAIL))
		tell_tail(f, &a, id, r);
	if (is_followed(f, TOPIC_BIT(TOPIC_requests)))
		tell_end(f, &a, id, r);
}

/* --- accounts -------------------------------------------------------------- */

static void
tell_account(const struct follow *f, const struct account *a, const char *what,
    const char *state, int64_t until_ms)
{
	struct about about = { .topic = TOPIC_BIT(TOPIC_accounts),
		.account = a->rec.name };
	int64_t now_ms = loop_ms(f->d->loop);
	struct event e;

	event_begin(&e, TOPIC_accounts, what, "account");
	json_open(&e.j, '{');
	json_say(&e.j, "name", a->rec.name);
	json_say(&e.j, "kind", a->rec.kind);
	json_say(&e.j, "state", str_of(state));
	json_say(&e.j, "was", str_of(a->told_state ? a->told_state : ""));
	json_say_i64(&e.j, "until_at",
	    until_ms > now_ms ? clock_wall_ms() + until_ms - now_ms : 0);
	json_say_i64(&e.j, "in_flight", a->in_flight);
	json_say(&e.j, "last_error", str_of(a->last_error));
	json_close(&e.j, '}');
	event_end(&e, f, &about);
}

/* Remember what state each account is in; tell of those that have another one
 * than before. */
static void
look(struct follow *f, bool tells)
{
	struct account *a;

	TAILQ_FOREACH (a, &f->d->pool->accounts, link) {
		int64_t until_ms;
		const char *now =
		    account_state(a, loop_ms(f->d->loop), &until_ms);

		if (tells && (!a->told_state || strcmp(now, a->told_state)))
			tell_account(f, a, "state", now, until_ms);
		a->told_state = now;
	}
}

static void
on_look(void *arg)
{
	struct follow *f = arg;

	look(f, true);
	timer_set(f->d->loop, &f->look, loop_ms(f->d->loop) + LOOK_MS);
}

static void
on_account_gone(void *arg, const struct account *a)
{
	struct follow *f = arg;

	if (is_followed(f, TOPIC_BIT(TOPIC_accounts)))
		tell_account(f, a, "removed", "removed", 0);
}

/* --- following ------------------------------------------------------------- */

void
follow_topics(struct follow *f, unsigned wanted)
{
	unsigned begun = wanted & ~f->topics, ended = f->topics & ~wanted;
	const struct relay_watcher watcher = {
		.phase = on_phase, .account_gone = on_account_gone, .arg = f
	};

	f->topics = wanted;
	/* At the end of all the requests go first. */
	if (!f->d->relays)
		return;
	if (wanted) {
		relays_observe(f->d->relays, on_ended, f);
		relays_watch(f->d->relays, &watcher);
	} else {
		relays_observe(f->d->relays, NULL, NULL);
		relays_watch(f->d->relays, NULL);
	}
	if (begun & TOPIC_BIT(TOPIC_accounts)) {
		look(f, false);
		timer_set(f->d->loop, &f->look, loop_ms(f->d->loop) + LOOK_MS);
	} else if (ended & TOPIC_BIT(TOPIC_accounts)) {
		timer_clear(f->d->loop, &f->look);
	}
}

enum err
topics_read(struct str list, enum ctl_role role, unsigned *out_topics,
    struct why *out_why)
{
	bool all = !list.len;
	unsigned found = 0;

	for (unsigned i = 0; all && i < TOPIC_COUNT; i++)
		if (role >= topics[i].role)
			found |= TOPIC_BIT(i);
	while (list.len) {
		struct str word = str_trim(str_cut(&list, ','));
		unsigned i = 0;

		while (i < TOPIC_COUNT && !str_eq(word, str_of(topics[i].name)))
			i++;
		if (i == TOPIC_COUNT)
			return why_set(out_why, ERR_UNKNOWN, "topic",
			    "there is no topic \"%.*s\": there are requests "
			    "and accounts",
			    STR_ARG(str_first(word, 40)));
		if (role < topics[i].role)
			return why_set(out_why, ERR_DENIED, "topic",
			    "to follow %s needs the role %s", topics[i].name,
			    ctl_role_name(topics[i].role));
		found |= TOPIC_BIT(i);
	}
	*out_topics = found;
	return OK;
}

struct follow *
follow_new(struct daemon *d)
{
	struct follow *f = xcalloc(1, sizeof(*f));

	f->d = d;
	timer_init(&f->look, on_look, f);
	return f;
}

void
follow_free(struct follow *f)
{
	if (!f)
		return;
	timer_clear(f->d->loop, &f->look);
	free(f);
}
