/* SPDX-License-Identifier: MIT */
/* azure_openai.c - OpenAI's models at Azure: by deployment and dated version,
 * or the v1 API (protocols/azure.md). */
#include "proto/enc.h"

#include "relayd/account.h"
#include "relayd/provider.h"

/* The first GA version that tells the usage of a stream, and the first one
 * with the Responses API (protocols/azure.md 1). */
#define CHAT_VERSION	  "2024-10-21"
#define RESPONSES_VERSION "2025-04-01-preview"

static const struct field fields[] = {
	{ .name = "credential",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help = "API key of the resource" },
	{ .name = "auth",
	    .type = FIELD_CHOICE,
	    .choices = "api-key|bearer",
	    .help = "how the key is sent (api-key)" },
	{ .name = "api-version",
	    .type = FIELD_TEXT,
	    .help = "v1, or a dated version; empty: " CHAT_VERSION
		    ", and for Responses " RESPONSES_VERSION },
	{ .name = "usage-inject",
	    .type = FIELD_FLAG,
	    .help = "Chat streams: ask for the usage, and hide it again from "
		    "callers who did not (yes)" },
	{ .name = NULL },
};

/* What a deployment is called is the operator's: see the account's models. */
static const char *const models[] = { NULL };

static bool
serves(const struct dialect *dialect, enum op op)
{
	return (dialect == &dialect_openai_responses && op == OP_GENERATE) ||
	    (dialect == &dialect_openai_chat &&
		(op == OP_GENERATE || op == OP_EMBED));
}

static bool
is_version(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!(s.at[i] >= 'a' && s.at[i] <= 'z') &&
		    !(s.at[i] >= '0' && s.at[i] <= '9') && s.at[i] != '-')
			return false;
	return s.len <= 40;
}

static enum err
check(const struct account_rec *r, struct why *out_why)
{
	if (!is_version(r->api_version))
		return why_set(out_why, ERR_VALUE, "api-version",
		    "must be v1 or a version such as " CHAT_VERSION);
	return OK;
}

/* People paste the endpoint, or what some client wants: the endpoint with
 * /openai or /openai/v1 behind it. */
static const char *
prefix_behind(struct str base, bool v1)
{
	if (str_ends(base, STR("/openai/v1")))
		return "";
	if (str_ends(base, STR("/openai")))
		return v1 ? "/v1" : "";
	return v1 ? "/openai/v1" : "/openai";
}

static const char *
path_of(const struct ask *ask)
{
	if (ask->dialect == &dialect_openai_responses)
		return "/responses";
	return ask->op == OP_EMBED ? "/embeddings" : "/chat/completions";
}

static enum err
target(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	struct str base = str_of(a->base), version = a->rec.api_version;
	bool v1 =
	    str_eq(version, STR("v1")) || str_ends(base, STR("/openai/v1"));
	bool responses = ask->dialect == &dialect_openai_responses;
	enum err e;

	(void)out_why;
	e = buf_add(out, str_of(prefix_behind(base, v1)));
	if (!e && !v1 && !responses) {
		e = buf_add(out, STR("/deployments/"));
		if (!e)
			e = enc_percent(out, ask->model, "");
	}
	if (!e)
		e = buf_add(out, str_of(path_of(ask)));
	if (!e && !v1) {
		if (!version.len)
			version = responses ? STR(RESPONSES_VERSION)
					    : STR(CHAT_VERSION);
		e = buf_addf(out, "?api-version=%.*s", STR_ARG(version));
	}
	return e;
}

const struct provider provider_azure_openai = {
	.name = "azure-openai",
	.label = "Azure OpenAI",
	.auth = "api-key",
	.fields = fields,
	.models = models,
	.serves = serves,
	.target = target,
	.check = check,
};
