/* SPDX-License-Identifier: MIT */
/* test_sigv4.c - AWS's published vectors, and Bedrock's own
 * (protocols/bedrock.md 6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>

#include "proto/enc.h"

#include "relayd/sigv4.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define SECRET	   "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define SUITE_MS   1440938160000 /* 2015-08-30 12:36:00 UTC */
#define BEDROCK_MS 1735787045000 /* 2025-01-02 03:04:05 UTC */

#define BODY                                                                   \
	"{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":16,"     \
	"\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define BODY_SHA256                                                            \
	"4ce463b5c3d9ec921b15bafe17cf28cc4d188c93bf720c68e1dee3905c9fd0f8"
#define MODEL "us.anthropic.claude-sonnet-4-5-20250929-v1"
#define TOKEN                                                                  \
	"AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW"  \
	"LWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/"       \
	"kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXD"   \
	"vp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+"                               \
	"xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+"                                 \
	"scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

struct vector {
	const char *name, *method, *path, *query;
	struct {
		const char *name, *value;
	} fields[6];
	const char *body;
	const char *region, *service;
	int64_t wall_ms;
	const char *canonical_sha256;
	const char *signature;
};

#define BEDROCK(name_, region_, path_, accept_, canonical_, signature_, ...)   \
	{                                                                      \
		.name = (name_), .method = "POST", .path = (path_),            \
		.query = "", .body = BODY, .region = (region_),                \
		.service = "bedrock", .wall_ms = BEDROCK_MS,                   \
		.canonical_sha256 = (canonical_), .signature = (signature_),   \
		.fields = {                                                    \
			{ "host",                                              \
			    "bedrock-runtime." region_ ".amazonaws.com" },     \
			{ "content-type", "application/json" },                \
			{ "accept", accept_ },                                 \
			__VA_ARGS__                                            \
		}                                                              \
	}

/* Of AWS's test suite. */
static const struct {
	const char *name, *method, *path, *query, *fields, *body;
	const char *authorization;
} suite[] = {
#define X(name_, method_, path_, query_, fields_, body_, signed_, signature_)  \
	{ .name = (name_),                                                     \
		.method = (method_),                                           \
		.path = (path_),                                               \
		.query = (query_),                                             \
		.fields = (fields_),                                           \
		.body = (body_),                                               \
		.authorization =                                               \
		    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/"        \
		    "us-east-1/service/aws4_request, SignedHeaders=" signed_   \
		    ", Signature=" signature_ },
#include "tests/unit/sigv4.def"
#undef X
};

/* Bedrock's own. */
static const struct vector vectors[] = {
	BEDROCK("A", "us-east-1", "/model/" MODEL "%3A0/invoke",
	    "application/json",
	    "3e0f563e947daa24daaa319ac37ef2976a1636480d706223e7a510ed6e2d2ac1",
	    "5e5dc3c98a8ce6b451029e0859f0f84f425e1f2c510d88a0b9fc272b6bec2437",
	    { NULL, NULL }),
	BEDROCK("B", "us-east-1",
	    "/model/" MODEL "%3A0/invoke-with-response-stream",
	    "application/vnd.amazon.eventstream",
	    "c244f6c3ba6e6516880c32e6f6dc9e88241c91723491a62af75ef3764794cedb",
	    "ac7742da7fd4836329da62f7a75d6feb8386fb389763816f54be81a5895cc03d",
	    { NULL, NULL }),
	BEDROCK("C", "us-east-1", "/model/" MODEL "%3A0/invoke",
	    "application/json",
	    "5f938d22c398900e41b8f5741b6486b560cac98caaa6793b56bca4e6c72b2ce2",
	    "e558a5e73cf88f0ece409cd0995cf5fcc8accca7709c31fc63b04436df953e54",
	    { "x-amz-security-token", TOKEN }),
	BEDROCK("D", "us-west-2",
	    "/model/arn%3Aaws%3Abedrock%3Aus-west-2%3A123456789012%3A"
	    "application-inference-profile%2Fabcdef123456/invoke",
	    "application/json",
	    "70b2e30fd8db6f420c4150fa3cbb8ca656334a7fc0b34798591f1316285e9d34",
	    "8d9df9898ae7eaccbcfd8a2097e681154f2ddb77190fce54534413b551913708",
	    { NULL, NULL }),
	BEDROCK("E", "us-east-1", "/model/" MODEL ":0/invoke",
	    "application/json",
	    "cb2e8536865b7e9549c77e3ae6159567afc017a4237347a0756610b111f5c049",
	    "0ed623f3ccabfc2eddb20efaa32d48bbcdd16e6ddd7816a1f8a8231f09d9e70b",
	    { NULL, NULL }),
	BEDROCK("F", "us-east-1", "/model/" MODEL "%3A0/invoke",
	    "application/json",
	    "863c43d50a39a520bc27b08837534580a16ef5b7f0e73417ceb83b67e02edf90",
	    "dcc96d4605e74053043664a93a7548460089cbd1c11e51a48760ace02aab5a1a",
	    { "x-amz-content-sha256", BODY_SHA256 }),
};

static void
vector_read(const struct vector *v, uint8_t hash[SIGV4_SHA256],
    struct sigv4 *out)
{
	crypto_hash_sha256(hash, (const uint8_t *)v->body, strlen(v->body));
	*out = (struct sigv4){ .access_key = STR("AKIDEXAMPLE"),
		.secret_key = STR(SECRET),
		.region = str_of(v->region),
		.service = str_of(v->service),
		.wall_ms = v->wall_ms,
		.method = str_of(v->method),
		.path = str_of(v->path),
		.query = str_of(v->query),
		.body_sha256 = hash };
	for (size_t i = 0; i < COUNT(v->fields) && v->fields[i].name; i++)
		out->fields[out->count++] =
		    (struct sigv4_field){ str_of(v->fields[i].name),
			    str_of(v->fields[i].value) };
}

static void
every_case_of_the_suite_is_authorized_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(suite); i++) {
		struct str fields = str_of(suite[i].fields);
		uint8_t hash[SIGV4_SHA256];
		struct buf out;
		struct sigv4 q;

		crypto_hash_sha256(hash, (const uint8_t *)suite[i].body,
		    strlen(suite[i].body));
		q = (struct sigv4){ .access_key = STR("AKIDEXAMPLE"),
			.secret_key = STR(SECRET),
			.region = STR("us-east-1"),
			.service = STR("service"),
			.wall_ms = SUITE_MS,
			.method = str_of(suite[i].method),
			.path = str_of(suite[i].path),
			.query = str_of(suite[i].query),
			.fields = { { STR("host"),
			    STR("example.amazonaws.com") } },
			.count = 1,
			.body_sha256 = hash };
		while (fields.len) {
			struct str value = str_cut(&fields, '\n');
			struct str name = str_cut(&value, ':');

			assert_true(q.count < COUNT(q.fields));
			q.fields[q.count++] =
			    (struct sigv4_field){ name, str_skip(value, 1) };
		}
		buf_init(&out, 4096);
		assert_int_equal(sigv4_sign(&q, &out), OK);
		if (strcmp(buf_cstr(&out), suite[i].authorization) != 0)
			fail_msg("%s: %s", suite[i].name, buf_cstr(&out));
		buf_fini(&out);
	}
}

static void
every_published_vector_is_signed_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		uint8_t hash[SIGV4_SHA256];
		struct sigv4 q;
		struct buf out;

		vector_read(v, hash, &q);
		buf_init(&out, 4096);
		assert_int_equal(sigv4_sign(&q, &out), OK);
		if (!str_ends(buf_str(&out), str_of(v->signature)))
			fail_msg("%s: %.*s", v->name, STR_ARG(buf_str(&out)));
		buf_fini(&out);
	}
}

static void
the_request_that_is_signed_is_the_published_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		uint8_t body_hash[SIGV4_SHA256], hash[SIGV4_SHA256];
		struct buf out, hex;
		struct sigv4 q;

		vector_read(v, body_hash, &q);
		buf_init(&out, 4096);
		buf_init(&hex, 128);
		assert_int_equal(sigv4_canonical(&q, &out), OK);
		crypto_hash_sha256(hash, (const uint8_t *)buf_str(&out).at,
		    buf_len(&out));
		assert_int_equal(enc_hex(&hex,
				     str_at((char *)hash, sizeof(hash))),
		    OK);
		assert_string_equal(buf_cstr(&hex), v->canonical_sha256);
		buf_fini(&out);
		buf_fini(&hex);
	}
}

static void
the_header_names_what_was_signed(void **state)
{
	uint8_t hash[SIGV4_SHA256];
	struct buf out;
	struct sigv4 q;

	(void)state;
	vector_read(&vectors[COUNT(vectors) - 6], hash, &q);
	buf_init(&out, 4096);
	assert_int_equal(sigv4_sign(&q, &out), OK);
	assert_string_equal(buf_cstr(&out),
	    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250102/us-east-1/"
	    "bedrock/aws4_request, "
	    "SignedHeaders=accept;content-type;host;x-amz-date, "
	    "Signature=5e5dc3c98a8ce6b451029e0859f0f84f425e1f2c510d88a0b9fc272"
	    "b6bec2437");
	buf_fini(&out);
}

static void
what_is_too_long_to_sign_is_refused(void **state)
{
	static char long_key[2000];
	uint8_t hash[SIGV4_SHA256];
	struct buf out;
	struct sigv4 q;

	(void)state;
	memset(long_key, 'x', sizeof(long_key));
	vector_read(&vectors[0], hash, &q);
	q.secret_key = str_at(long_key, sizeof(long_key));
	buf_init(&out, 4096);
	assert_int_equal(sigv4_sign(&q, &out), ERR_LIMIT);
	vector_read(&vectors[0], hash, &q);
	q.query = STR("1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17&18&19&20&21&"
		      "22&23&24&25&26&27&28&29&30&31&32&33");
	assert_int_equal(sigv4_sign(&q, &out), ERR_LIMIT);
	assert_int_equal(buf_len(&out), 0);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_of_the_suite_is_authorized_alike),
		cmocka_unit_test(every_published_vector_is_signed_alike),
		cmocka_unit_test(
		    the_request_that_is_signed_is_the_published_one),
		cmocka_unit_test(the_header_names_what_was_signed),
		cmocka_unit_test(what_is_too_long_to_sign_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
