/* SPDX-License-Identifier: MIT */
/* verdict.h - what an upstream's failure means: for the client, for the
 * account, for the next try.  The rows are verdict.def. */
#ifndef RELAYD_VERDICT_H
#define RELAYD_VERDICT_H

#include "proto/http1.h"

#include "relayd/gate.h"

enum verdict_next {
	NEXT_RETURN,
	NEXT_OTHER,
	NEXT_SAME
};

enum verdict_nr {
#define X(name, from, to, text, next, gate, first_s, most_s, show)             \
	VERDICT_##name,
#include "relayd/verdict.def"
#undef X
	VERDICT_COUNT
};

struct verdict {
	enum verdict_nr nr;
	const char *name;
	unsigned from, to;
	const char *text;
	enum verdict_next next;
	int gate; /* enum gate, or -1 */
	unsigned first_s, most_s;
	bool show;
};

/* i counts from 0; NULL ends. */
const struct verdict *verdict_at(unsigned i);
/* Never NULL.  status 0: there was none. */
const struct verdict *verdict_find(unsigned status, struct str body);

/* The status that an error told inside a stream stands for: the dialect's
 * word ("overloaded_error") to 529 and so on; 400 when it is the request's. */
unsigned verdict_status_of(struct str error_type);

/* When the upstream says it may be asked again, in ms from now; 0 when it says
 * nothing.  Reads Retry-After and the rate-limit reset headers. */
int64_t verdict_retry_ms(const struct http1_head *answer, int64_t wall_ms);

/* Shut the gate that the row names; repeated failures double the wait. */
void verdict_apply(const struct verdict *v, struct gates *g, int64_t now_ms,
    int64_t told_ms, const char *reason);

#endif
