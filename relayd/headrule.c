/* SPDX-License-Identifier: MIT */
/* headrule.c - header fields that an account's requests carry besides the
 * client's, or do not.
 *
 * What frames a message, and what says who asks, is never the operator's to
 * write as text: the one is relayd's, the other the credential's. */
#include "relayd/headrule.h"

#define NAME_MAX_BYTES	64
#define VALUE_MAX_BYTES 1024

struct refused {
	const char *name, *why;
};

#define CREDENTIAL "carries a credential, which is a field of its own"
#define FRAMING	   "belongs to the framing, which relayd writes"

static const struct refused refused[] = {
	{ "api-key", CREDENTIAL },
	{ "authorization", CREDENTIAL },
	{ "cookie", CREDENTIAL },
	{ "proxy-authenticate", CREDENTIAL },
	{ "proxy-authorization", CREDENTIAL },
	{ "set-cookie", CREDENTIAL },
	{ "x-api-key", CREDENTIAL },
	{ "x-cr-api-key", CREDENTIAL },
	{ "x-goog-api-key", CREDENTIAL },
	{ "accept-encoding", FRAMING },
	{ "connection", FRAMING },
	{ "content-encoding", FRAMING },
	{ "content-length", FRAMING },
	{ "content-type", FRAMING },
	{ "expect", FRAMING },
	{ "host", FRAMING },
	{ "keep-alive", FRAMING },
	{ "proxy-connection", FRAMING },
	{ "te", FRAMING },
	{ "trailer", FRAMING },
	{ "transfer-encoding", FRAMING },
	{ "upgrade", FRAMING },
	{ "user-agent", "is what the field user-agent says" },
};

bool
headrule_next(struct str *rest, struct headrule *out)
{
	while (rest->at) {
		struct str rule = str_trim(str_cut(rest, '|')), value = rule;

		if (!rule.len)
			continue;
		*out = (struct headrule){ .removes = rule.at[0] == '-' };
		if (out->removes) {
			out->name = str_trim(str_skip(rule, 1));
			out->value = STR("");
		} else {
			out->name = str_trim(str_cut(&value, ':'));
			/* Without a colon .at is NULL, which is none. */
			out->value = str_trim(value);
		}
		return true;
	}
	return false;
}

bool
headrule_find(struct str rules, struct str name, struct headrule *out)
{
	while (headrule_next(&rules, out))
		if (str_ieq(out->name, name))
			return true;
	return false;
}

/* --- checking -------------------------------------------------------------- */

/* A token of RFC 9110, 5.6.2. */
static bool
is_name(struct str s)
{
	if (!s.len || s.len > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z') &&
		    str_chr(STR("!#$%&'*+-.^_`~"), c) < 0)
			return false;
	}
	return true;
}

static bool
is_value(struct str s)
{
	if (!s.len || s.len > VALUE_MAX_BYTES)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] < ' ' || s.at[i] > '~')
			return false;
	return true;
}

static enum err
check_rule(const struct headrule *r, struct why *out_why)
{
	if (!is_name(r->name))
		return why_set(out_why, ERR_VALUE, "headers",
		    "is a list of \"Name: value\" and \"-Name\", separated by "
		    "'|', and \"%.*s\" is no name of a header field",
		    STR_ARG(str_first(r->name, 40)));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (str_ieq(r->name, str_of(refused[i].name)))
			return why_set(out_why, ERR_VALUE, "headers",
			    "cannot change %s: it %s", refused[i].name,
			    refused[i].why);
	if (!r->removes && !is_value(r->value))
		return why_set(out_why, ERR_VALUE, "headers",
		    "the value of %.*s must be 1 to %d visible ASCII "
		    "characters; -%.*s removes the field",
		    STR_ARG(r->name), VALUE_MAX_BYTES, STR_ARG(r->name));
	return OK;
}

enum err
headrule_check(struct str rules, struct why *out_why)
{
	struct headrule r, other;
	struct str rest = rules;
	unsigned count = 0;

	while (headrule_next(&rest, &r)) {
		enum err e = check_rule(&r, out_why);

		if (e)
			return e;
		if (++count > HEADRULES_MAX)
			return why_set(out_why, ERR_LIMIT, "headers",
			    "has more than %d rules", HEADRULES_MAX);
		if (headrule_find(rest.at ? rest : STR(""), r.name, &other))
			return why_set(out_why, ERR_VALUE, "headers",
			    "says something of %.*s twice", STR_ARG(r.name));
	}
	return OK;
}
