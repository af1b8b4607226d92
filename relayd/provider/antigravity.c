/* SPDX-License-Identifier: MIT */
/* antigravity.c - accounts of Google's Antigravity, signed in to with a Google
 * account (protocols/antigravity.md).
 *
 * Its service is Code Assist's with other models and some more to say in the
 * envelope.  Who is said to ask is up to the operator: user-agent. */
#include "proto/json.h"

#include "relayd/account.h"
#include "relayd/assist.h"
#include "relayd/conf.h"
#include "relayd/provider.h"

static const struct field fields[] = {
	{ .name = "project",
	    .type = FIELD_TEXT,
	    .help = "id of your project at Google Cloud; most accounts need "
		    "none" },
	{ .name = "clients",
	    .type = FIELD_CHOICE,
	    .choices = "native|any",
	    .help = "who is served: Antigravity alone (native), or any client "
		    "with a key" },
	{ .name = "auth-url",
	    .type = FIELD_URL,
	    .help = "where to sign in and renew, instead of the provider's "
		    "own addresses" },
	{ .name = NULL },
};

/* What its service calls them (protocols/antigravity.md 4). */
static const char *const models[] = {
	"gemini-pro-agent",
	"gemini-3.1-pro-low",
	"gemini-3-flash",
	"gemini-3.1-flash-image",
	"gemini-3.1-flash-lite",
	"claude-opus-4-6-thinking",
	"claude-sonnet-4-6",
	"gpt-oss-120b-medium",
	NULL,
};

static const char notice[] =
    "Antigravity is for the person whose Google account it is, and Google's "
    "terms do not allow other software to use its sign-in or its service, nor "
    "to pass on requests of other people; accounts have been suspended for "
    "it. For everything else there are API keys (kind gemini-api). Sign in "
    "only with an account of your own, and only if your agreement with Google "
    "permits it. The sign-in runs under the OAuth client that you have named "
    "with antigravity_client in relayd.conf.";

static const char metadata[] = "{\"ideType\":\"ANTIGRAVITY\"}";

/* --- requests ------------------------------------------------------------------ */

static bool
serves(const struct dialect *dialect, enum op op)
{
	return dialect == &dialect_gemini &&
	    (op == OP_GENERATE || op == OP_COUNT_TOKENS || op == OP_ASSIST);
}

/* "antigravity/1.15.8 windows/amd64", "antigravity/hub/2.9.1 darwin/arm64" */
static bool
is_native(const struct http1_head *head)
{
	const struct header *f = http1_find(head, STR("user-agent"));

	return f && str_istarts(f->value, STR("antigravity/"));
}

static enum err
target(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	(void)a;
	(void)out_why;
	return assist_target(ask, out);
}

static enum err
plan(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	return assist_plan(a, ask, true, out, out_why);
}

/* --- limits ---------------------------------------------------------------------- */

static enum err
limits_ask(const struct oauth_flow *f, struct str token, struct oauth_ask *out)
{
	return assist_ask_about(f, token, "fetchAvailableModels", out);
}

/* Models share their quota with those of their family. */
static const char *
family_of(struct str model)
{
	if (str_find(model, STR("claude")) >= 0 ||
	    str_find(model, STR("gpt-oss")) >= 0)
		return "claude";
	if (str_find(model, STR("image")) >= 0)
		return "gemini-image";
	if (str_find(model, STR("flash")) >= 0)
		return "gemini-flash";
	return str_find(model, STR("pro")) >= 0 ? "gemini-pro" : NULL;
}

/* The one of a family of which most is used stands for all of it. */
static void
take_quota(struct str model, const struct json *quota, struct windows *io)
{
	const struct json *left = json_at(quota, "remainingFraction");
	const char *family = family_of(model);
	struct window *w;
	struct str reset;
	int64_t used;

	if (!family || !left || json_type(left) != JSON_NUMBER)
		return;
	w = window_of(io, str_of(family));
	used = window_share_of(1 - json_as_double(left), 1);
	/* What stands there was told before, unless told_at says now. */
	if (!w || (!w->told_at && w->used_ppm >= used))
		return;
	w->used_ppm = used;
	w->told_at = 0;
	w->reset_at = 0;
	if (json_as_str(json_at(quota, "resetTime"), &reset) == OK)
		w->reset_at = window_moment(reset);
}

static enum err
limits_read(unsigned status, struct str body, struct windows *io,
    struct why *out_why)
{
	struct json *answer;
	enum err e = assist_quota(status, body, &answer, out_why);

	if (e)
		return e;
	for (const struct json *m = json_first(json_at(answer, "models")); m;
	     m = json_next(m))
		take_quota(json_key(m), json_at(m, "quotaInfo"), io);
	json_free(answer);
	return OK;
}

/* --- signing in ------------------------------------------------------------------ */

static enum err
next_ask(const struct oauth_flow *f, const struct oauth_grant *g, unsigned step,
    struct oauth_ask *out)
{
	return assist_next_ask(f, g, metadata, step, out);
}

static const struct oauth oauth = {
	.notice = notice,
	.client_option = CONF_NR_antigravity_client,
	.needs_secret = true,
	.authorize = { "https://accounts.google.com", "/o/oauth2/v2/auth" },
	.token = { "https://oauth2.googleapis.com", "/token" },
	/* Nobody listens there: the address is pasted. */
	.redirect = "http://localhost:51121/oauth-callback",
	.scopes = "https://www.googleapis.com/auth/cloud-platform "
		  "https://www.googleapis.com/auth/userinfo.email "
		  "https://www.googleapis.com/auth/userinfo.profile "
		  "https://www.googleapis.com/auth/cclog "
		  "https://www.googleapis.com/auth/experimentsandconfigs",
	/* Without consent there is no refresh token the second time. */
	.authorize_more = "access_type=offline&prompt=consent",
	.renews = true,
	.next_ask = next_ask,
	.next_read = assist_next_read,
	.limits_ask = limits_ask,
	.limits_read = limits_read,
};

static const struct model_list list = {
	.path = "/v1internal:fetchAvailableModels",
	.in = "models",
	.of_project = true,
};

const struct provider provider_antigravity = {
	.name = "antigravity",
	.label = "Google Antigravity",
	.url = "https://daily-cloudcode-pa.googleapis.com",
	.auth = "bearer",
	.fields = fields,
	.models = models,
	.list = &list,
	.serves = serves,
	.target = target,
	.is_native = is_native,
	.native = "Antigravity",
	.oauth = &oauth,
	.plan = plan,
	.body = assist_body,
	.answer = assist_answer,
	.retry_ms = assist_retry_ms,
	.check = assist_check,
};
