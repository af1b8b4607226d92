/* SPDX-License-Identifier: MIT */
/* server.h - the loop, its connections, and what all requests share. */
#ifndef TESTS_UPSTREAM_SERVER_H
#define TESTS_UPSTREAM_SERVER_H

#include <stdint.h>
#include <sys/queue.h>

#include "tests/upstream/answer.h"
#include "tests/upstream/ask.h"
#include "tests/upstream/grants.h"
#include "tests/upstream/http.h"
#include "tests/upstream/log.h"
#include "tests/upstream/rules.h"
#include "tests/upstream/tally.h"
#include "tests/upstream/timer.h"

#define MAX_LISTENERS 16

struct options {
	const char *listen[MAX_LISTENERS];
	size_t listeners;
	const char *port_file, *log, *bodies, *require_key, *script;
	bool fast, oauth;
};

/* What epoll points at. */
struct source {
	enum {
		SOURCE_LISTENER,
		SOURCE_CONN,
		SOURCE_SIGNAL
	} what;
	int fd;
};

enum conn_state {
	CONN_READING,	/* a request, or the next one */
	CONN_SENDING,	/* a wire, or waiting for its next step */
	CONN_SILENT,	/* never answers, keeps the connection */
	CONN_WATCHING,	/* a reader of the log, waiting for a line */
	CONN_LINGERING, /* our FIN is sent, the client's is not here yet */
};

struct conn {
	struct source source;
	struct server *server;
	uint64_t id, seq;
	enum conn_state state;
	bool wants_write, peer_done, continued;
	struct buf in;
	size_t eat;
	struct request req;
	struct wire *wire;
	size_t step, sent;
	int64_t step_due_us;
	struct timer timer;
	/* The names this execution is counted under. */
	char *path_name, *id_name;
	/* What a watcher of the log waits for. */
	uint64_t watch_since;
	char *watch_for;
	TAILQ_ENTRY(conn) entry;
	TAILQ_ENTRY(conn) watcher;
};

TAILQ_HEAD(conn_list, conn);

struct server {
	const struct options *options;
	int epoll_fd;
	struct source listener[MAX_LISTENERS];
	struct source signals;
	bool stop;
	int64_t now_us;
	struct timers timers;
	struct conn_list conns, watchers, dead;
	struct log log;
	struct rules rules;
	struct grants grants; /* --oauth */
	struct tally paths, ids, once;
	uint64_t last_conn, last_seq, open, executing, answered;
	/* --fast: a wire per route, whole and streamed. */
	struct wire *canned[ROUTES][2];
};

/* server.c */
int64_t clock_us(void);
enum err server_open(struct server *s, const struct options *options,
    struct why *out_why) CHECKED;
void server_run(struct server *s);
void server_close(struct server *s);

/* conn.c */
void conn_accept(struct server *s, int take_fd);
void conn_event(struct conn *c, uint32_t events);
void conn_timer(struct conn *c);
/* Log lines have come: answer it if one is what it waits for. */
void conn_watch(struct conn *c, bool give_up);
void conn_free(struct conn *c);
/* Begin to answer; the wire is eaten. */
void conn_send(struct conn *c, struct wire *take_wire);

/* execute.c: a whole request is in (or only its head: `early`). */
void execute(struct conn *c, bool early);
void execute_bad(struct conn *c, const char *why);
/* The end of what execute() began. */
void execute_end(struct conn *c, const char *how);
/* Whether the head alone asks for something to be done before the body. */
bool execute_wants_early(const struct conn *c);

/* control.c: /_practice/.  Returns false when the answer comes later. */
bool control_answer(struct conn *c, struct answer *out);

/* canned.c */
struct wire *canned_wire(struct server *s, const struct request *req);

#endif
