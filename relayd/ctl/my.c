/* SPDX-License-Identifier: MIT */
/* my.c - control methods for a person's own: the same as everybody's, with the
 * role narrowed to what is theirs, so that an operator sees there what a
 * person would.  What is not theirs does not exist. */
#include "relayd/control.h"
#include "relayd/ctl_user.h"
#include "relayd/daemon.h"

static struct ctl_call *
narrow(struct ctl_call *c)
{
	c->peer.role = CTL_SELF;
	return c;
}

void
ctl_my_keys(struct ctl_call *c)
{
	ctl_key_list(narrow(c));
}

void
ctl_my_usage(struct ctl_call *c)
{
	ctl_usage_show(narrow(c));
}

void
ctl_my_key_show(struct ctl_call *c)
{
	ctl_key_show(narrow(c));
}

void
ctl_my_key_rotate(struct ctl_call *c)
{
	ctl_key_rotate(narrow(c));
}

void
ctl_my_key_disable(struct ctl_call *c)
{
	ctl_key_disable(narrow(c));
}

void
ctl_my_key_enable(struct ctl_call *c)
{
	ctl_key_enable(narrow(c));
}

void
ctl_my_key_rm(struct ctl_call *c)
{
	if (c->daemon->settings.self_keys_rm)
		ctl_key_rm(narrow(c));
	else
		ctl_refusef(c, ERR_DENIED, "",
		    "people remove no keys here (setting self_keys_rm); `my "
		    "key disable` ends the use of one");
}

/* --- the overview ---------------------------------------------------------- */

static void
put_rules(struct ctl_call *c)
{
	const struct settings *s = &c->daemon->settings;
	struct json_out *j = &c->out;

	json_say_i64(j, "keys_max", (int64_t)s->self_keys_max);
	json_say(j, "template", str_of(s->self_keys_template));
	json_say_bool(j, "may_remove", s->self_keys_rm);
}

static void
on_sums(struct ctl_call *c, enum err e, const struct why *why,
    struct ctl_user *const *users, size_t count)
{
	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '{');
	json_say_i64(&c->out, "uid", (int64_t)c->peer.uid);
	json_say(&c->out, "role", str_of(ctl_role_name(c->peer.role)));
	put_rules(c);
	for (size_t i = 0; i < count; i++) {
		ctl_put_user(c, users[i]);
		ctl_put_user_keys(c, users[i]->owner);
	}
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

/* One is asked for, and it is told even when there is nothing to tell. */
void
ctl_my_overview(struct ctl_call *c)
{
	char own[PEER_OWNER];

	ctl_users(c, peer_owner(&c->peer, own), on_sums);
}
