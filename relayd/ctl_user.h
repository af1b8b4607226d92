/* SPDX-License-Identifier: MIT */
/* ctl_user.h - what the handlers of the control socket share about people: the
 * owners of keys, with the sums of their keys. */
#ifndef RELAYD_CTL_USER_H
#define RELAYD_CTL_USER_H

#include "store/rec.h"

#include "relayd/control.h"

struct user;

struct ctl_user {
	struct str owner;
	const struct user *said; /* by an operator; NULL: nothing */
	unsigned keys, active;
	int64_t used_wall_ms;
	struct rollup_rec today, month; /* of the keys there are */
};

/* By owner; they last for the call, which is to be ended there. */
typedef void ctl_users_done(struct ctl_call *take_c, enum err e,
    const struct why *why, struct ctl_user *const *users, size_t count);
/* Later: all owners of keys and those of whom something was said; or only that
 * one, who is always told. */
void ctl_users(struct ctl_call *c, struct str only, ctl_users_done *done);

/* The members into an open object. */
void ctl_put_user(struct ctl_call *c, const struct ctl_user *u);
/* The keys of an owner as "rows", into an open object. */
void ctl_put_user_keys(struct ctl_call *c, struct str owner);

#endif
