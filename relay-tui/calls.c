/* SPDX-License-Identifier: MIT */
/* calls.c - questions to the daemon that are under way, and what comes back. */
#include "relay-tui/calls.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "proto/mem.h"

#include "relay-tui/words.h"

#define READ_ROOM 16384

struct call {
	TAILQ_ENTRY(call) link;
	int64_t id, since_ms;
	void *owner, *user; /* owner NULL: nobody wants to know any more */
	calls_answer *done;
};

struct follower {
	TAILQ_ENTRY(follower) link;
	int64_t sub;
	void *owner, *user;
	calls_event *event;
};

struct calls {
	void (*write)(void *to, struct str line);
	void *to;
	bool is_open, begun;
	struct ctl_frame *handing; /* to a callback just now; or NULL */
	int64_t last_id;
	struct buf in, out;
	struct json_out making;
	TAILQ_HEAD(, call) waiting;
	TAILQ_HEAD(, follower) followers;
};

struct calls *
calls_new(void (*write)(void *to, struct str line), void *to)
{
	struct calls *c = xcalloc(1, sizeof(*c));

	c->write = write;
	c->to = to;
	buf_init(&c->in, CTL_FRAME_MAX + READ_ROOM);
	buf_init(&c->out, CTL_FRAME_MAX + 1);
	TAILQ_INIT(&c->waiting);
	TAILQ_INIT(&c->followers);
	return c;
}

static void
drop_followers(struct calls *c, const void *owner)
{
	struct follower *f, *next;

	for (f = TAILQ_FIRST(&c->followers); f; f = next) {
		next = TAILQ_NEXT(f, link);
		if (owner && f->owner != owner)
			continue;
		TAILQ_REMOVE(&c->followers, f, link);
		free(f);
	}
}

void
calls_free(struct calls *c)
{
	struct call *call;

	if (!c)
		return;
	while ((call = TAILQ_FIRST(&c->waiting))) {
		TAILQ_REMOVE(&c->waiting, call, link);
		free(call);
	}
	drop_followers(c, NULL);
	/* New keys came in, credentials went out. */
	buf_wipe(&c->in);
	buf_wipe(&c->out);
	free(c);
}

/* --- asking ---------------------------------------------------------------- */

struct json_out *
calls_begin(struct calls *c, enum ctl_method method)
{
	assert(!c->begun);
	c->begun = true;
	ctl_call_begin(&c->making, &c->out, ++c->last_id, ctl_row(method));
	return &c->making;
}

enum err
calls_send(struct calls *c, void *owner, calls_answer *done, void *user,
    int64_t now_ms)
{
	enum err e = ctl_call_end(&c->making);
	struct call *call;

	assert(c->begun);
	c->begun = false;
	if (!e && !c->is_open)
		e = ERR_CLOSED;
	if (!e) {
		call = xcalloc(1, sizeof(*call));
		*call = (struct call){ .id = c->last_id,
			.since_ms = now_ms,
			.owner = owner,
			.user = user,
			.done = done };
		TAILQ_INSERT_TAIL(&c->waiting, call, link);
		c->write(c->to, buf_str(&c->out));
	}
	buf_wipe(&c->out);
	return e;
}

void
calls_drop(struct calls *c)
{
	assert(c->begun);
	c->begun = false;
	(void)!ctl_call_end(&c->making);
	buf_wipe(&c->out);
}

void
calls_follow(struct calls *c, void *owner, int64_t sub, calls_event *event,
    void *user)
{
	struct follower *f = xcalloc(1, sizeof(*f));

	*f = (struct follower){
		.sub = sub, .owner = owner, .user = user, .event = event
	};
	TAILQ_INSERT_TAIL(&c->followers, f, link);
}

void
calls_forget(struct calls *c, void *owner)
{
	struct call *call;

	TAILQ_FOREACH (call, &c->waiting, link)
		if (call->owner == owner)
			call->owner = NULL;
	drop_followers(c, owner);
}

unsigned
calls_waiting(const struct calls *c, const void *owner, int64_t *out_since_ms)
{
	const struct call *call;
	unsigned count = 0;

	TAILQ_FOREACH (call, &c->waiting, link) {
		if (!call->owner || (owner && call->owner != owner))
			continue;
		if (count++ == 0 && out_since_ms)
			*out_since_ms = call->since_ms;
	}
	return count;
}

/* --- what comes back ------------------------------------------------------- */

static void
answer(struct calls *c, const struct ctl_frame *f)
{
	struct call *call;

	TAILQ_FOREACH (call, &c->waiting, link)
		if (call->id == f->id.number)
			break;
	if (!call)
		return;
	/* Who is called may ask again, and may go away. */
	TAILQ_REMOVE(&c->waiting, call, link);
	if (call->owner)
		call->done(call->owner, call->user, f);
	free(call);
}

struct ctl_frame
calls_keep(struct calls *c)
{
	struct ctl_frame f = *c->handing;

	c->handing->root = NULL;
	return f;
}

static void
tell(struct calls *c, const struct ctl_frame *event)
{
	struct follower *f;

	TAILQ_FOREACH (f, &c->followers, link)
		if (f->sub == event->sub)
			break;
	if (f)
		f->event(f->owner, f->user, event);
}

static enum err
take_line(struct calls *c, struct str line, struct why *out_why)
{
	struct ctl_frame f;

	if (ctl_frame_read(line, &f, NULL))
		return why_set(out_why, ERR_SYNTAX, "",
		    _("what answers there is no relayd"));
	c->handing = &f;
	if (f.kind == CTL_EVENT)
		tell(c, &f);
	else if (f.kind != CTL_CALL)
		answer(c, &f);
	c->handing = NULL;
	if (f.root)
		ctl_frame_fini(&f);
	return OK;
}

enum err
calls_feed(struct calls *c, struct str bytes, struct why *out_why)
{
	while (bytes.len) {
		struct str part = str_first(bytes, READ_ROOM), line;
		size_t eat;
		enum err e;

		bytes = str_skip(bytes, part.len);
		if (buf_add(&c->in, part))
			return why_set(out_why, ERR_SYNTAX, "",
			    _("relayd sent a frame that is too long"));
		while ((e = ctl_line(buf_str(&c->in), &line, &eat)) == OK) {
			e = take_line(c, line, out_why);
			if (e)
				return e;
			buf_eat(&c->in, eat);
		}
		if (e != ERR_AGAIN)
			return why_set(out_why, ERR_SYNTAX, "",
			    _("relayd sent a frame that is too long"));
	}
	return OK;
}

void
calls_open(struct calls *c)
{
	c->is_open = true;
}

/* Whoever is told may ask again at once, in vain: there is no connection. */
void
calls_lost(struct calls *c)
{
	struct ctl_frame f = { .kind = CTL_ERROR,
		.code = CTL_CODE_OURS,
		.error = str_of(err_name(ERR_CLOSED)),
		.message = str_of(_("the connection to relayd is lost")) };
	struct call *call;

	c->is_open = false;
	buf_clear(&c->in);
	drop_followers(c, NULL);
	while ((call = TAILQ_FIRST(&c->waiting))) {
		TAILQ_REMOVE(&c->waiting, call, link);
		if (call->owner)
			call->done(call->owner, call->user, &f);
		free(call);
	}
}

bool
calls_is_open(const struct calls *c)
{
	return c->is_open;
}
