/* SPDX-License-Identifier: MIT */
/* assist.c - what Code Assist can be asked, and for whose project. */
#include "relayd/assist.h"

#include "proto/json.h"

#include "relayd/account.h"

#define PROJECT_MAX 100

static const struct assist_method methods[] = {
#define X(name_, op_, http_, put_)                                             \
	{ .name = #name_, .op = OP_##op_, .http = (http_), .put = (put_) },
#include "relayd/assist_method.def"
#undef X
};

const struct assist_method *
assist_method_find(struct str name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (str_eq(name, str_of(methods[i].name)))
			return &methods[i];
	return NULL;
}

struct str
assist_project(const struct account_rec *r)
{
	return r->project.len ? r->project : r->project_found;
}

/* Ids, not numbers: those are refused.  Domains stand in front of some, with a
 * colon. */
bool
assist_is_project(struct str s)
{
	bool any = false;

	if (!s.len || s.len > PROJECT_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		any = any || letter;
		if (!letter && !(c >= '0' && c <= '9') && c != '-' &&
		    c != '_' && c != '.' && c != ':')
			return false;
	}
	return any;
}

enum err
assist_check(const struct account_rec *r, struct why *out_why)
{
	if (!r->project.len || assist_is_project(r->project))
		return OK;
	return why_set(out_why, ERR_VALUE, "project",
	    "must be the id of a project of Google Cloud, for example "
	    "some-words-123; its number will not do");
}

enum err
assist_ask_about(const struct oauth_flow *f, struct str token,
    const char *method, struct oauth_ask *out)
{
	struct json_out j;
	enum err e;

	e = buf_addf(&out->url, "%.*s/v1internal:%s", STR_ARG(f->api_url),
	    method);
	if (!e)
		e = oauth_ask_bearer(out, token);
	if (!e)
		e = oauth_ask_field(out, "Content-Type",
		    STR("application/json"));
	if (e)
		return e;
	json_begin(&j, &out->body);
	json_open(&j, '{');
	json_say(&j, "project", f->project);
	json_close(&j, '}');
	return json_end(&j);
}

enum err
assist_quota(unsigned status, struct str body, struct json **out,
    struct why *out_why)
{
	if (status < 200 || status > 299)
		return why_set(out_why,
		    status == 429 || status >= 500 ? ERR_AGAIN : ERR_VALUE, "",
		    "the provider does not tell the limits just now (%u)",
		    status);
	if (json_parse(body, OAUTH_ANSWER_MAX, out, NULL))
		return why_set(out_why, ERR_SYNTAX, "",
		    "the answer is no JSON");
	return OK;
}
