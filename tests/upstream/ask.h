/* SPDX-License-Identifier: MIT */
/* ask.h - what a request asks for, and what it shall be told. */
#ifndef TESTS_UPSTREAM_ASK_H
#define TESTS_UPSTREAM_ASK_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "tests/upstream/answer.h"
#include "tests/upstream/http.h"
#include "tests/upstream/script.h"

enum dialect {
	ANTHROPIC,
	RESPONSES,
	CHAT,
	GEMINI,
	BEDROCK
};

enum route {
	ROUTE_NONE,
#define X(name, method, suffix, dialect, handler) ROUTE_##name,
#include "tests/upstream/routes.def"
#undef X
	ROUTES
};

struct tokens {
	int64_t in, out, cache_read, cache_5m, cache_1h, reasoning;
};

struct grants;

struct ask {
	const struct request *req;
	struct grants *grants; /* NULL: no book is kept */
	const struct script *script;
	enum route route;
	enum dialect dialect;
	uint64_t seq;

	/* The body as JSON (after decoding), or NULL when it is none. */
	cJSON *root;
	/* Where the conversation stands: root, or Code Assist's `request`. */
	const cJSON *inner;
	char *model;
	bool stream, wrapped;
	/* The last text of the user, and what a tool answered to it. */
	char *said, *tool_result;

	/* The answer: a text in `deltas` pieces, or a call of `tool`. */
	char *text;
	size_t text_len, deltas;
	int64_t interval_ms;
	bool call_tool, tool_is_custom;
	const char *tool_input;
	struct tokens tokens;
};

/* The route of a request; ROUTE_NONE when nobody answers there. */
enum route route_of(const struct request *req, enum dialect *out_dialect);
const char *route_name(enum route route);

/* `body` is the request body without its content-encoding. */
void ask_read(struct ask *q, struct str body);
void ask_fini(struct ask *q);

/* The text of delta i. */
struct str ask_delta(const struct ask *q, size_t i);

/* Fill the answer for what was asked. */
void ask_answer(struct ask *q, struct answer *out);

/* The error body of a dialect with its headers (error.c). */
void error_answer(const struct ask *q, int status, struct answer *out);
/* The rate-limit headers of a dialect (error.c). */
void limits_add(const struct ask *q, struct answer *out);
/* The word a dialect has for a status, unless the script says another. */
const char *error_type(const struct ask *q, int status);
const char *error_message(const struct ask *q, int status);

/* Whether the error event of the script comes before delta i. */
bool error_is_due(const struct ask *q, size_t i);
/* Whether this part of a stream's end is sent (key `noterminal`). */
enum ending {
	ENDING_USUAL,
	ENDING_TERMINAL
};
bool ending_is_due(const struct ask *q, enum ending ending);

#define X(name, method, suffix, dialect, handler)                              \
	void handler(const struct ask *q, struct answer *out);
#include "tests/upstream/routes.def"
#undef X

#endif
