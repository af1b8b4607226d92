/* SPDX-License-Identifier: MIT */
/* bedrock.c - accounts of AWS Bedrock, for Claude's models: signed requests or
 * an API key of Bedrock, and streams in AWS's frames. */
#include "relayd/bedrock.h"

#include "proto/enc.h"

#include "relayd/account.h"
#include "relayd/provider.h"
#include "relayd/sigv4.h"

/* The one credential is "ACCESS-KEY-ID:SECRET-ACCESS-KEY", with a third part
 * when it is a temporary one; an API key of Bedrock holds no colon. */
static const struct field fields[] = {
	{ .name = "credential",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help = "ACCESS-KEY-ID:SECRET-ACCESS-KEY[:SESSION-TOKEN], or an "
		    "API key of Bedrock" },
	{ .name = "region",
	    .type = FIELD_TEXT,
	    .required = true,
	    .help = "AWS region, for example us-east-1" },
	{ .name = "profile",
	    .type = FIELD_CHOICE,
	    .choices = "us|eu|apac|jp|au|ca|us-gov|global|none",
	    .help = "prefix of inference profiles; empty: the region's, none: "
		    "models are asked for directly" },
	{ .name = NULL },
};

static bool
serves(const struct dialect *dialect, enum op op)
{
	return dialect == &dialect_anthropic &&
	    (op == OP_GENERATE || op == OP_COUNT_TOKENS);
}

static bool
is_region(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!(s.at[i] >= 'a' && s.at[i] <= 'z') &&
		    !(s.at[i] >= '0' && s.at[i] <= '9') && s.at[i] != '-')
			return false;
	return s.len > 0 && s.len < 40;
}

static enum err
check(const struct account_rec *r, struct why *out_why)
{
	if (!is_region(r->region))
		return why_set(out_why, ERR_VALUE, "region",
		    "must be a region of AWS, for example us-east-1");
	return OK;
}

static enum err
check_credential(struct str credential, struct why *out_why)
{
	struct str rest = credential, id = str_cut(&rest, ':');
	struct str secret = str_cut(&rest, ':');

	if (!secret.at && id.len)
		return OK;
	if (!id.len || !secret.len)
		return why_set(out_why, ERR_VALUE, "credential",
		    "must be ACCESS-KEY-ID:SECRET-ACCESS-KEY, or an API key "
		    "of Bedrock");
	return OK;
}

static enum err
origin(const struct account_rec *r, struct buf *out, struct why *out_why)
{
	enum err e = check(r, out_why);

	return e ? e
		 : buf_addf(out, "https://bedrock-runtime.%.*s.amazonaws.com",
		       STR_ARG(r->region));
}

static enum err
target(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	struct buf id;
	enum err e;

	(void)out_why;
	buf_init(&id, 4096);
	e = bedrock_model_id(ask->model, a->rec.region, a->rec.profile, &id);
	if (!e)
		e = buf_add(out, STR("/model/"));
	if (!e)
		e = enc_percent(out, buf_str(&id), "");
	buf_fini(&id);
	if (e)
		return e;
	if (ask->op == OP_COUNT_TOKENS)
		return buf_add(out, STR("/count-tokens"));
	return buf_add(out,
	    ask->stream ? STR("/invoke-with-response-stream") : STR("/invoke"));
}

static enum err
plan(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	(void)a;
	(void)out_why;
	return bedrock_plan(ask->head, ask->model, ask->op == OP_COUNT_TOKENS,
	    out);
}

/* An API key holds no colon. */
static bool
is_signed(const struct account *a)
{
	return str_chr(a->credential, ':') >= 0;
}

/* --- the head ---------------------------------------------------------------------- */

static enum err
put_signature(const struct account *a, const struct ask *ask, struct str target,
    struct str accept, struct buf *out)
{
	struct str rest = a->credential;
	struct str access_key = str_cut(&rest, ':');
	struct str secret_key = str_cut(&rest, ':');
	char date[SIGV4_DATE_SIZE];
	struct sigv4 q = { .access_key = access_key,
		.secret_key = secret_key,
		.region = a->rec.region,
		.service = STR("bedrock"),
		.wall_ms = ask->wall_ms,
		.method = ask->head->method,
		.path = target,
		.body_sha256 = ask->sha256,
		.fields = { { STR("host"), str_of(a->host_field) },
		    { STR("content-type"), STR("application/json") },
		    { STR("accept"), accept },
		    { STR("x-amz-security-token"), rest } },
		.count = rest.len ? 4 : 3 };
	enum err e = OK;

	sigv4_date(ask->wall_ms, date);
	if (rest.len)
		e = http1_put_field(out, STR("X-Amz-Security-Token"), rest);
	if (!e)
		e = http1_put_field(out, STR("X-Amz-Date"), str_of(date));
	if (!e)
		e = buf_add(out, STR("Authorization: "));
	if (!e)
		e = sigv4_sign(&q, out);
	return e ? e : buf_add(out, STR("\r\n"));
}

/* Nothing of the client's: Bedrock knows none of Anthropic's fields, and what
 * is not signed need not be said. */
static enum err
head(const struct account *a, const struct ask *ask, struct str target,
    struct buf *out, struct why *out_why)
{
	struct str accept = ask->stream && ask->op == OP_GENERATE
	    ? STR("application/vnd.amazon.eventstream")
	    : STR("application/json");
	enum err e;

	(void)out_why;
	e = http1_put_field(out, STR("Host"), str_of(a->host_field));
	if (!e)
		e = http1_put_field(out, STR("Content-Type"),
		    STR("application/json"));
	if (!e)
		e = http1_put_field(out, STR("Accept"), accept);
	if (!e)
		e = http1_put_field(out, STR("Accept-Encoding"),
		    STR("identity"));
	if (!e && a->rec.user_agent.len)
		e = http1_put_field(out, STR("User-Agent"), a->rec.user_agent);
	if (!e && is_signed(a))
		e = put_signature(a, ask, target, accept, out);
	else if (!e)
		e = buf_addf(out, "Authorization: Bearer %.*s\r\n",
		    STR_ARG(a->credential));
	if (!e)
		e = http1_put_number(out, STR("Content-Length"), ask->length);
	return e;
}

static const struct reshape_ops *
answer(const struct ask *ask, const struct http1_head *answer)
{
	const struct header *h = http1_find(answer, STR("content-type"));

	if (ask->op == OP_COUNT_TOKENS)
		return &bedrock_count;
	if (h &&
	    str_istarts(h->value, STR("application/vnd.amazon.eventstream")))
		return &bedrock_events;
	return &bedrock_message;
}

const struct provider provider_bedrock = {
	.name = "bedrock",
	.label = "AWS Bedrock (Claude)",
	.auth = "",
	.fields = fields,
	.models = bedrock_models,
	.serves = serves,
	.target = target,
	.plan = plan,
	.body = bedrock_body,
	.signs = is_signed,
	.head = head,
	.answer = answer,
	.refusal = bedrock_refusal,
	.origin = origin,
	.check = check,
	.check_credential = check_credential,
};
