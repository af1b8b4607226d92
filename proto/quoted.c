/* SPDX-License-Identifier: MIT */
/* quoted.c - run through the inside of a JSON string, fast.
 *
 * Two ways in one: blocks of 64 bytes are turned into bit masks (backslashes,
 * quotes, control characters), from which a few operations on whole words
 * tell whether the block is clean and where the string ends.  Whatever is not
 * clean, does not fill a block, or starts within an escape is left to the
 * plain way, one byte at a time: it alone pronounces a string bad, so that
 * all machines agree on the byte. */
#include "proto/quoted.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAS_BLOCKS 1
#else
#define HAS_BLOCKS 0
#endif

#define BLOCK 64

/* What a byte is behind a backslash. */
enum {
	NO_ESCAPE,
	SIMPLE,
	UNICODE
};

static const unsigned char escapes[256] = {
	['"'] = SIMPLE,
	['\\'] = SIMPLE,
	['/'] = SIMPLE,
	['b'] = SIMPLE,
	['f'] = SIMPLE,
	['n'] = SIMPLE,
	['r'] = SIMPLE,
	['t'] = SIMPLE,
	['u'] = UNICODE,
};

static bool
is_hex(unsigned char c)
{
	unsigned char lower = c | 0x20;

	return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f');
}

/* Can the plain run of a string not go on over this byte? */
static bool
is_special(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/* From p to the next byte that decides, at most to stop. */
static enum quoted
skip_plain(const char **p, const char *stop, unsigned *step)
{
	const char *at = *p;
	enum quoted verdict = QUOTED_OPEN;

	for (; at < stop; at++) {
		unsigned char c = (unsigned char)*at;

		if (*step == QUOTED_PLAIN) {
			if (!is_special(c))
				continue;
			if (c != '\\') {
				verdict = c == '"' ? QUOTED_CLOSED : QUOTED_BAD;
				break;
			}
			*step = QUOTED_ESCAPE;
		} else if (*step == QUOTED_ESCAPE) {
			if (escapes[c] == NO_ESCAPE) {
				verdict = QUOTED_BAD;
				break;
			}
			*step =
			    escapes[c] == SIMPLE ? QUOTED_PLAIN : QUOTED_HEX;
		} else {
			if (!is_hex(c)) {
				verdict = QUOTED_BAD;
				break;
			}
			*step =
			    *step == QUOTED_HEX + 3 ? QUOTED_PLAIN : *step + 1;
		}
	}
	*p = at;
	return verdict;
}

#if HAS_BLOCKS

/* One bit for each byte of a block, the lowest for the first. */
struct masks {
	uint64_t backslash, quote, control;
};

/* Which bytes stand behind a backslash that is not itself escaped.  *carry:
 * the first byte does, and later whether the first of the next block does.
 * A run of backslashes escapes every second of its bytes; subtraction lets a
 * carry run through each run at once (the way of simdjson). */
static inline uint64_t
find_escaped(uint64_t backslash, uint64_t *carry)
{
	const uint64_t odd = UINT64_C(0xaaaaaaaaaaaaaaaa);
	uint64_t begins, codes, escaped;

	begins = backslash & ~*carry;
	codes = (((begins << 1) | odd) - begins) ^ odd;
	escaped = codes ^ (backslash | *carry);
	*carry = (codes & backslash) >> 63;
	return escaped;
}

static bool
is_hex4(const char *p)
{
	return is_hex((unsigned char)p[0]) && is_hex((unsigned char)p[1]) &&
	    is_hex((unsigned char)p[2]) && is_hex((unsigned char)p[3]);
}

/* Are these bytes of the block allowed behind a backslash?  The digits of a
 * \u may stand in the next block, but before end. */
static inline bool
are_escapes(const char *block, const char *end, uint64_t escaped)
{
	while (escaped) {
		const char *c = block + __builtin_ctzll(escaped);
		unsigned kind = escapes[(unsigned char)*c];

		if (kind != SIMPLE &&
		    (kind != UNICODE || end - c < 5 || !is_hex4(c + 1)))
			return false;
		escaped &= escaped - 1;
	}
	return true;
}

/* The bits below the lowest one of x; all when there is none. */
static inline uint64_t
below_lowest(uint64_t x)
{
	return (x - 1) & ~x;
}

/* Look at a block that begins with *carry.  True: it is clean up to *out_used
 * bytes, and *out_closed tells whether a quote stands there. */
static inline bool
judge_block(const char *block, const char *end, const struct masks *m,
    uint64_t *carry, size_t *out_used, bool *out_closed)
{
	uint64_t escaped = 0, next = *carry, close, before;

	if (m->backslash | next)
		escaped = find_escaped(m->backslash, &next);
	close = m->quote & ~escaped;
	before = below_lowest(close);
	if (m->control & before)
		return false;
	if (escaped && !are_escapes(block, end, escaped & before))
		return false;
	*out_closed = close != 0;
	*out_used = close ? (size_t)__builtin_ctzll(close) : BLOCK;
	*carry = next;
	return true;
}

static inline __attribute__((always_inline)) struct masks
masks_sse2(const char *p)
{
	const __m128i backslash = _mm_set1_epi8('\\');
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i control = _mm_set1_epi8(0x1f);
	struct masks m = { 0, 0, 0 };

	for (unsigned i = 0; i < BLOCK; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i_u *)(p + i));

		m.backslash |=
		    (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v,
			backslash))
		    << i;
		m.quote |=
		    (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v,
			quote))
		    << i;
		m.control |=
		    (uint64_t)(unsigned)
			_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v,
							     control),
			    v))
		    << i;
	}
	return m;
}

__attribute__((target("avx2"), always_inline)) static inline struct masks
masks_avx2(const char *p)
{
	const __m256i backslash = _mm256_set1_epi8('\\');
	const __m256i quote = _mm256_set1_epi8('"');
	const __m256i control = _mm256_set1_epi8(0x1f);
	struct masks m = { 0, 0, 0 };

	for (unsigned i = 0; i < BLOCK; i += 32) {
		__m256i v = _mm256_loadu_si256((const __m256i_u *)(p + i));

		m.backslash |=
		    (uint64_t)(unsigned)
			_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, backslash))
		    << i;
		m.quote |= (uint64_t)(unsigned)
			       _mm256_movemask_epi8(_mm256_cmpeq_epi8(v, quote))
		    << i;
		m.control |=
		    (uint64_t)(unsigned)_mm256_movemask_epi8(
			_mm256_cmpeq_epi8(_mm256_min_epu8(v, control), v))
		    << i;
	}
	return m;
}

/* Through all clean blocks; the rest is for the plain way.  True at the
 * closing quote.  Twice the same, because a function that is compiled for
 * AVX2 can only be inlined into another one. */
static bool
skip_blocks_sse2(const char **p, const char *end, unsigned *step)
{
	uint64_t carry = *step == QUOTED_ESCAPE;
	bool closed = false;
	size_t used;

	while (!closed && end - *p >= BLOCK) {
		struct masks m = masks_sse2(*p);

		if (!judge_block(*p, end, &m, &carry, &used, &closed))
			break;
		*p += used;
	}
	*step = carry && !closed ? QUOTED_ESCAPE : QUOTED_PLAIN;
	return closed;
}

__attribute__((target("avx2"))) static bool
skip_blocks_avx2(const char **p, const char *end, unsigned *step)
{
	uint64_t carry = *step == QUOTED_ESCAPE;
	bool closed = false;
	size_t used;

	while (!closed && end - *p >= BLOCK) {
		struct masks m = masks_avx2(*p);

		if (!judge_block(*p, end, &m, &carry, &used, &closed))
			break;
		*p += used;
	}
	*step = carry && !closed ? QUOTED_ESCAPE : QUOTED_PLAIN;
	return closed;
}

#endif

enum {
	WAY_PLAIN,
	WAY_SSE2,
	WAY_AVX2
};

static inline enum quoted
skip_by(unsigned way, const char **p, const char *end, unsigned *step)
{
#if HAS_BLOCKS
	enum quoted verdict;

	if (way == WAY_PLAIN)
		return skip_plain(p, end, step);
	if (*step >= QUOTED_HEX) {
		const char *stop = *p + (QUOTED_HEX + 4 - *step);

		verdict = skip_plain(p, stop < end ? stop : end, step);
		if (verdict || *p == end)
			return verdict;
	}
	if (way == WAY_AVX2 ? skip_blocks_avx2(p, end, step)
			    : skip_blocks_sse2(p, end, step))
		return QUOTED_CLOSED;
	/* What is left is a tail, or a block that is bad somewhere. */
	return skip_plain(p, end, step);
#else
	(void)way;
	return skip_plain(p, end, step);
#endif
}

static unsigned
best_way(void)
{
#if HAS_BLOCKS
	return __builtin_cpu_supports("avx2") ? WAY_AVX2 : WAY_SSE2;
#else
	return WAY_PLAIN;
#endif
}

enum quoted
quoted_skip(struct str bytes, unsigned *step, size_t *out_used)
{
	const char *p = bytes.at, *end = bytes.at + bytes.len;
	enum quoted verdict;

	if (bytes.len < BLOCK)
		verdict = skip_plain(&p, end, step);
	else
		verdict = skip_by(best_way(), &p, end, step);
	*out_used = (size_t)(p - bytes.at);
	return verdict;
}

bool
quoted_skip_by(unsigned way, struct str bytes, unsigned *step, size_t *out_used,
    enum quoted *out_verdict)
{
	const char *p = bytes.at;

	if (way > best_way())
		return false;
	*out_verdict = skip_by(way, &p, bytes.at + bytes.len, step);
	*out_used = (size_t)(p - bytes.at);
	return true;
}
