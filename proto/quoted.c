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
static bool
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

/* What a block says as far as it belongs to the string. */
struct view {
	uint64_t close; /* quotes that end it; only the lowest counts */
	uint64_t bad;	/* control characters */
	uint64_t escaped;
	uint64_t carry; /* for the next block */
};

static inline __attribute__((always_inline)) struct view
look(const struct masks *m, uint64_t carry)
{
	struct view v = { .carry = carry };
	uint64_t inside;

	v.escaped = 0;
	if (m->backslash | carry)
		v.escaped = find_escaped(m->backslash, &v.carry);
	v.close = m->quote & ~v.escaped;
	/* The bits below the lowest one; all when there is none. */
	inside = (v.close - 1) & ~v.close;
	v.bad = m->control & inside;
	v.escaped &= inside;
	return v;
}

static inline __attribute__((always_inline)) size_t
view_len(const struct view *v)
{
	return v->close ? (size_t)__builtin_ctzll(v->close) : BLOCK;
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

/* Which bytes may stand behind a backslash and need no closer look.  Half of
 * a byte looks up the halves it may be joined with; a bit they agree on says
 * that the byte is one of  "/ \\ bfn rtu  but for the u. */
__attribute__((target("avx2"), always_inline)) static inline uint64_t
simple_avx2(const char *p)
{
	const __m256i low =
	    _mm256_setr_epi8(0, 0, 1 | 4 | 8, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0,
		4, 1, 0, 0, 1 | 4 | 8, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1);
	const __m256i high = _mm256_setr_epi8(0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0,
	    0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0);
	const __m256i nibble = _mm256_set1_epi8(15);
	uint64_t simple = 0;

	for (unsigned i = 0; i < BLOCK; i += 32) {
		__m256i v = _mm256_loadu_si256((const __m256i_u *)(p + i));
		__m256i top = _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble);
		__m256i both =
		    _mm256_and_si256(_mm256_shuffle_epi8(low,
					 _mm256_and_si256(v, nibble)),
			_mm256_shuffle_epi8(high, top));
		__m256i none = _mm256_cmpeq_epi8(both, _mm256_setzero_si256());

		simple |= (uint64_t) ~(unsigned)_mm256_movemask_epi8(none) << i;
	}
	return simple;
}

/* Through all clean blocks; the rest is for the plain way.  True at the
 * closing quote.  Twice nearly the same, because a function that is compiled
 * for AVX2 can only be inlined into another one. */
static bool
skip_blocks_sse2(const char **p, const char *end, unsigned *step)
{
	uint64_t carry = *step == QUOTED_ESCAPE;
	const char *at = *p;
	bool closed = false;

	while (!closed && end - at >= BLOCK) {
		struct masks m = masks_sse2(at);
		struct view v = look(&m, carry);

		if (v.bad || (v.escaped && !are_escapes(at, end, v.escaped)))
			break;
		at += view_len(&v);
		closed = v.close != 0;
		carry = v.carry;
	}
	*p = at;
	*step = carry && !closed ? QUOTED_ESCAPE : QUOTED_PLAIN;
	return closed;
}

__attribute__((target("avx2,bmi"))) static bool
skip_blocks_avx2(const char **p, const char *end, unsigned *step)
{
	uint64_t carry = *step == QUOTED_ESCAPE;
	const char *at = *p;
	bool closed = false;

	while (!closed && end - at >= BLOCK) {
		struct masks m = masks_avx2(at);
		struct view v = look(&m, carry);

		if (v.escaped)
			v.escaped &= ~simple_avx2(at);
		if (v.bad || (v.escaped && !are_escapes(at, end, v.escaped)))
			break;
		at += view_len(&v);
		closed = v.close != 0;
		carry = v.carry;
	}
	*p = at;
	*step = carry && !closed ? QUOTED_ESCAPE : QUOTED_PLAIN;
	return closed;
}

#endif

enum {
	WAY_PLAIN,
	WAY_SSE2,
	WAY_AVX2
};

#if HAS_BLOCKS

/* Most strings are short: a look at 16 bytes before anything is set up for
 * blocks, and again while less than a block is left.  True at the closing
 * quote; else p stands behind plain bytes. */
static inline bool
skip_short(const char **p, const char *end)
{
	while (end - *p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i_u *)*p);
		unsigned special = (unsigned)_mm_movemask_epi8(_mm_or_si128(
		    _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
			_mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))),
		    _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v)));

		if (special) {
			*p += __builtin_ctz(special);
			return **p == '"';
		}
		*p += 16;
		if (end - *p >= BLOCK)
			break;
	}
	return false;
}

#endif

static inline enum quoted
skip_by(unsigned way, const char **p, const char *end, unsigned *step)
{
#if HAS_BLOCKS
	enum quoted verdict;

	if (way == WAY_PLAIN)
		return skip_plain(p, end, step);
	if (*step == QUOTED_PLAIN && skip_short(p, end))
		return QUOTED_CLOSED;
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
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")
	    ? WAY_AVX2
	    : WAY_SSE2;
#else
	return WAY_PLAIN;
#endif
}

enum quoted
quoted_skip(struct str bytes, unsigned *step, size_t *out_used)
{
	const char *p = bytes.at, *end = bytes.at + bytes.len;
	enum quoted verdict;

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
