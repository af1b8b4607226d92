/* SPDX-License-Identifier: MIT */
/* error.c - errors and rate-limit headers, as each vendor writes them. */
#include <inttypes.h>
#include <time.h>

#include "tests/upstream/ask.h"
#include "tests/upstream/json.h"

struct word {
	int status;
	const char *anthropic, *openai, *google, *aws, *text;
};

static const struct word words[] = {
	{ 400, "invalid_request_error", "invalid_request_error",
	    "INVALID_ARGUMENT", "ValidationException",
	    "The request is not valid." },
	{ 401, "authentication_error", "invalid_api_key", "UNAUTHENTICATED",
	    "UnrecognizedClientException", "The API key is not valid." },
	{ 402, "billing_error", "insufficient_quota", "FAILED_PRECONDITION",
	    "ValidationException", "There is no credit left." },
	{ 403, "permission_error", "permission_denied", "PERMISSION_DENIED",
	    "AccessDeniedException", "This is not permitted." },
	{ 404, "not_found_error", "not_found", "NOT_FOUND",
	    "ResourceNotFoundException", "There is no such thing." },
	{ 413, "request_too_large", "request_too_large", "INVALID_ARGUMENT",
	    "ValidationException", "The request is too large." },
	{ 429, "rate_limit_error", "rate_limit_exceeded", "RESOURCE_EXHAUSTED",
	    "ThrottlingException", "The rate limit is reached." },
	{ 500, "api_error", "server_error", "INTERNAL",
	    "InternalServerException", "Internal error." },
	{ 503, "api_error", "server_is_overloaded", "UNAVAILABLE",
	    "ServiceUnavailableException", "The service is not available." },
	{ 504, "timeout_error", "timeout", "DEADLINE_EXCEEDED",
	    "ModelTimeoutException", "It took too long." },
	{ 529, "overloaded_error", "server_is_overloaded", "UNAVAILABLE",
	    "ModelNotReadyException", "Overloaded" },
	{ 0, "api_error", "server_error", "UNKNOWN", "InternalServerException",
	    "The practice upstream fails as it was told." },
};

static const struct word *
word_of(int status)
{
	const struct word *w = words;

	while (w->status && w->status != status)
		w++;
	return w;
}

const char *
error_type(const struct ask *q, int status)
{
	const struct word *w = word_of(status);

	if (q->script->errortype)
		return q->script->errortype;
	if (q->dialect == ANTHROPIC)
		return w->anthropic;
	if (q->dialect == GEMINI)
		return w->google;
	if (q->dialect == BEDROCK)
		return w->aws;
	return status == 429 && q->script->reset != NONE ? "usage_limit_reached"
							 : w->openai;
}

const char *
error_message(const struct ask *q, int status)
{
	return q->script->message ? q->script->message : word_of(status)->text;
}

static void
anthropic_error(const struct ask *q, int status, struct buf *b)
{
	buf_must(b, STR("{\"type\":\"error\",\"error\":{\"type\":"));
	json_add_c(b, error_type(q, status));
	buf_must(b, STR(",\"message\":"));
	json_add_c(b, error_message(q, status));
	buf_mustf(b, "},\"request_id\":\"req_practice_%012" PRIu64 "\"}",
	    q->seq);
}

static void
openai_error(const struct ask *q, int status, struct buf *b)
{
	buf_must(b, STR("{\"error\":{\"message\":"));
	json_add_c(b, error_message(q, status));
	buf_must(b, STR(",\"type\":"));
	json_add_c(b, error_type(q, status));
	buf_must(b, STR(",\"param\":null,\"code\":"));
	json_add_c(b, error_type(q, status));
	if (q->script->reset != NONE)
		buf_mustf(b,
		    ",\"plan_type\":\"plus\",\"resets_at\":%" PRId64
		    ",\"resets_in_seconds\":%" PRId64,
		    q->script->reset, q->script->reset - (int64_t)time(NULL));
	buf_must(b, STR("}}"));
}

/* A word with "Per" in it is the name of a quota, not a status. */
static void
google_error(const struct ask *q, int status, struct buf *b)
{
	const char *type = error_type(q, status);
	bool quota = strstr(type, "Per") != NULL;
	const char *comma = "";

	buf_mustf(b, "{\"error\":{\"code\":%d,\"message\":", status);
	json_add_c(b, error_message(q, status));
	buf_must(b, STR(",\"status\":"));
	json_add_c(b, quota ? word_of(status)->google : type);
	buf_must(b, STR(",\"details\":["));
	if (quota) {
		buf_must(b,
		    STR("{\"@type\":\"type.googleapis.com/google.rpc."
			"QuotaFailure\",\"violations\":[{\"quotaMetric\":"
			"\"practice\",\"quotaId\":"));
		json_add_c(b, type);
		buf_must(b, STR("}]}"));
		comma = ",";
	}
	if (q->script->retry_after != NONE)
		buf_mustf(b,
		    "%s{\"@type\":\"type.googleapis.com/google.rpc."
		    "RetryInfo\",\"retryDelay\":\"%" PRId64 "s\"}",
		    comma, q->script->retry_after);
	buf_must(b, STR("]}}"));
}

void
error_answer(const struct ask *q, int status, struct answer *out)
{
	out->status = status;
	answer_header(out, "content-type: application/json");
	limits_add(q, out);
	switch (q->dialect) {
	case ANTHROPIC:
		anthropic_error(q, status, &out->body);
		break;
	case RESPONSES:
	case CHAT:
		openai_error(q, status, &out->body);
		break;
	case GEMINI:
		google_error(q, status, &out->body);
		break;
	case BEDROCK:
		answer_header(out, "x-amzn-errortype: %s",
		    error_type(q, status));
		buf_must(&out->body, STR("{\"message\":"));
		json_add_c(&out->body, error_message(q, status));
		buf_must(&out->body, STR("}"));
		break;
	}
}

static void
anthropic_limits(const struct ask *q, struct answer *out, int64_t reset)
{
	bool full = q->script->status == 429;

	answer_header(out, "anthropic-ratelimit-unified-status: %s",
	    full ? "rejected" : "allowed");
	answer_header(out, "anthropic-ratelimit-unified-reset: %" PRId64,
	    reset);
	answer_header(out,
	    "anthropic-ratelimit-unified-representative-claim: five_hour");
	answer_header(out, "anthropic-ratelimit-unified-5h-status: %s",
	    full ? "rejected" : "allowed");
	answer_header(out, "anthropic-ratelimit-unified-5h-reset: %" PRId64,
	    reset);
	answer_header(out, "anthropic-ratelimit-unified-5h-utilization: %s",
	    full ? "1.0" : "0.25");
	answer_header(out, "anthropic-ratelimit-unified-7d-status: allowed");
	answer_header(out, "anthropic-ratelimit-unified-7d-reset: %" PRId64,
	    reset + 6 * 86400);
	answer_header(out, "anthropic-ratelimit-unified-7d-utilization: 0.59");
	answer_header(out,
	    "anthropic-organization-id: "
	    "00000000-0000-4000-8000-000000000001");
}

static void
openai_limits(const struct ask *q, struct answer *out, int64_t reset)
{
	bool full = q->script->status == 429;

	answer_header(out, "x-ratelimit-limit-requests: 10000");
	answer_header(out, "x-ratelimit-remaining-requests: %d",
	    full ? 0 : 9999);
	answer_header(out, "x-ratelimit-reset-requests: 6ms");
	answer_header(out, "x-ratelimit-limit-tokens: 2000000");
	answer_header(out, "x-ratelimit-remaining-tokens: %d",
	    full ? 0 : 1999000);
	answer_header(out, "x-ratelimit-reset-tokens: 30ms");
	answer_header(out, "openai-organization: org-practice");
	answer_header(out, "openai-processing-ms: 1");
	answer_header(out, "openai-version: 2020-10-01");
	if (q->dialect != RESPONSES)
		return;
	answer_header(out, "x-codex-primary-used-percent: %s",
	    full ? "100" : "25.0");
	answer_header(out, "x-codex-primary-window-minutes: 300");
	answer_header(out, "x-codex-primary-reset-at: %" PRId64, reset);
	answer_header(out, "x-codex-secondary-used-percent: 59.0");
	answer_header(out, "x-codex-secondary-window-minutes: 10080");
	answer_header(out, "x-codex-secondary-reset-at: %" PRId64,
	    reset + 6 * 86400);
	answer_header(out, "x-codex-plan-type: plus");
}

void
limits_add(const struct ask *q, struct answer *out)
{
	int64_t reset =
	    script_num(q->script->reset, (int64_t)time(NULL) + 3 * 3600);

	switch (q->dialect) {
	case ANTHROPIC:
		answer_header(out, "request-id: req_practice_%012" PRIu64,
		    q->seq);
		anthropic_limits(q, out, reset);
		break;
	case RESPONSES:
	case CHAT:
		answer_header(out, "x-request-id: req_practice_%012" PRIu64,
		    q->seq);
		openai_limits(q, out, reset);
		break;
	case GEMINI:
		answer_header(out, "server-timing: gfet4t7; dur=1");
		break;
	case BEDROCK:
		answer_header(out, "x-amzn-requestid: practice-%012" PRIu64,
		    q->seq);
		break;
	}
}
