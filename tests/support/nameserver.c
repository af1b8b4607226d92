/* SPDX-License-Identifier: MIT */
/* nameserver.c - a name server on loopback, in a thread, for tests. */
#include "tests/support/nameserver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/mem.h"

#define HEAD_BYTES     12
#define TYPE_A	       1
#define RCODE_SERVFAIL 2
#define RCODE_NXDOMAIN 3

struct nameserver {
	int fd;
	char address[32];
	pthread_t thread;
	atomic_int mood;
	atomic_uint asked;
};

static size_t
add_address(unsigned char *at, const unsigned char ip[4])
{
	static const unsigned char head[12] = { 0xc0, HEAD_BYTES, 0, TYPE_A, 0,
		1, 0, 0, 0, 60, 0, 4 };

	memcpy(at, head, sizeof(head));
	memcpy(at + sizeof(head), ip, 4);
	return sizeof(head) + 4;
}

static bool
label_address(const unsigned char *label, unsigned len, unsigned char ip[4])
{
	char text[64] = "";

	if (len > 15)
		return false;
	memcpy(text, label, len);
	for (char *c = text; *c; c++) {
		if (*c == '-')
			*c = '.';
	}
	return inet_pton(AF_INET, text, ip) == 1;
}

/* Turn the question in m into its answer; returns the answer's length. */
static size_t
answer(struct nameserver *n, unsigned char *m, size_t len)
{
	size_t at = HEAD_BYTES, end;
	unsigned count = 0;
	bool is_a;
	unsigned char ips[8][4];

	while (at < len && m[at]) {
		if (count < 8 && label_address(m + at + 1, m[at], ips[count]))
			count++;
		at += 1 + m[at];
	}
	end = at + 5;
	if (end > len)
		return 0;
	is_a = m[at + 2] == TYPE_A;
	n->asked += is_a;
	m[2] = 0x81;
	m[3] = 0x80;
	memset(m + 6, 0, 6);
	if (n->mood == NAMESERVER_FAILING) {
		m[3] |= RCODE_SERVFAIL;
		return end;
	}
	if (count == 0)
		m[3] |= RCODE_NXDOMAIN;
	for (unsigned i = 0; is_a && i < count; i++)
		end += add_address(m + end, ips[i]);
	m[7] = is_a ? (unsigned char)count : 0;
	return end;
}

static void *
serve(void *arg)
{
	struct nameserver *n = arg;
	unsigned char m[1024];

	for (;;) {
		struct sockaddr_in from;
		socklen_t from_len = sizeof(from);
		ssize_t got = recvfrom(n->fd, m, 512, 0,
		    (struct sockaddr *)&from, &from_len);
		size_t len;

		/* nameserver_free() sends a byte to itself. */
		if (got <= HEAD_BYTES)
			return NULL;
		len = answer(n, m, (size_t)got);
		if (n->mood != NAMESERVER_SILENT)
			sendto(n->fd, m, len, 0, (struct sockaddr *)&from,
			    from_len);
	}
}

struct nameserver *
nameserver_new(void)
{
	struct nameserver *n = xcalloc(1, sizeof(*n));
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	n->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(n->fd, (struct sockaddr *)&in, sizeof(in)) ||
	    getsockname(n->fd, (struct sockaddr *)&in, &len))
		abort();
	snprintf(n->address, sizeof(n->address), "127.0.0.1:%u",
	    ntohs(in.sin_port));
	if (pthread_create(&n->thread, NULL, serve, n))
		abort();
	return n;
}

void
nameserver_free(struct nameserver *n)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);

	if (!n)
		return;
	getsockname(n->fd, (struct sockaddr *)&in, &len);
	sendto(n->fd, "", 1, 0, (struct sockaddr *)&in, len);
	pthread_join(n->thread, NULL);
	close(n->fd);
	free(n);
}

const char *
nameserver_address(const struct nameserver *n)
{
	return n->address;
}

void
nameserver_mood(struct nameserver *n, enum mood mood)
{
	n->mood = mood;
}

unsigned
nameserver_asked(struct nameserver *n)
{
	return n->asked;
}
