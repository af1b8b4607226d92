/* SPDX-License-Identifier: MIT */
/* assist_body.c - requests as Code Assist takes them.
 *
 * A plan is one letter for what is to be done, and then what that needs:
 *
 *	w HEAD		HEAD, the client's body, "}"
 *	a HEAD		the same for Antigravity's service
 *	c HEAD		HEAD, the contents to be counted, "}}"
 *	p PROJECT \n PUT \n MODEL
 *			the client's envelope with this project and model in it;
 *			PUT is the member that is made when none names one */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "proto/cursor.h"
#include "proto/enc.h"
#include "proto/json.h"
#include "proto/span.h"

#include "relayd/account.h"
#include "relayd/assist.h"

enum err
assist_target(const struct ask *ask, struct buf *out)
{
	enum err e;

	if (ask->id.len)
		return buf_addf(out, "/v1internal/operations/%.*s",
		    STR_ARG(ask->id));
	e = buf_addf(out, "/v1internal:%.*s", STR_ARG(ask->action));
	if (!e && ask->query.len)
		e = buf_addf(out, "?%.*s", STR_ARG(ask->query));
	return e;
}

/* --- planning ------------------------------------------------------------------ */

/* The model stood in a path, where it may have been escaped. */
static enum err
model_of(const struct ask *ask, struct buf *out)
{
	struct str model = ask->model;

	if (str_starts(model, STR("models/")))
		model = str_skip(model, 7);
	return enc_unpercent(out, model);
}

/* Its clients number their requests so that they can be found again. */
static void
say_request_id(struct json_out *j)
{
	uint8_t random[16];
	char hex[33], text[64];

	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(hex, sizeof(hex), random, sizeof(random));
	snprintf(text, sizeof(text), "agent-%.8s-%.4s-%.4s-%.4s-%.12s", hex,
	    hex + 8, hex + 12, hex + 16, hex + 20);
	json_say(j, "requestId", str_of(text));
}

/* Everything in front of the request, up to and with its key. */
static enum err
put_head(struct str model, struct str project, bool agent,
    const struct account *a, struct buf *out)
{
	struct str name = a->rec.user_agent;
	struct json_out j;
	enum err e;

	json_begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "model", model);
	json_say(&j, "project", project);
	if (agent) {
		say_request_id(&j);
		json_say(&j, "requestType", STR("agent"));
		/* Only who the operator says that we are. */
		name = str_cut(&name, '/');
		if (name.len)
			json_say(&j, "userAgent", name);
	}
	json_close(&j, '}');
	e = json_end(&j);
	if (e)
		return e;
	buf_chop(out, 1);
	return buf_add(out, STR(",\"request\":"));
}

static enum err
put_count_head(struct str model, struct buf *out)
{
	struct buf name;
	struct json_out j;
	enum err e;

	buf_init(&name, 4096);
	e = buf_addf(&name, "models/%.*s", STR_ARG(model));
	if (!e)
		e = buf_add(out, STR("{\"request\":"));
	if (!e) {
		json_begin(&j, out);
		json_open(&j, '{');
		json_say(&j, "model", buf_str(&name));
		json_close(&j, '}');
		e = json_end(&j);
	}
	if (!e)
		buf_chop(out, 1);
	buf_fini(&name);
	return e;
}

static enum err
plan_envelope(const struct account *a, const struct ask *ask, struct buf *out)
{
	const struct assist_method *m = assist_method_find(ask->action);
	struct str project = assist_project(&a->rec);
	const char *put = m && m->put ? m->put : "";

	/* To load is how a client asks which project it has. */
	if (m && m->op == OP_ASSIST && !a->rec.project.len &&
	    strcmp(put, "project") != 0)
		put = "";
	return buf_addf(out, "p%.*s\n%s\n%.*s", STR_ARG(project), put,
	    STR_ARG(ask->renamed ? ask->model : STR("")));
}

enum err
assist_plan(const struct account *a, const struct ask *ask, bool agent,
    struct buf *out, struct why *out_why)
{
	struct str project = assist_project(&a->rec);
	struct buf model;
	enum err e;

	if (!ask->has_body)
		return OK;
	if (!project.len && ask->op != OP_ASSIST)
		return why_set(out_why, ERR_VALUE, "project",
		    "the account that should answer has no project of Google's "
		    "yet; whoever runs this relay can sign in again or name "
		    "one (relayctl account set NAME --project ID)");
	if (ask->enveloped)
		return plan_envelope(a, ask, out);
	buf_init(&model, 4096);
	e = model_of(ask, &model);
	if (!e)
		e = buf_addc(out,
		    ask->op == OP_COUNT_TOKENS ? 'c'
			: agent		       ? 'a'
					       : 'w');
	if (!e)
		e = ask->op == OP_COUNT_TOKENS
		    ? put_count_head(buf_str(&model), out)
		    : put_head(buf_str(&model), project, agent, a, out);
	buf_fini(&model);
	return e ? why_set(out_why, e, "model", "is no name of a model") : OK;
}

/* --- into the envelope ------------------------------------------------------------- */

static enum err
put_wrapped(struct str head, struct str body, struct buf *out)
{
	enum err e = buf_add(out, head);

	if (!e)
		e = buf_add(out, body);
	return e ? e : buf_addc(out, '}');
}

/* Only contents are counted there, and anything else is refused. */
static enum err
put_count(struct str head, struct str body, struct buf *out)
{
	struct str contents = cursor_find(body, STR("contents"));
	enum err e = buf_add(out, head);

	if (!contents.len)
		contents = cursor_find(cursor_find(body,
					   STR("generateContentRequest")),
		    STR("contents"));
	if (!e && contents.len)
		e = buf_add(out, STR(",\"contents\":"));
	if (!e)
		e = buf_add(out, contents);
	return e ? e : buf_add(out, STR("}}"));
}

static enum err
put_member(struct buf *out, bool *io_first, const struct member *m)
{
	enum err e = buf_add(out, *io_first ? STR("\"") : STR(",\""));

	*io_first = false;
	if (!e)
		e = buf_add(out, m->key);
	if (!e)
		e = buf_add(out, STR("\":"));
	return e ? e : buf_add(out, m->value);
}

/* Without the limit of an answer's length, which only models of Claude's may
 * have there. */
static enum err
put_without_limit(struct str config, struct buf *out)
{
	bool first = true;
	struct cursor c;
	struct member m;
	enum err e;

	if (!raw_is_object(config))
		return buf_add(out, config);
	e = buf_addc(out, '{');
	cursor_init(&c, config);
	while (!e && cursor_next(&c, &m))
		if (!member_is(&m, STR("maxOutputTokens")))
			e = put_member(out, &first, &m);
	return e ? e : buf_addc(out, '}');
}

/* Antigravity's service refuses some of what the Gemini API takes
 * (protocols/antigravity.md 3). */
static enum err
put_agent(struct str head, struct str body, struct buf *out)
{
	bool claude =
	    str_find(cursor_find(head, STR("model")), STR("claude")) >= 0;
	bool first = true;
	struct cursor c;
	struct member m;
	enum err e = buf_add(out, head);

	if (!e)
		e = buf_addc(out, '{');
	cursor_init(&c, body);
	while (!e && cursor_next(&c, &m)) {
		struct member empty = { .key = m.key, .value = STR("") };

		if (member_is(&m, STR("safetySettings")) ||
		    member_is(&m, STR("session_id")))
			continue;
		if (claude || !member_is(&m, STR("generationConfig"))) {
			e = put_member(out, &first, &m);
			continue;
		}
		e = put_member(out, &first, &empty);
		if (!e)
			e = put_without_limit(m.value, out);
	}
	return e ? e : buf_add(out, STR("}}"));
}

/* --- in the client's own ------------------------------------------------------------- */

static const struct span_want wants[] = {
	{ "project" },
	{ "cloudaicompanionProject" },
	{ "metadata.duetProject" },
	{ "model" },
	{ "request.model" },
};

enum {
	PROJECTS = 3,
	AT_MODEL = 3,
	AT_COUNTED = 4,
	PLACES = 5,
};

static const struct span *
place_named(const struct scan *scan, struct str name)
{
	for (size_t i = 0; i < PROJECTS; i++)
		if (str_eq(name, str_of(wants[i].path)))
			return &scan->found[i];
	return NULL;
}

static void
sort(struct splice *s, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct splice one = s[i];
		size_t k = i;

		for (; k > 0 && s[k - 1].from > one.from; k--)
			s[k] = s[k - 1];
		s[k] = one;
	}
}

/* The values that change, in the order of their places. */
static size_t
note_places(const struct scan *scan, struct str project, struct str model,
    struct str counted, struct splice s[PLACES])
{
	struct str with[PLACES] = { project, project, project, model, counted };
	size_t n = 0;

	for (size_t i = 0; i < PLACES; i++) {
		const struct span *at = &scan->found[i];

		if (at->type == SPAN_ABSENT || !with[i].len)
			continue;
		s[n++] = (struct splice){ at->from, at->to, with[i] };
	}
	sort(s, n);
	return n;
}

/* {"project":"P", in front of the first member. */
static enum err
put_opening(const struct scan *scan, struct str name, struct str quoted,
    struct str *io_body, struct buf *out)
{
	enum err e = buf_add(out, str_first(*io_body, scan->open));

	if (!e)
		e = buf_addf(out, "\"%.*s\":%.*s%s", STR_ARG(name),
		    STR_ARG(quoted), scan->empty ? "" : ",");
	*io_body = str_skip(*io_body, scan->open);
	return e;
}

static enum err
put_ours(struct str plan, struct str body, const struct scan *scan,
    struct buf *out)
{
	struct str model = plan, project = str_cut(&model, '\n');
	struct str name = str_cut(&model, '\n'), text;
	const struct span *at = place_named(scan, name);
	struct buf quoted[3];
	struct splice s[PLACES];
	size_t n, before = 0;
	enum err e = OK;

	for (size_t i = 0; i < 3; i++)
		buf_init(&quoted[i], 4096);
	/* Neither names of projects nor of rules need escapes. */
	if (project.len)
		e = buf_addf(&quoted[0], "\"%.*s\"", STR_ARG(project));
	if (!e && model.len)
		e = buf_addf(&quoted[1], "\"%.*s\"", STR_ARG(model));
	if (!e && model.len)
		e = buf_addf(&quoted[2], "\"models/%.*s\"", STR_ARG(model));
	n = note_places(scan, buf_str(&quoted[0]), buf_str(&quoted[1]),
	    buf_str(&quoted[2]), s);
	text = body;
	if (!e && project.len && at && at->type == SPAN_ABSENT) {
		e = put_opening(scan, name, buf_str(&quoted[0]), &text, out);
		before = scan->open;
	}
	for (size_t i = 0; i < n; i++) {
		s[i].from -= before;
		s[i].to -= before;
	}
	if (!e)
		e = splice_apply(text, s, n, out);
	for (size_t i = 0; i < 3; i++)
		buf_fini(&quoted[i]);
	return e;
}

static enum err
put_envelope(struct str plan, struct str body, struct buf *out,
    struct why *out_why)
{
	struct scan scan;
	enum err e;

	scan_init(&scan, wants, PLACES);
	e = scan_feed(&scan, body, out_why);
	if (!e)
		e = scan_end(&scan, out_why);
	return e ? e : put_ours(plan, body, &scan, out);
}

enum err
assist_body(struct str plan, struct str body, struct buf *out,
    struct why *out_why)
{
	struct str rest = str_skip(plan, 1);

	switch (plan.at[0]) {
	case 'w':
		return put_wrapped(rest, body, out);
	case 'a':
		return put_agent(rest, body, out);
	case 'c':
		return put_count(rest, body, out);
	default:
		return put_envelope(rest, body, out, out_why);
	}
}
