/* SPDX-License-Identifier: MIT */
/* sdnotify.h - tells the service manager how we are (sd_notify(3), without the
 * library).
 *
 * Without $NOTIFY_SOCKET every call does nothing.  A message is one datagram
 * that is sent or lost; nothing here ever waits. */
#ifndef RELAYD_SDNOTIFY_H
#define RELAYD_SDNOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

#include "proto/str.h"

struct sdnotify {
	int fd; /* -1: nobody listens */
	struct sockaddr_un to;
	socklen_t to_len;
	int64_t watchdog_ms; /* how often to say sdnotify_alive(); 0: never */
};

/* Read $NOTIFY_SOCKET (a path, or "@name" for an abstract one) and
 * $WATCHDOG_USEC.  A broken value is an error, an absent one is not. */
enum err sdnotify_open(struct sdnotify *out, struct why *out_why) CHECKED;
void sdnotify_close(struct sdnotify *n);

/* `status` is one line for `systemctl status`; control bytes are left out. */
void sdnotify_ready(struct sdnotify *n, const char *status);
void sdnotify_status(struct sdnotify *n, const char *status);
/* The configuration is being read again; sdnotify_ready() ends it. */
void sdnotify_reloading(struct sdnotify *n);
void sdnotify_stopping(struct sdnotify *n, const char *status);
void sdnotify_alive(struct sdnotify *n);

#endif
