/* SPDX-License-Identifier: MIT */
/* test_client.c - which program a request comes from, and which were seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/client.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* As if the store had said so. */
static void
add(struct clients *cs, const char *name, const char *ua, const char *path)
{
	struct client_rec r = {
		.name = str_of(name), .ua = str_of(ua), .path = str_of(path)
	};
	struct client *c = xcalloc(1, sizeof(*c));
	struct buf blob;
	size_t len;
	char *at;

	buf_init(&blob, 4096);
	assert_int_equal(client_rec_write(&r, &blob), OK);
	at = buf_take(&blob, &len);
	assert_int_equal(client_read(c, at, len), OK);
	clients_insert(cs, c);
}

static const struct {
	const char *name, *method, *path, *agent, *app;
	bool fits;
} cases[] = {
	{ "claude-code", "POST", "/api/v1/messages",
	    "claude-cli/2.1.197 (external, sdk-cli)", "cli", true },
	{ "claude-code", "POST", "/v1/messages/count_tokens",
	    "claude-cli/2.1.197 (external, cli)", "cli", true },
	{ "claude-code", "GET", "/api/v1/models", "claude-code/2.1.197", NULL,
	    true },
	/* What says its name and does not act like it. */
	{ "claude-code", "POST", "/api/v1/messages", "claude-cli/2.1.197", NULL,
	    false },
	{ "claude-code", "POST", "/api/v1/messages", "claude-cli/2.1.197",
	    "web", false },
	{ "claude-code", "POST", "/openai/v1/responses", "claude-cli/2.1.197",
	    "cli", false },
	{ "claude-code", "POST", "/api/v1/messages", "Anthropic/JS 1.10.0",
	    "cli", false },
	{ "claude-code", "POST", "/api/v1/messages", NULL, "cli", false },
	{ "codex", "POST", "/openai/responses",
	    "codex_exec/0.169.0 (Debian 12.0.0; x86_64)", NULL, true },
	{ "codex", "POST", "/openai/v1/responses/compact", "codex-tui/0.169.0",
	    NULL, true },
	{ "codex", "GET", "/openai/v1/models", "codex_cli_rs/0.169.0", NULL,
	    true },
	{ "codex", "POST", "/v1/messages", "codex_exec/0.169.0", NULL, false },
	{ "gemini-cli", "POST", "/gemini/v1internal:generateContent",
	    "GeminiCLI-tui/0.61.0/gemini-2.5-pro (linux; x64; terminal) "
	    "google-api-nodejs-client/10.9.0",
	    NULL, true },
	{ "droid", "POST", "/droid/claude/v1/messages", "factory-cli/0.225.2",
	    NULL, true },
	{ "anthropic-sdk", "POST", "/v1/messages", "Anthropic/JS 1.10.0", NULL,
	    true },
	{ "openai-sdk", "POST", "/v1/responses", "AsyncOpenAI/Python 2.1", NULL,
	    true },
	{ "cherry-studio", "POST", "/v1/chat/completions",
	    "Mozilla/5.0 (Macintosh) AppleWebKit/537.36 (KHTML, like Gecko) "
	    "CherryStudio/1.5.0 Chrome/134.0 Electron/35.0 Safari/537.36",
	    NULL, true },
	{ "cursor", "POST", "/v1/chat/completions", "Precursor/1", NULL,
	    false },
	{ "mine", "POST", "/v1/messages", "MyTool/1", NULL, true },
	{ "mine", "POST", "/v1/messages", "other-2", NULL, true },
	{ "mine", "POST", "/v1/responses", "MyTool/1", NULL, false },
	{ "mine", "POST", "/v1/messages", NULL, NULL, false },
	{ "by-path", "POST", "/droid/claude/v1/messages", NULL, NULL, true },
	{ "by-path", "POST", "/v1/messages", NULL, NULL, false },
	/* It was removed meanwhile. */
	{ "gone", "POST", "/v1/messages", "MyTool/1", NULL, false },
};

static void
furnish(struct clients *cs)
{
	clients_init(cs, NULL);
	add(cs, "mine", "MyTool/*| other-?", "*/messages");
	add(cs, "by-path", "", "/droid/*");
}

static void
a_client_is_told_by_what_it_says_and_asks(void **state)
{
	struct clients cs;

	(void)state;
	furnish(&cs);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http1_head h = { .method = str_of(cases[i].method) };

		if (cases[i].agent) {
			h.fields[h.count].name = STR("User-Agent");
			h.fields[h.count++].value = str_of(cases[i].agent);
		}
		if (cases[i].app) {
			h.fields[h.count].name = STR("x-app");
			h.fields[h.count++].value = str_of(cases[i].app);
		}
		assert_int_equal(client_fits(&cs, str_of(cases[i].name), &h,
				     str_of(cases[i].path)),
		    cases[i].fits);
	}
	clients_fini(&cs);
}

static const struct {
	const char *name, *ua, *path;
	const char *field, *says; /* NULL: it is accepted */
} checks[] = {
	{ "tool", "Tool/*", "", NULL, NULL },
	{ "tool", "", "/v1/messages*", NULL, NULL },
	{ "tool", "*", "/v1/messages*", NULL, NULL },
	{ "tool", "", "", "ua", "every client" },
	{ "tool", "*", "*", "ua", "every client" },
	{ "tool", "a|*", "**", "ua", "every client" },
	{ "tool", "a||b", "", "ua", "MyTool/*|mytool-*" },
	{ "tool", "a|", "", "ua", "MyTool/*|mytool-*" },
	{ "tool", "a\tb", "", "ua", "MyTool/*|mytool-*" },
	{ "tool", "a", "\x01", "path", "*/v1/messages*" },
	{ "codex", "a", "", "name", "knows a client codex already" },
	{ "a,b", "a", "", "name", "letters" },
	{ "", "a", "", "name", "letters" },
};

static void
what_tells_nothing_is_no_client(void **state)
{
	struct clients cs;

	(void)state;
	clients_init(&cs, NULL);
	for (size_t i = 0; i < COUNT(checks); i++) {
		struct client_rec r = { .name = str_of(checks[i].name),
			.ua = str_of(checks[i].ua),
			.path = str_of(checks[i].path) };
		struct why why = { .text = "" };
		enum err e = client_check(&cs, &r, &why);

		if (!checks[i].field) {
			assert_int_equal(e, OK);
			continue;
		}
		assert_int_not_equal(e, OK);
		assert_string_equal(why.field, checks[i].field);
		assert_non_null(strstr(why.text, checks[i].says));
	}
	clients_fini(&cs);
}

static void
there_is_an_end_to_what_may_be_added(void **state)
{
	struct client_rec r = { .name = STR("one-more"), .ua = STR("a") };
	struct clients cs;
	struct why why;
	char name[16];

	(void)state;
	clients_init(&cs, NULL);
	for (int i = 0; i < CLIENTS_MAX; i++) {
		assert_int_equal(client_check(&cs, &r, &why), OK);
		snprintf(name, sizeof(name), "c%d", i);
		add(&cs, name, "a", "");
	}
	assert_int_equal(client_check(&cs, &r, &why), ERR_LIMIT);
	clients_fini(&cs);
}

static void
names_of_clients_are_known_or_the_known_are_told(void **state)
{
	struct clients cs;
	struct why why = { .text = "" };

	(void)state;
	furnish(&cs);
	assert_int_equal(clients_check(&cs, STR("codex, mine"), &why), OK);
	assert_int_equal(clients_check(&cs, STR("codex, claude"), &why),
	    ERR_UNKNOWN);
	assert_string_equal(why.field, "clients");
	assert_non_null(strstr(why.text, "\"claude\""));
	assert_non_null(strstr(why.text, "claude-code, codex"));
	assert_non_null(strstr(why.text, "mine"));
	clients_fini(&cs);
}

/* --- seen ------------------------------------------------------------------ */

static const struct {
	const char *agent, *product, *client;
} agents[] = {
	{ "claude-cli/2.1.197 (external, cli)", "claude-cli", "claude-code" },
	{ "GeminiCLI-tui/0.61.0/gemini-2.5-pro (linux)", "GeminiCLI-tui",
	    "gemini-cli" },
	{ "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) "
	  "CherryStudio/1.5.0 Chrome/134.0",
	    "CherryStudio", "cherry-studio" },
	{ "curl", "curl", "" },
	{ "MyTool/1", "MyTool", "mine" },
	{ "evil\x1b[31m\r", "evil?[31m?", "" },
	{ "", "", "" },
};

static void
what_was_seen_is_told_by_product(void **state)
{
	struct client_seen *s;
	struct clients cs;

	(void)state;
	furnish(&cs);
	for (size_t i = 0; i < COUNT(agents); i++) {
		clients_see(&cs, str_of(agents[i].agent), 7);
		s = TAILQ_FIRST(&cs.seen);
		assert_string_equal(s->name, agents[i].product);
		assert_true(str_eq(client_of(&cs, str_of(s->says)),
		    str_of(agents[i].client)));
	}
	clients_see(&cs, STR("claude-cli/9.9 (external, cli)"), 8);
	s = TAILQ_FIRST(&cs.seen);
	assert_int_equal(s->requests, 2);
	assert_int_equal(s->at_wall_ms, 8);
	assert_string_equal(s->says, "claude-cli/9.9 (external, cli)");
	assert_int_equal(map_count(&cs.seen_by_name), COUNT(agents));
	clients_fini(&cs);
}

static void
whoever_was_not_seen_for_longest_makes_room(void **state)
{
	char agent[CLIENT_SAYS_TEXT * 2];
	const struct client_seen *s;
	struct clients cs;
	size_t n = 0;

	(void)state;
	clients_init(&cs, NULL);
	for (int i = 0; i < CLIENT_SEEN_MAX + 10; i++) {
		/* The first stays in sight. */
		clients_see(&cs, STR("tool-0/1"), i);
		snprintf(agent, sizeof(agent), "tool-%d/1 %0200d", i, i);
		clients_see(&cs, str_of(agent), i);
	}
	assert_int_equal(map_count(&cs.seen_by_name), CLIENT_SEEN_MAX);
	assert_non_null(map_get(&cs.seen_by_name, STR("tool-0")));
	assert_null(map_get(&cs.seen_by_name, STR("tool-1")));
	assert_null(map_get(&cs.seen_by_name, STR("tool-10")));
	assert_non_null(map_get(&cs.seen_by_name, STR("tool-11")));
	TAILQ_FOREACH (s, &cs.seen, link)
		n++;
	assert_int_equal(n, CLIENT_SEEN_MAX);
	clients_fini(&cs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_told_by_what_it_says_and_asks),
		cmocka_unit_test(what_tells_nothing_is_no_client),
		cmocka_unit_test(there_is_an_end_to_what_may_be_added),
		cmocka_unit_test(
		    names_of_clients_are_known_or_the_known_are_told),
		cmocka_unit_test(what_was_seen_is_told_by_product),
		cmocka_unit_test(whoever_was_not_seen_for_longest_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
