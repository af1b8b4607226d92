/* SPDX-License-Identifier: MIT */
/* log.c - what was received and how it ended. */
#include "tests/upstream/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include <sodium.h>

#include "proto/mem.h"

#include "tests/upstream/json.h"

#define MAX_LINES ((size_t)65536)
#define MAX_LINE  ((size_t)4 * 1024 * 1024)

enum err
log_open(struct log *l, const char *path, const char *bodies)
{
	*l = (struct log){ .bodies = bodies, .first = 1 };
	if (!path)
		return OK;
	l->file = fopen(path, "we");
	return l->file ? OK : ERR_IO;
}

void
log_forget(struct log *l)
{
	for (size_t i = 0; i < l->used; i++)
		free(l->line[i]);
	l->first += l->used;
	l->used = 0;
}

void
log_close(struct log *l)
{
	log_forget(l);
	free(l->line);
	if (l->file)
		fclose(l->file);
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The older half goes when there are too many. */
static void
make_room(struct log *l)
{
	size_t half = l->used / 2;

	if (l->used == MAX_LINES) {
		for (size_t i = 0; i < half; i++)
			free(l->line[i]);
		memmove(l->line, l->line + half,
		    (l->used - half) * sizeof(*l->line));
		l->used -= half;
		l->first += half;
	}
	if (l->used == l->size) {
		l->size = l->size ? l->size * 2 : 256;
		l->line = xrealloc(l->line, l->size * sizeof(*l->line));
	}
}

static void
line_start(struct log *l, struct buf *b, uint64_t seq)
{
	make_room(l);
	buf_init(b, MAX_LINE);
	buf_mustf(b, "{\"line\":%" PRIu64 ",\"seq\":%" PRIu64 ",\"ms\":%.3f",
	    l->first + l->used, seq, now_ms());
}

static void
line_end(struct log *l, struct buf *take_b)
{
	buf_must(take_b, STR("}\n"));
	l->line[l->used] = buf_take(take_b, NULL);
	if (l->file) {
		fputs(l->line[l->used], l->file);
		fflush(l->file);
	}
	l->used++;
}

static void
add_sha256(struct buf *b, struct str body)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[sizeof(hash) * 2 + 1];

	crypto_hash_sha256(hash,
	    (const unsigned char *)(body.at ? body.at : ""), body.len);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	buf_mustf(b, ",\"body_len\":%zu,\"body_sha256\":\"%s\"", body.len, hex);
}

static void
keep_body(const struct log *l, uint64_t seq, struct str body)
{
	char *path;
	FILE *f;
	bool well;

	if (!l->bodies)
		return;
	path = xasprintf("%s/%" PRIu64 ".body", l->bodies, seq);
	f = fopen(path, "we");
	well = f != NULL;
	if (well && body.len)
		well = fwrite(body.at, 1, body.len, f) == body.len;
	if (f && fclose(f))
		well = false;
	if (!well)
		fprintf(stderr, "practice-upstream: cannot write %s\n", path);
	free(path);
}

void
log_request(struct log *l, uint64_t seq, uint64_t conn,
    const struct request *req, const char *route, int status)
{
	struct buf b;

	line_start(l, &b, seq);
	buf_mustf(&b, ",\"conn\":%" PRIu64 ",\"route\":\"%s\",\"status\":%d",
	    conn, route, status);
	buf_must(&b, STR(",\"method\":"));
	json_add(&b, req->method);
	buf_must(&b, STR(",\"target\":"));
	json_add(&b, req->target);
	buf_must(&b, STR(",\"headers\":["));
	for (size_t i = 0; i < req->headers; i++) {
		buf_must(&b, i ? STR(",[") : STR("["));
		json_add(&b, req->header[i].name);
		buf_must(&b, STR(","));
		json_add(&b, req->header[i].value);
		buf_must(&b, STR("]"));
	}
	buf_must(&b, STR("]"));
	add_sha256(&b, req->body);
	keep_body(l, seq, req->body);
	line_end(l, &b);
}

void
log_bad(struct log *l, uint64_t seq, uint64_t conn, const char *why)
{
	struct buf b;

	line_start(l, &b, seq);
	buf_mustf(&b, ",\"conn\":%" PRIu64 ",\"bad\":\"%s\"", conn, why);
	line_end(l, &b);
}

void
log_end(struct log *l, uint64_t seq, const char *how, uint64_t sent)
{
	struct buf b;

	line_start(l, &b, seq);
	buf_mustf(&b, ",\"end\":\"%s\",\"sent\":%" PRIu64, how, sent);
	line_end(l, &b);
}

bool
log_since(const struct log *l, uint64_t since, struct str what, struct buf *out)
{
	size_t i = since >= l->first ? (size_t)(since - l->first + 1) : 0;
	bool found = false;

	for (; i < l->used; i++) {
		buf_must(out, str_of(l->line[i]));
		if (what.len == 0 || str_find(str_of(l->line[i]), what) >= 0)
			found = true;
	}
	return found;
}
