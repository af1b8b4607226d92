/* SPDX-License-Identifier: MIT */
/* proxyproto.h - what a proxy says in front of a connection about whose it is:
 * the PROXY protocol, versions 1 and 2.
 *
 *	PROXY TCP4 192.0.2.7 10.0.0.1 56324 3000\r\n
 *
 *	| signature, 12 bytes | version, command | family | length, 2 | ... |
 *
 * Nothing in it says that it is true: only what a trusted peer says is to be
 * read with this. */
#ifndef PROTO_PROXYPROTO_H
#define PROTO_PROXYPROTO_H

#include "proto/addr.h"

/* The longest header that is waited for; addresses take 52 bytes of one, the
 * rest is for extensions, which are skipped. */
#define PROXYPROTO_MAX 4096

struct proxyproto {
	/* False: the connection is the proxy's own, or it does not say whose
	 * (LOCAL, UNKNOWN, other families). */
	bool relays;
	struct addr from;
	uint16_t port;
};

/* The header at the front of `in`.  ERR_AGAIN: it goes on, or may; ERR_SYNTAX:
 * there is none, or it is malformed; ERR_LIMIT. */
enum err proxyproto_read(struct str in, struct proxyproto *out,
    size_t *out_used) CHECKED;

#endif
