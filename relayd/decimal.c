/* SPDX-License-Identifier: MIT */
/* decimal.c - decimal numbers as whole ones. */
#include "relayd/decimal.h"

#include <stdio.h>

/* A number taken apart: mantissa * 10^exponent. */
struct parts {
	uint64_t mantissa;
	int exponent;
};

/* As many as an uint64_t holds whatever they are; the rest is below what
 * matters, and only moves the point. */
#define MANTISSA_DIGITS 18
#define EXPONENT_MAX	999

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Eats digits; how many there were. */
static size_t
take_digits(struct str *s, struct parts *p, bool behind_point)
{
	size_t n = 0;
	const uint64_t full = UINT64_C(100000000000000000);

	for (; n < s->len && is_digit(s->at[n]); n++) {
		if (p->mantissa < full) {
			p->mantissa =
			    p->mantissa * 10 + (uint64_t)(s->at[n] - '0');
			p->exponent -= behind_point;
		} else {
			p->exponent += !behind_point;
		}
		if (p->exponent < -EXPONENT_MAX || p->exponent > EXPONENT_MAX)
			break;
	}
	*s = str_skip(*s, n);
	return n;
}

static enum err
take_exponent(struct str *s, struct parts *p)
{
	bool minus;
	uint64_t n;

	if (!s->len)
		return OK;
	if (s->at[0] != 'e' && s->at[0] != 'E')
		return ERR_SYNTAX;
	*s = str_skip(*s, 1);
	minus = s->len && s->at[0] == '-';
	if (s->len && (s->at[0] == '-' || s->at[0] == '+'))
		*s = str_skip(*s, 1);
	if (str_u64(*s, &n))
		return ERR_SYNTAX;
	if (n > EXPONENT_MAX)
		n = EXPONENT_MAX;
	p->exponent += minus ? -(int)n : (int)n;
	return OK;
}

static enum err
parts_read(struct str s, struct parts *out)
{
	struct parts p = { 0 };

	if (!take_digits(&s, &p, false))
		return ERR_SYNTAX;
	if (s.len && s.at[0] == '.') {
		s = str_skip(s, 1);
		if (!take_digits(&s, &p, true))
			return ERR_SYNTAX;
	}
	*out = p;
	if (take_exponent(&s, out))
		return ERR_SYNTAX;
	return OK;
}

enum err
decimal_read(struct str text, unsigned digits, int64_t max, int64_t *out)
{
	struct parts p;
	uint64_t half = 0, n;
	bool minus = text.len && text.at[0] == '-';
	int shift;

	if (parts_read(minus ? str_skip(text, 1) : text, &p))
		return ERR_SYNTAX;
	n = p.mantissa;
	if (minus && n)
		return ERR_VALUE;
	shift = p.exponent + (int)digits;
	for (; shift > 0 && n; shift--)
		if (__builtin_mul_overflow(n, UINT64_C(10), &n))
			return ERR_LIMIT;
	for (; shift < 0 && n; shift++) {
		/* Only the last digit that goes decides. */
		half = n % 10 >= 5;
		n /= 10;
		if (shift == -1)
			n += half;
	}
	if (n > (uint64_t)max)
		return ERR_LIMIT;
	*out = (int64_t)n;
	return OK;
}

void
decimal_write(int64_t n, unsigned digits, unsigned least,
    char out[DECIMAL_TEXT])
{
	uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n, unit = 1;
	char fraction[24] = "";
	unsigned len = digits;

	for (unsigned i = 0; i < digits; i++)
		unit *= 10;
	if (digits)
		snprintf(fraction, sizeof(fraction), "%0*llu", (int)digits,
		    (unsigned long long)(rest % unit));
	while (len > least && fraction[len - 1] == '0')
		len--;
	snprintf(out, DECIMAL_TEXT, "%s%llu%s%.*s", n < 0 ? "-" : "",
	    (unsigned long long)(rest / unit), len ? "." : "", (int)len,
	    fraction);
}
