/* SPDX-License-Identifier: MIT */
/* codex_oauth.c - accounts of ChatGPT plans, signed in to at OpenAI
 * (protocols/codex.md).
 *
 * They serve Codex, whose requests pass as they are.  With clients = any,
 * other callers of the Responses API are served too: their bodies are made
 * what the backend takes, and those who do not stream get the stream's end. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/enc.h"
#include "proto/json.h"

#include "relayd/account.h"
#include "relayd/codex.h"
#include "relayd/conf.h"
#include "relayd/provider.h"

static const struct field fields[] = {
	{ .name = "clients",
	    .type = FIELD_CHOICE,
	    .choices = "native|any",
	    .help = "who is served: Codex alone (native), or any client with "
		    "a key" },
	{ .name = "auth-url",
	    .type = FIELD_URL,
	    .help = "where to sign in and renew, instead of the provider's "
		    "own addresses" },
	{ .name = NULL },
};

static const char *const models[] = {
	"gpt-5.5",
	"gpt-5.3-codex",
	"gpt-5.3-codex-spark",
	"gpt-5.2-codex",
	"gpt-5-codex",
	"gpt-5-codex-mini",
	NULL,
};

static const char notice[] =
    "A ChatGPT plan is for the person or workspace that pays for it, and "
    "OpenAI's terms do not allow sharing its credentials or passing on "
    "requests of other people through it; accounts can be ended without a "
    "warning. For everything else there are API keys (kind openai-api). Sign "
    "in only with a plan of your own, for your own use of Codex, and only if "
    "your agreement with OpenAI permits it. The sign-in runs under the OAuth "
    "client that is named by codex_client in relayd.conf, which is Codex's "
    "own unless you changed it.";

/* --- requests ------------------------------------------------------------------ */

static bool
serves(const struct dialect *dialect, enum op op)
{
	return dialect == &dialect_openai_responses &&
	    (op == OP_GENERATE || op == OP_COMPACT);
}

/* "codex_cli_rs/0.142.0 (...)", "codex-tui/...", "codex_vscode/..." */
static bool
is_native(const struct http1_head *head)
{
	const struct header *f = http1_find(head, STR("user-agent"));
	ptrdiff_t slash;

	if (!f ||
	    (!str_starts(f->value, STR("codex_")) &&
		!str_starts(f->value, STR("codex-"))))
		return false;
	slash = str_chr(f->value, '/');
	return slash > 0 && (size_t)slash + 1 < f->value.len &&
	    f->value.at[slash + 1] >= '0' && f->value.at[slash + 1] <= '9';
}

/* Codex compresses its bodies for this backend. */
static bool
takes(struct str encoding)
{
	return str_ieq(encoding, STR("zstd"));
}

static enum err
target(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	(void)a;
	(void)out_why;
	return buf_add(out,
	    ask->op == OP_COMPACT ? STR("/backend-api/codex/responses/compact")
				  : STR("/backend-api/codex/responses"));
}

/* Codex's own requests are what the backend wants. */
static enum err
plan(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	(void)a;
	(void)out_why;
	if (is_native(ask->head))
		return OK;
	return buf_add(out, ask->op == OP_COMPACT ? STR("c") : STR("g"));
}

static enum err
body(struct str plan, struct str body, struct buf *out, struct why *out_why)
{
	return codex_body(body, plan.at[0] == 'c', out, out_why);
}

static enum err
own_fields(const struct account *a, const struct ask *ask, struct buf *out)
{
	(void)ask;
	if (!a->rec.organization.len)
		return OK;
	return buf_addf(out, "chatgpt-account-id: %.*s\r\n",
	    STR_ARG(a->rec.organization));
}

static const struct reshape_ops *
answer(const struct ask *ask, const struct http1_head *answer)
{
	const struct header *f = http1_find(answer, STR("content-type"));

	if (ask->stream || ask->op != OP_GENERATE || !f ||
	    !str_istarts(f->value, STR("text/event-stream")))
		return NULL;
	return &codex_gather;
}

/* --- limits --------------------------------------------------------------------- */

#define PREFIX "x-codex-"

/* Windows are known by their length, not by first or second: on some plans
 * the only one is the weekly (protocols/codex.md 4). */
static void
name_window(uint64_t minutes, struct str limit, char out[32])
{
	const char *dash = limit.len ? "-" : "";

	if (minutes && minutes % 1440 == 0)
		snprintf(out, 32, "%llud%s%.*s",
		    (unsigned long long)(minutes / 1440), dash,
		    STR_ARG(str_first(limit, 20)));
	else if (minutes && minutes % 60 == 0)
		snprintf(out, 32, "%lluh%s%.*s",
		    (unsigned long long)(minutes / 60), dash,
		    STR_ARG(str_first(limit, 20)));
	else
		snprintf(out, 32, "%llum%s%.*s", (unsigned long long)minutes,
		    dash, STR_ARG(str_first(limit, 20)));
}

static bool
number_at(const struct http1_head *h, const char *name, uint64_t *out)
{
	const struct header *f = http1_find(h, str_of(name));

	return f && str_u64(f->value, out) == OK;
}

/* The window that `stem` (x-codex-primary) tells of. */
static void
take_window(const struct http1_head *h, const char *stem, struct str limit,
    int64_t now_wall_ms, struct windows *io)
{
	char field[96], name[32];
	uint64_t minutes, at = 0, after = 0;
	const struct header *used;
	struct window *w;

	snprintf(field, sizeof(field), "%s-window-minutes", stem);
	if (!number_at(h, field, &minutes) || minutes > 527040)
		return;
	snprintf(field, sizeof(field), "%s-used-percent", stem);
	used = http1_find(h, str_of(field));
	if (!used)
		return;
	name_window(minutes, limit, name);
	w = window_of(io, str_of(name));
	if (!w)
		return;
	w->used_ppm = window_share(used->value, 100);
	w->told_at = now_wall_ms;
	snprintf(field, sizeof(field), "%s-reset-at", stem);
	if (number_at(h, field, &at) && at < UINT32_MAX) {
		w->reset_at = (int64_t)at * 1000;
		return;
	}
	snprintf(field, sizeof(field), "%s-reset-after-seconds", stem);
	if (number_at(h, field, &after) && after < UINT32_MAX)
		w->reset_at = now_wall_ms + (int64_t)after * 1000;
}

/* x-codex-primary-used-percent, x-codex-NAME-secondary-used-percent, ... */
static void
read_limits(const struct http1_head *answer, int64_t now_wall_ms,
    struct windows *io)
{
	static const char end[] = "-used-percent";

	for (size_t i = 0; i < answer->count; i++) {
		struct str name = answer->fields[i].name, limit;
		char stem[64];

		if (!str_istarts(name, STR(PREFIX)) ||
		    name.len <= sizeof(end) - 1 || name.len > 80)
			continue;
		if (!str_ieq(str_skip(name, name.len - (sizeof(end) - 1)),
			str_of(end)))
			continue;
		name.len -= sizeof(end) - 1;
		snprintf(stem, sizeof(stem), "%.*s", STR_ARG(name));
		limit = str_skip(name, sizeof(PREFIX) - 1);
		if (str_ends(limit, STR("-primary")))
			limit.len -= 8;
		else if (str_ends(limit, STR("-secondary")))
			limit.len -= 10;
		else if (str_eq(limit, STR("primary")) ||
		    str_eq(limit, STR("secondary")))
			limit.len = 0;
		else
			continue;
		take_window(answer, stem, limit, now_wall_ms, io);
	}
}

static enum err
limits_ask(const struct oauth_flow *f, struct str token, struct oauth_ask *out)
{
	enum err e;

	out->method = "GET";
	e = buf_addf(&out->url, "%.*s/backend-api/wham/usage",
	    STR_ARG(f->api_url));
	if (!e)
		e = oauth_ask_bearer(out, token);
	if (!e && f->organization.len)
		e = oauth_ask_field(out, "chatgpt-account-id", f->organization);
	return e ? e : oauth_ask_field(out, "Accept", STR("application/json"));
}

static void
take_usage(struct windows *io, const struct json *from)
{
	const struct json *used = json_at(from, "used_percent");
	int64_t seconds, reset;
	struct window *w;
	char name[32];

	if (!used || json_type(used) != JSON_NUMBER ||
	    json_as_i64(json_at(from, "limit_window_seconds"), &seconds) ||
	    seconds <= 0 || seconds > 31622400)
		return;
	name_window((uint64_t)seconds / 60, STR(""), name);
	w = window_of(io, str_of(name));
	if (!w)
		return;
	w->used_ppm = window_share_of(json_as_double(used), 100);
	if (json_as_i64(json_at(from, "reset_at"), &reset) == OK && reset > 0 &&
	    reset < UINT32_MAX)
		w->reset_at = reset * 1000;
	w->told_at = 0;
}

static enum err
limits_read(unsigned status, struct str body, struct windows *io,
    struct why *out_why)
{
	const struct json *limit;
	struct json *answer;

	if (status < 200 || status > 299)
		return why_set(out_why,
		    status == 429 || status >= 500 ? ERR_AGAIN : ERR_DENIED, "",
		    "the provider does not tell the limits just now (%u)",
		    status);
	if (json_parse(body, OAUTH_ANSWER_MAX, &answer, NULL))
		return why_set(out_why, ERR_SYNTAX, "",
		    "the answer is no JSON");
	limit = json_at(answer, "rate_limit");
	take_usage(io, json_at(limit, "primary_window"));
	take_usage(io, json_at(limit, "secondary_window"));
	json_free(answer);
	return OK;
}

/* --- signing in ------------------------------------------------------------------ */

static enum err
read_more(const struct json *answer, struct oauth_grant *io)
{
	struct str id;

	codex_claims(buf_str(&io->access), io);
	if (json_as_str(json_at(answer, "id_token"), &id) == OK)
		codex_claims(id, io);
	return OK;
}

static enum err
put_auth_url(const struct oauth_flow *f, const char *path, struct buf *out)
{
	return buf_addf(out, "%.*s%s",
	    STR_ARG(f->auth_url.len ? f->auth_url
				    : STR("https://auth.openai.com")),
	    path);
}

static enum err
say_json(struct oauth_ask *out)
{
	enum err e =
	    oauth_ask_field(out, "Content-Type", STR("application/json"));

	return e ? e : oauth_ask_field(out, "Accept", STR("application/json"));
}

static enum err
device_ask(const struct oauth_flow *f, struct oauth_ask *out)
{
	struct json_out j;
	enum err e;

	e = put_auth_url(f, "/api/accounts/deviceauth/usercode", &out->url);
	if (!e)
		e = say_json(out);
	if (e)
		return e;
	json_begin(&j, &out->body);
	json_open(&j, '{');
	json_say(&j, "client_id", f->client);
	json_close(&j, '}');
	return json_end(&j);
}

static enum err
read_device(const struct oauth_flow *f, const struct json *answer,
    struct oauth_device *out)
{
	struct str id, code, text;
	int64_t n;

	if (json_as_str(json_at(answer, "device_auth_id"), &id) ||
	    (json_as_str(json_at(answer, "user_code"), &code) &&
		json_as_str(json_at(answer, "usercode"), &code)) ||
	    buf_add(&out->code, id) || buf_add(&out->user_code, code) ||
	    put_auth_url(f, "/codex/device", &out->url))
		return ERR_SYNTAX;
	/* A number, or one in quotes. */
	if ((json_as_i64(json_at(answer, "interval"), &n) == OK ||
		(json_as_str(json_at(answer, "interval"), &text) == OK &&
		    str_i64(text, &n) == OK)) &&
	    n > 0 && n <= 60)
		out->interval_s = n;
	out->life_s = 900;
	return OK;
}

static enum err
device_read(const struct oauth_flow *f, unsigned status, struct str body,
    struct oauth_device *out, struct why *out_why)
{
	struct json *answer;
	enum err e;

	if (status == 404)
		return why_set(out_why, ERR_UNSUPPORTED, "",
		    "the provider offers no sign-in by code here");
	if (status < 200 || status > 299)
		return why_set(out_why,
		    oauth_is_for_a_while(status) ? ERR_AGAIN : ERR_VALUE, "",
		    "the provider answered %u", status);
	e = json_parse(body, OAUTH_ANSWER_MAX, &answer, NULL);
	if (!e) {
		e = read_device(f, answer, out);
		json_free(answer);
	}
	return e ? why_set(out_why, ERR_SYNTAX, "",
		       "the answer holds no code to type")
		 : OK;
}

static enum err
poll_ask(const struct oauth_flow *f, struct oauth_ask *out)
{
	struct json_out j;
	enum err e;

	e = put_auth_url(f, "/api/accounts/deviceauth/token", &out->url);
	if (!e)
		e = say_json(out);
	if (e)
		return e;
	json_begin(&j, &out->body);
	json_open(&j, '{');
	json_say(&j, "device_auth_id", f->device_code);
	json_say(&j, "user_code", f->user_code);
	json_close(&j, '}');
	return json_end(&j);
}

/* What the poll brings is a code to be exchanged, with its own verifier: both
 * wait in the grant for the call that follows, "CODE VERIFIER". */
static enum err
poll_read(unsigned status, struct str body, int64_t *io_interval_s,
    struct oauth_grant *out, struct why *out_why)
{
	struct str code, verifier;
	struct json *answer;
	enum err e = ERR_SYNTAX;

	(void)io_interval_s;
	if (status == 403 || status == 404)
		return ERR_AGAIN;
	if (status < 200 || status > 299)
		return why_set(out_why,
		    oauth_is_for_a_while(status) ? ERR_AGAIN : ERR_DENIED, "",
		    "the provider answered %u", status);
	if (json_parse(body, OAUTH_ANSWER_MAX, &answer, NULL))
		return why_set(out_why, ERR_SYNTAX, "",
		    "the answer is no JSON");
	buf_wipe(&out->access);
	if (json_as_str(json_at(answer, "authorization_code"), &code) == OK &&
	    json_as_str(json_at(answer, "code_verifier"), &verifier) == OK)
		e = buf_addf(&out->access, "%.*s %.*s", STR_ARG(code),
		    STR_ARG(verifier));
	json_free(answer);
	return e ? why_set(out_why, e, "", "the answer holds no code") : OK;
}

/* Only a sign-in by code has one more call to make: the exchange. */
static enum err
next_ask(const struct oauth_flow *f, const struct oauth_grant *g, unsigned step,
    struct oauth_ask *out)
{
	struct str rest = buf_str(&g->access), code;
	enum err e;

	if (step > 0 || !f->device_code.len)
		return ERR_UNKNOWN;
	code = str_cut(&rest, ' ');
	e = put_auth_url(f, "/oauth/token", &out->url);
	if (!e)
		e = oauth_ask_field(out, "Content-Type",
		    STR("application/x-www-form-urlencoded"));
	if (!e)
		e = oauth_ask_field(out, "Accept", STR("application/json"));
	if (!e)
		e = buf_add(&out->body,
		    STR("grant_type=authorization_code&redirect_uri=https%3A%2F"
			"%2Fauth.openai.com%2Fdeviceauth%2Fcallback&code="));
	if (!e)
		e = enc_percent(&out->body, code, "");
	if (!e)
		e = buf_add(&out->body, STR("&code_verifier="));
	if (!e)
		e = enc_percent(&out->body, rest, "");
	if (!e)
		e = buf_add(&out->body, STR("&client_id="));
	return e ? e : enc_percent(&out->body, f->client, "");
}

static enum err
next_read(const struct oauth_flow *f, unsigned step, unsigned status,
    struct str body, struct oauth_grant *io, struct why *out_why)
{
	/* An ordinary answer of the token endpoint. */
	(void)step;
	return oauth_read(f, status, body, io, out_why);
}

/* {"tokens":{"id_token","access_token","refresh_token","account_id"}} */
static enum err
import(const struct json *file, struct oauth_grant *out, struct why *out_why)
{
	const struct json *t = json_at(file, "tokens");
	struct str access = STR(""), refresh = STR(""), text;

	if (!t && !json_at(file, "OPENAI_API_KEY"))
		return ERR_UNKNOWN;
	if (json_as_str(json_at(t, "access_token"), &access) ||
	    json_as_str(json_at(t, "refresh_token"), &refresh) || !access.len ||
	    !refresh.len || buf_add(&out->access, access) ||
	    buf_add(&out->refresh, refresh))
		return why_set(out_why, ERR_VALUE, "from",
		    "this file of Codex holds no tokens of a ChatGPT plan; "
		    "sign in there once (codex login), or here: relayctl "
		    "account login codex-oauth NAME; an API key goes into an "
		    "account of the kind openai-api");
	codex_claims(access, out);
	if (json_as_str(json_at(t, "id_token"), &text) == OK)
		codex_claims(text, out);
	if (json_as_str(json_at(t, "account_id"), &text) == OK)
		oauth_grant_say(out, GRANT_organization, text);
	return OK;
}

static const struct oauth oauth = {
	.notice = notice,
	.client_option = CONF_NR_codex_client,
	.authorize = { "https://auth.openai.com", "/oauth/authorize" },
	.token = { "https://auth.openai.com", "/oauth/token" },
	.device = { "https://auth.openai.com", "/codex/device" },
	.redirect = "http://localhost:1455/auth/callback",
	.scopes = "openid profile email offline_access",
	.authorize_more =
	    "id_token_add_organizations=true&codex_cli_simplified_flow=true",
	.renews = true,
	.read = read_more,
	.next_ask = next_ask,
	.next_read = next_read,
	.device_ask = device_ask,
	.device_read = device_read,
	.poll_ask = poll_ask,
	.poll_read = poll_read,
	.import = import,
	.limits_ask = limits_ask,
	.limits_read = limits_read,
};

/* It wants to know which Codex the list is for (protocols/codex.md 2.5). */
static const struct model_list list = {
	.path = "/backend-api/codex/models?client_version=0.142.0",
	.in = "models",
	.name = "slug",
};

const struct provider provider_codex_oauth = {
	.name = "codex-oauth",
	.label = "ChatGPT plan (Codex)",
	.url = "https://chatgpt.com",
	.auth = "bearer",
	.fields = fields,
	.models = models,
	.list = &list,
	.serves = serves,
	.takes = takes,
	.target = target,
	.own_fields = own_fields,
	.is_native = is_native,
	.native = "Codex",
	.read_limits = read_limits,
	.oauth = &oauth,
	.plan = plan,
	.body = body,
	.answer = answer,
	.retry_ms = codex_retry_ms,
};
