/* SPDX-License-Identifier: MIT */
/* egress.h - which addresses may be connected to at all.
 *
 * Link-local and metadata addresses are always refused, as are multicast,
 * broadcast, "this network" and reserved ranges, also behind IPv4-mapped,
 * NAT64 and 6to4 spellings; loopback, private and unique-local ones need the
 * account's allow_private. */
#ifndef RELAYD_EGRESS_H
#define RELAYD_EGRESS_H

#include <sys/socket.h>

#include "proto/str.h"

/* OK or ERR_DENIED with the reason. */
enum err egress_check(const struct sockaddr *sa, bool allow_private,
    struct why *out_why) CHECKED;

/* The same of what an operator has written where a name may stand; names are
 * judged when they are resolved, and pass.  `host` is without brackets. */
enum err egress_check_host(struct str host, bool allow_private,
    struct why *out_why) CHECKED;

#endif
