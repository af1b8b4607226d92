/* SPDX-License-Identifier: MIT */
/* log_sink.h - where finished log lines go: a ring, a thread, a file.
 *
 *	any thread				   the sink's thread
 *	log_sink_put() --> [ ring, 256 KiB ] --> write(2): file, pipe, socket
 *
 * Putting is a lock held for one copy; when there is no room the line is
 * counted instead.  Only the thread ever touches the file. */
#ifndef RELAYD_LOG_SINK_H
#define RELAYD_LOG_SINK_H

#include "proto/str.h"

#include "relayd/log.h"

#define LOG_RING_BYTES (256 * 1024)

struct log_sink;

/* Milliseconds since 1970, as lines are stamped. */
int64_t log_wall_ms(void);
/* Is the standard error the journal's? */
bool log_is_journal(void);
/* Write what stands before the text ("<6>", or time and level); returns its
 * length, at most 40. */
size_t
log_stamp(char out[40], enum log_level level, int64_t wall_ms, bool is_journal);

/* `file` NULL or empty: the standard error. */
enum err log_sink_new(const char *file, struct log_sink **out,
    struct why *out_why) CHECKED;
/* Write what waits, end the thread; NULL is fine. */
void log_sink_free(struct log_sink *take_s);
/* False: no room, counted. */
bool log_sink_put(struct log_sink *s, enum log_level level, struct str text);
void log_sink_reopen(struct log_sink *s);
uint64_t log_sink_dropped(struct log_sink *s);

#endif
