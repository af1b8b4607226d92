/* SPDX-License-Identifier: MIT */
/* params.c - words that were matched, as the parameters of a call. */
#include "relay-tui/params.h"

#include <stdio.h>

#include "relay-tui/content.h"
#include "relay-tui/owner.h"
#include "relay-tui/words.h"

static void
put_fields(struct json_out *j, const struct ctl_match *m)
{
	bool any = false;

	for (unsigned i = 0; i < m->count; i++) {
		if (m->args[i].type != CTL_FIELDS)
			continue;
		if (!any) {
			json_put_key(j, "fields");
			json_open(j, '{');
			any = true;
		}
		json_say(j, m->args[i].name, m->args[i].value);
	}
	if (any)
		json_close(j, '}');
}

static enum err
put_number(struct json_out *j, const struct ctl_arg *a, struct why *out_why)
{
	uint64_t n;

	if (str_u64(a->value, &n) || n > UINT64_C(1) << 53)
		return why_set(out_why, ERR_VALUE, a->name,
		    _("--%s takes a whole number"), a->name);
	json_say_i64(j, a->name, (int64_t)n);
	return OK;
}

/* Only where an owner is given to a key must there be such a person. */
static enum err
put_owner(struct json_out *j, const struct ctl_arg *a, bool chooses,
    struct why *out_why)
{
	char own[OWNER_TEXT];
	enum err e = owner_read(a->value, chooses, own, out_why);

	if (!e)
		json_say(j, a->name, str_of(own));
	return e;
}

static enum err
put_content(struct json_out *j, const struct ctl_arg *a, struct why *out_why)
{
	struct buf packed;
	enum err e;

	buf_init(&packed, CTL_FRAME_MAX);
	e = content_read(a->value, &packed, out_why);
	if (!e)
		json_say(j, a->name, buf_str(&packed));
	buf_fini(&packed);
	return e;
}

/* "user:alice" among "key:...", "tag:..." and others. */
static enum err
put_scope(struct json_out *j, const struct ctl_arg *a, struct why *out_why)
{
	char own[OWNER_TEXT], scope[OWNER_TEXT + 8];
	enum err e;

	if (!str_starts(a->value, STR("user:"))) {
		json_say(j, a->name, a->value);
		return OK;
	}
	e = owner_read(str_skip(a->value, 5), true, own, out_why);
	snprintf(scope, sizeof(scope), "user:%s", e ? "" : own);
	if (!e)
		json_say(j, a->name, str_of(scope));
	return e;
}

static bool
says(const struct ctl_match *m, const char *name, const char *value)
{
	const struct ctl_arg *a = ctl_match_arg(m, name);

	return a && str_eq(a->value, str_of(value));
}

/* Is it a person: --owner, --user, `--by user --name`, `--type user --object`? */
static bool
is_person(const struct ctl_match *m, const struct ctl_arg *a)
{
	return !strcmp(a->name, "owner") || !strcmp(a->name, "user") ||
	    !strcmp(a->name, "owned_by") ||
	    (!strcmp(a->name, "name") && says(m, "by", "user")) ||
	    (!strcmp(a->name, "object") && says(m, "type", "user"));
}

static enum err
put_arg(struct json_out *j, const struct ctl_match *m, const struct ctl_arg *a,
    struct why *out_why)
{
	enum ctl_method method = (enum ctl_method)(m->row - ctl_row(0));
	bool gives =
	    (method == CTL_M_key_create || method == CTL_M_key_set ||
		method == CTL_M_template_add || method == CTL_M_template_set) &&
	    !strcmp(a->name, "owner");

	switch (a->type) {
	case CTL_FLAG:
		json_say_bool(j, a->name, true);
		return OK;
	case CTL_NUMBER:
		return put_number(j, a, out_why);
	case CTL_TEXT:
		if (is_person(m, a))
			return put_owner(j, a, !gives, out_why);
		if (!strcmp(a->name, "scope"))
			return put_scope(j, a, out_why);
		json_say(j, a->name, a->value);
		return OK;
	case CTL_WHEN:
		json_say(j, a->name, a->value);
		return OK;
	case CTL_CONTENT:
		return put_content(j, a, out_why);
	case CTL_SECRET:
	case CTL_FIELDS:
		break;
	}
	return OK;
}

static bool
is_usage(const struct ctl_match *m)
{
	return m->row == ctl_row(CTL_M_usage_show) ||
	    m->row == ctl_row(CTL_M_my_usage);
}

bool
params_have_pages(const struct ctl_row *row)
{
	struct ctl_param param;

	return ctl_param_find(row, STR("cursor"), &param);
}

enum err
params_put(const struct ctl_match *m, struct json_out *j, struct why *out_why)
{
	bool pages = params_have_pages(m->row);
	enum err e = OK;

	for (unsigned i = 0; !e && i < m->count; i++)
		if (!pages ||
		    (strcmp(m->args[i].name, "cursor") != 0 &&
			strcmp(m->args[i].name, "limit") != 0))
			e = put_arg(j, m, &m->args[i], out_why);
	/* Periods of nobody in particular are of all together. */
	if (is_usage(m) && ctl_match_arg(m, "per") && !ctl_match_arg(m, "by"))
		json_say(j, "by", STR("all"));
	put_fields(j, m);
	return e;
}
