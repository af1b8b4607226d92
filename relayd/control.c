/* SPDX-License-Identifier: MIT */
/* control.c - the control socket: listener, connections, bytes in and out.
 * Knows lines, not what they say (control_call.c). */
#include "relayd/control.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "proto/mem.h"

#include "relayd/conf.h"
#include "relayd/daemon.h"
#include "relayd/follow.h"
#include "relayd/log.h"
#include "relayd/loop.h"

/* Above this many bytes not yet read no further call is begun, and no event
 * is added.  Behind it there is room for the answers under way. */
#define OUT_HIGH  CTL_FRAME_MAX
#define OUT_MAX	  (OUT_HIGH + (CONTROL_CALLS_MAX + 3) * CTL_FRAME_MAX)
#define REST_MS	  1000
#define TURN_MAX  16 /* lines of one connection per turn */
#define READ_ROOM 4096

struct sub {
	struct sub *next;
	int64_t nr;
	uint64_t seq, lost;
	struct ctl_filter filter;
};

struct ctl_conn {
	TAILQ_ENTRY(ctl_conn) link;
	struct control *control;
	int fd;
	struct event *readable, *writable;
	struct task turn;
	struct peer peer;
	struct buf in, out;
	struct ctl_call *calls; /* under way */
	unsigned calls_count;
	struct sub *subs;
	unsigned subs_count;
	int64_t last_sub;
	bool eof;     /* nothing more will come */
	bool ends;    /* say what waits, then close */
	bool is_gone; /* the peer does not read any more */
};

TAILQ_HEAD(conn_list, ctl_conn);
LIST_HEAD(call_list, ctl_call);

struct control {
	struct daemon *daemon;
	char *path;
	int fd;
	struct event *acceptable;
	struct timer rest;
	struct peer_groups groups;
	struct conn_list conns;
	struct call_list waiting;
	struct follow *follow;
	unsigned count, subs;
};

/* --- connections ----------------------------------------------------------- */

static void
conn_free(void *arg)
{
	struct ctl_conn *conn = arg;

	/* Frames may have held secrets. */
	buf_wipe(&conn->in);
	buf_wipe(&conn->out);
	free(conn);
}

/* The subscriptions are not what they were. */
static void
subs_changed(struct control *c)
{
	const struct ctl_conn *conn;
	unsigned topics = 0;

	TAILQ_FOREACH (conn, &c->conns, link)
		for (const struct sub *s = conn->subs; s; s = s->next)
			topics |= s->filter.topics;
	follow_topics(c->follow, topics);
}

/* Drop the subscription that *at points to. */
static void
sub_remove(struct ctl_conn *conn, struct sub **at)
{
	struct sub *s = *at;

	*at = s->next;
	conn->subs_count--;
	conn->control->subs--;
	free(s);
	subs_changed(conn->control);
}

static void
conn_close(struct ctl_conn *conn)
{
	struct control *c = conn->control;

	for (struct ctl_call *call = conn->calls; call; call = call->next)
		call->conn = NULL;
	while (conn->subs)
		sub_remove(conn, &conn->subs);
	event_free(conn->readable);
	event_free(conn->writable);
	close(conn->fd);
	loop_unready(c->daemon->loop, &conn->turn);
	TAILQ_REMOVE(&c->conns, conn, link);
	c->count--;
	loop_bury(c->daemon->loop, conn_free, conn);
}

static void
conn_flush(struct ctl_conn *conn)
{
	while (buf_len(&conn->out)) {
		struct str s = buf_str(&conn->out);
		ssize_t n = send(conn->fd, s.at, s.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			conn->is_gone = errno != EAGAIN;
			return;
		}
		/* A new key's value goes out once. */
		explicit_bzero(conn->out.mem + conn->out.start, (size_t)n);
		buf_eat(&conn->out, (size_t)n);
	}
}

static bool
may_take(const struct ctl_conn *conn)
{
	return !conn->ends && conn->calls_count < CONTROL_CALLS_MAX &&
	    buf_len(&conn->out) < OUT_HIGH;
}

/* A frame that can never become one: say so, and hear no more. */
static void
refuse_giant(struct ctl_conn *conn)
{
	const struct ctl_id nobody = { .is_null = true };
	struct why why;

	(void)why_set(&why, ERR_LIMIT, "", "a frame has at most %d bytes",
	    CTL_FRAME_MAX);
	if (ctl_error(&conn->out, &nobody, CTL_CODE_REQUEST, ERR_LIMIT, &why))
		conn->is_gone = true;
	conn->ends = true;
}

/* Take the lines that are there; true when some had to be left. */
static bool
take_lines(struct ctl_conn *conn)
{
	for (int i = 0; i < TURN_MAX; i++) {
		struct str line;
		size_t eat;
		enum err e = ctl_line(buf_str(&conn->in), &line, &eat);

		if (e == ERR_AGAIN)
			return false;
		if (!may_take(conn))
			return true;
		if (e) {
			refuse_giant(conn);
			return false;
		}
		control_take_line(conn, conn->control->daemon, &conn->peer,
		    line);
		/* It may have held a secret. */
		explicit_bzero(conn->in.mem + conn->in.start, eat);
		buf_eat(&conn->in, eat);
	}
	return true;
}

static bool
is_over(const struct ctl_conn *conn)
{
	struct str line;
	size_t eat;

	if (conn->is_gone)
		return true;
	if (!conn->eof && !conn->ends)
		return false;
	if (conn->calls_count || buf_len(&conn->out))
		return false;
	return conn->ends || ctl_line(buf_str(&conn->in), &line, &eat) != OK;
}

static void
conn_turn(void *arg)
{
	struct ctl_conn *conn = arg;
	bool more = take_lines(conn);

	conn_flush(conn);
	if (is_over(conn)) {
		conn_close(conn);
		return;
	}
	/* Room may have come for lines that are here already. */
	if (more && may_take(conn))
		loop_ready(conn->control->daemon->loop, &conn->turn);
	if (buf_len(&conn->out))
		event_add(conn->writable, NULL);
	if (!conn->eof && may_take(conn))
		event_add(conn->readable, NULL);
	else
		event_del(conn->readable);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_conn *conn = arg;
	char *at;
	size_t room;
	ssize_t n;

	(void)what;
	loop_ready(conn->control->daemon->loop, &conn->turn);
	if (buf_room(&conn->in, READ_ROOM, &at, &room)) {
		/* Full of lines that wait for their turn. */
		event_del(conn->readable);
		return;
	}
	n = recv(fd, at, room, 0);
	if (n > 0)
		buf_grew(&conn->in, (size_t)n);
	else if (n == 0)
		conn->eof = true;
	else if (errno != EAGAIN && errno != EINTR)
		conn->is_gone = true;
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_conn *conn = arg;

	(void)fd;
	(void)what;
	loop_ready(conn->control->daemon->loop, &conn->turn);
}

static bool
has_room(const struct control *c, const struct peer *peer)
{
	unsigned people = 0, theirs = 0;
	const struct ctl_conn *conn;

	if (c->count == CONTROL_CONNECTIONS_MAX || peer->role > CTL_SELF)
		return c->count < CONTROL_CONNECTIONS_MAX;
	TAILQ_FOREACH (conn, &c->conns, link) {
		people += conn->peer.role == CTL_SELF;
		theirs +=
		    conn->peer.role == CTL_SELF && conn->peer.uid == peer->uid;
	}
	return people < CONTROL_PEOPLE_MAX && theirs < CONTROL_PERSON_MAX;
}

bool
control_adopt(struct control *c, int fd, const struct peer *peer)
{
	struct event_base *base = loop_base(c->daemon->loop);
	struct ctl_conn *conn;

	if (!has_room(c, peer)) {
		close(fd);
		return false;
	}
	conn = xcalloc(1, sizeof(*conn));
	conn->control = c;
	conn->fd = fd;
	conn->peer = *peer;
	buf_init(&conn->in, CTL_FRAME_MAX + READ_ROOM);
	buf_init(&conn->out, OUT_MAX);
	task_init(&conn->turn, conn_turn, conn);
	conn->readable =
	    event_new(base, fd, EV_READ | EV_PERSIST, on_readable, conn);
	conn->writable = event_new(base, fd, EV_WRITE, on_writable, conn);
	event_add(conn->readable, NULL);
	TAILQ_INSERT_TAIL(&c->conns, conn, link);
	c->count++;
	return true;
}

unsigned
control_connections(const struct control *c)
{
	return c->count;
}

/* --- what calls need of their connection ----------------------------------- */

struct buf *
control_out(struct ctl_conn *conn)
{
	loop_ready(conn->control->daemon->loop, &conn->turn);
	return &conn->out;
}

void
control_call_begun(struct ctl_conn *conn, struct ctl_call *call)
{
	call->conn = conn;
	call->next = conn->calls;
	conn->calls = call;
	conn->calls_count++;
}

void
control_call_ended(struct ctl_conn *conn, struct ctl_call *call)
{
	struct ctl_call **at = &conn->calls;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	conn->calls_count--;
	loop_ready(conn->control->daemon->loop, &conn->turn);
}

void
control_call_waits(struct control *c, struct ctl_call *call)
{
	LIST_INSERT_HEAD(&c->waiting, call, waiting);
}

int64_t
control_sub_add(struct ctl_conn *conn, const struct ctl_filter *f)
{
	struct sub *s;

	if (conn->subs_count == CONTROL_SUBS_MAX)
		return 0;
	s = xcalloc(1, sizeof(*s));
	s->nr = ++conn->last_sub;
	s->filter = *f;
	s->next = conn->subs;
	conn->subs = s;
	conn->subs_count++;
	conn->control->subs++;
	subs_changed(conn->control);
	return s->nr;
}

bool
control_sub_drop(struct ctl_conn *conn, int64_t nr)
{
	struct sub **at = &conn->subs;

	while (*at && (*at)->nr != nr)
		at = &(*at)->next;
	if (!*at)
		return false;
	sub_remove(conn, at);
	return true;
}

bool
control_has_subs(const struct control *c)
{
	return c->subs > 0;
}

static void
tell(struct ctl_conn *conn, struct sub *s, struct str data)
{
	s->seq++;
	if (buf_len(&conn->out) >= OUT_HIGH ||
	    ctl_event(control_out(conn), s->nr, s->seq, s->lost, data)) {
		s->lost++;
		return;
	}
	s->lost = 0;
}

void
control_publish(struct control *c,
    bool (*wants)(void *arg, const struct ctl_filter *f), void *arg,
    struct str data)
{
	struct ctl_conn *conn;
	struct sub *s;

	TAILQ_FOREACH (conn, &c->conns, link)
		for (s = conn->subs; s; s = s->next)
			if (wants(arg, &s->filter))
				tell(conn, s, data);
}

/* --- the listener ---------------------------------------------------------- */

static void
on_rested(void *arg)
{
	struct control *c = arg;

	event_add(c->acceptable, NULL);
}

static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;
	struct peer peer;
	struct why why;
	int got;

	(void)what;
	while ((got = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >=
	    0) {
		if (peer_read(got, &c->groups, &peer, &why)) {
			log_note(LOG_WARN, "control.peer", "%s", why.text);
			close(got);
		} else if (!control_adopt(c, got, &peer)) {
			log_note(LOG_WARN, "control.full",
			    "a control connection of uid %ld was turned away",
			    (long)peer.uid);
		}
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOMEM &&
	    errno != ENOBUFS)
		return;
	/* It stays readable until there are descriptors again. */
	event_del(c->acceptable);
	timer_set(c->daemon->loop, &c->rest,
	    loop_ms(c->daemon->loop) + REST_MS);
}

static enum err
fill_address(const char *path, struct sockaddr_un *out, struct why *out_why)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(out->sun_path) - 4)
		return why_set(out_why, ERR_LIMIT, "control",
		    "the path of a socket has at most %zu bytes",
		    sizeof(out->sun_path) - 5);
	memcpy(out->sun_path, path, strlen(path));
	return OK;
}

static enum err
make_directory(const char *path, struct why *out_why)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	enum err e = OK;

	if (!slash || slash == path)
		return OK;
	dir = xmemdup(path, (size_t)(slash - path));
	if (mkdir(dir, 0755) && errno != EEXIST)
		e = why_set(out_why, ERR_IO, "control", "cannot make %s: %s",
		    dir, strerror(errno));
	free(dir);
	return e;
}

/* Whatever stands at the path must be a socket that nobody serves. */
static enum err
check_vacant(const struct sockaddr_un *sa, struct why *out_why)
{
	struct stat st;
	bool answered;
	int fd;

	if (lstat(sa->sun_path, &st))
		return OK;
	if (!S_ISSOCK(st.st_mode))
		return why_set(out_why, ERR_EXISTS, "control",
		    "%s is there and is no socket", sa->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return why_set(out_why, ERR_IO, "control", "no socket: %s",
		    strerror(errno));
	/* A full backlog (EAGAIN) is an answer too. */
	answered = connect(fd, (const void *)sa, sizeof(*sa)) == 0 ||
	    errno != ECONNREFUSED;
	close(fd);
	if (answered)
		return why_set(out_why, ERR_BUSY, "control",
		    "another relayd answers on %s", sa->sun_path);
	return OK;
}

static enum err
give_to_group(const char *path, const struct conf *conf, struct why *out_why)
{
	const char *group = conf->control_group;
	bool is_default = conf->said[CONF_NR_control_group].line == 0;
	struct why why;
	gid_t gid;
	enum err e;

	if (!group[0])
		return OK;
	e = peer_group_id("control_group", group, &gid, &why);
	if (!e && chown(path, (uid_t)-1, gid))
		e = why_set(&why, ERR_DENIED, "control_group",
		    "the socket cannot be given to group %s: %s (is the "
		    "daemon's user a member?)",
		    group, strerror(errno));
	if (e && is_default) {
		log_note(LOG_INFO, "control.group",
		    "only root and the daemon's user and group can open the "
		    "control socket: %s",
		    why.text);
		return OK;
	}
	if (e && out_why)
		*out_why = why;
	return e;
}

/* The socket is made under another name and moved into place when it has its
 * mode and group, so nobody finds it half made. */
static enum err
open_socket(const struct conf *conf, int *out_fd, struct why *out_why)
{
	struct sockaddr_un sa, beside;
	mode_t mask;
	enum err e;
	int fd, failed;

	e = fill_address(conf->control, &sa, out_why);
	if (!e)
		e = make_directory(conf->control, out_why);
	if (!e)
		e = check_vacant(&sa, out_why);
	if (e)
		return e;
	beside = sa;
	memcpy(beside.sun_path + strlen(sa.sun_path), ".new", 5);
	unlink(beside.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0117);
	failed = fd < 0 || bind(fd, (const void *)&beside, sizeof(beside));
	umask(mask);
	if (failed) {
		e = why_set(out_why, ERR_IO, "control", "cannot make %s: %s",
		    conf->control, strerror(errno));
		goto out_close;
	}
	e = give_to_group(beside.sun_path, conf, out_why);
	if (!e && (listen(fd, 64) || rename(beside.sun_path, conf->control)))
		e = why_set(out_why, ERR_IO, "control",
		    "cannot listen on %s: %s", conf->control, strerror(errno));
	if (!e) {
		*out_fd = fd;
		return OK;
	}
	unlink(beside.sun_path);
out_close:
	if (fd >= 0)
		close(fd);
	return e;
}

enum err
control_new(struct daemon *d, struct control **out, struct why *out_why)
{
	struct peer_groups groups;
	struct control *c;
	int fd = -1;
	enum err e;

	e = peer_groups_find(d->conf, &groups, out_why);
	if (!e)
		e = open_socket(d->conf, &fd, out_why);
	if (e)
		return e;
	c = xcalloc(1, sizeof(*c));
	c->daemon = d;
	c->path = xstrdup(d->conf->control);
	c->fd = fd;
	c->groups = groups;
	c->follow = follow_new(d);
	TAILQ_INIT(&c->conns);
	LIST_INIT(&c->waiting);
	timer_init(&c->rest, on_rested, c);
	c->acceptable = event_new(loop_base(d->loop), fd, EV_READ | EV_PERSIST,
	    on_acceptable, c);
	event_add(c->acceptable, NULL);
	*out = c;
	return OK;
}

enum err
control_reload(struct control *c, const struct conf *conf, struct why *out_why)
{
	return peer_groups_find(conf, &c->groups, out_why);
}

void
control_free(struct control *c)
{
	struct ctl_call *call;

	if (!c)
		return;
	while (!TAILQ_EMPTY(&c->conns))
		conn_close(TAILQ_FIRST(&c->conns));
	while ((call = LIST_FIRST(&c->waiting)))
		call->abandon(call);
	timer_clear(c->daemon->loop, &c->rest);
	follow_free(c->follow);
	event_free(c->acceptable);
	close(c->fd);
	unlink(c->path);
	free(c->path);
	free(c);
}
