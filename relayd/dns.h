/* SPDX-License-Identifier: MIT */
/* dns.h - names to addresses, on the loop, by c-ares.
 *
 * Look-ups of the same name are joined; answers are cached for 60 s, kept for
 * an hour for when the resolver fails, and failures are cached for 2 s.
 * Literals are answered at once; "localhost" is 127.0.0.1 and ::1. */
#ifndef RELAYD_DNS_H
#define RELAYD_DNS_H

#include <sys/socket.h>

#include "proto/str.h"

#define DNS_ADDRESSES_MAX 8

struct loop;
struct dns;
struct dns_query;

struct dns_answer {
	enum err e; /* OK, ERR_UNKNOWN (no such name), ERR_TIMEOUT, ERR_IO */
	struct why why;
	bool stale; /* from the cache because the resolver fails */
	unsigned count;
	struct sockaddr_storage at[DNS_ADDRESSES_MAX]; /* port 0 */
};

/* Is it a name one may ask for: labels of lower-case letters, digits, - and _,
 * without a final dot, and not one of the many spellings of an IPv4 number
 * ("0x7f.1", "2130706433")? */
bool dns_is_name(struct str s);

/* servers: comma-separated addresses, or NULL for the system's. */
enum err dns_new(struct loop *l, const char *servers, struct dns **out,
    struct why *out_why) CHECKED;
void dns_free(struct dns *d);
/* As if that much time had passed over all that is remembered: for tests. */
void dns_age(struct dns *d, int64_t ms);

/* `done` is called once, from a task of the loop; the answer is borrowed. */
typedef void dns_done(void *arg, const struct dns_answer *answer);
struct dns_query *
dns_ask(struct dns *d, struct str name, dns_done *done, void *arg);
/* Forget it. NULL is fine; never after done. */
void dns_cancel(struct dns_query *take_query);

#endif
