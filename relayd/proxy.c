/* SPDX-License-Identifier: MIT */
/* proxy.c - the ways out, in memory, and which of them is taken.
 *
 * Connects to nothing: what is found here is said to dial.h, which closes the
 * way when there is none. */
#include "relayd/proxy.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"
#include "proto/url.h"

#include "relayd/dns.h"
#include "relayd/loop.h"

/* Two faults in that time, and it rests. */
#define FAULTS_MS   60000
#define REST_MS	    60000
#define REST_MAX_MS 600000

static const struct field fields[] = {
	{ .name = "family",
	    .type = FIELD_CHOICE,
	    .choices = "any|4|6",
	    .help = "addresses of the proxy that may be connected to" },
	{ .name = "note", .type = FIELD_TEXT, .help = "anything" },
};

const struct field *
proxy_field_at(unsigned i)
{
	return i < sizeof(fields) / sizeof(fields[0]) ? &fields[i] : NULL;
}

enum err
proxy_field_set(struct proxy_rec *r, struct str name, struct str value,
    struct buf *io_text, struct why *out_why)
{
	const struct field *f;
	enum err e;

	for (unsigned i = 0; (f = proxy_field_at(i)); i++)
		if (field_same_name(str_of(f->name), name))
			break;
	e = field_set(&proxy_kind, r, f, "a proxy", name, value, io_text,
	    out_why);
	if (f)
		return e;
	for (unsigned i = 0; (f = proxy_field_at(i)); i++)
		field_offer(f, out_why);
	return e;
}

/* --- checking -------------------------------------------------------------- */

static enum err
keep_host(struct proxy_rec *r, struct str host, struct buf *io_text,
    struct why *out_why)
{
	size_t before = buf_len(io_text);

	for (size_t i = 0; i < host.len; i++)
		if (buf_addc(io_text, (char)tolower((unsigned char)host.at[i])))
			return why_set(out_why, ERR_LIMIT, "url",
			    "too much text");
	r->host = str_skip(buf_str(io_text), before);
	return OK;
}

enum err
proxy_take_url(struct proxy_rec *r, struct str url, struct buf *io_text,
    struct why *out_why)
{
	struct url u;

	if (url_read(url, &u, NULL))
		return why_set(out_why, ERR_VALUE, "url",
		    "is not the URL of a proxy; an example: "
		    "socks5h://user@10.0.0.1:1080");
	if (u.password.at)
		return why_set(out_why, ERR_VALUE, "url",
		    "must not hold a password; say --password -, which is "
		    "typed "
		    "or piped, or --password-file FILE");
	if (u.query.at || (u.path.len && !str_eq(u.path, STR("/"))))
		return why_set(out_why, ERR_VALUE, "url",
		    "ends with the port: a proxy has no path");
	r->kind = str_of(url_scheme_name(u.scheme));
	r->port = u.port;
	r->user = u.user.at ? u.user : STR("");
	return keep_host(r, u.host, io_text, out_why);
}

static bool
is_host(struct str host)
{
	char text[INET6_ADDRSTRLEN] = "";
	unsigned char at[16];

	if (host.len < sizeof(text))
		memcpy(text, host.at, host.len);
	return dns_is_name(host) || inet_pton(AF_INET, text, at) == 1 ||
	    inet_pton(AF_INET6, text, at) == 1;
}

enum err
proxy_check(const struct proxy_rec *r, struct why *out_why)
{
	if (!field_is_name(r->name))
		return why_set(out_why, ERR_VALUE, "name",
		    "must be 1 to 64 letters, digits, '-', '_' or '.', and "
		    "begin with a letter or digit");
	if (str_eq(r->name, STR(PROXY_DIRECT)))
		return why_set(out_why, ERR_VALUE, "name",
		    "\"" PROXY_DIRECT "\" is said of accounts that have none");
	if (!r->host.len || !is_host(r->host) || !r->port || r->port > 65535)
		return why_set(out_why, ERR_VALUE, "url",
		    "names no host that could be connected to");
	if (!field_is_text(r->note))
		return why_set(out_why, ERR_VALUE, "note",
		    "control characters are not allowed in text");
	return OK;
}

/* --- the list -------------------------------------------------------------- */

void
proxies_init(struct proxies *ps, struct store *s)
{
	*ps = (struct proxies){ .store = s };
	TAILQ_INIT(&ps->list);
}

static void
proxy_clear(struct proxy *p)
{
	free(p->blob);
	if (p->url)
		explicit_bzero(p->url, strlen(p->url));
	free(p->url);
	free(p->shown);
}

static void
proxy_free(struct proxy *p)
{
	proxy_clear(p);
	free(p);
}

void
proxies_changed(struct proxies *ps)
{
	if (ps->changed)
		ps->changed(ps->changed_arg);
}

void
proxies_remove(struct proxies *ps, struct proxy *p)
{
	TAILQ_REMOVE(&ps->list, p, link);
	ps->count--;
	/* Accounts point at it until they have found another way. */
	proxies_changed(ps);
	proxy_free(p);
}

void
proxies_fini(struct proxies *ps)
{
	struct proxy *p, *next;

	ps->changed = NULL;
	for (p = TAILQ_FIRST(&ps->list); p; p = next) {
		next = TAILQ_NEXT(p, link);
		proxy_free(p);
	}
	TAILQ_INIT(&ps->list);
	ps->count = 0;
	free(ps->standard);
	ps->standard = NULL;
}

struct proxy *
proxy_find(const struct proxies *ps, struct str name)
{
	struct proxy *p;

	TAILQ_FOREACH (p, &ps->list, link)
		if (str_eq(p->rec.name, name))
			return p;
	return NULL;
}

void
proxies_insert(struct proxies *ps, struct proxy *p)
{
	struct proxy *next;

	TAILQ_FOREACH (next, &ps->list, link)
		if (str_cmp(next->rec.name, p->rec.name) > 0)
			break;
	if (next)
		TAILQ_INSERT_BEFORE(next, p, link);
	else
		TAILQ_INSERT_TAIL(&ps->list, p, link);
	ps->count++;
}

void
proxies_set_default(struct proxies *ps, const char *name)
{
	free(ps->standard);
	ps->standard = name[0] ? xstrdup(name) : NULL;
	proxies_changed(ps);
}

void
proxy_note_error(struct proxy *p, const char *text)
{
	snprintf(p->last_error, sizeof(p->last_error), "%s", text);
	p->last_error_wall_ms = clock_wall_ms();
}

void
proxy_note_fault(struct proxy *p, int64_t now_ms, uint32_t random)
{
	int64_t wait_ms = REST_MS;

	/* Requests that were under way when it went to rest say nothing new. */
	if (now_ms < p->rest_until_ms)
		return;
	if (!p->fault_ms || now_ms - p->fault_ms >= FAULTS_MS) {
		p->fault_ms = now_ms;
		return;
	}
	for (unsigned i = 0; i < p->rests && wait_ms < REST_MAX_MS; i++)
		wait_ms *= 2;
	if (wait_ms > REST_MAX_MS)
		wait_ms = REST_MAX_MS;
	p->rests++;
	p->rest_until_ms = now_ms + wait_ms - wait_ms / 10 +
	    (int64_t)((uint64_t)(wait_ms / 5) * random / UINT32_MAX);
	/* The first one that goes that way again decides. */
	p->fault_ms = p->rest_until_ms;
}

void
proxy_note_good(struct proxy *p)
{
	p->fault_ms = 0;
	p->rests = 0;
}

void
proxy_mend(struct proxy *p)
{
	proxy_note_good(p);
	p->rest_until_ms = 0;
}

int64_t
proxy_rests_until(const struct proxy *p, int64_t now_ms)
{
	return p->rest_until_ms > now_ms ? p->rest_until_ms : 0;
}

/* Take the record's blob, the opened user and password; what is derived from them is
 * made anew, this moment's facts stay. */
enum err
proxy_adopt(struct proxy *p, char *take_blob, size_t len, struct str user,
    struct str password)
{
	struct proxy_rec rec;
	bool is_v6;
	enum err e;

	e = proxy_rec_read(str_at(take_blob, len), &rec);
	if (!e && proxy_check(&rec, NULL))
		e = ERR_CORRUPT;
	if (e) {
		free(take_blob);
		return e;
	}
	proxy_clear(p);
	p->blob = take_blob;
	p->blob_len = len;
	p->rec = rec;
	is_v6 = str_chr(rec.host, ':') >= 0;
	p->shown =
	    xasprintf("%.*s://%s%.*s%s:%u", STR_ARG(rec.kind), is_v6 ? "[" : "",
		STR_ARG(rec.host), is_v6 ? "]" : "", (unsigned)rec.port);
	p->url = xasprintf("%.*s://%.*s%s%s", STR_ARG(rec.kind), STR_ARG(user),
	    user.len ? "@" : "", p->shown + rec.kind.len + 3);
	p->user = user;
	p->password = password;
	return OK;
}

/* --- which way ------------------------------------------------------------- */

void
outlet_fini(struct outlet *o)
{
	free(o->proxy);
	free(o->no_way);
	*o = (struct outlet){ .proxy = NULL };
}

static enum dial_family
family_of(struct str said)
{
	return str_eq(said, STR("4")) ? DIAL_4
	    : str_eq(said, STR("6"))  ? DIAL_6
				      : DIAL_ANY;
}

static void
find_named(struct outlet *o, const struct proxies *ps, struct str name,
    bool is_default)
{
	struct proxy *p = ps ? proxy_find(ps, name) : NULL;
	enum dial_family own;

	if (!p) {
		o->no_way = xasprintf("there is no proxy \"%.*s\"%s",
		    STR_ARG(str_first(name, 64)),
		    is_default ? ", which proxy_default names" : "");
		return;
	}
	own = family_of(p->rec.family);
	o->via = p;
	o->proxy = xstrdup(p->url);
	o->password = p->password;
	if (own != DIAL_ANY)
		o->family = own;
}

static bool
is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool
outlet_find(struct outlet *io, const struct proxies *ps, struct str proxy,
    struct str family, struct str own)
{
	struct outlet now = { .family = family_of(family) };
	bool is_other;

	if (str_find(proxy, STR("://")) >= 0) {
		now.proxy = xmemdup(proxy.at, proxy.len);
		now.password = own;
	} else if (proxy.len && !str_eq(proxy, STR(PROXY_DIRECT))) {
		find_named(&now, ps, proxy, false);
	} else if (!proxy.len && ps && ps->standard) {
		find_named(&now, ps, str_of(ps->standard), true);
	}
	/* A new password has a new place, too. */
	is_other = !is_same(io->proxy, now.proxy) ||
	    !is_same(io->no_way, now.no_way) || io->family != now.family ||
	    io->password.at != now.password.at;
	outlet_fini(io);
	*io = now;
	return is_other;
}

void
outlet_lead(const struct outlet *o, struct dial_to *to)
{
	to->proxy = o->proxy;
	to->proxy_password = o->password;
	to->family = o->family;
	to->no_way = o->no_way;
}

struct str
outlet_name(const struct outlet *o)
{
	if (o->no_way)
		return STR("");
	if (o->via)
		return o->via->rec.name;
	return o->proxy ? str_of(o->proxy) : STR(PROXY_DIRECT);
}

enum err
proxies_check_said(const struct proxies *ps, struct str proxy,
    struct why *out_why)
{
	if (!proxy.len || str_find(proxy, STR("://")) >= 0 ||
	    str_eq(proxy, STR(PROXY_DIRECT)) || proxy_find(ps, proxy))
		return OK;
	return why_set(out_why, ERR_UNKNOWN, "proxy",
	    "there is no proxy \"%.*s\"; `relayctl proxy add NAME URL` makes "
	    "one",
	    STR_ARG(str_first(proxy, 64)));
}
