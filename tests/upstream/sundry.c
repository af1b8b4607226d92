/* SPDX-License-Identifier: MIT */
/* sundry.c - the small calls around the big ones: lists of models, token
 * end points, the start-up calls of Code Assist. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/upstream/ask.h"
#include "tests/upstream/grants.h"
#include "tests/upstream/json.h"
#include "tests/upstream/rules.h"

static void
answer_json(struct answer *a, struct str json)
{
	answer_header(a, "content-type: application/json");
	buf_must(&a->body, json);
}

void
models_list(const struct ask *q, struct answer *a)
{
	switch (q->dialect) {
	case ANTHROPIC:
		answer_json(a,
		    STR("{\"data\":[{\"type\":\"model\",\"id\":"
			"\"claude-opus-4-8\",\"display_name\":\"Claude Opus "
			"4.8\",\"created_at\":\"2026-01-01T00:00:00Z\"},"
			"{\"type\":\"model\",\"id\":\"claude-sonnet-5\","
			"\"display_name\":\"Claude Sonnet 5\",\"created_at\":"
			"\"2026-01-01T00:00:00Z\"}],\"has_more\":false,"
			"\"first_id\":\"claude-opus-4-8\",\"last_id\":"
			"\"claude-sonnet-5\"}"));
		return;
	case RESPONSES:
		answer_json(a, STR("{\"models\":[]}"));
		return;
	case GEMINI:
		answer_json(a,
		    STR("{\"models\":[{\"name\":\"models/gemini-2.5-pro\","
			"\"version\":\"2.5\",\"displayName\":\"Gemini 2.5 "
			"Pro\",\"inputTokenLimit\":1048576,"
			"\"outputTokenLimit\":65536,"
			"\"supportedGenerationMethods\":[\"generateContent\","
			"\"countTokens\"]}]}"));
		return;
	case CHAT:
	case BEDROCK:
		break;
	}
	answer_json(a,
	    STR("{\"object\":\"list\",\"data\":[{\"id\":\"gpt-5.5\","
		"\"object\":\"model\",\"created\":1767225600,\"owned_by\":"
		"\"practice\"},{\"id\":\"gpt-6.1-sol\",\"object\":\"model\","
		"\"created\":1767225600,\"owned_by\":\"practice\"}]}"));
}

/* Without a book each refresh gives new tokens all the same, so that a test sees
 * which one is used.  False: the answer is a refusal. */
static bool
grant(const struct ask *q, struct answer *a, const char *prefix,
    struct granted *out, char room[2][64])
{
	if (q->grants)
		return grants_token(q, a, out);
	snprintf(room[0], 64, "%s%" PRIu64, prefix, q->seq);
	snprintf(room[1], 64, "practice-refresh-%" PRIu64, q->seq);
	*out = (struct granted){ .access = room[0],
		.refresh = room[1],
		.login = "practice",
		.scope = "user:inference user:profile",
		.life_s = script_num(q->script->life_s, 28800) };
	return true;
}

void
token_claude(const struct ask *q, struct answer *a)
{
	struct granted g;
	char room[2][64];

	if (!grant(q, a, "sk-ant-oat01-practice-", &g, room))
		return;
	answer_header(a, "content-type: application/json");
	buf_mustf(&a->body,
	    "{\"token_type\":\"Bearer\",\"access_token\":\"%s\","
	    "\"expires_in\":%" PRId64 ",\"refresh_token\":\"%s\",\"scope\":"
	    "\"%s\",\"organization\":{\"uuid\":\"00000000-0000-4000-8000-"
	    "000000000001\",\"name\":\"Practice\"},\"account\":{\"uuid\":"
	    "\"subject-of-%s\",\"email_address\":\"%s@example.org\"}}",
	    g.access, g.life_s, g.refresh, g.scope, g.login, g.login);
}

/* The id_token's payload: {"sub":"practice","email":"practice@example.org",
 * "https://api.openai.com/auth":{"chatgpt_account_id":"acct-practice",
 * "chatgpt_plan_type":"plus"}}; nobody verifies its signature. */
void
token_openai(const struct ask *q, struct answer *a)
{
	struct granted g;
	char room[2][64];

	if (!grant(q, a, "practice-access-", &g, room))
		return;
	answer_header(a, "content-type: application/json");
	buf_mustf(&a->body,
	    "{\"token_type\":\"Bearer\",\"access_token\":\"%s\","
	    "\"expires_in\":%" PRId64 ",\"refresh_token\":\"%s\","
	    "\"id_token\":\"eyJhbGciOiJub25lIn0."
	    "eyJzdWIiOiJwcmFjdGljZSIsImVtYWlsIjoicHJhY3RpY2VAZXhhbXBsZS5vcmci"
	    "LCJodHRwczovL2FwaS5vcGVuYWkuY29tL2F1dGgiOnsiY2hhdGdwdF9hY2NvdW50"
	    "X2lkIjoiYWNjdC1wcmFjdGljZSIsImNoYXRncHRfcGxhbl90eXBlIjoicGx1cyJ9"
	    "fQ.cHJhY3RpY2U\"}",
	    g.access, g.life_s, g.refresh);
}

void
token_google(const struct ask *q, struct answer *a)
{
	struct granted g;
	char room[2][64];

	if (!grant(q, a, "ya29.practice-", &g, room))
		return;
	answer_header(a, "content-type: application/json");
	buf_mustf(&a->body,
	    "{\"token_type\":\"Bearer\",\"access_token\":\"%s\","
	    "\"expires_in\":%" PRId64 ",\"refresh_token\":\"%s\","
	    "\"scope\":\"https://www.googleapis.com/auth/cloud-platform\"}",
	    g.access, g.life_s, g.refresh);
}

void
token_workos(const struct ask *q, struct answer *a)
{
	struct granted g;
	char room[2][64];

	if (!grant(q, a, "practice-access-", &g, room))
		return;
	answer_header(a, "content-type: application/json");
	buf_mustf(&a->body,
	    "{\"access_token\":\"%s\",\"expires_in\":%" PRId64
	    ",\"refresh_token\":\"%s\",\"user\":{\"id\":\"subject-of-%s\","
	    "\"email\":\"%s@example.org\"}}",
	    g.access, g.life_s, g.refresh, g.login, g.login);
}

void
factory_org(const struct ask *q, struct answer *a)
{
	(void)q;
	answer_json(a, STR("{\"workosOrgIds\":[\"\",\"org_practice\"]}"));
}

void
claude_profile(const struct ask *q, struct answer *a)
{
	const char *login = grants_login(q->grants, request_credential(q->req));

	answer_header(a, "content-type: application/json");
	buf_mustf(&a->body,
	    "{\"account\":{\"uuid\":\"subject-of-%s\",\"email\":"
	    "\"%s@example.org\",\"full_name\":\"Practice\","
	    "\"display_name\":\"Practice\",\"has_claude_max\":true,"
	    "\"has_claude_pro\":false},\"organization\":{\"uuid\":"
	    "\"00000000-0000-4000-8000-000000000001\",\"name\":"
	    "\"Practice\",\"billing_type\":\"practice\","
	    "\"rate_limit_tier\":\"practice\",\"organization_type\":"
	    "\"claude_max\"}}",
	    login, login);
}

void
claude_usage(const struct ask *q, struct answer *a)
{
	(void)q;
	answer_json(a,
	    STR("{\"five_hour\":{\"utilization\":25.0,\"resets_at\":"
		"\"2030-01-01T05:00:00.000000+00:00\"},\"seven_day\":"
		"{\"utilization\":59.0,\"resets_at\":"
		"\"2030-01-07T00:00:00.000000+00:00\"},\"seven_day_opus\":"
		"null,\"seven_day_sonnet\":null,\"limits\":[{\"kind\":"
		"\"session\",\"group\":\"session\",\"percent\":25,"
		"\"severity\":\"normal\",\"resets_at\":"
		"\"2030-01-01T05:00:00.000000+00:00\",\"scope\":null,"
		"\"is_active\":true}]}"));
}

void
openai_usage(const struct ask *q, struct answer *a)
{
	(void)q;
	answer_json(a,
	    STR("{\"user_id\":\"practice\",\"account_id\":\"acct-practice\","
		"\"email\":\"practice@example.org\",\"plan_type\":\"plus\","
		"\"rate_limit\":{\"allowed\":true,\"limit_reached\":false,"
		"\"primary_window\":{\"used_percent\":25,"
		"\"limit_window_seconds\":18000,\"reset_after_seconds\":3600,"
		"\"reset_at\":1893474000},\"secondary_window\":null}}"));
}

void
assist_load(const struct ask *q, struct answer *a)
{
	(void)q;
	answer_json(a,
	    STR("{\"currentTier\":{\"id\":\"standard-tier\",\"name\":"
		"\"Practice\",\"description\":\"The practice upstream\","
		"\"userDefinedCloudaicompanionProject\":false},"
		"\"allowedTiers\":[{\"id\":\"standard-tier\",\"name\":"
		"\"Practice\",\"isDefault\":true}],"
		"\"cloudaicompanionProject\":\"practice-project-1\"}"));
}

void
assist_onboard(const struct ask *q, struct answer *a)
{
	(void)q;
	answer_json(a,
	    STR("{\"name\":\"operations/practice\",\"done\":true,"
		"\"response\":{\"cloudaicompanionProject\":{\"id\":"
		"\"practice-project-1\",\"name\":\"practice-project-1\"}}}"));
}

void
assist_quota(const struct ask *q, struct answer *a)
{
	(void)q;
	answer_json(a,
	    STR("{\"buckets\":[{\"remainingFraction\":0.75,\"tokenType\":"
		"\"REQUESTS\",\"modelId\":\"gemini-2.5-pro\","
		"\"resetTime\":\"2030-01-01T00:00:00Z\"}]}"));
}

void
assist_experiments(const struct ask *q, struct answer *a)
{
	(void)q;
	answer_json(a, STR("{\"experimentIds\":[],\"flags\":[]}"));
}

void
assist_empty(const struct ask *q, struct answer *a)
{
	(void)q;
	answer_json(a, STR("{}"));
}

void
assist_setting(const struct ask *q, struct answer *a)
{
	(void)q;
	answer_json(a, STR("{\"freeTierDataCollectionOptin\":false}"));
}

void
assist_models(const struct ask *q, struct answer *a)
{
	(void)q;
	answer_json(a,
	    STR("{\"models\":{\"gemini-3-flash\":{\"quotaInfo\":"
		"{\"remainingFraction\":0.5,\"resetTime\":"
		"\"2030-01-01T00:00:00Z\"}},\"gemini-3.1-pro-low\":"
		"{\"quotaInfo\":{\"remainingFraction\":0.9}},"
		"\"gemini-pro-agent\":{\"quotaInfo\":{\"remainingFraction\":"
		"0.25,\"resetTime\":\"2030-01-02T00:00:00Z\"}},"
		"\"claude-sonnet-4-6\":{\"quotaInfo\":{\"remainingFraction\":"
		"1}}}}"));
}

void
google_userinfo(const struct ask *q, struct answer *a)
{
	const char *login = grants_login(q->grants, request_credential(q->req));

	answer_header(a, "content-type: application/json");
	buf_mustf(&a->body,
	    "{\"id\":\"subject-of-%s\",\"email\":\"%s@example.org\","
	    "\"verified_email\":true,\"name\":\"Practice\"}",
	    login, login);
}
