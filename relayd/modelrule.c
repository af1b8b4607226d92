/* SPDX-License-Identifier: MIT */
/* modelrule.c - which models an account serves, and as what. */
#include "relayd/modelrule.h"

#define NAME_MAX_LEN 256

bool
modelrule_next(struct str *rest, struct modelrule *out)
{
	struct str item;

	if (!str_list_next(rest, &item))
		return false;
	if (item.at[0] == '!') {
		*out = (struct modelrule){ .type = MODELRULE_NOT,
			.glob = str_trim(str_skip(item, 1)) };
		return true;
	}
	*out = (struct modelrule){ .type = MODELRULE_GLOB, .name = item };
	out->glob = str_trim(str_cut(&out->name, '='));
	if (out->name.at) {
		out->type = MODELRULE_ALIAS;
		out->name = str_trim(out->name);
	}
	return true;
}

/* Bytes that stand for themselves in a path and in JSON. */
static bool
is_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '!')
			return false;
	}
	return s.len > 0 && s.len <= NAME_MAX_LEN;
}

enum err
modelrule_check(struct str rules, struct why *out_why)
{
	struct modelrule r;

	while (modelrule_next(&rules, &r)) {
		if (!is_plain(r.glob))
			return why_set(out_why, ERR_VALUE, "models",
			    "\"%.*s\" is no name of models; an example: "
			    "claude-*, gpt-5=my-deployment, !claude-opus-*",
			    STR_ARG(str_first(r.glob, 60)));
		if (r.type != MODELRULE_ALIAS)
			continue;
		if (!is_plain(r.name) || str_chr(r.name, '*') >= 0 ||
		    str_chr(r.name, '?') >= 0)
			return why_set(out_why, ERR_VALUE, "models",
			    "%.*s= needs the one name that the upstream knows "
			    "it by",
			    STR_ARG(str_first(r.glob, 60)));
	}
	return OK;
}

bool
modelrule_allows(struct str rules, struct str model)
{
	bool any = false, fits = false;
	struct modelrule r;

	if (!rules.len || !model.len)
		return true;
	while (modelrule_next(&rules, &r)) {
		bool named = str_glob(model, r.glob);

		if (r.type == MODELRULE_NOT && named)
			return false;
		any = any || r.type != MODELRULE_NOT;
		fits = fits || named;
	}
	return fits || !any;
}

bool
modelrule_names(struct str rules, struct str model)
{
	struct modelrule r;

	while (modelrule_next(&rules, &r))
		if (r.type != MODELRULE_NOT && str_glob(model, r.glob))
			return true;
	return false;
}

struct str
modelrule_upstream(struct str rules, struct str model)
{
	struct modelrule r;

	while (modelrule_next(&rules, &r))
		if (r.type == MODELRULE_ALIAS && str_glob(model, r.glob))
			return r.name;
	return model;
}
