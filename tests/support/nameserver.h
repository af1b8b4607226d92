/* SPDX-License-Identifier: MIT */
/* nameserver.h - a name server on loopback, in a thread, for tests.
 *
 * The name is the answer: every label "A-B-C-D" is one address of it, so
 * "127-0-0-1.10-0-0-1.test" has two.  A name without one does not exist.
 * Nothing has an IPv6 address. */
#ifndef TESTS_SUPPORT_NAMESERVER_H
#define TESTS_SUPPORT_NAMESERVER_H

enum mood {
	NAMESERVER_FINE,
	NAMESERVER_SILENT, /* takes questions, never answers */
	NAMESERVER_FAILING /* SERVFAIL */
};

struct nameserver;

struct nameserver *nameserver_new(void);
void nameserver_free(struct nameserver *n);
/* "127.0.0.1:PORT", for dns_new(). */
const char *nameserver_address(const struct nameserver *n);
void nameserver_mood(struct nameserver *n, enum mood mood);
/* Questions for IPv4 addresses that came so far. */
unsigned nameserver_asked(struct nameserver *n);

#endif
