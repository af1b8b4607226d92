/* SPDX-License-Identifier: MIT */
/* assist_signin.c - after the tokens: who signed in, and with which project
 * they may ask (protocols/gemini.md 2.2).
 *
 * What is to be asked next stands in the grant's note, a letter and what that
 * needs:
 *
 *	r		renew first: tokens of a file are mostly too old
 *	(nothing)	who is that?
 *	l		which project have they?
 *	o TIER		none: let them have one, as that tier
 *	a TIER		the same once more: Antigravity's way of waiting
 *	p NAME		which takes its time: is it done?
 *	d		all is known */
#include "proto/cursor.h"
#include "proto/json.h"

#include "relayd/assist.h"

/* An onboarding that takes longer than this has failed. */
#define STEPS_MAX 16
#define WAIT_MS	  5000
/* Antigravity is asked five times, every two seconds. */
#define AGAIN_MS    2000
#define AGAIN_STEPS 7

static enum err
note(struct oauth_grant *io, char what, struct str more)
{
	buf_clear(&io->note);
	return buf_addf(&io->note, "%c%.*s", what, STR_ARG(more));
}

/* --- asking ---------------------------------------------------------------------- */

static enum err
say_head(struct oauth_ask *out, struct str token)
{
	enum err e = oauth_ask_bearer(out, token);

	if (!e)
		e = oauth_ask_field(out, "Accept", STR("application/json"));
	return e;
}

static enum err
ask_who(const struct oauth_flow *f, struct oauth_ask *out)
{
	out->method = "GET";
	return buf_addf(&out->url, "%.*s/oauth2/v2/userinfo",
	    STR_ARG(f->auth_url.len ? f->auth_url
				    : STR("https://www.googleapis.com")));
}

/* {"metadata":{...}} and, when the operator has one, their project in both of
 * its places. */
static enum err
put_body(const struct oauth_flow *f, const char *metadata, struct str tier,
    struct buf *out)
{
	bool free_tier = str_eq(tier, STR("free-tier"));
	struct json_out j;

	json_begin(&j, out);
	json_open(&j, '{');
	if (tier.len)
		json_say(&j, "tierId", tier);
	/* Free accounts get a project of Google's, and may not name one. */
	if (f->project.len && !free_tier)
		json_say(&j, "cloudaicompanionProject", f->project);
	json_put_key(&j, "metadata");
	json_put_raw(&j, str_of(metadata));
	json_close(&j, '}');
	return json_end(&j);
}

static bool
is_antigravity(const struct oauth_flow *f)
{
	return f->provider == &provider_antigravity;
}

/* "2.9.1" of "antigravity/hub/2.9.1 darwin/arm64", as the operator says it. */
static struct str
version_of(struct str agent)
{
	struct str first = str_cut(&agent, ' '), part = STR("");

	while (first.at)
		part = str_cut(&first, '/');
	return part;
}

/* Antigravity says the same in its own spelling (protocols/antigravity.md 1);
 * a version only where the operator has said one. */
static enum err
ask_antigravity(const struct oauth_flow *f, struct str tier, bool again,
    struct oauth_ask *out)
{
	struct str version = version_of(f->user_agent);
	struct json_out j;
	enum err e;

	out->wait_ms = again ? AGAIN_MS : 0;
	e = buf_addf(&out->url, "%.*s/v1internal:onboardUser",
	    STR_ARG(f->api_url));
	if (!e)
		e = oauth_ask_field(out, "Content-Type",
		    STR("application/json"));
	if (e)
		return e;
	json_begin(&j, &out->body);
	json_open(&j, '{');
	json_say(&j, "tier_id", tier);
	json_put_key(&j, "metadata");
	json_open(&j, '{');
	json_say(&j, "ide_type", STR("ANTIGRAVITY"));
	if (version.len)
		json_say(&j, "ide_version", version);
	json_say(&j, "ide_name", STR("antigravity"));
	json_close(&j, '}');
	json_close(&j, '}');
	return json_end(&j);
}

static enum err
ask_method(const struct oauth_flow *f, const char *method, const char *metadata,
    struct str tier, struct oauth_ask *out)
{
	enum err e = buf_addf(&out->url, "%.*s/v1internal:%s",
	    STR_ARG(f->api_url), method);

	if (!e)
		e = oauth_ask_field(out, "Content-Type",
		    STR("application/json"));
	return e ? e : put_body(f, metadata, tier, &out->body);
}

/* The name is Google's word, and becomes part of an address. */
static enum err
ask_operation(const struct oauth_flow *f, struct str name,
    struct oauth_ask *out)
{
	out->method = "GET";
	out->wait_ms = WAIT_MS;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (c <= ' ' || c >= 0x7f || c == '?' || c == '#' || c == '%')
			return ERR_SYNTAX;
	}
	if (str_find(name, STR("..")) >= 0)
		return ERR_SYNTAX;
	return buf_addf(&out->url, "%.*s/v1internal/%.*s", STR_ARG(f->api_url),
	    STR_ARG(name));
}

enum err
assist_next_ask(const struct oauth_flow *f, const struct oauth_grant *g,
    const char *metadata, unsigned step, struct oauth_ask *out)
{
	struct str more = buf_str(&g->note);
	char what = more.len ? more.at[0] : ' ';
	enum err e;

	more = str_skip(more, 1);
	if (what == 'd')
		return ERR_UNKNOWN;
	if (step >= STEPS_MAX)
		return ERR_TIMEOUT;
	if (what == 'r')
		return oauth_renew(f, buf_str(&g->refresh), out);
	e = say_head(out, buf_str(&g->access));
	if (e)
		return e;
	switch (what) {
	case 'l':
		return ask_method(f, "loadCodeAssist", metadata, STR(""), out);
	case 'a':
		if (step >= AGAIN_STEPS)
			return ERR_TIMEOUT;
		return ask_antigravity(f, more, true, out);
	case 'o':
		if (is_antigravity(f))
			return ask_antigravity(f, more, false, out);
		return ask_method(f, "onboardUser", metadata, more, out);
	case 'p':
		return ask_operation(f, more, out);
	default:
		return ask_who(f, out);
	}
}

/* --- reading ------------------------------------------------------------------------ */

static void
take(struct oauth_grant *io, enum grant_text which, const struct json *value)
{
	struct str text;

	if (value && json_as_str(value, &text) == OK)
		oauth_grant_say(io, which, text);
}

static enum err
read_who(unsigned status, const struct json *answer, struct oauth_grant *io)
{
	/* It is nice to know, and goes without. */
	if (status == 200) {
		take(io, GRANT_subject, json_at(answer, "id"));
		take(io, GRANT_email, json_at(answer, "email"));
	}
	return note(io, 'l', STR(""));
}

/* "some-words-123", or {"id":"some-words-123"}. */
static bool
take_project(const struct json *value, struct oauth_grant *io)
{
	struct str id;

	if (!value ||
	    (json_as_str(value, &id) &&
		json_as_str(json_at(value, "id"), &id)) ||
	    !assist_is_project(id))
		return false;
	oauth_grant_say(io, GRANT_project_found, id);
	return true;
}

static enum err
no_project(const struct json *answer, struct why *out_why)
{
	const struct json *no = json_first(json_at(answer, "ineligibleTiers"));
	struct str reason, url;

	if (no && json_as_str(json_at(no, "validationUrl"), &url) == OK)
		return why_set(out_why, ERR_DENIED, "",
		    "Google wants this account to be verified first: %.*s",
		    STR_ARG(str_first(url, 160)));
	if (no && json_as_str(json_at(no, "reasonMessage"), &reason) == OK)
		return why_set(out_why, ERR_DENIED, "",
		    "Google does not let this account use it: %.*s",
		    STR_ARG(str_first(reason, 160)));
	return why_set(out_why, ERR_VALUE, "project",
	    "this account has no project of its own at Google; name one of "
	    "yours, with the API Gemini for Google Cloud enabled: --project "
	    "ID");
}

/* The tier that is to be asked for: the one that is the default. */
static struct str
first_tier(const struct oauth_flow *f, const struct json *answer)
{
	struct str id =
	    is_antigravity(f) ? STR("free-tier") : STR("legacy-tier");
	bool is_default;

	for (const struct json *t = json_first(json_at(answer, "allowedTiers"));
	     t; t = json_next(t)) {
		is_default = false;
		if (json_as_bool(json_at(t, "isDefault"), &is_default) == OK &&
		    is_default)
			(void)!json_as_str(json_at(t, "id"), &id);
	}
	return id;
}

static enum err
read_load(const struct oauth_flow *f, const struct json *answer,
    struct oauth_grant *io, struct why *out_why)
{
	const struct json *tier = json_at(answer, "currentTier");
	struct str id;

	take(io, GRANT_plan, json_at(tier, "id"));
	take(io, GRANT_plan, json_at(json_at(answer, "paidTier"), "id"));
	if (json_as_str(json_at(tier, "id"), &id) == OK) {
		if (!take_project(json_at(answer, "cloudaicompanionProject"),
			io) &&
		    !f->project.len)
			return no_project(answer, out_why);
		return note(io, 'd', STR(""));
	}
	if (!json_at(answer, "allowedTiers") &&
	    json_at(answer, "ineligibleTiers"))
		return no_project(answer, out_why);
	id = str_first(first_tier(f, answer), 60);
	oauth_grant_say(io, GRANT_plan, id);
	return note(io, 'o', id);
}

static enum err
read_operation(const struct oauth_flow *f, const struct json *answer,
    struct oauth_grant *io, struct why *out_why)
{
	const struct json *said = json_at(answer, "response");
	struct str name, text;
	bool done = false;

	(void)!json_as_bool(json_at(answer, "done"), &done);
	/* It is over, and came to nothing. */
	if (json_at(answer, "error")) {
		if (json_as_str(json_at(json_at(answer, "error"), "message"),
			&text))
			text = STR("it does not say why");
		return why_set(out_why, ERR_DENIED, "",
		    "Google does not let this account use it: %.*s",
		    STR_ARG(str_first(text, 160)));
	}
	if (!done && is_antigravity(f))
		return note(io, 'a', oauth_grant_text(io, GRANT_plan));
	if (!done && json_as_str(json_at(answer, "name"), &name) == OK)
		return note(io, 'p', str_first(name, 200));
	if (!take_project(json_at(said, "cloudaicompanionProject"), io) &&
	    !f->project.len)
		return no_project(answer, out_why);
	return note(io, 'd', STR(""));
}

/* What Google says of a refusal. */
static enum err
refused(unsigned status, const struct json *answer, struct why *out_why)
{
	struct str text = STR("");

	(void)!json_as_str(json_at(json_at(answer, "error"), "message"), &text);
	return why_set(out_why,
	    !status || status == 429 || status >= 500 ? ERR_AGAIN : ERR_DENIED,
	    "", "Code Assist does not tell the account's project (%u)%s%.*s",
	    status, text.len ? ": " : "", STR_ARG(str_first(text, 140)));
}

enum err
assist_next_read(const struct oauth_flow *f, unsigned step, unsigned status,
    struct str body, struct oauth_grant *io, struct why *out_why)
{
	struct str said = buf_str(&io->note);
	char what = said.len ? said.at[0] : ' ';
	struct json *answer = NULL;
	enum err e;

	(void)step;
	if (what == 'r') {
		e = oauth_read(f, status, body, io, out_why);
		if (!e)
			buf_clear(&io->note);
		return e;
	}
	if (json_parse(body, OAUTH_ANSWER_MAX, &answer, NULL))
		answer = NULL;
	if (what == ' ')
		e = read_who(status, answer, io);
	else if (status < 200 || status > 299 || !answer)
		e = refused(status, answer, out_why);
	else if (what == 'l')
		e = read_load(f, answer, io, out_why);
	else
		e = read_operation(f, answer, io, out_why);
	json_free(answer);
	return e;
}

enum err
assist_import(const struct json *file, struct oauth_grant *out,
    struct why *out_why)
{
	struct str access = STR(""), refresh = STR("");

	(void)!json_as_str(json_at(file, "access_token"), &access);
	if (json_as_str(json_at(file, "refresh_token"), &refresh) ||
	    !refresh.len || buf_add(&out->access, access) ||
	    buf_add(&out->refresh, refresh) || note(out, 'r', STR("")))
		return why_set(out_why, ERR_VALUE, "from",
		    "this file of Gemini CLI holds no refresh token; sign in "
		    "there once, or here: relayctl account login gemini-oauth "
		    "NAME");
	return OK;
}
