/* SPDX-License-Identifier: MIT */
/* fuzz_proxyproto.c - PROXY headers: a part of the input says the same as all
 * of it, or that there is more to come. */
#include <stdlib.h>

#include "proto/proxyproto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(truth)                                                           \
	do {                                                                   \
		if (!(truth))                                                  \
			abort();                                               \
	} while (0)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_at((const char *)data, size);
	struct proxyproto whole = { .port = 0 }, part;
	size_t used = 0, used_part = 0;
	enum err all = proxyproto_read(in, &whole, &used);
	char text[ADDR_TEXT];
	struct addr again;

	CHECK(all == OK || all == ERR_AGAIN || all == ERR_SYNTAX ||
	    all == ERR_LIMIT);
	CHECK(all != ERR_AGAIN || size < PROXYPROTO_MAX);
	for (size_t cut = 0; cut < size && cut < PROXYPROTO_MAX; cut++) {
		enum err e =
		    proxyproto_read(str_first(in, cut), &part, &used_part);

		if (all == OK && cut >= used)
			CHECK(e == OK && used_part == used &&
			    part.port == whole.port &&
			    !memcmp(part.from.at, whole.from.at, ADDR_BYTES));
		else
			CHECK(e == ERR_AGAIN || (e != OK && e == all));
	}
	if (all != OK)
		return 0;
	CHECK(used > 0 && used <= size && used <= PROXYPROTO_MAX);
	CHECK(whole.relays == whole.from.known);
	if (!whole.relays)
		return 0;
	addr_text(&whole.from, text);
	CHECK(!addr_read(str_of(text), &again));
	CHECK(!memcmp(again.at, whole.from.at, ADDR_BYTES));
	return 0;
}
