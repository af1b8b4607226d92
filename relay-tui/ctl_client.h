/* SPDX-License-Identifier: MIT */
/* ctl_client.h - the other end of the control socket: ask, wait, follow. */
#ifndef RELAY_TUI_CTL_CLIENT_H
#define RELAY_TUI_CTL_CLIENT_H

#include "proto/ctl.h"

struct ctl_client;

/* Connect to `path`; NULL: to $RELAYD_SOCKET, else to the user's own relayd,
 * else to the system's.  ERR_DENIED: the socket is there, but not for us;
 * ERR_CLOSED: nobody answers. */
enum err ctl_client_open(const char *path, struct ctl_client **out,
    struct why *out_why) CHECKED;
void ctl_client_close(struct ctl_client *c);
/* The connection alone, for those who cannot wait (link.h).  A nonblocking one
 * that finds the daemon busy fails, too: ERR_CLOSED. */
enum err ctl_client_connect(const char *path, bool nonblocking, int *out_fd,
    struct why *out_why) CHECKED;

/* A call in the making: put the parameters between the two.  ctl_client_ask()
 * waits for the answer, a frame of kind CTL_RESULT or CTL_ERROR that the
 * caller frees. */
struct json_out *ctl_client_begin(struct ctl_client *c, enum ctl_method method);
enum err ctl_client_ask(struct ctl_client *c, struct ctl_frame *out,
    struct why *out_why) CHECKED;

/* Ask one that needs no parameters. */
enum err ctl_client_ask_simple(struct ctl_client *c, enum ctl_method method,
    struct ctl_frame *out, struct why *out_why) CHECKED;

/* The next event of a subscription. */
enum err ctl_client_next(struct ctl_client *c, struct ctl_frame *out,
    struct why *out_why) CHECKED;

#endif
