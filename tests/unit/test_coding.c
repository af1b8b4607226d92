/* SPDX-License-Identifier: MIT */
/* test_coding.c - content codings undone within bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "proto/coding.h"

#define MAX ((size_t)1024 * 1024)

static const char text[] =
    "{\"model\":\"gpt-5.5\",\"input\":[{\"role\":\"user\",\"content\":\"the "
    "quick brown fox, the quick brown fox, the lazy dog\"}]}";

/* Append what zlib makes of s; window 31 gzip, 15 zlib, -15 raw. */
static void
pack_zlib(struct buf *out, struct str s, int window)
{
	z_stream z = { 0 };
	char *at;
	size_t room;

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 9,
			     Z_DEFAULT_STRATEGY),
	    Z_OK);
	assert_int_equal(buf_room(out, deflateBound(&z, s.len) + 64, &at,
			     &room),
	    OK);
	z.next_in = (z_const Bytef *)(uintptr_t)s.at;
	z.avail_in = (uInt)s.len;
	z.next_out = (Bytef *)at;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_grew(out, room - z.avail_out);
	deflateEnd(&z);
}

static void
pack_zstd(struct buf *out, struct str s)
{
	char *at;
	size_t room, n;

	assert_int_equal(buf_room(out, ZSTD_compressBound(s.len), &at, &room),
	    OK);
	n = ZSTD_compress(at, room, s.at, s.len, 3);
	assert_false(ZSTD_isError(n));
	buf_grew(out, n);
}

static void
pack(struct buf *out, struct str s, enum coding coding, int window)
{
	if (coding == CODING_ZSTD)
		pack_zstd(out, s);
	else
		pack_zlib(out, s, window);
}

static const struct {
	enum coding coding;
	int window;
} packers[] = {
	{ CODING_GZIP, 31 },
	{ CODING_DEFLATE, 15 },
	{ CODING_DEFLATE, -15 },
	{ CODING_ZSTD, 0 },
};

#define PACKERS (sizeof(packers) / sizeof(packers[0]))

/* Decode in two pieces, then end. */
static enum err
unpack(enum coding coding, size_t max, struct str in, size_t cut,
    struct buf *out)
{
	struct decoder *d = decoder_new(coding, max);
	enum err e;

	buf_clear(out);
	e = decoder_feed(d, str_first(in, cut), out);
	if (!e)
		e = decoder_feed(d, str_skip(in, cut), out);
	if (!e)
		e = decoder_end(d);
	else
		assert_int_equal(decoder_end(d), e);
	decoder_free(d);
	return e;
}

static void
codings_are_known_by_name(void **state)
{
	static const struct {
		const char *value;
		enum coding coding;
	} cases[] = {
		{ "", CODING_IDENTITY },
		{ " identity ", CODING_IDENTITY },
		{ "gzip", CODING_GZIP },
		{ "X-GZip", CODING_GZIP },
		{ "deflate", CODING_DEFLATE },
		{ "zstd", CODING_ZSTD },
		{ "br", CODING_OTHER },
		{ "gzip, zstd", CODING_OTHER },
		{ "gzip,gzip", CODING_OTHER },
		{ "gzipp", CODING_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(coding_of(str_of(cases[i].value)),
		    cases[i].coding);
	assert_int_equal(coding_of(str_at(NULL, 0)), CODING_IDENTITY);
	assert_null(decoder_new(CODING_IDENTITY, 1));
	assert_null(decoder_new(CODING_OTHER, 1));
	decoder_free(NULL);
}

static void
every_cut_gives_the_same_text(void **state)
{
	struct buf in, out;

	(void)state;
	buf_init(&in, MAX);
	buf_init(&out, MAX);
	for (size_t p = 0; p < PACKERS; p++) {
		buf_clear(&in);
		pack(&in, str_of(text), packers[p].coding, packers[p].window);
		for (size_t cut = 0; cut <= buf_len(&in); cut++) {
			assert_int_equal(unpack(packers[p].coding, MAX,
					     buf_str(&in), cut, &out),
			    OK);
			assert_string_equal(buf_cstr(&out), text);
		}
	}
	buf_fini(&in);
	buf_fini(&out);
}

static void
members_and_frames_may_follow_each_other(void **state)
{
	struct buf in, out;

	(void)state;
	buf_init(&in, MAX);
	buf_init(&out, MAX);
	for (size_t p = 0; p < PACKERS; p++) {
		bool may = packers[p].coding != CODING_DEFLATE;

		buf_clear(&in);
		pack(&in, STR("one"), packers[p].coding, packers[p].window);
		pack(&in, STR(""), packers[p].coding, packers[p].window);
		pack(&in, STR("two"), packers[p].coding, packers[p].window);
		for (size_t cut = 0; cut <= buf_len(&in); cut++) {
			assert_int_equal(unpack(packers[p].coding, MAX,
					     buf_str(&in), cut, &out),
			    may ? OK : ERR_SYNTAX);
			if (may)
				assert_string_equal(buf_cstr(&out), "onetwo");
		}
	}
	buf_fini(&in);
	buf_fini(&out);
}

static void
a_text_that_was_cut_is_noticed(void **state)
{
	struct buf in, out;

	(void)state;
	buf_init(&in, MAX);
	buf_init(&out, MAX);
	for (size_t p = 0; p < PACKERS; p++) {
		buf_clear(&in);
		pack(&in, str_of(text), packers[p].coding, packers[p].window);
		for (size_t n = 0; n < buf_len(&in); n++)
			assert_int_equal(unpack(packers[p].coding, MAX,
					     str_first(buf_str(&in), n), n / 2,
					     &out),
			    ERR_SYNTAX);
	}
	buf_fini(&in);
	buf_fini(&out);
}

static void
something_behind_the_end_is_refused(void **state)
{
	struct buf in, out;

	(void)state;
	buf_init(&in, MAX);
	buf_init(&out, MAX);
	for (size_t p = 0; p < PACKERS; p++) {
		buf_clear(&in);
		pack(&in, str_of(text), packers[p].coding, packers[p].window);
		buf_must(&in, STR("junk"));
		for (size_t cut = 0; cut <= buf_len(&in); cut++)
			assert_int_equal(unpack(packers[p].coding, MAX,
					     buf_str(&in), cut, &out),
			    ERR_SYNTAX);
	}
	buf_fini(&in);
	buf_fini(&out);
}

static void
flip(struct buf *b, size_t at, unsigned bit)
{
	unsigned char byte = (unsigned char)b->mem[b->start + at];

	byte ^= (unsigned char)(1u << bit);
	b->mem[b->start + at] = (char)byte;
}

static void
damage_is_noticed(void **state)
{
	struct buf in, out;
	size_t refused = 0;

	(void)state;
	buf_init(&in, MAX);
	buf_init(&out, MAX);
	/* gzip carries a checksum: no flipped bit gives another text.  (The
	 * last block's padding may flip.) */
	pack_zlib(&in, str_of(text), 31);
	for (size_t i = 10; i < buf_len(&in); i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			flip(&in, i, bit);
			if (unpack(CODING_GZIP, MAX, buf_str(&in), 5, &out))
				refused++;
			else
				assert_string_equal(buf_cstr(&out), text);
			flip(&in, i, bit);
		}
	}
	assert_true(refused > 8 * (buf_len(&in) - 10) - 8);
	assert_int_equal(unpack(CODING_ZSTD, MAX, str_of(text), 3, &out),
	    ERR_SYNTAX);
	assert_int_equal(unpack(CODING_GZIP, MAX, str_of(text), 3, &out),
	    ERR_SYNTAX);
	buf_fini(&in);
	buf_fini(&out);
}

/* A body of n bytes that do not compress. */
static void
fill_noise(struct buf *b, size_t n)
{
	uint32_t seed = 7;

	while (n--) {
		seed = seed * 1664525 + 1013904223;
		buf_must(b, str_at((char[]){ (char)(seed >> 24) }, 1));
	}
}

static void
the_ceiling_of_bytes_holds_to_the_byte(void **state)
{
	struct buf in, out, noise;

	(void)state;
	buf_init(&in, MAX);
	buf_init(&out, MAX);
	buf_init(&noise, MAX);
	fill_noise(&noise, 100000);
	for (size_t p = 0; p < PACKERS; p++) {
		enum coding coding = packers[p].coding;

		buf_clear(&in);
		pack(&in, buf_str(&noise), coding, packers[p].window);
		assert_int_equal(unpack(coding, 100000, buf_str(&in), 50000,
				     &out),
		    OK);
		assert_int_equal(str_cmp(buf_str(&out), buf_str(&noise)), 0);
		assert_int_equal(unpack(coding, 99999, buf_str(&in), 50000,
				     &out),
		    ERR_LIMIT);
		/* The ceiling of the buffer counts as well. */
		buf_fini(&out);
		buf_init(&out, 99999);
		assert_int_equal(unpack(coding, MAX, buf_str(&in), 9, &out),
		    ERR_LIMIT);
		assert_true(buf_len(&out) <= 99999);
		buf_fini(&out);
		buf_init(&out, MAX);
	}
	buf_fini(&in);
	buf_fini(&out);
	buf_fini(&noise);
}

static void
a_bomb_is_stopped_by_its_ratio(void **state)
{
	struct buf in, out;
	char *zeros = calloc(1, 20 * MAX);

	(void)state;
	assert_non_null(zeros);
	buf_init(&in, 64 * MAX);
	buf_init(&out, 64 * MAX);
	for (size_t p = 0; p < PACKERS; p++) {
		buf_clear(&in);
		pack(&in, str_at(zeros, 20 * MAX), packers[p].coding,
		    packers[p].window);
		assert_int_equal(unpack(packers[p].coding, 64 * MAX,
				     buf_str(&in), 0, &out),
		    ERR_LIMIT);
		assert_true(buf_len(&out) <=
		    buf_len(&in) * 101 + 2 * 64 * 1024);
		/* A small one is let through, however well it packs. */
		buf_clear(&in);
		pack(&in, str_at(zeros, 64 * 1024), packers[p].coding,
		    packers[p].window);
		assert_int_equal(unpack(packers[p].coding, 64 * MAX,
				     buf_str(&in), 0, &out),
		    OK);
		assert_int_equal(buf_len(&out), 64 * 1024);
	}
	free(zeros);
	buf_fini(&in);
	buf_fini(&out);
}

/* A frame of noise whose window is 2^log bytes. */
static void
pack_window(struct buf *in, int log)
{
	struct buf noise;
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_inBuffer from;
	ZSTD_outBuffer to;
	size_t room;
	char *at;

	buf_init(&noise, MAX);
	fill_noise(&noise, 1000);
	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, log);
	assert_int_equal(buf_room(in, 4096, &at, &room), OK);
	from = (ZSTD_inBuffer){ .src = noise.mem, .size = 1000 };
	to = (ZSTD_outBuffer){ .dst = at, .size = room };
	/* In two steps, or the frame would be as small as the text. */
	ZSTD_compressStream2(c, &to, &from, ZSTD_e_flush);
	assert_int_equal(ZSTD_compressStream2(c, &to, &from, ZSTD_e_end), 0);
	buf_grew(in, to.pos);
	ZSTD_freeCCtx(c);
	buf_fini(&noise);
}

static void
a_window_over_eight_mebibytes_is_refused(void **state)
{
	struct buf in, out;

	(void)state;
	buf_init(&in, MAX);
	buf_init(&out, MAX);
	pack_window(&in, 23);
	assert_int_equal(unpack(CODING_ZSTD, MAX, buf_str(&in), 7, &out), OK);
	assert_int_equal(buf_len(&out), 1000);
	buf_clear(&in);
	pack_window(&in, 24);
	assert_int_equal(unpack(CODING_ZSTD, MAX, buf_str(&in), 7, &out),
	    ERR_LIMIT);
	buf_fini(&in);
	buf_fini(&out);
}

static void
only_the_zstd_of_today_is_taken(void **state)
{
	/* The magic number of 0.6, which the library would take. */
	const char old[] = "\x26\xb5\x2f\xfd\xd3\xd3\xd3\xd3";
	/* A frame to be skipped, before one that is not. */
	const char skip[] = "\x5f\x2a\x4d\x18\x03\0\0\0abc";
	struct buf in, out;

	(void)state;
	buf_init(&in, MAX);
	buf_init(&out, MAX);
	for (size_t cut = 0; cut < sizeof(old); cut++)
		assert_int_equal(unpack(CODING_ZSTD, MAX,
				     str_at(old, sizeof(old) - 1), cut, &out),
		    ERR_SYNTAX);
	buf_must(&in, str_at(skip, sizeof(skip) - 1));
	pack_zstd(&in, str_of(text));
	buf_must(&in, str_at(skip, sizeof(skip) - 1));
	for (size_t cut = 0; cut <= buf_len(&in); cut++) {
		assert_int_equal(unpack(CODING_ZSTD, MAX, buf_str(&in), cut,
				     &out),
		    OK);
		assert_string_equal(buf_cstr(&out), text);
	}
	buf_fini(&in);
	buf_fini(&out);
}

static void
a_frame_that_is_shorter_than_it_says_is_broken(void **state)
{
	/* It says 173 bytes, and holds one empty block. */
	const char frame[] = "\x28\xb5\x2f\xfd\x21\0\xad\x01\0\0";
	struct buf out;

	(void)state;
	buf_init(&out, MAX);
	for (size_t cut = 0; cut < sizeof(frame); cut++)
		assert_int_equal(unpack(CODING_ZSTD, MAX,
				     str_at(frame, sizeof(frame) - 1), cut,
				     &out),
		    ERR_SYNTAX);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codings_are_known_by_name),
		cmocka_unit_test(every_cut_gives_the_same_text),
		cmocka_unit_test(members_and_frames_may_follow_each_other),
		cmocka_unit_test(a_text_that_was_cut_is_noticed),
		cmocka_unit_test(something_behind_the_end_is_refused),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(the_ceiling_of_bytes_holds_to_the_byte),
		cmocka_unit_test(a_bomb_is_stopped_by_its_ratio),
		cmocka_unit_test(a_window_over_eight_mebibytes_is_refused),
		cmocka_unit_test(only_the_zstd_of_today_is_taken),
		cmocka_unit_test(
		    a_frame_that_is_shorter_than_it_says_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
