/* SPDX-License-Identifier: MIT */
/* control.c - /_practice/: the script, the log and the counts, while it
 * runs. */
#include <inttypes.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "proto/mem.h"

#include "tests/upstream/json.h"
#include "tests/upstream/server.h"

static uint64_t
query_u64(const struct request *req, struct str name)
{
	uint64_t n;

	return str_u64(http_query(req, name), &n) ? 0 : n;
}

static void
refuse(struct answer *out, int status, const char *why)
{
	out->status = status;
	answer_header(out, "content-type: application/json");
	buf_mustf(&out->body, "{\"error\":\"%s\"}", why);
}

static void
set_script(struct conn *c, struct answer *out)
{
	const char *why;

	if (rules_set(&c->server->rules, c->req.body, &why)) {
		refuse(out, 400, why);
		return;
	}
	answer_header(out, "content-type: application/json");
	buf_mustf(&out->body, "{\"rules\":%d}", rules_count(&c->server->rules));
}

static void
tell_stats(const struct server *s, struct answer *out)
{
	struct buf *b = &out->body;

	answer_header(out, "content-type: application/json");
	buf_mustf(b,
	    "{\"requests\":%" PRIu64 ",\"ended\":%" PRIu64
	    ",\"executing\":%" PRIu64 ",\"connections\":%" PRIu64
	    ",\"connections_ever\":%" PRIu64 ",\"rules\":%d,\"line\":%" PRIu64
	    ",\"paths\":",
	    s->last_seq, s->answered, s->executing, s->open, s->last_conn,
	    rules_count(&s->rules), s->log.first + s->log.used - 1);
	tally_json(&s->paths, b);
	buf_must(b, STR(",\"ids\":"));
	tally_json(&s->ids, b);
	buf_must(b, STR("}"));
}

/* Where the caller comes from, as services tell it that people ask for
 * their address. */
static void
tell_address(const struct conn *c, struct answer *out)
{
	struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(peer);
	char text[NI_MAXHOST];

	if (getpeername(c->source.fd, (struct sockaddr *)&peer, &len) ||
	    getnameinfo((struct sockaddr *)&peer, len, text, sizeof(text), NULL,
		0, NI_NUMERICHOST)) {
		refuse(out, 500, "the caller's address is not known");
		return;
	}
	answer_header(out, "content-type: text/plain");
	buf_mustf(&out->body, "%s\n", text);
}

/* What is executing now goes on, and must find its names when it ends. */
static void
forget(struct server *s, struct answer *out)
{
	struct tally *each[] = { &s->paths, &s->ids };

	log_forget(&s->log);
	rules_fini(&s->rules);
	tally_fini(&s->once);
	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; i < each[t]->size; i++)
			each[t]->slot[i].total = 0;
	answer_header(out, "content-type: application/json");
	buf_must(&out->body, STR("{}"));
}

static void
tell_count(unsigned n, struct answer *out)
{
	answer_header(out, "content-type: application/json");
	buf_mustf(&out->body, "{\"count\":%u}", n);
}

/* GET log?since=N&wait=MS&until=TEXT: with `wait`, answer only when a line
 * after N holds TEXT, or when the time is over. */
static bool
tell_log(struct conn *c, struct answer *out)
{
	struct server *s = c->server;
	uint64_t since = query_u64(&c->req, STR("since"));
	uint64_t wait_ms = query_u64(&c->req, STR("wait"));
	struct str until = http_query(&c->req, STR("until"));
	bool found = log_since(&s->log, since, until, &out->body);

	if (found || wait_ms == 0) {
		answer_header(out, "content-type: application/x-ndjson");
		answer_header(out, "x-practice-found: %d", found);
		return true;
	}
	free(c->watch_for);
	c->watch_since = since;
	c->watch_for = xmemdup(until.len ? until.at : "", until.len);
	c->state = CONN_WATCHING;
	TAILQ_INSERT_TAIL(&s->watchers, c, watcher);
	timer_set(&s->timers, &c->timer, s->now_us + (int64_t)wait_ms * 1000);
	return false;
}

bool
control_answer(struct conn *c, struct answer *out)
{
	bool get = str_eq(c->req.method, STR("GET"));
	bool post = str_eq(c->req.method, STR("POST"));
	struct str what = str_skip(c->req.path, strlen("/_practice/"));

	if (get && str_eq(what, STR("log")))
		return tell_log(c, out);
	if (get && str_eq(what, STR("stats")))
		tell_stats(c->server, out);
	else if (get && str_eq(what, STR("address")))
		tell_address(c, out);
	else if (post && str_eq(what, STR("script")))
		set_script(c, out);
	else if (post && str_eq(what, STR("revoke")))
		tell_count(grants_revoke(&c->server->grants,
			       http_query(&c->req, STR("what"))),
		    out);
	else if (post && str_eq(what, STR("approve")))
		tell_count(grants_approve(&c->server->grants,
			       http_query(&c->req, STR("user_code")),
			       http_query(&c->req, STR("deny")).at != NULL),
		    out);
	else if (post && str_eq(what, STR("reset")))
		forget(c->server, out);
	else
		refuse(out, 404,
		    "POST script, GET log, GET stats, GET address, POST reset");
	return true;
}
