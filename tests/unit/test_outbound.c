/* SPDX-License-Identifier: MIT */
/* test_outbound.c - the heads that relayd writes, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/outbound.h"

#define HEAD_MAX 8192

struct wrote {
	struct buf in, out;
	struct http1_head head;
};

static void
end(struct wrote *w)
{
	buf_fini(&w->in);
	buf_fini(&w->out);
}

static struct account
an_account(void)
{
	static char host[] = "api.test", field[] = "api.test:8443",
		    base[] = "/base";
	struct account a = { .provider = &provider_anthropic_compat,
		.host = host,
		.host_field = field,
		.base = base,
		.credential = STR("of-the-account") };

	account_rec_init(&a.rec);
	return a;
}

/* What the account is asked when the client's head is that. */
static const char *
request(struct wrote *w, const struct account *a, const char *fields,
    bool stream, const char *encoding)
{
	struct ask ask = { .dialect = &dialect_anthropic,
		.op = OP_GENERATE,
		.head = &w->head,
		.stream = stream,
		.encoding = str_of(encoding),
		.length = 42,
		.has_body = true,
		.credential = a->credential };
	size_t seen = 0, used;
	unsigned status;
	struct why why;

	buf_init(&w->in, HEAD_MAX);
	buf_init(&w->out, HEAD_MAX);
	buf_mustf(&w->in, "POST /v1/messages HTTP/1.1\r\n%s\r\n", fields);
	assert_int_equal(http1_request(buf_str(&w->in), &seen, &w->head, &used,
			     &status, &why),
	    OK);
	assert_int_equal(outbound_request(a, &ask, &w->out, &why), OK);
	return buf_cstr(&w->out);
}

static void
names_values_and_order_are_the_clients(void **state)
{
	struct account a = an_account();
	struct wrote w;

	(void)state;
	assert_string_equal(request(&w, &a,
				"X-Zeta: 1\r\n"
				"HOST: relay.test\r\n"
				"anthropic-Version: 2023-06-01\r\n"
				"X-Api-Key: of-the-client\r\n"
				"content-length: 7\r\n"
				"Anthropic-Beta: one,  two\r\n"
				"accept-Encoding: gzip, br\r\n"
				"User-Agent: claude-cli/2\r\n"
				"anthropic-beta: three\r\n"
				"X-Alpha:\r\n",
				false, NULL),
	    "POST /base/v1/messages HTTP/1.1\r\n"
	    "X-Zeta: 1\r\n"
	    "HOST: api.test:8443\r\n"
	    "anthropic-Version: 2023-06-01\r\n"
	    "x-api-key: of-the-account\r\n"
	    "content-length: 42\r\n"
	    "Anthropic-Beta: one,  two\r\n"
	    "accept-Encoding: gzip\r\n"
	    "User-Agent: claude-cli/2\r\n"
	    "anthropic-beta: three\r\n"
	    "X-Alpha: \r\n"
	    "\r\n");
	end(&w);
}

static void
what_is_missing_is_added_at_the_end(void **state)
{
	struct account a = an_account();
	struct wrote w;

	(void)state;
	a.rec.user_agent = STR("the-operators/1");
	assert_string_equal(request(&w, &a,
				"Host: relay.test\r\n"
				"Transfer-Encoding: chunked\r\n",
				false, NULL),
	    "POST /base/v1/messages HTTP/1.1\r\n"
	    "Host: api.test:8443\r\n"
	    "x-api-key: of-the-account\r\n"
	    "Accept-Encoding: identity\r\n"
	    "User-Agent: the-operators/1\r\n"
	    "Content-Length: 42\r\n"
	    "\r\n");
	end(&w);
}

static void
the_accounts_own_fields_are_added_replace_and_are_removed(void **state)
{
	struct account a = an_account();
	struct wrote w;

	(void)state;
	a.rec.headers =
	    STR("X-Team: blue | -x-noise|anthropic-beta: ours | x-new: 1");
	assert_string_equal(request(&w, &a,
				"Host: relay.test\r\n"
				"x-team: red\r\n"
				"X-Noise: much\r\n"
				"X-Noises: some\r\n"
				"Anthropic-Beta: theirs\r\n"
				"X-TEAM: green\r\n",
				false, NULL),
	    "POST /base/v1/messages HTTP/1.1\r\n"
	    "Host: api.test:8443\r\n"
	    "X-Noises: some\r\n"
	    "Anthropic-Beta: theirs\r\n"
	    "x-api-key: of-the-account\r\n"
	    "X-Team: blue\r\n"
	    "anthropic-beta: ours\r\n"
	    "x-new: 1\r\n"
	    "Accept-Encoding: identity\r\n"
	    "Content-Length: 42\r\n"
	    "\r\n");
	end(&w);
}

static enum err
write_own(const struct account *a, const struct ask *ask, struct buf *out)
{
	(void)a;
	(void)ask;
	return buf_add(out, STR("X-Team: the-kinds\r\n"));
}

static void
what_a_kind_writes_itself_stands(void **state)
{
	struct provider kind = provider_anthropic_compat;
	struct account a = an_account();
	struct wrote w;
	const char *head;

	(void)state;
	kind.own_fields = write_own;
	kind.list_name = "anthropic-beta";
	kind.list_token = "needed";
	a.provider = &kind;
	a.rec.headers = STR("x-team: blue | -anthropic-beta");
	head = request(&w, &a, "Host: r\r\nanthropic-beta: theirs\r\n", false,
	    NULL);
	assert_non_null(strstr(head, "X-Team: the-kinds\r\n"));
	assert_null(strstr(head, "blue"));
	assert_null(strstr(head, "theirs"));
	assert_non_null(strstr(head, "anthropic-beta: needed\r\n"));
	end(&w);
}

static void
one_credential_goes_out_and_it_is_not_the_clients(void **state)
{
	static const char *const fields[] = {
		"Authorization: Bearer of-the-client\r\n",
		"x-api-key: of-the-client\r\n",
		"api-key: of-the-client\r\n",
		"X-Goog-Api-Key: of-the-client\r\n",
		"x-api-key: of-the-client\r\nauthorization: of-the-client\r\n",
		"Proxy-Authorization: Basic of-the-client\r\n",
		"Cookie: key=of-the-client\r\n",
		"x-cr-api-key: of-the-client\r\n",
	};
	struct account a = an_account();

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(fields) / sizeof(fields[0]); i++) {
		char text[256];
		const char *out, *at;
		struct wrote w;

		a.rec.auth = i % 2 ? STR("bearer") : STR("x-api-key");
		snprintf(text, sizeof(text), "Host: r\r\n%s", fields[i / 2]);
		out = request(&w, &a, text, false, NULL);
		assert_null(strstr(out, "of-the-client"));
		at = strstr(out,
		    i % 2 ? "\r\nAuthorization: Bearer of-the-account\r\n"
			  : "\r\nx-api-key: of-the-account\r\n");
		assert_non_null(at);
		/* Once. */
		at = strstr(at, "of-the-account") + 1;
		assert_null(strstr(at, "of-the-account"));
		end(&w);
	}
}

static void
what_ends_at_a_hop_ends_here(void **state)
{
	struct account a = an_account();
	struct wrote w;
	const char *out;

	(void)state;
	out = request(&w, &a,
	    "Host: r\r\nConnection: keep-alive, X-Hop , te\r\nX-Hop: 1\r\n"
	    "x-HOP: 2\r\nTE: trailers\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\n"
	    "X-Forwarded-For: 10.1.2.3\r\nX-Hopper: stays\r\n",
	    false, NULL);
	assert_non_null(strstr(out, "X-Hopper: stays\r\n"));
	for (const char *const *gone =
		 (const char *const[]){ "X-Hop:", "x-HOP", "TE:", "Keep-Alive",
		     "Upgrade", "10.1.2.3", "Connection", NULL };
	     *gone; gone++)
		assert_null(strstr(out, *gone));
	end(&w);
}

static void
encodings_are_ours_to_choose(void **state)
{
	struct account a = an_account();
	struct wrote w;
	const char *out;

	(void)state;
	/* Into a compressed stream nothing could be put. */
	out =
	    request(&w, &a, "Host: r\r\nAccept-Encoding: gzip\r\n", true, NULL);
	assert_non_null(strstr(out, "Accept-Encoding: identity\r\n"));
	end(&w);
	out = request(&w, &a, "Host: r\r\nContent-Encoding: zstd\r\n", false,
	    NULL);
	assert_null(strstr(out, "zstd"));
	end(&w);
	out = request(&w, &a, "Host: r\r\nContent-Encoding: zstd\r\n", false,
	    "zstd");
	assert_non_null(strstr(out, "Content-Encoding: zstd\r\n"));
	end(&w);
}

static void
a_head_that_grows_too_large_is_refused(void **state)
{
	struct account a = an_account();
	struct wrote w;
	struct why why;
	struct buf small;
	struct ask ask = { .dialect = &dialect_anthropic,
		.op = OP_GENERATE,
		.head = &w.head,
		.credential = a.credential };

	(void)state;
	request(&w, &a, "Host: r\r\nX-Long: aaaaaaaaaaaaaaaa\r\n", false, NULL);
	for (size_t max = 1; max < buf_len(&w.out) - 20; max += 7) {
		buf_init(&small, max);
		assert_int_equal(outbound_request(&a, &ask, &small, &why),
		    ERR_LIMIT);
		buf_fini(&small);
	}
	end(&w);
}

static void
the_client_sees_the_upstreams_fields_without_those_of_the_way(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\n"
				   "Request-Id: up-1\r\n"
				   "Content-Type: text/plain\r\n"
				   "Set-Cookie: a=b\r\n"
				   "CF-Ray: 1\r\n"
				   "Connection: X-Hop\r\n"
				   "X-Hop: 1\r\n"
				   "Content-Encoding: gzip\r\n"
				   "Content-Length: 5\r\n"
				   "x-Ratelimit: 9\r\n\r\n";
	struct http1_head h;
	size_t seen = 0, used;
	struct buf out;

	(void)state;
	assert_int_equal(http1_response(str_of(text), &seen, false, &h, &used,
			     NULL),
	    OK);
	buf_init(&out, HEAD_MAX);
	assert_int_equal(outbound_answer(&h, false, NULL, &out), OK);
	assert_string_equal(buf_cstr(&out),
	    "Request-Id: up-1\r\nContent-Type: text/plain\r\n"
	    "Content-Encoding: gzip\r\nx-Ratelimit: 9\r\n");
	buf_clear(&out);
	assert_int_equal(outbound_answer(&h, true, NULL, &out), OK);
	assert_null(strstr(buf_cstr(&out), "gzip"));
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_values_and_order_are_the_clients),
		cmocka_unit_test(what_is_missing_is_added_at_the_end),
		cmocka_unit_test(
		    the_accounts_own_fields_are_added_replace_and_are_removed),
		cmocka_unit_test(what_a_kind_writes_itself_stands),
		cmocka_unit_test(
		    one_credential_goes_out_and_it_is_not_the_clients),
		cmocka_unit_test(what_ends_at_a_hop_ends_here),
		cmocka_unit_test(encodings_are_ours_to_choose),
		cmocka_unit_test(a_head_that_grows_too_large_is_refused),
		cmocka_unit_test(
		    the_client_sees_the_upstreams_fields_without_those_of_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
