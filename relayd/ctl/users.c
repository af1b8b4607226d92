/* SPDX-License-Identifier: MIT */
/* users.c - control methods about the people who own keys. */
#include <stdio.h>

#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_rec.h"
#include "relayd/ctl_user.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"

#define OWNER_MAX_BYTES	 64
#define REASON_MAX_BYTES 200

/* --- rows ------------------------------------------------------------------ */

static void
on_list(struct ctl_call *c, enum err e, const struct why *why,
    struct ctl_user *const *users, size_t count)
{
	struct str next = STR("");
	unsigned n = 0;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '[');
	for (size_t i = 0; i < count; i++) {
		if (c->cursor.len && str_cmp(users[i]->owner, c->cursor) <= 0)
			continue;
		if (!ctl_has_room(c, n)) {
			next = users[i - 1]->owner;
			break;
		}
		json_open(&c->out, '{');
		ctl_put_user(c, users[i]);
		json_close(&c->out, '}');
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, next);
}

void
ctl_user_list(struct ctl_call *c)
{
	ctl_users(c, str_at(NULL, 0), on_list);
}

static void
on_show(struct ctl_call *c, enum err e, const struct why *why,
    struct ctl_user *const *users, size_t count)
{
	const struct ctl_user *u = count ? users[0] : NULL;

	if (e) {
		ctl_refuse(c, e, why);
	} else if (!u || (!u->keys && !u->said)) {
		ctl_refusef(c, ERR_UNKNOWN, "user", "\"%.*s\" has no key",
		    STR_ARG(str_first(ctl_text(c, "user"), 60)));
	} else {
		json_open(&c->out, '{');
		ctl_put_user(c, u);
		ctl_put_user_keys(c, u->owner);
		json_close(&c->out, '}');
		ctl_answer(c, u->said ? u->said->rec.rev : 0, STR(""));
	}
}

void
ctl_user_show(struct ctl_call *c)
{
	ctl_users(c, ctl_text(c, "user"), on_show);
}

/* --- changing -------------------------------------------------------------- */

static void
on_saved(void *arg, enum err e, const struct why *why, const struct user *u)
{
	struct ctl_call *c = arg;

	(void)u;
	if (e)
		ctl_refuse(c, e, why);
	else
		ctl_user_show(c);
}

static void
answer_rehearsal(struct ctl_call *c, const struct user_rec *from,
    const struct user_rec *to)
{
	struct json_out *j = &c->out;

	json_open(j, '{');
	json_say(j, "user", to->owner);
	json_put_key(j, "changes");
	json_open(j, '[');
	ctl_put_changes(j, &user_kind, from, to);
	json_close(j, ']');
	json_say_bool(j, "dry_run", true);
	json_close(j, '}');
	ctl_answer(c, from->rev, STR(""));
}

static enum err
take_user(const struct ctl_call *c, struct user_rec *io, struct why *out_why)
{
	struct str reason = str_trim(ctl_text(c, "reason"));
	enum err e =
	    ctl_check_text(io->owner, OWNER_MAX_BYTES, "user", out_why);

	if (!e && !io->owner.len)
		e = why_set(out_why, ERR_VALUE, "user", "a user has a name");
	if (!e)
		e = ctl_check_text(reason, REASON_MAX_BYTES, "reason", out_why);
	io->reason = reason;
	return e;
}

/* What was said of a single key stays as it is. */
static void
set_disabled(struct ctl_call *c, bool disabled)
{
	struct str owner = str_trim(ctl_text(c, "user"));
	const struct user *u = user_find(&c->daemon->keys->users, owner);
	const struct audit_who who = ctl_who(c);
	struct user_rec old = { .owner = owner }, r;
	char by[PEER_OWNER];
	struct why why;
	enum err e;

	if (u)
		old = u->rec;
	r = old;
	e = take_user(c, &r, &why);
	if (!e)
		e = ctl_check_rev(c, old.rev, &why);
	r.disabled = disabled;
	r.disabled_by = disabled ? peer_owner(&c->peer, by) : STR("");
	r.disabled_at = disabled ? (uint64_t)clock_wall_ms() : 0;
	if (e)
		ctl_refuse(c, e, &why);
	else if (c->dry_run)
		answer_rehearsal(c, &old, &r);
	else if (!disabled && !old.disabled)
		ctl_user_show(c);
	else
		user_save(c->daemon->keys, &r, old.rev, &who, on_saved, c);
}

void
ctl_user_disable(struct ctl_call *c)
{
	set_disabled(c, true);
}

void
ctl_user_enable(struct ctl_call *c)
{
	set_disabled(c, false);
}
