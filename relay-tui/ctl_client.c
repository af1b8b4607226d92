/* SPDX-License-Identifier: MIT */
/* ctl_client.c - the other end of the control socket.  It waits: relayctl has
 * nothing else to do meanwhile. */
#include "relay-tui/ctl_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/mem.h"

#include "relay-tui/words.h"

#define READ_ROOM 16384

struct ctl_client {
	int fd;
	int64_t last_id;
	struct buf in, out;
	size_t eat; /* the line that was handed out last */
	struct json_out call;
};

/* --- finding and connecting ------------------------------------------------ */

static enum err
connect_to(const char *path, int flags, int *out_fd, struct why *out_why)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path))
		return why_set(out_why, ERR_CLOSED, "",
		    _("the path of the control socket is too long"));
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		return why_set(out_why, ERR_IO, "", "%s", strerror(errno));
	if (connect(fd, (const void *)&sa, sizeof(sa)) == 0) {
		*out_fd = fd;
		return OK;
	}
	close(fd);
	if (errno == EACCES || errno == EPERM)
		return why_set(out_why, ERR_DENIED, "",
		    _("you may not open %s; its group may (see `ls -l`)"),
		    path);
	return why_set(out_why, ERR_CLOSED, "",
	    _("no relayd answers on %s: %s"), path, strerror(errno));
}

/* The user's own comes first; only when there is none, the system's. */
static enum err
find(int flags, int *out_fd, struct why *out_why)
{
	const char *said = getenv("RELAYD_SOCKET");
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char own[4096];

	if (said && said[0])
		return connect_to(said, flags, out_fd, out_why);
	if (runtime && runtime[0] == '/') {
		enum err e;

		snprintf(own, sizeof(own), "%s/relayd/control.sock", runtime);
		e = connect_to(own, flags, out_fd, out_why);
		if (e != ERR_CLOSED)
			return e;
	}
	return connect_to("/run/relayd/control.sock", flags, out_fd, out_why);
}

enum err
ctl_client_connect(const char *path, bool nonblocking, int *out_fd,
    struct why *out_why)
{
	int flags = nonblocking ? SOCK_NONBLOCK : 0;

	return path ? connect_to(path, flags, out_fd, out_why)
		    : find(flags, out_fd, out_why);
}

enum err
ctl_client_open(const char *path, struct ctl_client **out, struct why *out_why)
{
	struct ctl_client *c;
	int fd = -1;
	enum err e;

	e = ctl_client_connect(path, false, &fd, out_why);
	if (e)
		return e;
	c = xcalloc(1, sizeof(*c));
	c->fd = fd;
	buf_init(&c->in, CTL_FRAME_MAX + READ_ROOM);
	buf_init(&c->out, CTL_FRAME_MAX + 1);
	*out = c;
	return OK;
}

void
ctl_client_close(struct ctl_client *c)
{
	if (!c)
		return;
	close(c->fd);
	/* A new key's value came in, credentials went out. */
	buf_wipe(&c->in);
	buf_wipe(&c->out);
	free(c);
}

/* --- talking --------------------------------------------------------------- */

static enum err
send_all(struct ctl_client *c, struct why *out_why)
{
	while (buf_len(&c->out)) {
		struct str s = buf_str(&c->out);
		ssize_t n = send(c->fd, s.at, s.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return why_set(out_why, ERR_CLOSED, "",
			    _("relayd has closed the connection"));
		buf_eat(&c->out, (size_t)n);
	}
	return OK;
}

static enum err
receive_more(struct ctl_client *c, struct why *out_why)
{
	char *at;
	size_t room;
	ssize_t n;

	if (buf_room(&c->in, READ_ROOM, &at, &room))
		return why_set(out_why, ERR_LIMIT, "",
		    _("relayd sent a frame that is too long"));
	do
		n = recv(c->fd, at, room, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return why_set(out_why, ERR_CLOSED, "",
		    _("relayd has closed the connection"));
	buf_grew(&c->in, (size_t)n);
	return OK;
}

static enum err
next_frame(struct ctl_client *c, struct ctl_frame *out, struct why *out_why)
{
	struct str line;
	enum err e;

	buf_eat(&c->in, c->eat);
	c->eat = 0;
	while ((e = ctl_line(buf_str(&c->in), &line, &c->eat)) == ERR_AGAIN) {
		e = receive_more(c, out_why);
		if (e)
			return e;
	}
	if (!e)
		e = ctl_frame_read(line, out, out_why);
	if (e)
		return why_set(out_why, ERR_SYNTAX, "",
		    _("what answers there is no relayd"));
	return OK;
}

struct json_out *
ctl_client_begin(struct ctl_client *c, enum ctl_method method)
{
	ctl_call_begin(&c->call, &c->out, ++c->last_id, ctl_row(method));
	return &c->call;
}

enum err
ctl_client_ask(struct ctl_client *c, struct ctl_frame *out, struct why *out_why)
{
	enum err e = ctl_call_end(&c->call);

	if (e)
		return why_set(out_why, e, "", _("that is too much to ask"));
	e = send_all(c, out_why);
	while (!e) {
		e = next_frame(c, out, out_why);
		if (e)
			return e;
		if (out->kind == CTL_RESULT || out->kind == CTL_ERROR) {
			if (out->id.is_null || out->id.number == c->last_id)
				return OK;
		}
		ctl_frame_fini(out);
	}
	return e;
}

enum err
ctl_client_ask_simple(struct ctl_client *c, enum ctl_method method,
    struct ctl_frame *out, struct why *out_why)
{
	ctl_client_begin(c, method);
	return ctl_client_ask(c, out, out_why);
}

enum err
ctl_client_next(struct ctl_client *c, struct ctl_frame *out,
    struct why *out_why)
{
	for (;;) {
		enum err e = next_frame(c, out, out_why);

		if (e || out->kind == CTL_EVENT)
			return e;
		ctl_frame_fini(out);
	}
}
