/* SPDX-License-Identifier: MIT */
/* test_http1_body.c - where bodies end, and what is written is read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/http1.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define assert_str(s, literal)                                                 \
	do {                                                                   \
		assert_int_equal((s).len, sizeof(literal) - 1);                \
		assert_memory_equal((s).at, literal, sizeof(literal) - 1);     \
	} while (0)

static const struct http1_head chunky = { .framing = HTTP1_CHUNKED };

/* What a decoder made of some bytes. */
struct decoded {
	char content[4096];
	size_t len, used;
	bool done;
	enum err e;
};

static void
feed(struct http1_body *b, struct str bytes, struct decoded *d)
{
	while (bytes.len && !b->done && !d->e) {
		struct str piece;
		size_t used = 0;

		d->e = http1_body_feed(b, bytes, &piece, &used);
		if (d->e)
			break;
		assert_true(used > 0 && used <= bytes.len);
		assert_true(d->len + piece.len <= sizeof(d->content));
		memcpy(d->content + d->len, piece.at, piece.len);
		d->len += piece.len;
		d->used += used;
		bytes = str_skip(bytes, used);
	}
	d->done = b->done;
}

/* Decode text in steps, of which the first is `cut` long. */
static struct decoded
decode(const struct http1_head *head, struct str text, size_t cut, size_t step)
{
	struct decoded d = { .e = OK };
	struct http1_body b;

	http1_body_init(&b, head);
	feed(&b, str_first(text, cut), &d);
	for (size_t at = cut; at < text.len; at += step)
		feed(&b, str_first(str_skip(text, at), step), &d);
	d.done = b.done;
	return d;
}

static const struct chunked_case {
	const char *name;
	struct str text;
	struct str content;
	size_t left;
	bool good, whole;
} chunked[] = {
#define GOOD(name, bytes, content, left)                                       \
	{ name, { bytes, sizeof(bytes) - 1 },                                  \
		{ content, sizeof(content) - 1 }, left, true, true },
#define MORE(name, bytes, content)                                             \
	{ name, { bytes, sizeof(bytes) - 1 },                                  \
		{ content, sizeof(content) - 1 }, 0, true, false },
#define BAD(name, bytes)                                                       \
	{ name, { bytes, sizeof(bytes) - 1 }, { NULL, 0 }, 0, false, false },
#include "tests/unit/http1_chunked.def"
#undef GOOD
#undef MORE
#undef BAD
};

static bool
chunked_holds(const struct chunked_case *c, size_t cut, size_t step)
{
	struct decoded d = decode(&chunky, c->text, cut, step);

	if (!c->good)
		return d.e == ERR_SYNTAX && !d.done;
	return !d.e && d.done == c->whole && d.used == c->text.len - c->left &&
	    str_eq(str_at(d.content, d.len), c->content);
}

static void
every_cut_of_chunks_gives_the_same_content(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(chunked); i++) {
		const struct chunked_case *c = &chunked[i];

		for (size_t cut = 0; cut <= c->text.len; cut++)
			if (!chunked_holds(c, cut, c->text.len))
				fail_msg("%s, cut at %zu", c->name, cut);
		if (!chunked_holds(c, 0, 1))
			fail_msg("%s, byte by byte", c->name);
	}
}

/* How a body fares whose extension, and whose trailers, are that long. */
static enum err
chunked_with(size_t extension, size_t trailers)
{
	struct decoded d;
	struct buf b;

	buf_init(&b, 64 * 1024);
	/* Twice, since what counts is one chunk. */
	for (int chunk = 0; chunk < 2; chunk++) {
		buf_must(&b, STR("1"));
		for (size_t i = 0; i < extension; i++)
			buf_must(&b, i ? STR("x") : STR(";"));
		buf_must(&b, STR("\r\na\r\n"));
	}
	buf_must(&b, STR("0\r\n"));
	for (size_t i = 0; i + 4 < trailers; i++)
		buf_must(&b, i == 1 ? STR(":") : STR("x"));
	buf_must(&b, trailers ? STR("\r\n\r\n") : STR("\r\n"));
	d = decode(&chunky, buf_str(&b), 0, 100);
	buf_fini(&b);
	assert_true(d.e || d.done);
	return d.e;
}

static void
extensions_and_trailers_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(chunked_with(HTTP1_CHUNK_EXT_MAX, 0), OK);
	assert_int_equal(chunked_with(HTTP1_CHUNK_EXT_MAX + 1, 0), ERR_LIMIT);
	assert_int_equal(chunked_with(0, HTTP1_TRAILERS_MAX), OK);
	assert_int_equal(chunked_with(0, HTTP1_TRAILERS_MAX + 1), ERR_LIMIT);
}

static void
every_cut_of_a_length_gives_the_same_content(void **state)
{
	const struct str text = STR("0123456789");

	(void)state;
	for (size_t length = 0; length <= text.len; length++) {
		const struct http1_head head = { .framing = HTTP1_LENGTH,
			.length = length };

		for (size_t cut = 0; cut <= text.len; cut++) {
			struct decoded d = decode(&head, text, cut, 3);

			assert_true(d.done);
			assert_int_equal(d.used, length);
			assert_int_equal(d.len, length);
			assert_memory_equal(d.content, text.at, length);
		}
	}
}

static void
a_body_that_is_cut_short_is_told(void **state)
{
	const struct http1_head sized = { .framing = HTTP1_LENGTH,
		.length = 5 };
	struct http1_body b;
	struct str piece;
	size_t used;

	(void)state;
	http1_body_init(&b, &sized);
	assert_int_equal(http1_body_feed(&b, STR("abc"), &piece, &used), OK);
	assert_int_equal(http1_body_end(&b), ERR_CLOSED);
	assert_int_equal(http1_body_feed(&b, STR("defg"), &piece, &used), OK);
	assert_str(piece, "de");
	assert_int_equal(http1_body_end(&b), OK);
	http1_body_init(&b, &chunky);
	assert_int_equal(http1_body_end(&b), ERR_CLOSED);
}

static void
a_body_without_framing_ends_with_the_connection(void **state)
{
	const struct http1_head endless = { .framing = HTTP1_UNTIL_CLOSE };
	struct http1_body b;
	struct str piece;
	size_t used;

	(void)state;
	http1_body_init(&b, &endless);
	assert_int_equal(http1_body_feed(&b, STR("abc"), &piece, &used), OK);
	assert_str(piece, "abc");
	assert_false(b.done);
	assert_int_equal(http1_body_end(&b), OK);
	assert_true(b.done);
}

static void
no_body_is_done_before_it_begins(void **state)
{
	const struct http1_head none = { .framing = HTTP1_NO_BODY };
	struct http1_body b;
	struct str piece;
	size_t used;

	(void)state;
	http1_body_init(&b, &none);
	assert_true(b.done);
	assert_int_equal(http1_body_feed(&b, STR("GET"), &piece, &used), OK);
	assert_int_equal(used, 0);
	assert_int_equal(http1_body_end(&b), OK);
}

static void
a_broken_body_stays_broken(void **state)
{
	struct http1_body b;
	struct str piece;
	size_t used;

	(void)state;
	http1_body_init(&b, &chunky);
	assert_int_equal(http1_body_feed(&b, STR("x"), &piece, &used),
	    ERR_SYNTAX);
	assert_int_equal(http1_body_feed(&b, STR("0\r\n\r\n"), &piece, &used),
	    ERR_SYNTAX);
	assert_int_equal(http1_body_end(&b), ERR_CLOSED);
}

static void
pieces_lie_in_the_bytes_that_were_fed(void **state)
{
	const struct str text = STR("3\r\nabc\r\n");
	struct http1_body b;
	struct str piece;
	size_t used;

	(void)state;
	http1_body_init(&b, &chunky);
	assert_int_equal(http1_body_feed(&b, text, &piece, &used), OK);
	assert_ptr_equal(piece.at, text.at + 3);
	assert_int_equal(piece.len, 3);
}

/* --- writing -------------------------------------------------------------- */

static void
what_is_written_is_read_back(void **state)
{
	struct http1_head h;
	struct decoded d;
	size_t seen = 0, used;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(http1_put_status(&b, 429), OK);
	assert_int_equal(http1_put_field(&b, STR("x-a"), STR("b c")), OK);
	assert_int_equal(http1_put_field(&b, STR("x-empty"), STR("")), OK);
	assert_int_equal(http1_put_field(&b, STR("transfer-encoding"),
			     STR("chunked")),
	    OK);
	assert_int_equal(http1_put_end(&b), OK);
	assert_int_equal(http1_put_chunk(&b, STR("hello, ")), OK);
	assert_int_equal(http1_put_chunk(&b, STR("")), OK);
	assert_int_equal(http1_put_chunk(&b, STR("all of the world")), OK);
	assert_int_equal(http1_put_last_chunk(&b), OK);

	assert_int_equal(http1_response(buf_str(&b), &seen, false, &h, &used,
			     NULL),
	    OK);
	assert_int_equal(h.status, 429);
	assert_str(h.reason, "Too Many Requests");
	assert_str(http1_find(&h, STR("X-A"))->value, "b c");
	d = decode(&h, str_skip(buf_str(&b), used), 0, 4096);
	assert_true(d.done);
	assert_int_equal(d.used, buf_len(&b) - used);
	assert_str(str_at(d.content, d.len), "hello, all of the world");
	buf_fini(&b);
}

static void
a_field_cannot_smuggle_another(void **state)
{
	static const struct header bad[] = {
		{ { "a", 1 }, { "b\r\nc: d", 7 } },
		{ { "a", 1 }, { "b\n", 2 } },
		{ { "a", 1 }, { "b\r", 2 } },
		{ { "a", 1 }, { "b\0c", 3 } },
		{ { "a: b", 4 }, { "c", 1 } },
		{ { "a\r\n", 3 }, { "c", 1 } },
		{ { "", 0 }, { "c", 1 } },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(http1_put_field(&b, bad[i].name, bad[i].value),
		    ERR_VALUE);
	assert_int_equal(buf_len(&b), 0);
	buf_fini(&b);
}

static void
a_line_that_does_not_fit_leaves_nothing_behind(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 9);
	assert_int_equal(http1_put_field(&b, STR("name"), STR("value")),
	    ERR_LIMIT);
	assert_int_equal(http1_put_chunk(&b, STR("0123456789")), ERR_LIMIT);
	assert_int_equal(http1_put_status(&b, 200), ERR_LIMIT);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(http1_put_chunk(&b, STR("0123")), OK);
	assert_str(buf_str(&b), "4\r\n0123\r\n");
	buf_fini(&b);
}

static void
a_status_has_its_phrase(void **state)
{
	(void)state;
	assert_string_equal(http1_phrase(200), "OK");
	assert_string_equal(http1_phrase(431),
	    "Request Header Fields Too Large");
	assert_string_equal(http1_phrase(299), "Unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_of_chunks_gives_the_same_content),
		cmocka_unit_test(extensions_and_trailers_are_bounded),
		cmocka_unit_test(every_cut_of_a_length_gives_the_same_content),
		cmocka_unit_test(a_body_that_is_cut_short_is_told),
		cmocka_unit_test(
		    a_body_without_framing_ends_with_the_connection),
		cmocka_unit_test(no_body_is_done_before_it_begins),
		cmocka_unit_test(a_broken_body_stays_broken),
		cmocka_unit_test(pieces_lie_in_the_bytes_that_were_fed),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(a_field_cannot_smuggle_another),
		cmocka_unit_test(
		    a_line_that_does_not_fit_leaves_nothing_behind),
		cmocka_unit_test(a_status_has_its_phrase),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
