/* SPDX-License-Identifier: MIT */
/* headrule.h - header fields that an account's requests carry besides the
 * client's, or do not: the text of its field `headers`.
 *
 *	OpenAI-Organization: org-1 | X-Team: blue | -X-Noise
 *
 * separated by '|'.  "Name: value" is added, in place of the client's field of
 * that name; "-Name" is removed. */
#ifndef RELAYD_HEADRULE_H
#define RELAYD_HEADRULE_H

#include "proto/buf.h"

#define HEADRULES_MAX 16

struct headrule {
	bool removes;
	struct str name, value;
};

/* The next rule; false at the end. */
bool headrule_next(struct str *rest, struct headrule *out);
/* ERR_VALUE: a rule is malformed, or about what is not the operator's to
 * change; ERR_LIMIT: there are too many. */
enum err headrule_check(struct str rules, struct why *out_why) CHECKED;
/* The rule about a field of that name; false: there is none. */
bool headrule_find(struct str rules, struct str name, struct headrule *out);

#endif
