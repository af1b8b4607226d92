/* SPDX-License-Identifier: MIT */
/* policy.h - what a key is for: platforms, models, clients, addresses.
 *
 *	platforms	claude, openai		names of platform.def
 *	models_allow	claude-*, gpt-5		globs; only these
 *	models_deny	*opus*			globs; never these
 *	models_map	fast=claude-haiku-4-5	asked for as, served as
 *	clients		claude-code, mine	names of clients (client.h)
 *	from		10.0.0.0/8, ::1		where requests come from
 *
 * Lists with commas in the key's record; an empty one allows everything.  They
 * are read once, when the record is; a key without any has no policy at all.
 * Everything here is a question about one key and what a request says: nothing
 * waits, and nothing is kept. */
#ifndef RELAYD_POLICY_H
#define RELAYD_POLICY_H

#include "proto/addr.h"
#include "proto/dialect.h"

#include "store/rec.h"

/* Of one list, in items and in bytes. */
#define POLICY_ITEMS_MAX 64
#define POLICY_TEXT_MAX	 1000

enum platform {
#define X(name, kind, one, other) PLATFORM_##name,
#include "relayd/platform.def"
#undef X
	PLATFORM_COUNT
};

const char *platform_name(enum platform p);
/* Of a request: by the kind of account that its path stands for (NULL: none in
 * particular) and its dialect. */
enum platform platform_of(const char *kind, const struct dialect *dialect);

struct policy_list {
	struct str *at;
	size_t n;
};

struct policy {
	unsigned platforms; /* bits of enum platform; 0: all */
	struct policy_list allow, deny, aliases, names, clients;
	struct cidr *from;
	size_t from_n;
};

/* NULL when the record asks for nothing.  Its strs are borrowed; what does not
 * parse (it was checked) allows nothing. */
struct policy *policy_new(const struct apikey_rec *r);
/* NULL is fine. */
void policy_free(struct policy *p);

/* ERR_VALUE: a member of a list does not parse, is not known, or can never
 * matter.  Names of clients are the business of whoever knows them. */
enum err policy_check(const struct apikey_rec *r, struct why *out_why) CHECKED;

bool policy_allows_platform(const struct policy *p, enum platform platform);
bool policy_allows_from(const struct policy *p, const struct addr *from);
bool policy_allows_model(const struct policy *p, struct str said);
/* What that model is called to those who serve it: itself, but for an alias of
 * the key's. */
struct str policy_model(const struct policy *p, struct str said);

#endif
