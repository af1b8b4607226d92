/* SPDX-License-Identifier: MIT */
/* dialect.h - what relayd must understand of a language to pass it on.
 *
 * Bodies pass byte for byte when client and account speak the same dialect;
 * a dialect only tells what was asked for, listens to what is answered, and
 * finds the words for pings and refusals.  Its members do not wait and do no
 * input or output. */
#ifndef PROTO_DIALECT_H
#define PROTO_DIALECT_H

#include "proto/fault.h"
#include "proto/span.h"
#include "proto/sse.h"
#include "proto/usage.h"

/* What is wanted of a request body.  The index into scan.found of every
 * dialect; a dialect without such a field has a path that never matches. */
enum want {
	WANT_MODEL,
	WANT_MODEL_TOO, /* the second place of it, where there are two */
	WANT_STREAM,
	WANT_MAX_TOKENS,
	WANT_MAX_TOKENS_TOO, /* the second name of it, where there are two */
	WANT_STREAM_OPTIONS, /* Chat */
	WANT_INCLUDE_USAGE,  /* Chat: stream_options.include_usage */
	/* Names of the conversation it belongs to, as clients tell them. */
	WANT_USER_ID,
	WANT_CACHE_KEY,
	WANT_SESSION,
	WANT_CONVERSATION_ID,
	WANT_CONVERSATION,
	WANT_PROMPT_ID,
	WANT_PREVIOUS, /* Responses: the answer that this one goes on from */
	WANT_STORE,    /* Responses: may it be gone on from? */
	/* How it begins; TOO: in an envelope. */
	WANT_SYSTEM,
	WANT_SYSTEM_TOO,
	WANT_TOOLS,
	WANT_TOOLS_TOO,
	WANT_MESSAGES,
	WANT_MESSAGES_TOO,
	WANT_COUNT,
};

/* What a request asks for, from its body and its path. */
struct asked {
	struct span model_span; /* absent when the path names the model */
	bool stream;
	bool include_usage; /* Chat: the caller wants the usage chunk */
	int64_t max_tokens; /* 0: not said */
};

/* What was noticed in one event (bits). */
enum {
	WATCH_CONTENT = 1,    /* the answer proper has begun: commit point */
	WATCH_TERMINAL = 2,   /* this event ends the answer */
	WATCH_ERROR = 4,      /* the upstream tells an error in the stream */
	WATCH_USAGE_ONLY = 8, /* a Chat chunk that carries nothing but usage */
};

/* What has been learned of one answer so far.  Zeroed to begin with; needs
 * no cleaning up. */
struct watch {
	struct usage usage;
	bool began, content, terminal, error;
	/* Text, thinking and tool input seen, in bytes: what an estimate is
	 * made of when the usage was never told. */
	uint64_t delta_bytes;
	char error_type[48]; /* the upstream's word, printable, may be empty */
	char model[96];	     /* the model that answered, may be empty */
	char id[72];	     /* Responses: what a next request goes on from */
};

struct dialect {
	const char *name;  /* "anthropic": in the store, logs and commands */
	const char *label; /* "Anthropic Messages": to people */
	const struct span_want *wants; /* WANT_COUNT of them */

	/* Read what was asked from a finished scan of the body.  Wrong types
	 * of wanted fields are ERR_VALUE with the field in out_why. */
	enum err (*peek)(const struct scan *s, struct str body,
	    struct asked *out, struct why *out_why);
	/* One event of a streamed answer. Returns WATCH_ bits. */
	unsigned (*watch)(struct watch *w, const struct sse_event *e);
	/* The whole body of an answer that was not streamed (status 2xx). */
	void (*watch_body)(struct watch *w, struct str body);
	/* Does a stream of this dialect always end with a terminal event?
	 * (Gemini's does not: its end is the end of the body.  There
	 * watch.terminal says that a finishReason was seen, and no event has
	 * WATCH_TERMINAL.) */
	bool has_terminal;
	/* Something the client ignores, to keep the connection alive. */
	struct str ping;
	/* The body of a refusal: an error document, or with `midstream` the
	 * error event that the dialect's clients understand inside a stream
	 * (nothing for Gemini, whose callers want a clean end). */
	void (*write_fault)(const struct refusal *r, bool midstream,
	    struct buf *out);
};

#define X(name) extern const struct dialect dialect_##name;
#include "proto/dialect.def"
#undef X

/* By name, or NULL. */
const struct dialect *dialect_find(struct str name);

#endif
