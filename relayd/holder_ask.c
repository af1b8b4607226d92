/* SPDX-License-Identifier: MIT */
/* holder_ask.c - the small JSON bodies below /apiStats. */
#include "relayd/holder.h"

static enum err
read_ids(const struct json *ids, struct why *out_why)
{
	struct str id;

	if (json_count(ids) > HOLDER_IDS_MAX)
		return why_set(out_why, ERR_LIMIT, "apiIds",
		    "at most %d keys at once", HOLDER_IDS_MAX);
	for (const struct json *i = json_first(ids); i; i = json_next(i))
		if (json_as_str(i, &id))
			return why_set(out_why, ERR_VALUE, "apiIds",
			    "this must be a list of strings");
	return OK;
}

static enum err
read_members(struct holder_ask *a, struct why *out_why)
{
	struct str period = STR("");
	enum err e = json_may_str(a->root, "apiKey", &a->api_key, out_why);

	if (!e)
		e = json_may_str(a->root, "apiId", &a->api_id, out_why);
	if (!e)
		e = json_may_str(a->root, "period", &period, out_why);
	if (!e)
		e = json_may_str(a->root, "code", &a->code, out_why);
	if (!e)
		e = json_may_bool(a->root, "begin", &a->begin, out_why);
	if (e)
		return e;
	if (str_eq(period, STR("daily")))
		a->period = HOLDER_DAILY;
	else if (str_eq(period, STR("monthly")))
		a->period = HOLDER_MONTHLY;
	else if (str_eq(period, STR("alltime")))
		a->period = HOLDER_ALLTIME;
	else if (period.len)
		return why_set(out_why, ERR_VALUE, "period",
		    "this must be daily, monthly or alltime");
	if (!json_at(a->root, "apiIds"))
		return OK;
	e = json_want_array(a->root, "apiIds", &a->ids, out_why);
	return e ? e : read_ids(a->ids, out_why);
}

enum err
holder_ask_read(struct str body, struct holder_ask *out, struct why *out_why)
{
	struct holder_ask a = { .root = NULL };
	enum err e;

	if (body.len) {
		e = json_parse(body, HOLDER_BODY_MAX, &a.root, out_why);
		if (!e && json_type(a.root) != JSON_OBJECT)
			e = why_set(out_why, ERR_VALUE, "",
			    "an object is expected");
		if (!e)
			e = read_members(&a, out_why);
		if (e) {
			json_free(a.root);
			return e;
		}
	}
	*out = a;
	return OK;
}

void
holder_ask_fini(struct holder_ask *a)
{
	json_free(a->root);
	*a = (struct holder_ask){ .root = NULL };
}
