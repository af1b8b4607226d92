/* SPDX-License-Identifier: MIT */
/* test_dial.c - wires to servers of the test's own: plain, TLS, by proxy. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "relayd/dial.h"
#include "relayd/dns.h"
#include "relayd/loop.h"
#include "tests/support/nameserver.h"
#include "tests/support/peer.h"

/* A test that waits longer than this has failed. */
#define PATIENCE_MS	10000
#define CONNECT_WAIT_MS 1000

struct bench {
	struct authority *authority; /* of the group */
	struct loop *loop;
	struct dns *dns;
	struct dialer *dialer;
	struct nameserver *names;
	struct peer *peer, *proxy;
	unsigned over;
	struct dial_result result;
};

static int
group_setup(void **state)
{
	*state = authority_new();
	return 0;
}

static int
group_teardown(void **state)
{
	authority_free(*state);
	return 0;
}

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct dialer_conf conf = { .connect_wait_ms = CONNECT_WAIT_MS };

	b->authority = *state;
	conf.ca_file = authority_file(b->authority);
	b->names = nameserver_new();
	assert_int_equal(loop_new(&b->loop, NULL), OK);
	assert_int_equal(dns_new(b->loop, nameserver_address(b->names), &b->dns,
			     NULL),
	    OK);
	assert_int_equal(dialer_new(b->loop, b->dns, &conf, &b->dialer, NULL),
	    OK);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	wire_close(b->result.wire);
	dialer_free(b->dialer);
	dns_free(b->dns);
	loop_free(b->loop);
	peer_free(b->peer);
	peer_free(b->proxy);
	nameserver_free(b->names);
	*state = b->authority;
	free(b);
	return 0;
}

static void
on_dialled(void *arg, struct dial_result *result)
{
	struct bench *b = arg;

	b->over++;
	b->result = *result;
}

/* Dial, and close what an earlier dial has brought. */
static enum err
dial(struct bench *b, const struct dial_to *to)
{
	int64_t until = clock_us() + PATIENCE_MS * 1000;
	unsigned before = b->over;

	wire_close(b->result.wire);
	b->result.wire = NULL;
	dial_start(b->dialer, to, on_dialled, b);
	assert_int_equal(b->over, before);
	while (b->over == before && clock_us() < until)
		loop_turn(b->loop, PATIENCE_MS / 10);
	assert_int_equal(b->over, before + 1);
	assert_int_equal(!b->result.wire, !!b->result.e);
	return b->result.e;
}

static struct dial_to
to_peer(struct bench *b, const struct peer_conf *conf)
{
	b->peer = peer_new(b->authority, conf);
	return (struct dial_to){ .tls = conf->cert != CERT_NONE,
		.host = "127.0.0.1",
		.port = peer_port(b->peer),
		.allow_private = true };
}

static void
wait_fd(struct wire *w, short events)
{
	struct pollfd p = { .fd = wire_fd(w), .events = events };

	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
}

static void
send_all(struct wire *w, char *at, size_t len)
{
	while (len) {
		struct iovec iov = { at, len };
		size_t n = 0;
		enum err e = wire_send(w, &iov, 1, &n);

		if (e == ERR_AGAIN) {
			wait_fd(w, POLLOUT);
			continue;
		}
		assert_int_equal(e, OK);
		at += n;
		len -= n;
	}
}

static void
recv_all(struct wire *w, char *at, size_t len)
{
	while (len) {
		size_t n = 0;
		enum err e = wire_recv(w, at, len, &n);

		if (e == ERR_AGAIN) {
			wait_fd(w, POLLIN);
			continue;
		}
		assert_int_equal(e, OK);
		at += n;
		len -= n;
	}
}

static void
assert_echoes(struct wire *w)
{
	char said[] = "hello, world", heard[sizeof(said)];

	send_all(w, said, sizeof(said));
	recv_all(w, heard, sizeof(heard));
	assert_memory_equal(heard, said, sizeof(said));
}

static void
assert_why(struct bench *b, const char *part)
{
	if (!strstr(b->result.why.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, b->result.why.text);
}

/* Sockets that lead to this port; the peer's own are not among them. */
static unsigned
sockets_to(uint16_t port)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++) {
		struct sockaddr_in in = { 0 };
		socklen_t len = sizeof(in);

		if (!getpeername(fd, (struct sockaddr *)&in, &len) &&
		    in.sin_family == AF_INET && in.sin_port == htons(port))
			count++;
	}
	return count;
}

/* --- plain ----------------------------------------------------------------- */

static void
a_plain_wire_carries_bytes_both_ways(void **state)
{
	struct bench *b = *state;
	struct dial_to to =
	    to_peer(b, &(struct peer_conf){ .manner = PEER_ECHO });
	char hel[] = "hel", lo[] = "lo", got[16];
	struct iovec iov[2] = { { hel, 3 }, { lo, 2 } };
	size_t n = 0;

	assert_int_equal(dial(b, &to), OK);
	assert_int_equal(wire_recv(b->result.wire, got, sizeof(got), &n),
	    ERR_AGAIN);
	assert_int_equal(wire_send(b->result.wire, iov, 2, &n), OK);
	assert_int_equal(n, 5);
	recv_all(b->result.wire, got, 5);
	assert_memory_equal(got, "hello", 5);
	assert_true(b->result.connect_us > 0);
	assert_int_equal(b->result.tls_us, 0);
}

static void
the_end_of_a_plain_wire_is_seen(void **state)
{
	struct bench *b = *state;
	struct dial_to to =
	    to_peer(b, &(struct peer_conf){ .manner = PEER_ECHO });
	char byte;
	size_t n;

	assert_int_equal(dial(b, &to), OK);
	assert_echoes(b->result.wire);
	peer_free(b->peer);
	b->peer = NULL;
	wait_fd(b->result.wire, POLLIN);
	assert_int_equal(wire_recv(b->result.wire, &byte, 1, &n), ERR_CLOSED);
}

static void
a_closed_port_is_a_failure_to_connect(void **state)
{
	struct bench *b = *state;
	struct dial_to to = {
		.host = "127.0.0.1", .port = 1, .allow_private = true
	};

	assert_int_equal(dial(b, &to), ERR_IO);
	assert_int_equal(b->result.step, DIAL_CONNECT);
	assert_string_equal(b->result.why.text,
	    "127.0.0.1:1: Connection refused");
}

static void
a_plain_wire_is_a_socket_and_nothing_else(void **state)
{
	struct bench *b = *state;
	struct dial_to to =
	    to_peer(b, &(struct peer_conf){ .manner = PEER_ECHO });

	for (int i = 0; i < 20; i++) {
		assert_int_equal(dial(b, &to), OK);
		assert_echoes(b->result.wire);
	}
	assert_int_equal(sockets_to(to.port), 1);
	wire_close(b->result.wire);
	b->result.wire = NULL;
	assert_int_equal(sockets_to(to.port), 0);
}

/* --- names and addresses --------------------------------------------------- */

static void
a_name_is_dialled_at_its_addresses(void **state)
{
	struct bench *b = *state;
	struct dial_to to =
	    to_peer(b, &(struct peer_conf){ .manner = PEER_ECHO });

	to.host = "127-0-0-1.Test.";
	assert_int_equal(dial(b, &to), OK);
	assert_true(b->result.name_us > 0);
	assert_echoes(b->result.wire);
	to.host = "localhost";
	assert_int_equal(dial(b, &to), OK);
	assert_echoes(b->result.wire);
}

static void
a_missing_name_is_told_as_such(void **state)
{
	struct bench *b = *state;
	struct dial_to to = { .host = "gone.test", .port = 80 };

	assert_int_equal(dial(b, &to), ERR_UNKNOWN);
	assert_int_equal(b->result.step, DIAL_NAME);
	assert_why(b, "gone.test");
}

struct destination {
	const char *host;
	bool allow_private;
	enum err e;
	enum dial_step step;
};

static void
refused_addresses_are_never_connected_to(void **state)
{
	static const struct destination rows[] = {
		{ "127.0.0.1", false, ERR_DENIED, DIAL_ADDRESS },
		{ "::ffff:127.0.0.1", false, ERR_DENIED, DIAL_ADDRESS },
		{ "localhost", false, ERR_DENIED, DIAL_ADDRESS },
		{ "127-0-0-1.test", false, ERR_DENIED, DIAL_ADDRESS },
		{ "0.0.0.0", true, ERR_DENIED, DIAL_ADDRESS },
		{ "0-0-0-0.test", true, ERR_DENIED, DIAL_ADDRESS },
		{ "169.254.169.254", true, ERR_DENIED, DIAL_ADDRESS },
		{ "169-254-169-254.test", true, ERR_DENIED, DIAL_ADDRESS },
		{ "::ffff:a9fe:a9fe", true, ERR_DENIED, DIAL_ADDRESS },
		{ "127.1", true, ERR_VALUE, DIAL_NAME },
		{ "0x7f000001", true, ERR_VALUE, DIAL_NAME },
		{ "2130706433", true, ERR_VALUE, DIAL_NAME },
		{ "127.0.0.1@localhost", true, ERR_VALUE, DIAL_NAME },
		{ "localhost/", true, ERR_VALUE, DIAL_NAME },
		{ "localhost\r\nx", true, ERR_VALUE, DIAL_NAME },
		{ "", true, ERR_VALUE, DIAL_NAME },
	};
	struct bench *b = *state;
	struct dial_to to =
	    to_peer(b, &(struct peer_conf){ .manner = PEER_ECHO });

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		to.host = rows[i].host;
		to.allow_private = rows[i].allow_private;
		if (dial(b, &to) != rows[i].e || b->result.step != rows[i].step)
			fail_msg("%s: %s at step %d: %s", to.host,
			    err_name(b->result.e), b->result.step,
			    b->result.why.text);
	}
	assert_int_equal(peer_taken(b->peer), 0);
}

static void
of_several_addresses_only_good_ones_are_tried(void **state)
{
	struct bench *b = *state;
	struct dial_to to =
	    to_peer(b, &(struct peer_conf){ .manner = PEER_ECHO });

	to.host = "169-254-169-254.127-0-0-1.0-0-0-0.test";
	assert_int_equal(dial(b, &to), OK);
	assert_echoes(b->result.wire);
}

/* --- TLS ------------------------------------------------------------------- */

static void
a_tls_wire_carries_bytes_both_ways(void **state)
{
	struct bench *b = *state;
	struct dial_to to = to_peer(b,
	    &(struct peer_conf){ .manner = PEER_ECHO, .cert = CERT_GOOD });

	assert_int_equal(dial(b, &to), OK);
	assert_echoes(b->result.wire);
	assert_true(b->result.connect_us > 0);
	assert_true(b->result.tls_us > 0);
	to.host = "127-0-0-1.peer.test";
	assert_int_equal(dial(b, &to), OK);
	assert_echoes(b->result.wire);
}

static void
untrusted_certificates_are_refused(void **state)
{
	static const struct {
		enum cert cert;
		enum err e;
		const char *text;
	} rows[] = {
		{ CERT_EXPIRED, ERR_DENIED, "expired" },
		{ CERT_WRONG_HOST, ERR_DENIED, "no alternative" },
		{ CERT_SELF_SIGNED, ERR_DENIED, "self" },
		{ CERT_OLD_TLS, ERR_IO, "protocol version" },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dial_to to = to_peer(b,
		    &(struct peer_conf){
			.manner = PEER_ECHO, .cert = rows[i].cert });

		assert_int_equal(dial(b, &to), rows[i].e);
		assert_int_equal(b->result.step, DIAL_TLS);
		assert_why(b, rows[i].text);
		assert_why(b, "127.0.0.1");
		peer_free(b->peer);
		b->peer = NULL;
	}
}

static void
a_certificate_is_checked_again_when_the_session_is_resumed(void **state)
{
	struct bench *b = *state;
	struct dial_to to = to_peer(b,
	    &(struct peer_conf){ .manner = PEER_ECHO, .cert = CERT_GOOD });

	assert_int_equal(dial(b, &to), OK);
	assert_echoes(b->result.wire);
	/* The certificate is not one for this name of the same server. */
	to.host = "127-0-0-1.other";
	assert_int_equal(dial(b, &to), ERR_DENIED);
	assert_int_equal(b->result.step, DIAL_TLS);
}

static void
twenty_kilobytes_at_once_are_all_readable(void **state)
{
	struct bench *b = *state;
	char *piece = malloc(20000), *got = malloc(20000);
	struct dial_to to = to_peer(b,
	    &(struct peer_conf){ .manner = PEER_SPEAK,
		.cert = CERT_GOOD,
		.piece = piece,
		.piece_len = 20000 });

	for (int i = 0; i < 20000; i++)
		piece[i] = (char)(i * 31 >> 3);
	assert_int_equal(dial(b, &to), OK);
	/* In small sips, so that TLS holds back what the socket has given. */
	for (size_t at = 0; at < 20000; at += 80)
		recv_all(b->result.wire, got + at, 80);
	assert_memory_equal(got, piece, 20000);
	free(piece);
	free(got);
}

/* To libcurl a finished CONNECT_ONLY connection is an idle one.  It looks for
 * dead ones at a dial, at most once a second, and would close the socket under
 * its owner's event. */
static void
a_wire_whose_peer_has_left_survives_later_dials(void **state)
{
	struct bench *b = *state;
	struct dial_to to = to_peer(b,
	    &(struct peer_conf){ .manner = PEER_ECHO, .cert = CERT_GOOD });
	struct dial_to other = {
		.host = "127.0.0.1", .port = 1, .allow_private = true
	};
	int64_t until = clock_us() + 1300 * 1000;
	struct wire *w;

	assert_int_equal(dial(b, &to), OK);
	w = b->result.wire;
	b->result.wire = NULL;
	peer_free(b->peer);
	b->peer = NULL;
	wait_fd(w, POLLIN);
	while (clock_us() < until)
		assert_int_equal(dial(b, &other), ERR_IO);
	assert_int_equal(sockets_to(to.port), 1);
	wire_close(w);
	assert_int_equal(sockets_to(to.port), 0);
}

static void
megabytes_pass_through_a_narrow_tls_wire(void **state)
{
	struct bench *b = *state;
	struct dial_to to = to_peer(b,
	    &(struct peer_conf){ .manner = PEER_ECHO, .cert = CERT_GOOD });
	size_t len = 32 << 20, sent = 0, got = 0;
	char *said = malloc(len), *heard = malloc(len);
	bool was_full = false;

	for (size_t i = 0; i < len; i++)
		said[i] = (char)(i * 2654435761u >> 13);
	assert_int_equal(dial(b, &to), OK);
	/* Three pieces at a time whose borders move from call to call, read
	 * only when nothing more can be sent. */
	while (got < len) {
		size_t left = len - sent, a = left / 7, c = left / 3, n = 0;
		struct iovec iov[3] = { { said + sent, a },
			{ said + sent + a, c },
			{ said + sent + a + c, left - a - c } };
		enum err e = wire_send(b->result.wire, iov, 3, &n);

		if (e == OK) {
			sent += n;
			if (sent < len)
				continue;
		}
		assert_true(e == OK || e == ERR_AGAIN);
		was_full |= e == ERR_AGAIN && sent < len;
		e = wire_recv(b->result.wire, heard + got, len - got, &n);
		if (e == ERR_AGAIN) {
			wait_fd(b->result.wire,
			    sent < len ? POLLIN | POLLOUT : POLLIN);
			continue;
		}
		assert_int_equal(e, OK);
		got += n;
	}
	assert_true(was_full);
	assert_memory_equal(heard, said, len);
	free(said);
	free(heard);
}

static void
the_end_of_a_tls_wire_is_seen(void **state)
{
	struct bench *b = *state;
	struct dial_to to = to_peer(b,
	    &(struct peer_conf){ .manner = PEER_ECHO, .cert = CERT_GOOD });
	char byte;
	size_t n;
	enum err e;

	assert_int_equal(dial(b, &to), OK);
	assert_echoes(b->result.wire);
	peer_free(b->peer);
	b->peer = NULL;
	do {
		wait_fd(b->result.wire, POLLIN);
		e = wire_recv(b->result.wire, &byte, 1, &n);
	} while (e == ERR_AGAIN);
	/* Shut down in order, or the socket beneath it broken. */
	assert_true(e == ERR_CLOSED || e == ERR_IO);
}

static void
a_server_that_never_shakes_hands_is_left_in_time(void **state)
{
	struct bench *b = *state;
	struct dial_to to =
	    to_peer(b, &(struct peer_conf){ .manner = PEER_MUTE });
	int64_t began = clock_us();

	to.tls = true;
	assert_int_equal(dial(b, &to), ERR_TIMEOUT);
	assert_int_equal(b->result.step, DIAL_TLS);
	assert_true(clock_us() - began < 3 * CONNECT_WAIT_MS * 1000);
}

/* --- proxies --------------------------------------------------------------- */

static struct dial_to
to_proxy(struct bench *b, const struct peer_conf *conf, const char *scheme,
    char url[64])
{
	b->proxy = peer_new(b->authority, conf);
	snprintf(url, 64, "%s://127.0.0.1:%u", scheme, peer_port(b->proxy));
	return (struct dial_to){ .tls = conf->cert != CERT_NONE,
		.host = "far.peer.test",
		.port = 4711,
		.proxy = url };
}

struct proxy_row {
	enum proxy proxy;
	enum cert proxy_cert, cert;
	const char *scheme, *heard;
};

static void
proxies_are_told_the_name(void **state)
{
	static const struct proxy_row rows[] = {
		{ PROXY_SOCKS5, CERT_NONE, CERT_NONE, "socks5h",
		    "far.peer.test:4711" },
		{ PROXY_SOCKS5, CERT_NONE, CERT_GOOD, "socks5h",
		    "far.peer.test:4711" },
		{ PROXY_SOCKS5, CERT_NONE, CERT_NONE, "socks5",
		    "far.peer.test:4711" },
		{ PROXY_CONNECT, CERT_NONE, CERT_NONE, "http",
		    "CONNECT far.peer.test:4711 HTTP/1.1\r\n" },
		{ PROXY_CONNECT, CERT_NONE, CERT_GOOD, "http",
		    "CONNECT far.peer.test:4711 HTTP/1.1\r\n" },
		{ PROXY_CONNECT, CERT_GOOD, CERT_NONE, "https",
		    "CONNECT far.peer.test:4711 HTTP/1.1\r\n" },
	};
	struct bench *b = *state;
	char url[64], heard[4096];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dial_to to = to_proxy(b,
		    &(struct peer_conf){ .manner = PEER_ECHO,
			.proxy = rows[i].proxy,
			.proxy_cert = rows[i].proxy_cert,
			.cert = rows[i].cert },
		    rows[i].scheme, url);

		if (dial(b, &to))
			fail_msg("row %zu: %s", i, b->result.why.text);
		assert_echoes(b->result.wire);
		peer_heard(b->proxy, heard, sizeof(heard));
		if (strncmp(heard, rows[i].heard, strlen(rows[i].heard)))
			fail_msg("row %zu heard %s", i, heard);
		/* Nobody here asks where the target is. */
		assert_int_equal(nameserver_asked(b->names), 0);
		wire_close(b->result.wire);
		b->result.wire = NULL;
		peer_free(b->proxy);
		b->proxy = NULL;
	}
}

static void
proxies_are_given_their_password(void **state)
{
	struct bench *b = *state;
	char url[64], with_user[80], heard[4096];
	struct dial_to to = to_proxy(b,
	    &(struct peer_conf){
		.manner = PEER_ECHO, .proxy = PROXY_SOCKS5_PASSWORD },
	    "socks5h", url);

	snprintf(with_user, sizeof(with_user), "socks5h://me@%s",
	    url + strlen("socks5h://"));
	to.proxy = with_user;
	to.proxy_password = STR("hunter2:@/");
	assert_int_equal(dial(b, &to), OK);
	peer_heard(b->proxy, heard, sizeof(heard));
	assert_string_equal(heard, "me hunter2:@/ far.peer.test:4711");
}

struct proxy_failure {
	enum proxy proxy;
	const char *scheme, *user;
	enum err e;
	const char *text;
};

static void
a_failing_proxy_is_never_gone_around(void **state)
{
	static const struct proxy_failure rows[] = {
		{ PROXY_SOCKS5_REFUSES, "socks5h", "", ERR_IO, "proxy" },
		{ PROXY_SOCKS5_PASSWORD, "socks5h", "", ERR_DENIED,
		    "credentials" },
		{ PROXY_SOCKS5_WRONG_PASSWORD, "socks5h", "me@", ERR_DENIED,
		    "credentials" },
		{ PROXY_CONNECT_407, "http", "", ERR_DENIED, "credentials" },
		{ PROXY_CONNECT_407, "http", "me@", ERR_DENIED, "credentials" },
		{ PROXY_CONNECT_502, "http", "", ERR_IO, "502" },
		{ PROXY_CONNECT_HANGS_UP, "http", "", ERR_IO, "proxy" },
	};
	struct bench *b = *state;
	struct dial_to direct =
	    to_peer(b, &(struct peer_conf){ .manner = PEER_ECHO });
	char url[64], full[80];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dial_to to = to_proxy(b,
		    &(struct peer_conf){
			.manner = PEER_ECHO, .proxy = rows[i].proxy },
		    rows[i].scheme, url);

		snprintf(full, sizeof(full), "%s://%s%s", rows[i].scheme,
		    rows[i].user, strstr(url, "//") + 2);
		to.proxy = full;
		to.proxy_password = STR("hunter2");
		to.host = direct.host;
		to.port = direct.port;
		to.allow_private = true;
		if (dial(b, &to) != rows[i].e)
			fail_msg("row %zu: %s: %s", i, err_name(b->result.e),
			    b->result.why.text);
		assert_int_equal(b->result.step, DIAL_PROXY);
		assert_why(b, rows[i].text);
		assert_null(strstr(b->result.why.text, "hunter2"));
		peer_free(b->proxy);
		b->proxy = NULL;
	}
	assert_int_equal(peer_taken(b->peer), 0);
}

static void
a_proxy_that_is_down_is_never_gone_around(void **state)
{
	struct bench *b = *state;
	struct dial_to to =
	    to_peer(b, &(struct peer_conf){ .manner = PEER_ECHO });

	to.proxy = "socks5h://127.0.0.1:1";
	assert_int_equal(dial(b, &to), ERR_IO);
	assert_int_equal(b->result.step, DIAL_PROXY);
	assert_why(b, "Connection refused");
	to.proxy = "http://gone.test:3128";
	assert_int_equal(dial(b, &to), ERR_UNKNOWN);
	assert_int_equal(b->result.step, DIAL_NAME);
	assert_int_equal(peer_taken(b->peer), 0);
}

static void
where_there_is_no_way_nothing_is_asked_or_connected_to(void **state)
{
	struct bench *b = *state;
	struct dial_to to =
	    to_peer(b, &(struct peer_conf){ .manner = PEER_ECHO });

	to.no_way = "there is no proxy \"tokyo\"";
	assert_int_equal(dial(b, &to), ERR_DENIED);
	assert_int_equal(b->result.step, DIAL_PROXY);
	assert_string_equal(b->result.why.text, to.no_way);
	assert_string_equal(b->result.why.field, "proxy");
	/* Whatever else is said of the way. */
	to.host = "far.peer.test";
	to.proxy = "socks5h://127.0.0.1:1";
	assert_int_equal(dial(b, &to), ERR_DENIED);
	assert_int_equal(b->result.step, DIAL_PROXY);
	assert_int_equal(peer_taken(b->peer), 0);
}

static void
addresses_of_another_family_are_left_out(void **state)
{
	struct bench *b = *state;
	struct dial_to to =
	    to_peer(b, &(struct peer_conf){ .manner = PEER_ECHO });

	/* A literal, and a name with one address of each family. */
	to.family = DIAL_6;
	assert_int_equal(dial(b, &to), ERR_DENIED);
	assert_int_equal(b->result.step, DIAL_ADDRESS);
	assert_why(b, "no IPv6 address");
	to.family = DIAL_4;
	assert_int_equal(dial(b, &to), OK);
	to.host = "localhost";
	assert_int_equal(dial(b, &to), OK);
	/* The peer listens at 127.0.0.1 alone. */
	to.family = DIAL_6;
	assert_int_equal(dial(b, &to), ERR_IO);
}

static void
with_a_proxy_the_family_is_that_of_its_address(void **state)
{
	struct bench *b = *state;
	char url[64];
	struct dial_to to = to_proxy(b,
	    &(struct peer_conf){ .manner = PEER_ECHO, .proxy = PROXY_SOCKS5 },
	    "socks5h", url);

	to.family = DIAL_6;
	assert_int_equal(dial(b, &to), ERR_DENIED);
	assert_int_equal(peer_taken(b->proxy), 0);
	to.family = DIAL_4;
	assert_int_equal(dial(b, &to), OK);
	assert_int_equal(peer_taken(b->proxy), 1);
}

static void
the_environment_has_no_say(void **state)
{
	struct bench *b = *state;
	struct dial_to to =
	    to_peer(b, &(struct peer_conf){ .manner = PEER_ECHO });
	char url[64];
	struct dial_to by_proxy = to_proxy(b,
	    &(struct peer_conf){ .manner = PEER_ECHO, .proxy = PROXY_SOCKS5 },
	    "socks5h", url);

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	assert_int_equal(dial(b, &to), OK);
	setenv("NO_PROXY", "*", 1);
	assert_int_equal(dial(b, &by_proxy), OK);
	assert_int_equal(peer_taken(b->proxy), 1);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("NO_PROXY");
}

static void
a_literal_target_is_judged_behind_a_proxy_too(void **state)
{
	struct bench *b = *state;
	char url[64];
	struct dial_to to = to_proxy(b,
	    &(struct peer_conf){ .manner = PEER_ECHO, .proxy = PROXY_SOCKS5 },
	    "socks5h", url);

	to.host = "169.254.169.254";
	assert_int_equal(dial(b, &to), ERR_DENIED);
	assert_int_equal(b->result.step, DIAL_ADDRESS);
	assert_int_equal(peer_taken(b->proxy), 0);
}

static void
urls_that_are_no_proxies_are_refused(void **state)
{
	static const char *const bad[] = { "ftp://p:1", "socks4://p:1",
		"socks5h://me:hunter2@p:1", "socks5h://", "p q",
		"file:///etc/passwd", "http://p:99999" };
	struct bench *b = *state;
	struct dial_to to = { .host = "far.peer.test", .port = 80 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		to.proxy = bad[i];
		if (dial(b, &to) != ERR_VALUE)
			fail_msg("%s: %s", bad[i], b->result.why.text);
		assert_int_equal(b->result.step, DIAL_PROXY);
		assert_null(strstr(b->result.why.text, "hunter2"));
	}
}

/* --- leaving --------------------------------------------------------------- */

static void
a_dial_may_be_cancelled_at_every_turn(void **state)
{
	struct bench *b = *state;
	struct dial_to to = to_peer(b,
	    &(struct peer_conf){ .manner = PEER_ECHO, .cert = CERT_GOOD });
	unsigned cancelled = 0;

	to.host = "127-0-0-1.peer.test";
	assert_int_equal(dial(b, &to), OK);
	wire_close(b->result.wire);
	b->result.wire = NULL;
	b->over = 0;
	/* More and more turns that do not wait, until one dial gets through. */
	for (unsigned turns = 0; !b->over; turns += 1 + turns / 3) {
		struct dial *d;

		/* With the name unknown, too. */
		dns_age(b->dns, turns % 2 ? 0 : 24 * 3600 * 1000);
		d = dial_start(b->dialer, &to, on_dialled, b);
		for (unsigned i = 0; i < turns && !b->over; i++)
			loop_turn(b->loop, 0);
		if (b->over)
			break;
		dial_cancel(d);
		assert_int_equal(sockets_to(to.port), 0);
		cancelled++;
	}
	assert_true(cancelled > 0);
	assert_int_equal(b->result.e, OK);
	wire_close(b->result.wire);
	b->result.wire = NULL;
	dial_cancel(NULL);
	assert_int_equal(sockets_to(to.port), 0);
}

static void
a_dial_may_be_cancelled_while_it_waits_for_a_name(void **state)
{
	struct bench *b = *state;
	struct dial_to to = {
		.host = "127-0-0-1.test", .port = 80, .allow_private = true
	};
	struct dial *d;

	nameserver_mood(b->names, NAMESERVER_SILENT);
	d = dial_start(b->dialer, &to, on_dialled, b);
	while (!nameserver_asked(b->names))
		loop_turn(b->loop, 1);
	dial_cancel(d);
	assert_int_equal(b->over, 0);
}

static void
a_dial_may_be_cancelled_in_the_handshake(void **state)
{
	struct bench *b = *state;
	struct dial_to to =
	    to_peer(b, &(struct peer_conf){ .manner = PEER_MUTE });
	struct dial *d;

	to.tls = true;
	d = dial_start(b->dialer, &to, on_dialled, b);
	while (!peer_taken(b->peer))
		loop_turn(b->loop, 1);
	assert_int_equal(sockets_to(to.port), 1);
	dial_cancel(d);
	assert_int_equal(sockets_to(to.port), 0);
	assert_int_equal(b->over, 0);
}

static void
a_bundle_that_cannot_be_read_is_told_at_the_start(void **state)
{
	struct bench *b = *state;
	struct dialer_conf conf = { .ca_file = "/nonexistent" };
	struct dialer *d = NULL;
	struct why why = { 0 };

	assert_int_equal(dialer_new(b->loop, b->dns, &conf, &d, &why), ERR_IO);
	assert_null(d);
	assert_non_null(strstr(why.text, "/nonexistent"));
}

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(a_plain_wire_carries_bytes_both_ways),
		BENCH_TEST(the_end_of_a_plain_wire_is_seen),
		BENCH_TEST(a_closed_port_is_a_failure_to_connect),
		BENCH_TEST(a_plain_wire_is_a_socket_and_nothing_else),
		BENCH_TEST(a_name_is_dialled_at_its_addresses),
		BENCH_TEST(a_missing_name_is_told_as_such),
		BENCH_TEST(refused_addresses_are_never_connected_to),
		BENCH_TEST(of_several_addresses_only_good_ones_are_tried),
		BENCH_TEST(a_tls_wire_carries_bytes_both_ways),
		BENCH_TEST(untrusted_certificates_are_refused),
		BENCH_TEST(
		    a_certificate_is_checked_again_when_the_session_is_resumed),
		BENCH_TEST(twenty_kilobytes_at_once_are_all_readable),
		BENCH_TEST(a_wire_whose_peer_has_left_survives_later_dials),
		BENCH_TEST(megabytes_pass_through_a_narrow_tls_wire),
		BENCH_TEST(the_end_of_a_tls_wire_is_seen),
		BENCH_TEST(a_server_that_never_shakes_hands_is_left_in_time),
		BENCH_TEST(proxies_are_told_the_name),
		BENCH_TEST(proxies_are_given_their_password),
		BENCH_TEST(a_failing_proxy_is_never_gone_around),
		BENCH_TEST(a_proxy_that_is_down_is_never_gone_around),
		BENCH_TEST(
		    where_there_is_no_way_nothing_is_asked_or_connected_to),
		BENCH_TEST(addresses_of_another_family_are_left_out),
		BENCH_TEST(with_a_proxy_the_family_is_that_of_its_address),
		BENCH_TEST(the_environment_has_no_say),
		BENCH_TEST(a_literal_target_is_judged_behind_a_proxy_too),
		BENCH_TEST(urls_that_are_no_proxies_are_refused),
		BENCH_TEST(a_dial_may_be_cancelled_at_every_turn),
		BENCH_TEST(a_dial_may_be_cancelled_while_it_waits_for_a_name),
		BENCH_TEST(a_dial_may_be_cancelled_in_the_handshake),
		BENCH_TEST(a_bundle_that_cannot_be_read_is_told_at_the_start),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
