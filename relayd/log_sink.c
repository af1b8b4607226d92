/* SPDX-License-Identifier: MIT */
/* log_sink.c - the ring, and the thread that writes what is in it.
 *
 * The thread sleeps while the ring is empty.  After a batch it naps for a few
 * milliseconds before it looks again, so that a busy loop pays for a wake-up
 * at most a hundred times a second, and never per line. */
#include "relayd/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/mem.h"

#define NAP_MS	   10
#define POLL_MS	   100
#define STOP_POLLS 20 /* two seconds for a reader to wake up */
#define FILE_CHUNK (64 * 1024)
#define PIPE_CHUNK LOG_LINE_MAX /* what POLLOUT of a pipe promises */

/* In front of every line in the ring. */
struct head {
	uint32_t len;
	int32_t level;
	int64_t wall_ms;
};

struct log_sink {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	/* Under the lock; counts of bytes that never wrap in practice. */
	uint64_t put_bytes, took_bytes;
	uint64_t dropped;
	bool is_asleep, is_napping, wants_reopen;
	atomic_bool is_stopping;
	/* The thread's own. */
	char *file; /* NULL: the standard error */
	int fd;
	bool is_journal, is_regular, is_socket;
	unsigned stop_polls;
	uint64_t told; /* of the dropped */
	size_t chunk_max, chunk_len, chunk_lines;
	char chunk[FILE_CHUNK];
	char ring[LOG_RING_BYTES];
};

int64_t
log_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
log_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;
	char *end;

	if (!stream || fstat(STDERR_FILENO, &st))
		return false;
	dev = strtoull(stream, &end, 10);
	if (*end != ':')
		return false;
	ino = strtoull(end + 1, &end, 10);
	return *end == '\0' && st.st_dev == dev && st.st_ino == ino;
}

static const char *
level_name(enum log_level level)
{
	switch (level) {
	case LOG_ERROR:
		return "error";
	case LOG_WARN:
		return "warning";
	case LOG_INFO:
		return "info";
	case LOG_DEBUG:
		return "debug";
	}
	return "info";
}

size_t
log_stamp(char out[40], enum log_level level, int64_t wall_ms, bool is_journal)
{
	time_t at = wall_ms / 1000;
	struct tm tm;
	int n;

	if (is_journal) {
		n = snprintf(out, 40, "<%d>", (int)level);
		return (size_t)n;
	}
	gmtime_r(&at, &tm);
	n = snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s ",
	    (int)((unsigned)tm.tm_year + 1900) % 10000, tm.tm_mon + 1,
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(wall_ms % 1000),
	    level_name(level));
	return n < 40 ? (size_t)n : 39;
}

/* --- the ring ---------------------------------------------------------------- */

static void
ring_write(struct log_sink *s, uint64_t at, const void *from, size_t n)
{
	size_t i = at % LOG_RING_BYTES;
	size_t first = n < LOG_RING_BYTES - i ? n : LOG_RING_BYTES - i;

	memcpy(s->ring + i, from, first);
	memcpy(s->ring, (const char *)from + first, n - first);
}

static void
ring_read(const struct log_sink *s, uint64_t at, void *to, size_t n)
{
	size_t i = at % LOG_RING_BYTES;
	size_t first = n < LOG_RING_BYTES - i ? n : LOG_RING_BYTES - i;

	memcpy(to, s->ring + i, first);
	memcpy((char *)to + first, s->ring, n - first);
}

bool
log_sink_put(struct log_sink *s, enum log_level level, struct str text)
{
	struct head head = {
		.len = (uint32_t)text.len,
		.level = level,
		.wall_ms = log_wall_ms(),
	};
	size_t n = sizeof(head) + text.len;
	bool has_room, must_wake = false;

	pthread_mutex_lock(&s->lock);
	has_room = s->put_bytes - s->took_bytes + n <= LOG_RING_BYTES;
	if (has_room) {
		ring_write(s, s->put_bytes, &head, sizeof(head));
		ring_write(s, s->put_bytes + sizeof(head), text.at, text.len);
		s->put_bytes += n;
	} else {
		s->dropped++;
	}
	if (s->is_asleep ||
	    (s->is_napping &&
		s->put_bytes - s->took_bytes > LOG_RING_BYTES / 2)) {
		s->is_asleep = s->is_napping = false;
		must_wake = true;
	}
	pthread_mutex_unlock(&s->lock);
	if (must_wake)
		pthread_cond_signal(&s->wake);
	return has_room;
}

/* --- the thread --------------------------------------------------------------- */

/* Wait until writing will not block; false when we are to stop and nobody has
 * read for too long. */
static bool
wait_writable(struct log_sink *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };

	if (s->is_regular)
		return true;
	while (poll(&p, 1, s->stop_polls < STOP_POLLS ? POLL_MS : 0) == 0) {
		if (s->is_stopping && s->stop_polls < STOP_POLLS)
			s->stop_polls++;
		if (s->stop_polls == STOP_POLLS)
			return false;
	}
	return true;
}

static bool
write_chunk(struct log_sink *s)
{
	for (size_t done = 0; done < s->chunk_len;) {
		const char *at = s->chunk + done;
		size_t n = s->chunk_len - done;
		ssize_t k;

		if (!wait_writable(s))
			return false;
		k = s->is_socket
		    ? send(s->fd, at, n, MSG_DONTWAIT | MSG_NOSIGNAL)
		    : write(s->fd, at, n);
		if (k < 0 && errno != EINTR && errno != EAGAIN)
			return false;
		if (k > 0)
			done += (size_t)k;
	}
	return true;
}

/* Write the chunk and give its place in the ring free. */
static void
flush_chunk(struct log_sink *s, uint64_t took)
{
	bool ok = s->chunk_len == 0 || write_chunk(s);

	pthread_mutex_lock(&s->lock);
	s->took_bytes = took;
	if (!ok)
		s->dropped += s->chunk_lines;
	pthread_mutex_unlock(&s->lock);
	s->chunk_len = s->chunk_lines = 0;
}

static void
chunk_add(struct log_sink *s, const struct head *head, const char *text)
{
	char *at = s->chunk + s->chunk_len;
	size_t n = log_stamp(at, (enum log_level)head->level, head->wall_ms,
	    s->is_journal);

	memcpy(at + n, text, head->len);
	n += head->len;
	at[n++] = '\n';
	s->chunk_len += n;
	s->chunk_lines++;
}

/* Say how many lines were lost since we last said so. */
static void
tell_dropped(struct log_sink *s)
{
	uint64_t dropped = log_sink_dropped(s);
	struct head head = { .level = LOG_WARN, .wall_ms = log_wall_ms() };
	char text[64];

	if (dropped == s->told)
		return;
	head.len = (uint32_t)snprintf(text, sizeof(text), "log dropped=%llu",
	    (unsigned long long)(dropped - s->told));
	chunk_add(s, &head, text);
	s->chunk_lines = 0;
	if (write_chunk(s))
		s->told = dropped;
	s->chunk_len = 0;
}

static void
drain(struct log_sink *s, uint64_t from, uint64_t to)
{
	while (from < to) {
		char text[LOG_TEXT_MAX];
		struct head head;

		ring_read(s, from, &head, sizeof(head));
		if (s->chunk_len + head.len + 41 > s->chunk_max)
			flush_chunk(s, from);
		ring_read(s, from + sizeof(head), text, head.len);
		chunk_add(s, &head, text);
		from += sizeof(head) + head.len;
	}
	flush_chunk(s, from);
	tell_dropped(s);
}

static enum err
sink_open(struct log_sink *s, struct why *out_why)
{
	int fd = STDERR_FILENO;
	struct stat st;

	if (s->file) {
		fd = open(s->file,
		    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
		if (fd < 0)
			return why_set(out_why, ERR_IO, "log_file", "%s: %s",
			    s->file, strerror(errno));
		if (s->fd >= 0)
			close(s->fd);
	}
	s->fd = fd;
	s->is_regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	s->is_socket = !s->is_regular && S_ISSOCK(st.st_mode);
	s->is_journal = !s->file && log_is_journal();
	s->chunk_max = s->is_regular ? FILE_CHUNK : PIPE_CHUNK;
	return OK;
}

/* When the new file cannot be opened the old one is kept, and says so. */
static void
sink_open_again(struct log_sink *s)
{
	struct head head = { .level = LOG_ERROR, .wall_ms = log_wall_ms() };
	static const char text[] =
	    "log err=io why=\"the log file could not be opened again\"";

	if (!s->file || sink_open(s, NULL) == OK)
		return;
	head.len = sizeof(text) - 1;
	chunk_add(s, &head, text);
	write_chunk(s);
	s->chunk_len = s->chunk_lines = 0;
}

/* With the lock held. */
static void
nap(struct log_sink *s)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += NAP_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	s->is_napping = true;
	while (s->is_napping && !s->is_stopping)
		if (pthread_cond_timedwait(&s->wake, &s->lock, &until))
			break;
	s->is_napping = false;
}

static void *
sink_run(void *arg)
{
	struct log_sink *s = arg;

	(void)pthread_setname_np(pthread_self(), "relayd-log");
	pthread_mutex_lock(&s->lock);
	for (;;) {
		uint64_t from, to;
		bool reopen;

		while (s->put_bytes == s->took_bytes && !s->is_stopping &&
		    !s->wants_reopen) {
			s->is_asleep = true;
			pthread_cond_wait(&s->wake, &s->lock);
			s->is_asleep = false;
		}
		if (s->put_bytes == s->took_bytes && !s->wants_reopen)
			break;
		from = s->took_bytes;
		to = s->put_bytes;
		reopen = s->wants_reopen;
		s->wants_reopen = false;
		pthread_mutex_unlock(&s->lock);
		if (reopen)
			sink_open_again(s);
		drain(s, from, to);
		pthread_mutex_lock(&s->lock);
		nap(s);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* --- life --------------------------------------------------------------------- */

static int
start_thread(struct log_sink *s)
{
	pthread_condattr_t attr;
	sigset_t all, old;
	int r;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&s->lock, NULL);
	/* Signals are the loop's; a pipe without a reader is an error here. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&s->thread, NULL, sink_run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

enum err
log_sink_new(const char *file, struct log_sink **out, struct why *out_why)
{
	struct log_sink *s = xcalloc(1, sizeof(*s));
	enum err e;
	int r;

	s->fd = -1;
	s->file = file && *file ? xstrdup(file) : NULL;
	e = sink_open(s, out_why);
	if (e)
		goto out_free;
	r = start_thread(s);
	if (r) {
		e = why_set(out_why, ERR_IO, "log", "no thread: %s",
		    strerror(r));
		goto out_close;
	}
	*out = s;
	return OK;
out_close:
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	if (s->file)
		close(s->fd);
out_free:
	free(s->file);
	free(s);
	return e;
}

void
log_sink_free(struct log_sink *take_s)
{
	if (!take_s)
		return;
	pthread_mutex_lock(&take_s->lock);
	take_s->is_stopping = true;
	pthread_mutex_unlock(&take_s->lock);
	pthread_cond_signal(&take_s->wake);
	pthread_join(take_s->thread, NULL);
	pthread_cond_destroy(&take_s->wake);
	pthread_mutex_destroy(&take_s->lock);
	if (take_s->file)
		close(take_s->fd);
	free(take_s->file);
	free(take_s);
}

void
log_sink_reopen(struct log_sink *s)
{
	pthread_mutex_lock(&s->lock);
	s->wants_reopen = true;
	pthread_mutex_unlock(&s->lock);
	pthread_cond_signal(&s->wake);
}

uint64_t
log_sink_dropped(struct log_sink *s)
{
	uint64_t n;

	pthread_mutex_lock(&s->lock);
	n = s->dropped;
	pthread_mutex_unlock(&s->lock);
	return n;
}
