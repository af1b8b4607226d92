/* SPDX-License-Identifier: MIT */
/* gemini_oauth.c - accounts of Google's Code Assist, signed in to with a
 * Google account (protocols/gemini.md 1 and 2).
 *
 * They serve Gemini CLI, in both of its modes.  Requests of the Gemini API are
 * put into Code Assist's envelope, and what comes back is taken out of it. */
#include "proto/json.h"

#include "relayd/account.h"
#include "relayd/assist.h"
#include "relayd/conf.h"
#include "relayd/provider.h"

static const struct field fields[] = {
	{ .name = "project",
	    .type = FIELD_TEXT,
	    .help = "id of your project at Google Cloud; free accounts need "
		    "none" },
	{ .name = "clients",
	    .type = FIELD_CHOICE,
	    .choices = "native|any",
	    .help = "who is served: Gemini CLI alone (native), or any client "
		    "with a key" },
	{ .name = "auth-url",
	    .type = FIELD_URL,
	    .help = "where to sign in and renew, instead of the provider's "
		    "own addresses" },
	{ .name = NULL },
};

/* Seen in use by Gemini CLI (protocols/clients.md 5.3). */
static const char *const models[] = {
	"gemini-3.1-pro-preview",
	"gemini-3-flash-preview",
	"gemini-3.1-flash-lite",
	"gemini-2.5-pro",
	"gemini-2.5-flash",
	NULL,
};

static const char notice[] =
    "Code Assist is for the person or organisation whose Google account it "
    "is, and Google's terms do not allow other software to use the sign-in "
    "of Gemini CLI, nor to pass on requests of other people; accounts have "
    "been suspended for it. For everything else there are API keys (kind "
    "gemini-api). Sign in only with an account of your own, for your own use "
    "of Gemini CLI, and only if your agreement with Google permits it. The "
    "sign-in runs under the OAuth client that you have named with "
    "google_client in relayd.conf.";

/* For whom it is asked, as Google's own open-source client says it. */
static const char metadata[] =
    "{\"ideType\":\"IDE_UNSPECIFIED\",\"platform\":"
    "\"PLATFORM_UNSPECIFIED\",\"pluginType\":\"GEMINI\"}";

/* --- requests ------------------------------------------------------------------ */

static bool
serves(const struct dialect *dialect, enum op op)
{
	return dialect == &dialect_gemini &&
	    (op == OP_GENERATE || op == OP_COUNT_TOKENS || op == OP_ASSIST);
}

/* "GeminiCLI/0.9 (...)", "GeminiCLI-tui/0.61.0/gemini-2.5-pro (...)" */
static bool
is_native(const struct http1_head *head)
{
	const struct header *f = http1_find(head, STR("user-agent"));
	ptrdiff_t slash;

	if (!f ||
	    (!str_starts(f->value, STR("GeminiCLI/")) &&
		!str_starts(f->value, STR("GeminiCLI-"))))
		return false;
	slash = str_chr(f->value, '/');
	return slash > 0 && (size_t)slash + 1 < f->value.len &&
	    f->value.at[slash + 1] >= '0' && f->value.at[slash + 1] <= '9';
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
	return assist_plan(a, ask, false, out, out_why);
}

/* --- limits ---------------------------------------------------------------------- */

static enum err
limits_ask(const struct oauth_flow *f, struct str token, struct oauth_ask *out)
{
	return assist_ask_about(f, token, "retrieveUserQuota", out);
}

/* {"remainingFraction":0.75,"resetTime":"...","modelId":"gemini-2.5-pro"} */
static void
take_bucket(const struct json *bucket, struct windows *io)
{
	const struct json *left = json_at(bucket, "remainingFraction");
	struct str model, reset;
	struct window *w;

	if (!left || json_type(left) != JSON_NUMBER ||
	    json_as_str(json_at(bucket, "modelId"), &model))
		return;
	w = window_of(io, model);
	if (!w)
		return;
	w->used_ppm = window_share_of(1 - json_as_double(left), 1);
	if (json_as_str(json_at(bucket, "resetTime"), &reset) == OK)
		w->reset_at = window_moment(reset);
	w->told_at = 0;
}

static enum err
limits_read(unsigned status, struct str body, struct windows *io,
    struct why *out_why)
{
	struct json *answer;
	enum err e = assist_quota(status, body, &answer, out_why);

	if (e)
		return e;
	for (const struct json *b = json_first(json_at(answer, "buckets")); b;
	     b = json_next(b))
		take_bucket(b, io);
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
	.client_option = CONF_NR_google_client,
	.needs_secret = true,
	.authorize = { "https://accounts.google.com", "/o/oauth2/v2/auth" },
	.token = { "https://oauth2.googleapis.com", "/token" },
	/* Nobody listens there: the address is pasted. */
	.redirect = "http://127.0.0.1:45289/oauth2callback",
	.scopes = "https://www.googleapis.com/auth/cloud-platform "
		  "https://www.googleapis.com/auth/userinfo.email "
		  "https://www.googleapis.com/auth/userinfo.profile",
	/* Without consent there is no refresh token the second time. */
	.authorize_more = "access_type=offline&prompt=consent",
	.renews = true,
	.next_ask = next_ask,
	.next_read = assist_next_read,
	.import = assist_import,
	.limits_ask = limits_ask,
	.limits_read = limits_read,
};

/* Of what there is a quota. */
static const struct model_list list = {
	.path = "/v1internal:retrieveUserQuota",
	.in = "buckets",
	.name = "modelId",
	.of_project = true,
};

const struct provider provider_gemini_oauth = {
	.name = "gemini-oauth",
	.label = "Google Code Assist (Gemini CLI)",
	.url = "https://cloudcode-pa.googleapis.com",
	.auth = "bearer",
	.fields = fields,
	.models = models,
	.list = &list,
	.serves = serves,
	.target = target,
	.is_native = is_native,
	.native = "Gemini CLI",
	.oauth = &oauth,
	.plan = plan,
	.body = assist_body,
	.answer = assist_answer,
	.retry_ms = assist_retry_ms,
	.check = assist_check,
};
