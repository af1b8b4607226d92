/* SPDX-License-Identifier: MIT */
/* test_control.c - the control socket, with a store in memory: who may do
 * what, what is answered, and what rude clients can not do. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/mem.h"
#include "proto/ulid.h"

#include "relayd/conf.h"
#include "relayd/dial.h"
#include "relayd/dns.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/prices.h"
#include "relayd/relay.h"
#include "tests/support/controlbox.h"

#define ADD(name)                                                              \
	"{\"kind\":\"claude-api\",\"name\":\"" name                            \
	"\",\"credential\":\"" SECRET "\",\"fields\":{\"note\":\"n\"}}"

/* --- accounts and keys ----------------------------------------------------- */

static void
an_account_is_added_shown_changed_and_removed(void **state)
{
	struct house *h = *state;
	struct client c;
	struct ctl_frame f;

	client_connect(&c, h);
	asked_well(&c, "account.add", ADD("work"));
	assert_non_null(pool_find(&h->pool, STR("work")));
	asked_badly(&c, "account.add", ADD("work"), ERR_EXISTS);

	f = ask(&c, "account.list", "{}");
	assert_int_equal(json_count(f.data), 1);
	assert_true(str_eq(text_at(json_first(f.data), "credential_end"),
	    STR("0001")));
	ctl_frame_fini(&f);

	asked_well(&c, "account.set",
	    "{\"name\":\"work\",\"fields\":{\"priority\":\"7\"}}");
	assert_int_equal(pool_find(&h->pool, STR("work"))->rec.priority, 7);
	/* What was not said stays, the credential too. */
	assert_true(str_eq(pool_find(&h->pool, STR("work"))->credential,
	    STR(SECRET)));
	asked_badly(&c, "account.set",
	    "{\"name\":\"work\",\"fields\":{\"priority\":\"777\"}}", ERR_VALUE);
	asked_badly(&c, "account.set",
	    "{\"name\":\"work\",\"fields\":{\"colour\":\"red\"}}", ERR_UNKNOWN);
	asked_well(&c, "account.rm", "{\"name\":\"work\"}");
	assert_null(pool_find(&h->pool, STR("work")));
	asked_badly(&c, "account.show", "{\"name\":\"work\"}", ERR_UNKNOWN);
	client_fini(&c);
}

static void
a_held_account_says_who_held_it_and_why(void **state)
{
	struct house *h = *state;
	struct client c;
	struct ctl_frame f;
	char by[32];

	snprintf(by, sizeof(by), "uid:%ld", (long)geteuid());
	client_connect(&c, h);
	asked_well(&c, "account.add", ADD("work"));
	f = ask(&c, "account.hold",
	    "{\"name\":\"work\",\"reason\":\"too dear\"}");
	assert_true(str_eq(text_at(f.data, "state"), STR("held")));
	assert_true(str_eq(text_at(f.data, "held_reason"), STR("too dear")));
	assert_true(str_eq(text_at(f.data, "held_by"), str_of(by)));
	ctl_frame_fini(&f);
	f = ask(&c, "account.release", "{\"name\":\"work\"}");
	assert_true(str_eq(text_at(f.data, "state"), STR("ready")));
	assert_true(str_eq(text_at(f.data, "held_reason"), STR("")));
	ctl_frame_fini(&f);

	gate_shut(&pool_find(&h->pool, STR("work"))->gates, GATE_RATE,
	    loop_ms(h->d.loop) + 60000, "slow down");
	f = ask(&c, "account.show", "{\"name\":\"work\"}");
	assert_int_equal(json_count(json_at(f.data, "gates")), 1);
	ctl_frame_fini(&f);
	f = ask(&c, "account.reset", "{\"name\":\"work\"}");
	assert_int_equal(json_count(json_at(f.data, "gates")), 0);
	ctl_frame_fini(&f);
	client_fini(&c);
}

static void
a_stale_revision_changes_nothing(void **state)
{
	struct house *h = *state;
	struct client c;

	client_connect(&c, h);
	asked_well(&c, "account.add", ADD("work"));
	asked_well(&c, "account.set",
	    "{\"name\":\"work\",\"if_rev\":1,\"fields\":{\"note\":\"a\"}}");
	asked_badly(&c, "account.set",
	    "{\"name\":\"work\",\"if_rev\":1,\"fields\":{\"note\":\"b\"}}",
	    ERR_STALE);
	asked_badly(&c, "account.rm", "{\"name\":\"work\",\"if_rev\":1}",
	    ERR_STALE);
	assert_true(str_eq(pool_find(&h->pool, STR("work"))->rec.note,
	    STR("a")));
	client_fini(&c);
}

static void
a_change_is_in_the_audit_with_who_made_it(void **state)
{
	const struct json *row;
	struct ctl_frame f;
	struct client c;
	int64_t uid = -1;

	client_connect(&c, *state);
	asked_well(&c, "account.add", ADD("work"));
	asked_well(&c, "account.set",
	    "{\"name\":\"work\",\"fields\":{\"priority\":\"7\"}}");
	f = ask(&c, "audit.list", "{}");
	row = json_first(f.data);
	assert_true(str_eq(text_at(row, "method"), STR("account_set")));
	assert_true(str_eq(text_at(row, "object"), STR("work")));
	assert_true(str_eq(text_at(row, "changes"), STR("priority: 50 -> 7")));
	assert_int_equal(json_may_i64(row, "uid", 0, UINT32_MAX, &uid, NULL),
	    OK);
	assert_int_equal(uid, geteuid());
	ctl_frame_fini(&f);
	asked_well(&c, "audit.verify", "{}");
	client_fini(&c);
}

static void
a_rehearsal_changes_nothing(void **state)
{
	static const struct {
		const char *method, *params;
	} cases[] = {
		{ "account.set",
		    "{\"name\":\"work\",\"dry_run\":true,"
		    "\"fields\":{\"note\":\"b\"}}" },
		{ "account.hold", "{\"name\":\"work\",\"dry_run\":true}" },
		{ "account.rm", "{\"name\":\"work\",\"dry_run\":true}" },
		{ "account.add",
		    "{\"name\":\"new\",\"kind\":\"claude-api\","
		    "\"credential\":\"" SECRET "\",\"dry_run\":true}" },
		{ "key.create", "{\"name\":\"k\",\"dry_run\":true}" },
		{ "setting.set",
		    "{\"name\":\"hold_time\",\"value\":\"9s\","
		    "\"dry_run\":true}" },
	};
	struct house *h = *state;
	struct client c;

	client_connect(&c, h);
	asked_well(&c, "account.add", ADD("work"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		asked_well(&c, cases[i].method, cases[i].params);
	assert_int_equal(h->pool.count, 1);
	assert_int_equal(h->keys.count, 0);
	assert_int_equal(pool_find(&h->pool, STR("work"))->rec.rev, 1);
	assert_true(settings_is_default(&h->d.settings, SETTING_NR_hold_time));
	client_fini(&c);
}

static void
lists_come_in_pages(void **state)
{
	struct house *h = *state;
	struct client c;
	struct ctl_frame f;
	char params[128] = "{\"limit\":2}";
	size_t seen = 0, pages = 0;

	client_connect(&c, h);
	asked_well(&c, "account.add", ADD("a"));
	asked_well(&c, "account.add", ADD("b"));
	asked_well(&c, "account.add", ADD("c"));
	asked_well(&c, "account.add", ADD("d"));
	asked_well(&c, "account.add", ADD("e"));
	for (;;) {
		f = ask(&c, "account.list", params);
		pages++;
		for (const struct json *r = json_first(f.data); r;
		     r = json_next(r)) {
			char want[] = { (char)('a' + seen++), '\0' };

			assert_true(str_eq(text_at(r, "name"), str_of(want)));
		}
		if (!f.next.len)
			break;
		snprintf(params, sizeof(params),
		    "{\"limit\":2,\"cursor\":\"%.*s\"}", STR_ARG(f.next));
		ctl_frame_fini(&f);
	}
	ctl_frame_fini(&f);
	assert_int_equal(seen, 5);
	assert_int_equal(pages, 3);
	client_fini(&c);
}

static void
the_value_of_a_key_is_told_once(void **state)
{
	struct house *h = *state;
	struct client c;
	struct ctl_frame f;
	char value[APIKEY_VALUE_LEN + 1], find[128];

	client_connect(&c, h);
	f = ask(&c, "key.create", "{\"name\":\"laptop\",\"tags\":\"a,b\"}");
	assert_int_equal(text_at(f.data, "value").len, APIKEY_VALUE_LEN);
	memcpy(value, text_at(f.data, "value").at, APIKEY_VALUE_LEN);
	value[APIKEY_VALUE_LEN] = '\0';
	ctl_frame_fini(&f);

	snprintf(find, sizeof(find), "{\"value\":\"%s\"}", value);
	f = ask(&c, "key.find", find);
	assert_true(str_eq(text_at(f.data, "name"), STR("laptop")));
	assert_null(json_at(f.data, "value"));
	assert_null(json_at(f.data, "hash"));
	ctl_frame_fini(&f);
	value[10] = value[10] == 'A' ? 'B' : 'A';
	snprintf(find, sizeof(find), "{\"value\":\"%s\"}", value);
	asked_badly(&c, "key.find", find, ERR_SYNTAX);

	asked_badly(&c, "key.create", "{\"name\":\"laptop\"}", ERR_EXISTS);
	asked_badly(&c, "key.create", "{\"name\":\"a\\nb\"}", ERR_VALUE);
	asked_badly(&c, "key.create",
	    "{\"name\":\"x\",\"expires\":\"2001-01-01\"}", ERR_VALUE);
	asked_well(&c, "key.disable", "{\"key\":\"laptop\"}");
	f = ask(&c, "key.show", "{\"key\":\"laptop\"}");
	assert_true(str_eq(text_at(f.data, "state"), STR("disabled")));
	ctl_frame_fini(&f);
	asked_well(&c, "key.enable", "{\"key\":\"laptop\"}");
	asked_well(&c, "key.rm", "{\"key\":\"laptop\"}");
	asked_badly(&c, "key.show", "{\"key\":\"laptop\"}", ERR_UNKNOWN);
	client_fini(&c);
}

static void
settings_are_kept_and_in_force(void **state)
{
	struct house *h = *state;
	struct client c;

	client_connect(&c, h);
	asked_well(&c, "setting.set",
	    "{\"name\":\"hold_time\",\"value\":\"9s\"}");
	assert_int_equal(h->d.settings.hold_time_ms, 9000);
	asked_badly(&c, "setting.set",
	    "{\"name\":\"hold_time\",\"value\":\"99d\"}", ERR_VALUE);
	asked_badly(&c, "setting.set",
	    "{\"name\":\"hold_tim\",\"value\":\"9s\"}", ERR_UNKNOWN);
	assert_int_equal(h->d.settings.hold_time_ms, 9000);
	asked_well(&c, "setting.unset", "{\"name\":\"hold_time\"}");
	assert_true(settings_is_default(&h->d.settings, SETTING_NR_hold_time));
	client_fini(&c);
}

static void
prices_are_judged_before_they_are_taken(void **state)
{
	static const struct {
		const char *method, *params;
		enum err want;
	} cases[] = {
		{ "price.update", "{}", ERR_VALUE },
		{ "price.update", "{\"from\":\"\",\"rm\":true}", ERR_VALUE },
		{ "price.update", "{\"from\":\"!!\"}", ERR_SYNTAX },
		{ "price.update", "{\"from\":\"AAAA\"}", ERR_SYNTAX },
		{ "price.override", "{\"model\":\"m\"}", ERR_VALUE },
		{ "price.override",
		    "{\"model\":\"a b\",\"fields\":{\"input\":\"1\"}}",
		    ERR_VALUE },
		{ "price.override",
		    "{\"model\":\"m\",\"fields\":{\"input\":\"1\"}}",
		    ERR_VALUE },
		{ "price.override",
		    "{\"model\":\"m\",\"fields\":{\"colour\":\"1\"}}",
		    ERR_UNKNOWN },
		{ "price.override", "{\"model\":\"m\",\"rm\":true}",
		    ERR_UNKNOWN },
		{ "price.show", "{\"model\":\"gpt\"}", ERR_UNKNOWN },
		{ "price.list", "{\"cursor\":\"x\"}", ERR_VALUE },
		{ "usage.explain", "{\"receipt\":\"req_1\"}", ERR_VALUE },
		{ "usage.explain",
		    "{\"receipt\":\"req_01ARZ3NDEKTSV4RRFFQ69G5FAV\"}",
		    ERR_UNKNOWN },
		{ "usage.recompute", "{\"from\":\"soon\"}", ERR_VALUE },
	};
	struct house *h = *state;
	const struct price_table *before = h->d.prices;
	struct client c;

	client_connect(&c, h);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		asked_badly(&c, cases[i].method, cases[i].params,
		    cases[i].want);
	asked_well(&c, "price.override",
	    "{\"model\":\"gpt-5\",\"fields\":{\"input\":\"9\"},"
	    "\"dry_run\":true}");
	assert_ptr_equal(h->d.prices, before);
	asked_well(&c, "price.override",
	    "{\"model\":\"gpt-5\",\"fields\":{\"input\":\"9\"}}");
	assert_int_equal(price_find(h->d.prices, STR("gpt-5"))
			     ->rates.pico[USAGE_STANDARD][0][PRICE_INPUT],
	    9000000);
	client_fini(&c);
}

static void
the_daemon_tells_about_itself(void **state)
{
	struct house *h = *state;
	struct client c;
	struct ctl_frame f;

	client_connect(&c, h);
	f = ask(&c, "status", "{}");
	assert_non_null(json_at(json_at(f.data, "counters"), "requests_now"));
	ctl_frame_fini(&f);
	f = ask(&c, "whoami", "{}");
	assert_true(str_eq(text_at(f.data, "role"), STR("admin")));
	ctl_frame_fini(&f);
	asked_well(&c, "version", "{}");
	asked_well(&c, "config.show", "{}");
	asked_badly(&c, "config.check", "{\"path\":\"relative\"}", ERR_VALUE);
	f = ask(&c, "routes", "{}");
	assert_true(json_count(f.data) > 10);
	ctl_frame_fini(&f);
	f = ask(&c, "usage.show", "{\"by\":\"day\",\"since\":\"7d\"}");
	assert_int_equal(json_count(json_at(f.data, "rows")), 0);
	ctl_frame_fini(&f);
	asked_badly(&c, "usage.show", "{\"by\":\"moon\"}", ERR_VALUE);
	asked_well(&c, "receipt.list", "{\"since\":\"2026-01-01\"}");
	asked_badly(&c, "receipt.list", "{\"since\":\"2026-02-31\"}",
	    ERR_VALUE);
	client_fini(&c);
}

/* --- asking an account ----------------------------------------------------- */

/* An upstream in a thread: it answers one request with all of it. */
struct parrot {
	int fd;
	unsigned port;
	const char *status;
	pthread_t thread;
};

static void *
parrot_run(void *arg)
{
	struct parrot *p = arg;
	char heard[8192], head[256];
	size_t len = 0;
	int fd = accept(p->fd, NULL, NULL);

	while (len < sizeof(heard) - 1) {
		ssize_t n = recv(fd, heard + len, sizeof(heard) - 1 - len, 0);

		if (n <= 0)
			break;
		len += (size_t)n;
		heard[len] = '\0';
		/* The body ends with the object. */
		if (strstr(heard, "\r\n\r\n") && heard[len - 1] == '}')
			break;
	}
	snprintf(head, sizeof(head),
	    "HTTP/1.1 %s\r\ncontent-length: %zu\r\n\r\n", p->status, len);
	(void)!write(fd, head, strlen(head));
	(void)!write(fd, heard, len);
	close(fd);
	return NULL;
}

static void
parrot_start(struct parrot *p, const char *status)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);

	p->status = status;
	p->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(p->fd, (void *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(p->fd, 1), 0);
	assert_int_equal(getsockname(p->fd, (void *)&sin, &len), 0);
	p->port = ntohs(sin.sin_port);
	assert_int_equal(pthread_create(&p->thread, NULL, parrot_run, p), 0);
}

static void
an_account_is_asked_and_never_repeats_its_credential(void **state)
{
	struct house *h = *state;
	const struct dialer_conf conf = {
		.ca_file = "/etc/ssl/certs/ca-certificates.crt",
		.connect_wait_ms = 5000,
	};
	struct parrot parrot;
	struct client c;
	struct ctl_frame f;
	char params[512];
	bool ok = true;

	assert_int_equal(dns_new(h->d.loop, NULL, &h->d.dns, NULL), OK);
	assert_int_equal(dialer_new(h->d.loop, h->d.dns, &conf, &h->d.dialer,
			     NULL),
	    OK);
	parrot_start(&parrot, "401 Unauthorized");
	client_connect(&c, h);
	snprintf(params, sizeof(params),
	    "{\"kind\":\"anthropic-compat\",\"name\":\"near\","
	    "\"credential\":\"%s\",\"fields\":{\"allow_private\":\"yes\","
	    "\"url\":\"http://127.0.0.1:%u/base\"}}",
	    SECRET, parrot.port);
	asked_well(&c, "account.add", params);
	asked_badly(&c, "account.test", "{\"name\":\"near\"}", ERR_VALUE);
	asked_badly(&c, "account.test", "{\"name\":\"far\"}", ERR_UNKNOWN);
	/* hear() looks for the credential in every line. */
	f = ask(&c, "account.test",
	    "{\"name\":\"near\",\"model\":\"m-1\",\"prompt\":\"Hi.\"}");
	assert_int_equal(f.kind, CTL_RESULT);
	assert_int_equal(json_want_bool(f.data, "ok", &ok, NULL), OK);
	assert_false(ok);
	assert_true(str_starts(text_at(f.data, "error"),
	    STR("POST /base/v1/messages HTTP/1.1\r\n")));
	assert_true(str_find(text_at(f.data, "error"),
			STR("\"model\":\"m-1\"")) >= 0);
	assert_true(str_find(text_at(f.data, "error"), STR("****")) >= 0);
	ctl_frame_fini(&f);
	client_fini(&c);
	pthread_join(parrot.thread, NULL);
	close(parrot.fd);
	dialer_free(h->d.dialer);
	dns_free(h->d.dns);
}

static void
an_account_that_never_answers_keeps_nobody_from_leaving(void **state)
{
	static const char line[] =
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"account.test\","
	    "\"params\":{\"name\":\"mute\",\"model\":\"m\"}}\n";
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	const struct dialer_conf conf = {
		.ca_file = "/etc/ssl/certs/ca-certificates.crt",
		.connect_wait_ms = 5000,
	};
	int listener = socket(AF_INET, SOCK_STREAM, 0), got = -1;
	struct house *h = *state;
	struct client c;
	char params[512];

	assert_int_equal(bind(listener, (void *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (void *)&sin, &len), 0);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	assert_int_equal(dns_new(h->d.loop, NULL, &h->d.dns, NULL), OK);
	assert_int_equal(dialer_new(h->d.loop, h->d.dns, &conf, &h->d.dialer,
			     NULL),
	    OK);
	client_connect(&c, h);
	snprintf(params, sizeof(params),
	    "{\"kind\":\"anthropic-compat\",\"name\":\"mute\","
	    "\"credential\":\"%s\",\"fields\":{\"allow_private\":\"yes\","
	    "\"url\":\"http://127.0.0.1:%u\"}}",
	    SECRET, ntohs(sin.sin_port));
	asked_well(&c, "account.add", params);
	say(&c, str_of(line));
	for (int i = 0; i < PATIENCE && got < 0; i++) {
		loop_turn(h->d.loop, 10);
		got = accept(listener, NULL, NULL);
	}
	assert_true(got >= 0);
	/* First the one who asked leaves, then the daemon ends; that nothing
	 * is left over, the sanitizer sees. */
	client_fini(&c);
	control_free(h->d.control);
	h->d.control = NULL;
	close(got);
	close(listener);
	dialer_free(h->d.dialer);
	dns_free(h->d.dns);
}

/* --- roles ----------------------------------------------------------------- */

static void
a_role_is_what_groups_and_uids_say(void **state)
{
	struct peer_groups groups = {
		.count = { [CTL_VIEW] = 1, [CTL_OPS] = 2, [CTL_ADMIN] = 1 },
		.gid = { [CTL_VIEW] = { 10 },
		    [CTL_OPS] = { 20, 21 },
		    [CTL_ADMIN] = { 30 } }
	};
	static const struct {
		uid_t uid;
		gid_t gids[3];
		enum ctl_role role;
	} cases[] = {
		{ 0, { 1, 1, 1 }, CTL_ADMIN },
		{ 99, { 1, 1, 1 }, CTL_ADMIN }, /* the daemon's own */
		{ 7, { 1, 1, 1 }, CTL_SELF },
		{ 7, { 1, 10, 1 }, CTL_VIEW },
		{ 7, { 21, 10, 1 }, CTL_OPS },
		{ 7, { 20, 10, 30 }, CTL_ADMIN },
		{ 7, { 11, 12, 31 }, CTL_SELF },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(peer_role(&groups, 99, cases[i].uid,
				     cases[i].gids, 3),
		    cases[i].role);
	assert_int_equal(peer_role(&groups, 99, 7, NULL, 0), CTL_SELF);
}

static void
every_method_asks_for_its_role(void **state)
{
	struct house *h = *state;

	for (int role = CTL_SELF; role <= CTL_ADMIN; role++) {
		struct client c;

		client_adopt(&c, h, (enum ctl_role)role);
		for (unsigned m = 0; m < CTL_METHODS; m++) {
			const struct ctl_row *row = ctl_row(m);
			char name[64];
			struct ctl_frame f;
			size_t i;

			for (i = 0; row->method[i]; i++)
				name[i] = row->method[i] == '_'
				    ? '.'
				    : row->method[i];
			name[i] = '\0';
			/* Nothing can come of it for want of this one. */
			f = ask(&c, name, "{\"nonsense\":1}");
			assert_int_equal(f.kind, CTL_ERROR);
			assert_int_equal(ctl_frame_is(&f, ERR_DENIED),
			    (int)row->role > role);
			ctl_frame_fini(&f);
		}
		client_fini(&c);
	}
}

static void
those_without_a_role_see_only_their_own(void **state)
{
	struct house *h = *state;
	struct client admin, self;
	struct ctl_frame f;

	client_connect(&admin, h);
	client_adopt(&self, h, CTL_SELF);
	asked_well(&admin, "key.create",
	    "{\"name\":\"mine\",\"owner\":\"uid:4711\"}");
	asked_well(&admin, "key.create",
	    "{\"name\":\"hers\",\"owner\":\"uid:4712\"}");
	f = ask(&self, "key.list", "{}");
	assert_int_equal(json_count(f.data), 1);
	assert_true(str_eq(text_at(json_first(f.data), "name"), STR("mine")));
	ctl_frame_fini(&f);
	asked_well(&self, "key.show", "{\"key\":\"mine\"}");
	asked_badly(&self, "key.show", "{\"key\":\"hers\"}", ERR_UNKNOWN);
	asked_well(&self, "receipt.list", "{}");
	asked_badly(&self, "receipt.list", "{\"key\":\"hers\"}", ERR_UNKNOWN);
	asked_well(&self, "receipt.list", "{\"key\":\"mine\"}");
	asked_badly(&self, "usage.show", "{\"by\":\"account\"}", ERR_DENIED);
	asked_well(&self, "usage.show", "{}");
	asked_badly(&self, "receipt.tail", "{\"key\":\"hers\"}", ERR_UNKNOWN);
	client_fini(&self);
	client_fini(&admin);
}

/* --- events ---------------------------------------------------------------- */

static bool
wants_all(void *arg, const struct ctl_filter *f)
{
	(void)arg;
	(void)f;
	return true;
}

static void
a_slow_follower_is_told_what_it_lost(void **state)
{
	struct house *h = *state;
	char *big = xmalloc(10001);
	struct client c;
	struct ctl_frame f;
	int64_t seq = 0, lost = 0;
	const int events = 200;

	memset(big, 'x', 10001);
	big[0] = big[9999] = '"';
	client_adopt(&c, h, CTL_VIEW);
	asked_well(&c, "receipt.tail", "{}");
	for (int i = 0; i < events; i++) {
		control_publish(h->d.control, wants_all, NULL,
		    str_at(big, 10000));
		loop_turn(h->d.loop, 0);
	}
	/* One more, once there is room: it tells of those before it. */
	while (seq + lost < events || lost == 0) {
		if (seq == 0 || buf_len(&c.in) == 0) {
			take_bytes(&c);
			loop_turn(h->d.loop, 0);
		}
		if (buf_len(&c.in) == 0)
			control_publish(h->d.control, wants_all, NULL,
			    STR("1"));
		assert_true(hear(&c, &f));
		assert_int_equal(f.kind, CTL_EVENT);
		assert_int_equal(f.sub, 1);
		/* Nothing is missing without being told. */
		assert_int_equal(f.seq, seq + f.lost + 1);
		seq = f.seq;
		lost += f.lost;
		ctl_frame_fini(&f);
	}
	assert_true(lost > 0);
	asked_well(&c, "event.stop", "{\"sub\":1}");
	asked_badly(&c, "event.stop", "{\"sub\":1}", ERR_UNKNOWN);
	assert_false(control_has_subs(h->d.control));
	client_fini(&c);
	free(big);
}

static void
a_follower_hears_what_it_asked_for(void **state)
{
	struct house *h = *state;
	const struct ulid id = { .byte = { 1 } };
	const struct receipt_rec r = { .account = STR("b"), .model = STR("m") };
	struct client c, all;
	struct ctl_frame f;

	client_adopt(&c, h, CTL_VIEW);
	client_adopt(&all, h, CTL_VIEW);
	asked_well(&c, "receipt.tail", "{\"account\":\"a\"}");
	asked_well(&all, "receipt.tail", "{}");
	h->d.relays->observer(h->d.relays->observer_arg, &id, &r);
	assert_true(hear(&all, &f));
	assert_int_equal(f.kind, CTL_EVENT);
	assert_true(str_eq(text_at(f.data, "model"), STR("m")));
	ctl_frame_fini(&f);
	/* The other one heard nothing: the next it hears is its answer. */
	asked_well(&c, "version", "{}");
	client_fini(&c);
	client_fini(&all);
}

/* --- rude clients ---------------------------------------------------------- */

static void
garbage_is_answered_and_forgiven(void **state)
{
	static const struct {
		const char *line;
		int64_t code;
	} cases[] = {
		{ "hello\n", CTL_CODE_SYNTAX },
		{ "\n", CTL_CODE_SYNTAX },
		{ "[]\n", CTL_CODE_REQUEST },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n",
		    CTL_CODE_REQUEST },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"no.such\"}\n",
		    CTL_CODE_METHOD },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"key.show\"}\n",
		    CTL_CODE_PARAMS },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"key.show\","
		  "\"params\":{\"key\":3}}\n",
		    CTL_CODE_PARAMS },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"key.show\","
		  "\"params\":{\"KEY\":\"a\"}}\n",
		    CTL_CODE_PARAMS },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"account.set\","
		  "\"params\":{\"name\":\"a\",\"fields\":{\"note\":1}}}\n",
		    CTL_CODE_PARAMS },
	};
	struct house *h = *state;
	struct client c;

	client_connect(&c, h);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl_frame f;

		say(&c, str_of(cases[i].line));
		assert_true(hear(&c, &f));
		assert_int_equal(f.kind, CTL_ERROR);
		assert_int_equal(f.code, cases[i].code);
		ctl_frame_fini(&f);
	}
	asked_well(&c, "version", "{}");
	client_fini(&c);
}

static void
a_giant_frame_ends_its_connection_and_no_other(void **state)
{
	struct house *h = *state;
	char *giant = xmalloc(CTL_FRAME_MAX + 5000);
	struct client rude, other;
	struct ctl_frame f;

	memset(giant, 'x', CTL_FRAME_MAX + 5000);
	client_connect(&other, h);
	client_connect(&rude, h);
	say(&rude, str_at(giant, CTL_FRAME_MAX + 5000));
	assert_true(hear(&rude, &f));
	assert_true(ctl_frame_is(&f, ERR_LIMIT));
	ctl_frame_fini(&f);
	assert_false(hear(&rude, &f));
	asked_well(&other, "version", "{}");
	client_fini(&rude);
	client_fini(&other);
	free(giant);
}

static void
many_calls_at_once_are_all_answered(void **state)
{
	struct house *h = *state;
	bool heard[60] = { false };
	struct client c;

	client_connect(&c, h);
	for (int i = 0; i < 60; i++) {
		char line[160];
		int len = snprintf(line, sizeof(line),
		    "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"%s\","
		    "\"params\":{\"name\":\"k%d\"}}\n",
		    i, "key.create", i);

		say(&c, str_at(line, (size_t)len));
	}
	for (int i = 0; i < 60; i++) {
		struct ctl_frame f;

		assert_true(hear(&c, &f));
		assert_int_equal(f.kind, CTL_RESULT);
		assert_false(heard[f.id.number]);
		heard[f.id.number] = true;
		ctl_frame_fini(&f);
	}
	assert_int_equal(h->keys.count, 60);
	client_fini(&c);
}

static void
one_who_reads_nothing_is_not_read_from_and_loses_nothing(void **state)
{
	static const char line[] =
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"routes\"}\n";
	struct house *h = *state;
	struct client c;
	struct ctl_frame f;
	unsigned asked = 0;

	client_connect(&c, h);
	/* Until the kernel takes no more: the daemon has stopped reading. */
	for (int idle = 0; idle < 20;) {
		ssize_t n = send(c.fd, line, sizeof(line) - 1, MSG_NOSIGNAL);

		assert_true(n == sizeof(line) - 1 || n < 0);
		if (n > 0)
			asked++;
		idle = n > 0 ? 0 : idle + 1;
		loop_turn(h->d.loop, 0);
	}
	assert_true(asked > 100);
	for (unsigned i = 0; i < asked; i++) {
		assert_true(hear(&c, &f));
		assert_int_equal(f.kind, CTL_RESULT);
		ctl_frame_fini(&f);
	}
	asked_well(&c, "version", "{}");
	client_fini(&c);
}

static void
what_was_asked_by_one_who_left_is_done_all_the_same(void **state)
{
	static const char line[] =
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"account.add\","
	    "\"params\":" ADD("work") "}\n";
	struct house *h = *state;
	struct client c;

	client_connect(&c, h);
	say(&c, str_of(line));
	close(c.fd);
	for (int i = 0; i < PATIENCE && !h->pool.count; i++)
		loop_turn(h->d.loop, 10);
	assert_int_equal(h->pool.count, 1);
	for (int i = 0; i < PATIENCE && control_connections(h->d.control); i++)
		loop_turn(h->d.loop, 10);
	assert_int_equal(control_connections(h->d.control), 0);
	buf_fini(&c.in);
}

static void
a_wish_without_an_id_gets_no_answer(void **state)
{
	static const char line[] =
	    "{\"jsonrpc\":\"2.0\",\"method\":\"key.create\","
	    "\"params\":{\"name\":\"k\"}}\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"no.such\"}\n";
	struct house *h = *state;
	struct client c;
	struct ctl_frame f;

	client_connect(&c, h);
	say(&c, str_of(line));
	for (int i = 0; i < PATIENCE && !h->keys.count; i++)
		loop_turn(h->d.loop, 10);
	assert_int_equal(h->keys.count, 1);
	f = ask(&c, "version", "{}");
	assert_int_equal(f.kind, CTL_RESULT);
	ctl_frame_fini(&f);
	client_fini(&c);
}

static void
there_is_room_for_so_many_and_no_more(void **state)
{
	struct house *h = *state;
	struct client clients[CONTROL_CONNECTIONS_MAX], late;
	struct ctl_frame f;

	for (int i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		client_adopt(&clients[i], h, CTL_VIEW);
	client_connect(&late, h);
	assert_false(hear(&late, &f));
	client_fini(&late);
	client_fini(&clients[0]);
	for (int i = 0; i < PATIENCE &&
	     control_connections(h->d.control) == CONTROL_CONNECTIONS_MAX;
	     i++)
		loop_turn(h->d.loop, 10);
	client_connect(&late, h);
	asked_well(&late, "version", "{}");
	client_fini(&late);
	for (int i = 1; i < CONTROL_CONNECTIONS_MAX; i++)
		client_fini(&clients[i]);
}

/* --- the socket ------------------------------------------------------------ */

static void
the_socket_is_not_for_everybody(void **state)
{
	struct house *h = *state;
	struct stat st;

	assert_int_equal(lstat(h->socket, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
}

static void
a_socket_is_replaced_only_when_nobody_answers(void **state)
{
	struct house *h = *state;
	struct control *second = NULL;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct why why = { .text = "" };
	int fd;

	assert_int_equal(control_new(&h->d, &second, &why), ERR_BUSY);
	control_free(h->d.control);
	h->d.control = NULL;

	/* What a killed daemon leaves. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(sa.sun_path, h->socket, sizeof(h->socket));
	assert_int_equal(bind(fd, (void *)&sa, sizeof(sa)), 0);
	close(fd);
	assert_int_equal(control_new(&h->d, &h->d.control, &why), OK);
	control_free(h->d.control);
	h->d.control = NULL;

	/* Somebody's file is not ours to take away. */
	fd = open(h->socket, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(control_new(&h->d, &h->d.control, &why), ERR_EXISTS);
	assert_int_equal(unlink(h->socket), 0);
}

static void
a_group_that_was_asked_for_must_exist(void **state)
{
	struct house *h = *state;
	const struct conf *odd;
	struct why why = { .text = "" };
	struct peer_groups groups;

	odd = house_conf(h, "admin_groups = no-such-group-here\n");
	assert_int_equal(peer_groups_find(odd, &groups, &why), ERR_UNKNOWN);
	assert_string_equal(why.field, "admin_groups");
	conf_unref(odd);
}

static void
a_file_that_could_not_be_taken_over_is_told_before(void **state)
{
	static const struct {
		const char *text;
		enum err e; /* OK: it is fine */
	} cases[] = {
		{ "max_body = 32M\n", OK },
		{ "view_groups = no-such-group-here\n", ERR_UNKNOWN },
		{ "max_bod = 32M\n", ERR_VALUE },
		{ "max_body = lots\n", ERR_VALUE },
	};
	struct house *h = *state;
	char path[512], params[600];
	struct client c;

	client_connect(&c, h);
	storebox_path(&h->box, "other.conf", path);
	snprintf(params, sizeof(params), "{\"path\":\"%s\"}", path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		fputs(cases[i].text, f);
		assert_int_equal(fclose(f), 0);
		if (cases[i].e)
			asked_badly(&c, "config.check", params, cases[i].e);
		else
			asked_well(&c, "config.check", params);
	}
	client_fini(&c);
}

#define HOUSED(test)                                                           \
	cmocka_unit_test_setup_teardown(test, house_setup, house_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSED(an_account_is_added_shown_changed_and_removed),
		HOUSED(a_held_account_says_who_held_it_and_why),
		HOUSED(a_stale_revision_changes_nothing),
		HOUSED(a_change_is_in_the_audit_with_who_made_it),
		HOUSED(a_rehearsal_changes_nothing),
		HOUSED(lists_come_in_pages),
		HOUSED(the_value_of_a_key_is_told_once),
		HOUSED(settings_are_kept_and_in_force),
		HOUSED(prices_are_judged_before_they_are_taken),
		HOUSED(the_daemon_tells_about_itself),
		HOUSED(an_account_is_asked_and_never_repeats_its_credential),
		HOUSED(an_account_that_never_answers_keeps_nobody_from_leaving),
		cmocka_unit_test(a_role_is_what_groups_and_uids_say),
		HOUSED(every_method_asks_for_its_role),
		HOUSED(those_without_a_role_see_only_their_own),
		HOUSED(a_slow_follower_is_told_what_it_lost),
		HOUSED(a_follower_hears_what_it_asked_for),
		HOUSED(garbage_is_answered_and_forgiven),
		HOUSED(a_giant_frame_ends_its_connection_and_no_other),
		HOUSED(many_calls_at_once_are_all_answered),
		HOUSED(
		    one_who_reads_nothing_is_not_read_from_and_loses_nothing),
		HOUSED(what_was_asked_by_one_who_left_is_done_all_the_same),
		HOUSED(a_wish_without_an_id_gets_no_answer),
		HOUSED(there_is_room_for_so_many_and_no_more),
		HOUSED(the_socket_is_not_for_everybody),
		HOUSED(a_socket_is_replaced_only_when_nobody_answers),
		HOUSED(a_group_that_was_asked_for_must_exist),
		HOUSED(a_file_that_could_not_be_taken_over_is_told_before),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
