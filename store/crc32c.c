/* SPDX-License-Identifier: MIT */
/* crc32c.c - the checksum of Castagnoli, by instruction or by table. */
#include "store/crc32c.h"

/* The checksum is linear: a byte's entry is the sum of its bits' entries. */
#define BIT(n, bit, entry) ((n) & (bit) ? (uint32_t)(entry) : 0)
#define ENTRY(n)                                                               \
	(BIT(n, 0x01, 0xf26b8303) ^ BIT(n, 0x02, 0xe13b70f7) ^                 \
	    BIT(n, 0x04, 0xc79a971f) ^ BIT(n, 0x08, 0x8ad958cf) ^              \
	    BIT(n, 0x10, 0x105ec76f) ^ BIT(n, 0x20, 0x20bd8ede) ^              \
	    BIT(n, 0x40, 0x417b1dbc) ^ BIT(n, 0x80, 0x82f63b78))
#define FOUR(n)	   ENTRY(n), ENTRY((n) + 1), ENTRY((n) + 2), ENTRY((n) + 3)
#define SIXTEEN(n) FOUR(n), FOUR((n) + 4), FOUR((n) + 8), FOUR((n) + 12)
#define SIXTY_FOUR(n)                                                          \
	SIXTEEN(n), SIXTEEN((n) + 16), SIXTEEN((n) + 32), SIXTEEN((n) + 48)

static const uint32_t table[256] = { SIXTY_FOUR(0), SIXTY_FOUR(64),
	SIXTY_FOUR(128), SIXTY_FOUR(192) };

uint32_t
crc32c_scalar(uint32_t before, struct str s)
{
	uint32_t crc = ~before;

	for (size_t i = 0; i < s.len; i++)
		crc = crc >> 8 ^ table[(crc ^ (uint8_t)s.at[i]) & 0xff];
	return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t
crc32c_sse42(uint32_t before, struct str s)
{
	uint64_t crc = (uint32_t)~before;
	size_t i = 0;

	for (; i + 8 <= s.len; i += 8) {
		uint64_t eight;

		memcpy(&eight, s.at + i, 8);
		crc = __builtin_ia32_crc32di(crc, eight);
	}
	for (; i < s.len; i++)
		crc = __builtin_ia32_crc32qi((uint32_t)crc, (uint8_t)s.at[i]);
	return ~(uint32_t)crc;
}
#endif

uint32_t
crc32c(uint32_t before, struct str s)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse42(before, s);
#endif
	return crc32c_scalar(before, s);
}
