/* SPDX-License-Identifier: MIT */
/* source.h - where a request comes from, when proxies stand in between.
 *
 *	client --> proxy --> trusted proxy --> relayd
 *	X-Forwarded-For: client, proxy
 *
 * Each proxy appends whom it was asked by, so the field is read from its end,
 * and believed as long as whoever wrote that part is trusted: what a client
 * says of itself stands in front of what the first trusted proxy says of it. */
#ifndef RELAYD_SOURCE_H
#define RELAYD_SOURCE_H

#include "proto/addr.h"
#include "proto/http1.h"

struct conf;

/* `peer` is whose the connection is.  Not known when the one part that counts
 * is no address. */
struct addr source_of(const struct conf *conf, const struct addr *peer,
    const struct http1_head *head);
/* Is it one of trusted_proxies? */
bool source_is_trusted(const struct conf *conf, const struct addr *a);

#endif
