/* SPDX-License-Identifier: MIT */
/* peer.c - a server on loopback, in a thread, for tests. */
#include "tests/support/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/mem.h"

struct peer {
	struct peer_conf conf;
	SSL_CTX *ctx, *proxy_ctx;
	int listener;
	uint16_t port;
	pthread_t thread;
	atomic_int fd; /* of the connection under way, or -1 */
	atomic_bool is_closing;
	atomic_uint taken;
	pthread_mutex_t lock;
	char heard[4096];
};

/* The connection under way. */
struct talk {
	int fd;
	SSL *ssl; /* NULL: plain */
};

static ssize_t
talk_read(struct talk *t, void *at, size_t room)
{
	return t->ssl ? SSL_read(t->ssl, at, (int)room)
		      : recv(t->fd, at, room, 0);
}

static bool
talk_take(struct talk *t, void *at, size_t len)
{
	for (size_t have = 0; have < len;) {
		ssize_t n = talk_read(t, (char *)at + have, len - have);

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

static bool
talk_say(struct talk *t, const void *at, size_t len)
{
	for (size_t said = 0; said < len;) {
		const char *from = (const char *)at + said;
		ssize_t n = t->ssl ? SSL_write(t->ssl, from, (int)(len - said))
				   : send(t->fd, from, len - said, 0);

		if (n <= 0)
			return false;
		said += (size_t)n;
	}
	return true;
}

static void
note(struct peer *p, const char *at, size_t len)
{
	size_t have;

	pthread_mutex_lock(&p->lock);
	have = strlen(p->heard);
	if (len > sizeof(p->heard) - 1 - have)
		len = sizeof(p->heard) - 1 - have;
	memcpy(p->heard + have, at, len);
	p->heard[have + len] = '\0';
	pthread_mutex_unlock(&p->lock);
}

/* --- proxies --------------------------------------------------------------- */

static bool
socks_password(struct peer *p, struct talk *t)
{
	unsigned char len[2];
	char text[256];

	if (!talk_say(t, "\x05\x02", 2) || !talk_take(t, len, 2) ||
	    !talk_take(t, text, len[1]))
		return false;
	note(p, text, len[1]);
	note(p, " ", 1);
	if (!talk_take(t, len, 1) || !talk_take(t, text, len[0]))
		return false;
	note(p, text, len[0]);
	note(p, " ", 1);
	if (p->conf.proxy == PROXY_SOCKS5_PASSWORD)
		return talk_say(t, "\x01\x00", 2);
	talk_say(t, "\x01\x01", 2);
	return false;
}

static bool
socks_address(struct peer *p, struct talk *t, unsigned char kind)
{
	unsigned char raw[256], port[2], len = 0;
	char text[INET6_ADDRSTRLEN + 16];

	if (kind == 3) {
		if (!talk_take(t, &len, 1) || !talk_take(t, raw, len))
			return false;
		note(p, (char *)raw, len);
	} else {
		len = kind == 1 ? 4 : 16;
		if (!talk_take(t, raw, len))
			return false;
		inet_ntop(kind == 1 ? AF_INET : AF_INET6, raw, text,
		    sizeof(text));
		note(p, text, strlen(text));
	}
	if (!talk_take(t, port, 2))
		return false;
	snprintf(text, sizeof(text), ":%u", port[0] << 8 | port[1]);
	note(p, text, strlen(text));
	return true;
}

static bool
socks(struct peer *p, struct talk *t)
{
	static const char granted[10] = "\x05\x00\x00\x01";
	static const char refused[10] = "\x05\x05\x00\x01";
	unsigned char head[4], methods[256];
	bool is_refusing = p->conf.proxy == PROXY_SOCKS5_REFUSES;
	bool is_asking = p->conf.proxy == PROXY_SOCKS5_PASSWORD ||
	    p->conf.proxy == PROXY_SOCKS5_WRONG_PASSWORD;

	if (!talk_take(t, head, 2) || !talk_take(t, methods, head[1]))
		return false;
	if (is_asking && !memchr(methods, 2, head[1])) {
		talk_say(t, "\x05\xff", 2);
		return false;
	}
	if (is_asking) {
		if (!socks_password(p, t))
			return false;
	} else if (!talk_say(t, "\x05\x00", 2)) {
		return false;
	}
	if (!talk_take(t, head, 4) || !socks_address(p, t, head[3]))
		return false;
	return talk_say(t, is_refusing ? refused : granted, 10) && !is_refusing;
}

/* Read until the empty line; note all of it. */
static bool
take_head(struct peer *p, struct talk *t)
{
	char head[4096];
	size_t len = 0;

	while (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4)) {
		if (len == sizeof(head) || !talk_take(t, head + len, 1))
			return false;
		len++;
	}
	note(p, head, len);
	return true;
}

static bool
connect_proxy(struct peer *p, struct talk *t)
{
	const char *answer = "HTTP/1.1 200 go\r\n\r\n";

	if (!take_head(p, t))
		return false;
	if (p->conf.proxy == PROXY_CONNECT_407)
		answer = "HTTP/1.1 407 who\r\nProxy-Authenticate: Basic "
			 "realm=x\r\nContent-Length: 0\r\n\r\n";
	if (p->conf.proxy == PROXY_CONNECT_502)
		answer = "HTTP/1.1 502 no\r\nContent-Length: 0\r\n\r\n";
	if (p->conf.proxy == PROXY_CONNECT_HANGS_UP)
		return false;
	return talk_say(t, answer, strlen(answer)) &&
	    p->conf.proxy == PROXY_CONNECT;
}

/* --- the target ------------------------------------------------------------ */

static void
listen_on(struct talk *t, bool is_echoing)
{
	char bytes[16384];
	ssize_t n;

	while ((n = talk_read(t, bytes, sizeof(bytes))) > 0) {
		if (is_echoing && !talk_say(t, bytes, (size_t)n))
			return;
	}
}

static void
be_http(struct peer *p, struct talk *t)
{
	char text[sizeof(p->heard)];
	const char *length;
	size_t len;

	if (!take_head(p, t))
		return;
	peer_heard(p, text, sizeof(text));
	length = strstr(text, "Content-Length: ");
	len = length ? strtoul(length + 16, NULL, 10) : 0;
	if (len < sizeof(text) && talk_take(t, text, len)) {
		note(p, text, len);
		talk_say(t, p->conf.piece, p->conf.piece_len);
	}
}

static bool
secure(struct talk *t, SSL_CTX *ctx)
{
	if (!ctx)
		return true;
	t->ssl = SSL_new(ctx);
	SSL_set_fd(t->ssl, t->fd);
	return SSL_accept(t->ssl) == 1;
}

static void
serve_one(struct peer *p, struct talk *t)
{
	enum proxy proxy = p->conf.proxy;

	if (p->conf.manner == PEER_MUTE) {
		listen_on(t, false);
		return;
	}
	if (!secure(t, p->proxy_ctx))
		return;
	if (proxy != PROXY_NONE &&
	    !(proxy >= PROXY_CONNECT ? connect_proxy(p, t) : socks(p, t)))
		return;
	if (!secure(t, p->ctx))
		return;
	if (p->conf.manner == PEER_HTTP) {
		be_http(p, t);
	} else if (p->conf.manner == PEER_ECHO) {
		listen_on(t, true);
	} else {
		talk_say(t, p->conf.piece, p->conf.piece_len);
		listen_on(t, false);
	}
}

static void *
serve(void *arg)
{
	struct peer *p = arg;
	sigset_t pipes;

	/* Writing to who has left is an everyday thing here. */
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipes, NULL);
	while (!p->is_closing) {
		struct talk t = { .fd = accept(p->listener, NULL, NULL) };

		if (t.fd < 0)
			continue;
		p->taken++;
		p->fd = t.fd;
		if (!p->is_closing)
			serve_one(p, &t);
		if (t.ssl && SSL_is_init_finished(t.ssl))
			SSL_shutdown(t.ssl);
		SSL_free(t.ssl);
		p->fd = -1;
		close(t.fd);
	}
	OPENSSL_thread_stop();
	return NULL;
}

struct peer *
peer_new(struct authority *a, const struct peer_conf *conf)
{
	struct peer *p = xcalloc(1, sizeof(*p));
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);

	p->conf = *conf;
	p->fd = -1;
	pthread_mutex_init(&p->lock, NULL);
	if (conf->cert != CERT_NONE)
		p->ctx = authority_issue(a, conf->cert);
	if (conf->proxy_cert != CERT_NONE)
		p->proxy_ctx = authority_issue(a, conf->proxy_cert);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(p->listener, (struct sockaddr *)&in, sizeof(in)) ||
	    listen(p->listener, 1024) ||
	    getsockname(p->listener, (struct sockaddr *)&in, &len))
		abort();
	p->port = ntohs(in.sin_port);
	if (pthread_create(&p->thread, NULL, serve, p))
		abort();
	return p;
}

void
peer_free(struct peer *p)
{
	int fd;

	if (!p)
		return;
	p->is_closing = true;
	shutdown(p->listener, SHUT_RDWR);
	fd = p->fd;
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->listener);
	SSL_CTX_free(p->ctx);
	SSL_CTX_free(p->proxy_ctx);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

uint16_t
peer_port(const struct peer *p)
{
	return p->port;
}

unsigned
peer_taken(struct peer *p)
{
	return p->taken;
}

void
peer_heard(struct peer *p, char *out, size_t size)
{
	pthread_mutex_lock(&p->lock);
	snprintf(out, size, "%s", p->heard);
	pthread_mutex_unlock(&p->lock);
}
