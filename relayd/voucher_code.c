/* SPDX-License-Identifier: MIT */
/* voucher_code.c - codes of vouchers: made, read as people type them, hashed.
 *
 * Digits and letters without those that look alike (0 O, 1 I L) are 31, a
 * prime: the sum of their numbers, each times its place from 1 to 16, is
 * a multiple of it.  So every single wrong character, and every two that
 * changed places, is noticed. */
#include <string.h>

#include <sodium.h>

#include "relayd/voucher.h"

#define PRIME  31
#define DIGITS 16
#define GROUP  4
/* Fifteen are random: 74 bits. */
#define SAID_MAX 64

static const char alphabet[] = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";

_Static_assert(sizeof(alphabet) - 1 == PRIME, "as many as the sum counts by");

static unsigned
sum_of(const uint8_t digit[DIGITS], unsigned count)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += (i + 1) * digit[i];
	return sum % PRIME;
}

static void
write_code(const uint8_t digit[DIGITS], char out[VOUCHER_CODE_LEN + 1])
{
	unsigned n = 0;

	for (unsigned i = 0; i < DIGITS; i++) {
		if (i && i % GROUP == 0)
			out[n++] = '-';
		out[n++] = alphabet[digit[i]];
	}
	out[n] = '\0';
}

void
voucher_make_code(char out[VOUCHER_CODE_LEN + 1])
{
	uint8_t digit[DIGITS];
	unsigned last = 0;

	for (unsigned i = 0; i < DIGITS - 1; i++)
		digit[i] = (uint8_t)randombytes_uniform(PRIME);
	while ((sum_of(digit, DIGITS - 1) + DIGITS * last) % PRIME)
		last++;
	digit[DIGITS - 1] = (uint8_t)last;
	write_code(digit, out);
	sodium_memzero(digit, sizeof(digit));
}

/* Its number, or PRIME. */
static unsigned
digit_of(char c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	at = c ? strchr(alphabet, c) : NULL;
	return at ? (unsigned)(at - alphabet) : PRIME;
}

static enum err
refuse(struct why *out_why, const char *text)
{
	return why_set(out_why, ERR_SYNTAX, "code", "%s", text);
}

enum err
voucher_code_read(struct str said, char out[VOUCHER_CODE_LEN + 1],
    struct why *out_why)
{
	uint8_t digit[DIGITS];
	unsigned n = 0;

	if (said.len > SAID_MAX)
		return refuse(out_why, "this is too long for a code");
	for (size_t i = 0; i < said.len; i++) {
		unsigned d = digit_of(said.at[i]);

		if (said.at[i] && strchr(" \t-_", said.at[i]))
			continue;
		if (d == PRIME)
			return refuse(out_why,
			    "a code has no such character: it is made of the "
			    "digits from 2 and of letters without I, L and O");
		if (n == DIGITS)
			return refuse(out_why, "a code has 16 characters");
		digit[n++] = (uint8_t)d;
	}
	if (n < DIGITS)
		return refuse(out_why, "a code has 16 characters");
	if (sum_of(digit, DIGITS))
		return refuse(out_why,
		    "a character of it is wrong, or two have changed places");
	write_code(digit, out);
	return OK;
}

/* Never what a key's value would be hashed to. */
void
voucher_code_hash(const struct key_index *index, const char *code,
    uint8_t out[SEAL_INDEX_BYTES])
{
	char text[sizeof("voucher:") + VOUCHER_CODE_LEN] = "voucher:";

	memcpy(text + 8, code, VOUCHER_CODE_LEN);
	key_index_of(index, str_at(text, 8 + VOUCHER_CODE_LEN), out);
	sodium_memzero(text, sizeof(text));
}
