/* SPDX-License-Identifier: MIT */
/* addr.c - addresses of IP and ranges of them. */
#include "proto/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

#define IPV4_BYTES  4
#define MAPPED_BITS 96

static bool
is_mapped(const uint8_t at[ADDR_BYTES])
{
	return !memcmp(at, mapped, sizeof(mapped));
}

struct addr
addr_of_bytes(const uint8_t *at, size_t len)
{
	struct addr a = { .known = true };

	if (len == IPV4_BYTES) {
		memcpy(a.at, mapped, sizeof(mapped));
		memcpy(a.at + sizeof(mapped), at, IPV4_BYTES);
	} else {
		memcpy(a.at, at, ADDR_BYTES);
	}
	return a;
}

struct addr
addr_of(const struct sockaddr *sa)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		return addr_of_bytes((const uint8_t *)&in.sin_addr, IPV4_BYTES);
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		return addr_of_bytes((const uint8_t *)&in6.sin6_addr,
		    ADDR_BYTES);
	}
	return (struct addr){ .known = false };
}

enum err
addr_read(struct str s, struct addr *out)
{
	uint8_t bytes[ADDR_BYTES];
	char text[INET6_ADDRSTRLEN];

	if (!s.len || s.len >= sizeof(text) || memchr(s.at, '\0', s.len))
		return ERR_VALUE;
	memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	if (inet_pton(AF_INET, text, bytes) == 1)
		*out = addr_of_bytes(bytes, IPV4_BYTES);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*out = addr_of_bytes(bytes, ADDR_BYTES);
	else
		return ERR_VALUE;
	return OK;
}

static bool
is_port(struct str s)
{
	uint64_t port;

	return !str_u64(s, &port) && port <= UINT16_MAX;
}

enum err
addr_read_loose(struct str s, struct addr *out)
{
	struct str host = s, rest;
	ptrdiff_t colon;

	if (s.len && s.at[0] == '[') {
		rest = str_skip(s, 1);
		host = str_cut(&rest, ']');
		if (!rest.at || str_chr(host, ':') < 0 ||
		    (rest.len &&
			(rest.at[0] != ':' || !is_port(str_skip(rest, 1)))))
			return ERR_VALUE;
		return addr_read(host, out);
	}
	/* One colon is that of a port; IPv6 has two at least. */
	colon = str_chr(s, ':');
	if (colon >= 0 && str_chr(str_skip(s, (size_t)colon + 1), ':') < 0) {
		host = str_first(s, (size_t)colon);
		if (!is_port(str_skip(s, (size_t)colon + 1)))
			return ERR_VALUE;
	}
	return addr_read(host, out);
}

void
addr_text(const struct addr *a, char out[ADDR_TEXT])
{
	const char *text;

	if (is_mapped(a->at))
		text =
		    inet_ntop(AF_INET, a->at + sizeof(mapped), out, ADDR_TEXT);
	else
		text = inet_ntop(AF_INET6, a->at, out, ADDR_TEXT);
	if (!a->known || !text)
		snprintf(out, ADDR_TEXT, "unknown");
}

/* --- ranges ---------------------------------------------------------------- */

/* All bits behind the prefix are taken off; were there any? */
static bool
take_off(uint8_t at[ADDR_BYTES], unsigned bits)
{
	bool any = false;

	for (unsigned i = bits; i < ADDR_BYTES * 8; i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);

		any = any || (at[i / 8] & bit);
		at[i / 8] = (uint8_t)(at[i / 8] & ~bit);
	}
	return any;
}

enum err
cidr_read(struct str s, struct cidr *out, struct why *out_why)
{
	struct str rest = s, host = str_cut(&rest, '/');
	unsigned before;
	uint64_t bits;
	char text[ADDR_TEXT];
	struct addr a;
	bool is4;

	if (addr_read(host, &a))
		return why_set(out_why, ERR_VALUE, NULL,
		    "\"%.*s\" is no address and no range of them; examples: "
		    "10.0.0.0/8, 192.0.2.7, 2001:db8::/32",
		    STR_ARG(str_first(s, 60)));
	is4 = str_chr(host, ':') < 0;
	before = is4 ? MAPPED_BITS : 0;
	bits = is4 ? 32 : 128;
	if (rest.at && (str_u64(rest, &bits) || bits > (is4 ? 32 : 128)))
		return why_set(out_why, ERR_VALUE, NULL,
		    "\"%.*s\": the number behind the slash is from 0 to %d; "
		    "an example: %s",
		    STR_ARG(str_first(s, 60)), is4 ? 32 : 128,
		    is4 ? "10.0.0.0/8" : "2001:db8::/32");
	if (take_off(a.at, before + (unsigned)bits)) {
		addr_text(&a, text);
		return why_set(out_why, ERR_VALUE, NULL,
		    "\"%.*s\" has bits behind its prefix; the range is "
		    "%s/%llu, the address is %.*s",
		    STR_ARG(str_first(s, 60)), text, (unsigned long long)bits,
		    STR_ARG(str_first(host, 60)));
	}
	memcpy(out->at, a.at, ADDR_BYTES);
	out->bits = before + (unsigned)bits;
	return OK;
}

bool
cidr_holds(const struct cidr *c, const struct addr *a)
{
	unsigned whole = c->bits / 8, rest = c->bits % 8;

	/* ::/0 is all of IPv6, and no range of IPv4. */
	if (!a->known || (is_mapped(a->at) && c->bits < MAPPED_BITS))
		return false;
	if (memcmp(a->at, c->at, whole))
		return false;
	return !rest || !((a->at[whole] ^ c->at[whole]) >> (8 - rest));
}

bool
cidrs_hold(const struct cidr *c, size_t count, const struct addr *a)
{
	for (size_t i = 0; i < count; i++)
		if (cidr_holds(&c[i], a))
			return true;
	return false;
}
