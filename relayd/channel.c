/* SPDX-License-Identifier: MIT */
/* channel.c - the ways to tell people, in memory. */
#include "relayd/channel.h"

#include <stdlib.h>

#include "proto/mem.h"
#include "proto/url.h"

#include "relayd/egress.h"
#include "relayd/proxy.h"

/* A key shorter than that signs nothing. */
#define SIGN_MIN 8

const char *
channel_secret_name(enum channel_secret s)
{
	static const char *const names[] = {
		[CHANNEL_SECRET] = "secret",
		[CHANNEL_SIGN] = "sign",
		[CHANNEL_PROXY_PASSWORD] = "proxy_password",
	};

	return names[s];
}

/* --- checking -------------------------------------------------------------- */

/* Tokens in a URL must not be sent in the clear, but to a machine that is the
 * operator's own. */
static enum err
check_http(struct str text, bool allow_private, const char *field,
    struct url *out, struct why *out_why)
{
	struct why denied;

	if (url_read(text, out, NULL) ||
	    (out->scheme != URL_HTTP && out->scheme != URL_HTTPS))
		return why_set(out_why, ERR_VALUE, field,
		    "must be a URL that begins with https://");
	if (out->user.at || out->password.at)
		return why_set(out_why, ERR_VALUE, field,
		    "must not have a user or a password in it");
	if (out->scheme == URL_HTTP && !allow_private)
		return why_set(out_why, ERR_VALUE, field,
		    "must begin with https://; http:// is for private "
		    "addresses, with --allow-private");
	if (egress_check_host(out->host, true, &denied))
		return why_set(out_why, ERR_VALUE, field, "%s", denied.text);
	return OK;
}

static enum err
take_origin(struct channel_rec *r, struct str secret, struct buf *io_text,
    struct why *out_why)
{
	size_t before = buf_len(io_text);
	struct url u;
	enum err e;

	e = check_http(secret, r->allow_private, "secret", &u, out_why);
	if (e)
		return e;
	e = buf_addf(io_text, "%s://", url_scheme_name(u.scheme));
	if (!e)
		e = url_put_authority(io_text, &u);
	if (e)
		return why_set(out_why, e, "secret", "the URL is too long");
	r->origin = str_skip(buf_str(io_text), before);
	return OK;
}

static enum err
check_secrets(struct channel_rec *r, const struct messenger *m,
    const struct channel_secrets *s, bool fresh, struct buf *io_text,
    struct why *out_why)
{
	const struct field *f = messenger_field_find(m, STR("secret"));
	struct str secret = s->at[CHANNEL_SECRET], sign = s->at[CHANNEL_SIGN];

	if (f && f->required && !secret.len && (fresh || secret.at))
		return why_set(out_why, ERR_VALUE, "secret",
		    "a channel of this kind needs a secret, %s: type it when "
		    "asked, or pipe it with --secret -",
		    f->help);
	if (sign.len && !messenger_field_find(m, STR("sign")))
		return why_set(out_why, ERR_VALUE, "sign",
		    "a channel of this kind signs nothing");
	if (sign.len && sign.len < SIGN_MIN)
		return why_set(out_why, ERR_VALUE, "sign",
		    "must have at least %d characters", SIGN_MIN);
	if (m->is_url_secret && secret.len)
		return take_origin(r, secret, io_text, out_why);
	/* It was given when http:// was allowed. */
	if (m->is_url_secret && !r->allow_private &&
	    str_starts(r->origin, STR("http://")))
		return why_set(out_why, ERR_VALUE, "allow-private",
		    "its URL is http://, which is for private addresses");
	return OK;
}

/* A glob that is about nothing is a slip of the pen. */
static enum err
check_events(struct str globs, struct why *out_why)
{
	struct str glob;

	while (str_list_next(&globs, &glob)) {
		bool any = false;

		for (int i = 0; i < NOTICE_EVENTS; i++)
			any |= str_glob(str_of(notice_row((enum notice_event)i)
						   ->name),
			    glob);
		if (!any)
			return why_set(out_why, ERR_VALUE, "events",
			    "\"%.*s\" is no event; relayd-notices(7) lists "
			    "them",
			    STR_ARG(str_first(glob, 40)));
	}
	return OK;
}

static enum err
check_required(const struct channel_rec *r, const struct messenger *m,
    struct why *out_why)
{
	const struct field *f;

	for (unsigned i = 0; (f = messenger_field_at(m, i)); i++) {
		bool said = !strcmp(f->name, "to") ? r->to.len > 0
		    : !strcmp(f->name, "from")	   ? r->from.len > 0
		    : !strcmp(f->name, "url")	   ? r->url.len > 0
						   : true;

		if (f->required && f->type != FIELD_SECRET && !said)
			return why_set(out_why, ERR_VALUE, f->name,
			    "is needed for the kind %s: %s", m->name, f->help);
	}
	return OK;
}

static enum err
check_texts(const struct channel_rec *r, struct why *out_why)
{
	for (size_t i = 0; i < channel_kind.count; i++) {
		const struct rec_field *f = &channel_kind.fields[i];
		const char *at = (const char *)r + f->offset;

		if (f->type == REC_T_TEXT &&
		    !field_is_text(*(const struct str *)(const void *)at))
			return why_set(out_why, ERR_VALUE, f->name,
			    "control characters are not allowed in text");
	}
	return OK;
}

enum err
channel_check(struct channel_rec *r, const struct channel_secrets *s,
    bool fresh, struct buf *io_text, struct why *out_why)
{
	const struct messenger *m = messenger_find(r->kind);
	struct quiet quiet;
	struct url u;
	enum err e;

	if (!field_is_name(r->name))
		return why_set(out_why, ERR_VALUE, "name",
		    "must be 1 to 64 letters, digits, '-', '_' or '.', and "
		    "begin with a letter or digit");
	if (!m)
		return why_set(out_why, ERR_UNKNOWN, "kind",
		    "no such kind; `relayctl notify kinds` lists them");
	e = check_texts(r, out_why);
	if (!e)
		e = check_required(r, m, out_why);
	if (!e)
		e = check_events(r->events, out_why);
	if (!e)
		e = quiet_read(r->quiet, &quiet, out_why);
	if (!e && r->url.len && !m->is_mail)
		e = check_http(r->url, r->allow_private, "url", &u, out_why);
	if (!e && r->proxy.len && !field_is_name(r->proxy) &&
	    (url_read(r->proxy, &u, NULL) || u.password.at))
		e = why_set(out_why, ERR_VALUE, "proxy",
		    "must be the name of a proxy, or a URL without password, "
		    "for example socks5h://user@10.0.0.1:1080");
	if (!e && m->check)
		e = m->check(r, out_why);
	return e ? e : check_secrets(r, m, s, fresh, io_text, out_why);
}

enum err
channel_field_set(struct channel_rec *r, const struct messenger *m,
    struct str name, struct str value, struct buf *io_text, struct why *out_why)
{
	const struct field *f = messenger_field_find(m, name);
	enum err e = field_set(&channel_kind, r, f, m->name, name, value,
	    io_text, out_why);

	if (f)
		return e;
	for (unsigned i = 0; (f = messenger_field_at(m, i)); i++)
		field_offer(f, out_why);
	return e;
}

/* --- this moment ----------------------------------------------------------- */

const char *
channel_state(const struct channel *c, int64_t wall_ms, int64_t *out_until_ms)
{
	*out_until_ms = 0;
	if (c->rec.held)
		return "held";
	if (c->rest_until_ms > wall_ms) {
		*out_until_ms = c->rest_until_ms;
		return "resting";
	}
	if (quiet_at(&c->quiet, wall_ms, out_until_ms))
		return "quiet";
	return "ready";
}

static enum notice_severity
least(const struct channel *c)
{
	for (int s = NOTICE_INFO; s <= NOTICE_CRITICAL; s++)
		if (str_eq(c->rec.severity,
			str_of(notice_severity_name((enum notice_severity)s))))
			return (enum notice_severity)s;
	return NOTICE_INFO;
}

bool
channel_wants(const struct channel *c, enum notice_event event)
{
	const struct notice_row *row = notice_row(event);
	struct str rest = c->rec.events, glob;

	if (row->severity < least(c))
		return false;
	if (!rest.len)
		return true;
	while (str_list_next(&rest, &glob))
		if (str_glob(str_of(row->name), glob))
			return true;
	return false;
}

/* --- the list -------------------------------------------------------------- */

void
channels_init(struct channels *cs, struct store *s)
{
	*cs = (struct channels){ .store = s };
	TAILQ_INIT(&cs->list);
}

static void
channel_clear(struct channel *c)
{
	free(c->blob);
	free(c->url);
}

static void
channel_free(struct channel *c)
{
	channel_clear(c);
	free(c);
}

void
channels_remove(struct channels *cs, struct channel *c)
{
	TAILQ_REMOVE(&cs->list, c, link);
	cs->count--;
	channel_free(c);
}

void
channels_fini(struct channels *cs)
{
	struct channel *c;

	while ((c = TAILQ_FIRST(&cs->list))) {
		TAILQ_REMOVE(&cs->list, c, link);
		channel_free(c);
	}
	cs->count = 0;
}

struct channel *
channel_find(const struct channels *cs, struct str name)
{
	struct channel *c;

	TAILQ_FOREACH (c, &cs->list, link)
		if (str_eq(c->rec.name, name))
			return c;
	return NULL;
}

void
channels_set_proxies(struct channels *cs, const struct proxies *ps)
{
	struct channel *c;

	cs->proxies = ps;
	TAILQ_FOREACH (c, &cs->list, link)
		c->proxies = ps;
}

void
channel_find_way(const struct channel *c, struct outlet *io)
{
	outlet_find(io, c->proxies,
	    c->rec.proxy.len ? c->rec.proxy : STR(PROXY_DIRECT), STR(""),
	    c->secrets[CHANNEL_PROXY_PASSWORD]);
}

void
channels_insert(struct channels *cs, struct channel *c)
{
	struct channel *next;

	c->proxies = cs->proxies;
	TAILQ_FOREACH (next, &cs->list, link)
		if (str_cmp(next->rec.name, c->rec.name) > 0)
			break;
	if (next)
		TAILQ_INSERT_BEFORE(next, c, link);
	else
		TAILQ_INSERT_TAIL(&cs->list, c, link);
	cs->count++;
}

/* Take the record's blob and the opened secrets; what is derived from them is
 * made anew, this moment's facts stay. */
enum err
channel_adopt(struct channel *c, char *take_blob, size_t len,
    const struct str secrets[CHANNEL_SECRETS])
{
	const struct messenger *m;
	struct channel_rec rec;
	struct quiet quiet = { 0, 0 };
	struct str url;
	enum err e;

	e = channel_rec_read(str_at(take_blob, len), &rec);
	m = e ? NULL : messenger_find(rec.kind);
	if (!e && !m)
		e = ERR_UNSUPPORTED;
	if (!e)
		e = quiet_read(rec.quiet, &quiet, NULL);
	if (e) {
		free(take_blob);
		return e;
	}
	channel_clear(c);
	c->blob = take_blob;
	c->rec = rec;
	c->messenger = m;
	c->quiet = quiet;
	url = rec.url.len ? rec.url : str_of(m->url ? m->url : "");
	while (url.len && url.at[url.len - 1] == '/')
		url.len--;
	c->url = xmemdup(url.at, url.len);
	for (int i = 0; i < CHANNEL_SECRETS; i++)
		c->secrets[i] = secrets[i];
	return OK;
}
