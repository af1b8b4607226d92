/* SPDX-License-Identifier: MIT */
/* url.h - addresses of upstreams and proxies, taken apart strictly.
 *
 *	scheme://[user[:password]@]host[:port][/path][?query]
 *
 * A struct url points into the text it was read from.  User, password, path
 * and query are as written, percent signs and all. */
#ifndef PROTO_URL_H
#define PROTO_URL_H

#include "proto/buf.h"

enum url_scheme {
	URL_HTTP,
	URL_HTTPS,
	URL_SOCKS5,  /* names are resolved here */
	URL_SOCKS5H, /* names are resolved by the proxy */
};

struct url {
	enum url_scheme scheme;
	struct str user, password; /* .at NULL when there was none */
	struct str host;	   /* an IPv6 address without its brackets */
	bool ipv6;		   /* it stood in brackets */
	uint16_t port;		   /* that of the scheme when not said */
	struct str path;	   /* empty, or beginning with '/' */
	struct str query;	   /* without '?'; .at NULL without one */
};

/* Refused: other schemes, blanks, bytes that are not visible ASCII, a bare %,
 * backslashes, fragments, an empty host or user, a port that is not in 1 to
 * 65535. */
enum err
url_read(struct str text, struct url *out, struct why *out_why) CHECKED;

/* Is it host[:port] by the same rules, as Host says it? */
bool url_authority_is_sound(struct str text);

const char *url_scheme_name(enum url_scheme scheme);

/* host, or host:port when the port is not that of the scheme, with brackets
 * where needed: what Host says. */
enum err url_put_authority(struct buf *out, const struct url *u) CHECKED;

/* The first parameter of that name in a query, its value as written.  Names
 * are compared as a server would see them: `%6bey` is `key`. */
bool url_query_get(struct str query, struct str name, struct str *out_value);

/* The query without all parameters of that name; the other bytes and their
 * order stay. */
enum err
url_query_without(struct buf *out, struct str query, struct str name) CHECKED;

#endif
