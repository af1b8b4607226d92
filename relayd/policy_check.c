/* SPDX-License-Identifier: MIT */
/* policy_check.c - may a key have that policy?  What is malformed, unknown, or
 * can never matter is refused, with an example of what would be right. */
#include <stdio.h>

#include "relayd/policy.h"

#define NAME_MAX_LEN 256

/* --- lists ----------------------------------------------------------------- */

static enum err
check_size(struct str list, const char *field, struct why *out_why)
{
	struct str rest = list, item;
	size_t n = 0;

	while (str_list_next(&rest, &item))
		n++;
	if (list.len > POLICY_TEXT_MAX || n > POLICY_ITEMS_MAX)
		return why_set(out_why, ERR_LIMIT, field,
		    "a list has at most %d members and %d bytes",
		    POLICY_ITEMS_MAX, POLICY_TEXT_MAX);
	/* A lone comma would allow nothing. */
	if (list.len && !n)
		return why_set(out_why, ERR_VALUE, field,
		    "names nothing; leave it empty to allow everything");
	return OK;
}

static enum err
check_platforms(struct str list, struct why *out_why)
{
	char all[200] = "";
	struct str item;
	size_t n = 0;

	for (int i = 0; i < PLATFORM_COUNT; i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s",
		    n ? ", " : "", platform_name((enum platform)i));
	while (str_list_next(&list, &item)) {
		bool known = false;

		for (int i = 0; i < PLATFORM_COUNT; i++)
			known = known ||
			    str_eq(item,
				str_of(platform_name((enum platform)i)));
		if (!known)
			return why_set(out_why, ERR_VALUE, "platforms",
			    "there is no platform \"%.*s\"; there are: %s",
			    STR_ARG(str_first(item, 60)), all);
	}
	return OK;
}

static enum err
check_from(struct str list, struct why *out_why)
{
	struct cidr ignored;
	struct str item;
	struct why why;

	while (str_list_next(&list, &item))
		if (cidr_read(item, &ignored, &why))
			return why_set(out_why, ERR_VALUE, "from", "%s",
			    why.text);
	return OK;
}

/* --- models ---------------------------------------------------------------- */

static bool
is_glob(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c <= 0x20 || c >= 0x7f || strchr("\"\\!=[]{}", c))
			return false;
	}
	return s.len > 0 && s.len <= NAME_MAX_LEN;
}

static bool
is_name(struct str s)
{
	return is_glob(s) && str_chr(s, '*') < 0 && str_chr(s, '?') < 0;
}

static enum err
check_globs(struct str list, const char *field, struct why *out_why)
{
	struct str item;

	while (str_list_next(&list, &item))
		if (!is_glob(item))
			return why_set(out_why, ERR_VALUE, field,
			    "\"%.*s\" is no name of models: * stands for "
			    "anything, ? for one character; an example: "
			    "claude-*, gpt-5",
			    STR_ARG(str_first(item, 60)));
	return OK;
}

/* The member of a list that covers the glob; .at NULL: none does. */
static struct str
find_cover(struct str list, struct str glob)
{
	struct str item;

	while (str_list_next(&list, &item))
		if (str_glob_covers(item, glob))
			return item;
	return str_at(NULL, 0);
}

static enum err
check_allowed(const struct apikey_rec *r, struct why *out_why)
{
	struct str rest = r->models_allow, item, cover;

	if (!r->models_allow.len && find_cover(r->models_deny, STR("*")).at)
		return why_set(out_why, ERR_VALUE, "models_deny",
		    "\"*\" denies every model, so the key could do nothing; "
		    "`key disable` is the way to say that");
	while (str_list_next(&rest, &item)) {
		cover = find_cover(r->models_deny, item);
		if (cover.at)
			return why_set(out_why, ERR_VALUE, "models_deny",
			    "\"%.*s\" can never match: models_deny has "
			    "\"%.*s\", which covers all of it",
			    STR_ARG(str_first(item, 60)),
			    STR_ARG(str_first(cover, 60)));
	}
	return OK;
}

/* Of one rule of the map; `before` are those in front of it. */
static enum err
check_alias(const struct apikey_rec *r, struct str before, struct str alias,
    struct str name, struct why *out_why)
{
	struct str cover = find_cover(r->models_deny, alias), item;

	if (cover.at)
		return why_set(out_why, ERR_VALUE, "models_map",
		    "%.*s= can never match: models_deny has \"%.*s\"",
		    STR_ARG(str_first(alias, 60)),
		    STR_ARG(str_first(cover, 60)));
	cover = find_cover(r->models_deny, name);
	if (cover.at)
		return why_set(out_why, ERR_VALUE, "models_map",
		    "%.*s=%.*s leads to a model that models_deny has (%.*s)",
		    STR_ARG(str_first(alias, 60)), STR_ARG(str_first(name, 60)),
		    STR_ARG(str_first(cover, 60)));
	while (str_list_next(&before, &item)) {
		cover = str_trim(str_cut(&item, '='));
		if (str_glob_covers(cover, alias))
			return why_set(out_why, ERR_VALUE, "models_map",
			    "%.*s= can never match: %.*s= stands before it",
			    STR_ARG(str_first(alias, 60)),
			    STR_ARG(str_first(cover, 60)));
	}
	return OK;
}

static enum err
check_map(const struct apikey_rec *r, struct why *out_why)
{
	struct str rest = r->models_map, item, alias, name;
	enum err e = OK;

	while (!e && str_list_next(&rest, &item)) {
		size_t before = (size_t)(item.at - r->models_map.at);

		name = item;
		alias = str_trim(str_cut(&name, '='));
		if (name.at)
			name = str_trim(name);
		if (!is_glob(alias) || !is_name(name))
			return why_set(out_why, ERR_VALUE, "models_map",
			    "\"%.*s\" is not of the form alias=model, where "
			    "the model is one name; an example: "
			    "fast=claude-haiku-4-5",
			    STR_ARG(str_first(item, 60)));
		e = check_alias(r, str_first(r->models_map, before), alias,
		    name, out_why);
	}
	return e;
}

enum err
policy_check(const struct apikey_rec *r, struct why *out_why)
{
	enum err e = check_size(r->platforms, "platforms", out_why);

	if (!e)
		e = check_size(r->models_allow, "models_allow", out_why);
	if (!e)
		e = check_size(r->models_deny, "models_deny", out_why);
	if (!e)
		e = check_size(r->models_map, "models_map", out_why);
	if (!e)
		e = check_size(r->clients, "clients", out_why);
	if (!e)
		e = check_size(r->from, "from", out_why);
	if (!e)
		e = check_platforms(r->platforms, out_why);
	if (!e)
		e = check_globs(r->models_allow, "models_allow", out_why);
	if (!e)
		e = check_globs(r->models_deny, "models_deny", out_why);
	if (!e)
		e = check_map(r, out_why);
	if (!e)
		e = check_allowed(r, out_why);
	return e ? e : check_from(r->from, out_why);
}
