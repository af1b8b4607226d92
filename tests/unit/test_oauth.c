/* SPDX-License-Identifier: MIT */
/* test_oauth.c - what is asked at a sign-in, and how its answers are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/json.h"

#include "relayd/provider.h"

static struct oauth_flow
flow_of(const struct provider *p)
{
	struct oauth_flow f = { .provider = p,
		.client = STR("client-1"),
		.api_url = STR("https://api.example.org") };
	uint8_t random[64];

	for (size_t i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)i;
	oauth_flow_draw(&f, random);
	return f;
}

/* --- PKCE ------------------------------------------------------------------------ */

static void
the_challenge_is_that_of_rfc_7636(void **state)
{
	char out[OAUTH_RANDOM];

	(void)state;
	oauth_challenge(STR("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
	    out);
	assert_string_equal(out, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

static void
verifier_and_state_are_43_characters_and_differ(void **state)
{
	struct oauth_flow f = flow_of(&provider_claude_oauth);

	(void)state;
	assert_int_equal(strlen(f.verifier), 43);
	assert_int_equal(strlen(f.state), 43);
	assert_string_not_equal(f.verifier, f.state);
}

/* --- the address ------------------------------------------------------------------ */

static void
the_address_holds_every_parameter_once(void **state)
{
	static const char *const params[] = { "code=true", "client_id=client-1",
		"response_type=code",
		"redirect_uri=https%3A%2F%2Fplatform.claude.com%2F",
		"scope=user%3Aprofile%20user%3Ainference%20",
		"code_challenge_method=S256", "code_challenge=", "state=" };
	struct oauth_flow f = flow_of(&provider_claude_oauth);
	struct buf url;

	(void)state;
	buf_init(&url, 8192);
	assert_int_equal(oauth_authorize(&f, &url), OK);
	assert_true(str_starts(buf_str(&url),
	    STR("https://claude.ai/oauth/authorize?code=true&")));
	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		ptrdiff_t at = str_find(buf_str(&url), str_of(params[i]));

		assert_true(at >= 0);
	}
	/* The verifier stays here. */
	assert_true(str_find(buf_str(&url), str_of(f.verifier)) < 0);
	buf_fini(&url);
}

static void
an_address_of_the_operators_stands_for_all_origins(void **state)
{
	struct oauth_flow f = flow_of(&provider_claude_oauth);
	struct oauth_ask ask;
	struct buf url;

	(void)state;
	f.auth_url = STR("http://127.0.0.1:9");
	buf_init(&url, 8192);
	oauth_ask_init(&ask);
	assert_int_equal(oauth_authorize(&f, &url), OK);
	assert_int_equal(oauth_renew(&f, STR("r"), &ask), OK);
	assert_true(str_starts(buf_str(&url),
	    STR("http://127.0.0.1:9/oauth/authorize?")));
	assert_string_equal(buf_cstr(&ask.url),
	    "http://127.0.0.1:9/v1/oauth/token");
	buf_fini(&url);
	oauth_ask_fini(&ask);
}

/* --- asking for tokens ------------------------------------------------------------ */

static const char *
member(const struct json *o, const char *key)
{
	static char text[256];
	struct str value = STR("");

	assert_int_equal(json_as_str(json_at(o, key), &value), OK);
	snprintf(text, sizeof(text), "%.*s", STR_ARG(value));
	return text;
}

static void
an_exchange_proves_who_began_it(void **state)
{
	struct oauth_flow f = flow_of(&provider_claude_setup_token);
	struct oauth_ask ask;
	struct json *body;
	int64_t life;

	(void)state;
	oauth_ask_init(&ask);
	assert_int_equal(oauth_exchange(&f, STR("co\"de"), &ask), OK);
	assert_string_equal(ask.method, "POST");
	assert_int_equal(json_parse(buf_str(&ask.body), 65536, &body, NULL),
	    OK);
	assert_string_equal(member(body, "grant_type"), "authorization_code");
	assert_string_equal(member(body, "code"), "co\"de");
	assert_string_equal(member(body, "code_verifier"), f.verifier);
	assert_string_equal(member(body, "state"), f.state);
	/* A number, not a text. */
	assert_int_equal(json_as_i64(json_at(body, "expires_in"), &life), OK);
	assert_int_equal(life, 31536000);
	json_free(body);
	oauth_ask_fini(&ask);
}

static const struct oauth form_oauth = {
	.authorize = { "https://id.example.org", "/auth" },
	.token = { "https://id.example.org", "/token" },
	.device = { "https://id.example.org", "/device" },
	.redirect = "http://localhost:1/cb",
	.scopes = "a b",
};
static const struct provider form_provider = { .name = "form",
	.oauth = &form_oauth };

static void
a_form_is_encoded_exactly_once(void **state)
{
	struct oauth_flow f = flow_of(&form_provider);
	struct oauth_ask ask;

	(void)state;
	f.client_secret = STR("s&cret");
	oauth_ask_init(&ask);
	assert_int_equal(oauth_renew(&f, STR("1//a+b=%"), &ask), OK);
	assert_string_equal(buf_cstr(&ask.body),
	    "grant_type=refresh_token&refresh_token=1%2F%2Fa%2Bb%3D%25&"
	    "client_id=client-1&client_secret=s%26cret");
	assert_string_equal(buf_cstr(&ask.fields[0]),
	    "Content-Type: application/x-www-form-urlencoded");
	oauth_ask_fini(&ask);
}

/* --- pasted answers ---------------------------------------------------------------- */

static void
every_form_of_a_pasted_answer_gives_the_code(void **state)
{
	struct oauth_flow f = flow_of(&provider_claude_oauth);
	static const char *const forms[] = {
		"the-code-1234",
		"  the-code-1234\r\n",
		"the-code-1234#%s",
		"\x1b[200~the-code-1234#%s\x1b[201~\n",
		"https://platform.claude.com/oauth/code/callback?code=the-code-"
		"1234&state=%s",
		"http://localhost:1455/auth/callback?state=%s&code=the%%2Dcode-"
		"1234#",
		"code=the-code-1234&state=%s",
		"the-code-1234&scope=x",
		/* A terminal that broke the line. */
		"the-code-\n1234#%s",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		char text[512];
		struct why why = { .text = "" };
		struct buf code;
		enum err e;

		buf_init(&code, OAUTH_PASTE_MAX);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), forms[i], f.state);
#pragma GCC diagnostic pop
		e = oauth_paste(&f, str_of(text), &code, &why);
		if (e)
			print_message("%s: %s\n", text, why.text);
		assert_int_equal(e, OK);
		assert_string_equal(buf_cstr(&code), "the-code-1234");
		buf_fini(&code);
	}
}

static void
a_wrong_answer_says_what_is_wrong(void **state)
{
	static const struct {
		const char *said;
		enum err e;
		const char *word;
	} cases[] = {
		{ "the-code-1234#another", ERR_STALE, "another sign-in" },
		{ "http://l/cb?code=the-code&state=another", ERR_STALE,
		    "another sign-in" },
		{ "http://l/cb?error=access_denied&state=x", ERR_DENIED,
		    "access_denied" },
		{ "", ERR_SYNTAX, "no code" },
		{ "#", ERR_STALE, "another sign-in" },
		{ "http://l/cb?state=", ERR_SYNTAX, "no code" },
		{ "https://claude.ai/nothing", ERR_SYNTAX, "no code" },
		{ "http://l/cb?code=a%2", ERR_SYNTAX, "damaged" },
	};
	struct oauth_flow f = flow_of(&provider_claude_oauth);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct why why = { .text = "" };
		struct buf code;

		buf_init(&code, OAUTH_PASTE_MAX);
		assert_int_equal(oauth_paste(&f, str_of(cases[i].said), &code,
				     &why),
		    cases[i].e);
		assert_non_null(strstr(why.text, cases[i].word));
		assert_int_equal(buf_len(&code), 0);
		buf_fini(&code);
	}
}

/* --- answers of token endpoints ------------------------------------------------------ */

static void
an_answer_is_what_its_status_and_words_say(void **state)
{
	static const struct {
		unsigned status;
		const char *body;
		enum err e;
	} cases[] = {
		{ 200, "{\"access_token\":\"a\",\"refresh_token\":\"r\"}", OK },
		{ 200, "{\"refresh_token\":\"r\"}", ERR_SYNTAX },
		{ 200, "{\"access_token\":\"a\\r\\nX: y\"}", ERR_SYNTAX },
		{ 200, "<html>", ERR_SYNTAX },
		{ 400, "{\"error\":\"invalid_grant\"}", ERR_DENIED },
		{ 401, "{\"error\":{\"code\":\"refresh_token_reused\"}}",
		    ERR_DENIED },
		{ 400, "{\"code\":\"refresh_token_expired\"}", ERR_DENIED },
		{ 400, "{\"error\":\"invalid_client\"}", ERR_VALUE },
		{ 404, "not here", ERR_VALUE },
		{ 429, "{\"error\":{\"type\":\"rate_limit_error\"}}",
		    ERR_AGAIN },
		{ 500, "", ERR_AGAIN },
		{ 503, "{\"error\":\"x\"}", ERR_AGAIN },
	};
	struct oauth_flow f = flow_of(&provider_claude_oauth);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct oauth_grant g;
		struct why why;

		oauth_grant_init(&g);
		assert_int_equal(oauth_read(&f, cases[i].status,
				     str_of(cases[i].body), &g, &why),
		    cases[i].e);
		oauth_grant_fini(&g);
	}
}

static void
a_refusal_is_told_in_words_without_what_may_be_a_token(void **state)
{
	static const struct {
		const char *body, *text;
	} cases[] = {
		{ "not here", "403" },
		{ "{\"error\":\"invalid_client\"}", "403 invalid_client" },
		{ "{\"error\":\"no\",\"error_description\":\"of no use: "
		  "sk-ant-ort01-0123456789abcdefghijklmnopqrstuv, \\u001b[1m"
		  "\\u00e9\"}",
		    "403 no: of no use: **** ?[1m??" },
	};
	struct oauth_flow f = flow_of(&provider_claude_oauth);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct oauth_grant g;
		struct why why;

		oauth_grant_init(&g);
		assert_int_equal(oauth_read(&f, 403, str_of(cases[i].body), &g,
				     &why),
		    ERR_VALUE);
		assert_string_equal(why.text, cases[i].text);
		oauth_grant_fini(&g);
	}
}

static void
a_refresh_token_that_is_not_told_again_stays(void **state)
{
	struct oauth_flow f = flow_of(&provider_claude_oauth);
	struct oauth_grant g;

	(void)state;
	oauth_grant_init(&g);
	assert_int_equal(
	    oauth_read(&f, 200,
		STR("{\"access_token\":\"a1\",\"refresh_token\":\"r1\","
		    "\"expires_in\":60,\"account\":{\"uuid\":\"u\","
		    "\"email_address\":\"a@b\"}}"),
		&g, NULL),
	    OK);
	assert_int_equal(oauth_read(&f, 200, STR("{\"access_token\":\"a2\"}"),
			     &g, NULL),
	    OK);
	assert_string_equal(buf_cstr(&g.access), "a2");
	assert_string_equal(buf_cstr(&g.refresh), "r1");
	assert_int_equal(g.life_s, 0);
	assert_true(str_eq(oauth_grant_text(&g, GRANT_email), STR("a@b")));
	assert_true(str_eq(oauth_grant_text(&g, GRANT_subject), STR("u")));
	oauth_grant_fini(&g);
}

/* --- device flow ------------------------------------------------------------------------ */

static void
a_device_flow_waits_at_the_pace_it_is_told(void **state)
{
	struct oauth_flow f = flow_of(&form_provider);
	struct oauth_device d;
	struct oauth_grant g;
	struct why why;
	int64_t pace;

	(void)state;
	oauth_device_init(&d);
	oauth_grant_init(&g);
	assert_int_equal(
	    oauth_device_read(&f, 200,
		STR("{\"device_code\":\"d\",\"user_code\":\"AB-CD\","
		    "\"verification_uri\":\"https://x/y\",\"interval\":7}"),
		&d, &why),
	    OK);
	pace = d.interval_s;
	assert_int_equal(pace, 7);
	assert_int_equal(d.life_s, 300);
	assert_int_equal(oauth_poll_read(&f, 400,
			     STR("{\"error\":\"authorization_pending\"}"),
			     &pace, &g, &why),
	    ERR_AGAIN);
	assert_int_equal(pace, 7);
	assert_int_equal(oauth_poll_read(&f, 400,
			     STR("{\"error\":\"slow_down\"}"), &pace, &g, &why),
	    ERR_AGAIN);
	assert_int_equal(pace, 12);
	assert_int_equal(oauth_poll_read(&f, 400,
			     STR("{\"error\":\"expired_token\"}"), &pace, &g,
			     &why),
	    ERR_TIMEOUT);
	assert_int_equal(oauth_poll_read(&f, 400,
			     STR("{\"error\":\"access_denied\"}"), &pace, &g,
			     &why),
	    ERR_DENIED);
	assert_int_equal(oauth_poll_read(&f, 200,
			     STR("{\"access_token\":\"a\"}"), &pace, &g, &why),
	    OK);
	assert_string_equal(buf_cstr(&g.access), "a");
	oauth_device_fini(&d);
	oauth_grant_fini(&g);
}

/* --- files of other clients ----------------------------------------------------------------- */

static void
a_file_is_known_by_what_stands_in_it(void **state)
{
	static const struct {
		const char *file;
		enum err e;
		const char *word;
	} cases[] = {
		{ "{\"claudeAiOauth\":{\"accessToken\":\"a\",\"refreshToken\":"
		  "\"r\",\"expiresAt\":1700000000000,\"scopes\":[\"x\",\"y\"],"
		  "\"subscriptionType\":\"max\"}}",
		    OK, "" },
		{ "{\"claudeAiOauth\":{}}", ERR_VALUE, "no tokens" },
		{ "{\"other\":1}", ERR_UNKNOWN, "auth.json" },
		{ "not json", ERR_SYNTAX, "JSON" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct provider *kind = NULL;
		struct why why = { .text = "" };
		struct oauth_grant g;

		oauth_grant_init(&g);
		assert_int_equal(oauth_import(str_of(cases[i].file), &kind, &g,
				     &why),
		    cases[i].e);
		if (cases[i].e) {
			assert_non_null(strstr(why.text, cases[i].word));
		} else {
			assert_ptr_equal(kind, &provider_claude_oauth);
			assert_true(str_eq(oauth_grant_text(&g, GRANT_scopes),
			    STR("x y")));
			assert_int_equal(g.until_wall_ms, 1700000000000);
		}
		oauth_grant_fini(&g);
	}
}

/* --- when ------------------------------------------------------------------------------------ */

#define MINUTE 60000LL

static void
a_token_is_renewed_some_time_before_its_end(void **state)
{
	static const struct {
		int64_t life, lead;
	} cases[] = { { 480 * MINUTE, 10 * MINUTE },
		{ 60 * MINUTE, 10 * MINUTE }, { 10 * MINUTE, 2 * MINUTE },
		{ MINUTE, 12000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t until = 1000 * MINUTE + cases[i].life;
		int64_t first = INT64_MAX, last = 0;

		for (int n = 0; n < 200; n++) {
			char name[16];
			int64_t at, lead;

			snprintf(name, sizeof(name), "a%d", n);
			at = oauth_renew_at(str_of(name), 1000 * MINUTE, until);
			lead = until - at;
			assert_true(lead >= cases[i].lead * 9 / 10 &&
			    lead <= cases[i].lead * 11 / 10);
			/* The same whenever it is asked. */
			assert_int_equal(at,
			    oauth_renew_at(str_of(name), 1000 * MINUTE, until));
			first = at < first ? at : first;
			last = at > last ? at : last;
		}
		/* And not all at once. */
		assert_true(last - first > cases[i].lead / 10);
	}
	assert_int_equal(oauth_renew_at(STR("a"), 0, 0), 0);
}

static void
failures_wait_longer_and_longer(void **state)
{
	(void)state;
	assert_int_equal(oauth_renew_wait_ms(1), 5000);
	assert_int_equal(oauth_renew_wait_ms(2), 10000);
	assert_int_equal(oauth_renew_wait_ms(6), 160000);
	assert_int_equal(oauth_renew_wait_ms(7), 300000);
	assert_int_equal(oauth_renew_wait_ms(4000000000u), 300000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_challenge_is_that_of_rfc_7636),
		cmocka_unit_test(
		    verifier_and_state_are_43_characters_and_differ),
		cmocka_unit_test(the_address_holds_every_parameter_once),
		cmocka_unit_test(
		    an_address_of_the_operators_stands_for_all_origins),
		cmocka_unit_test(an_exchange_proves_who_began_it),
		cmocka_unit_test(a_form_is_encoded_exactly_once),
		cmocka_unit_test(every_form_of_a_pasted_answer_gives_the_code),
		cmocka_unit_test(a_wrong_answer_says_what_is_wrong),
		cmocka_unit_test(an_answer_is_what_its_status_and_words_say),
		cmocka_unit_test(
		    a_refusal_is_told_in_words_without_what_may_be_a_token),
		cmocka_unit_test(a_refresh_token_that_is_not_told_again_stays),
		cmocka_unit_test(a_device_flow_waits_at_the_pace_it_is_told),
		cmocka_unit_test(a_file_is_known_by_what_stands_in_it),
		cmocka_unit_test(a_token_is_renewed_some_time_before_its_end),
		cmocka_unit_test(failures_wait_longer_and_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
