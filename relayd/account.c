/* SPDX-License-Identifier: MIT */
/* account.c - the pool of upstream accounts in memory.
 *
 * A record is an owned blob and a view of it; changing an account replaces
 * both.  Secrets are opened by the store's writer into its arena; here are
 * only the places where they lie. */
#include "relayd/account.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"
#include "proto/url.h"

#include "relayd/budget.h"
#include "relayd/group.h"
#include "relayd/headrule.h"
#include "relayd/loop.h"
#include "relayd/modelrule.h"
#include "relayd/plan.h"
#include "relayd/price.h"

#define ORIGIN_MAX 4096
/* Of names that a refusal tells. */
#define NAMES_MAX 120
/* Three words of an overload in that time, and for so long it is used after
 * all others. */
#define CROWD_MS   60000
#define CROWDED_MS 30000

/* What every kind has. */
static const struct field common_fields[] = {
	{ .name = "url",
	    .type = FIELD_URL,
	    .help = "where to: https://host[:port][/base]" },
	{ .name = "models",
	    .type = FIELD_LIST,
	    .help = "models it serves, comma-separated: names with * and ?, "
		    "alias=name there, !never; empty: all" },
	{ .name = "priority",
	    .type = FIELD_COUNT,
	    .min = 1,
	    .max = 100,
	    .help = "1 to 100, lower is used first (50)" },
	{ .name = "weight",
	    .type = FIELD_COUNT,
	    .min = 1,
	    .max = WEIGHT_MAX,
	    .help = "turns for one of another account, where the strategy is "
		    "weighted (1)" },
	{ .name = "share",
	    .type = FIELD_CHOICE,
	    .choices = "pool|group|bound",
	    .help = "for whom: everybody, keys bound to one of its groups, or "
		    "keys that name it" },
	{ .name = "max-concurrency",
	    .type = FIELD_COUNT,
	    .min = 0,
	    .max = 100000,
	    .help = "requests at once; 0: any number" },
	{ .name = "proxy",
	    .type = FIELD_TEXT,
	    .help = "way out: a proxy's name, socks5h://[user@]host:port, or "
		    "direct; empty: proxy_default" },
	{ .name = "proxy-password",
	    .type = FIELD_SECRET,
	    .help = "password of the proxy" },
	{ .name = "family",
	    .type = FIELD_CHOICE,
	    .choices = "any|4|6",
	    .help = "addresses that may be connected to, IPv4 or IPv6" },
	{ .name = "allow-private",
	    .type = FIELD_FLAG,
	    .help = "may connect to private and loopback addresses" },
	{ .name = "user-agent",
	    .type = FIELD_TEXT,
	    .help = "User-Agent to send; empty: the client's" },
	{ .name = "headers",
	    .type = FIELD_TEXT,
	    .help = "header fields to add and remove: \"Name: value | "
		    "-Name\"" },
	{ .name = "rate",
	    .type = FIELD_TEXT,
	    .help = "factor of rated costs, for example 0.8; empty: 1" },
	{ .name = "stop-at",
	    .type = FIELD_TEXT,
	    .help = "stop new sessions at \"warning\", or at 85% of a limit; "
		    "empty: never" },
	{ .name = "cooldown",
	    .type = FIELD_TEXT,
	    .help = "how long it rests after failures: \"errors=10s, "
		    "rate=0\"; empty: as relayd-accounts(7) says" },
	{ .name = "protect",
	    .type = FIELD_CHOICE,
	    .choices = "on|off",
	    .help = "off: failures never let it rest" },
	{ .name = "serial",
	    .type = FIELD_FLAG,
	    .help = "serves one turn of a person at a time" },
	{ .name = "note", .type = FIELD_TEXT, .help = "anything" },
	{ .name = NULL },
};

const struct field *
account_field_at(const struct provider *p, unsigned i)
{
	unsigned own = 0;

	while (p->fields[own].name)
		own++;
	if (i < own)
		return &p->fields[i];
	i -= own;
	if (i < sizeof(common_fields) / sizeof(common_fields[0]) - 1)
		return &common_fields[i];
	return NULL;
}

const struct field *
account_field_find(const struct provider *p, struct str name)
{
	const struct field *f;

	for (unsigned i = 0; (f = account_field_at(p, i)); i++)
		if (field_same_name(str_of(f->name), name))
			return f;
	return NULL;
}

/* --- checking --------------------------------------------------------------- */

static enum err
check_url(struct str text, bool proxy, const char *field, struct why *out_why)
{
	struct url u;
	enum err e;

	e = url_read(text, &u, out_why);
	if (e)
		return why_set(out_why, ERR_VALUE, field,
		    "is not a URL; an example: %s",
		    proxy ? "socks5h://user@10.0.0.1:1080"
			  : "https://api.example.com");
	if (u.password.len)
		return why_set(out_why, ERR_VALUE, field,
		    "must not hold a password; give %s instead",
		    proxy ? "--proxy-password-file FILE" : "the credential");
	if (proxy)
		return OK;
	if (u.scheme != URL_HTTP && u.scheme != URL_HTTPS)
		return why_set(out_why, ERR_VALUE, field,
		    "must be http:// or https://");
	if (u.query.at)
		return why_set(out_why, ERR_VALUE, field,
		    "must not have a query (?...)");
	return OK;
}

/* A name, "direct", or a URL. */
static enum err
check_proxy(struct str said, struct why *out_why)
{
	if (str_find(said, STR("://")) >= 0)
		return check_url(said, true, "proxy", out_why);
	if (!said.len || field_is_name(said))
		return OK;
	return why_set(out_why, ERR_VALUE, "proxy",
	    "must be the name of a proxy, \"" PROXY_DIRECT "\", or a URL like "
	    "socks5h://user@10.0.0.1:1080");
}

void
account_rec_init(struct account_rec *r)
{
	*r = (struct account_rec){ .priority = 50, .usage_inject = true };
}

enum err
account_check(const struct account_rec *r, struct why *out_why)
{
	const struct provider *p = provider_find(r->kind);
	struct cooldowns cooldowns;
	struct window_stop stop;
	int64_t rate;
	enum err e;

	if (!field_is_name(r->name))
		return why_set(out_why, ERR_VALUE, "name",
		    "must be 1 to 64 letters, digits, '-', '_' or '.', and "
		    "begin with a letter or digit");
	if (!p)
		return provider_refuse(r->kind, out_why);
	if (p->check) {
		e = p->check(r, out_why);
		if (e)
			return e;
	}
	if (!r->url.len && !p->url && !p->origin)
		return why_set(out_why, ERR_VALUE, "url",
		    "is needed for the kind %s", p->name);
	if (r->url.len) {
		e = check_url(r->url, false, "url", out_why);
		if (e)
			return e;
	}
	if (r->auth_url.len) {
		e = check_url(r->auth_url, false, "auth-url", out_why);
		if (e)
			return e;
	}
	e = check_proxy(r->proxy, out_why);
	if (e)
		return e;
	if (r->priority < 1 || r->priority > 100)
		return why_set(out_why, ERR_VALUE, "priority",
		    "must be 1 to 100");
	if (r->headers.len && p->head)
		return why_set(out_why, ERR_VALUE, "headers",
		    "cannot be changed for the kind %s, which writes them "
		    "itself",
		    p->name);
	e = headrule_check(r->headers, out_why);
	if (e)
		return e;
	e = modelrule_check(r->models, out_why);
	if (e)
		return e;
	if (window_stop_read(r->stop_at, &stop))
		return why_set(out_why, ERR_VALUE, "stop-at",
		    "must be \"warning\", or 1%% to 100%% of a limit, for "
		    "example 85%%");
	e = cooldowns_read(r->cooldown, &cooldowns, out_why);
	if (e)
		return e;
	if (price_rate_read(r->rate, &rate))
		return why_set(out_why, ERR_VALUE, "rate",
		    "must be a factor above 0 and at most 1000, for example "
		    "0.8");
	if (!field_is_text(r->note) || !field_is_text(r->models) ||
	    !field_is_text(r->user_agent) || !field_is_text(r->preamble))
		return why_set(out_why, ERR_VALUE, "",
		    "control characters are not allowed in text");
	return OK;
}

enum err
account_field_set(struct account_rec *r, const struct provider *p,
    struct str name, struct str value, struct buf *io_text, struct why *out_why)
{
	const struct field *f = account_field_find(p, name);
	enum err e = field_set(&account_kind, r, f, p->name, name, value,
	    io_text, out_why);

	if (f)
		return e;
	for (unsigned i = 0; (f = account_field_at(p, i)); i++)
		field_offer(f, out_why);
	return e;
}

bool
account_is_signed_out(const struct account_rec *r)
{
	return r->held && str_eq(r->held_by, STR("relayd")) &&
	    str_starts(r->held_reason, STR("auth"));
}

enum err
account_check_allowed(const struct account *a, struct why *out_why)
{
	if (!a->is_forbidden)
		return OK;
	return why_set(out_why, ERR_DENIED, "name",
	    "%.*s is a subscription, and they are not allowed here: "
	    "oauth_accounts in relayd.conf; see relayd-accounts(7)",
	    STR_ARG(a->rec.name));
}

/* --- this moment ---------------------------------------------------------------- */

const char *
account_state(const struct account *a, int64_t now_ms, int64_t *out_until_ms)
{
	enum gate which;

	*out_until_ms = 0;
	if (a->is_forbidden)
		return "forbidden";
	if (a->rec.held)
		return "held";
	if (a->is_expired)
		return "expired";
	if (a->outlet.no_way)
		return "no-proxy";
	*out_until_ms = gate_until(&a->gates, now_ms, &which);
	return *out_until_ms ? gate_name(which) : "ready";
}

int64_t
account_shut_until(const struct account *a, struct str model,
    const struct http1_head *head, int64_t now_ms, enum gate *out_which)
{
	enum gate part = GATE_RATE;
	int64_t until = gate_until(&a->gates, now_ms, out_which);
	int64_t parts = gate_part_until(&a->parts, model, head, now_ms, &part);

	if (parts <= until)
		return until;
	*out_which = part;
	return parts;
}

void
account_open(struct account *a)
{
	gate_open_all(&a->gates);
	a->parts.count = 0;
	a->soft_until_ms = 0;
	memset(a->crowded_ms, 0, sizeof(a->crowded_ms));
}

bool
account_has_model(const struct account *a, struct str model)
{
	struct str rules = a->rec.models;

	/* The operator's word is worth more than what plans are known for. */
	return modelrule_allows(rules, model) &&
	    (plan_allows(a->provider, a->rec.plan, model) ||
		modelrule_names(rules, model));
}

enum account_share
account_share(const struct account *a)
{
	struct str s = a->rec.share;

	if (!s.len || s.at[0] == 'p')
		return SHARE_POOL;
	return s.at[0] == 'g' ? SHARE_GROUP : SHARE_BOUND;
}

uint64_t
account_weight(const struct account *a)
{
	return a->rec.weight ? a->rec.weight : 1;
}

struct str
account_secret(const struct account *a, int64_t now_ms)
{
	const struct account_key *k = account_keys_next(&a->keys, now_ms);

	return k ? k->text : a->credential;
}

bool
account_serves_client(const struct account *a, const struct http1_head *head)
{
	return !a->provider->is_native || str_eq(a->rec.clients, STR("any")) ||
	    a->provider->is_native(head);
}

/* --- the pool --------------------------------------------------------------------- */

void
pool_init(struct pool *p, struct loop *l, struct store *s)
{
	*p = (struct pool){ .loop = l, .store = s };
	TAILQ_INIT(&p->accounts);
}

static void
account_clear(struct account *a)
{
	free(a->blob);
	free(a->host);
	free(a->host_field);
	free(a->base);
}

void
account_free(void *it)
{
	struct account *a = it;

	account_clear(a);
	outlet_fini(&a->outlet);
	account_keys_fini(&a->keys);
	budget_set_free(a->budgets);
	free(a);
}

void
pool_fini(struct pool *p)
{
	struct account *a;

	while ((a = TAILQ_FIRST(&p->accounts))) {
		TAILQ_REMOVE(&p->accounts, a, link);
		account_free(a);
	}
}

/* One in five of each new value. */
static int64_t
smooth(int64_t average, int64_t value)
{
	return average ? average + (value - average) / 5 : value;
}

void
account_note_hold(struct account *a, int64_t took_ms)
{
	a->hold_ms = smooth(a->hold_ms, took_ms);
}

void
account_note_ttft(struct account *a, int64_t took_ms)
{
	a->ttft_ms = smooth(a->ttft_ms, took_ms);
	if (a->ttft_count < UINT32_MAX)
		a->ttft_count++;
}

void
account_note_crowd(struct account *a, int64_t now_ms, uint32_t random)
{
	int64_t tenth = CROWDED_MS / 10;

	if (a->crowded_ms[0] && now_ms - a->crowded_ms[0] < CROWD_MS)
		a->soft_until_ms = now_ms + CROWDED_MS - tenth +
		    (int64_t)(2 * (uint64_t)tenth * random / UINT32_MAX);
	a->crowded_ms[0] = a->crowded_ms[1];
	a->crowded_ms[1] = now_ms;
}

/* Whoever has released it meanwhile does not want to know. */
static void
note_drained(struct pool *p, struct account *a)
{
	if (!a->draining || a->in_flight)
		return;
	a->draining = false;
	if (a->rec.held && !a->deleted && p->on_drained)
		p->on_drained(p->on_drained_arg, a);
}

void
pool_drain(struct pool *p, struct account *a)
{
	a->draining = true;
	note_drained(p, a);
}

void
pool_note_room(struct pool *p, struct account *a)
{
	if (p->on_room)
		p->on_room(p->on_room_arg, a);
}

void
pool_release(struct pool *p, struct account *a)
{
	assert(a->in_flight > 0);
	a->in_flight--;
	note_drained(p, a);
	if (!a->deleted)
		pool_note_room(p, a);
	else if (!a->in_flight)
		loop_bury(p->loop, account_free, a);
}

void
pool_allow_oauth(struct pool *p, bool allowed)
{
	struct account *a;

	p->forbids_oauth = !allowed;
	TAILQ_FOREACH (a, &p->accounts, link)
		a->is_forbidden = !allowed && a->provider->oauth;
}

struct account *
pool_find(const struct pool *p, struct str name)
{
	struct account *a;

	TAILQ_FOREACH (a, &p->accounts, link)
		if (str_eq(a->rec.name, name))
			return a;
	return NULL;
}

/* How many bytes two names share at their beginning. */
static size_t
common(struct str a, struct str b)
{
	size_t n = 0;

	while (n < a.len && n < b.len && a.at[n] == b.at[n])
		n++;
	return n;
}

enum err
pool_check_named(const struct pool *p, struct str name, const char *field,
    struct why *out_why)
{
	const struct account *a, *nearest = NULL;
	struct buf names;
	enum err e;

	if (pool_find(p, name))
		return OK;
	buf_init(&names, NAMES_MAX);
	TAILQ_FOREACH (a, &p->accounts, link)
		if (!nearest ||
		    common(a->rec.name, name) > common(nearest->rec.name, name))
			nearest = a;
	if (nearest)
		e = buf_add(&names, nearest->rec.name);
	else
		e = buf_add(&names, STR("none yet"));
	TAILQ_FOREACH (a, &p->accounts, link)
		if (!e && a != nearest)
			e = buf_addf(&names, ", %.*s", STR_ARG(a->rec.name));
	e = why_set(out_why, ERR_UNKNOWN, field,
	    "there is no account \"%.*s\"; there %s %.*s%s",
	    STR_ARG(str_first(name, 64)), nearest ? "are" : "is",
	    STR_ARG(buf_str(&names)), e ? ", ..." : "");
	buf_fini(&names);
	return e;
}

void
pool_insert(struct pool *p, struct account *a)
{
	struct account *next;

	TAILQ_FOREACH (next, &p->accounts, link)
		if (str_cmp(next->rec.name, a->rec.name) > 0)
			break;
	if (next)
		TAILQ_INSERT_BEFORE(next, a, link);
	else
		TAILQ_INSERT_TAIL(&p->accounts, a, link);
	p->count++;
}

static bool
find_way(const struct pool *p, struct account *a)
{
	if (!outlet_find(&a->outlet, p->proxies, a->rec.proxy, a->rec.family,
		a->proxy_password))
		return false;
	/* What could not be reached the old way was not tried this way. */
	gate_open(&a->gates, GATE_UNREACHABLE);
	return true;
}

void
pool_moved(const struct pool *p, const struct account *a)
{
	if (p->on_moved)
		p->on_moved(p->on_moved_arg, a);
}

void
pool_find_ways(struct pool *p)
{
	struct account *a;

	TAILQ_FOREACH (a, &p->accounts, link) {
		if (!find_way(p, a))
			continue;
		a->generation = ++p->generation;
		pool_moved(p, a);
	}
	pool_note_room(p, NULL);
}

/* Where the account's requests go. */
static enum err
origin_of(const struct account_rec *r, const struct provider *p,
    struct buf *out)
{
	if (!r->url.len && p->origin)
		return p->origin(r, out, NULL);
	return buf_add(out, r->url.len ? r->url : str_of(p->url));
}

/* Take the record's blob and the opened secrets; everything derived from the
 * record is made anew, this moment's facts stay. */
enum err
account_adopt(struct pool *p, struct account *a, char *take_blob, size_t len,
    struct str credential, struct str proxy_password)
{
	const struct provider *kind;
	struct account_rec rec;
	struct buf origin;
	struct why why;
	struct url u;
	enum err e;
	bool odd;

	buf_init(&origin, ORIGIN_MAX);
	e = account_rec_read(str_at(take_blob, len), &rec);
	kind = e ? NULL : provider_find(rec.kind);
	if (!e && !kind)
		e = ERR_UNSUPPORTED;
	if (!e)
		e = origin_of(&rec, kind, &origin);
	if (!e)
		e = url_read(buf_str(&origin), &u, &why);
	if (e) {
		buf_fini(&origin);
		free(take_blob);
		return e;
	}
	account_clear(a);
	a->blob = take_blob;
	a->rec = rec;
	a->provider = kind;
	a->tls = u.scheme == URL_HTTPS;
	a->host = xmemdup(u.host.at, u.host.len);
	a->port = u.port;
	odd = u.port != (a->tls ? 443 : 80);
	a->host_field = strchr(a->host, ':')
	    ? xasprintf(odd ? "[%s]:%u" : "[%s]", a->host, u.port)
	    : xasprintf(odd ? "%s:%u" : "%s", a->host, u.port);
	while (u.path.len && u.path.at[u.path.len - 1] == '/')
		u.path.len--;
	a->base = xmemdup(u.path.at, u.path.len);
	buf_fini(&origin);
	/* Who has signed in has a token instead. */
	account_keys_set(&a->keys,
	    kind->many_keys && !rec.refresh_token.len ? credential : STR(""));
	a->credential = credential;
	a->proxy_password = proxy_password;
	/* What account_check() would refuse counts as not said. */
	if (window_stop_read(rec.stop_at, &a->stop))
		a->stop = (struct window_stop){ .at_ppm = 0 };
	if (cooldowns_read(rec.cooldown, &a->cooldowns, NULL))
		memset(&a->cooldowns, 0xff, sizeof(a->cooldowns));
	a->unprotected = str_eq(rec.protect, STR("off"));
	p->has_serial = p->has_serial || rec.serial;
	windows_turn(&a->windows, &a->stop, clock_wall_ms(),
	    p->loop ? loop_ms(p->loop) : 0, 0);
	find_way(p, a);
	a->is_forbidden = p->forbids_oauth && kind->oauth;
	a->is_expired = rec.ends_at && (int64_t)rec.ends_at <= clock_wall_ms();
	a->generation = ++p->generation;
	if (p->on_changed)
		p->on_changed(p->on_changed_arg);
	return OK;
}
