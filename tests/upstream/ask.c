/* SPDX-License-Identifier: MIT */
/* ask.c - reads what a request asks for: route, model, the last words of the
 * user, the result of a tool. */
#include "tests/upstream/ask.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/enc.h"
#include "proto/mem.h"

#include "tests/upstream/json.h"
#include "tests/upstream/reply.h"
#include "tests/upstream/rules.h"

struct row {
	struct str method, suffix;
	enum dialect dialect;
	void (*answer)(const struct ask *q, struct answer *out);
	const char *name;
};

static const struct row rows[] = {
	{ .name = "none" },
#define X(name_, method_, suffix_, dialect_, answer_)                          \
	{ .name = #name_,                                                      \
		.method = { (method_), sizeof(method_) - 1 },                  \
		.suffix = { (suffix_), sizeof(suffix_) - 1 },                  \
		.dialect = (dialect_),                                         \
		.answer = (answer_) },
#include "tests/upstream/routes.def"
#undef X
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* A list of models is at the same path for everybody. */
static enum dialect
list_dialect(const struct request *req)
{
	if (http_header(req, STR("anthropic-version")).at)
		return ANTHROPIC;
	if (str_find(req->path, STR("/v1beta")) >= 0 ||
	    http_header(req, STR("x-goog-api-key")).at)
		return GEMINI;
	return http_query(req, STR("client_version")).at ? RESPONSES : CHAT;
}

enum route
route_of(const struct request *req, enum dialect *out_dialect)
{
	struct str path = req->path;

	while (str_ends(path, STR("/")))
		path.len--;
	for (size_t i = 1; i < ROWS; i++) {
		if (!str_ends(path, rows[i].suffix) ||
		    !str_eq(req->method, rows[i].method))
			continue;
		*out_dialect =
		    i == ROUTE_MODELS ? list_dialect(req) : rows[i].dialect;
		return (enum route)i;
	}
	*out_dialect = list_dialect(req);
	return ROUTE_NONE;
}

const char *
route_name(enum route route)
{
	return rows[route].name;
}

/* What a client adds in the user's name is not what the user said. */
static void
set_said(struct ask *q, const char *text)
{
	if (!text || str_starts(str_of(text), STR("<system-reminder>")) ||
	    str_starts(str_of(text), STR("<environment_context>")))
		return;
	free(q->said);
	q->said = xstrdup(text);
	free(q->tool_result);
	q->tool_result = NULL;
}

/* A tool answers with a text, with a list of blocks, or (Google) with an
 * object. */
static void
set_result(struct ask *q, const cJSON *value)
{
	const cJSON *each;
	const char *text;
	struct buf all;

	free(q->tool_result);
	if (!cJSON_IsArray(value)) {
		q->tool_result = cJSON_IsString(value)
		    ? xstrdup(value->valuestring)
		    : cJSON_PrintUnformatted(value);
		if (!q->tool_result)
			q->tool_result = xstrdup("");
		return;
	}
	buf_init(&all, HTTP_MAX_BODY);
	cJSON_ArrayForEach(each, value)
	{
		text = json_string(each, "text");
		buf_must(&all, str_of(text ? text : ""));
	}
	q->tool_result = buf_take(&all, NULL);
}

/* The blocks of one message, in any of the dialects. */
static void
read_blocks(struct ask *q, const cJSON *blocks)
{
	const cJSON *each, *called;
	const char *type;

	cJSON_ArrayForEach(each, blocks)
	{
		type = json_string(each, "type");
		called = cJSON_GetObjectItem(each, "functionResponse");
		if (type && !strcmp(type, "tool_result"))
			set_result(q, cJSON_GetObjectItem(each, "content"));
		else if (called)
			set_result(q, cJSON_GetObjectItem(called, "response"));
		else
			set_said(q, json_string(each, "text"));
	}
}

static void
read_message(struct ask *q, const cJSON *message)
{
	const char *type = json_string(message, "type");
	const char *role = json_string(message, "role");
	const cJSON *content = cJSON_GetObjectItem(message, "content");

	if (type && str_ends(str_of(type), STR("_call_output"))) {
		set_result(q, cJSON_GetObjectItem(message, "output"));
		return;
	}
	if (role && !strcmp(role, "tool")) {
		set_result(q, content);
		return;
	}
	if (role && strcmp(role, "user") != 0 && strcmp(role, "function") != 0)
		return;
	if (!content)
		content = cJSON_GetObjectItem(message, "parts");
	if (cJSON_IsString(content))
		set_said(q, content->valuestring);
	else
		read_blocks(q, content);
}

static void
read_conversation(struct ask *q)
{
	static const char *const lists[] = { "messages", "input", "contents" };
	const cJSON *list, *each;

	for (size_t i = 0; i < 3; i++) {
		list = cJSON_GetObjectItem(q->inner, lists[i]);
		if (cJSON_IsString(list))
			set_said(q, list->valuestring);
		if (!cJSON_IsArray(list))
			continue;
		cJSON_ArrayForEach(each, list)
		{
			read_message(q, each);
		}
	}
}

/* Whether the request offers the tool, and as what: looked for by its name
 * anywhere, because every dialect keeps its tools elsewhere. */
static bool
offers_tool(const cJSON *at, const char *name, int depth, bool *out_custom)
{
	const cJSON *each;
	const char *found = json_string(at, "name");
	const char *type = json_string(at, "type");

	if (found && !strcmp(found, name) &&
	    (!type ||
		(strcmp(type, "function_call") != 0 &&
		    strcmp(type, "custom_tool_call") != 0 &&
		    strcmp(type, "tool_use") != 0 &&
		    strcmp(type, "namespace") != 0))) {
		*out_custom = type && !strcmp(type, "custom");
		return true;
	}
	if (depth == 8)
		return false;
	cJSON_ArrayForEach(each, at)
	{
		if (offers_tool(each, name, depth + 1, out_custom))
			return true;
	}
	return false;
}

/* A piece of a path without its percents. */
static char *
path_text(struct str piece)
{
	struct buf text;
	char *copy;

	buf_init(&text, piece.len + 1);
	copy = enc_unpercent(&text, piece)
	    ? xmemdup(piece.at, piece.len)
	    : xmemdup(buf_str(&text).at, buf_len(&text));
	buf_fini(&text);
	return copy;
}

/* From the body, or from the path. */
static void
read_model(struct ask *q)
{
	const char *in_body = json_string(q->root, "model");
	struct str in_path = request_path_model(q->req);

	if (in_body)
		q->model = xstrdup(in_body);
	else if (in_path.len)
		q->model = path_text(in_path);
	else
		q->model = xstrdup("practice-1");
}

void
ask_read(struct ask *q, struct str body)
{
	const cJSON *item;

	q->root = body.len ? cJSON_ParseWithLength(body.at, body.len) : NULL;
	q->inner = q->root;
	if (str_find(q->req->path, STR("/v1internal:")) >= 0) {
		q->wrapped = true;
		item = cJSON_GetObjectItem(q->root, "request");
		q->inner = item ? item : q->root;
	}
	read_model(q);
	q->stream = cJSON_IsTrue(cJSON_GetObjectItem(q->root, "stream"));
	read_conversation(q);
	if (q->said)
		script_strip(q->said);
	if (q->script->tool && !q->tool_result)
		q->call_tool = offers_tool(q->root, q->script->tool, 0,
		    &q->tool_is_custom);
	reply_make(q, body.len);
}

void
ask_fini(struct ask *q)
{
	cJSON_Delete(q->root);
	free(q->model);
	free(q->said);
	free(q->tool_result);
	free(q->text);
}

/* Token end points take forms too. */
static bool
needs_json(enum route route)
{
	return str_eq(rows[route].method, STR("POST")) &&
	    route != ROUTE_TOKEN_CLAUDE && route != ROUTE_TOKEN_CODEX &&
	    route != ROUTE_TOKEN_GOOGLE && route != ROUTE_DEVICE &&
	    route != ROUTE_TOKEN_DEVICE;
}

void
ask_answer(struct ask *q, struct answer *out)
{
	int64_t status = script_num(q->script->status, 200);

	if (q->script->body) {
		out->status = (int)status;
		answer_header(out, "content-type: application/json");
		limits_add(q, out);
		buf_must(&out->body, str_of(q->script->body));
		return;
	}
	if (status >= 300 || status < 200) {
		error_answer(q, (int)status, out);
		return;
	}
	out->status = (int)status;
	if (q->route == ROUTE_NONE) {
		error_answer(q, 404, out);
		return;
	}
	if (needs_json(q->route) && !q->root) {
		error_answer(q, 400, out);
		return;
	}
	limits_add(q, out);
	rows[q->route].answer(q, out);
}
