/* SPDX-License-Identifier: MIT */
/* player.c - an upstream that plays what it is told. */
#include "tests/support/player.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "proto/http1.h"
#include "proto/mem.h"

#include "relayd/loop.h"

#define START                                                                  \
	"event: message_start\n"                                               \
	"data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\","         \
	"\"model\":\"claude-x\",\"usage\":{\"input_tokens\":11,"               \
	"\"output_tokens\":1}}}\n\n"
#define DELTA                                                                  \
	"event: content_block_delta\n"                                         \
	"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"      \
	"\"type\":\"text_delta\",\"text\":\"hello\"}}\n\n"
#define USAGE                                                                  \
	"event: message_delta\n"                                               \
	"data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{"           \
	"\"output_tokens\":7}}\n\n"
#define STOP "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
#define ERROR(type)                                                            \
	"{\"type\":\"error\",\"error\":{\"type\":\"" type                      \
	"\",\"message\":\"no\"}}"
#define FAULT(type) "event: error\ndata: " ERROR(type) "\n\n"
#define WHOLE                                                                  \
	"{\"type\":\"message\",\"model\":\"claude-x\",\"content\":[{"          \
	"\"type\":\"text\",\"text\":\"hello\"}],\"usage\":{"                   \
	"\"input_tokens\":11,\"output_tokens\":7}}"

enum framing {
	SIZED,
	CHUNKED,
	UNTIL_CLOSE,
	RAW
};

enum then {
	KEEP,
	HANG,
	CLOSE,
	RESET,
	END_LATER
};

static const struct act {
	const char *word;
	unsigned status;
	enum framing framing;
	unsigned missing;
	enum then then;
	const char *body;
} acts[] = {
#define X(word_, status_, framing_, missing_, then_, body_)                    \
	{ .word = (word_),                                                     \
		.status = (status_),                                           \
		.framing = (framing_),                                         \
		.missing = (missing_),                                         \
		.then = (then_),                                               \
		.body = body_ },
#include "tests/support/player.def"
#undef X
};

#define ACTS (sizeof(acts) / sizeof(acts[0]))

struct visit {
	LIST_ENTRY(visit) link;
	struct player *p;
	struct event *reads, *writes;
	int fd;
	enum then then;
	bool busy; /* has not said all, or never will */
	struct buf in, out;
};

struct player {
	struct loop *loop;
	struct event *accepts;
	LIST_HEAD(, visit) visits;
	player_choose *choose;
	void *arg;
	unsigned heard;
	uint16_t port;
	int fd;
};

const char *
player_act(unsigned i)
{
	return i < ACTS ? acts[i].word : NULL;
}

static const struct act *
act_of(const char *word)
{
	for (size_t i = 0; i < ACTS; i++)
		if (!strcmp(acts[i].word, word))
			return &acts[i];
	abort();
}

static void
visit_end(struct visit *v, bool reset)
{
	const struct linger hard = { .l_onoff = 1 };

	if (reset)
		setsockopt(v->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	LIST_REMOVE(v, link);
	event_free(v->reads);
	event_free(v->writes);
	close(v->fd);
	buf_fini(&v->in);
	buf_fini(&v->out);
	free(v);
}

/* Send what goes; false when the visit is over. */
static bool
visit_say(struct visit *v)
{
	while (buf_len(&v->out)) {
		struct str s = buf_str(&v->out);
		ssize_t n = send(v->fd, s.at, s.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			event_add(v->writes, NULL);
			return true;
		}
		if (n < 0) {
			visit_end(v, false);
			return false;
		}
		buf_eat(&v->out, (size_t)n);
	}
	if (v->then != CLOSE && v->then != RESET)
		return true;
	visit_end(v, v->then == RESET);
	return false;
}

static void
put_act(const struct act *a, struct buf *out)
{
	struct str body = str_of(a->body);
	bool is_json = body.len && body.at[0] == '{';

	if (a->framing == RAW) {
		buf_must(out, body);
		return;
	}
	if (http1_put_status(out, a->status))
		abort();
	buf_mustf(out, "Content-Type: %s\r\n",
	    is_json ? "application/json" : "text/event-stream");
	if (a->framing == SIZED)
		buf_mustf(out, "Content-Length: %zu\r\n\r\n%s",
		    body.len + a->missing, a->body);
	else if (a->framing == UNTIL_CLOSE)
		buf_mustf(out, "Connection: close\r\n\r\n%s", a->body);
	else if (buf_add(out, STR("Transfer-Encoding: chunked\r\n\r\n")) ||
	    http1_put_chunk(out, body) ||
	    (a->then == KEEP && http1_put_last_chunk(out)))
		abort();
}

/* The length of the request at the start of what was heard; 0: it is not
 * whole yet.  It is read anew each time: requests of tests are small. */
static size_t
whole_request(struct str heard, struct http1_head *out_head)
{
	struct http1_body framing;
	size_t total, used;
	unsigned status;
	struct why why;
	enum err e;

	used = 0;
	e = http1_request(heard, &used, out_head, &total, &status, &why);
	if (e == ERR_AGAIN)
		return 0;
	assert(e == OK);
	http1_body_init(&framing, out_head);
	while (!framing.done && total < heard.len) {
		struct str piece;

		e = http1_body_feed(&framing, str_skip(heard, total), &piece,
		    &used);
		assert(e == OK);
		total += used;
	}
	return framing.done ? total : 0;
}

/* Play for each request that is whole; false when the visit is over. */
static bool
visit_answer(struct visit *v)
{
	struct player *p = v->p;
	struct http1_head head;
	size_t len;

	while ((len = whole_request(buf_str(&v->in), &head))) {
		const char *word = p->choose(p->arg, head.path);
		const struct act *a = act_of(word ? word : "hang");

		buf_eat(&v->in, len);
		p->heard++;
		v->busy = a->then != KEEP;
		v->then = a->then;
		put_act(a, &v->out);
		if (!visit_say(v))
			return false;
	}
	return true;
}

static void
on_visit(evutil_socket_t fd, short what, void *arg)
{
	struct visit *v = arg;
	char bytes[16 * 1024];
	ssize_t n;

	if (what & EV_WRITE && !visit_say(v))
		return;
	if (!(what & EV_READ))
		return;
	n = recv(fd, bytes, sizeof(bytes), 0);
	if (n > 0) {
		buf_must(&v->in, str_at(bytes, (size_t)n));
		visit_answer(v);
	} else if (n == 0 || errno != EAGAIN) {
		visit_end(v, false);
	}
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct player *p = arg;
	struct visit *v;
	int taken = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (taken < 0)
		return;
	v = xcalloc(1, sizeof(*v));
	v->p = p;
	v->fd = taken;
	buf_init(&v->in, 64 * 1024 * 1024);
	buf_init(&v->out, 64 * 1024 * 1024);
	v->reads = event_new(loop_base(p->loop), taken, EV_READ | EV_PERSIST,
	    on_visit, v);
	v->writes = event_new(loop_base(p->loop), taken, EV_WRITE, on_visit, v);
	event_add(v->reads, NULL);
	LIST_INSERT_HEAD(&p->visits, v, link);
}

struct player *
player_new(struct loop *l, player_choose *choose, void *arg)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct player *p = xcalloc(1, sizeof(*p));
	socklen_t len = sizeof(at);

	p->loop = l;
	p->choose = choose;
	p->arg = arg;
	LIST_INIT(&p->visits);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(p->fd, (const void *)&at, len) || listen(p->fd, 128) ||
	    getsockname(p->fd, (void *)&at, &len))
		abort();
	p->port = ntohs(at.sin_port);
	p->accepts =
	    event_new(loop_base(l), p->fd, EV_READ | EV_PERSIST, on_accept, p);
	event_add(p->accepts, NULL);
	return p;
}

static void
end_visits(struct player *p, bool busy_too)
{
	struct visit *v, *next;

	for (v = LIST_FIRST(&p->visits); v; v = next) {
		next = LIST_NEXT(v, link);
		if (busy_too || !v->busy)
			visit_end(v, false);
	}
}

void
player_free(struct player *p)
{
	end_visits(p, true);
	event_free(p->accepts);
	close(p->fd);
	free(p);
}

uint16_t
player_port(const struct player *p)
{
	return p->port;
}

unsigned
player_heard(const struct player *p)
{
	return p->heard;
}

void
player_drop_idle(struct player *p)
{
	end_visits(p, false);
}
