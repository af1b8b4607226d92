/* SPDX-License-Identifier: MIT */
/* test_url.c - addresses taken apart, and those that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/url.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* NULL in a column: the part is not there. */
static const struct {
	const char *text;
	enum url_scheme scheme;
	const char *user, *password, *host;
	unsigned port;
	const char *path, *query, *authority;
} good[] = {
	{ "https://api.example.com", URL_HTTPS, NULL, NULL, "api.example.com",
	    443, "", NULL, "api.example.com" },
	{ "http://a/", URL_HTTP, NULL, NULL, "a", 80, "/", NULL, "a" },
	{ "HTTP://A:8080/b/c?d=e?f", URL_HTTP, NULL, NULL, "A", 8080, "/b/c",
	    "d=e?f", "A:8080" },
	{ "https://a?b", URL_HTTPS, NULL, NULL, "a", 443, "", "b", "a" },
	{ "https://a/?", URL_HTTPS, NULL, NULL, "a", 443, "/", "", "a" },
	{ "https://a:443/", URL_HTTPS, NULL, NULL, "a", 443, "/", NULL, "a" },
	{ "http://a:443/", URL_HTTP, NULL, NULL, "a", 443, "/", NULL, "a:443" },
	{ "socks5://127.0.0.1", URL_SOCKS5, NULL, NULL, "127.0.0.1", 1080, "",
	    NULL, "127.0.0.1" },
	{ "socks5h://u:p%40s@p_x.example:1", URL_SOCKS5H, "u", "p%40s",
	    "p_x.example", 1, "", NULL, "p_x.example:1" },
	{ "http://u@a", URL_HTTP, "u", NULL, "a", 80, "", NULL, "a" },
	{ "http://u:@a", URL_HTTP, "u", "", "a", 80, "", NULL, "a" },
	{ "http://[::1]", URL_HTTP, NULL, NULL, "::1", 80, "", NULL, "[::1]" },
	{ "https://[2001:db8::1]:8443/x", URL_HTTPS, NULL, NULL, "2001:db8::1",
	    8443, "/x", NULL, "[2001:db8::1]:8443" },
	{ "http://a:65535", URL_HTTP, NULL, NULL, "a", 65535, "", NULL,
	    "a:65535" },
	{ "http://a/b@c:d//e", URL_HTTP, NULL, NULL, "a", 80, "/b@c:d//e", NULL,
	    "a" },
};

/* Is the part what the column says? */
static bool
part_is(struct str part, const char *column)
{
	return !part.at == !column && str_eq(part, str_of(column));
}

static void
addresses_are_taken_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct why why = { .text = "" };
		struct buf b;
		struct url u;

		if (url_read(str_of(good[i].text), &u, &why))
			fail_msg("%s: %s", good[i].text, why.text);
		buf_init(&b, 100);
		assert_int_equal(url_put_authority(&b, &u), OK);
		if (u.scheme != good[i].scheme || u.port != good[i].port ||
		    !part_is(u.user, good[i].user) ||
		    !part_is(u.password, good[i].password) ||
		    !part_is(u.host, good[i].host) ||
		    !str_eq(u.path, str_of(good[i].path)) ||
		    !part_is(u.query, good[i].query) ||
		    !part_is(buf_str(&b), good[i].authority))
			fail_msg("%s", good[i].text);
		buf_fini(&b);
	}
}

static void
what_is_no_address_is_refused_with_a_reason(void **state)
{
	static const char *const bad[] = {
		"",
		"a",
		"a/b",
		"//a",
		"http:",
		"http:/a",
		"http://",
		"ftp://a",
		"https//a",
		"socks4://a",
		"httpx://a",
		" http://a",
		"http://a ",
		"http://a/b c",
		"http://a/\t",
		"http://a/\x7f",
		"http://a/\xc3\xa9",
		"http://\xc3\xa9",
		"http://a\\b",
		"http://a/b\\c",
		"http://a#b",
		"http://a/#",
		"http://a/%",
		"http://a/%2",
		"http://a/%zz",
		"http:///b",
		"http://?b",
		"http://:80",
		"http://@a",
		"http://:p@a",
		"http://u:p:q@a",
		"http://u@v@a",
		"http://u@",
		"http://a:",
		"http://a:0",
		"http://a:65536",
		"http://a:99999",
		"http://a:000080",
		"http://a:+80",
		"http://a:8x",
		"http://a:80:81",
		"http://.a",
		"http://a,b",
		"http://a*b",
		"http://%61",
		"http://[",
		"http://[]",
		"http://[::1",
		"http://::1",
		"http://[::1]a",
		"http://[::1]:",
		"http://[::1]:0",
		"http://[::g]",
		"http://[1.2.3.4]",
		"http://[fe80::1%25eth0]",
		"http://a]",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct why why = { .text = "" };
		struct url u;

		if (url_read(str_of(bad[i]), &u, &why) != ERR_SYNTAX)
			fail_msg("\"%s\"", bad[i]);
		assert_string_equal(why.field, "url");
		assert_true(why.text[0] != '\0');
	}
}

static void
reasons_do_not_tell_the_password(void **state)
{
	struct why why;
	struct url u;

	(void)state;
	assert_int_equal(url_read(STR("http://u:secret@a:0"), &u, &why),
	    ERR_SYNTAX);
	assert_null(strstr(why.text, "secret"));
	assert_int_equal(url_read(STR("http://u:secret@"), &u, &why),
	    ERR_SYNTAX);
	assert_null(strstr(why.text, "secret"));
}

static void
names_have_253_bytes_at_most(void **state)
{
	struct buf b;
	struct url u;

	(void)state;
	buf_init(&b, 1000);
	buf_must(&b, STR("http://"));
	for (unsigned i = 0; i < 253; i++)
		buf_must(&b, STR("a"));
	assert_int_equal(url_read(buf_str(&b), &u, NULL), OK);
	buf_must(&b, STR("a"));
	assert_int_equal(url_read(buf_str(&b), &u, NULL), ERR_SYNTAX);
	buf_fini(&b);
}

static void
parameters_are_found_as_a_server_would(void **state)
{
	static const struct {
		const char *query, *value;
	} cases[] = {
		{ "key=a", "a" },
		{ "x=1&key=a&key=b", "a" },
		{ "key", "" },
		{ "key=", "" },
		{ "key=a=b", "a=b" },
		{ "key=%41", "%41" },
		{ "%6bey=a", "a" },
		{ "%6B%65%79=a", "a" },
		{ "&&key=a", "a" },
		{ "keys=a", NULL },
		{ "ke=a", NULL },
		{ "KEY=a", NULL },
		{ "x=key=a", NULL },
		{ "%6be%7=a", NULL },
		{ "", NULL },
		{ "+key=a", NULL },
		{ "key%00=a", NULL },
		{ NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct str value = { NULL, 0 };
		bool found =
		    url_query_get(str_of(cases[i].query), STR("key"), &value);

		assert_int_equal(found, cases[i].value != NULL);
		assert_true(str_eq(value, str_of(cases[i].value)));
	}
}

static void
a_removed_parameter_leaves_the_others_alone(void **state)
{
	static const struct {
		const char *query, *left;
	} cases[] = {
		{ "key=a", "" },
		{ "key=a&b=c", "b=c" },
		{ "b=c&key=a", "b=c" },
		{ "a=%2f&key=x&b==&c", "a=%2f&b==&c" },
		{ "key=1&%6bey=2&k=3&KEY=4", "k=3&KEY=4" },
		{ "alt=sse", "alt=sse" },
		{ "a&&b", "a&&b" },
		{ "&key=a&", "&" },
		{ "", "" },
		{ NULL, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf b;

		buf_init(&b, 100);
		assert_int_equal(url_query_without(&b, str_of(cases[i].query),
				     STR("key")),
		    OK);
		assert_string_equal(buf_cstr(&b), cases[i].left);
		buf_fini(&b);
	}
}

static void
what_does_not_fit_leaves_nothing_behind(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 6);
	buf_must(&b, STR("xx"));
	assert_int_equal(url_query_without(&b, STR("aa&key&bb"), STR("key")),
	    ERR_LIMIT);
	assert_string_equal(buf_cstr(&b), "xx");
	assert_int_equal(url_query_without(&b, STR("aa&key&b"), STR("key")),
	    OK);
	assert_string_equal(buf_cstr(&b), "xxaa&b");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_taken_apart),
		cmocka_unit_test(what_is_no_address_is_refused_with_a_reason),
		cmocka_unit_test(reasons_do_not_tell_the_password),
		cmocka_unit_test(names_have_253_bytes_at_most),
		cmocka_unit_test(parameters_are_found_as_a_server_would),
		cmocka_unit_test(a_removed_parameter_leaves_the_others_alone),
		cmocka_unit_test(what_does_not_fit_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
