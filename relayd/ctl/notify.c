/* SPDX-License-Identifier: MIT */
/* notify.c - control methods about the ways to tell people, and what waits to
 * be told.  Never shows a secret; a secret URL is told by its origin. */
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "proto/mem.h"
#include "proto/ulid.h"

#include "relayd/control.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/delivery.h"
#include "relayd/notices.h"
#include "relayd/proxy.h"

/* The text of all fields of one record. */
#define TEXT_MAX   8192
#define SECRET_MAX 2048

/* --- rows ------------------------------------------------------------------ */

static void
put_channel(struct ctl_call *c, const struct channel *ch)
{
	const struct notice_queue *q = &c->daemon->notices->queue;
	struct json_out *j = &c->out;
	int64_t until = 0;
	const char *state = channel_state(ch, clock_wall_ms(), &until);

	json_open(j, '{');
	ctl_put_rec(j, &channel_kind, &ch->rec);
	json_say(j, "where",
	    ch->rec.origin.len ? ch->rec.origin : str_of(ch->url));
	json_say_bool(j, "signed", ch->secrets[CHANNEL_SIGN].len > 0);
	json_say(j, "state", str_of(state));
	if (until)
		json_say_i64(j, "until_at", until);
	json_say_i64(j, "waiting", notice_queue_count(q, ch->rec.name, false));
	json_say_i64(j, "failed", notice_queue_count(q, ch->rec.name, true));
	json_say_i64(j, "sent", (int64_t)ch->sent);
	json_say_i64(j, "sent_at", ch->sent_at_ms);
	json_say(j, "last_error", str_of(ch->error));
	json_say_i64(j, "last_error_at", ch->error_at_ms);
	json_close(j, '}');
}

static struct channel *
find(struct ctl_call *c)
{
	return channel_find(&c->daemon->notices->channels, ctl_text(c, "name"));
}

static struct channel *
find_or_refuse(struct ctl_call *c)
{
	struct channel *ch = find(c);

	if (!ch)
		ctl_refusef(c, ERR_UNKNOWN, "name",
		    "there is no channel \"%.*s\"",
		    STR_ARG(str_first(ctl_text(c, "name"), 60)));
	return ch;
}

/* --- looking --------------------------------------------------------------- */

static void
put_kind(struct json_out *j, const struct messenger *m)
{
	const struct field *f;

	json_open(j, '{');
	json_say(j, "name", str_of(m->name));
	json_say(j, "label", str_of(m->label));
	json_say(j, "url", str_of(m->url ? m->url : ""));
	json_put_key(j, "fields");
	json_open(j, '[');
	for (unsigned i = 0; (f = messenger_field_at(m, i)); i++)
		ctl_put_field(j, f);
	json_close(j, ']');
	json_close(j, '}');
}

static void
refuse_kind(struct ctl_call *c, struct str kind)
{
	char kinds[160] = "";
	const struct messenger *m;
	size_t len = 0;

	for (unsigned i = 0; (m = messenger_at(i)) && len < sizeof(kinds); i++)
		len += (size_t)snprintf(kinds + len, sizeof(kinds) - len,
		    "%s%s", i ? ", " : "", m->name);
	ctl_refusef(c, ERR_UNKNOWN, "kind",
	    "there is no kind \"%.*s\"; the kinds are %s",
	    STR_ARG(str_first(kind, 40)), kinds);
}

void
ctl_notify_kinds(struct ctl_call *c)
{
	struct str kind = ctl_text(c, "kind");
	const struct messenger *m;

	if (kind.len && !messenger_find(kind)) {
		refuse_kind(c, kind);
		return;
	}
	json_open(&c->out, '[');
	for (unsigned i = 0; (m = messenger_at(i)); i++)
		if (!kind.len || str_eq(kind, str_of(m->name)))
			put_kind(&c->out, m);
	json_close(&c->out, ']');
	ctl_answer(c, 0, STR(""));
}

void
ctl_notify_list(struct ctl_call *c)
{
	struct str kind = ctl_text(c, "kind"), last = STR(""), next = STR("");
	const struct channel *ch;
	unsigned n = 0;

	json_open(&c->out, '[');
	TAILQ_FOREACH (ch, &c->daemon->notices->channels.list, link) {
		if (c->cursor.len && str_cmp(ch->rec.name, c->cursor) <= 0)
			continue;
		if (kind.len && !str_eq(kind, ch->rec.kind))
			continue;
		if (!ctl_has_room(c, n)) {
			next = last;
			break;
		}
		put_channel(c, ch);
		last = ch->rec.name;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, next);
}

void
ctl_notify_show(struct ctl_call *c)
{
	const struct channel *ch = find_or_refuse(c);

	if (!ch)
		return;
	put_channel(c, ch);
	ctl_answer(c, ch->rec.rev, STR(""));
}

/* --- changing -------------------------------------------------------------- */

/* A record under construction. */
struct draft {
	struct channel_rec rec;
	struct channel_secrets secrets;
	struct buf text;
};

/* Records point into the text, so it must not move while it grows. */
static void
draft_begin(struct draft *d)
{
	char *at;
	size_t room;

	*d = (struct draft){ .rec = { .rev = 0 } };
	buf_init(&d->text, TEXT_MAX);
	if (buf_room(&d->text, TEXT_MAX, &at, &room))
		abort();
}

static enum err
draft_take(struct draft *d, const struct messenger *m, const struct ctl_call *c,
    struct why *out_why)
{
	const struct json *fields = json_at(c->params, "fields");
	enum err e = OK;

	for (const struct json *f = json_first(fields); !e && f;
	     f = json_next(f)) {
		struct str value;

		e = json_as_str(f, &value);
		if (!e)
			e = channel_field_set(&d->rec, m, json_key(f), value,
			    &d->text, out_why);
	}
	for (int i = 0; !e && i < CHANNEL_SECRETS; i++) {
		const char *name = channel_secret_name((enum channel_secret)i);
		struct str secret = str_trim(ctl_text(c, name));

		if (!ctl_has(c, name))
			continue;
		e = ctl_check_text(secret, SECRET_MAX, name, out_why);
		d->secrets.at[i] = secret.at ? secret : STR("");
	}
	return e;
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct channel *ch)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	notices_channel_changed(c->daemon->notices, ch);
	put_channel(c, ch);
	ctl_answer(c, ch->rec.rev, STR(""));
}

static void
answer_rehearsal(struct ctl_call *c, const struct channel_rec *from,
    const struct draft *d)
{
	struct json_out *j = &c->out;

	json_open(j, '{');
	json_say(j, "name", d->rec.name);
	json_put_key(j, "changes");
	json_open(j, '[');
	ctl_put_changes(j, &channel_kind, from, &d->rec);
	json_close(j, ']');
	json_say_bool(j, "dry_run", true);
	json_close(j, '}');
	ctl_answer(c, from->rev, STR(""));
}

/* Check the draft, then rehearse or save it. */
static void
finish(struct ctl_call *c, const struct channel *ch, struct draft *d,
    enum err e, struct why *why)
{
	const struct channel_rec nothing = { .rev = 0 };
	const struct audit_who who = ctl_who(c);

	if (!e)
		e = channel_check(&d->rec, &d->secrets, !ch, &d->text, why);
	if (!e && !(ch && str_eq(d->rec.proxy, ch->rec.proxy)))
		e = proxies_check_said(c->daemon->proxies, d->rec.proxy, why);
	if (!e && ch)
		e = ctl_check_rev(c, ch->rec.rev, why);
	if (e)
		ctl_refuse(c, e, why);
	else if (c->dry_run)
		answer_rehearsal(c, ch ? &ch->rec : &nothing, d);
	else
		channel_save(&c->daemon->notices->channels, &d->rec,
		    &d->secrets, ch != NULL, c->if_rev, &who, on_saved, c);
	sodium_memzero(&d->secrets, sizeof(d->secrets));
	buf_wipe(&d->text);
}

void
ctl_notify_add(struct ctl_call *c)
{
	const struct messenger *m = messenger_find(ctl_text(c, "kind"));
	struct why why = { .text = "" };
	struct draft d;
	enum err e;

	if (!m) {
		refuse_kind(c, ctl_text(c, "kind"));
		return;
	}
	draft_begin(&d);
	d.rec.name = ctl_text(c, "name");
	d.rec.kind = str_of(m->name);
	e = draft_take(&d, m, c, &why);
	if (!e && find(c))
		e = why_set(&why, ERR_EXISTS, "name",
		    "there is a channel of that name already");
	if (!e && c->daemon->notices->channels.count >= CHANNELS_MAX)
		e = why_set(&why, ERR_LIMIT, "name",
		    "there are %d channels, and no more are kept",
		    CHANNELS_MAX);
	finish(c, NULL, &d, e, &why);
}

void
ctl_notify_set(struct ctl_call *c)
{
	struct channel *ch = find_or_refuse(c);
	struct why why = { .text = "" };
	struct draft d;
	enum err e;

	if (!ch)
		return;
	draft_begin(&d);
	d.rec = ch->rec;
	e = draft_take(&d, ch->messenger, c, &why);
	finish(c, ch, &d, e, &why);
}

void
ctl_notify_hold(struct ctl_call *c)
{
	struct channel *ch = find_or_refuse(c);
	struct str reason = ctl_text(c, "reason");
	struct why why = { .text = "" };
	char by[32];
	struct draft d;
	enum err e;

	if (!ch)
		return;
	draft_begin(&d);
	snprintf(by, sizeof(by), "uid:%ld", (long)c->peer.uid);
	d.rec = ch->rec;
	d.rec.held = true;
	d.rec.held_reason = reason;
	d.rec.held_by = str_of(by);
	d.rec.held_at = (uint64_t)clock_wall_ms();
	e = ctl_check_text(reason, 200, "reason", &why);
	finish(c, ch, &d, e, &why);
}

void
ctl_notify_release(struct ctl_call *c)
{
	struct channel *ch = find_or_refuse(c);
	struct why why = { .text = "" };
	struct draft d;

	if (!ch)
		return;
	draft_begin(&d);
	d.rec = ch->rec;
	d.rec.held = false;
	d.rec.held_reason = d.rec.held_by = STR("");
	d.rec.held_at = 0;
	finish(c, ch, &d, OK, &why);
}

static void
on_removed(void *arg, enum err e, const struct why *why, struct channel *ch)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	notices_channel_gone(c->daemon->notices, ch);
	json_open(&c->out, '{');
	json_say(&c->out, "name", ctl_text(c, "name"));
	json_say_bool(&c->out, "removed", true);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

void
ctl_notify_rm(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct channel *ch = find_or_refuse(c);
	struct why why;
	enum err e;

	if (!ch)
		return;
	e = ctl_check_rev(c, ch->rec.rev, &why);
	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	if (!c->dry_run) {
		channel_delete(&c->daemon->notices->channels, ch->rec.name,
		    c->if_rev, &who, on_removed, c);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "name", ch->rec.name);
	json_say_bool(&c->out, "dry_run", true);
	json_close(&c->out, '}');
	ctl_answer(c, ch->rec.rev, STR(""));
}

/* --- trying ---------------------------------------------------------------- */

struct test {
	struct ctl_call *call;
	struct delivery *delivery;
	char *channel;
};

static void
test_free(struct test *t)
{
	free(t->channel);
	free(t);
}

static void
on_tested(void *arg, const struct delivered *d)
{
	struct test *t = arg;
	struct json_out *j = &t->call->out;

	json_open(j, '{');
	json_say(j, "channel", str_of(t->channel));
	json_say_bool(j, "ok", d->how == DELIVERED);
	json_say_bool(j, "later", d->how == DELIVERY_LATER);
	json_say_i64(j, "status", d->status);
	json_say(j, d->heard ? "text" : "error", str_of(d->text));
	json_say_i64(j, "name_us", d->name_us);
	json_say_i64(j, "connect_us", d->connect_us);
	json_say_i64(j, "tls_us", d->tls_us);
	json_say_i64(j, "first_us", d->first_us);
	json_say_i64(j, "total_us", d->total_us);
	json_close(j, '}');
	ctl_answer(t->call, 0, STR(""));
	test_free(t);
}

/* The daemon ends first. */
static void
abandon(struct ctl_call *c)
{
	struct test *t = c->state;

	delivery_cancel(t->delivery);
	test_free(t);
	ctl_refuse(c, ERR_CLOSED, NULL);
}

void
ctl_notify_test(struct ctl_call *c)
{
	const struct channel *ch = find_or_refuse(c);
	int64_t wall_ms = clock_wall_ms();
	uint8_t random[ULID_RANDOM];
	char id[ULID_TEXT + 1];
	struct notice n = { .id = id,
		.event = NOTICE_test,
		.text = STR("This is a test: notices arrive here."),
		.at_ms = wall_ms,
		.attempt = 1 };
	struct ulid ulid;
	struct test *t;

	if (!ch)
		return;
	randombytes_buf(random, sizeof(random));
	ulid = ulid_make(wall_ms, random);
	ulid_text(&ulid, id);
	n.object = ch->rec.name;
	n.host = c->daemon->notices->host;
	t = xcalloc(1, sizeof(*t));
	t->call = c;
	t->channel = xmemdup(ch->rec.name.at, ch->rec.name.len);
	t->delivery = delivery_start(c->daemon->dialer, ch, &n, on_tested, t);
	ctl_wait(c, abandon, t);
}

/* --- the queue ------------------------------------------------------------- */

static void
put_entry(struct ctl_call *c, const struct notice_entry *e)
{
	const struct channel *ch =
	    channel_find(&c->daemon->notices->channels, e->rec.channel);
	struct json_out *j = &c->out;
	int64_t next = (int64_t)e->rec.next_at;

	if (ch && ch->rest_until_ms > next)
		next = ch->rest_until_ms;
	json_open(j, '{');
	json_say_i64(j, "number", (int64_t)e->number);
	ctl_put_rec_but(j, &notice_kind, &e->rec, STR("next_at"));
	json_say(j, "state",
	    e->rec.failed_at  ? STR("failed")
		: e->is_going ? STR("going")
			      : STR("waiting"));
	json_say_i64(j, "next_at", e->rec.failed_at ? 0 : next);
	json_close(j, '}');
}

void
ctl_notify_queue(struct ctl_call *c)
{
	struct str channel = ctl_text(c, "channel");
	const struct notice_entry *e;
	uint64_t behind = 0, last = 0;
	char next[24] = "";
	unsigned n = 0;

	if (c->cursor.len && str_u64(c->cursor, &behind)) {
		ctl_refusef(c, ERR_VALUE, "cursor", "there is no such page");
		return;
	}
	json_open(&c->out, '[');
	TAILQ_FOREACH (e, &c->daemon->notices->queue.entries, link) {
		if (e->number <= behind ||
		    (channel.len && !str_eq(channel, e->rec.channel)) ||
		    (ctl_flag(c, "failed") && !e->rec.failed_at))
			continue;
		if (!ctl_has_room(c, n)) {
			snprintf(next, sizeof(next), "%llu",
			    (unsigned long long)last);
			break;
		}
		put_entry(c, e);
		last = e->number;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, str_of(next));
}

void
ctl_notify_clear(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct str channel = ctl_text(c, "channel");
	bool all = ctl_flag(c, "all");
	unsigned n;

	if (channel.len &&
	    !channel_find(&c->daemon->notices->channels, channel)) {
		ctl_refusef(c, ERR_UNKNOWN, "channel",
		    "there is no channel \"%.*s\"",
		    STR_ARG(str_first(channel, 60)));
		return;
	}
	n = notices_clear(c->daemon->notices, channel, all);
	audit_post(c->daemon->store, &who, "channel", channel,
	    all ? STR("what waited and what had failed was removed")
		: STR("what had failed was removed"));
	json_open(&c->out, '{');
	json_say_i64(&c->out, "cleared", n);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}
