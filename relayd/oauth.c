/* SPDX-License-Identifier: MIT */
/* oauth.c - what is asked of providers at a sign-in or refresh, from the data
 * of their kinds.  Reading the answers is oauth_read.c. */
#include "relayd/oauth.h"

#include <stdlib.h>

#include <sodium.h>

#include "proto/enc.h"
#include "proto/json.h"

#include "store/rec.h"

#include "relayd/clientsecret.h"
#include "relayd/conf.h"
#include "relayd/provider.h"

#define URL_MAX	  8192
#define BODY_MAX  (64 * 1024)
#define FIELD_MAX 16384
#define TOKEN_MAX 16384
#define TEXT_MAX  512

/* --- asks --------------------------------------------------------------------- */

void
oauth_ask_init(struct oauth_ask *a)
{
	*a = (struct oauth_ask){ .method = "POST" };
	buf_init(&a->url, URL_MAX);
	buf_init(&a->body, BODY_MAX);
	for (unsigned i = 0; i < OAUTH_FIELDS; i++)
		buf_init(&a->fields[i], FIELD_MAX);
}

void
oauth_ask_fini(struct oauth_ask *a)
{
	buf_wipe(&a->url);
	buf_wipe(&a->body);
	for (unsigned i = 0; i < OAUTH_FIELDS; i++)
		buf_wipe(&a->fields[i]);
	a->count = 0;
}

enum err
oauth_ask_field(struct oauth_ask *a, const char *name, struct str value)
{
	if (a->count == OAUTH_FIELDS)
		return ERR_LIMIT;
	return buf_addf(&a->fields[a->count++], "%s: %.*s", name,
	    STR_ARG(value));
}

enum err
oauth_ask_bearer(struct oauth_ask *a, struct str token)
{
	if (a->count == OAUTH_FIELDS)
		return ERR_LIMIT;
	return buf_addf(&a->fields[a->count++], "Authorization: Bearer %.*s",
	    STR_ARG(token));
}

/* --- grants ------------------------------------------------------------------- */

void
oauth_grant_init(struct oauth_grant *g)
{
	*g = (struct oauth_grant){ .life_s = 0 };
	buf_init(&g->access, TOKEN_MAX);
	buf_init(&g->refresh, TOKEN_MAX);
	for (unsigned i = 0; i < GRANT_COUNT; i++)
		buf_init(&g->text[i], TEXT_MAX);
	buf_init(&g->note, TEXT_MAX);
}

void
oauth_grant_fini(struct oauth_grant *g)
{
	buf_wipe(&g->access);
	buf_wipe(&g->refresh);
	for (unsigned i = 0; i < GRANT_COUNT; i++)
		buf_fini(&g->text[i]);
	buf_fini(&g->note);
}

void
oauth_grant_say(struct oauth_grant *g, enum grant_text which, struct str value)
{
	struct buf *b = &g->text[which];

	if (!value.len || value.len > b->max || !json_is_utf8(value))
		return;
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.at[i] < 0x20 || value.at[i] == 0x7f)
			return;
	buf_clear(b);
	buf_must(b, value);
}

struct str
oauth_grant_text(const struct oauth_grant *g, enum grant_text which)
{
	return buf_str(&g->text[which]);
}

void
oauth_grant_note(const struct oauth_grant *g, int64_t now_wall_ms,
    struct account_rec *io_rec)
{
#define X(name)                                                                \
	if (buf_len(&g->text[GRANT_##name]))                                   \
		io_rec->name = buf_str(&g->text[GRANT_##name]);
#include "relayd/grant.def"
#undef X
	io_rec->renewed_at = (uint64_t)now_wall_ms;
	io_rec->expires_at = 0;
	if (g->until_wall_ms > 0)
		io_rec->expires_at = (uint64_t)g->until_wall_ms;
	else if (g->life_s > 0)
		io_rec->expires_at = (uint64_t)(now_wall_ms + g->life_s * 1000);
}

void
oauth_device_init(struct oauth_device *d)
{
	*d = (struct oauth_device){ .interval_s = 5, .life_s = 300 };
	buf_init(&d->code, TOKEN_MAX);
	buf_init(&d->user_code, TEXT_MAX);
	buf_init(&d->url, URL_MAX);
	buf_init(&d->url_whole, URL_MAX);
}

void
oauth_device_fini(struct oauth_device *d)
{
	buf_wipe(&d->code);
	buf_fini(&d->user_code);
	buf_fini(&d->url);
	buf_fini(&d->url_whole);
}

/* --- flows -------------------------------------------------------------------- */

enum err
oauth_flow_init(struct oauth_flow *f, const struct account_rec *r,
    const struct conf *conf, const struct client_secrets *secrets,
    struct why *out_why)
{
	const struct provider *p = provider_find(r->kind);
	struct conf_row row;

	*f = (struct oauth_flow){ .provider = p,
		.auth_url = r->auth_url,
		.organization = r->organization,
		.user_agent = r->user_agent,
		.project = r->project.len ? r->project : r->project_found };
	if (!p || !p->oauth)
		return why_set(out_why, ERR_UNSUPPORTED, "kind",
		    "there is nothing to sign in to for accounts of the kind "
		    "%.*s",
		    STR_ARG(r->kind));
	conf_row(conf, (enum conf_option)p->oauth->client_option, &row);
	if (!row.value[0])
		return why_set(out_why, ERR_VALUE, row.name,
		    "%s in relayd.conf names no OAuth client; see "
		    "relayd-accounts(7)",
		    row.name);
	f->client = str_of(row.value);
	oauth_flow_secret(f, conf, secrets);
	if (p->oauth->needs_secret && !f->client_secret.len)
		return why_set(out_why, ERR_VALUE, row.name,
		    "the secret of the OAuth client of %s is not known here: "
		    "relayctl oauth client set %s",
		    row.name, row.name);
	f->api_url = r->url.len ? r->url : str_of(p->url);
	while (f->api_url.len && f->api_url.at[f->api_url.len - 1] == '/')
		f->api_url.len--;
	while (f->auth_url.len && f->auth_url.at[f->auth_url.len - 1] == '/')
		f->auth_url.len--;
	return OK;
}

void
oauth_flow_secret(struct oauth_flow *f, const struct conf *conf,
    const struct client_secrets *secrets)
{
	struct conf_row row;

	conf_row(conf, (enum conf_option)f->provider->oauth->client_option,
	    &row);
	f->client_secret = client_secret_of(secrets, str_of(row.name));
}

static void
text_of(const uint8_t *bytes, size_t n, char out[OAUTH_RANDOM])
{
	sodium_bin2base64(out, OAUTH_RANDOM, bytes, n,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void
oauth_challenge(struct str verifier, char out[OAUTH_RANDOM])
{
	uint8_t hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, (const uint8_t *)verifier.at, verifier.len);
	text_of(hash, sizeof(hash), out);
}

void
oauth_flow_draw(struct oauth_flow *f, const uint8_t random[64])
{
	text_of(random, 32, f->verifier);
	text_of(random + 32, 32, f->state);
	oauth_challenge(str_of(f->verifier), f->challenge);
}

static enum err
put_place(const struct oauth_flow *f, const struct oauth_place *place,
    struct buf *out)
{
	enum err e =
	    buf_add(out, f->auth_url.len ? f->auth_url : str_of(place->origin));

	return e ? e : buf_add(out, str_of(place->path));
}

/* --- parameters, as a form or as JSON ------------------------------------------ */

struct params {
	struct buf *to;
	bool is_json, any;
	struct json_out json;
	enum err e;
};

static void
params_begin(struct params *p, struct buf *to, bool is_json)
{
	*p = (struct params){ .to = to, .is_json = is_json };
	if (!is_json)
		return;
	json_begin(&p->json, to);
	json_open(&p->json, '{');
}

static void
param(struct params *p, const char *name, struct str value)
{
	if (p->is_json) {
		json_say(&p->json, name, value);
		return;
	}
	if (!p->e)
		p->e = buf_addf(p->to, "%s%s=", p->any ? "&" : "", name);
	if (!p->e)
		p->e = enc_percent(p->to, value, "");
	p->any = true;
}

static void
param_more(struct params *p, const char *name, struct str value)
{
	uint64_t n;

	if (p->is_json && !str_u64(value, &n))
		json_say_i64(&p->json, name, (int64_t)n);
	else
		param(p, name, value);
}

static enum err
params_end(struct params *p)
{
	if (!p->is_json)
		return p->e;
	json_close(&p->json, '}');
	return json_end(&p->json);
}

static enum err
say_type(struct oauth_ask *out, bool is_json)
{
	enum err e = oauth_ask_field(out, "Content-Type",
	    str_of(is_json ? "application/json"
			   : "application/x-www-form-urlencoded"));

	return e ? e : oauth_ask_field(out, "Accept", STR("application/json"));
}

/* --- asking ------------------------------------------------------------------- */

enum err
oauth_authorize(const struct oauth_flow *f, struct buf *out)
{
	const struct oauth *o = f->provider->oauth;
	struct params p;
	enum err e;

	e = put_place(f, &o->authorize, out);
	if (!e)
		e = buf_addc(out, '?');
	if (!e && o->authorize_more)
		e = buf_addf(out, "%s&", o->authorize_more);
	if (e)
		return e;
	params_begin(&p, out, false);
	param(&p, "client_id", f->client);
	param(&p, "response_type", STR("code"));
	param(&p, "redirect_uri", str_of(o->redirect));
	param(&p, "scope", str_of(o->scopes));
	param(&p, "code_challenge", str_of(f->challenge));
	param(&p, "code_challenge_method", STR("S256"));
	param(&p, "state", str_of(f->state));
	return params_end(&p);
}

static void
param_client(struct params *p, const struct oauth_flow *f)
{
	param(p, "client_id", f->client);
	if (f->client_secret.len)
		param(p, "client_secret", f->client_secret);
}

enum err
oauth_exchange(const struct oauth_flow *f, struct str code,
    struct oauth_ask *out)
{
	const struct oauth *o = f->provider->oauth;
	struct params p;
	enum err e;

	e = put_place(f, &o->token, &out->url);
	if (!e)
		e = say_type(out, o->json);
	if (e)
		return e;
	params_begin(&p, &out->body, o->json);
	param(&p, "grant_type", STR("authorization_code"));
	param_client(&p, f);
	param(&p, "code", code);
	param(&p, "redirect_uri", str_of(o->redirect));
	param(&p, "code_verifier", str_of(f->verifier));
	if (o->says_state)
		param(&p, "state", str_of(f->state));
	for (const char *const *m = o->exchange_more; m && m[0]; m += 2)
		param_more(&p, m[0], str_of(m[1]));
	return params_end(&p);
}

enum err
oauth_renew(const struct oauth_flow *f, struct str refresh,
    struct oauth_ask *out)
{
	const struct oauth *o = f->provider->oauth;
	struct params p;
	enum err e;

	e = put_place(f, &o->token, &out->url);
	if (!e)
		e = say_type(out, o->json);
	if (e)
		return e;
	params_begin(&p, &out->body, o->json);
	param(&p, "grant_type", STR("refresh_token"));
	param(&p, "refresh_token", refresh);
	param_client(&p, f);
	if (o->renews_for && f->organization.len)
		param(&p, "organization_id", f->organization);
	return params_end(&p);
}

enum err
oauth_device(const struct oauth_flow *f, struct oauth_ask *out)
{
	const struct oauth *o = f->provider->oauth;
	struct params p;
	enum err e;

	if (o->device_ask)
		return o->device_ask(f, out);
	e = put_place(f, &o->device, &out->url);
	if (!e)
		e = say_type(out, o->json);
	if (e)
		return e;
	params_begin(&p, &out->body, o->json);
	param(&p, "client_id", f->client);
	if (o->scopes)
		param(&p, "scope", str_of(o->scopes));
	return params_end(&p);
}

enum err
oauth_poll(const struct oauth_flow *f, struct oauth_ask *out)
{
	const struct oauth *o = f->provider->oauth;
	struct params p;
	enum err e;

	if (o->poll_ask)
		return o->poll_ask(f, out);
	e = put_place(f, &o->token, &out->url);
	if (!e)
		e = say_type(out, o->json);
	if (e)
		return e;
	params_begin(&p, &out->body, o->json);
	param(&p, "grant_type",
	    STR("urn:ietf:params:oauth:grant-type:device_code"));
	param(&p, "device_code", f->device_code);
	param_client(&p, f);
	return params_end(&p);
}

/* --- when to renew ------------------------------------------------------------ */

#define LEAD_MAX_MS (10 * 60 * 1000)

/* Accounts that were signed in together are not all renewed in one moment, and
 * yet each has its moment: drawn from its name and the token's end. */
static int64_t
tenth_of(struct str name, int64_t until, int64_t span)
{
	uint8_t hash[crypto_generichash_BYTES_MIN];
	crypto_generichash_state s;
	uint64_t n = 0;

	crypto_generichash_init(&s, NULL, 0, sizeof(hash));
	crypto_generichash_update(&s, (const uint8_t *)name.at, name.len);
	crypto_generichash_update(&s, (const uint8_t *)&until, sizeof(until));
	crypto_generichash_final(&s, hash, sizeof(hash));
	for (size_t i = 0; i < 6; i++)
		n = n << 8 | hash[i];
	return (int64_t)(n % 2001) * span / 10000 - span / 10;
}

int64_t
oauth_renew_at(struct str name, int64_t since, int64_t until)
{
	int64_t lead = until > since ? (until - since) / 5 : 0;

	if (until <= 0)
		return 0;
	if (lead > LEAD_MAX_MS)
		lead = LEAD_MAX_MS;
	return until - lead - tenth_of(name, until, lead);
}

int64_t
oauth_renew_wait_ms(unsigned failures)
{
	int64_t wait_ms = 5000;

	for (unsigned i = 1; i < failures && wait_ms < 300000; i++)
		wait_ms *= 2;
	return wait_ms < 300000 ? wait_ms : 300000;
}
