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

struct wire *
canned_wire(struct server *s, const struct request *req)
{
	enum dialect dialect;
	enum route route = route_of(req, &dialect);
	struct str stream = STR("\"stream\":true");
	struct wire **slot;

	if (route == ROUTE_NONE || !req->keep_alive ||
	    http_header(req, STR("x-practice")).at)
		return NULL;
	slot = &s->canned[route][str_find(req->body, stream) >= 0];
	if (!*slot)
		*slot = make(s, req, route, dialect);
	s->last_seq++;
	s->answered++;
	return wire_ref(*slot);
}
