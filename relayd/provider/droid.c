/* SPDX-License-Identifier: MIT */
/* droid.c - accounts of Factory, for Droid: signed in to by a code to type, or
 * by keys, of which there can be several (protocols/droid.md).
 *
 * Three families of endpoints, each in a dialect of its own; the requests of
 * Droid pass as they are. */
#include "proto/json.h"

#include "relayd/account.h"
#include "relayd/conf.h"
#include "relayd/provider.h"

#define PREFIX "/api/llm"
/* What a token is good for when nobody tells. */
#define LIFE_S (8 * 3600)

static const struct field fields[] = {
	{ .name = "credential",
	    .type = FIELD_SECRET,
	    .help = "API keys (fk-...), one or several on lines of their own; "
		    "none for who signs in" },
	{ .name = "clients",
	    .type = FIELD_CHOICE,
	    .choices = "native|any",
	    .help = "who is served: Droid alone (native), or any client with "
		    "a key" },
	{ .name = "preamble",
	    .type = FIELD_TEXT,
	    .help = "your own text in front of the system prompt of clients "
		    "other than Droid (Anthropic Messages)" },
	{ .name = "usage-inject",
	    .type = FIELD_FLAG,
	    .help = "Chat streams: ask for the usage, and hide it again from "
		    "callers who did not (yes)" },
	{ .name = "auth-url",
	    .type = FIELD_URL,
	    .help = "where to sign in and renew, instead of the provider's "
		    "own addresses" },
	{ .name = NULL },
};

static const char *const models[] = {
	"claude-opus-4-5-20251101",
	"claude-opus-4-1-20250805",
	"claude-sonnet-4-5-20250929",
	"gpt-5.5",
	"gpt-5-2025-08-07",
	NULL,
};

static const char notice[] =
    "A Factory plan is for the person or organisation that pays for it, and is "
    "meant to be used with Droid; passing on requests of other people through "
    "it, or sharing its keys, may not be what your agreement permits, and "
    "accounts can be ended without a warning. Use a plan of your own, for "
    "your own use of Droid. The sign-in runs under the OAuth client that is "
    "named by droid_client in relayd.conf, which is Droid's own unless you "
    "changed it.";

/* --- requests ------------------------------------------------------------------ */

static bool
serves(const struct dialect *dialect, enum op op)
{
	if (dialect == &dialect_anthropic)
		return op == OP_GENERATE || op == OP_COUNT_TOKENS;
	return (dialect == &dialect_openai_responses ||
		   dialect == &dialect_openai_chat) &&
	    op == OP_GENERATE;
}

/* "factory-cli/0.225.2" */
static bool
is_native(const struct http1_head *head)
{
	static const char name[] = "factory-cli/";
	const struct header *f = http1_find(head, STR("user-agent"));
	struct str version;

	if (!f || !str_starts(f->value, str_of(name)))
		return false;
	version = str_skip(f->value, sizeof(name) - 1);
	return version.len && version.at[0] >= '0' && version.at[0] <= '9';
}

static enum err
target(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	const char *prefix =
	    str_ends(str_of(a->base), STR(PREFIX)) ? "" : PREFIX;
	const char *path = "/o/v1/chat/completions";
	enum err e;

	(void)out_why;
	if (ask->dialect == &dialect_openai_responses)
		path = "/o/v1/responses";
	else if (ask->op == OP_COUNT_TOKENS)
		path = "/a/v1/messages/count_tokens";
	else if (ask->dialect == &dialect_anthropic)
		path = "/a/v1/messages";
	e = buf_addf(out, "%s%s", prefix, path);
	if (!e && ask->query.len)
		e = buf_addf(out, "?%.*s", STR_ARG(ask->query));
	return e;
}

/* Whose machines are to run the model: the service wants to be told. */
static const char *
backend_of(const struct ask *ask)
{
	static const struct {
		const char *part, *backend;
	} chat[] = {
		{ "gemini", "google" },
		{ "claude", "anthropic" },
		{ "gpt", "azure_openai" },
		{ "glm", "fireworks" },
	};

	if (ask->dialect == &dialect_anthropic)
		return "anthropic";
	if (ask->dialect == &dialect_openai_responses)
		return str_ifind(ask->model, STR("-max")) >= 0 ? "openai"
							       : "azure_openai";
	for (size_t i = 0; i < sizeof(chat) / sizeof(chat[0]); i++)
		if (str_ifind(ask->model, str_of(chat[i].part)) >= 0)
			return chat[i].backend;
	return "baseten";
}

static enum err
own_fields(const struct account *a, const struct ask *ask, struct buf *out)
{
	(void)a;
	if (http1_find(ask->head, STR("x-api-provider")))
		return OK;
	return buf_addf(out, "x-api-provider: %s\r\n", backend_of(ask));
}

/* --- signing in ------------------------------------------------------------------ */

static void
say(struct oauth_grant *io, enum grant_text which, const struct json *value)
{
	struct str text;

	if (value && json_as_str(value, &text) == OK)
		oauth_grant_say(io, which, text);
}

static enum err
read_more(const struct json *answer, struct oauth_grant *io)
{
	const struct json *user = json_at(answer, "user");

	say(io, GRANT_subject, json_at(user, "id"));
	say(io, GRANT_email, json_at(user, "email"));
	say(io, GRANT_organization, json_at(answer, "organization_id"));
	if (!io->life_s)
		io->life_s = LIFE_S;
	return OK;
}

/* Which organisation is it? */
static enum err
ask_organization(const struct oauth_flow *f, const struct oauth_grant *g,
    struct oauth_ask *out)
{
	enum err e;

	out->method = "GET";
	e = buf_addf(&out->url, "%.*s/api/cli/org",
	    STR_ARG(f->auth_url.len ? f->auth_url
				    : STR("https://app.factory.ai")));
	if (!e)
		e = oauth_ask_bearer(out, buf_str(&g->access));
	return e ? e : oauth_ask_field(out, "Accept", STR("application/json"));
}

/* A token for that organisation, without which it serves no models. */
static enum err
ask_scoped(const struct oauth_flow *f, const struct oauth_grant *g,
    struct oauth_ask *out)
{
	struct oauth_flow scoped = *f;

	scoped.organization = oauth_grant_text(g, GRANT_organization);
	return oauth_renew(&scoped, buf_str(&g->refresh), out);
}

/* Step 0 asks for the organisation, step 1 for its token; who is told it with
 * the first token has that already. */
static enum err
next_ask(const struct oauth_flow *f, const struct oauth_grant *g, unsigned step,
    struct oauth_ask *out)
{
	bool known = oauth_grant_text(g, GRANT_organization).len > 0;

	if (step == 0 && !known)
		return ask_organization(f, g, out);
	if (step == 1 && known && buf_len(&g->refresh))
		return ask_scoped(f, g, out);
	return ERR_UNKNOWN;
}

/* {"workosOrgIds":["org_..."]} */
static void
read_organization(struct str body, struct oauth_grant *io)
{
	const struct json *id;
	struct json *answer;
	struct str text;

	if (json_parse(body, OAUTH_ANSWER_MAX, &answer, NULL))
		return;
	id = json_first(json_at(answer, "workosOrgIds"));
	for (; id; id = json_next(id)) {
		if (json_as_str(id, &text) || !text.len)
			continue;
		oauth_grant_say(io, GRANT_organization, text);
		break;
	}
	json_free(answer);
}

static enum err
next_read(const struct oauth_flow *f, unsigned step, unsigned status,
    struct str body, struct oauth_grant *io, struct why *out_why)
{
	if (step == 1)
		return oauth_read(f, status, body, io, out_why);
	/* Who has no organisation does without. */
	if (status == 200)
		read_organization(body, io);
	return OK;
}

static const struct oauth oauth = {
	.notice = notice,
	.client_option = CONF_NR_droid_client,
	.token = { "https://api.workos.com", "/user_management/authenticate" },
	.device = { "https://api.workos.com",
	    "/user_management/authorize/device" },
	.renews = true,
	.renews_for = true,
	.read = read_more,
	.next_ask = next_ask,
	.next_read = next_read,
};

const struct provider provider_droid = {
	.name = "droid",
	.label = "Factory (Droid)",
	.url = "https://api.factory.ai",
	.auth = "bearer",
	.many_keys = true,
	.fields = fields,
	.models = models,
	.serves = serves,
	.target = target,
	.own_fields = own_fields,
	.is_native = is_native,
	.native = "Droid",
	.oauth = &oauth,
};
