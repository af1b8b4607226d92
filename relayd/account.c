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

#include "store/arena.h"
#include "store/seal.h"
#include "store/store.h"

#include "relayd/loop.h"

/* The most a record may take. */
#define RECORD_MAX (16 * 1024)

/* What every kind has. */
static const struct field common_fields[] = {
	{ .name = "url",
	    .type = FIELD_URL,
	    .help = "where to: https://host[:port][/base]" },
	{ .name = "models",
	    .type = FIELD_LIST,
	    .help = "models it serves, comma-separated, * and ? allowed; "
		    "empty: all" },
	{ .name = "priority",
	    .type = FIELD_COUNT,
	    .min = 1,
	    .max = 100,
	    .help = "1 to 100, lower is used first (50)" },
	{ .name = "proxy",
	    .type = FIELD_URL,
	    .help = "way out: socks5h://[user@]host:port or http://..." },
	{ .name = "proxy-password",
	    .type = FIELD_SECRET,
	    .help = "password of the proxy" },
	{ .name = "allow-private",
	    .type = FIELD_FLAG,
	    .help = "may connect to private and loopback addresses" },
	{ .name = "user-agent",
	    .type = FIELD_TEXT,
	    .help = "User-Agent to send; empty: the client's" },
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

/* Outside names have '-' where members have '_'. */
static bool
same_name(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		char x = a.at[i] == '_' ? '-' : a.at[i];
		char y = b.at[i] == '_' ? '-' : b.at[i];

		if (x != y)
			return false;
	}
	return true;
}

const struct field *
account_field_find(const struct provider *p, struct str name)
{
	const struct field *f;

	for (unsigned i = 0; (f = account_field_at(p, i)); i++)
		if (same_name(str_of(f->name), name))
			return f;
	return NULL;
}

/* --- checking --------------------------------------------------------------- */

static bool
is_name(struct str s)
{
	if (s.len == 0 || s.len > 64)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9');

		if (!word && !(i > 0 && (c == '-' || c == '_' || c == '.')))
			return false;
	}
	return true;
}

static bool
is_text(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
			return false;
	return true;
}

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

void
account_rec_init(struct account_rec *r)
{
	*r = (struct account_rec){ .priority = 50, .usage_inject = true };
}

enum err
account_check(const struct account_rec *r, struct why *out_why)
{
	const struct provider *p = provider_find(r->kind);
	enum err e;

	if (!is_name(r->name))
		return why_set(out_why, ERR_VALUE, "name",
		    "must be 1 to 64 letters, digits, '-', '_' or '.', and "
		    "begin with a letter or digit");
	if (!p)
		return why_set(out_why, ERR_UNKNOWN, "kind",
		    "no such kind; `relayctl account kinds` lists them");
	if (!r->url.len && !p->url)
		return why_set(out_why, ERR_VALUE, "url",
		    "is needed for the kind %s", p->name);
	if (r->url.len) {
		e = check_url(r->url, false, "url", out_why);
		if (e)
			return e;
	}
	if (r->proxy.len) {
		e = check_url(r->proxy, true, "proxy", out_why);
		if (e)
			return e;
	}
	if (r->priority < 1 || r->priority > 100)
		return why_set(out_why, ERR_VALUE, "priority",
		    "must be 1 to 100");
	if (!is_text(r->note) || !is_text(r->models) || !is_text(r->user_agent))
		return why_set(out_why, ERR_VALUE, "",
		    "control characters are not allowed in text");
	return OK;
}

/* --- setting a field from text ------------------------------------------------ */

static enum err
flag_of(struct str value, bool *out)
{
	if (str_ieq(value, STR("yes")) || str_ieq(value, STR("true")) ||
	    str_ieq(value, STR("on")) || str_eq(value, STR("1")))
		*out = true;
	else if (str_ieq(value, STR("no")) || str_ieq(value, STR("false")) ||
	    str_ieq(value, STR("off")) || str_eq(value, STR("0")))
		*out = false;
	else
		return ERR_VALUE;
	return OK;
}

static bool
is_choice(struct str value, const char *choices)
{
	struct str rest = str_of(choices);

	while (rest.at)
		if (str_eq(str_cut(&rest, '|'), value))
			return true;
	return false;
}

static const struct rec_field *
member_of(struct str name)
{
	for (size_t i = 0; i < account_kind.count; i++)
		if (same_name(str_of(account_kind.fields[i].name), name))
			return &account_kind.fields[i];
	return NULL;
}

static enum err
keep(struct buf *text, struct str value, struct str *out, struct why *out_why)
{
	/* The buffer must not move: what was kept before points into it. */
	if (!text->mem || text->size - text->end < value.len + 1)
		return why_set(out_why, ERR_LIMIT, "", "too much text");
	*out = str_at(text->mem + text->end, value.len);
	return buf_add(text, value);
}

enum err
account_field_set(struct account_rec *r, const struct provider *p,
    struct str name, struct str value, struct buf *io_text, struct why *out_why)
{
	const struct field *f = account_field_find(p, name);
	const struct rec_field *m = f ? member_of(str_of(f->name)) : NULL;
	char *member;
	uint64_t n;

	if (!f || !m || f->type == FIELD_SECRET)
		return why_set(out_why, ERR_UNKNOWN, "",
		    "%s has no field \"%.*s\" that can be set so", p->name,
		    STR_ARG(str_first(name, 40)));
	member = (char *)r + m->offset;
	switch (f->type) {
	case FIELD_FLAG:
		if (flag_of(value, (bool *)(void *)member))
			return why_set(out_why, ERR_VALUE, f->name,
			    "must be yes or no");
		return OK;
	case FIELD_COUNT:
		if (str_u64(value, &n) || n < f->min || n > f->max)
			return why_set(out_why, ERR_VALUE, f->name,
			    "must be a number from %llu to %llu",
			    (unsigned long long)f->min,
			    (unsigned long long)f->max);
		*(uint64_t *)(void *)member = n;
		return OK;
	case FIELD_CHOICE:
		if (value.len && !is_choice(value, f->choices))
			return why_set(out_why, ERR_VALUE, f->name,
			    "must be one of %s", f->choices);
		break;
	case FIELD_TEXT:
	case FIELD_URL:
	case FIELD_LIST:
	case FIELD_SECRET:
		break;
	}
	return keep(io_text, value, (struct str *)(void *)member, out_why);
}

/* --- this moment ---------------------------------------------------------------- */

const char *
account_state(const struct account *a, int64_t now_ms, int64_t *out_until_ms)
{
	enum gate which;

	*out_until_ms = 0;
	if (a->rec.held)
		return "held";
	*out_until_ms = gate_until(&a->gates, now_ms, &which);
	return *out_until_ms ? gate_name(which) : "ready";
}

bool
account_has_model(const struct account *a, struct str model)
{
	struct str rest = a->rec.models, glob;

	if (!rest.len || !model.len)
		return true;
	while (str_list_next(&rest, &glob))
		if (str_glob(model, glob))
			return true;
	return false;
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
	free(a->proxy);
}

static void
account_free(void *it)
{
	struct account *a = it;

	account_clear(a);
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

void
pool_release(struct pool *p, struct account *a)
{
	assert(a->in_flight > 0);
	a->in_flight--;
	if (a->deleted && !a->in_flight)
		loop_bury(p->loop, account_free, a);
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

static void
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

/* Take the record's blob and the opened secrets; everything derived from the
 * record is made anew, this moment's facts stay. */
static enum err
account_adopt(struct pool *p, struct account *a, char *take_blob, size_t len,
    struct str credential, struct str proxy_password)
{
	const struct provider *kind;
	struct account_rec rec;
	struct why why;
	struct url u;
	enum err e;
	bool odd;

	e = account_rec_read(str_at(take_blob, len), &rec);
	kind = e ? NULL : provider_find(rec.kind);
	if (!e && !kind)
		e = ERR_UNSUPPORTED;
	if (!e)
		e = url_read(rec.url.len ? rec.url : str_of(kind->url), &u,
		    &why);
	if (e) {
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
	a->proxy = rec.proxy.len ? xmemdup(rec.proxy.at, rec.proxy.len) : NULL;
	a->credential = credential;
	a->proxy_password = proxy_password;
	a->generation = ++p->generation;
	return OK;
}

/* --- jobs of the store ---------------------------------------------------------------- */

static struct seal_place
place_of(struct str name, const char *field)
{
	return (struct seal_place){
		.table = STR("account"), .record = name, .field = str_of(field)
	};
}

/* Open a sealed field into the arena; nothing sealed is an empty str. */
static enum err
open_into_arena(struct txn *t, struct str name, const char *field,
    struct str sealed, struct str *out)
{
	struct seal_place place = place_of(name, field);
	struct buf plain;
	enum err e;

	*out = (struct str){ .at = NULL, .len = 0 };
	if (!sealed.len)
		return OK;
	buf_init(&plain, RECORD_MAX);
	e = seal_open(txn_seal(t), &place, sealed, &plain);
	if (!e)
		e = arena_put(txn_arena(t), buf_str(&plain), out);
	buf_wipe(&plain);
	return e;
}

struct load {
	struct job job;
	struct pool *pool;
	struct txn *txn;
	struct why *why;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	struct account *a = xcalloc(1, sizeof(*a));
	struct str credential = STR(""), password = STR("");
	struct account_rec rec;
	enum err e;

	e = account_rec_read(value, &rec);
	if (!e)
		e = open_into_arena(l->txn, key, "credential", rec.credential,
		    &credential);
	if (!e)
		e = open_into_arena(l->txn, key, "proxy_password",
		    rec.proxy_password, &password);
	if (!e)
		e = account_adopt(l->pool, a, xmemdup(value.at, value.len),
		    value.len, credential, password);
	if (e) {
		free(a);
		l->job.result = why_set(l->why, e, "account",
		    "the account %.*s cannot be read: %s", STR_ARG(key),
		    err_text(e));
		return false;
	}
	pool_insert(l->pool, a);
	return true;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;
	enum err e;

	l->txn = t;
	l->why = out_why;
	e = txn_scan(t, TABLE_account, STR(""), false, load_one, l);
	return e ? e : l->job.result;
}

enum err
pool_load(struct pool *p, struct why *out_why)
{
	struct load l = { .job = { .work = load_work }, .pool = p };
	enum err e;

	e = store_now(p->store, LANE_WRITE, &l.job);
	if (e && out_why)
		*out_why = l.job.why;
	return e;
}

/* One save or deletion on its way to the store and back. */
struct save {
	struct job job;
	struct pool *pool;
	char *blob; /* the record asked for, then the one stored */
	size_t blob_len;
	char *name;
	char *credential, *proxy_password; /* NULL: keep */
	bool must_exist, remove;
	uint64_t if_rev;
	struct str old_secrets[2]; /* to be dropped once replaced */
	struct str new_secrets[2];
	account_saved *done;
	void *arg;
};

static void
wipe(char *secret)
{
	if (!secret)
		return;
	explicit_bzero(secret, strlen(secret));
	free(secret);
}

static void
save_free(struct save *s)
{
	free(s->blob);
	free(s->name);
	wipe(s->credential);
	wipe(s->proxy_password);
	free(s);
}

/* Seal a new secret, or keep what the old record has. */
static enum err
seal_field(struct txn *t, struct str name, const char *field, const char *plain,
    struct str old, struct buf *out, struct str *out_sealed)
{
	struct seal_place place = place_of(name, field);
	size_t before = buf_len(out);
	enum err e = OK;

	if (plain && *plain)
		e = seal_close(txn_seal(t), &place, str_of(plain), out);
	else if (!plain && old.len)
		e = buf_add(out, old);
	if (!e)
		*out_sealed = str_skip(buf_str(out), before);
	return e;
}

/* What stands in the store now, and whether that allows the save. */
static enum err
check_stored(struct save *s, struct txn *t, struct account_rec *out_old,
    struct why *out_why)
{
	struct str stored;
	enum err e;

	*out_old = (struct account_rec){ .rev = 0 };
	e = txn_get(t, TABLE_account, str_of(s->name), &stored);
	if (e == ERR_UNKNOWN && !s->must_exist)
		return OK;
	if (e == ERR_UNKNOWN)
		return why_set(out_why, e, "name", "no account %s", s->name);
	if (e)
		return e;
	if (!s->must_exist)
		return why_set(out_why, ERR_EXISTS, "name",
		    "there is an account %s already", s->name);
	e = account_rec_read(stored, out_old);
	if (!e && s->if_rev && out_old->rev != s->if_rev)
		return why_set(out_why, ERR_STALE, "if_rev",
		    "%s is at revision %llu by now", s->name,
		    (unsigned long long)out_old->rev);
	return e;
}

static enum err
store_record(struct save *s, struct txn *t, const struct account_rec *old,
    struct account_rec *r)
{
	struct buf sealed[2], out;
	enum err e;

	buf_init(&sealed[0], RECORD_MAX);
	buf_init(&sealed[1], RECORD_MAX);
	buf_init(&out, RECORD_MAX);
	e = seal_field(t, r->name, "credential", s->credential, old->credential,
	    &sealed[0], &r->credential);
	if (!e)
		e = seal_field(t, r->name, "proxy_password", s->proxy_password,
		    old->proxy_password, &sealed[1], &r->proxy_password);
	r->rev = old->rev + 1;
	r->changed_at = (uint64_t)clock_wall_ms();
	r->created_at = old->rev ? old->created_at : r->changed_at;
	if (!e)
		e = account_rec_write(r, &out);
	if (!e)
		e = txn_put(t, TABLE_account, r->name, buf_str(&out));
	if (!e)
		e = open_into_arena(t, r->name, "credential", r->credential,
		    &s->new_secrets[0]);
	if (!e)
		e = open_into_arena(t, r->name, "proxy_password",
		    r->proxy_password, &s->new_secrets[1]);
	if (!e) {
		free(s->blob);
		s->blob = buf_take(&out, &s->blob_len);
	}
	buf_fini(&sealed[0]);
	buf_fini(&sealed[1]);
	buf_fini(&out);
	return e;
}

static enum err
save_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct save *s = (struct save *)j;
	struct account_rec old, r;
	char ends[5] = "";
	char *old_blob = NULL;
	enum err e;

	e = check_stored(s, t, &old, out_why);
	if (e)
		return e;
	if (s->remove)
		return txn_del(t, TABLE_account, str_of(s->name));
	e = account_rec_read(str_at(s->blob, s->blob_len), &r);
	if (e)
		return e;
	r.credential_end = old.credential_end;
	if (s->credential) {
		size_t n = strlen(s->credential);

		/* Enough to recognise it, too little to be of use. */
		snprintf(ends, sizeof(ends), "%s",
		    n >= 16 ? s->credential + n - 4 : "");
		r.credential_end = str_of(ends);
	}
	/* Sealing and storing move the pages that `old` points into. */
	if (old.rev) {
		struct buf copy;

		buf_init(&copy, RECORD_MAX);
		e = account_rec_write(&old, &copy);
		if (!e) {
			size_t len;

			old_blob = buf_take(&copy, &len);
			e = account_rec_read(str_at(old_blob, len), &old);
		}
		buf_fini(&copy);
		if (!e && !s->credential)
			r.credential_end = old.credential_end;
	}
	if (!e)
		e = store_record(s, t, &old, &r);
	free(old_blob);
	return e;
}

static enum err
drop_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct save *s = (struct save *)j;

	(void)out_why;
	arena_drop(txn_arena(t), s->old_secrets[0]);
	arena_drop(txn_arena(t), s->old_secrets[1]);
	return OK;
}

static void
drop_done(struct job *j)
{
	save_free((struct save *)j);
}

/* The pool no longer points at these: let the writer wipe them. */
static void
drop_secrets(struct save *s, struct str a, struct str b)
{
	if (!a.len && !b.len) {
		save_free(s);
		return;
	}
	s->old_secrets[0] = a;
	s->old_secrets[1] = b;
	s->job = (struct job){ .work = drop_work, .done = drop_done };
	store_post(s->pool->store, LANE_WRITE, &s->job);
}

static void
save_done(struct job *j)
{
	struct save *s = (struct save *)j;
	struct pool *p = s->pool;
	struct account *a = pool_find(p, str_of(s->name));
	struct str old[2] = { { .at = NULL }, { .at = NULL } };
	enum err e = j->result;

	if (e) {
		s->done(s->arg, e, &j->why, NULL);
		drop_secrets(s, s->new_secrets[0], s->new_secrets[1]);
		return;
	}
	if (a) {
		old[0] = a->credential;
		old[1] = a->proxy_password;
	}
	if (s->remove) {
		assert(a);
		TAILQ_REMOVE(&p->accounts, a, link);
		p->count--;
		s->done(s->arg, OK, &j->why, NULL);
		a->deleted = true;
		if (!a->in_flight)
			loop_bury(p->loop, account_free, a);
		drop_secrets(s, old[0], old[1]);
		return;
	}
	if (!a) {
		a = xcalloc(1, sizeof(*a));
		e = account_adopt(p, a, s->blob, s->blob_len, s->new_secrets[0],
		    s->new_secrets[1]);
		if (!e)
			pool_insert(p, a);
	} else {
		e = account_adopt(p, a, s->blob, s->blob_len, s->new_secrets[0],
		    s->new_secrets[1]);
	}
	s->blob = NULL;
	/* account_check() has passed what was written. */
	assert(e == OK);
	s->done(s->arg, OK, &j->why, a);
	drop_secrets(s, old[0], old[1]);
}

static struct save *
save_new(struct pool *p, struct str name, uint64_t if_rev, account_saved *done,
    void *arg)
{
	struct save *s = xcalloc(1, sizeof(*s));

	s->job = (struct job){ .work = save_work, .done = save_done };
	s->pool = p;
	s->name = xmemdup(name.at, name.len);
	s->if_rev = if_rev;
	s->done = done;
	s->arg = arg;
	return s;
}

void
account_save(struct pool *p, const struct account_rec *r,
    const struct account_secrets *secrets, bool must_exist, uint64_t if_rev,
    account_saved *done, void *arg)
{
	struct save *s = save_new(p, r->name, if_rev, done, arg);
	struct buf blob;
	enum err e;

	s->must_exist = must_exist;
	buf_init(&blob, RECORD_MAX);
	e = account_rec_write(r, &blob);
	if (e) {
		struct why why;

		why_set(&why, e, "", "the record is too large");
		buf_fini(&blob);
		done(arg, e, &why, NULL);
		save_free(s);
		return;
	}
	s->blob = buf_take(&blob, &s->blob_len);
	if (secrets && secrets->credential.at)
		s->credential =
		    xmemdup(secrets->credential.at, secrets->credential.len);
	if (secrets && secrets->proxy_password.at)
		s->proxy_password = xmemdup(secrets->proxy_password.at,
		    secrets->proxy_password.len);
	store_post(p->store, LANE_WRITE, &s->job);
}

void
account_delete(struct pool *p, struct str name, uint64_t if_rev,
    account_saved *done, void *arg)
{
	struct save *s = save_new(p, name, if_rev, done, arg);

	s->must_exist = true;
	s->remove = true;
	store_post(p->store, LANE_WRITE, &s->job);
}
