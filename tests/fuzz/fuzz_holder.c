/* SPDX-License-Identifier: MIT */
/* fuzz_holder.c - any bytes as the body of a question about a key: refused in
 * one line, or read; and whatever is said in it, the answer is about the key
 * that was found and is one JSON document. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "relayd/holder.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size);

static const struct apikey_rec key = {
	.id = { "kfuzzfuzz", 9 },
	.name = { "fuzz", 4 },
};

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
check_answer(const struct holder_view *v, holder_write *write)
{
	struct json *root;
	struct buf out;
	struct why why;

	buf_init(&out, 1 << 20);
	write(v, &out);
	must(json_parse(buf_str(&out), 1 << 20, &root, &why) == OK);
	must(str_find(buf_str(&out), key.id) >= 0 ||
	    write == holder_write_batch);
	json_free(root);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
	static const struct figures figures = { .dates = { "2025-11-20" } };
	struct holder_ask ask;
	struct holder_view v = { .key = &key,
		.state = "active",
		.now_ms = 1763640000000,
		.zone = STR("UTC"),
		.figures = &figures,
		.ask = &ask };
	struct why why = { .text = "" };

	if (holder_ask_read(str_at((const char *)at, size), &ask, &why)) {
		must(why.text[0] != '\0');
		return 0;
	}
	must(!ask.ids || json_count(ask.ids) <= HOLDER_IDS_MAX);
	check_answer(&v, holder_write_stats);
	check_answer(&v, holder_write_batch);
	check_answer(&v, holder_write_id);
	holder_ask_fini(&ask);
	must(!ask.root && !ask.ids);
	return 0;
}
