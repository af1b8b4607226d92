/* SPDX-License-Identifier: MIT */
/* rules.h - the global script: which requests get which keys.
 *
 *	{"rules":[{"path":GLOB,"model":GLOB,"credential":TEXT,
 *		   "times":N,"do":"status=429;retry-after=1"}]}
 *
 * Members of a rule that are left out match everything; a rule without
 * `times` holds for ever.  The first rule that matches is taken.  `do` may be
 * an object: {"status":429}. */
#ifndef TESTS_UPSTREAM_RULES_H
#define TESTS_UPSTREAM_RULES_H

#include <cjson/cJSON.h>

#include "tests/upstream/http.h"
#include "tests/upstream/script.h"

struct rules {
	cJSON *list;
};

void rules_fini(struct rules *r);
/* Replace all rules; on failure the old ones stay. */
enum err
rules_set(struct rules *r, struct str json, const char **out_why) CHECKED;
int rules_count(const struct rules *r);
/* Lay the keys of the rule for this request over s. */
void rules_apply(struct rules *r, const struct request *req, struct script *s);

/* The credential of a request, without "Bearer "; or { NULL, 0 }. */
struct str request_credential(const struct request *req);

/* The model named in the path, as it stands there; or { NULL, 0 }. */
struct str request_path_model(const struct request *req);

#endif
