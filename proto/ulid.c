/* SPDX-License-Identifier: MIT */
/* ulid.c - identifiers that sort by time, to and from text. */
#include "proto/ulid.h"

/* 26 digits of five bits are 130: the first one carries only three. */
static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct ulid
ulid_make(int64_t wall_ms, const uint8_t random[10])
{
	uint64_t ms = wall_ms > 0 ? (uint64_t)wall_ms : 0;
	struct ulid u;

	for (unsigned i = 0; i < 6; i++)
		u.byte[i] = (uint8_t)(ms >> (40 - 8 * i));
	memcpy(u.byte + 6, random, 10);
	return u;
}

int64_t
ulid_ms(const struct ulid *u)
{
	int64_t ms = 0;

	for (unsigned i = 0; i < 6; i++)
		ms = ms << 8 | u->byte[i];
	return ms;
}

void
ulid_text(const struct ulid *u, char out[ULID_TEXT + 1])
{
	unsigned held = 0, bits = 2; /* the two zero bits in front */
	size_t n = 0;

	for (size_t i = 0; i < sizeof(u->byte); i++) {
		held = (held << 8 | u->byte[i]) & 0xffff;
		bits += 8;
		for (; bits >= 5; bits -= 5)
			out[n++] = digits[held >> (bits - 5) & 31];
	}
	out[n] = '\0';
}

static int
digit_of(char c)
{
	const char *p;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	p = c ? strchr(digits, c) : NULL;
	return p ? (int)(p - digits) : -1;
}

enum err
ulid_read(struct str text, struct ulid *out)
{
	struct ulid u = { { 0 } };
	unsigned held = 0, bits = 0;
	size_t n = 0;

	if (text.len != ULID_TEXT)
		return ERR_SYNTAX;
	for (size_t i = 0; i < ULID_TEXT; i++) {
		int digit = digit_of(text.at[i]);

		if (digit < 0 || (i == 0 && digit > 7))
			return ERR_SYNTAX;
		held = (held << 5 | (unsigned)digit) & 0xffff;
		bits += i == 0 ? 3 : 5;
		if (bits >= 8) {
			bits -= 8;
			u.byte[n++] = (uint8_t)(held >> bits);
		}
	}
	*out = u;
	return OK;
}
