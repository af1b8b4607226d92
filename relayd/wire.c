/* SPDX-License-Identifier: MIT */
/* wire.c - bytes to an upstream and back.
 *
 * A plain wire is a socket and nothing else: libcurl has handed it over and
 * forgotten it.  A TLS wire keeps its carrier, as libcurl holds the session.
 *
 * To libcurl a finished CONNECT_ONLY connection is an idle one, which the next
 * dial may find "dead" (bytes came) and close; only a transfer attached to it
 * prevents that.  The first curl_easy_recv() attaches ours, so it is made
 * before the wire is handed out, and the byte it may bring is kept. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/mem.h"

#include "relayd/dialer.h"

/* One call sends at most this many records, so that a fast peer does not keep
 * the loop from its other work. */
#define RECORDS_MAX 16

struct wire {
	int fd;
	struct carrier *carrier; /* NULL: plain */
	bool has_early;
	char early;
	/* A record OpenSSL has begun: it wants the very same bytes at the very
	 * same place again. */
	char *begun;
	size_t begun_len;
};

static void
wire_on_message(void *arg, CURLcode code)
{
	/* libcurl speaks once of a handle, and that was the dial's. */
	(void)arg;
	(void)code;
}

static enum err
attach(struct wire *w)
{
	size_t got = 0;
	CURLcode code =
	    curl_easy_recv(w->carrier->job.easy, &w->early, 1, &got);

	w->has_early = code == CURLE_OK && got == 1;
	return code == CURLE_OK || code == CURLE_AGAIN ? OK : ERR_IO;
}

enum err
wire_new(struct carrier *take_carrier, struct wire **out, struct why *out_why)
{
	struct carrier *c = take_carrier;
	curl_socket_t fd = CURL_SOCKET_BAD;
	struct wire *w;

	curl_easy_getinfo(c->job.easy, CURLINFO_ACTIVESOCKET, &fd);
	if (fd == CURL_SOCKET_BAD) {
		carrier_free(c);
		return why_set(out_why, ERR_IO, "host",
		    "the connection broke as soon as it was made");
	}
	w = xcalloc(1, sizeof(*w));
	w->fd = fd;
	if (way_is_plain(&c->way)) {
		c->way.kept_fd = fd;
		carrier_free(c);
	} else {
		w->carrier = c;
		c->job.done = wire_on_message;
		if (attach(w)) {
			wire_close(w);
			return why_set(out_why, ERR_IO, "tls",
			    "the connection broke as soon as it was made");
		}
	}
	*out = w;
	return OK;
}

int
wire_fd(const struct wire *w)
{
	return w->fd;
}

bool
wire_may_hold(const struct wire *w)
{
	return w->carrier != NULL;
}

void
wire_close(struct wire *take_wire)
{
	struct wire *w = take_wire;

	if (!w)
		return;
	if (w->carrier)
		carrier_free(w->carrier);
	else
		close(w->fd);
	if (w->begun) {
		explicit_bzero(w->begun, w->begun_len);
		free(w->begun);
	}
	free(w);
}

/* --- plain ----------------------------------------------------------------- */

static enum err
io_error(void)
{
	if (errno == EAGAIN || errno == EINTR)
		return ERR_AGAIN;
	return errno == EPIPE || errno == ECONNRESET ? ERR_CLOSED : ERR_IO;
}

static enum err
plain_send(struct wire *w, const struct iovec *iov, int count, size_t *out_sent)
{
	struct msghdr m = { .msg_iovlen = (size_t)count };
	ssize_t n;

	/* sendmsg(2) only reads it. */
	memcpy(&m.msg_iov, &iov, sizeof(iov));
	n = sendmsg(w->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return io_error();
	*out_sent = (size_t)n;
	return OK;
}

static enum err
plain_recv(struct wire *w, char *at, size_t room, size_t *out_got)
{
	ssize_t n = recv(w->fd, at, room, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_IO;
	if (n == 0)
		return ERR_CLOSED;
	*out_got = (size_t)n;
	return OK;
}

/* --- TLS ------------------------------------------------------------------- */

/* Copy up to one record's worth of bytes, from byte `skip` on. */
static size_t
gather(char *to, const struct iovec *iov, int count, size_t skip)
{
	size_t len = 0;

	for (int i = 0; i < count && len < RECORD_BYTES; i++) {
		size_t n = iov[i].iov_len;

		if (skip >= n) {
			skip -= n;
			continue;
		}
		n -= skip;
		if (n > RECORD_BYTES - len)
			n = RECORD_BYTES - len;
		memcpy(to + len, (const char *)iov[i].iov_base + skip, n);
		len += n;
		skip = 0;
	}
	return len;
}

static enum err
record_send(struct wire *w, const struct iovec *iov, int count, size_t skip,
    size_t *out_sent)
{
	struct dialer *d = w->carrier->dialer;
	bool is_begun = w->begun != NULL;
	char *record = is_begun ? w->begun : d->record;
	size_t len = is_begun ? w->begun_len : gather(record, iov, count, skip);
	size_t sent = 0;
	CURLcode code;

	if (!len)
		return ERR_AGAIN;
	code = curl_easy_send(w->carrier->job.easy, record, len, &sent);
	if (code == CURLE_AGAIN) {
		if (!is_begun) {
			w->begun = record;
			w->begun_len = len;
			d->record = xmalloc(RECORD_BYTES);
		}
		return ERR_AGAIN;
	}
	if (is_begun) {
		explicit_bzero(w->begun, w->begun_len);
		free(w->begun);
		w->begun = NULL;
	}
	if (code != CURLE_OK)
		return ERR_CLOSED;
	*out_sent = sent;
	return OK;
}

static enum err
tls_send(struct wire *w, const struct iovec *iov, int count, size_t *out_sent)
{
	size_t total = 0, sent = 0;
	enum err e = OK;

	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	for (int i = 0; i < RECORDS_MAX && sent < total; i++) {
		size_t n = 0;

		e = record_send(w, iov, count, sent, &n);
		if (e)
			break;
		sent += n;
	}
	if (!sent && e)
		return e;
	*out_sent = sent;
	return OK;
}

static enum err
tls_recv(struct wire *w, char *at, size_t room, size_t *out_got)
{
	size_t got = 0;
	CURLcode code;

	if (w->has_early) {
		w->has_early = false;
		at[0] = w->early;
		*out_got = 1;
		return OK;
	}
	code = curl_easy_recv(w->carrier->job.easy, at, room, &got);
	if (code == CURLE_AGAIN)
		return ERR_AGAIN;
	if (code != CURLE_OK)
		return ERR_IO;
	if (!got)
		return ERR_CLOSED;
	*out_got = got;
	return OK;
}

enum err
wire_send(struct wire *w, const struct iovec *iov, int count, size_t *out_sent)
{
	return w->carrier ? tls_send(w, iov, count, out_sent)
			  : plain_send(w, iov, count, out_sent);
}

enum err
wire_recv(struct wire *w, char *at, size_t room, size_t *out_got)
{
	assert(room);
	return w->carrier ? tls_recv(w, at, room, out_got)
			  : plain_recv(w, at, room, out_got);
}
