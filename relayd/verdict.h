/* SPDX-License-Identifier: MIT */
/* verdict.h - what an upstream's failure means: for the client, for the
 * account, for the next try.  The rows are verdict.def. */
#ifndef RELAYD_VERDICT_H
#define RELAYD_VERDICT_H

#include "proto/http1.h"

#include "relayd/gate.h"
#include "relayd/window.h"

enum verdict_next {
	NEXT_RETURN,
	NEXT_OTHER,
	NEXT_SWAP, /* once for a request */
	NEXT_SAME,
	NEXT_ONCE, /* the same account once, then blame it */
	NEXT_HOLD, /* another one, and this one is held: an operator's rule */
};

enum verdict_scope {
	SCOPE_NOBODY,
	SCOPE_ACCOUNT,
	SCOPE_FAMILY,
	SCOPE_MODEL,
	SCOPE_LONG,
	SCOPE_LIMIT,
	SCOPE_PROVIDER,
	SCOPE_PROXY,
};

/* How far a wait counts that the upstream names. */
enum verdict_told {
	TOLD_OWN,
	TOLD_LEAST,
	TOLD_TOLD,
};

enum verdict_nr {
#define X(name, from, to, kinds, text, next, scope, gate, first, most, told,   \
    show)                                                                      \
	VERDICT_##name,
#include "relayd/verdict.def"
#undef X
	VERDICT_COUNT
};

/* What is no status: it never came to one. */
#define STATUS_UNREACHABLE 0 /* no connection, TLS, or a broken one */
#define STATUS_PROXY	   1 /* the proxy, which is named, gives none */
#define STATUS_SILENT	   2 /* no answer in time */

#define VERDICT_RULE 10 /* bytes of an operator's rule, with the NUL */

struct verdict {
	enum verdict_nr nr;
	const char *name;
	char rule[VERDICT_RULE]; /* the operator's; empty: a row of the table */
	unsigned from, to;
	const char *kinds, *text;
	enum verdict_next next;
	enum verdict_scope scope;
	int gate; /* enum gate, or -1 */
	unsigned first_s, most_s;
	enum verdict_told told;
	bool show;
};

/* A failure, and of what. */
struct verdict_case {
	unsigned status;
	struct str kind, model;
	const struct http1_head *answer; /* NULL: there was none */
	struct str body;
};

/* i counts from 0; NULL ends. */
const struct verdict *verdict_at(unsigned i);
/* The row of a provider, or NULL; and of what is left, never NULL. */
const struct verdict *verdict_find_own(const struct verdict_case *c);
const struct verdict *verdict_find_common(const struct verdict_case *c);
/* The first row of all that fits; never NULL. */
const struct verdict *verdict_find(const struct verdict_case *c);
/* "rate", or "operator r1234abcd". */
#define VERDICT_LABEL 40
void verdict_label(const struct verdict *v, char out[VERDICT_LABEL]);

const char *verdict_next_name(enum verdict_next n);   /* "return" */
const char *verdict_scope_name(enum verdict_scope s); /* "family" */

/* The status that an error told inside a stream stands for: the dialect's
 * word ("overloaded_error") to 529 and so on; 400 when it is the request's. */
unsigned verdict_status_of(struct str error_type);

/* When the upstream says it may be asked again, in ms from now; 0 when it says
 * nothing.  Reads Retry-After, and of a limit the rate-limit reset headers. */
int64_t verdict_retry_ms(const struct http1_head *answer, int64_t wall_ms);

/* Of what is the limit that was just told?  By the windows that the answer
 * with it told of (told_at is wall_ms); *io_told_ms becomes as long as the longest of those that are
 * full.  FAMILY or ACCOUNT. */
enum verdict_scope verdict_limit(const struct windows *w, int64_t wall_ms,
    const struct http1_head *answer, int64_t *io_told_ms);

/* How long the gate stays shut; `random` moves it by up to a tenth, and never
 * before what the upstream told. */
int64_t verdict_wait_ms(const struct verdict *v, unsigned strikes,
    int64_t told_ms, uint32_t random);

/* --- applying it ----------------------------------------------------------- */

#define VERDICT_OWN_NONE (-1)

struct verdict_blow {
	int64_t now_ms, told_ms;
	int64_t began_ms; /* of the try that failed; 0: just now */
	int64_t own_ms;	  /* the operator's wait for this gate, or OWN_NONE */
	uint32_t random;
	const char *reason;
};

/* Shut the gate that the row names; repeated failures double the wait.  When it
 * opens; 0: none was shut.  Tries that had begun before the last of them do not
 * count as another one: they tell of the same trouble. */
int64_t verdict_apply(const struct verdict *v, struct gates *g,
    const struct verdict_blow *b);
/* The same for some models alone. */
int64_t verdict_apply_part(const struct verdict *v, struct gate_parts *p,
    struct str of, bool is_long, const struct verdict_blow *b);

#endif
