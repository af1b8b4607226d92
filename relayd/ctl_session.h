/* SPDX-License-Identifier: MIT */
/* ctl_session.h - a request under way as the control socket tells it. */
#ifndef RELAYD_CTL_SESSION_H
#define RELAYD_CTL_SESSION_H

#include "proto/ctl.h"

struct relay;

/* As an object, for one of that role: people without one are not told of
 * accounts. */
void
ctl_put_session(struct json_out *j, const struct relay *r, enum ctl_role role);

#endif
