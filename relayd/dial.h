/* SPDX-License-Identifier: MIT */
/* dial.h - getting a connection to an upstream, and sending on it.
 *
 * The only function in relayd that opens connections to the outside is
 * dial_start(): names are resolved (dns.h), every address is judged
 * (egress.h), and libcurl connects to exactly those addresses, through the
 * account's proxy when it has one, and does TLS with verification
 * (CURLOPT_CONNECT_ONLY).  What comes out is a wire: bytes in and out, no
 * protocol.  Fails closed: with a proxy configured there is no direct way. */
#ifndef RELAYD_DIAL_H
#define RELAYD_DIAL_H

#include <sys/uio.h>

#include "proto/str.h"

struct loop;
struct dns;
struct dialer;
struct dial;
struct wire;

struct dialer_conf {
	const char *ca_file; /* PEM bundle */
	unsigned connect_wait_ms;
};

enum err
dialer_new(struct loop *l, struct dns *dns, const struct dialer_conf *conf,
    struct dialer **out, struct why *out_why) CHECKED;
void dialer_free(struct dialer *d);
/* For connections that are begun from now on. */
void dialer_set_connect_wait(struct dialer *d, unsigned connect_wait_ms);

/* Which addresses may be connected to. */
enum dial_family {
	DIAL_ANY,
	DIAL_4,
	DIAL_6
};

/* Where to, and which way.  Strings are copied by dial_start(). */
struct dial_to {
	bool tls;
	const char *host; /* name or literal; IPv6 without brackets */
	uint16_t port;
	bool allow_private; /* private and loopback addresses too */
	const char
	    *proxy; /* URL without password ("socks5h://u@h:1080"); NULL */
	struct str proxy_password;
	enum dial_family family; /* of the proxy's address, if there is one */
	/* There is no way: nothing is asked for or connected to, and this is
	 * why.  NULL: there is. */
	const char *no_way;
};

/* How far it came when it failed. */
enum dial_step {
	DIAL_NAME,
	DIAL_ADDRESS,
	DIAL_CONNECT,
	DIAL_PROXY,
	DIAL_TLS
};

struct dial_result {
	struct wire *wire; /* NULL: failed, and e, step and why tell */
	enum err e;
	enum dial_step step;
	struct why why;
	int64_t name_us, connect_us, tls_us; /* how long each took */
};

/* Called once, from a task of the loop, never from inside dial_start(). */
typedef void dial_done(void *arg, struct dial_result *result);

struct dial *dial_start(struct dialer *d, const struct dial_to *to,
    dial_done *done, void *arg);
/* Forget it; `done` will not be called. NULL is fine; never after done. */
void dial_cancel(struct dial *take_dial);

/* --- wires ----------------------------------------------------------------- */

/* The socket, for an event of the owner's. */
int wire_fd(const struct wire *w);
/* Send what goes; *out_sent may be less.  ERR_AGAIN: nothing went, wait until
 * writable.  ERR_CLOSED: the peer is gone. */
enum err wire_send(struct wire *w, const struct iovec *iov, int count,
    size_t *out_sent) CHECKED;
/* Receive.  ERR_AGAIN: nothing there.  ERR_CLOSED: orderly end.  ERR_IO: reset
 * or broken TLS.  After readiness call until ERR_AGAIN: TLS may hold bytes
 * back that the socket no longer shows. */
enum err
wire_recv(struct wire *w, char *at, size_t room, size_t *out_got) CHECKED;
/* May bytes have been read from the socket that wire_recv() has not given out
 * yet?  Then a short read does not mean that there is nothing more. */
bool wire_may_hold(const struct wire *w);
/* Close; remove your events on the socket before.  NULL is fine. */
void wire_close(struct wire *take_wire);

/* --- ordinary transfers: off the data path only ---------------------------- */

struct fetch;

struct fetch_ask {
	struct dial_to way; /* proxy, allow_private; host from the URL */
	const char *method; /* "GET", "POST" */
	const char *url;
	const char *const *fields; /* "Name: value", NULL-terminated */
	struct str body;	   /* copied */
	unsigned total_ms;
	size_t answer_max; /* ceiling of the answer's body */
};

struct fetch_result {
	enum err e;
	struct why why;
	bool
	    by_proxy; /* it failed before anything could go through the proxy */
	unsigned status;
	unsigned retry_after_s; /* as the answer said; 0: nothing */
	struct str body;	/* borrowed for the call, as the next */
	struct str type;	/* its Content-Type; may be empty */
	int64_t name_us, connect_us, tls_us, first_us, total_us;
};

typedef void fetch_done(void *arg, const struct fetch_result *result);
struct fetch *fetch_start(struct dialer *d, const struct fetch_ask *ask,
    fetch_done *done, void *arg);
void fetch_cancel(struct fetch *take_fetch);

#endif
