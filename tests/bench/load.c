/* SPDX-License-Identifier: MIT */
/* load.c - the load of `make bench`: many connections from one thread, and the
 * delays they saw.
 *
 *	bench-load closed  as fast as the answers come, --conns at once
 *	bench-load open    --rate a second whatever comes back; a delay counts
 *			   from the moment the request was due
 *	bench-load streams --conns streams; a delay counts from the stamp that
 *			   the practice upstream wrote into the event
 *
 * It says "begin" when what follows is measured, "end" when that is over, so
 * that somebody can read the clocks of others meanwhile; then one line of
 * JSON.  It shares no code with what it loads. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH	     256
#define READ_SIZE    (64 * 1024)
#define HEAD_MAX     4096
#define SAMPLES_MAX  (4 * 1024 * 1024)
#define CONNS_MAX    20000
#define STAMP_DIGITS 16
/* Streams that have asked and heard nothing yet, and how long all may take. */
#define RAMP_AT_ONCE 64
#define RAMP_MAX_US  INT64_C(60000000)
/* An answer that takes longer is an error. */
#define STAMP_OLD_US INT64_C(60000000)

enum mode {
	MODE_CLOSED,
	MODE_OPEN,
	MODE_STREAMS
};

enum state {
	STATE_IDLE,
	STATE_HEAD,
	STATE_BODY
};

struct conn {
	int fd;
	enum state state;
	size_t sent;
	size_t left; /* of the body */
	int64_t due_us;
	uint64_t digits; /* the number that is being read, in a stream */
	unsigned digit_count;
	unsigned head_len;
	char *head; /* HEAD_MAX bytes, while a head is read */
	struct conn *next_idle;
};

struct load {
	const struct question *question;
	enum mode mode;
	struct sockaddr_in to;
	const char *key;
	size_t body;
	unsigned conns, rate, sources;
	int64_t warm_us, measure_us;

	char *request;
	size_t request_len;
	int epoll_fd, timer_fd;
	struct conn *conn; /* CONNS_MAX of them */
	unsigned opened, begun;
	struct conn *idle;
	int64_t now_us, next_due_us;
	bool measuring;
	uint64_t done, errors, events, late;
	uint32_t *samples;
	size_t samples_count;
	char last_error[160];
};

static int64_t
clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static void
die(const char *what)
{
	fprintf(stderr, "bench-load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *
must(void *memory)
{
	if (!memory)
		die("memory");
	return memory;
}

/* --- what is asked ---------------------------------------------------------- */

/* One question in each dialect: the text goes between head and tail. */
static const struct question {
	const char *dialect, *target, *head, *tail;
} questions[] = {
	{ "anthropic", "/v1/messages",
	    "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":1024,%s"
	    "\"messages\":[{\"role\":\"user\",\"content\":\"Hello.",
	    "\"}]}" },
	{ "chat", "/v1/chat/completions",
	    "{\"model\":\"gpt-5.5\",%s\"messages\":[{\"role\":\"user\","
	    "\"content\":\"Hello.",
	    "\"}]}" },
	{ "responses", "/v1/responses",
	    "{\"model\":\"gpt-5.5\",%s\"input\":\"Hello.", "\"}" },
	{ "gemini", "/v1beta/models/gemini-2.5-pro:generateContent",
	    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":"
	    "\"Hello.",
	    "\"}]}]}" },
};

static const struct question *
question_find(const char *dialect)
{
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (!strcmp(questions[i].dialect, dialect))
			return &questions[i];
	return NULL;
}

/* Source code in JSON, as coding agents send it. */
static void
make_request(struct load *l)
{
	static const char code[] =
	    "#include \\\"buf.h\\\"\\n\\tif (!s->open)\\n\\t\\t"
	    "printf(\\\"%s\\\\n\\\", s->name);\\n\\u2014 \\n";
	bool stream = l->mode == MODE_STREAMS;
	char *body = must(malloc(l->body + 1024));
	const char *tail = l->question->tail, *cut;
	size_t n, end = strlen(tail);
	size_t most = l->body > end ? l->body - end : 0;

	/* Where a stream is asked for, in the dialects that say so there. */
	cut = strstr(l->question->head, "%s");
	n = cut
	    ? (size_t)sprintf(body, "%.*s%s%s", (int)(cut - l->question->head),
		  l->question->head, stream ? "\"stream\":true," : "", cut + 2)
	    : (size_t)sprintf(body, "%s", l->question->head);
	while (n + sizeof(code) - 1 <= most) {
		memcpy(body + n, code, sizeof(code) - 1);
		n += sizeof(code) - 1;
	}
	while (n < most)
		body[n++] = '.';
	memcpy(body + n, tail, end);
	n += end;
	l->request = must(malloc(n + 1024));
	l->request_len = (size_t)sprintf(l->request,
	    "POST %s HTTP/1.1\r\n"
	    "Host: 127.0.0.1\r\n"
	    "User-Agent: bench-load/1\r\n"
	    "Accept: application/json\r\n"
	    "Anthropic-Version: 2023-06-01\r\n"
	    "X-Api-Key: %s\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    l->question->target, l->key, n);
	memcpy(l->request + l->request_len, body, n);
	l->request_len += n;
	free(body);
}

/* --- what is counted ---------------------------------------------------------- */

static void
sample(struct load *l, int64_t took_us)
{
	if (!l->measuring)
		return;
	if (l->samples_count < SAMPLES_MAX)
		l->samples[l->samples_count++] =
		    took_us < 0 ? 0 : (uint32_t)took_us;
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t
at_rank(const struct load *l, double rank)
{
	if (!l->samples_count)
		return 0;
	return l->samples[(size_t)(rank * (double)(l->samples_count - 1))];
}

static void
report(struct load *l, int64_t took_us)
{
	double s = (double)took_us / 1e6;

	qsort(l->samples, l->samples_count, sizeof(*l->samples), by_size);
	printf("{\"seconds\":%.3f,\"done\":%llu,\"errors\":%llu,"
	       "\"events\":%llu,\"late\":%llu,\"conns\":%u,\"begun\":%u,"
	       "\"per_second\":%.1f,\"p50_us\":%u,\"p90_us\":%u,"
	       "\"p99_us\":%u,\"max_us\":%u,\"error\":\"%s\"}\n",
	    s, (unsigned long long)l->done, (unsigned long long)l->errors,
	    (unsigned long long)l->events, (unsigned long long)l->late,
	    l->opened, l->begun,
	    (double)(l->mode == MODE_STREAMS ? l->events : l->done) / s,
	    at_rank(l, 0.5), at_rank(l, 0.9), at_rank(l, 0.99), at_rank(l, 1),
	    l->last_error);
}

static void
error(struct load *l, struct conn *c, const char *text)
{
	l->errors++;
	snprintf(l->last_error, sizeof(l->last_error), "%s", text);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->state = STATE_IDLE;
}

/* --- connections ------------------------------------------------------------------ */

static void
conn_open(struct load *l, struct conn *c)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
		.data.ptr = c };
	const int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (l->sources > 1) {
		/* Each address of ours has its own range of ports. */
		unsigned nth = (unsigned)(c - l->conn) % l->sources;
		struct sockaddr_in from = { .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + nth) };

		setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
		    sizeof(on));
		if (bind(c->fd, (struct sockaddr *)&from, sizeof(from)))
			die("bind");
	}
	if (connect(c->fd, (struct sockaddr *)&l->to, sizeof(l->to)) &&
	    errno != EINPROGRESS)
		die("connect");
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, c->fd, &e))
		die("epoll_ctl");
}

static void
conn_write(struct load *l, struct conn *c)
{
	while (c->sent < l->request_len) {
		ssize_t n = send(c->fd, l->request + c->sent,
		    l->request_len - c->sent, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
			return;
		if (n < 0) {
			error(l, c, strerror(errno));
			return;
		}
		c->sent += (size_t)n;
	}
}

static void
conn_ask(struct load *l, struct conn *c, int64_t due_us)
{
	bool fresh = c->fd < 0;

	if (fresh)
		conn_open(l, c);
	c->state = STATE_HEAD;
	c->sent = 0;
	c->head_len = 0;
	c->due_us = due_us;
	if (!c->head)
		c->head = must(malloc(HEAD_MAX));
	/* A new one tells when it can be written to. */
	if (!fresh)
		conn_write(l, c);
}

static struct conn *
conn_get(struct load *l)
{
	struct conn *c = l->idle;

	if (c) {
		l->idle = c->next_idle;
		return c;
	}
	if (l->opened == l->conns)
		return NULL;
	c = &l->conn[l->opened++];
	c->fd = -1;
	return c;
}

/* Its answer is whole, or will never be. */
static void
conn_rest(struct load *l, struct conn *c)
{
	c->state = STATE_IDLE;
	if (l->mode == MODE_CLOSED) {
		conn_ask(l, c, clock_us());
	} else if (l->mode == MODE_OPEN) {
		c->next_idle = l->idle;
		l->idle = c;
	}
}

/* --- answers ------------------------------------------------------------------------ */

static bool
read_status(struct load *l, struct conn *c)
{
	char text[160];

	if (!strncmp(c->head, "HTTP/1.1 200", 12))
		return true;
	snprintf(text, sizeof(text), "%.12s", c->head);
	error(l, c, text);
	return false;
}

/* Put bytes to the head; returns how many belonged to it.  When it is whole
 * the state says so. */
static size_t
feed_head(struct load *l, struct conn *c, const char *at, size_t len)
{
	size_t before = c->head_len, take = HEAD_MAX - 1 - before, used;
	char *end, *length;

	if (take > len)
		take = len;
	memcpy(c->head + before, at, take);
	c->head[before + take] = '\0';
	c->head_len += (unsigned)take;
	end = strstr(c->head, "\r\n\r\n");
	if (!end) {
		if (take < len)
			error(l, c, "a head without end");
		return take;
	}
	used = (size_t)(end + 4 - c->head) - before;
	*end = '\0';
	if (!read_status(l, c))
		return len;
	c->state = STATE_BODY;
	c->digit_count = 0;
	length = strcasestr(c->head, "\r\ncontent-length:");
	if (length)
		c->left = strtoul(length + 17, NULL, 10);
	else if (l->mode != MODE_STREAMS)
		error(l, c, "an answer without length");
	if (l->mode == MODE_STREAMS)
		l->begun++;
	return used;
}

/* Sixteen digits in a row are the moment at which an event was sent. */
static void
feed_stream(struct load *l, struct conn *c, const char *at, size_t len)
{
	int64_t age_us;

	for (size_t i = 0; i < len; i++) {
		if (at[i] >= '0' && at[i] <= '9') {
			if (c->digit_count++ < STAMP_DIGITS)
				c->digits =
				    c->digits * 10 + (uint64_t)(at[i] - '0');
			continue;
		}
		if (c->digit_count == STAMP_DIGITS) {
			age_us = clock_us() - (int64_t)c->digits;
			l->events++;
			if (age_us > STAMP_OLD_US || age_us < 0)
				l->late++;
			else
				sample(l, age_us);
		}
		c->digit_count = 0;
		c->digits = 0;
	}
}

static void
feed(struct load *l, struct conn *c, const char *at, size_t len)
{
	size_t used = 0;

	if (c->state == STATE_IDLE) {
		error(l, c, "an answer nobody asked for");
		return;
	}
	if (c->state == STATE_HEAD)
		used = feed_head(l, c, at, len);
	if (c->state != STATE_BODY)
		return;
	at += used;
	len -= used;
	if (l->mode == MODE_STREAMS) {
		feed_stream(l, c, at, len);
		return;
	}
	if (len > c->left) {
		error(l, c, "more than was announced");
		return;
	}
	c->left -= len;
	if (c->left)
		return;
	l->done++;
	sample(l, clock_us() - c->due_us);
	conn_rest(l, c);
}

static void
conn_read(struct load *l, struct conn *c)
{
	static char scratch[READ_SIZE];
	ssize_t n;

	do {
		n = recv(c->fd, scratch, sizeof(scratch), 0);
		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
			return;
		if (n <= 0) {
			bool idle = c->state == STATE_IDLE;

			error(l, c, n ? strerror(errno) : "closed");
			if (!idle)
				conn_rest(l, c);
			return;
		}
		feed(l, c, scratch, (size_t)n);
	} while (n == (ssize_t)sizeof(scratch) && c->fd >= 0);
}

/* --- the run ------------------------------------------------------------------------ */

/* Requests that are due; one that finds no connection is an error. */
static void
ask_due(struct load *l)
{
	while (l->next_due_us <= l->now_us) {
		struct conn *c = conn_get(l);

		if (c)
			conn_ask(l, c, l->next_due_us);
		else
			l->errors++;
		l->next_due_us += 1000000 / l->rate;
	}
}

static void
ask_more_streams(struct load *l)
{
	while (l->opened < l->conns &&
	    l->opened - l->begun - l->errors < RAMP_AT_ONCE)
		conn_ask(l, conn_get(l), l->now_us);
}

static void
set_tick(struct load *l, int64_t us)
{
	struct itimerspec every = { .it_interval.tv_sec = us / 1000000,
		.it_interval.tv_nsec = us % 1000000 * 1000 };
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };

	every.it_value = every.it_interval;
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (l->timer_fd < 0 || timerfd_settime(l->timer_fd, 0, &every, NULL) ||
	    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->timer_fd, &e))
		die("timer");
}

static void
turn(struct load *l)
{
	struct epoll_event events[BATCH];
	uint64_t ticks;
	int n = epoll_wait(l->epoll_fd, events, BATCH, 1000);

	l->now_us = clock_us();
	for (int i = 0; i < n; i++) {
		struct conn *c = events[i].data.ptr;

		if (!c) {
			if (read(l->timer_fd, &ticks, sizeof(ticks)) < 0)
				die("timer");
			continue;
		}
		if (c->fd >= 0 && events[i].events & EPOLLOUT &&
		    c->state == STATE_HEAD)
			conn_write(l, c);
		if (c->fd >= 0 && events[i].events & ~(unsigned)EPOLLOUT)
			conn_read(l, c);
	}
	if (l->mode == MODE_OPEN)
		ask_due(l);
	if (l->mode == MODE_STREAMS)
		ask_more_streams(l);
}

static void
warm(struct load *l)
{
	int64_t until_us = l->now_us + l->warm_us;
	int64_t last_us = l->now_us + RAMP_MAX_US;

	l->next_due_us = l->now_us;
	if (l->mode == MODE_CLOSED)
		for (unsigned i = 0; i < l->conns; i++)
			conn_ask(l, conn_get(l), l->now_us);
	if (l->mode == MODE_STREAMS) {
		while (l->begun + l->errors < l->conns && l->now_us < last_us)
			turn(l);
		until_us = l->now_us + l->warm_us;
	}
	while (l->now_us < until_us)
		turn(l);
}

static void
run(struct load *l)
{
	int64_t began_us, tick_us = 10000;

	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		die("epoll");
	if (l->mode == MODE_OPEN)
		tick_us = 1000000 / l->rate;
	set_tick(l, tick_us);
	l->now_us = clock_us();
	warm(l);
	puts("begin");
	fflush(stdout);
	l->done = l->events = l->late = 0;
	l->measuring = true;
	began_us = clock_us();
	while (l->now_us < began_us + l->measure_us)
		turn(l);
	puts("end");
	report(l, l->now_us - began_us);
}

/* --- options ------------------------------------------------------------------------ */

static int
bad_usage(void)
{
	fputs("usage: bench-load closed|open|streams --to ADDR:PORT "
	      "[--key KEY] [--body BYTES] [--dialect NAME]\n"
	      "    [--conns N] [--rate N] [--warm-ms N] [--measure-ms N] "
	      "[--sources N]\n",
	    stderr);
	return 2;
}

static bool
read_address(const char *text, struct sockaddr_in *out)
{
	const char *colon = strchr(text, ':');
	char host[64];

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	out->sin_family = AF_INET;
	out->sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	return inet_pton(AF_INET, host, &out->sin_addr) == 1;
}

static bool
read_options(struct load *l, int argc, char **argv)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' },
		{ "key", required_argument, NULL, 'k' },
		{ "body", required_argument, NULL, 'b' },
		{ "dialect", required_argument, NULL, 'd' },
		{ "conns", required_argument, NULL, 'c' },
		{ "rate", required_argument, NULL, 'r' },
		{ "warm-ms", required_argument, NULL, 'w' },
		{ "measure-ms", required_argument, NULL, 'm' },
		{ "sources", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int64_t n;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		n = optarg ? strtoll(optarg, NULL, 10) : 1;
		if (c == 't' && !read_address(optarg, &l->to))
			return false;
		if (c == 'd' && !(l->question = question_find(optarg)))
			return false;
		if (c == 'k')
			l->key = optarg;
		else if (c == '?' ||
		    (c != 't' && c != 'd' && (n < 1 || n > 100000000)))
			return false;
		else if (c == 'b')
			l->body = (size_t)n;
		else if (c == 'c')
			l->conns = (unsigned)n;
		else if (c == 'r')
			l->rate = (unsigned)n;
		else if (c == 'w')
			l->warm_us = n * 1000;
		else if (c == 'm')
			l->measure_us = n * 1000;
		else if (c == 's')
			l->sources = (unsigned)n;
	}
	return l->to.sin_port && l->conns <= CONNS_MAX && l->rate <= 1000000;
}

int
main(int argc, char **argv)
{
	struct load l = { .key = "none",
		.question = &questions[0],
		.body = 200,
		.conns = 1,
		.rate = 200,
		.warm_us = 500000,
		.measure_us = 2000000 };
	const char *mode = argc > 1 ? argv[1] : "";

	if (!strcmp(mode, "closed"))
		l.mode = MODE_CLOSED;
	else if (!strcmp(mode, "open"))
		l.mode = MODE_OPEN;
	else if (!strcmp(mode, "streams"))
		l.mode = MODE_STREAMS;
	else
		return bad_usage();
	if (!read_options(&l, argc - 1, argv + 1))
		return bad_usage();
	make_request(&l);
	l.conn = must(calloc(CONNS_MAX, sizeof(*l.conn)));
	l.samples = must(malloc(SAMPLES_MAX * sizeof(*l.samples)));
	run(&l);
	return 0;
}
