/* SPDX-License-Identifier: MIT */
/* fuzz_voucher.c - any bytes as a voucher's code: refused with a word of what is
 * wrong, or read, and what was read reads back the same, in small letters and
 * without dashes too. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "relayd/voucher.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
	char code[VOUCHER_CODE_LEN + 1], again[VOUCHER_CODE_LEN + 1];
	char bare[VOUCHER_CODE_LEN + 1];
	struct why why = { .text = "" };
	size_t n = 0;

	if (voucher_code_read(str_at((const char *)at, size), code, &why)) {
		must(why.text[0] != '\0');
		return 0;
	}
	must(strlen(code) == VOUCHER_CODE_LEN);
	must(!voucher_code_read(str_of(code), again, &why));
	must(!strcmp(code, again));
	for (size_t i = 0; code[i]; i++)
		if (code[i] >= 'A')
			bare[n++] = (char)(code[i] - 'A' + 'a');
		else if (code[i] != '-')
			bare[n++] = code[i];
	must(!voucher_code_read(str_at(bare, n), again, &why));
	must(!strcmp(code, again));
	return 0;
}
