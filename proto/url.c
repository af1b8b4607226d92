/* SPDX-License-Identifier: MIT */
/* url.c - addresses of upstreams and proxies, taken apart strictly. */
#include "proto/url.h"

#include <arpa/inet.h>
#include <stdio.h>

/* What DNS allows for a name. */
#define HOST_MAX 253

static const struct scheme {
	const char *name;
	uint16_t port;
} schemes[] = {
	[URL_HTTP] = { "http", 80 },
	[URL_HTTPS] = { "https", 443 },
	[URL_SOCKS5] = { "socks5", 1080 },
	[URL_SOCKS5H] = { "socks5h", 1080 },
};

#define SCHEME_COUNT (sizeof(schemes) / sizeof(schemes[0]))

const char *
url_scheme_name(enum url_scheme scheme)
{
	return schemes[scheme].name;
}

/* Visible ASCII, no backslash, no '#', and every '%' with its two digits. */
static bool
bytes_are_sound(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];

		if (c <= ' ' || c > '~' || c == '\\' || c == '#')
			return false;
		if (c == '%' &&
		    (s.len - i < 3 || str_hex_digit(s.at[i + 1]) < 0 ||
			str_hex_digit(s.at[i + 2]) < 0))
			return false;
	}
	return true;
}

static bool
name_is_sound(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '-' || c == '.' ||
			c == '_'))
			return false;
	}
	return s.len > 0 && s.len <= HOST_MAX && s.at[0] != '.';
}

static bool
ipv6_is_sound(struct str s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (s.len >= sizeof(text) || str_chr(s, '\0') >= 0)
		return false;
	memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

static enum err
scheme_read(struct str *text, struct url *u, struct why *out_why)
{
	for (size_t i = 0; i < SCHEME_COUNT; i++) {
		struct str name = str_of(schemes[i].name);
		struct str rest = str_skip(*text, name.len);

		if (str_istarts(*text, name) && str_starts(rest, STR("://"))) {
			u->scheme = (enum url_scheme)i;
			u->port = schemes[i].port;
			*text = str_skip(rest, 3);
			return OK;
		}
	}
	return why_set(out_why, ERR_SYNTAX, "url",
	    "it must begin with http://, https://, socks5:// or socks5h://");
}

static enum err
port_read(struct str text, struct url *u, struct why *out_why)
{
	uint64_t port;

	if (text.len > 5 || str_u64(text, &port) || port == 0 ||
	    port > UINT16_MAX)
		return why_set(out_why, ERR_SYNTAX, "url",
		    "the port must be a number from 1 to 65535");
	u->port = (uint16_t)port;
	return OK;
}

static enum err
host_read(struct str text, struct url *u, struct why *out_why)
{
	struct str rest;
	bool sound;

	u->ipv6 = text.len && text.at[0] == '[';
	if (u->ipv6) {
		rest = str_skip(text, 1);
		u->host = str_cut(&rest, ']');
		/* Behind the bracket only a port may follow. */
		sound = rest.at && ipv6_is_sound(u->host) &&
		    (rest.len == 0 || rest.at[0] == ':');
		rest = rest.len ? str_skip(rest, 1) : str_at(NULL, 0);
	} else {
		rest = text;
		u->host = str_cut(&rest, ':');
		sound = name_is_sound(u->host);
	}
	if (!sound)
		return why_set(out_why, ERR_SYNTAX, "url", "the host is %s",
		    u->host.len ? "malformed" : "missing");
	return rest.at ? port_read(rest, u, out_why) : OK;
}

bool
url_authority_is_sound(struct str text)
{
	struct url u;

	return host_read(text, &u, NULL) == OK;
}

/* Everything between "://" and the path. */
static enum err
authority_read(struct str text, struct url *u, struct why *out_why)
{
	ptrdiff_t at = str_chr(text, '@');
	struct str account;

	if (at < 0)
		return host_read(text, u, out_why);
	account = str_first(text, (size_t)at);
	u->user = str_cut(&account, ':');
	u->password = account;
	if (u->user.len == 0 || str_chr(account, ':') >= 0)
		return why_set(out_why, ERR_SYNTAX, "url",
		    "the user name before @ is missing or malformed");
	return host_read(str_skip(text, (size_t)at + 1), u, out_why);
}

enum err
url_read(struct str text, struct url *out, struct why *out_why)
{
	struct url u = { .scheme = URL_HTTP };
	struct str authority;
	size_t n = 0;
	enum err e;

	if (!bytes_are_sound(text))
		return why_set(out_why, ERR_SYNTAX, "url",
		    "it holds a blank, a fragment or a byte not allowed");
	e = scheme_read(&text, &u, out_why);
	if (e)
		return e;
	while (n < text.len && text.at[n] != '/' && text.at[n] != '?')
		n++;
	authority = str_first(text, n);
	text = str_skip(text, n);
	e = authority_read(authority, &u, out_why);
	if (e)
		return e;
	u.path = str_cut(&text, '?');
	u.query = text;
	*out = u;
	return OK;
}

enum err
url_put_authority(struct buf *out, const struct url *u)
{
	char port[8] = "";

	if (u->port != schemes[u->scheme].port)
		snprintf(port, sizeof(port), ":%u", (unsigned)u->port);
	return buf_addf(out, "%s%.*s%s%s", u->ipv6 ? "[" : "", STR_ARG(u->host),
	    u->ipv6 ? "]" : "", port);
}

/* Is `written` that name once its percent signs are undone? */
static bool
name_is(struct str written, struct str name)
{
	size_t n = 0;

	for (size_t i = 0; i < written.len; i++, n++) {
		char c = written.at[i];

		if (c == '%' && written.len - i >= 3) {
			int high = str_hex_digit(written.at[i + 1]);
			int low = str_hex_digit(written.at[i + 2]);

			if (high >= 0 && low >= 0) {
				c = (char)(high * 16 + low);
				i += 2;
			}
		} else if (c == '+') {
			c = ' ';
		}
		if (n >= name.len || c != name.at[n])
			return false;
	}
	return n == name.len;
}

bool
url_query_get(struct str query, struct str name, struct str *out_value)
{
	while (query.at) {
		struct str value = str_cut(&query, '&');
		struct str written = str_cut(&value, '=');

		if (!name_is(written, name))
			continue;
		*out_value = value.at ? value : str_skip(written, written.len);
		return true;
	}
	return false;
}

enum err
url_query_without(struct buf *out, struct str query, struct str name)
{
	size_t before = buf_len(out);
	bool first = true;
	enum err e = OK;

	while (query.at && !e) {
		struct str parameter = str_cut(&query, '&');
		struct str value = parameter;

		if (name_is(str_cut(&value, '='), name))
			continue;
		if (!first)
			e = buf_addc(out, '&');
		if (!e)
			e = buf_add(out, parameter);
		first = false;
	}
	if (e)
		buf_chop(out, buf_len(out) - before);
	return e;
}
