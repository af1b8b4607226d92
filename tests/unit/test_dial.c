/* SPDX-License-Identifier: MIT */
/* test_dial.c - connections by address: made, refused, cancelled. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "relayd/dial.h"
#include "relayd/dns.h"
#include "relayd/loop.h"

/* A test that waits longer than this has failed. */
#define PATIENCE_MS 10000

struct bench {
	struct loop *loop;
	struct dns *dns;
	struct dialer *dialer;
	int listener;
	uint16_t port;
	bool is_over;
	struct dial_result result;
};

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct dialer_conf conf = { .ca_file =
					"/etc/ssl/certs/ca-certificates.crt",
		.connect_wait_ms = PATIENCE_MS / 2 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(loop_new(&b->loop, NULL), OK);
	assert_int_equal(dns_new(b->loop, "127.0.0.1:1", &b->dns, NULL), OK);
	assert_int_equal(dialer_new(b->loop, b->dns, &conf, &b->dialer, NULL),
	    OK);
	b->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(b->listener, (struct sockaddr *)&in, sizeof(in)),
	    0);
	assert_int_equal(listen(b->listener, 16), 0);
	getsockname(b->listener, (struct sockaddr *)&in, &len);
	b->port = ntohs(in.sin_port);
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
	close(b->listener);
	free(b);
	return 0;
}

static void
on_dialled(void *arg, struct dial_result *result)
{
	struct bench *b = arg;

	assert_false(b->is_over);
	b->is_over = true;
	b->result = *result;
}

static void
await(struct bench *b)
{
	int64_t until = clock_us() + PATIENCE_MS * 1000;

	while (!b->is_over && clock_us() < until)
		loop_turn(b->loop, PATIENCE_MS / 10);
	assert_true(b->is_over);
}

static void
dial_to(struct bench *b, const struct dial_to *to)
{
	dial_start(b->dialer, to, on_dialled, b);
	assert_false(b->is_over);
	await(b);
}

static void
a_plain_wire_carries_bytes_both_ways(void **state)
{
	struct bench *b = *state;
	struct dial_to to = {
		.host = "127.0.0.1", .port = b->port, .allow_private = true
	};
	char hel[] = "hel", lo[] = "lo";
	struct iovec iov[2] = { { hel, 3 }, { lo, 2 } };
	char got[16];
	size_t n = 0;
	int peer;

	dial_to(b, &to);
	assert_int_equal(b->result.e, OK);
	assert_non_null(b->result.wire);
	peer = accept(b->listener, NULL, NULL);
	assert_int_equal(wire_recv(b->result.wire, got, sizeof(got), &n),
	    ERR_AGAIN);
	assert_int_equal(wire_send(b->result.wire, iov, 2, &n), OK);
	assert_int_equal(n, 5);
	assert_int_equal(recv(peer, got, 5, MSG_WAITALL), 5);
	assert_memory_equal(got, "hello", 5);
	assert_int_equal(send(peer, "world", 5, 0), 5);
	assert_int_equal(wire_recv(b->result.wire, got, sizeof(got), &n), OK);
	assert_int_equal(n, 5);
	assert_memory_equal(got, "world", 5);
	close(peer);
	assert_int_equal(wire_recv(b->result.wire, got, sizeof(got), &n),
	    ERR_CLOSED);
}

static void
a_closed_port_is_a_failure_to_connect(void **state)
{
	struct bench *b = *state;
	struct dial_to to = {
		.host = "127.0.0.1", .port = 1, .allow_private = true
	};

	dial_to(b, &to);
	assert_null(b->result.wire);
	assert_int_equal(b->result.e, ERR_IO);
	assert_int_equal(b->result.step, DIAL_CONNECT);
	assert_string_equal(b->result.why.text,
	    "127.0.0.1:1: Connection refused");
}

static void
a_private_address_needs_the_accounts_word(void **state)
{
	struct bench *b = *state;
	struct dial_to to = { .host = "127.0.0.1", .port = b->port };

	dial_to(b, &to);
	assert_null(b->result.wire);
	assert_int_equal(b->result.e, ERR_DENIED);
	assert_int_equal(b->result.step, DIAL_ADDRESS);
	assert_non_null(strstr(b->result.why.text, "allow_private"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_plain_wire_carries_bytes_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_closed_port_is_a_failure_to_connect, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_private_address_needs_the_accounts_word, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
