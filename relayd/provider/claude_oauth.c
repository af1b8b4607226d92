/* SPDX-License-Identifier: MIT */
/* claude_oauth.c - accounts of Claude subscriptions, signed in to at
 * claude.ai (protocols/claude.md 1, 3 and 6).
 *
 * They serve Claude Code, whose requests pass as they are; the account adds
 * its token, and the beta under which the API takes such tokens. */
#include <stdio.h>
#include <time.h>

#include "proto/json.h"

#include "relayd/account.h"
#include "relayd/conf.h"
#include "relayd/provider/common.h"

static const struct field fields[] = {
	{ .name = "clients",
	    .type = FIELD_CHOICE,
	    .choices = "native|any",
	    .help = "who is served: Claude Code alone (native), or any client "
		    "with a key" },
	{ .name = "preamble",
	    .type = FIELD_TEXT,
	    .help = "your own text in front of the system prompt of clients "
		    "other than Claude Code" },
	{ .name = "auth-url",
	    .type = FIELD_URL,
	    .help = "where to sign in and renew, instead of the provider's "
		    "own addresses" },
	{ .name = NULL },
};

/* Seen in use by Claude Code (protocols/clients.md 5.1). */
const char *const claude_models[] = {
	"claude-opus-4-8",
	"claude-opus-4-5-20251101",
	"claude-sonnet-5",
	"claude-sonnet-4-6",
	"claude-haiku-4-5-20251001",
	NULL,
};

const char claude_notice[] =
    "Anthropic's terms give Free, Pro, Max, Team and Enterprise plans for use "
    "with Claude Code and Anthropic's own applications. They do not allow "
    "other software to offer this sign-in to people, to pass on requests of "
    "other people through a plan, or to keep its tokens for them; accounts "
    "can be ended without a warning. For everything else there are API keys "
    "(kind claude-api). Sign in only with a plan of your own, for your own "
    "use of Claude Code, and only if your agreement with Anthropic permits "
    "it. The sign-in runs under the OAuth client that is named by "
    "claude_client in relayd.conf, which is Claude Code's own unless you "
    "changed it.";

bool
claude_serves(const struct dialect *dialect, enum op op)
{
	return dialect == &dialect_anthropic &&
	    (op == OP_GENERATE || op == OP_COUNT_TOKENS);
}

enum err
claude_target(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	const char *path = ask->op == OP_COUNT_TOKENS
	    ? "/v1/messages/count_tokens"
	    : "/v1/messages";

	(void)a;
	(void)out_why;
	if (ask->query.len)
		return buf_addf(out, "%s?%.*s", path, STR_ARG(ask->query));
	return buf_add(out, str_of(path));
}

/* "claude-cli/2.1.220 (external, cli)"; it asks for lists of models as
 * "claude-code/2.1.220". */
bool
claude_is_native(const struct http1_head *head)
{
	const struct header *f = http1_find(head, STR("user-agent"));
	struct str rest, name = STR("claude-cli/");

	if (f && str_eq(head->method, STR("GET")) &&
	    str_starts(f->value, STR("claude-code/")))
		name = STR("claude-code/");
	if (!f || !str_starts(f->value, name))
		return false;
	rest = str_skip(f->value, name.len);
	return rest.len && rest.at[0] >= '0' && rest.at[0] <= '9';
}

/* --- limits --------------------------------------------------------------------- */

#define UNIFIED "anthropic-ratelimit-unified-"

static void
take_limit(struct windows *io, struct str name, struct str what,
    struct str value, int64_t now_wall_ms)
{
	struct window *w;
	uint64_t at;

	/* Extra usage is a switch, no window. */
	if (str_ieq(name, STR("overage")))
		return;
	w = window_of(io, name);
	if (!w)
		return;
	w->told_at = now_wall_ms;
	if (str_ieq(what, STR("utilization")))
		w->used_ppm = window_share(value, 1);
	else if (str_ieq(what, STR("reset")) && !str_u64(value, &at) &&
	    at < UINT32_MAX)
		w->reset_at = (int64_t)at * 1000;
	else if (str_ieq(what, STR("status")))
		snprintf(w->status, sizeof(w->status), "%.*s", STR_ARG(value));
}

static bool
is_limit(struct str what)
{
	return str_ieq(what, STR("utilization")) ||
	    str_ieq(what, STR("reset")) || str_ieq(what, STR("status"));
}

/* anthropic-ratelimit-unified-7d-sonnet-utilization: 0.59 */
void
claude_read_limits(const struct http1_head *answer, int64_t now_wall_ms,
    struct windows *io)
{
	for (size_t i = 0; i < answer->count; i++) {
		const struct header *f = &answer->fields[i];
		struct str name, what;
		size_t cut;

		if (!str_istarts(f->name, STR(UNIFIED)))
			continue;
		name = str_skip(f->name, sizeof(UNIFIED) - 1);
		for (cut = name.len; cut && name.at[cut - 1] != '-'; cut--)
			;
		what = str_skip(name, cut);
		if (cut > 1 && is_limit(what))
			take_limit(io, str_first(name, cut - 1), what, f->value,
			    now_wall_ms);
	}
}

static enum err
limits_ask(const struct oauth_flow *f, struct str token, struct oauth_ask *out)
{
	enum err e;

	out->method = "GET";
	e = buf_addf(&out->url, "%.*s/api/oauth/usage", STR_ARG(f->api_url));
	if (!e)
		e = oauth_ask_bearer(out, token);
	if (!e)
		e = oauth_ask_field(out, "anthropic-beta",
		    STR(CLAUDE_OAUTH_BETA));
	return e ? e : oauth_ask_field(out, "Accept", STR("application/json"));
}

static void
take_usage(struct windows *io, const char *name, const struct json *from)
{
	const struct json *used = json_at(from, "utilization");
	struct window *w;
	struct str reset;

	if (!used || json_type(used) != JSON_NUMBER)
		return;
	w = window_of(io, str_of(name));
	if (!w)
		return;
	/* Percent here, a fraction in the headers. */
	w->used_ppm = window_share_of(json_as_double(used), 100);
	if (json_as_str(json_at(from, "resets_at"), &reset) == OK)
		w->reset_at = window_moment(reset);
	w->told_at = 0;
}

static enum err
limits_read(unsigned status, struct str body, struct windows *io,
    struct why *out_why)
{
	static const char *const named[][2] = {
		{ "five_hour", "5h" },
		{ "seven_day", "7d" },
		{ "seven_day_opus", "7d-opus" },
		{ "seven_day_sonnet", "7d-sonnet" },
	};
	struct json *answer;

	if (status == 403)
		return why_set(out_why, ERR_UNSUPPORTED, "",
		    "this sign-in has no right to ask for its limits "
		    "(user:profile); they are still read from answers");
	if (status < 200 || status > 299)
		return why_set(out_why,
		    status == 429 || status >= 500 ? ERR_AGAIN : ERR_VALUE, "",
		    "the provider does not tell the limits just now (%u)",
		    status);
	if (json_parse(body, OAUTH_ANSWER_MAX, &answer, NULL))
		return why_set(out_why, ERR_SYNTAX, "",
		    "the answer is no JSON");
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		take_usage(io, named[i][1], json_at(answer, named[i][0]));
	json_free(answer);
	return OK;
}

/* --- signing in ------------------------------------------------------------------ */

enum err
claude_read(const struct json *answer, struct oauth_grant *io)
{
	struct str value;

	if (json_as_str(json_at(json_at(answer, "account"), "uuid"), &value) ==
	    OK)
		oauth_grant_say(io, GRANT_subject, value);
	if (json_as_str(json_at(json_at(answer, "account"), "email_address"),
		&value) == OK)
		oauth_grant_say(io, GRANT_email, value);
	if (json_as_str(json_at(json_at(answer, "organization"), "uuid"),
		&value) == OK)
		oauth_grant_say(io, GRANT_organization, value);
	return OK;
}

/* Who that is, and what they pay for.  Only some scopes may ask. */
static enum err
next_ask(const struct oauth_flow *f, const struct oauth_grant *g, unsigned step,
    struct oauth_ask *out)
{
	enum err e;

	if (step > 0 ||
	    str_find(oauth_grant_text(g, GRANT_scopes), STR("user:profile")) <
		0)
		return ERR_UNKNOWN;
	out->method = "GET";
	e = buf_addf(&out->url, "%.*s/api/oauth/profile", STR_ARG(f->api_url));
	if (!e)
		e = oauth_ask_bearer(out, buf_str(&g->access));
	return e ? e : oauth_ask_field(out, "Accept", STR("application/json"));
}

static enum err
next_read(const struct oauth_flow *f, unsigned step, unsigned status,
    struct str body, struct oauth_grant *io, struct why *out_why)
{
	const struct json *who, *org;
	struct json *answer;
	struct str value;
	bool is_max = false, is_pro = false;

	(void)f;
	(void)step;
	(void)out_why;
	/* It is nice to know, and goes without. */
	if (status != 200 || json_parse(body, OAUTH_ANSWER_MAX, &answer, NULL))
		return OK;
	who = json_at(answer, "account");
	org = json_at(answer, "organization");
	if (json_as_str(json_at(who, "uuid"), &value) == OK)
		oauth_grant_say(io, GRANT_subject, value);
	if (json_as_str(json_at(who, "email"), &value) == OK)
		oauth_grant_say(io, GRANT_email, value);
	if (json_as_str(json_at(org, "uuid"), &value) == OK)
		oauth_grant_say(io, GRANT_organization, value);
	if (json_as_str(json_at(org, "organization_type"), &value) == OK)
		oauth_grant_say(io, GRANT_plan, value);
	else if (json_as_bool(json_at(who, "has_claude_max"), &is_max) == OK &&
	    is_max)
		oauth_grant_say(io, GRANT_plan, STR("claude_max"));
	else if (json_as_bool(json_at(who, "has_claude_pro"), &is_pro) == OK &&
	    is_pro)
		oauth_grant_say(io, GRANT_plan, STR("claude_pro"));
	json_free(answer);
	return OK;
}

/* Moments in seconds are smaller than this, in milliseconds since 1973 larger. */
#define SECONDS_MOST INT64_C(100000000000)

static enum err
refuse_unrenewable(int64_t until_wall_ms, struct why *out_why)
{
	time_t at = (time_t)(until_wall_ms / 1000);
	char when[40] = "at a time it does not tell";
	struct tm tm;

	if (until_wall_ms && gmtime_r(&at, &tm))
		strftime(when, sizeof(when), "at %Y-%m-%d %H:%M UTC", &tm);
	return why_set(out_why, ERR_VALUE, "from",
	    "this file of Claude Code holds no refresh token, and its token "
	    "ends %s: it could not be renewed; sign in there again (claude, "
	    "/login), or here: relayctl account login claude-oauth NAME",
	    when);
}

/* {"claudeAiOauth":{"accessToken","refreshToken","expiresAt","scopes":[...],
 * "subscriptionType"}}, as Claude Code keeps it in .credentials.json. */
static enum err
import(const struct json *file, struct oauth_grant *out, struct why *out_why)
{
	const struct json *o = json_at(file, "claudeAiOauth");
	struct str access = STR(""), refresh = STR(""), plan, scope;
	struct buf scopes;
	int64_t until;

	(void)!json_as_str(json_at(o, "accessToken"), &access);
	(void)!json_as_str(json_at(o, "refreshToken"), &refresh);
	if (json_as_i64(json_at(o, "expiresAt"), &until) || until < 0)
		until = 0;
	/* Milliseconds; who wrote seconds did not mean 1970. */
	if (until < SECONDS_MOST)
		until *= 1000;
	if (access.len && !refresh.len)
		return refuse_unrenewable(until, out_why);
	if (!access.len || buf_add(&out->access, access) ||
	    buf_add(&out->refresh, refresh))
		return why_set(out_why, ERR_VALUE, "from",
		    "this file of Claude Code holds no tokens; sign in there "
		    "once (claude, /login), or here: relayctl account login "
		    "claude-oauth NAME");
	out->until_wall_ms = until;
	if (json_as_str(json_at(o, "subscriptionType"), &plan) == OK)
		oauth_grant_say(out, GRANT_plan, plan);
	buf_init(&scopes, 1024);
	for (const struct json *s = json_first(json_at(o, "scopes")); s;
	     s = json_next(s))
		if (json_as_str(s, &scope) == OK &&
		    buf_addf(&scopes, "%s%.*s", buf_len(&scopes) ? " " : "",
			STR_ARG(scope)))
			break;
	oauth_grant_say(out, GRANT_scopes, buf_str(&scopes));
	buf_fini(&scopes);
	return OK;
}

static const struct oauth oauth = {
	.notice = claude_notice,
	.client_option = CONF_NR_claude_client,
	.authorize = { "https://claude.ai", "/oauth/authorize" },
	.token = { "https://platform.claude.com", "/v1/oauth/token" },
	.redirect = CLAUDE_REDIRECT,
	.scopes = "user:profile user:inference user:sessions:claude_code "
		  "user:mcp_servers user:file_upload",
	/* The page then shows the code for pasting. */
	.authorize_more = "code=true",
	.json = true,
	.says_state = true,
	.renews = true,
	.read = claude_read,
	.next_ask = next_ask,
	.next_read = next_read,
	.import = import,
	.limits_ask = limits_ask,
	.limits_read = limits_read,
};

const struct provider provider_claude_oauth = {
	.name = "claude-oauth",
	.label = "Claude subscription",
	.url = "https://api.anthropic.com",
	.auth = "bearer",
	.fields = fields,
	.models = claude_models,
	.list = &anthropic_list,
	.serves = claude_serves,
	.target = claude_target,
	.list_name = "anthropic-beta",
	.list_token = CLAUDE_OAUTH_BETA,
	.is_native = claude_is_native,
	.native = "Claude Code",
	.read_limits = claude_read_limits,
	.oauth = &oauth,
};
