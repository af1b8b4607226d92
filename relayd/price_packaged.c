/* SPDX-License-Identifier: MIT */
/* price_packaged.c - contrib/prices.json as a part of the program: the daemon
 * needs no file for it, and a sandbox none to be let out for. */
#include "relayd/price_table.h"

__asm__(".section .rodata\n"
	".global relayd_prices_begin, relayd_prices_end\n"
	".hidden relayd_prices_begin, relayd_prices_end\n"
	"relayd_prices_begin:\n"
	".incbin \"contrib/prices.json\"\n"
	"relayd_prices_end:\n"
	".byte 0\n"
	".previous\n");

extern const char relayd_prices_begin[] __attribute__((visibility("hidden")));
extern const char relayd_prices_end[] __attribute__((visibility("hidden")));

struct str
price_packaged(void)
{
	/* Two objects to the compiler, so that they are told apart as
	 * numbers. */
	return str_at(relayd_prices_begin,
	    (size_t)((uintptr_t)relayd_prices_end -
		(uintptr_t)relayd_prices_begin));
}
