/* SPDX-License-Identifier: MIT */
/* peer.h - a server on loopback, in a thread, for tests.
 *
 *	accept -> [proxy's talk] -> [TLS] -> manner
 *
 * A proxy plays the target itself once it was told where to go, so that what
 * arrives elsewhere arrives by a way that must not be.  One connection is
 * served at a time. */
#ifndef TESTS_SUPPORT_PEER_H
#define TESTS_SUPPORT_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "tests/support/cert.h"

enum manner {
	PEER_ECHO,
	PEER_SPEAK, /* says its piece at once, then listens */
	PEER_HTTP,  /* says its piece after a request, then closes */
	PEER_MUTE   /* takes connections and does nothing on them */
};

enum proxy {
	PROXY_NONE,
	PROXY_SOCKS5, /* no authentication */
	PROXY_SOCKS5_PASSWORD,
	PROXY_SOCKS5_WRONG_PASSWORD,
	PROXY_SOCKS5_REFUSES,
	PROXY_CONNECT,
	PROXY_CONNECT_407,
	PROXY_CONNECT_502,
	PROXY_CONNECT_HANGS_UP
};

struct peer_conf {
	enum manner manner;
	enum proxy proxy;
	enum cert proxy_cert; /* TLS to the proxy itself */
	enum cert cert;
	const char *piece;
	size_t piece_len;
};

struct peer;

struct peer *peer_new(struct authority *a, const struct peer_conf *conf);
void peer_free(struct peer *p);
uint16_t peer_port(const struct peer *p);
/* Connections taken so far. */
unsigned peer_taken(struct peer *p);
/* What the proxy was told ("HOST:PORT", the password), or the HTTP request;
 * whole only when the connection's first answer has come. */
void peer_heard(struct peer *p, char *out, size_t size);

#endif
