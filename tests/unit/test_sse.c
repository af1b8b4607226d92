/* SPDX-License-Identifier: MIT */
/* test_sse.c - events are the same however their bytes arrive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/sse.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A stream, and its events in one line each: name, bar, data, LF as `\`. */
static const struct {
	const char *name, *stream, *events;
} streams[] = {
	{ "one event", "data: a\n\n", "|a\n" },
	{ "CRLF", "event: e\r\ndata: a\r\n\r\n", "e|a\n" },
	{ "CR", "event: e\rdata: a\r\rdata: b\r\r", "e|a\n|b\n" },
	{ "mixed ends", "data: a\r\n\ndata: b\r\r\ndata: c\n\r",
	    "|a\n|b\n|c\n" },
	{ "CR and LF are one end", "data: a\r\ndata: b\r\n\r\n", "|a\\b\n" },
	{ "no blank behind the colon", "event:e\ndata:a\n\n", "e|a\n" },
	{ "only one blank goes", "data:  a \n\n", "| a \n" },
	{ "no blank but a tab", "data:\ta\n\n", "|\ta\n" },
	{ "lines are joined", "data: a\ndata\ndata: c\n\n", "|a\\\\c\n" },
	{ "an empty data line", "data\n\n", "|\n" },
	{ "two empty data lines", "data\ndata:\n\n", "|\\\n" },
	{ "the last name counts", "event: a\nevent: b\ndata: c\n\n", "b|c\n" },
	{ "an empty name takes it back", "event: a\nevent\ndata: c\n\n",
	    "|c\n" },
	{ "a name is forgotten", "event: a\n\ndata: b\n\n", "|b\n" },
	{ "a name holds for one event", "event: a\ndata: b\n\ndata: c\n\n",
	    "a|b\n|c\n" },
	{ "data may stand before the name", "data: b\nevent: a\n\n", "a|b\n" },
	{ "comments", ": ping\n\n:\ndata: a\n: x\n\n: ping\n\n", "|a\n" },
	{ "other fields", "id: 1\nretry: 5\ndata: a\ndatum: b\ndat: c\n\n",
	    "|a\n" },
	{ "a colon in the data", "data: {\"a\": 1}\n\n", "|{\"a\": 1}\n" },
	{ "upper case is another field", "DATA: a\ndata: b\n\n", "|b\n" },
	{ "a blank before the field", " data: a\ndata: b\n\n", "|b\n" },
	{ "a byte order mark",
	    "\xef\xbb\xbf"
	    "data: a\n\n",
	    "|a\n" },
	{ "a mark and a comment",
	    "\xef\xbb\xbf"
	    ":\ndata: a\n\n",
	    "|a\n" },
	{ "a mark alone in its line",
	    "\xef\xbb\xbf"
	    "\ndata: a\n\n",
	    "|a\n" },
	{ "two marks",
	    "\xef\xbb\xbf\xef\xbb\xbf"
	    "data: a\n\n",
	    "" },
	{ "a mark later on",
	    "data: a\n\n\xef\xbb\xbf"
	    "data: b\n\n",
	    "|a\n" },
	{ "half a mark",
	    "\xef\xbb"
	    "data: a\n\n",
	    "" },
	{ "empty lines", "\n\r\n\r\r\ndata: a\n\n\n\n", "|a\n" },
	{ "an unfinished event", "data: a\n\ndata: b\n", "|a\n" },
	{ "an unfinished line", "data: a\n\ndata: b", "|a\n" },
	{ "nothing", "", "" },
	{ "what a provider sends",
	    "event: message_start\ndata: {\"type\":\"message_start\"}\n\n"
	    "event: ping\ndata: {\"type\": \"ping\"}\n\n"
	    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
	    "message_start|{\"type\":\"message_start\"}\n"
	    "ping|{\"type\": \"ping\"}\n"
	    "message_stop|{\"type\":\"message_stop\"}\n" },
};

static void
event_print(const struct sse_event *event, struct buf *out)
{
	struct str rest = event->data;

	buf_must(out, event->name);
	buf_must(out, STR("|"));
	for (bool first = true; rest.at; first = false) {
		if (!first)
			buf_must(out, STR("\\"));
		buf_must(out, str_cut(&rest, '\n'));
	}
	buf_must(out, STR("\n"));
}

/* Feed one piece, from memory that ends where the piece ends and that is gone
 * before the next piece comes. */
static void
feed(struct sse *s, struct str piece, struct buf *out)
{
	char *copy = malloc(piece.len ? piece.len : 1);
	struct str rest = str_at(copy, piece.len);
	struct sse_event event;
	size_t used = 0;
	enum err e;

	assert_non_null(copy);
	if (piece.len)
		memcpy(copy, piece.at, piece.len);
	while (!(e = sse_feed(s, rest, &used, &event))) {
		assert_true(used <= rest.len);
		rest = str_skip(rest, used);
		event_print(&event, out);
	}
	assert_int_equal(e, ERR_AGAIN);
	free(copy);
}

static void
every_cut_gives_the_same_events(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(streams); i++) {
		struct str text = str_of(streams[i].stream);

		for (size_t cut = 0; cut <= text.len; cut++) {
			struct sse s;
			struct buf out;

			sse_init(&s);
			buf_init(&out, 4096);
			feed(&s, str_first(text, cut), &out);
			feed(&s, str_skip(text, cut), &out);
			if (!str_eq(buf_str(&out), str_of(streams[i].events)))
				fail_msg("%s, cut at %zu: %s", streams[i].name,
				    cut, buf_cstr(&out));
			buf_fini(&out);
			sse_fini(&s);
		}
	}
}

static void
single_bytes_give_the_same_events(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(streams); i++) {
		struct str text = str_of(streams[i].stream);
		struct sse s;
		struct buf out;

		sse_init(&s);
		buf_init(&out, 4096);
		for (size_t at = 0; at < text.len; at++)
			feed(&s, str_first(str_skip(text, at), 1), &out);
		if (!str_eq(buf_str(&out), str_of(streams[i].events)))
			fail_msg("%s: %s", streams[i].name, buf_cstr(&out));
		buf_fini(&out);
		sse_fini(&s);
	}
}

static void
a_whole_event_is_not_copied(void **state)
{
	const struct str text = STR("event: e\ndata: abc\n\nrest");
	struct sse_event event;
	struct sse s;
	size_t used;

	(void)state;
	sse_init(&s);
	assert_int_equal(sse_feed(&s, text, &used, &event), OK);
	assert_ptr_equal(event.name.at, text.at + 7);
	assert_ptr_equal(event.data.at, text.at + 15);
	assert_int_equal(event.data.len, 3);
	assert_int_equal(used, 20);
	assert_null(s.data.mem);
	sse_fini(&s);
}

static void
an_event_leads_through_its_last_line_end(void **state)
{
	struct sse_event event;
	struct sse s;
	size_t used;

	(void)state;
	sse_init(&s);
	assert_int_equal(sse_feed(&s, STR("data: a\r\n\r\nd"), &used, &event),
	    OK);
	assert_int_equal(used, 11);
	/* It is told at the CR, even if the LF has still to come. */
	assert_int_equal(sse_feed(&s, STR("data: a\r\n\r"), &used, &event), OK);
	assert_int_equal(used, 10);
	assert_int_equal(sse_feed(&s, STR("\ndata: b\n\n"), &used, &event), OK);
	assert_int_equal(used, 10);
	sse_fini(&s);
}

/* A stream whose one event has data of that many bytes, in lines of at most
 * that many, fed whole or in pieces of 64 KiB. */
static enum err
fare_of(size_t bytes, size_t line, bool whole)
{
	struct sse_event event = { .data = { NULL, 0 } };
	struct str rest;
	struct buf b;
	struct sse s;
	enum err e = ERR_AGAIN;
	size_t used;

	buf_init(&b, 4 * SSE_EVENT_MAX);
	/* Nothing that is not data counts. */
	buf_must(&b, STR("\xef\xbb\xbf"));
	for (size_t left = bytes; left;) {
		size_t n = left < line ? left : line;
		char *at;
		size_t room;

		buf_must(&b, STR("data: "));
		assert_int_equal(buf_room(&b, n, &at, &room), OK);
		memset(at, 'x', n);
		buf_grew(&b, n);
		buf_must(&b, STR("\n"));
		left -= n;
		/* The LF that joins two lines counts. */
		left -= left > 0;
	}
	buf_must(&b, STR("\n"));
	sse_init(&s);
	for (rest = buf_str(&b); rest.len && e == ERR_AGAIN;) {
		size_t n = whole ? rest.len : 64 * 1024;

		e = sse_feed(&s, str_first(rest, n), &used, &event);
		rest = str_skip(rest, n);
	}
	if (!e)
		assert_int_equal(event.data.len, bytes);
	sse_fini(&s);
	buf_fini(&b);
	return e;
}

static void
an_event_over_the_ceiling_is_refused(void **state)
{
	const size_t max = SSE_EVENT_MAX;

	(void)state;
	for (int whole = 0; whole < 2; whole++) {
		assert_int_equal(fare_of(max, max, whole), OK);
		assert_int_equal(fare_of(max + 1, max + 1, whole), ERR_LIMIT);
		assert_int_equal(fare_of(max + 99, max + 99, whole), ERR_LIMIT);
		assert_int_equal(fare_of(max, 100000, whole), OK);
		assert_int_equal(fare_of(max + 1, 100000, whole), ERR_LIMIT);
	}
}

static void
a_long_event_does_not_keep_its_memory(void **state)
{
	static char line[300 * 1024];
	struct sse_event event;
	struct sse s;
	size_t used;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "data: ", 6);
	sse_init(&s);
	assert_int_equal(sse_feed(&s, str_at(line, sizeof(line)), &used,
			     &event),
	    ERR_AGAIN);
	assert_int_equal(sse_feed(&s, STR("\n\n"), &used, &event), OK);
	assert_int_equal(event.data.len, sizeof(line) - 6);
	assert_int_equal(sse_feed(&s, STR(""), &used, &event), ERR_AGAIN);
	assert_int_equal(s.line.size + s.data.size + s.name.size, 0);
	sse_fini(&s);
}

static void
only_between_events_there_is_room_for_another(void **state)
{
	static const struct {
		const char *piece;
		bool between;
	} steps[] = {
		{ "", true },
		{ "d", false },
		{ "ata: a", false },
		{ "\n", false },
		{ "\n", true },
		{ "event: a\n", false },
		{ "\n", true },
		{ ": pi", false },
		{ "ng\n", true },
		{ "id: 1\r\n", false },
		{ "\r", true },
		{ "\n", true },
		{ "data: a\n\ndata", false },
	};
	struct buf out;
	struct sse s;

	(void)state;
	sse_init(&s);
	buf_init(&out, 4096);
	for (size_t i = 0; i < COUNT(steps); i++) {
		feed(&s, str_of(steps[i].piece), &out);
		if (sse_between(&s) != steps[i].between)
			fail_msg("step %zu", i);
	}
	buf_fini(&out);
	sse_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_gives_the_same_events),
		cmocka_unit_test(single_bytes_give_the_same_events),
		cmocka_unit_test(a_whole_event_is_not_copied),
		cmocka_unit_test(an_event_leads_through_its_last_line_end),
		cmocka_unit_test(an_event_over_the_ceiling_is_refused),
		cmocka_unit_test(a_long_event_does_not_keep_its_memory),
		cmocka_unit_test(only_between_events_there_is_room_for_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
