/* SPDX-License-Identifier: MIT */
/* fuzz_inert.c - whatever comes, what is copied is UTF-8 that does nothing,
 * and copying it again changes nothing. */
#include <stdlib.h>

#include "proto/json.h"

#include "relayd/inert.h"

#define OUT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_at((const char *)data, size);
	char out[OUT_MAX], again[OUT_MAX], cut[OUT_MAX];
	size_t n = inert_copy(out, sizeof(out), in), room;

	must(n < sizeof(out) && strlen(out) == n);
	must(json_is_utf8(str_at(out, n)));
	for (size_t i = 0; i < n; i++)
		must((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
	must(inert_copy(again, sizeof(again), str_at(out, n)) == n);
	must(!memcmp(out, again, n));
	/* With less room it is the beginning of the same. */
	room = size ? data[0] + 1u : 1;
	n = inert_copy(cut, room, in);
	must(n < room && !strncmp(cut, out, n));
	must(json_is_utf8(str_at(cut, n)));
	return 0;
}
