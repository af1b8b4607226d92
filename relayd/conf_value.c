/* SPDX-License-Identifier: MIT */
/* conf_value.c - reads what stands behind the "=" of an option. */
#include "relayd/conf_value.h"

#include <arpa/inet.h>
#include <assert.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/mem.h"

#include "relayd/log.h"
#include "relayd/unit.h"

#define ZONEINFO  "/usr/share/zoneinfo/"
#define DNS_PORT  53
#define ITEMS_MAX 64

struct word {
	const char *word;
	int value;
};

static const struct word words_log_level[] = {
	{ "error", LOG_ERROR },
	{ "warning", LOG_WARN },
	{ "info", LOG_INFO },
	{ "debug", LOG_DEBUG },
	{ NULL, 0 },
};

static const struct word words_durable[] = {
	{ "kill", DURABLE_KILL },
	{ "power", DURABLE_POWER },
	{ NULL, 0 },
};

static const struct word words_proxy_protocol[] = {
	{ "off", false },
	{ "on", true },
	{ NULL, 0 },
};

/* The words of each CHOICE; NULL for the other options. */
#define WORDS_TEXT(name)    NULL
#define WORDS_PATH(name)    NULL
#define WORDS_LIST(name)    NULL
#define WORDS_LISTEN(name)  NULL
#define WORDS_SERVERS(name) NULL
#define WORDS_CIDRS(name)   NULL
#define WORDS_ZONE(name)    NULL
#define WORDS_BYTES(name)   NULL
#define WORDS_COUNT(name)   NULL
#define WORDS_FLAG(name)    NULL
#define WORDS_CHOICE(name)  words_##name

static const struct word *const words_of[CONF_NR] = {
#define X(type, name, preset, when, help) WORDS_##type(name),
#include "relayd/conf.def"
#undef X
};

static char *
copy(struct str s)
{
	return xmemdup(s.at ? s.at : "", s.len);
}

static enum err
read_path(struct str s, char **out, struct why *out_why)
{
	if (s.len && s.at[0] != '/')
		return why_set(out_why, ERR_VALUE, NULL,
		    "must begin with /, for example /var/lib/relayd");
	if (s.len >= PATH_MAX)
		return why_set(out_why, ERR_VALUE, NULL, "is too long");
	*out = copy(s);
	return OK;
}

static enum err
read_list(struct str s, struct conf_list *out, struct why *out_why)
{
	struct conf_list list = { .at = xcalloc(ITEMS_MAX, sizeof(char *)) };
	struct str item;

	while (str_list_next(&s, &item)) {
		if (list.n == ITEMS_MAX) {
			conf_value_fini(CONF_LIST, &list);
			return why_set(out_why, ERR_VALUE, NULL,
			    "has more than %d members", ITEMS_MAX);
		}
		list.at[list.n++] = copy(item);
	}
	*out = list;
	return OK;
}

/* --- addresses ---------------------------------------------------------------- */

static bool
make_addr(struct str host, uint16_t port, struct conf_addr *out)
{
	struct conf_addr a = { .len = 0 };
	char text[INET6_ADDRSTRLEN];

	if (host.len >= sizeof(text))
		return false;
	memcpy(text, host.at, host.len);
	text[host.len] = '\0';
	if (memchr(text, ':', host.len)) {
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
			.sin6_port = htons(port) };

		if (inet_pton(AF_INET6, text, &in6.sin6_addr) != 1)
			return false;
		inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof(text));
		snprintf(a.text, sizeof(a.text), "[%s]:%u", text, port);
		memcpy(&a.sa, &in6, sizeof(in6));
		a.len = sizeof(in6);
	} else {
		struct sockaddr_in in = { .sin_family = AF_INET,
			.sin_port = htons(port) };

		if (inet_pton(AF_INET, text, &in.sin_addr) != 1)
			return false;
		snprintf(a.text, sizeof(a.text), "%s:%u", text, port);
		memcpy(&a.sa, &in, sizeof(in));
		a.len = sizeof(in);
	}
	*out = a;
	return true;
}

/* Split "[::1]:3000", "127.0.0.1:3000", "::1" into host and port; an absent port
 * leaves *out_port empty. */
static bool
split_addr(struct str s, struct str *out_host, struct str *out_port)
{
	struct str rest = s;
	ptrdiff_t colon = str_chr(s, ':');

	*out_port = str_at("", 0);
	if (s.len && s.at[0] == '[') {
		rest = str_skip(s, 1);
		*out_host = str_cut(&rest, ']');
		if (!rest.at || str_chr(*out_host, ':') < 0)
			return false;
		if (rest.len == 0)
			return true;
		*out_port = str_skip(rest, 1);
		return rest.at[0] == ':' && out_port->len > 0;
	}
	*out_host = s;
	if (colon < 0 || str_chr(str_skip(s, (size_t)colon + 1), ':') >= 0)
		return true; /* none, or a bare IPv6 address */
	*out_host = str_first(s, (size_t)colon);
	*out_port = str_skip(s, (size_t)colon + 1);
	return out_port->len > 0;
}

/* default_port 0: there is none, it must be written. */
static enum err
read_addr(struct str s, uint16_t default_port, struct conf_addr *out,
    struct why *out_why)
{
	const char *example = default_port ? "9.9.9.9, [2620:fe::fe]:53"
					   : "127.0.0.1:3000, [::1]:3000";
	uint64_t port = default_port;
	struct str host, digits;

	if (!split_addr(s, &host, &digits) ||
	    (digits.len && (str_u64(digits, &port) || port > UINT16_MAX)) ||
	    (!digits.len && !default_port) ||
	    !make_addr(host, (uint16_t)port, out))
		return why_set(out_why, ERR_VALUE, NULL,
		    "\"%.*s\" is not an address%s, write for example %s",
		    s.len < 60 ? (int)s.len : 60, s.at,
		    default_port ? "" : " with a port", example);
	return OK;
}

static bool
has_addr(const struct conf_addrs *list, const struct conf_addr *a)
{
	/* Port 0 is a different port each time. */
	if (str_ends(str_of(a->text), STR(":0")))
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(str_of(list->at[i].text), str_of(a->text)))
			return true;
	return false;
}

static enum err
read_addrs(struct str s, uint16_t default_port, bool may_be_empty,
    struct conf_addrs *out, struct why *out_why)
{
	struct conf_addrs list = { .at = xcalloc(ITEMS_MAX,
				       sizeof(struct conf_addr)) };
	enum err e = OK;
	struct str item;

	while (str_list_next(&s, &item)) {
		struct conf_addr *a = &list.at[list.n];

		if (list.n == ITEMS_MAX)
			e = why_set(out_why, ERR_VALUE, NULL,
			    "has more than %d members", ITEMS_MAX);
		else
			e = read_addr(item, default_port, a, out_why);
		if (e == OK && has_addr(&list, a))
			e = why_set(out_why, ERR_VALUE, NULL, "names %s twice",
			    a->text);
		if (e)
			goto out_free;
		list.n++;
	}
	if (list.n == 0 && !may_be_empty) {
		e = why_set(out_why, ERR_VALUE, NULL,
		    "names no address, write for example 127.0.0.1:3000");
		goto out_free;
	}
	*out = list;
	return OK;
out_free:
	free(list.at);
	return e;
}

static enum err
read_cidrs(struct str s, struct conf_cidrs *out, struct why *out_why)
{
	struct conf_cidrs list = { .at = xcalloc(ITEMS_MAX,
				       sizeof(struct cidr)) };
	struct str item;
	enum err e = OK;

	while (!e && str_list_next(&s, &item)) {
		if (list.n == ITEMS_MAX)
			e = why_set(out_why, ERR_VALUE, NULL,
			    "has more than %d members", ITEMS_MAX);
		else
			e = cidr_read(item, &list.at[list.n++], out_why);
	}
	if (e)
		free(list.at);
	else
		*out = list;
	return e;
}

/* --- the rest ------------------------------------------------------------------ */

static enum err
read_zone(struct str s, char **out, struct why *out_why)
{
	char path[sizeof(ZONEINFO) + 64];
	struct stat st;
	bool ok = s.len > 0 && s.len < 64 && s.at[0] != '/' &&
	    str_find(s, STR("..")) < 0;

	if (ok && !str_eq(s, STR("UTC"))) {
		snprintf(path, sizeof(path), ZONEINFO "%.*s", STR_ARG(s));
		ok = stat(path, &st) == 0 && S_ISREG(st.st_mode);
	}
	if (!ok)
		return why_set(out_why, ERR_VALUE, NULL,
		    "is not a zone below " ZONEINFO
		    ", write for example Europe/Berlin");
	*out = copy(s);
	return OK;
}

static enum err
read_count(struct str s, unsigned *out, struct why *out_why)
{
	uint64_t n;

	if (str_u64(s, &n) || n > INT_MAX)
		return why_set(out_why, ERR_VALUE, NULL,
		    "is not a whole number, write for example 1000");
	*out = (unsigned)n;
	return OK;
}

static enum err
read_flag(struct str s, bool *out, struct why *out_why)
{
	bool yes = str_eq(s, STR("yes"));

	if (!yes && !str_eq(s, STR("no")))
		return why_set(out_why, ERR_VALUE, NULL, "must be yes or no");
	*out = yes;
	return OK;
}

static enum err
read_choice(const struct word *words, struct str s, int *out,
    struct why *out_why)
{
	char all[128] = "";
	size_t n = 0;

	assert(words);
	for (const struct word *w = words; w->word; w++) {
		if (str_eq(s, str_of(w->word))) {
			*out = w->value;
			return OK;
		}
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s",
		    n ? ", " : "", w->word);
		assert(n < sizeof(all));
	}
	return why_set(out_why, ERR_VALUE, NULL, "must be one of %s", all);
}

enum err
conf_value_read(enum conf_option nr, enum conf_type type, struct str text,
    void *member, struct why *out_why)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
			return why_set(out_why, ERR_VALUE, NULL,
			    "holds a control character");
	switch (type) {
	case CONF_TEXT:
		*(char **)member = copy(text);
		return OK;
	case CONF_PATH:
		return read_path(text, member, out_why);
	case CONF_LIST:
		return read_list(text, member, out_why);
	case CONF_LISTEN:
		return read_addrs(text, 0, nr != CONF_NR_listen, member,
		    out_why);
	case CONF_SERVERS:
		return read_addrs(text, DNS_PORT, true, member, out_why);
	case CONF_CIDRS:
		return read_cidrs(text, member, out_why);
	case CONF_ZONE:
		return read_zone(text, member, out_why);
	case CONF_BYTES:
		return unit_read_bytes(text, member, out_why);
	case CONF_COUNT:
		return read_count(text, member, out_why);
	case CONF_FLAG:
		return read_flag(text, member, out_why);
	case CONF_CHOICE:
		return read_choice(words_of[nr], text, member, out_why);
	}
	assert(!"a type without a reader");
	return ERR_VALUE;
}

void
conf_value_fini(enum conf_type type, void *member)
{
	struct conf_list *list = member;

	switch (type) {
	case CONF_TEXT:
	case CONF_PATH:
	case CONF_ZONE:
		free(*(char **)member);
		break;
	case CONF_LIST:
		for (size_t i = 0; i < list->n; i++)
			free(list->at[i]);
		free(list->at);
		break;
	case CONF_LISTEN:
	case CONF_SERVERS:
		free(((struct conf_addrs *)member)->at);
		break;
	case CONF_CIDRS:
		free(((struct conf_cidrs *)member)->at);
		break;
	case CONF_BYTES:
	case CONF_COUNT:
	case CONF_FLAG:
	case CONF_CHOICE:
		break;
	}
}
