/* SPDX-License-Identifier: MIT */
/* addr.h - addresses of IP and ranges of them, as people and proxies write
 * them.
 *
 *	10.1.2.3	2001:db8::1	10.0.0.0/8	2001:db8::/32
 *
 * An IPv4 address is kept as IPv6 maps it (::ffff:10.1.2.3), so either
 * spelling is the same address. */
#ifndef PROTO_ADDR_H
#define PROTO_ADDR_H

#include "proto/str.h"

struct sockaddr;

#define ADDR_BYTES 16
#define ADDR_TEXT  48

struct addr {
	uint8_t at[ADDR_BYTES];
	bool known; /* false: it lies in no range */
};

struct cidr {
	uint8_t at[ADDR_BYTES];
	unsigned bits; /* 0 to 128 */
};

/* ERR_VALUE: it is none. */
enum err addr_read(struct str s, struct addr *out) CHECKED;
/* The same with what proxies put around it: brackets and a port. */
enum err addr_read_loose(struct str s, struct addr *out) CHECKED;
/* Of a socket; one of another family is not known. */
struct addr addr_of(const struct sockaddr *sa);
/* The four or sixteen bytes of one. */
struct addr addr_of_bytes(const uint8_t *at, size_t len);
/* "10.1.2.3", "2001:db8::1", "unknown". */
void addr_text(const struct addr *a, char out[ADDR_TEXT]);

/* A range, or one address.  ERR_VALUE: it is malformed, or an address has bits
 * behind its prefix; the reason says what would be right. */
enum err cidr_read(struct str s, struct cidr *out, struct why *out_why) CHECKED;
bool cidr_holds(const struct cidr *c, const struct addr *a);
/* Does any of them? */
bool cidrs_hold(const struct cidr *c, size_t count, const struct addr *a);

#endif
