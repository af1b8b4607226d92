/* SPDX-License-Identifier: MIT */
/* bedrock_model.c - what Anthropic's models are called at Bedrock. */
#include "relayd/bedrock.h"

static const struct row {
	const char *name, *id;
} rows[] = {
#define X(name_, id_) { .name = (name_), .id = (id_) },
#include "relayd/bedrock_model.def"
#undef X
};

const char *const bedrock_models[] = {
#define X(name_, id_) name_,
#include "relayd/bedrock_model.def"
#undef X
	NULL,
};

const char *
bedrock_profile_of(struct str region)
{
	if (str_starts(region, STR("us-gov-")))
		return "us-gov";
	if (str_starts(region, STR("eu-")))
		return "eu";
	if (str_eq(region, STR("ap-northeast-1")))
		return "jp";
	if (str_eq(region, STR("ap-southeast-2")))
		return "au";
	if (str_starts(region, STR("ap-")))
		return "apac";
	return "us";
}

static bool
is_id(struct str model)
{
	return str_starts(model, STR("anthropic.")) ||
	    str_starts(model, STR("arn:")) ||
	    str_find(model, STR(".anthropic.")) >= 0;
}

/* Claude Code marks the long context of a model so; Bedrock wants a beta for
 * it, which stands in the head. */
static struct str
without_mark(struct str model)
{
	struct str mark = STR("[1m]");

	return str_ends(model, mark) ? str_first(model, model.len - mark.len)
				     : model;
}

enum err
bedrock_model_id(struct str model, struct str region, struct str profile,
    struct buf *out)
{
	model = without_mark(model);
	if (is_id(model))
		return buf_add(out, model);
	if (!profile.len)
		profile = str_of(bedrock_profile_of(region));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!str_ieq(model, str_of(rows[i].name)))
			continue;
		if (str_eq(profile, STR("none")))
			return buf_add(out, str_of(rows[i].id));
		return buf_addf(out, "%.*s.%s", STR_ARG(profile), rows[i].id);
	}
	return buf_add(out, model);
}

static struct str
without_digits(struct str s)
{
	while (s.len && s.at[s.len - 1] >= '0' && s.at[s.len - 1] <= '9')
		s.len--;
	return s;
}

/* Less the tail `mark` and digits behind it, when it has such a one. */
static struct str
without_number(struct str s, struct str mark)
{
	struct str head = without_digits(s);

	if (head.len == s.len || !str_ends(head, mark))
		return s;
	return str_first(head, head.len - mark.len);
}

struct str
bedrock_model_name(struct str id)
{
	struct str mark = STR("anthropic.");
	ptrdiff_t at = str_find(id, mark);

	if (at < 0 || (at > 0 && id.at[at - 1] != '.'))
		return id;
	id = str_skip(id, (size_t)at + mark.len);
	return without_number(without_number(id, STR(":")), STR("-v"));
}
