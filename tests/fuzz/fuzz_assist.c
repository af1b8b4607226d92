/* SPDX-License-Identifier: MIT */
/* fuzz_assist.c - answers taken out of their envelope are the same whole and
 * in steps; a refusal never names a wait that is none; and a request that is
 * taken has nobody else's project in it. */
#include <stdlib.h>

#include "proto/cursor.h"
#include "proto/span.h"

#include "relayd/assist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(truth)                                                           \
	do {                                                                   \
		if (!(truth))                                                  \
			abort();                                               \
	} while (0)

/* In pieces of their own memory, so that nothing is read behind them. */
static enum err
unwrap(const struct reshape_ops *ops, const char *model, struct str bytes,
    size_t step, struct buf *out)
{
	struct reshape *s = reshape_new(ops);
	struct why why;
	enum err e = OK;

	s->model = str_of(model);
	while (bytes.len && !e) {
		size_t n = bytes.len < step ? bytes.len : step;
		char *copy = malloc(n);

		CHECK(copy);
		memcpy(copy, bytes.at, n);
		e = ops->feed(s, str_at(copy, n), out, &why);
		free(copy);
		bytes = str_skip(bytes, n);
	}
	if (!e && ops->end)
		e = ops->end(s, out, &why);
	reshape_free(s);
	return e;
}

static void
check_answer(const struct reshape_ops *ops, const char *model, struct str bytes,
    size_t step)
{
	struct buf whole, split;

	buf_init(&whole, bytes.len * 64 + 4096);
	buf_init(&split, bytes.len * 64 + 4096);
	CHECK(unwrap(ops, model, bytes, bytes.len + 1, &whole) ==
	    unwrap(ops, model, bytes, step, &split));
	CHECK(str_eq(buf_str(&whole), buf_str(&split)));
	buf_fini(&whole);
	buf_fini(&split);
}

static void
check_request(struct str body)
{
	static const struct span_want wants[] = { { "project" } };
	struct scan scan;
	struct why why;
	struct buf out;
	struct str made;

	buf_init(&out, body.len + 4096);
	if (assist_body(STR("pmine\nproject\nup"), body, &out, &why) == OK) {
		made = buf_str(&out);
		scan_init(&scan, wants, 1);
		CHECK(!scan_feed(&scan, made, NULL) && !scan_end(&scan, NULL));
		CHECK(str_eq(str_at(made.at + scan.found[0].from,
				 scan.found[0].to - scan.found[0].from),
		    STR("\"mine\"")));
	}
	buf_clear(&out);
	(void)!assist_body(STR("c{"), body, &out, &why);
	buf_clear(&out);
	(void)!assist_body(STR("a{\"model\":\"m\","), body, &out, &why);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t now = 1767225600000;
	struct str bytes;
	size_t step;
	int64_t ms;

	if (size < 1)
		return 0;
	step = (size_t)data[0] % 64 + 1;
	bytes = str_at((const char *)data + 1, size - 1);
	check_answer(&assist_events, "", bytes, step);
	check_answer(&assist_events, "mine", bytes, step);
	check_answer(&assist_whole, "", bytes, step);
	check_answer(&assist_whole, "mine", bytes, step);
	check_request(bytes);
	ms = assist_retry_ms(bytes, now);
	CHECK(ms >= 0 && ms <= 31LL * 86400000);
	return 0;
}
