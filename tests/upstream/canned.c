/* SPDX-License-Identifier: MIT */
/* canned.c - the answers of --fast: made once for each route, then sent as
 * they are, by reference.  A request with an x-practice header goes the slow
 * way; its body is not read. */
#include "tests/upstream/server.h"

static struct wire *
make(const struct server *s, const struct request *req, enum route route,
    enum dialect dialect)
{
	struct script script;
	struct ask q = { .req = req,
		.script = &script,
		.seq = 1,
		.route = route,
		.dialect = dialect };
	struct answer a;
	struct wire *w;

	script_init(&script);
	if (s->options->script)
		script_add(&script, str_of(s->options->script));
	answer_init(&a);
	answer_header(&a, "server: practice-upstream");
	ask_read(&q, req->body);
	ask_answer(&q, &a);
	w = wire_make(&a, &script);
	ask_fini(&q);
	answer_fini(&a);
	script_fini(&script);
	return w;
}

/* "stream": true, with or without the space. */
static bool
wants_stream(struct str body)
{
	ptrdiff_t at;

	while ((at = str_find(body, STR("\"stream\""))) >= 0) {
		body = str_skip(body, (size_t)at + 8);
		while (body.len && strchr(": \t", body.at[0]))
			body = str_skip(body, 1);
		if (str_starts(body, STR("true")))
			return true;
	}
	return false;
}

struct wire *
canned_wire(struct server *s, const struct request *req)
{
	enum dialect dialect;
	enum route route = route_of(req, &dialect);
	struct wire **slot;

	if (route == ROUTE_NONE || !req->keep_alive ||
	    http_header(req, STR("x-practice")).at)
		return NULL;
	slot = &s->canned[route][wants_stream(req->body)];
	if (!*slot)
		*slot = make(s, req, route, dialect);
	s->last_seq++;
	s->answered++;
	return wire_ref(*slot);
}
