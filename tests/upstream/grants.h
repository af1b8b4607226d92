/* SPDX-License-Identifier: MIT */
/* grants.h - the book of codes and tokens of an upstream that people sign in
 * to (--oauth): what was given out is taken once, and nothing else is.
 *
 *	authorize ---> code, of a PKCE challenge ---> tokens
 *	device ------> code, approved elsewhere ----> tokens
 *	refresh token ---> tokens; it and the access token before it are void */
#ifndef TESTS_UPSTREAM_GRANTS_H
#define TESTS_UPSTREAM_GRANTS_H

#include "tests/upstream/ask.h"

enum grant_kind {
	GRANT_CODE,
	GRANT_DEVICE,
	GRANT_REFRESH,
	GRANT_ACCESS,
};

struct grant {
	enum grant_kind kind;
	char *value, *challenge, *redirect, *state, *scope, *login, *user_code;
	bool is_void, approved, denied;
	int64_t ends_us; /* access tokens; 0: never */
	unsigned polls;
};

struct grants {
	struct grant *at;
	size_t count, size;
	uint64_t last;
};

/* What an answer of the token endpoint is made of. */
struct granted {
	const char *access, *refresh, *login, *scope;
	int64_t life_s;
};

void grants_fini(struct grants *g);
/* Is it no token of ours, or one that is good? */
bool grants_allow(const struct grants *g, struct str credential);
/* Who an access token is of; "practice" when nobody knows. */
const char *grants_login(const struct grants *g, struct str credential);
/* Answer a token request: false when it was refused (that is then `out`). */
bool
grants_token(const struct ask *q, struct answer *out, struct granted *granted);
/* POST /_practice/approve?user_code=X[&deny=1], /_practice/revoke?what=access|
 * refresh; how many that was about. */
unsigned grants_approve(struct grants *g, struct str user_code, bool deny);
unsigned grants_revoke(struct grants *g, struct str what);

#endif
