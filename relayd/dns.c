/* SPDX-License-Identifier: MIT */
/* dns.c - names to addresses, on the loop, by c-ares.
 *
 * A struct name is what is known of one name and who waits for it; those last
 * used stand in front, and the last one goes when there are too many.  c-ares
 * calls back into functions that only note; a task decides after it.  A dead
 * resolver costs a waiter PATIENCE_MS, or STALE_PATIENCE_MS when an older
 * answer is there to be given instead. */
#include "relayd/dns.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <ares.h>
#include <event2/event.h>

#include "proto/mem.h"

#include "relayd/loop.h"

#define NAMES_MAX	  512
#define NAME_BYTES_MAX	  253
#define FRESH_MS	  (60 * 1000)
#define STALE_MS	  (60 * 60 * 1000)
#define FAILED_MS	  (2 * 1000)
#define PATIENCE_MS	  (5 * 1000)
#define STALE_PATIENCE_MS 300
#define TRY_MS		  1500
#define TRIES		  2

struct dns_query {
	TAILQ_ENTRY(dns_query) link;
	struct dns *of;
	struct name *name; /* waits there; NULL: answered, task queued */
	struct task deliver;
	struct dns_answer answer;
	dns_done *done;
	void *arg;
};

TAILQ_HEAD(queries, dns_query);

struct name {
	TAILQ_ENTRY(name) link;
	struct dns *of;
	char text[NAME_BYTES_MAX + 1];
	struct queries waiting;
	struct timer patience;
	bool is_asked; /* c-ares has it */
	bool is_heard; /* ... and has answered: `heard` */
	struct dns_answer heard;
	bool has_good, has_bad;
	struct dns_answer good; /* the last one with addresses */
	int64_t good_at_ms;
	struct dns_answer bad; /* only when it came after the good one */
	int64_t bad_at_ms;
};

TAILQ_HEAD(names, name);

/* A socket of c-ares's. */
struct dns_socket {
	LIST_ENTRY(dns_socket) link;
	struct dns *of;
	struct event *event;
	ares_socket_t fd;
	bool may_read, may_write;
};

struct dns {
	struct loop *loop;
	ares_channel channel;
	struct names names;
	unsigned count;
	LIST_HEAD(, dns_socket) sockets;
	struct timer timer; /* c-ares's next retry */
	struct task pump;
	bool is_late, is_closing;
};

/* --- answers --------------------------------------------------------------- */

static void
answer_add(struct dns_answer *a, const struct sockaddr *sa, size_t len)
{
	if (a->count == DNS_ADDRESSES_MAX || len > sizeof(a->at[0]))
		return;
	memcpy(&a->at[a->count++], sa, len);
}

static void
answer_add4(struct dns_answer *a, struct in_addr in)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = in };

	answer_add(a, (struct sockaddr *)&sin, sizeof(sin));
}

static void
answer_add6(struct dns_answer *a, struct in6_addr in6)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
		.sin6_addr = in6 };

	answer_add(a, (struct sockaddr *)&sin6, sizeof(sin6));
}

static void
answer_fail(struct dns_answer *a, enum err e, const char *name,
    const char *text)
{
	a->e = why_set(&a->why, e, "name", "%s: %s", name, text);
}

bool
dns_is_name(struct str s)
{
	size_t label = 0, last = 0;

	if (s.len == 0 || s.len > NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];

		if (c == '.') {
			if (label == 0 || i + 1 == s.len)
				return false;
			label = 0;
			last = i + 1;
		} else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		    c == '-' || c == '_') {
			if (++label > 63)
				return false;
		} else {
			return false;
		}
	}
	/* No top-level domain begins with a digit. */
	return s.at[last] < '0' || s.at[last] > '9';
}

/* What needs no resolver; false: it does. */
static bool
answer_at_once(struct dns_answer *a, const char *text)
{
	struct in_addr in;
	struct in6_addr in6;

	if (inet_pton(AF_INET, text, &in) == 1) {
		answer_add4(a, in);
	} else if (inet_pton(AF_INET6, text, &in6) == 1) {
		answer_add6(a, in6);
	} else if (!dns_is_name(str_of(text))) {
		answer_fail(a, ERR_UNKNOWN, text, "this is not a host name");
	} else if (!strcmp(text, "localhost") ||
	    str_ends(str_of(text), STR(".localhost"))) {
		answer_add4(a, (struct in_addr){ htonl(INADDR_LOOPBACK) });
		answer_add6(a, in6addr_loopback);
	} else {
		return false;
	}
	return true;
}

/* --- waiting and being told ------------------------------------------------ */

static void
query_deliver(void *arg)
{
	struct dns_query *q = arg;

	q->done(q->arg, &q->answer);
	free(q);
}

static void
query_answer(struct dns_query *q, const struct dns_answer *a, bool stale)
{
	if (q->name) {
		TAILQ_REMOVE(&q->name->waiting, q, link);
		q->name = NULL;
	}
	if (a != &q->answer)
		q->answer = *a;
	q->answer.stale = stale;
	loop_ready(q->of->loop, &q->deliver);
}

static void
name_tell(struct name *n, const struct dns_answer *a, bool stale)
{
	struct dns_query *q;

	timer_clear(n->of->loop, &n->patience);
	while ((q = TAILQ_FIRST(&n->waiting)))
		query_answer(q, a, stale);
}

static bool
name_is_stale_good(const struct name *n, int64_t now_ms)
{
	return n->has_good && now_ms - n->good_at_ms < STALE_MS;
}

static void
name_free(struct name *n)
{
	timer_clear(n->of->loop, &n->patience);
	TAILQ_REMOVE(&n->of->names, n, link);
	n->of->count--;
	free(n);
}

/* The resolver takes too long: give what there is. */
static void
name_impatient(void *arg)
{
	struct name *n = arg;
	struct dns_answer late = { 0 };

	if (name_is_stale_good(n, loop_ms(n->of->loop))) {
		name_tell(n, &n->good, true);
		return;
	}
	answer_fail(&late, ERR_TIMEOUT, n->text,
	    "the name server does not answer");
	name_tell(n, &late, false);
}

static void
name_settle(struct name *n)
{
	int64_t now_ms = loop_ms(n->of->loop);

	n->is_heard = n->is_asked = false;
	if (n->heard.e == OK) {
		n->good = n->heard;
		n->good_at_ms = now_ms;
		n->has_good = true;
		n->has_bad = false;
		name_tell(n, &n->good, false);
		return;
	}
	n->bad = n->heard;
	n->bad_at_ms = now_ms;
	n->has_bad = true;
	/* A name that is gone is gone; only a failing resolver is covered. */
	if (n->bad.e == ERR_UNKNOWN)
		n->has_good = false;
	if (name_is_stale_good(n, now_ms))
		name_tell(n, &n->good, true);
	else
		name_tell(n, &n->bad, false);
}

/* --- c-ares ---------------------------------------------------------------- */

static void
on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct name *n = arg;
	struct dns_answer *a = &n->heard;

	(void)timeouts;
	*a = (struct dns_answer){ 0 };
	n->is_heard = true;
	for (struct ares_addrinfo_node *i = info ? info->nodes : NULL; i;
	     i = i->ai_next)
		answer_add(a, i->ai_addr, i->ai_addrlen);
	ares_freeaddrinfo(info);
	if (status == ARES_ENOTFOUND || status == ARES_ENODATA)
		answer_fail(a, ERR_UNKNOWN, n->text, "there is no such host");
	else if (status == ARES_ETIMEOUT)
		answer_fail(a, ERR_TIMEOUT, n->text,
		    "the name server does not answer");
	else if (status != ARES_SUCCESS)
		answer_fail(a, ERR_IO, n->text, ares_strerror(status));
	else if (a->count == 0)
		answer_fail(a, ERR_UNKNOWN, n->text, "it has no address");
	if (!n->of->is_closing)
		loop_ready(n->of->loop, &n->of->pump);
}

static void
on_socket_ready(evutil_socket_t fd, short what, void *arg)
{
	struct dns_socket *s = arg;

	(void)fd;
	s->may_read |= (what & EV_READ) != 0;
	s->may_write |= (what & EV_WRITE) != 0;
	loop_ready(s->of->loop, &s->of->pump);
}

static void
socket_free(struct dns_socket *s)
{
	LIST_REMOVE(s, link);
	event_free(s->event);
	free(s);
}

static void
on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns *d = arg;
	struct dns_socket *s;
	short wanted = EV_PERSIST;

	LIST_FOREACH (s, &d->sockets, link) {
		if (s->fd == fd)
			break;
	}
	if (s)
		socket_free(s);
	if (!readable && !writable)
		return;
	wanted |= readable ? EV_READ : 0;
	wanted |= writable ? EV_WRITE : 0;
	s = xcalloc(1, sizeof(*s));
	s->of = d;
	s->fd = fd;
	s->event =
	    event_new(loop_base(d->loop), fd, wanted, on_socket_ready, s);
	event_add(s->event, NULL);
	LIST_INSERT_HEAD(&d->sockets, s, link);
}

static struct dns_socket *
socket_ready(struct dns *d)
{
	struct dns_socket *s;

	LIST_FOREACH (s, &d->sockets, link) {
		if (s->may_read || s->may_write)
			return s;
	}
	return NULL;
}

static void
arm(struct dns *d)
{
	struct timeval tv;

	if (!ares_timeout(d->channel, NULL, &tv))
		timer_clear(d->loop, &d->timer);
	else
		timer_set(d->loop, &d->timer,
		    clock_us() / 1000 + tv.tv_sec * 1000 + tv.tv_usec / 1000 +
			1);
}

static void
late(void *arg)
{
	struct dns *d = arg;

	d->is_late = true;
	loop_ready(d->loop, &d->pump);
}

/* Tell c-ares what was noted, then the waiters what it answered. */
static void
pump(void *arg)
{
	struct dns *d = arg;
	struct dns_socket *s;
	struct name *n;

	while ((s = socket_ready(d))) {
		ares_socket_t in = s->may_read ? s->fd : ARES_SOCKET_BAD;
		ares_socket_t out = s->may_write ? s->fd : ARES_SOCKET_BAD;

		s->may_read = s->may_write = false;
		ares_process_fd(d->channel, in, out);
	}
	if (d->is_late) {
		d->is_late = false;
		ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	}
	TAILQ_FOREACH (n, &d->names, link) {
		if (n->is_heard)
			name_settle(n);
	}
	arm(d);
}

enum err
dns_new(struct loop *l, const char *servers, struct dns **out,
    struct why *out_why)
{
	struct dns *d = xcalloc(1, sizeof(*d));
	struct ares_options options = { .timeout = TRY_MS, .tries = TRIES };
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
	int status;

	options.sock_state_cb = on_socket;
	options.sock_state_cb_data = d;
	d->loop = l;
	TAILQ_INIT(&d->names);
	LIST_INIT(&d->sockets);
	timer_init(&d->timer, late, d);
	task_init(&d->pump, pump, d);
	status = ares_library_init(ARES_LIB_INIT_ALL);
	if (status != ARES_SUCCESS)
		goto out_free;
	status = ares_init_options(&d->channel, &options, mask);
	if (status != ARES_SUCCESS)
		goto out_cleanup;
	if (servers)
		status = ares_set_servers_ports_csv(d->channel, servers);
	if (status != ARES_SUCCESS)
		goto out_destroy;
	*out = d;
	return OK;

out_destroy:
	ares_destroy(d->channel);
out_cleanup:
	ares_library_cleanup();
out_free:
	free(d);
	return why_set(out_why, ERR_VALUE, "dns", "name servers: %s",
	    ares_strerror(status));
}

void
dns_free(struct dns *d)
{
	struct name *n;

	if (!d)
		return;
	d->is_closing = true;
	ares_destroy(d->channel);
	ares_library_cleanup();
	while ((n = TAILQ_FIRST(&d->names))) {
		assert(TAILQ_EMPTY(&n->waiting));
		name_free(n);
	}
	timer_clear(d->loop, &d->timer);
	loop_unready(d->loop, &d->pump);
	free(d);
}

void
dns_age(struct dns *d, int64_t ms)
{
	struct name *n;

	TAILQ_FOREACH (n, &d->names, link) {
		if (n->has_good)
			n->good_at_ms -= ms;
		if (n->has_bad)
			n->bad_at_ms -= ms;
	}
}

/* --- asking ---------------------------------------------------------------- */

/* Make room by forgetting the name that was not used for longest and that
 * nobody waits for. */
static void
forget_one(struct dns *d)
{
	struct name *n;

	TAILQ_FOREACH_REVERSE(n, &d->names, names, link)
	{
		if (!n->is_asked && TAILQ_EMPTY(&n->waiting)) {
			name_free(n);
			return;
		}
	}
}

static struct name *
name_get(struct dns *d, const char *text)
{
	struct name *n;

	TAILQ_FOREACH (n, &d->names, link) {
		if (!strcmp(n->text, text))
			break;
	}
	if (n) {
		TAILQ_REMOVE(&d->names, n, link);
		TAILQ_INSERT_HEAD(&d->names, n, link);
		return n;
	}
	if (d->count >= NAMES_MAX)
		forget_one(d);
	n = xcalloc(1, sizeof(*n));
	n->of = d;
	memcpy(n->text, text, strlen(text) + 1);
	TAILQ_INIT(&n->waiting);
	timer_init(&n->patience, name_impatient, n);
	TAILQ_INSERT_HEAD(&d->names, n, link);
	d->count++;
	return n;
}

static void
name_ask(struct name *n)
{
	struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM };

	if (n->is_asked)
		return;
	n->is_asked = true;
	ares_getaddrinfo(n->of->channel, n->text, NULL, &hints, on_answer, n);
	arm(n->of);
}

static void
query_wait(struct dns_query *q, struct name *n)
{
	struct loop *l = n->of->loop;
	int64_t now_ms = loop_ms(l), patience = PATIENCE_MS;

	if (n->has_good && now_ms - n->good_at_ms < FRESH_MS) {
		query_answer(q, &n->good, false);
		return;
	}
	if (n->has_bad && now_ms - n->bad_at_ms < FAILED_MS) {
		bool stale = name_is_stale_good(n, now_ms);

		query_answer(q, stale ? &n->good : &n->bad, stale);
		return;
	}
	if (name_is_stale_good(n, now_ms))
		patience = STALE_PATIENCE_MS;
	if (TAILQ_EMPTY(&n->waiting))
		timer_set(l, &n->patience, now_ms + patience);
	q->name = n;
	TAILQ_INSERT_TAIL(&n->waiting, q, link);
	name_ask(n);
}

struct dns_query *
dns_ask(struct dns *d, struct str name, dns_done *done, void *arg)
{
	struct dns_query *q = xcalloc(1, sizeof(*q));
	char text[NAME_BYTES_MAX + 2];

	q->of = d;
	q->done = done;
	q->arg = arg;
	task_init(&q->deliver, query_deliver, q);
	/* "host." and "host" are the same one to us. */
	if (name.len > 1 && name.at[name.len - 1] == '.')
		name.len--;
	name = str_first(name, sizeof(text) - 1);
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		/* What could not be part of a name is no end of it either. */
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		text[i] = c > ' ' && c < 127 ? c : '?';
	}
	text[name.len] = '\0';
	if (answer_at_once(&q->answer, text))
		query_answer(q, &q->answer, false);
	else
		query_wait(q, name_get(d, text));
	return q;
}

void
dns_cancel(struct dns_query *take_query)
{
	struct dns_query *q = take_query;

	if (!q)
		return;
	if (q->name)
		TAILQ_REMOVE(&q->name->waiting, q, link);
	loop_unready(q->of->loop, &q->deliver);
	free(q);
}
