/* SPDX-License-Identifier: MIT */
/* listen.h - where clients come in; rests when descriptors run out. */
#ifndef RELAYD_LISTEN_H
#define RELAYD_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "proto/err.h"

struct conn_user;
struct daemon;
struct listeners;

/* Bind and listen on every address; either all or none.  *out accepts
 * nothing before listeners_begin(). */
enum err listeners_new(struct daemon *d, const struct sockaddr_storage *at,
    size_t count, struct listeners **out, struct why *out_why) CHECKED;
void listeners_begin(struct listeners *l, const struct conn_user *user);
/* The configuration has changed: max_connections. */
void listeners_reload(struct listeners *l);
/* Stop accepting; open connections stay. */
void listeners_stop(struct listeners *l);
void listeners_free(struct listeners *l);

/* The address a listener is bound to (with the port the kernel chose for
 * port 0) as "127.0.0.1:3000"; false behind the last. */
bool listener_text(const struct listeners *l, size_t i, char out[64]);

/* "127.0.0.1:3000", "[::1]:3000". */
void address_text(const struct sockaddr_storage *sa, char out[64]);

#endif
