/* SPDX-License-Identifier: MIT */
/* fuzz_http1.c - heads: fed whole and in steps they give the same answer, and
 * what is accepted keeps the promises of http1.h. */
#include <stdlib.h>

#include "proto/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(truth)                                                           \
	do {                                                                   \
		if (!(truth))                                                  \
			abort();                                               \
	} while (0)

enum kind {
	REQUEST,
	RESPONSE,
	RESPONSE_TO_HEAD,
};

struct answer {
	enum err e;
	unsigned status;
	size_t used;
	struct http1_head head;
};

static void
parse(enum kind kind, struct str held, size_t *io_seen, struct answer *out)
{
	struct why why;

	if (kind == REQUEST)
		out->e = http1_request(held, io_seen, &out->head, &out->used,
		    &out->status, &why);
	else
		out->e = http1_response(held, io_seen, kind == RESPONSE_TO_HEAD,
		    &out->head, &out->used, &why);
}

/* In steps, each in memory of its own that ends where the step ends.  The last
 * head points into bytes that are gone. */
static void
parse_stepwise(enum kind kind, struct str held, size_t step, struct answer *out)
{
	size_t seen = 0, len = 0;

	do {
		char *copy;

		len = held.len - len < step ? held.len : len + step;
		copy = malloc(len ? len : 1);
		CHECK(copy);
		if (len)
			memcpy(copy, held.at, len);
		parse(kind, str_at(copy, len), &seen, out);
		CHECK(seen <= len);
		free(copy);
	} while (out->e == ERR_AGAIN && len < held.len);
}

static void
check_inside(struct str part, struct str whole)
{
	CHECK(part.len == 0 ||
	    (part.at >= whole.at &&
		part.at + part.len <= whole.at + whole.len));
}

static void
check_head(enum kind kind, const struct http1_head *h, struct str whole)
{
	CHECK(h->count <= HTTP1_FIELDS_MAX && h->minor <= 1);
	for (size_t i = 0; i < h->count; i++) {
		struct str value = h->fields[i].value;

		check_inside(h->fields[i].name, whole);
		check_inside(value, whole);
		CHECK(h->fields[i].name.len > 0);
		CHECK(str_eq(str_trim(value), value));
		CHECK(str_chr(value, '\r') < 0 && str_chr(value, '\n') < 0 &&
		    str_chr(value, '\0') < 0);
	}
	if (kind == REQUEST) {
		check_inside(h->target, whole);
		check_inside(h->query, whole);
		CHECK(h->method.len && h->path.len);
		CHECK(h->path.at[0] == '/' || str_eq(h->path, STR("*")));
		CHECK(h->framing != HTTP1_UNTIL_CLOSE);
		CHECK(h->minor == 0 || h->host.len);
	} else {
		CHECK(h->status >= 100 && h->status <= 599);
		CHECK(h->framing != HTTP1_UNTIL_CLOSE || !h->keep_alive);
		CHECK(kind == RESPONSE || h->framing == HTTP1_NO_BODY);
	}
}

/* What was accepted is accepted again when we write it ourselves. */
static void
check_fields_written(const struct http1_head *h)
{
	struct http1_head again;
	size_t seen = 0, used;
	struct buf b;

	buf_init(&b, 64 * 1024);
	CHECK(!http1_put_status(&b, h->status));
	for (size_t i = 0; i < h->count; i++)
		CHECK(!http1_put_field(&b, h->fields[i].name,
		    h->fields[i].value));
	CHECK(!http1_put_end(&b));
	if (buf_len(&b) <= HTTP1_HEAD_MAX) {
		enum err e = http1_response(buf_str(&b), &seen, false, &again,
		    &used, NULL);

		/* The version is 1.1 now, and the request was no HEAD. */
		CHECK(!e && again.count == h->count && used == buf_len(&b));
		CHECK(again.length == h->length);
	}
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct answer whole, split;
	struct str text;
	enum kind kind;
	size_t seen = 0, step;

	if (size < 2)
		return 0;
	kind = (enum kind)(data[0] % 3);
	step = (size_t)data[1] + 1;
	text = str_at((const char *)data + 2, size - 2);
	whole.status = split.status = 0;
	whole.used = split.used = 0;
	parse(kind, text, &seen, &whole);
	parse_stepwise(kind, text, step, &split);
	CHECK(whole.e == split.e && whole.status == split.status);
	CHECK(whole.used == split.used);
	if (whole.e)
		return 0;
	CHECK(whole.used <= text.len);
	CHECK(whole.head.count == split.head.count);
	CHECK(whole.head.framing == split.head.framing);
	CHECK(whole.head.length == split.head.length);
	check_head(kind, &whole.head, text);
	if (kind == RESPONSE)
		check_fields_written(&whole.head);
	return 0;
}
