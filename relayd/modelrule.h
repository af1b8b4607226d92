/* SPDX-License-Identifier: MIT */
/* modelrule.h - which models an account serves, and what they are called
 * there: the text of its field `models`.
 *
 *	claude-*, gpt-5=my-deployment, !claude-opus-*
 *
 * comma-separated: a glob; alias=name, where requests for the alias (a glob)
 * go upstream as the name; !glob, never.  No rule but exclusions: all others.
 * An exclusion wins, then the first alias that fits. */
#ifndef RELAYD_MODELRULE_H
#define RELAYD_MODELRULE_H

#include "proto/str.h"

enum modelrule_type {
	MODELRULE_GLOB,
	MODELRULE_ALIAS,
	MODELRULE_NOT
};

struct modelrule {
	enum modelrule_type type;
	struct str glob; /* of names as clients say them */
	struct str name; /* of an alias: the upstream's */
};

/* The next rule; false at the end. */
bool modelrule_next(struct str *rest, struct modelrule *out);
/* ERR_VALUE: a rule is malformed, or can never match. */
enum err modelrule_check(struct str rules, struct why *out_why) CHECKED;

/* Do the rules let the model through?  An empty name fits all. */
bool modelrule_allows(struct str rules, struct str model);
/* Does a rule name it, not only let it pass? */
bool modelrule_names(struct str rules, struct str model);
/* What the model is called upstream; itself when no alias names it. */
struct str modelrule_upstream(struct str rules, struct str model);

#endif
