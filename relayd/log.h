/* SPDX-License-Identifier: MIT */
/* log.h - what happened, one line per event, for grep.
 *
 *	2026-11-20T13:09:15.123Z info request id=req_01J... status=200
 *	2026-11-20T13:09:15.200Z warning upstream msg="said \"no\"\r\n"
 *
 * The event is a bare word, the rest are key=value pairs, the request id
 * first.  Values are foreign until proven otherwise: what is not plain is
 * quoted, control bytes and broken UTF-8 are escaped, long values are cut.  A
 * line never exceeds LOG_LINE_MAX bytes, its end included.
 *
 * A finished line goes through a bounded ring to a thread that writes it, so
 * a blocked disk or pipe never blocks the caller: a line that finds no room is
 * dropped and counted, and a later line says how many were.  Under systemd a
 * line starts with "<priority>" instead of time and level.
 *
 * Before log_start() and after log_stop() lines are written to the standard
 * error at once.  This is the only module with state that everybody shares. */
#ifndef RELAYD_LOG_H
#define RELAYD_LOG_H

#include <stdatomic.h>

#include "proto/str.h"

#define LOG_LINE_MAX  4096
#define LOG_TEXT_MAX  (LOG_LINE_MAX - 40) /* without the stamp in front */
#define LOG_VALUE_MAX 1024		  /* of one value, as written */

/* The numbers are those of syslog(3). */
enum log_level {
	LOG_ERROR = 3, /* something is broken; somebody has to look */
	LOG_WARN = 4,  /* it goes on, but not as it should */
	LOG_INFO = 6,  /* what the operator wants to read later */
	LOG_DEBUG = 7  /* what the developer wants to read now */
};

extern atomic_int log_threshold; /* written by log_set_level() only */

static inline bool
log_on(enum log_level level)
{
	return (int)level <=
	    atomic_load_explicit(&log_threshold, memory_order_relaxed);
}

/* A line under construction; lives on the caller's stack.  Of a level that is
 * off it stays empty and every call returns at once. */
struct log_line {
	enum log_level level;
	bool on, is_cut;
	size_t len;
	char text[LOG_TEXT_MAX];
};

/* `event` and the keys are words of ours: lower case, digits, '_' and '.'. */
void log_begin(struct log_line *l, enum log_level level, const char *event);
void log_str(struct log_line *l, const char *key, struct str value);
void log_cstr(struct log_line *l, const char *key, const char *value);
void log_u64(struct log_line *l, const char *key, uint64_t value);
void log_i64(struct log_line *l, const char *key, int64_t value);
/* err=NAME field=... why="...": what a failed call left behind. A NULL why is
 * fine. */
void log_err(struct log_line *l, enum err e, const struct why *why);
void log_end(struct log_line *l);

/* A line in one call, the text as msg="...".  Arguments are not evaluated when
 * the level is off. */
#define log_note(level, event, ...)                                            \
	(log_on(level) ? log_note_now((level), (event), __VA_ARGS__) : (void)0)
void log_note_now(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void log_set_level(enum log_level level);

/* Start the thread that writes, to `file` (made if missing, appended to) or,
 * when it is NULL or empty, to the standard error. */
enum err log_start(const char *file, struct why *out_why) CHECKED;
/* Write what waits (for at most two seconds, when nobody reads) and end the
 * thread.  No other thread may be logging any more. */
void log_stop(void);
/* Open the file again before the next line: it was rotated away. */
void log_reopen(void);
/* Lines that were lost since the start. */
uint64_t log_dropped(void);

/* Tests: hand every finished line, without stamp and end, to fn instead.
 * NULL ends it. */
typedef void log_capture_fn(void *arg, enum log_level level, struct str line);
void log_capture(log_capture_fn *fn, void *arg);

#endif
