/* SPDX-License-Identifier: MIT */
/* log.h - what was received and how it ended: one JSON object per line, kept
 * in memory (the newest) and in a file.
 *
 *	{"line":1,"seq":1,"ms":..,"conn":..,
 *	 "route":..,"status":..,"method":..,"target":..,
 *	 "headers":[[name,value],..],"body_len":..,"body_sha256":..}
 *	{"line":2,"seq":1,"end":"done","ms":..,"sent":..} */
#ifndef TESTS_UPSTREAM_LOG_H
#define TESTS_UPSTREAM_LOG_H

#include <stdint.h>
#include <stdio.h>

#include "proto/buf.h"

#include "tests/upstream/http.h"

struct log {
	FILE *file;
	const char *bodies;
	char **line;
	/* The number of line[0]; lines are counted from 1. */
	uint64_t first;
	size_t used, size;
};

/* `path` and `bodies` may be NULL. */
enum err log_open(struct log *l, const char *path, const char *bodies) CHECKED;
void log_close(struct log *l);
/* Forget what is in memory; the numbers go on. */
void log_forget(struct log *l);

void log_request(struct log *l, uint64_t seq, uint64_t conn,
    const struct request *req, const char *route, int status);
void log_bad(struct log *l, uint64_t seq, uint64_t conn, const char *why);
void log_end(struct log *l, uint64_t seq, const char *how, uint64_t sent);

/* Append the lines after number `since`.  Returns whether one of them holds
 * `what` (any does when it is empty). */
bool log_since(const struct log *l, uint64_t since, struct str what,
    struct buf *out);

#endif
