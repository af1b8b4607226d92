/* SPDX-License-Identifier: MIT */
/* execute.c - a request is in: find its script, make its answer, count it. */
#include <inttypes.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "tests/upstream/decode.h"
#include "tests/upstream/server.h"

bool
execute_wants_early(const struct conn *c)
{
	struct str keys = http_header(&c->req, STR("x-practice"));
	struct script s;
	bool wants;

	if (!keys.at)
		return false;
	script_init(&s);
	script_add(&s, keys);
	wants = script_num(s.early, 0) || (s.rst && !strcmp(s.rst, "head"));
	script_fini(&s);
	return wants;
}

/* The name an execution is counted under, so that a test sees what a relay
 * sent twice. */
static struct str
id_of(const struct request *req, const struct script *s)
{
	static const char *const names[] = { "x-practice-id", "x-request-id",
		"x-client-request-id" };
	struct str value;

	if (s->id)
		return str_of(s->id);
	for (size_t i = 0; i < 3; i++) {
		value = http_header(req, str_of(names[i]));
		if (value.at)
			return value;
	}
	return (struct str){ NULL, 0 };
}

static void
count_begin(struct conn *c, const struct script *s)
{
	struct server *srv = c->server;
	struct str id = id_of(&c->req, s);
	struct count *n = tally_at(&srv->paths, c->req.path);

	n->total++;
	n->now++;
	srv->executing++;
	c->path_name = xmemdup(c->req.path.at, c->req.path.len);
	if (!id.at)
		return;
	n = tally_at(&srv->ids, id);
	n->total++;
	n->now++;
	c->id_name = xmemdup(id.at, id.len);
}

void
execute_end(struct conn *c, const char *how)
{
	struct server *s = c->server;

	if (c->path_name) {
		tally_at(&s->paths, str_of(c->path_name))->now--;
		s->executing--;
	}
	if (c->id_name)
		tally_at(&s->ids, str_of(c->id_name))->now--;
	if (c->seq) {
		s->answered++;
		log_end(&s->log, c->seq, how, c->sent);
	}
	c->seq = 0;
	free(c->path_name);
	free(c->id_name);
	c->path_name = c->id_name = NULL;
}

/* Rules first, then the header, then the prompt: the nearer one wins. */
static void
script_gather(struct conn *c, struct str body, struct script *s)
{
	struct server *srv = c->server;
	struct count *seen;

	script_init(s);
	if (srv->options->script)
		script_add(s, str_of(srv->options->script));
	rules_apply(&srv->rules, &c->req, s);
	for (size_t i = 0; i < c->req.headers; i++)
		if (str_ieq(c->req.header[i].name, STR("x-practice")))
			script_add(s, c->req.header[i].value);
	script_add_marker(s, body);
	if (!s->once)
		return;
	seen = tally_at(&srv->once, str_of(s->once));
	if (seen->total++ >= (uint64_t)script_num(s->times, 1))
		script_heal(s);
}

static bool
key_is_right(const struct conn *c)
{
	const char *key = c->server->options->require_key;

	if (c->server->options->oauth &&
	    !grants_allow(&c->server->grants, request_credential(&c->req)))
		return false;
	return !key || str_eq(request_credential(&c->req), str_of(key));
}

/* Faults without any answer at all. */
static struct wire *
wire_without_answer(const struct script *s)
{
	int64_t wait_ms = script_num(s->delay_ms, 0);

	if (script_num(s->hang, 0))
		return wire_silent(FINISH_HANG, 0);
	if (s->rst && (!strcmp(s->rst, "head") || !strcmp(s->rst, "read")))
		return wire_silent(FINISH_RST, wait_ms);
	if (s->fin && !strcmp(s->fin, "head"))
		return wire_silent(FINISH_CUT, wait_ms);
	return NULL;
}

static void
answer_start(const struct conn *c, struct answer *a)
{
	answer_init(a);
	a->close = !c->req.keep_alive;
	a->old = c->req.minor == 0;
	a->no_body = str_eq(c->req.method, STR("HEAD"));
	answer_header(a, "server: practice-upstream");
}

static struct wire *
wire_for(struct conn *c, const struct script *s, struct str body,
    const char **out_route, int *out_status)
{
	struct ask q = { .req = &c->req, .script = s, .seq = c->seq };
	struct wire *w = wire_without_answer(s);
	struct answer a;

	if (c->server->options->oauth)
		q.grants = &c->server->grants;
	q.route = route_of(&c->req, &q.dialect);
	*out_route = route_name(q.route);
	*out_status = 0;
	if (w)
		return w;
	answer_start(c, &a);
	if (s->unknown[0])
		answer_header(&a, "x-practice-unknown-key: %s", s->unknown);
	ask_read(&q, body);
	if (!key_is_right(c))
		error_answer(&q, 401, &a);
	else if (a.no_body)
		answer_header(&a, "content-type: application/json");
	else
		ask_answer(&q, &a);
	*out_status = a.status;
	w = wire_make(&a, s);
	ask_fini(&q);
	answer_fini(&a);
	return w;
}

static void
execute_control(struct conn *c)
{
	struct answer a;
	struct script s;

	answer_start(c, &a);
	script_init(&s);
	if (control_answer(c, &a))
		conn_send(c, wire_make(&a, &s));
	answer_fini(&a);
}

void
execute(struct conn *c, bool early)
{
	struct server *srv = c->server;
	struct script s;
	struct buf decoded;
	struct wire *w = NULL;
	struct str body;
	const char *route;
	int status;

	if (!early && str_starts(c->req.path, STR("/_practice/"))) {
		execute_control(c);
		return;
	}
	if (srv->options->fast)
		w = canned_wire(srv, &c->req);
	if (w) {
		conn_send(c, w);
		return;
	}
	buf_init(&decoded, HTTP_MAX_BODY);
	body = body_decode(http_header(&c->req, STR("content-encoding")),
	    c->req.body, &decoded);
	if (!body.at && c->req.body.len) {
		buf_fini(&decoded);
		execute_bad(c, "content-encoding");
		return;
	}
	c->seq = ++srv->last_seq;
	script_gather(c, body, &s);
	count_begin(c, &s);
	w = wire_for(c, &s, body, &route, &status);
	if (early)
		w->finish = w->finish == FINISH_RST ? FINISH_RST : FINISH_FIN;
	log_request(&srv->log, c->seq, c->id, &c->req, route, status);
	script_fini(&s);
	buf_fini(&decoded);
	conn_send(c, w);
}

/* A relay must never send this: say so, and end the connection. */
void
execute_bad(struct conn *c, const char *why)
{
	struct server *srv = c->server;
	struct answer a;
	struct script s;

	c->seq = ++srv->last_seq;
	log_bad(&srv->log, c->seq, c->id, why);
	answer_init(&a);
	script_init(&s);
	a.status = 400;
	a.close = true;
	answer_header(&a, "content-type: application/json");
	buf_mustf(&a.body,
	    "{\"error\":{\"type\":\"practice_bad_request\",\"message\":"
	    "\"The practice upstream cannot read this request: %s.\"}}",
	    why);
	conn_send(c, wire_make(&a, &s));
	answer_fini(&a);
}
