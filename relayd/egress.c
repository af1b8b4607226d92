/* SPDX-License-Identifier: MIT */
/* egress.c - which addresses may be connected to at all.
 *
 * Two tables of prefixes, and the spellings of IPv6 that carry an IPv4 address
 * are unwrapped before they are looked up.  Knows addresses only; names are
 * the business of dns.c, and what is refused never reaches connect(2). */
#include "relayd/egress.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

enum reach {
	NEVER,	/* nobody's upstream lives there */
	PRIVATE /* with allow_private */
};

struct prefix {
	uint8_t at[16];
	uint8_t bits;
	enum reach reach;
	const char *what;
};

/* clang-format off */
static const struct prefix prefixes4[] = {
	{ { 169, 254 },		16, NEVER,   "a link-local address" },
	{ { 0 },		 8, NEVER,   "an address of \"this network\"" },
	{ { 224 },		 4, NEVER,   "a multicast address" },
	{ { 240 },		 4, NEVER,   "a reserved or broadcast address" },
	{ { 192, 0, 2 },	24, NEVER,   "a documentation address" },
	{ { 198, 51, 100 },	24, NEVER,   "a documentation address" },
	{ { 203, 0, 113 },	24, NEVER,   "a documentation address" },
	/* Metadata services outside of the link-local range. */
	{ { 100, 100, 100, 200 },32, NEVER,  "a metadata address" },
	{ { 192, 0, 0, 192 },	32, NEVER,   "a metadata address" },
	{ { 168, 63, 129, 16 },	32, NEVER,   "a metadata address" },
	{ { 127 },		 8, PRIVATE, "a loopback address" },
	{ { 10 },		 8, PRIVATE, "a private address" },
	{ { 172, 16 },		12, PRIVATE, "a private address" },
	{ { 192, 168 },		16, PRIVATE, "a private address" },
	{ { 100, 64 },		10, PRIVATE, "a shared address" },
	{ { 192, 0, 0 },	24, PRIVATE, "a special-purpose address" },
	{ { 198, 18 },		15, PRIVATE, "a benchmarking address" },
};

static const struct prefix prefixes6[] = {
	{ { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54 },
				128, NEVER,  "a metadata address" },
	{ { 0xfd, 0x20, 0x00, 0xce, [14] = 0x02, [15] = 0x54 },
				128, NEVER,  "a metadata address" },
	{ { 0xfe, 0x80 },	10, NEVER,   "a link-local address" },
	{ { 0xfe, 0xc0 },	10, NEVER,   "a site-local address" },
	{ { 0xff },		 8, NEVER,   "a multicast address" },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, NEVER, "a documentation address" },
	{ { 0x20, 0x01, 0x00, 0x00 }, 32, NEVER, "a Teredo address" },
	{ { 0x01, 0x00 },	64, NEVER,   "a discarding address" },
	{ { [15] = 1 },		128, PRIVATE, "a loopback address" },
	{ { 0xfc },		 7, PRIVATE, "a unique-local address" },
	/* The NAT64 prefix for local use may lead anywhere inside. */
	{ { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 },
				48, PRIVATE, "a local NAT64 address" },
	{ { 0 },		 8, NEVER,   "a reserved address" },
};
/* clang-format on */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool
is_under(const uint8_t *at, const struct prefix *p)
{
	unsigned whole = p->bits / 8, rest = p->bits % 8;

	if (memcmp(at, p->at, whole))
		return false;
	return !rest || !((at[whole] ^ p->at[whole]) >> (8 - rest));
}

static const struct prefix *
prefix_of(const struct prefix *table, size_t count, const uint8_t *at)
{
	for (size_t i = 0; i < count; i++) {
		if (is_under(at, &table[i]))
			return &table[i];
	}
	return NULL;
}

/* Where in these sixteen bytes an IPv4 address stands that would be reached
 * by them, or NULL. */
static const uint8_t *
carried4(const uint8_t *at)
{
	static const uint8_t zeros[12];
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t translated[12] = { [8] = 0xff, [9] = 0xff };
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

	if (!memcmp(at, mapped, 12) || !memcmp(at, nat64, 12) ||
	    !memcmp(at, translated, 12))
		return at + 12;
	/* The old "compatible" form; :: and ::1 are addresses of their own. */
	if (!memcmp(at, zeros, 12) && (at[12] || at[13] || at[14]))
		return at + 12;
	if (at[0] == 0x20 && at[1] == 0x02)
		return at + 2;
	return NULL;
}

static const struct prefix *
judge(int family, const uint8_t *at, bool allow_private)
{
	const uint8_t *v4 = family == AF_INET ? at : carried4(at);
	const struct prefix *p;

	if (v4)
		p = prefix_of(prefixes4, COUNT(prefixes4), v4);
	else
		p = prefix_of(prefixes6, COUNT(prefixes6), at);
	if (p && p->reach == PRIVATE && allow_private)
		return NULL;
	return p;
}

enum err
egress_check(const struct sockaddr *sa, bool allow_private, struct why *out_why)
{
	uint8_t at[16] = { 0 };
	char text[INET6_ADDRSTRLEN] = "";
	const struct prefix *p;
	int family = sa->sa_family;

	/* Copied, because what libraries hand out need not be aligned. */
	if (family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		memcpy(at, &in.sin_addr, 4);
	} else if (family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		memcpy(at, &in6.sin6_addr, 16);
	} else {
		return why_set(out_why, ERR_DENIED, "address",
		    "only IPv4 and IPv6 addresses are connected to");
	}
	p = judge(family, at, allow_private);
	if (!p)
		return OK;
	inet_ntop(family, at, text, sizeof(text));
	return why_set(out_why, ERR_DENIED, "address", "%s is %s%s", text,
	    p->what,
	    p->reach == PRIVATE ? ", which needs allow_private"
				: ", which is never connected to");
}

enum err
egress_check_host(struct str host, bool allow_private, struct why *out_why)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	char text[INET6_ADDRSTRLEN];

	/* Longer than any address. */
	if (host.len >= sizeof(text))
		return OK;
	snprintf(text, sizeof(text), "%.*s", STR_ARG(host));
	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return egress_check((struct sockaddr *)&in, allow_private,
		    out_why);
	if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		return egress_check((struct sockaddr *)&in6, allow_private,
		    out_why);
	return OK;
}
