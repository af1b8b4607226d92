/* SPDX-License-Identifier: MIT */
/* rules.c - the global script: which requests get which keys. */
#include "tests/upstream/rules.h"

#include <stdlib.h>

#include "tests/upstream/json.h"

void
rules_fini(struct rules *r)
{
	cJSON_Delete(r->list);
	r->list = NULL;
}

int
rules_count(const struct rules *r)
{
	return cJSON_GetArraySize(r->list);
}

/* The keys of a rule as text: it may be written as an object. */
static char *
text_of(const cJSON *keys)
{
	const cJSON *object = cJSON_IsObject(keys) ? keys : NULL, *each;
	struct buf b;
	char *value;

	buf_init(&b, (size_t)64 * 1024 * 1024);
	if (cJSON_IsString(keys))
		buf_must(&b, str_of(keys->valuestring));
	cJSON_ArrayForEach(each, object)
	{
		value =
		    cJSON_IsString(each) ? NULL : cJSON_PrintUnformatted(each);
		buf_mustf(&b, "%s=%s;", each->string,
		    value ? value : each->valuestring);
		free(value);
	}
	return buf_take(&b, NULL);
}

static const char *
check(const cJSON *list)
{
	const cJSON *rule;
	const char *why = NULL;
	struct script s;
	char *text;

	if (!cJSON_IsArray(list))
		return "rules is no list";
	cJSON_ArrayForEach(rule, list)
	{
		if (!cJSON_GetObjectItem(rule, "do"))
			return "a rule without do";
		text = text_of(cJSON_GetObjectItem(rule, "do"));
		script_init(&s);
		script_add(&s, str_of(text));
		if (s.unknown[0])
			why = "a rule with an unknown key";
		script_fini(&s);
		free(text);
	}
	return why;
}

enum err
rules_set(struct rules *r, struct str json, const char **out_why)
{
	cJSON *root = cJSON_ParseWithLength(json.at ? json.at : "", json.len);
	const char *why;

	why = root ? check(cJSON_GetObjectItem(root, "rules")) : "not JSON";
	if (why) {
		*out_why = why;
		cJSON_Delete(root);
		return ERR_VALUE;
	}
	rules_fini(r);
	r->list = cJSON_DetachItemFromObject(root, "rules");
	cJSON_Delete(root);
	return OK;
}

struct str
request_credential(const struct request *req)
{
	struct str value = http_header(req, STR("authorization"));

	if (value.at)
		return str_istarts(value, STR("bearer "))
		    ? str_trim(str_skip(value, 7))
		    : value;
	value = http_header(req, STR("x-api-key"));
	if (!value.at)
		value = http_header(req, STR("x-goog-api-key"));
	if (!value.at)
		value = http_header(req, STR("api-key"));
	return value.at ? value : http_query(req, STR("key"));
}

/* .../models/NAME:method of Google, .../model/NAME/method of AWS. */
struct str
request_path_model(const struct request *req)
{
	struct str rest = req->path;
	ptrdiff_t at;

	if ((at = str_find(rest, STR("/models/"))) >= 0) {
		rest = str_skip(rest, (size_t)at + 8);
		return str_cut(&rest, ':');
	}
	if ((at = str_find(rest, STR("/model/"))) >= 0) {
		rest = str_skip(rest, (size_t)at + 7);
		return str_cut(&rest, '/');
	}
	return (struct str){ NULL, 0 };
}

/* The model as it is written, without reading the whole body as JSON. */
static struct str
model_of(const struct request *req)
{
	struct str rest = request_path_model(req);
	ptrdiff_t at;

	if (rest.at)
		return rest;
	at = str_find(req->body, STR("\"model\""));
	if (at < 0)
		return (struct str){ NULL, 0 };
	rest = str_skip(req->body, (size_t)at + 7);
	(void)str_cut(&rest, '"');
	return rest.at ? str_cut(&rest, '"') : rest;
}

static bool
matches(const cJSON *rule, const struct request *req)
{
	const char *path = json_string(rule, "path");
	const char *model = json_string(rule, "model");
	const char *credential = json_string(rule, "credential");
	const cJSON *times = cJSON_GetObjectItem(rule, "times");

	if (cJSON_IsNumber(times) && times->valueint <= 0)
		return false;
	if (path && !str_glob(req->path, str_of(path)))
		return false;
	if (model && !str_glob(model_of(req), str_of(model)))
		return false;
	return !credential ||
	    str_eq(request_credential(req), str_of(credential));
}

void
rules_apply(struct rules *r, const struct request *req, struct script *s)
{
	cJSON *rule, *times;
	char *text;

	cJSON_ArrayForEach(rule, r->list)
	{
		if (!matches(rule, req))
			continue;
		times = cJSON_GetObjectItem(rule, "times");
		if (times && cJSON_IsNumber(times))
			cJSON_SetNumberValue(times, times->valueint - 1);
		text = text_of(cJSON_GetObjectItem(rule, "do"));
		script_add(s, str_of(text));
		free(text);
		return;
	}
}
