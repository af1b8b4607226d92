/* SPDX-License-Identifier: MIT */
/* grants.c - the book of codes and tokens: authorize, device and token
 * endpoints that keep their word.  A witness: shares nothing with relayd's
 * oauth.c but the RFCs. */
#include "tests/upstream/grants.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "proto/enc.h"
#include "proto/mem.h"

#include "tests/upstream/json.h"
#include "tests/upstream/server.h"

#define LIFE_S 28800

/* --- the book ---------------------------------------------------------------------- */

static void
grant_fini(struct grant *g)
{
	free(g->value);
	free(g->challenge);
	free(g->redirect);
	free(g->state);
	free(g->scope);
	free(g->login);
	free(g->user_code);
}

void
grants_fini(struct grants *g)
{
	for (size_t i = 0; i < g->count; i++)
		grant_fini(&g->at[i]);
	free(g->at);
	*g = (struct grants){ .at = NULL };
}

static struct grant *
add(struct grants *g, enum grant_kind kind, const char *prefix)
{
	struct grant *one;

	if (g->count == g->size) {
		g->size = g->size ? 2 * g->size : 16;
		g->at = realloc(g->at, g->size * sizeof(*g->at));
		if (!g->at)
			abort();
	}
	one = &g->at[g->count++];
	*one = (struct grant){ .kind = kind };
	one->value = xasprintf("%s%08" PRIu64, prefix, ++g->last);
	return one;
}

static struct grant *
find(const struct grants *g, enum grant_kind kind, const char *value)
{
	for (size_t i = 0; value && i < g->count; i++)
		if (g->at[i].kind == kind && !strcmp(g->at[i].value, value))
			return &g->at[i];
	return NULL;
}

bool
grants_allow(const struct grants *g, struct str credential)
{
	if (str_find(credential, STR("practice")) < 0)
		return true;
	for (size_t i = 0; i < g->count; i++) {
		const struct grant *one = &g->at[i];

		if (one->kind == GRANT_ACCESS &&
		    str_eq(str_of(one->value), credential))
			return !one->is_void &&
			    (!one->ends_us || clock_us() < one->ends_us);
	}
	return false;
}

const char *
grants_login(const struct grants *g, struct str credential)
{
	for (size_t i = 0; g && i < g->count; i++)
		if (g->at[i].kind == GRANT_ACCESS &&
		    str_eq(str_of(g->at[i].value), credential))
			return g->at[i].login;
	return "practice";
}

unsigned
grants_revoke(struct grants *g, struct str what)
{
	enum grant_kind kind =
	    str_eq(what, STR("refresh")) ? GRANT_REFRESH : GRANT_ACCESS;
	unsigned n = 0;

	for (size_t i = 0; i < g->count; i++)
		if (g->at[i].kind == kind && !g->at[i].is_void) {
			g->at[i].is_void = true;
			n++;
		}
	return n;
}

unsigned
grants_approve(struct grants *g, struct str user_code, bool deny)
{
	unsigned n = 0;

	for (size_t i = 0; i < g->count; i++)
		if (g->at[i].kind == GRANT_DEVICE &&
		    str_eq(str_of(g->at[i].user_code), user_code)) {
			g->at[i].approved = !deny;
			g->at[i].denied = deny;
			n++;
		}
	return n;
}

/* --- parameters ---------------------------------------------------------------------- */

static char *
decoded(struct str value)
{
	struct buf b;

	if (!value.at)
		return NULL;
	buf_init(&b, 65536);
	if (enc_unpercent(&b, value)) {
		buf_fini(&b);
		return NULL;
	}
	return buf_take(&b, NULL);
}

/* Of a JSON body, or of a form; NULL when it is not there. */
static char *
param(const struct ask *q, const char *name)
{
	const char *in_json = json_string(q->root, name);
	struct str rest = q->req->body, value;

	if (in_json)
		return xstrdup(in_json);
	if (q->root)
		return NULL;
	while (rest.at) {
		value = str_cut(&rest, '&');
		if (str_eq(str_cut(&value, '='), str_of(name)))
			return decoded(value);
	}
	return NULL;
}

static char *
query(const struct ask *q, const char *name)
{
	char *value = decoded(http_query(q->req, str_of(name)));

	return value ? value : xstrdup("");
}

static void
refuse(struct answer *out, int status, const char *word, const char *text)
{
	out->status = status;
	buf_clear(&out->body);
	answer_header(out, "content-type: application/json");
	buf_mustf(&out->body, "{\"error\":\"%s\",\"error_description\":\"%s\"}",
	    word, text);
}

/* --- authorize and device ------------------------------------------------------------- */

static const char *
login_of(const struct ask *q)
{
	return q->script->login ? q->script->login : "practice";
}

static void
put_page(const struct grant *g, struct buf *b)
{
	buf_must(b, STR("{\"code\":"));
	json_add_c(b, g->value);
	buf_must(b, STR(",\"state\":"));
	json_add_c(b, g->state);
	buf_mustf(b,
	    ",\"paste\":\"%s#%s\",\"callback\":\"%s?code=%s&state=%s\"}",
	    g->value, g->state, g->redirect, g->value, g->state);
}

/* What the page after a person's yes would show. */
void
authorize_page(const struct ask *q, struct answer *out)
{
	char *method = query(q, "code_challenge_method");
	struct grant *g;

	if (!q->grants || strcmp(method, "S256") != 0) {
		refuse(out, 400, "invalid_request", "no PKCE with S256");
		free(method);
		return;
	}
	free(method);
	g = add(q->grants, GRANT_CODE, "practice-code-");
	g->challenge = query(q, "code_challenge");
	g->redirect = query(q, "redirect_uri");
	g->state = query(q, "state");
	g->scope = query(q, "scope");
	g->login = xstrdup(login_of(q));
	answer_header(out, "content-type: application/json");
	put_page(g, &out->body);
}

void
device_begin(const struct ask *q, struct answer *out)
{
	struct grant *g;

	if (!q->grants) {
		refuse(out, 404, "not_found", "see --oauth");
		return;
	}
	g = add(q->grants, GRANT_DEVICE, "practice-device-");
	g->user_code = xasprintf("PRAC-%04" PRIu64, q->grants->last);
	g->scope = param(q, "scope");
	g->login = xstrdup(login_of(q));
	answer_header(out, "content-type: application/json");
	buf_mustf(&out->body,
	    "{\"device_code\":\"%s\",\"user_code\":\"%s\","
	    "\"verification_uri\":\"https://practice.example/device\","
	    "\"verification_uri_complete\":"
	    "\"https://practice.example/device?user_code=%s\","
	    "\"expires_in\":%" PRId64 ",\"interval\":%" PRId64 "}",
	    g->value, g->user_code, g->user_code,
	    script_num(q->script->life_s, 300),
	    script_num(q->script->pace_s, 1));
}

/* OpenAI's own way: the poll brings a code, and the verifier for it. */
void
device_codex(const struct ask *q, struct answer *out)
{
	struct grant *g;

	if (!q->grants) {
		refuse(out, 404, "not_found", "see --oauth");
		return;
	}
	g = add(q->grants, GRANT_DEVICE, "practice-device-");
	g->user_code = xasprintf("PRAC-%04" PRIu64, q->grants->last);
	g->login = xstrdup(login_of(q));
	answer_header(out, "content-type: application/json");
	buf_mustf(&out->body,
	    "{\"device_auth_id\":\"%s\",\"user_code\":\"%s\","
	    "\"interval\":\"%" PRId64 "\"}",
	    g->value, g->user_code, script_num(q->script->pace_s, 1));
}

void
device_codex_poll(const struct ask *q, struct answer *out)
{
	static const char verifier[] =
	    "practice-verifier-practice-verifier-practice-verifier";
	char *id = param(q, "device_auth_id");
	struct grant *g = q->grants ? find(q->grants, GRANT_DEVICE, id) : NULL;
	uint8_t hash[crypto_hash_sha256_BYTES];
	struct grant *code;
	char text[64], *login;

	free(id);
	if (!g || g->is_void || g->denied) {
		refuse(out, 400, "access_denied", "no such code");
		return;
	}
	if (!g->approved) {
		refuse(out, 403, "authorization_pending", "nobody said yes");
		return;
	}
	g->is_void = true;
	login = xstrdup(g->login);
	crypto_hash_sha256(hash, (const uint8_t *)verifier, strlen(verifier));
	sodium_bin2base64(text, sizeof(text), hash, sizeof(hash),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	code = add(q->grants, GRANT_CODE, "practice-code-");
	code->challenge = xstrdup(text);
	code->redirect = xstrdup("https://auth.openai.com/deviceauth/callback");
	code->login = login;
	answer_header(out, "content-type: application/json");
	buf_mustf(&out->body,
	    "{\"authorization_code\":\"%s\",\"code_challenge\":\"%s\","
	    "\"code_verifier\":\"%s\"}",
	    code->value, text, verifier);
}

/* --- tokens ------------------------------------------------------------------------------ */

static bool
proves(const struct grant *g, const char *verifier)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	char text[64];

	if (!verifier || strlen(verifier) < 43)
		return false;
	crypto_hash_sha256(hash, (const uint8_t *)verifier, strlen(verifier));
	sodium_bin2base64(text, sizeof(text), hash, sizeof(hash),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return !strcmp(text, g->challenge);
}

static const char *
check_code(const struct ask *q, const struct grant *g)
{
	char *verifier = param(q, "code_verifier");
	char *redirect = param(q, "redirect_uri");
	const char *why = NULL;

	if (!g || g->is_void)
		why = "this code is not known, or was used";
	else if (!proves(g, verifier))
		why = "code_verifier does not fit the challenge";
	else if (!redirect || strcmp(redirect, g->redirect) != 0)
		why = "another redirect_uri";
	free(verifier);
	free(redirect);
	return why;
}

static struct grant *
take_code(const struct ask *q, struct answer *out)
{
	char *code = param(q, "code");
	struct grant *g = find(q->grants, GRANT_CODE, code);
	const char *why = check_code(q, g);

	free(code);
	if (!why)
		return g;
	refuse(out, 400, "invalid_grant", why);
	return NULL;
}

static struct grant *
take_device(const struct ask *q, struct answer *out)
{
	char *code = param(q, "device_code");
	struct grant *g = find(q->grants, GRANT_DEVICE, code);

	free(code);
	if (!g || g->is_void)
		refuse(out, 400, "expired_token", "no such code");
	else if (g->denied)
		refuse(out, 400, "access_denied", "somebody said no");
	else if (!g->approved)
		refuse(out, 400,
		    g->polls++ == 0 && q->script->slow_down > 0
			? "slow_down"
			: "authorization_pending",
		    "nobody has said yes");
	else
		return g;
	return NULL;
}

static struct grant *
take_refresh(const struct ask *q, struct answer *out)
{
	char *token = param(q, "refresh_token");
	struct grant *g = find(q->grants, GRANT_REFRESH, token);

	free(token);
	if (g && !g->is_void)
		return g;
	refuse(out, 400, "invalid_grant",
	    g ? "this refresh token was used" : "no such refresh token");
	return NULL;
}

static const char *
access_prefix(const struct ask *q)
{
	switch (q->dialect) {
	case ANTHROPIC:
		return "sk-ant-oat01-practice-";
	case GEMINI:
		return "ya29.practice-";
	case RESPONSES:
	case CHAT:
	case BEDROCK:
		break;
	}
	return "practice-access-";
}

static void
void_of(struct grants *g, const char *login, enum grant_kind kind)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->at[i].kind == kind && !strcmp(g->at[i].login, login))
			g->at[i].is_void = true;
}

/* `from` may move when the book grows. */
static void
give(const struct ask *q, struct grant *from, struct granted *out)
{
	char *login = xstrdup(from->login);
	char *scope = xstrdup(from->scope ? from->scope : "");
	struct grants *book = q->grants;
	struct grant *g;

	from->is_void = true;
	void_of(book, login, GRANT_ACCESS);
	out->life_s = script_num(q->script->life_s, LIFE_S);
	g = add(book, GRANT_ACCESS, access_prefix(q));
	g->login = xstrdup(login);
	g->ends_us = clock_us() + out->life_s * 1000000;
	out->access = g->value;
	g = add(book, GRANT_REFRESH,
	    q->dialect == ANTHROPIC ? "sk-ant-ort01-practice-"
				    : "practice-refresh-");
	g->login = login;
	g->scope = scope;
	out->refresh = g->value;
	out->login = login;
	out->scope = scope;
}

bool
grants_token(const struct ask *q, struct answer *out, struct granted *granted)
{
	char *type = param(q, "grant_type");
	struct grant *from = NULL;

	*granted = (struct granted){ .access = NULL };
	if (!type)
		refuse(out, 400, "invalid_request", "no grant_type");
	else if (!strcmp(type, "authorization_code"))
		from = take_code(q, out);
	else if (!strcmp(type, "refresh_token"))
		from = take_refresh(q, out);
	else if (!strcmp(type, "urn:ietf:params:oauth:grant-type:device_code"))
		from = take_device(q, out);
	else
		refuse(out, 400, "unsupported_grant_type", "not here");
	free(type);
	if (from)
		give(q, from, granted);
	return from != NULL;
}
