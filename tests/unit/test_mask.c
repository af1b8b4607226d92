/* SPDX-License-Identifier: MIT */
/* test_mask.c - credentials in every spelling, masked; everything else as it
 * was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/mask.h"

#define SECRET "sk-canary-0123456789-wxyz"

static void
check(struct buf *b, enum err e, const char *want)
{
	assert_int_equal(e, OK);
	assert_string_equal(buf_cstr(b), want);
	buf_fini(b);
}

/* --- names ------------------------------------------------------------------- */

static void
every_spelling_of_a_credential_is_known(void **state)
{
	static const char *const names[] = { "authorization", "Authorization",
		"AUTHORIZATION", "x-api-key", "X-Api-Key", "X-API-KEY",
		"x_api_key", "api-key", "api_key", "apikey", "ApiKey",
		"x-goog-api-key", "X-Goog-Api-Key", "x-cr-api-key",
		"proxy-authorization", "Proxy-Authorization", "cookie",
		"Cookie", "Cookie2", "set-cookie", "Set-Cookie",
		"x-amz-security-token", "X-Auth-Token", "x-access-token",
		"access_token", "refresh_token", "id-token", "client_secret",
		"x-client-secret", "password", "x-password", "passwd", "key",
		"KEY", "k%65y", "api%5Fkey", "X-Amz-Signature",
		"X-Amz-Credential", "x-auth", "token", "code", "sig",
		"client_assertion", "x-session-key", "cf-access-jwt-a" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!mask_is_secret(str_of(names[i])))
			fail_msg("%s passes", names[i]);
}

static void
other_names_are_left_alone(void **state)
{
	static const char *const names[] = { "host", "content-type",
		"content-length", "user-agent", "accept", "accept-encoding",
		"anthropic-version", "anthropic-beta", "session_id",
		"x-session-id", "conversation_id", "max_tokens",
		"anthropic-ratelimit-tokens-remaining",
		"x-ratelimit-remaining-tokens", "openai-organization",
		"request-id", "x-relay-request-id", "retry-after", "alt",
		"monkey", "x-keyboard", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mask_is_secret(str_of(names[i])))
			fail_msg("%s is masked", names[i]);
}

static void
a_name_too_long_to_read_is_masked(void **state)
{
	char name[4000];

	(void)state;
	memset(name, 'n', sizeof(name));
	/* What is read of it is its beginning, which is nothing known. */
	assert_false(mask_is_secret(str_at(name, sizeof(name))));
	memcpy(name, "Authorization-", 14);
	assert_true(mask_is_secret(str_at(name, sizeof(name))));
}

/* --- values ------------------------------------------------------------------ */

static void
of_a_value_the_end_remains(void **state)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
		{ "", "" },
		{ "   ", "" },
		{ SECRET, "****wxyz" },
		{ " " SECRET " ", "****wxyz" },
		{ "Bearer " SECRET, "Bearer ****wxyz" },
		{ "bearer   " SECRET, "bearer ****wxyz" },
		{ "BEARER\t" SECRET, "****wxyz" },
		/* Of a short one nothing. */
		{ "hunter2", "****" },
		{ "123456789012345", "****" },
		{ "1234567890123456", "****3456" },
		{ "Bearer hunter2", "Bearer ****" },
		/* The end of a password in base64. */
		{ "Basic dXNlcjpwYXNzd29yZHBhc3N3b3Jk", "Basic ****" },
		{ "basic dXNlcjpwYXNzd29yZHBhc3N3b3Jk", "basic ****" },
		/* No scheme: the first word is a part of the secret. */
		{ "correct horse battery staple", "****aple" },
		{ "sid=abcdefgh; other=ijklmnop", "****mnop" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out;

		buf_init(&out, 1024);
		check(&out, mask_value(str_of(cases[i].value), &out),
		    cases[i].want);
	}
}

static void
queries_keep_what_is_not_secret(void **state)
{
	static const struct {
		const char *target, *want;
	} cases[] = {
		{ "/v1/messages", "/v1/messages" },
		{ "/x?", "/x?" },
		{ "/x?beta=true&flag", "/x?beta=true&flag" },
		{ "/x?key=" SECRET, "/x?key=****wxyz" },
		{ "/x?alt=sse&KEY=" SECRET "&a=b",
		    "/x?alt=sse&KEY=****wxyz&a=b" },
		{ "/x?k%65y=" SECRET "&key=short",
		    "/x?k%65y=****wxyz&key=****" },
		{ "/x?key=a?key=" SECRET, "/x?key=****wxyz" },
		{ "/x?access_token=" SECRET "=&=&&",
		    "/x?access_token=****xyz=&=&&" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out;

		buf_init(&out, 1024);
		check(&out, mask_target(str_of(cases[i].target), &out),
		    cases[i].want);
	}
}

/* --- heads ------------------------------------------------------------------- */

static const char request[] = "POST /v1/x?key=" SECRET " HTTP/1.1\r\n"
			      "Host: relay\r\n"
			      "X-API-KEY: " SECRET "\r\n"
			      "authorization: Bearer " SECRET "\r\n"
			      "X-Own: " SECRET "\r\n"
			      "x-odd:  as it: came \r\n"
			      "x-empty:\r\n"
			      "\r\n";

static void
a_request_is_told_in_its_own_words(void **state)
{
	struct http1_head *h = xmalloc(sizeof(*h));
	struct buf out;
	size_t seen = 0, used;
	unsigned status;
	struct why why;

	(void)state;
	assert_int_equal(http1_request(STR(request), &seen, h, &used, &status,
			     &why),
	    OK);
	buf_init(&out, 4096);
	check(&out, mask_request(h, STR("x-own"), &out),
	    "POST /v1/x?key=****wxyz HTTP/1.1\r\n"
	    "Host: relay\r\n"
	    "X-API-KEY: ****wxyz\r\n"
	    "authorization: Bearer ****wxyz\r\n"
	    "X-Own: ****wxyz\r\n"
	    "x-odd: as it: came\r\n"
	    "x-empty: \r\n"
	    "\r\n");
	free(h);
}

static void
what_is_written_is_masked_alike(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	check(&out, mask_written(STR(request), STR("x-own"), &out),
	    "POST /v1/x?key=****wxyz HTTP/1.1\r\n"
	    "Host: relay\r\n"
	    "X-API-KEY: ****wxyz\r\n"
	    "authorization: Bearer ****wxyz\r\n"
	    "X-Own: ****wxyz\r\n"
	    "x-odd: as it: came\r\n"
	    "x-empty: \r\n"
	    "\r\n");
}

static void
an_answer_loses_its_cookies(void **state)
{
	static const char answer[] = "HTTP/1.1 200 Fine\r\n"
				     "Set-Cookie: sid=" SECRET "\r\n"
				     "content-type: text/plain\r\n"
				     "content-length: 0\r\n\r\n";
	static const char want[] = "HTTP/1.1 200 Fine\r\n"
				   "Set-Cookie: ****wxyz\r\n"
				   "content-type: text/plain\r\n"
				   "content-length: 0\r\n\r\n";
	struct http1_head *h = xmalloc(sizeof(*h));
	size_t seen = 0, used;
	struct buf out;
	struct why why;

	(void)state;
	assert_int_equal(http1_response(STR(answer), &seen, false, h, &used,
			     &why),
	    OK);
	buf_init(&out, 4096);
	check(&out, mask_answer(h, &out), want);
	buf_init(&out, 4096);
	check(&out, mask_written(STR(answer), STR(""), &out), want);
	free(h);
}

/* --- what is known ----------------------------------------------------------- */

static void
a_known_secret_is_found_wherever_it_stands(void **state)
{
	static const struct {
		const char *bytes, *secret;
		bool cut;
		const char *want;
	} cases[] = {
		{ "", SECRET, true, "" },
		{ SECRET, SECRET, false, "*********************wxyz" },
		{ "a" SECRET SECRET "b", SECRET, false,
		    "a*********************wxyz*********************wxyzb" },
		{ "12345678", "12345678", false, "********" },
		/* Too short to be looked for. */
		{ "1234567", "1234567", false, "1234567" },
		{ "nothing", SECRET, true, "nothing" },
		/* Its beginning, where the bytes were cut. */
		{ "a sk-canary-0123", SECRET, true, "a **************" },
		{ "a sk-canary-0123", SECRET, false, "a sk-canary-0123" },
		{ "a sk-sk-c", SECRET, true, "a sk-****" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *bytes = xstrdup(cases[i].bytes);

		mask_known(bytes, strlen(bytes), cases[i].cut,
		    str_of(cases[i].secret));
		assert_string_equal(bytes, cases[i].want);
		free(bytes);
	}
}

static void
a_ceiling_is_an_ordinary_error(void **state)
{
	(void)state;
	for (size_t max = 1; max < 150; max++) {
		struct buf out;

		buf_init(&out, max);
		assert_int_equal(mask_written(STR(request), STR("x-own"), &out),
		    ERR_LIMIT);
		buf_fini(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_of_a_credential_is_known),
		cmocka_unit_test(other_names_are_left_alone),
		cmocka_unit_test(a_name_too_long_to_read_is_masked),
		cmocka_unit_test(of_a_value_the_end_remains),
		cmocka_unit_test(queries_keep_what_is_not_secret),
		cmocka_unit_test(a_request_is_told_in_its_own_words),
		cmocka_unit_test(what_is_written_is_masked_alike),
		cmocka_unit_test(an_answer_loses_its_cookies),
		cmocka_unit_test(a_known_secret_is_found_wherever_it_stands),
		cmocka_unit_test(a_ceiling_is_an_ordinary_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
