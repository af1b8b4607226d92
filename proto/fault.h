/* SPDX-License-Identifier: MIT */
/* fault.h - the kinds of "no" a client can be told by relayd itself. */
#ifndef PROTO_FAULT_H
#define PROTO_FAULT_H

enum fault {
	FAULT_NONE = 0,
#define X(name, word, status, anthropic, openai, code, google, retry)          \
	FAULT_##name,
#include "proto/fault.def"
#undef X
};

enum fault_retry {
	RETRY_UNSAID,
	RETRY_NO,
	RETRY_YES
};

/* One row of fault.def. */
struct fault_row {
	const char *name; /* "no_account", for logs and receipts */
	const char *anthropic, *openai, *openai_code, *google;
	unsigned status;
	enum fault_retry retry;
};

/* Never NULL; of FAULT_NONE the name is "none" and the status 200. */
const struct fault_row *fault_row(enum fault f);

/* A refusal in words: what the dialect writes. */
struct refusal {
	enum fault fault;
	const char *text;	/* for people: what happened, what to do next */
	unsigned retry_after_s; /* 0: unknown */
	const char *request_id; /* "req_..." */
};

#endif
