/* SPDX-License-Identifier: MIT */
/* test_eventstream.c - published frames (protocols/bedrock.md 7.2, 7.3), whole
 * and in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/enc.h"
#include "proto/eventstream.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A frame, and what it says: type, event, exception, error code, payload. */
static const struct {
	const char *name, *hex, *told;
} messages[] = {
	{ "empty", "000000100000000005c248eb7d98c8ff", "||||" },
	{ "no headers",
	    "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936",
	    "||||{'foo':'bar'}" },
	{ "one string header",
	    "0000003d0000002007fd83960c636f6e74656e742d747970650700106170"
	    "706c69636174696f6e2f6a736f6e7b27666f6f273a27626172277d8d9c08"
	    "b1",
	    "||||{'foo':'bar'}" },
	{ "an int header",
	    "0000002d0000001041c424b80a6576656e742d74797065040000a00c7b27"
	    "666f6f273a27626172277d36f480a0",
	    "||||{'foo':'bar'}" },
	{ "all headers",
	    "000000cc000000af0fae64ca0a6576656e742d74797065040000a00c0c63"
	    "6f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e"
	    "0a626f6f6c2066616c73650109626f6f6c207472756500046279746502cf"
	    "08627974652062756606001449276d2061206c6974746c6520746561706f"
	    "74210974696d657374616d70080000000000845fed05696e74313603002a"
	    "05696e7436340500000000028757b2047575696409010203040506070809"
	    "0a0b0c0d0e0f107b27666f6f273a27626172277daba5f10c",
	    "||||{'foo':'bar'}" },
	{ "a delta of Bedrock",
	    "000000d70000004bbff9e4380b3a6576656e742d74797065070005636875"
	    "6e6b0d3a636f6e74656e742d747970650700106170706c69636174696f6e"
	    "2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b2262"
	    "79746573223a2265794a306558426c496a6f695932397564475675644639"
	    "696247396a6131396b5a57783059534973496d6c755a475634496a6f774c"
	    "434a6b5a5778305953493665794a306558426c496a6f6964475634644639"
	    "6b5a57783059534973496e526c654851694f694a4961534a3966513d3d22"
	    "7d4b8e9495",
	    "event|chunk|||{\"bytes\":"
	    "\"eyJ0eXBlIjoiY29udGVudF9ibG9ja19kZWx0YSIsImluZGV4IjowLCJkZWx0YSI6"
	    "eyJ0eXBlIjoidGV4dF9kZWx0YSIsInRleHQiOiJIaSJ9fQ==\"}" },
	{ "a stop with metrics",
	    "0000012f0000004b0ce12c010b3a6576656e742d74797065070005636875"
	    "6e6b0d3a636f6e74656e742d747970650700106170706c69636174696f6e"
	    "2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b2262"
	    "79746573223a2265794a306558426c496a6f696257567a6332466e5a5639"
	    "7a644739774969776959573168656d39754c574a6c5a484a765932737461"
	    "57353262324e6864476c76626b316c64484a7059334d694f6e7369615735"
	    "77645852556232746c626b4e7664573530496a6f344c434a766458527764"
	    "5852556232746c626b4e7664573530496a6f304c434a70626e5a76593246"
	    "3061573975544746305a57356a655349364f4445794c434a6d61584a7a64"
	    "454a356447564d5958526c626d4e35496a6f7a4e7a643966513d3d227d4d"
	    "824dd9",
	    "event|chunk|||{\"bytes\":"
	    "\"eyJ0eXBlIjoibWVzc2FnZV9zdG9wIiwiYW1hem9uLWJlZHJvY2staW52b2NhdGlv"
	    "bk1ldHJpY3MiOnsiaW5wdXRUb2tlbkNvdW50Ijo4LCJvdXRwdXRUb2tlbkNvdW50Ij"
	    "o0LCJpbnZvY2F0aW9uTGF0ZW5jeSI6ODEyLCJmaXJzdEJ5dGVMYXRlbmN5IjozNzd9"
	    "fQ==\"}" },
	{ "an exception",
	    "000000b2000000613590d5d30f3a657863657074696f6e2d747970650700"
	    "137468726f74746c696e67457863657074696f6e0d3a636f6e74656e742d"
	    "747970650700106170706c69636174696f6e2f6a736f6e0d3a6d65737361"
	    "67652d74797065070009657863657074696f6e7b226d657373616765223a"
	    "22546f6f206d616e792072657175657374732c20706c6561736520776169"
	    "74206265666f726520747279696e6720616761696e2e227de8ffb26a",
	    "exception||throttlingException||{\"message\":\"Too many requests, "
	    "please wait before trying again.\"}" },
	{ "an error",
	    "000000750000006569c825010d3a6d6573736167652d7479706507000565"
	    "72726f720b3a6572726f722d636f646507000d496e7465726e616c457272"
	    "6f720e3a6572726f722d6d657373616765070021416e20696e7465726e61"
	    "6c20736572766572206572726f72206f6363757272656444197ec0",
	    "error|||InternalError|" },
};

/* What must not be understood. */
static const struct {
	const char *name, *hex;
} broken[] = {
	{ "a byte of the payload is wrong",
	    "0000001d00000000fd528c5a5b27666f6f273a27626172277dc3653936" },
	{ "the length of the headers is wrong",
	    "0000003d0000002107fd83960c636f6e74656e742d747970650700106170"
	    "706c69636174696f6e2f6a736f6e7b27666f6f273a27626172277d8d9c08"
	    "b1" },
	{ "the length is wrong",
	    "0000003e0000002007fd83960c636f6e74656e742d747970650700106170"
	    "706c69636174696f6e2f6a736f6e7b27666f6f273a27626172277d8d9c08"
	    "b1" },
	{ "a byte of a header is wrong",
	    "0000003d0000002007fd83960c636f6e74656e742d747970650700106170"
	    "706c69636174696f6e2f6a736f6e7b61666f6f273a27626172277d8d9c08"
	    "b1" },
};

static void
unhex(const char *hex, struct buf *out)
{
	assert_int_equal(enc_unhex(out, str_of(hex)), OK);
}

static void
message_print(const struct eventstream_message *m, struct buf *out)
{
	buf_mustf(out, "%.*s|%.*s|%.*s|%.*s|%.*s\n", STR_ARG(m->type),
	    STR_ARG(m->event_type), STR_ARG(m->exception_type),
	    STR_ARG(m->error_code), STR_ARG(m->payload));
}

/* Feed bytes that are freed right after, so that nothing borrows from them. */
static enum err
feed(struct eventstream *s, struct str bytes, struct buf *out)
{
	struct eventstream_message m;
	char *copy = malloc(bytes.len + 1);
	struct str rest = str_at(copy, bytes.len);
	size_t used;
	enum err e;

	assert_non_null(copy);
	memcpy(copy, bytes.at, bytes.len);
	while (!(e = eventstream_feed(s, rest, &used, &m))) {
		message_print(&m, out);
		rest = str_skip(rest, used);
	}
	free(copy);
	return e;
}

static void
every_published_frame_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++) {
		struct eventstream s;
		struct buf bytes, out;

		buf_init(&bytes, 4096);
		buf_init(&out, 4096);
		unhex(messages[i].hex, &bytes);
		eventstream_init(&s);
		assert_int_equal(feed(&s, buf_str(&bytes), &out), ERR_AGAIN);
		assert_true(eventstream_between(&s));
		assert_int_equal(buf_len(&out), strlen(messages[i].told) + 1);
		assert_memory_equal(buf_str(&out).at, messages[i].told,
		    strlen(messages[i].told));
		eventstream_fini(&s);
		buf_fini(&bytes);
		buf_fini(&out);
	}
}

static void
every_cut_gives_the_same_messages(void **state)
{
	struct buf bytes, whole;
	struct eventstream s;

	(void)state;
	buf_init(&bytes, 16 * 1024);
	buf_init(&whole, 16 * 1024);
	for (size_t i = 0; i < COUNT(messages); i++)
		unhex(messages[i].hex, &bytes);
	eventstream_init(&s);
	assert_int_equal(feed(&s, buf_str(&bytes), &whole), ERR_AGAIN);
	eventstream_fini(&s);
	for (size_t cut = 0; cut <= buf_len(&bytes); cut++) {
		struct buf parts;

		buf_init(&parts, 16 * 1024);
		eventstream_init(&s);
		assert_int_equal(feed(&s, str_first(buf_str(&bytes), cut),
				     &parts),
		    ERR_AGAIN);
		assert_int_equal(feed(&s, str_skip(buf_str(&bytes), cut),
				     &parts),
		    ERR_AGAIN);
		assert_true(str_eq(buf_str(&whole), buf_str(&parts)));
		assert_true(eventstream_between(&s));
		eventstream_fini(&s);
		buf_fini(&parts);
	}
	buf_fini(&bytes);
	buf_fini(&whole);
}

static void
byte_by_byte_is_the_same_too(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++) {
		struct eventstream s;
		struct buf bytes, out;

		buf_init(&bytes, 4096);
		buf_init(&out, 4096);
		unhex(messages[i].hex, &bytes);
		eventstream_init(&s);
		for (size_t n = 0; n < buf_len(&bytes); n++) {
			assert_int_equal(feed(&s,
					     str_at(buf_str(&bytes).at + n, 1),
					     &out),
			    ERR_AGAIN);
			assert_true(eventstream_between(&s) ==
			    (n + 1 == buf_len(&bytes)));
		}
		assert_int_equal(buf_len(&out), strlen(messages[i].told) + 1);
		eventstream_fini(&s);
		buf_fini(&bytes);
		buf_fini(&out);
	}
}

static void
a_wrong_checksum_ends_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(broken); i++) {
		struct eventstream s;
		struct buf bytes, out;

		buf_init(&bytes, 4096);
		buf_init(&out, 4096);
		unhex(broken[i].hex, &bytes);
		eventstream_init(&s);
		if (feed(&s, buf_str(&bytes), &out) != ERR_SYNTAX)
			fail_msg("%s", broken[i].name);
		assert_int_equal(buf_len(&out), 0);
		eventstream_fini(&s);
		buf_fini(&bytes);
		buf_fini(&out);
	}
}

static void
a_frame_over_the_ceiling_is_refused_by_its_prelude(void **state)
{
	/* 2 GiB long, with the right checksum. */
	const char *hex = "7fffffff00000000acc47a25";
	struct eventstream s;
	struct buf bytes, out;
	enum err e;

	(void)state;
	buf_init(&bytes, 64);
	buf_init(&out, 64);
	unhex(hex, &bytes);
	eventstream_init(&s);
	e = feed(&s, buf_str(&bytes), &out);
	assert_int_equal(e, ERR_LIMIT);
	eventstream_fini(&s);
	buf_fini(&bytes);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_published_frame_is_understood),
		cmocka_unit_test(every_cut_gives_the_same_messages),
		cmocka_unit_test(byte_by_byte_is_the_same_too),
		cmocka_unit_test(a_wrong_checksum_ends_it),
		cmocka_unit_test(
		    a_frame_over_the_ceiling_is_refused_by_its_prelude),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
