/* SPDX-License-Identifier: MIT */
/* wire.c - turns an answer into the bytes and moments of its sending.
 *
 * Every fault that concerns bytes is made here, so that the connection only
 * has to send, wait and end. */
#include <limits.h>
#include <stdlib.h>

#include <zlib.h>

#include "proto/mem.h"

#include "tests/upstream/answer.h"

#define MAX_WIRE ((size_t)1 << 31)

struct wire *
wire_silent(enum finish finish, int64_t wait_ms)
{
	struct wire *w = xcalloc(1, sizeof(*w));

	w->refs = 1;
	w->finish = finish;
	w->keep_ms = -1;
	buf_init(&w->bytes, MAX_WIRE);
	w->steps.at = xcalloc(1, sizeof(*w->steps.at));
	w->steps.size = w->steps.used = 1;
	w->steps.at[0].wait_ms = wait_ms;
	return w;
}

struct wire *
wire_ref(struct wire *w)
{
	w->refs++;
	return w;
}

void
wire_unref(struct wire *w)
{
	if (!w || --w->refs)
		return;
	buf_fini(&w->bytes);
	free(w->steps.at);
	free(w);
}

static void
steps_add(struct pieces *p, size_t end, int64_t wait_ms)
{
	if (p->used == p->size) {
		p->size = p->size ? p->size * 2 : 16;
		p->at = xrealloc(p->at, p->size * sizeof(*p->at));
	}
	p->at[p->used++] = (struct piece){ .end = end, .wait_ms = wait_ms };
}

/* Bytes added from here on are due wait_ms after those before. */
static void
step_begin(struct wire *w, int64_t wait_ms)
{
	w->steps.at[w->steps.used - 1].end = buf_len(&w->bytes);
	steps_add(&w->steps, 0, wait_ms);
}

/* Compress the body piece by piece, each flushed so that it can be read. */
static void
gzip_body(struct answer *a)
{
	struct buf plain = a->body;
	struct pieces *p = &a->pieces;
	z_stream z = { .zalloc = Z_NULL };
	size_t from = 0, room;
	char *at;

	if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY))
		abort();
	buf_init(&a->body, plain.max);
	for (size_t i = 0; i < p->used; i++) {
		z.next_in = (Bytef *)(plain.mem + plain.start + from);
		z.avail_in = (uInt)(p->at[i].end - from);
		from = p->at[i].end;
		do {
			if (buf_room(&a->body, 4096, &at, &room))
				abort();
			z.next_out = (Bytef *)at;
			z.avail_out = (uInt)room;
			deflate(&z, i + 1 == p->used ? Z_FINISH : Z_SYNC_FLUSH);
			buf_grew(&a->body, room - z.avail_out);
		} while (z.avail_out == 0);
		p->at[i].end = buf_len(&a->body);
	}
	deflateEnd(&z);
	buf_fini(&plain);
	answer_header(a, "content-encoding: gzip");
}

static const char *
reason_of(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 402:
		return "Payment Required";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 413:
		return "Payload Too Large";
	case 426:
		return "Upgrade Required";
	case 429:
		return "Too Many Requests";
	case 500:
		return "Internal Server Error";
	case 503:
		return "Service Unavailable";
	case 529:
		return "Overloaded";
	default:
		return "Practice";
	}
}

static void
add_interim(struct buf *out, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		buf_must(out,
		    i % 2 ? STR("HTTP/1.1 103 Early Hints\r\n"
				"link: </practice>; rel=preload\r\n\r\n")
			  : STR("HTTP/1.1 100 Continue\r\n\r\n"));
}

enum framing {
	BY_LENGTH,
	BY_CHUNKS,
	BY_END
};

static enum framing
framing_of(const struct answer *a, const struct script *s)
{
	if (a->old || script_num(s->untilclose, 0) || script_num(s->http09, 0))
		return BY_END;
	if (s->length != NONE || script_num(s->dupcl, 0))
		return BY_LENGTH;
	if (a->stream || script_num(s->chunked, 0) || s->badchunk != NONE)
		return BY_CHUNKS;
	return BY_LENGTH;
}

static void
add_odd_lines(struct buf *out, const struct script *s)
{
	if (s->header) {
		buf_must(out, str_of(s->header));
		buf_must(out, STR("\r\n"));
	}
	if (s->retry_after != NONE)
		buf_mustf(out, "retry-after: %lld\r\n",
		    (long long)s->retry_after);
	if (script_num(s->nul, 0))
		buf_must(out, STR("x-practice-nul: a\0b\r\n"));
	if (s->headerline > 0) {
		buf_must(out, STR("x-practice-long: "));
		for (int64_t i = 17; i < s->headerline; i++)
			buf_must(out, STR("x"));
		buf_must(out, STR("\r\n"));
	}
}

static void
add_head(struct wire *w, const struct answer *a, const struct script *s,
    enum framing framing)
{
	struct buf *out = &w->bytes;
	long long length = (long long)buf_len(&a->body);

	if (s->statusline)
		buf_mustf(out, "%s\r\n", s->statusline);
	else
		buf_mustf(out, "HTTP/1.1 %d %s\r\n", a->status,
		    reason_of(a->status));
	if (buf_len(&a->head))
		buf_must(out, buf_str(&a->head));
	add_odd_lines(out, s);
	if (framing == BY_CHUNKS)
		buf_must(out, STR("transfer-encoding: chunked\r\n"));
	if (framing == BY_LENGTH)
		buf_mustf(out, "content-length: %lld\r\n",
		    length + script_num(s->length, 0));
	if (script_num(s->dupcl, 0))
		buf_mustf(out, "content-length: %lld\r\n", length + 1);
	if (w->finish == FINISH_FIN)
		buf_must(out, STR("connection: close\r\n"));
	buf_must(out, STR("\r\n"));
}

/* Where the body is left off, and what the script wants done there. */
static size_t
limit_of(const struct answer *a, const struct script *s, enum finish *finish)
{
	size_t len = buf_len(&a->body);
	int64_t at = -1;

	if (s->cut != NONE) {
		at = s->cut;
		*finish = FINISH_CUT;
	} else if (s->fin) {
		at = strtoll(s->fin, NULL, 10);
		*finish = FINISH_CUT;
	} else if (s->rst) {
		at = strtoll(s->rst, NULL, 10);
		*finish = FINISH_RST;
	} else if (s->stall != NONE) {
		at = s->stall;
		*finish = FINISH_HANG;
	} else {
		return SIZE_MAX;
	}
	return at < 0 || (size_t)at > len ? len : (size_t)at;
}

static void
add_piece(struct wire *w, struct str data, enum framing framing)
{
	if (data.len == 0)
		return;
	if (framing == BY_CHUNKS)
		buf_mustf(&w->bytes, "%zx\r\n", data.len);
	buf_must(&w->bytes, data);
	if (framing == BY_CHUNKS)
		buf_must(&w->bytes, STR("\r\n"));
}

static void
add_body(struct wire *w, const struct answer *a, const struct script *s,
    enum framing framing)
{
	struct str body = buf_str(&a->body);
	size_t limit = limit_of(a, s, &w->finish), from = 0, end;
	size_t bad = s->badchunk < 0 ? SIZE_MAX : (size_t)s->badchunk;

	for (size_t i = 0; i < a->pieces.used && from < limit; i++) {
		end = a->pieces.at[i].end;
		end = end < limit ? end : limit;
		if (a->pieces.at[i].wait_ms > 0)
			step_begin(w, a->pieces.at[i].wait_ms);
		if (bad < end) {
			add_piece(w, str_at(body.at + from, bad - from),
			    framing);
			buf_must(&w->bytes, STR("zz practice\r\n"));
			w->finish = FINISH_CUT;
			return;
		}
		add_piece(w, str_at(body.at + from, end - from), framing);
		from = end;
	}
	if (framing == BY_CHUNKS && limit == SIZE_MAX)
		buf_must(&w->bytes, STR("0\r\n\r\n"));
}

/* Cut the steps into slices of n bytes, each wait_ms after the one before,
 * from byte `from` of the wire on. */
static void
slice_steps(struct wire *w, size_t from, size_t n, int64_t wait_ms)
{
	struct pieces old = w->steps;
	size_t at = 0, end;
	int64_t wait;

	w->steps = (struct pieces){ .at = NULL };
	for (size_t i = 0; i < old.used; i++) {
		wait = old.at[i].wait_ms;
		do {
			end = at < from ? from : at + n;
			if (end > old.at[i].end)
				end = old.at[i].end;
			steps_add(&w->steps, end, wait);
			wait = wait_ms;
			at = end;
		} while (at < old.at[i].end);
	}
	free(old.at);
}

static void
slice_as_told(struct wire *w, size_t body_at, const struct script *s)
{
	char *end;
	long long n, ms;

	if (s->split > 0)
		slice_steps(w, 0, (size_t)s->split, 0);
	if (!s->drip)
		return;
	n = strtoll(s->drip, &end, 10);
	ms = *end == '/' ? strtoll(end + 1, NULL, 10) : 1;
	if (n > 0)
		slice_steps(w, body_at, (size_t)n, ms);
}

static bool
must_close(const struct answer *a, const struct script *s, enum framing framing)
{
	return a->close || a->old || framing == BY_END ||
	    script_num(s->close, 0) || script_num(s->length, 0) ||
	    script_num(s->early, 0) || script_num(s->dupcl, 0);
}

struct wire *
wire_make(struct answer *a, const struct script *s)
{
	struct wire *w = wire_silent(FINISH_KEEP, script_num(s->delay_ms, 0));
	enum framing framing = framing_of(a, s);
	size_t body_at;

	w->keep_ms = script_num(s->closeafter_ms, -1);
	w->stamped = script_num(s->stamp, 0) > 0;
	answer_piece(a, 0);
	if (s->interim < 0 && s->interim != NONE) {
		add_interim(&w->bytes, 64);
		w->steps.at[0].end = buf_len(&w->bytes);
		w->repeat = true;
		return w;
	}
	if (script_num(s->gzip, 0) && buf_len(&a->body))
		gzip_body(a);
	if (must_close(a, s, framing))
		w->finish = FINISH_FIN;
	add_interim(&w->bytes, script_num(s->interim, 0));
	if (!script_num(s->http09, 0))
		add_head(w, a, s, framing);
	body_at = buf_len(&w->bytes);
	if (s->bodydelay_ms > 0)
		step_begin(w, s->bodydelay_ms);
	if (!a->no_body)
		add_body(w, a, s, framing);
	w->steps.at[w->steps.used - 1].end = buf_len(&w->bytes);
	slice_as_told(w, body_at, s);
	return w;
}
