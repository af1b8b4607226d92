/* SPDX-License-Identifier: MIT */
/* login.h - signing in at a terminal: what is shown, what is pasted back. */
#ifndef RELAY_TUI_LOGIN_H
#define RELAY_TUI_LOGIN_H

#include "relay-tui/command.h"

/* Lead the person through the sign-in that the daemon has just begun. */
enum verdict login_run(const struct command *c, struct ctl_client *client,
    const struct json *begun);

#endif
