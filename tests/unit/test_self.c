/* SPDX-License-Identifier: MIT */
/* test_self.c - people at the control socket: what is theirs, what is not
 * there for them, the limits that operators set, and being disabled. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "relayd/relay.h"
#include "tests/support/controlbox.h"

#define ME	4711
#define HER	4712
#define OWNER	"\"owner\":\"uid:4711\""
#define HERS	"\"owner\":\"uid:4712\""
#define NOTHING "knothing0"

/* A house with an operator, and two people who may make three keys each. */
struct village {
	struct house *h;
	struct client admin, me, her;
};

static void
set(struct client *c, const char *name, const char *value)
{
	char params[256];

	snprintf(params, sizeof(params), "{\"name\":\"%s\",\"value\":\"%s\"}",
	    name, value);
	asked_well(c, "setting.set", params);
}

static void
village_begin(struct village *v, void **state)
{
	v->h = *state;
	client_connect(&v->admin, v->h);
	client_adopt_as(&v->me, v->h, CTL_SELF, ME);
	client_adopt_as(&v->her, v->h, CTL_SELF, HER);
	set(&v->admin, "self_keys_max", "3");
}

static void
village_end(struct village *v)
{
	client_fini(&v->me);
	client_fini(&v->her);
	client_fini(&v->admin);
}

/* Make a key and say its id and value. */
static void
make(struct client *c, const char *method, const char *params, char id[16],
    char value[APIKEY_VALUE_LEN + 1])
{
	struct ctl_frame f = ask(c, method, params);

	if (f.kind != CTL_RESULT)
		fail_msg("%s %s: %.*s", method, params, STR_ARG(f.message));
	if (id)
		snprintf(id, 16, "%.*s",
		    STR_ARG(text_at(json_at(f.data, "key"), "id")));
	if (value)
		snprintf(value, APIKEY_VALUE_LEN + 1, "%.*s",
		    STR_ARG(text_at(f.data, "value")));
	ctl_frame_fini(&f);
}

static const struct apikey *
key_of(const struct village *v, const char *id)
{
	const struct apikey *k = keyring_id(v->h->d.keys, str_of(id));

	assert_non_null(k);
	return k;
}

/* Still known by its value, and of no use. */
static void
assert_deleted(const struct village *v, const char *value)
{
	const struct apikey *k = keyring_match(v->h->d.keys, str_of(value));

	assert_non_null(k);
	assert_string_equal(apikey_state(k, 1), "deleted");
}

static unsigned
rows_of(struct client *c, const char *method, const char *params)
{
	struct ctl_frame f = ask(c, method, params);
	const struct json *rows = json_at(f.data, "rows");
	unsigned n;

	if (f.kind != CTL_RESULT)
		fail_msg("%s: %.*s", method, STR_ARG(f.message));
	n = (unsigned)json_count(rows ? rows : f.data);
	ctl_frame_fini(&f);
	return n;
}

/* --- what is theirs -------------------------------------------------------- */

static void
people_make_no_keys_until_they_may(void **state)
{
	struct village v;

	village_begin(&v, state);
	asked_well(&v.admin, "setting.unset", "{\"name\":\"self_keys_max\"}");
	asked_badly(&v.me, "my.key.create", "{\"name\":\"a\"}", ERR_DENIED);
	asked_badly(&v.me, "key.create", "{\"name\":\"a\"}", ERR_DENIED);
	set(&v.admin, "self_keys_max", "1");
	asked_well(&v.me, "my.key.create", "{\"name\":\"a\"}");
	asked_badly(&v.me, "my.key.create", "{\"name\":\"b\"}", ERR_LIMIT);
	/* What others have is not counted. */
	asked_well(&v.her, "my.key.create", "{\"name\":\"a\"}");
	village_end(&v);
}

static void
a_person_makes_uses_and_ends_a_key_of_theirs(void **state)
{
	char id[16], value[APIKEY_VALUE_LEN + 1];
	struct village v;
	struct ctl_frame f;

	village_begin(&v, state);
	make(&v.me, "my.key.create", "{\"name\":\"lap\",\"note\":\"n\"}", id,
	    value);
	assert_non_null(keyring_match(v.h->d.keys, str_of(value)));
	assert_true(key_of(&v, id)->rec.self_made);
	assert_true(str_eq(key_of(&v, id)->rec.owner, STR("uid:4711")));
	f = ask(&v.me, "my.overview", "{}");
	assert_true(str_eq(text_at(f.data, "user"), STR("uid:4711")));
	assert_true(str_eq(text_at(f.data, "role"), STR("self")));
	assert_int_equal(json_count(json_at(f.data, "rows")), 1);
	ctl_frame_fini(&f);
	asked_well(&v.me, "my.key.disable", "{\"key\":\"lap\"}");
	assert_true(key_of(&v, id)->rec.disabled);
	asked_well(&v.me, "my.key.enable", "{\"key\":\"lap\"}");
	assert_false(key_of(&v, id)->rec.disabled);
	asked_badly(&v.me, "my.key.rm", "{\"key\":\"lap\"}", ERR_DENIED);
	set(&v.admin, "self_keys_rm", "yes");
	asked_well(&v.me, "my.key.rm", "{\"key\":\"lap\"}");
	assert_deleted(&v, value);
	asked_badly(&v.me, "my.key.show", "{\"key\":\"lap\"}", ERR_UNKNOWN);
	village_end(&v);
}

static void
what_a_person_does_is_in_the_audit_with_their_uid(void **state)
{
	static const char *const want[] = { "my_key_disable", "my_key_rotate",
		"my_key_create" };
	const struct json *row;
	struct village v;
	struct ctl_frame f;

	village_begin(&v, state);
	asked_well(&v.me, "my.key.create", "{\"name\":\"lap\"}");
	asked_well(&v.me, "my.key.rotate", "{\"key\":\"lap\"}");
	asked_well(&v.me, "my.key.disable", "{\"key\":\"lap\"}");
	f = ask(&v.admin, "audit.list", "{\"type\":\"key\"}");
	row = json_first(f.data);
	for (size_t i = 0; i < 3; i++, row = json_next(row)) {
		int64_t uid = -1;

		assert_true(str_eq(text_at(row, "method"), str_of(want[i])));
		assert_int_equal(json_may_i64(row, "uid", 0, UINT32_MAX, &uid,
				     NULL),
		    OK);
		assert_int_equal(uid, ME);
	}
	assert_null(row);
	ctl_frame_fini(&f);
	village_end(&v);
}

static void
an_operator_sees_under_my_what_a_person_would(void **state)
{
	struct village v;

	village_begin(&v, state);
	asked_well(&v.me, "my.key.create", "{\"name\":\"lap\"}");
	assert_int_equal(rows_of(&v.admin, "key.list", "{}"), 1);
	assert_int_equal(rows_of(&v.admin, "my.keys", "{}"), 0);
	asked_badly(&v.admin, "my.key.show", "{\"key\":\"lap\"}", ERR_UNKNOWN);
	asked_badly(&v.admin, "my.key.rotate", "{\"key\":\"lap\"}",
	    ERR_UNKNOWN);
	asked_badly(&v.admin, "my.usage", "{\"name\":\"lap\"}", ERR_UNKNOWN);
	asked_badly(&v.admin, "my.usage", "{\"by\":\"account\"}", ERR_DENIED);
	village_end(&v);
}

/* --- what is not theirs is not there --------------------------------------- */

/* What an answer tells: an error with its words, without what was asked for;
 * of a result how many rows there are. */
static void
digest(struct client *c, const char *method, const char *param,
    const char *name, struct buf *out)
{
	char params[160];
	struct ctl_frame f;
	const struct json *rows;
	struct str message, head;

	snprintf(params, sizeof(params), "{\"%s\":\"%s\"}", param, name);
	f = ask(c, method, params);
	buf_init(out, 4096);
	rows = json_at(f.data, "rows");
	message = f.message;
	head = str_cut(&message, '"');
	(void)str_cut(&message, '"');
	buf_mustf(out, "%d %lld %.*s %.*s %.*s...%.*s", (int)f.kind,
	    (long long)f.code, STR_ARG(f.error), STR_ARG(f.field),
	    STR_ARG(head), STR_ARG(message));
	if (f.kind == CTL_RESULT)
		buf_mustf(out, " %zu rows, next %.*s",
		    json_count(rows ? rows : f.data), STR_ARG(f.next));
	ctl_frame_fini(&f);
}

static void
same_answer(struct client *c, const char *method, const char *param,
    const char *hers)
{
	static const char zs[] = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
				 "zzzzzzzzzzzzzz";
	struct buf there, nowhere;
	char nobodys[64];

	snprintf(nobodys, sizeof(nobodys), "%.*s", (int)strlen(hers), zs);
	digest(c, method, param, hers, &there);
	digest(c, method, param, nobodys, &nowhere);
	if (!str_eq(buf_str(&there), buf_str(&nowhere)))
		fail_msg("%s %s=%s: %s, but for nobody's: %s", method, param,
		    hers, buf_cstr(&there), buf_cstr(&nowhere));
	buf_fini(&there);
	buf_fini(&nowhere);
}

/* Of a row, every parameter in which something can be named. */
static void
try_row(struct client *c, const struct ctl_row *row, const char *const *names,
    size_t count)
{
	struct ctl_param_cursor at = { .begun = false };
	struct ctl_param p;
	char method[64], param[48];

	snprintf(method, sizeof(method), "%s", row->method);
	for (char *s = method; (s = strchr(s, '_'));)
		*s = '.';
	while (ctl_param_next(row, &at, &p)) {
		size_t i;

		if (p.type != CTL_TEXT)
			continue;
		for (i = 0; i < p.name.len && i < sizeof(param) - 1; i++)
			param[i] = (char)tolower((unsigned char)p.name.at[i]);
		param[i] = '\0';
		for (i = 0; i < count; i++)
			same_answer(c, method, param, names[i]);
	}
}

/* Every method that people may call, those too that are not thought of yet: one
 * that is hers and one that nobody has are answered alike. */
static void
what_is_hers_is_answered_as_what_does_not_exist(void **state)
{
	char id[16], made[16], value[APIKEY_VALUE_LEN + 1], prefix[9];
	char limit[16];
	const char *const names[] = { id, made, "hers", "made", value, prefix,
		limit, "uid:4712", "tagged", "key:hers", "user:uid:4712" };
	const struct ctl_row *row;
	struct village v;

	village_begin(&v, state);
	set(&v.admin, "self_keys_rm", "yes");
	make(&v.admin, "key.create",
	    "{\"name\":\"hers\",\"tags\":\"tagged\"," HERS "}", id, value);
	make(&v.her, "my.key.create", "{\"name\":\"made\"}", made, NULL);
	snprintf(prefix, sizeof(prefix), "%.8s", value);
	asked_well(&v.admin, "budget.add",
	    "{\"scope\":\"key:hers\",\"limit\":\"5 usd\",\"per\":\"day\"}");
	snprintf(limit, sizeof(limit), "%.*s",
	    STR_ARG(TAILQ_FIRST(&v.h->budgets.list)->rec.id));
	for (unsigned i = 0; (row = ctl_row(i)) && row->method; i++)
		/* What is made is theirs from then on: tried below. */
		if (row->role == CTL_SELF && i != CTL_M_my_key_create)
			try_row(&v.me, row, names,
			    sizeof(names) / sizeof(names[0]));
	/* And nothing came of it. */
	assert_int_equal(key_of(&v, id)->rec.rev, 1);
	assert_int_equal(key_of(&v, made)->rec.rev, 1);
	assert_non_null(keyring_match(v.h->d.keys, str_of(value)));
	village_end(&v);
}

static void
publish(const struct village *v, const char *key_id, const char *model)
{
	const struct ulid id = { .byte = { 1 } };
	const struct receipt_rec r = { .key_id = str_of(key_id),
		.model = str_of(model) };

	v->h->d.relays->observer(v->h->d.relays->observer_arg, &id, &r);
}

static void
a_person_hears_of_their_own_requests_only(void **state)
{
	char mine[16], hers[16];
	struct village v;
	struct ctl_frame f;

	village_begin(&v, state);
	make(&v.me, "my.key.create", "{\"name\":\"mine\"}", mine, NULL);
	make(&v.her, "my.key.create", "{\"name\":\"hers\"}", hers, NULL);
	asked_well(&v.me, "receipt.tail", "{}");
	publish(&v, hers, "secret");
	publish(&v, "", "refused");
	publish(&v, NOTHING, "gone");
	publish(&v, mine, "own");
	assert_true(hear(&v.me, &f));
	assert_int_equal(f.kind, CTL_EVENT);
	/* Not even a number is missing. */
	assert_int_equal(f.seq, 1);
	assert_true(str_eq(text_at(f.data, "model"), STR("own")));
	ctl_frame_fini(&f);
	village_end(&v);
}

static void
people_leave_room_for_operators(void **state)
{
	struct client crowd[CONTROL_PEOPLE_MAX], late;
	struct house *h = *state;
	struct ctl_frame f;
	struct peer peer = { .pid = 1, .role = CTL_SELF };
	int fds[2];

	for (unsigned i = 0; i < CONTROL_PEOPLE_MAX; i++)
		client_adopt_as(&crowd[i], h, CTL_SELF,
		    1000 + i / CONTROL_PERSON_MAX);
	/* One of those who have as many as one may, and one too many. */
	for (peer.uid = 1000; peer.uid < 3000; peer.uid += 1500) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		assert_false(control_adopt(h->d.control, fds[0], &peer));
		close(fds[1]);
	}
	client_connect(&late, h);
	f = ask(&late, "whoami", "{}");
	assert_true(str_eq(text_at(f.data, "role"), STR("admin")));
	ctl_frame_fini(&f);
	client_fini(&late);
	for (unsigned i = 1; i < CONTROL_PEOPLE_MAX; i++)
		client_fini(&crowd[i]);
	/* Now there is room for others, and for each so many. */
	for (unsigned i = 1; i < CONTROL_PERSON_MAX; i++)
		client_adopt_as(&crowd[i], h, CTL_SELF, 1000);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	peer.uid = 1000;
	assert_false(control_adopt(h->d.control, fds[0], &peer));
	close(fds[1]);
	for (unsigned i = 0; i < CONTROL_PERSON_MAX; i++)
		client_fini(&crowd[i]);
}

static void
lists_are_of_what_is_theirs_whatever_is_asked(void **state)
{
	static const char *const asks[] = {
		"{}",
		"{\"state\":\"active\"}",
		"{\"tag\":\"secret\"}",
		"{\"cursor\":\"0-k\"}",
		"{\"cursor\":\"1-kaaaaaaaa\"}",
		"{\"limit\":1}",
	};
	struct village v;
	struct ctl_frame f;
	char id[16];

	village_begin(&v, state);
	make(&v.admin, "key.create",
	    "{\"name\":\"hers\",\"tags\":\"secret\"," HERS "}", id, NULL);
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		assert_int_equal(rows_of(&v.me, "my.keys", asks[i]), 0);
		assert_int_equal(rows_of(&v.me, "key.list", asks[i]), 0);
	}
	assert_int_equal(rows_of(&v.me, "key.list", "{" HERS "}"), 0);
	/* No page leads to another, which would tell that something is there. */
	f = ask(&v.me, "key.list", "{\"limit\":1}");
	assert_int_equal(f.next.len, 0);
	ctl_frame_fini(&f);
	asked_badly(&v.me, "my.keys", "{" HERS "}", ERR_VALUE);
	asked_badly(&v.me, "my.keys", "{\"cursor\":\"x-\"}", ERR_VALUE);
	asked_badly(&v.me, "user.list", "{}", ERR_DENIED);
	asked_badly(&v.me, "user.show", "{\"user\":\"uid:4712\"}", ERR_DENIED);
	asked_badly(&v.me, "key.find", "{\"value\":\"x\"}", ERR_DENIED);
	asked_well(&v.me, "receipt.list", "{}");
	asked_badly(&v.me, "receipt.list",
	    "{\"since\":\"today\",\"until\":\"yesterday\"}", ERR_VALUE);
	asked_badly(&v.me, "usage.show", "{\"since\":\"2999-01-01\"}",
	    ERR_VALUE);
	village_end(&v);
}

/* Whether a name is free would be an answer to whether somebody has it. */
static void
names_of_others_are_free_and_hide_nothing(void **state)
{
	char mine[16], hers[16], ours[16];
	struct village v;
	struct ctl_frame f;

	village_begin(&v, state);
	make(&v.her, "my.key.create", "{\"name\":\"lap\"}", hers, NULL);
	make(&v.me, "my.key.create", "{\"name\":\"lap\"}", mine, NULL);
	asked_badly(&v.me, "my.key.create", "{\"name\":\"lap\"}", ERR_EXISTS);
	f = ask(&v.me, "my.key.show", "{\"key\":\"lap\"}");
	assert_true(str_eq(text_at(f.data, "id"), str_of(mine)));
	ctl_frame_fini(&f);
	/* Two have it: an operator must say which. */
	asked_badly(&v.admin, "key.show", "{\"key\":\"lap\"}", ERR_UNKNOWN);
	make(&v.admin, "key.create", "{\"name\":\"lap\"}", ours, NULL);
	f = ask(&v.admin, "key.show", "{\"key\":\"lap\"}");
	assert_true(str_eq(text_at(f.data, "id"), str_of(ours)));
	ctl_frame_fini(&f);
	asked_badly(&v.admin, "key.create", "{\"name\":\"lap\"}", ERR_EXISTS);
	asked_badly(&v.admin, "key.create", "{\"name\":\"lap\"," OWNER "}",
	    ERR_EXISTS);
	village_end(&v);
}

/* --- limits ---------------------------------------------------------------- */

static void
four_at_once_make_as_many_as_there_may_be(void **state)
{
	struct client more[4];
	unsigned made = 0, refused = 0;
	struct village v;

	village_begin(&v, state);
	make(&v.me, "my.key.create", "{\"name\":\"first\"}", NULL, NULL);
	for (unsigned i = 0; i < 4; i++) {
		char line[160];
		int len = snprintf(line, sizeof(line),
		    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":"
		    "\"my.key.create\",\"params\":{\"name\":\"n%u\"}}\n",
		    i);

		client_adopt_as(&more[i], v.h, CTL_SELF, ME);
		say(&more[i], str_at(line, (size_t)len));
	}
	for (unsigned i = 0; i < 4; i++) {
		struct ctl_frame f;

		assert_true(hear(&more[i], &f));
		made += f.kind == CTL_RESULT;
		refused += ctl_frame_is(&f, ERR_LIMIT);
		ctl_frame_fini(&f);
		client_fini(&more[i]);
	}
	assert_int_equal(made, 2);
	assert_int_equal(refused, 2);
	assert_int_equal(keyring_owned(v.h->d.keys, STR("uid:4711")), 3);
	village_end(&v);
}

static void
two_at_once_do_not_get_one_name(void **state)
{
	static const char line[] =
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"key.create\","
	    "\"params\":{\"name\":\"twin\"}}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"key.create\","
	    "\"params\":{\"name\":\"twin\"}}\n";
	unsigned made = 0, refused = 0;
	struct village v;

	village_begin(&v, state);
	say(&v.admin, str_of(line));
	for (int i = 0; i < 2; i++) {
		struct ctl_frame f;

		assert_true(hear(&v.admin, &f));
		made += f.kind == CTL_RESULT;
		refused += ctl_frame_is(&f, ERR_EXISTS);
		ctl_frame_fini(&f);
	}
	assert_int_equal(made, 1);
	assert_int_equal(refused, 1);
	village_end(&v);
}

static void
a_persons_key_is_like_the_template_and_no_more(void **state)
{
	struct village v;
	const struct apikey *model;
	char id[16], of[16], params[64];

	village_begin(&v, state);
	/* None that is not there can be named, or was made by a person. */
	asked_badly(&v.admin, "setting.set",
	    "{\"name\":\"self_keys_template\",\"value\":\"people\"}",
	    ERR_UNKNOWN);
	make(&v.her, "my.key.create", "{\"name\":\"people\"}", NULL, NULL);
	asked_badly(&v.admin, "setting.set",
	    "{\"name\":\"self_keys_template\",\"value\":\"people\"}",
	    ERR_UNKNOWN);
	/* One that has gone since is no licence, and hers does not stand in. */
	make(&v.admin, "key.create", "{\"name\":\"people\"}", of, NULL);
	set(&v.admin, "self_keys_template", "people");
	snprintf(params, sizeof(params), "{\"key\":\"%s\"}", of);
	asked_well(&v.admin, "key.rm", params);
	asked_badly(&v.me, "my.key.create", "{\"name\":\"a\"}", ERR_DENIED);

	make(&v.admin, "key.create",
	    "{\"name\":\"people\",\"rate\":\"2\",\"tags\":\"t\","
	    "\"expires\":\"10d\"}",
	    of, NULL);
	asked_well(&v.admin, "key.disable", "{\"key\":\"people\"}");
	model = key_of(&v, of);
	make(&v.me, "my.key.create", "{\"name\":\"a\"}", id, NULL);
	assert_true(str_eq(key_of(&v, id)->rec.rate, STR("2")));
	assert_true(str_eq(key_of(&v, id)->rec.tags, STR("t")));
	assert_int_equal(key_of(&v, id)->rec.expires_at, model->rec.expires_at);
	assert_false(key_of(&v, id)->rec.disabled);
	asked_badly(&v.me, "my.key.create",
	    "{\"name\":\"b\",\"expires\":\"never\"}", ERR_DENIED);
	asked_badly(&v.me, "my.key.create",
	    "{\"name\":\"b\",\"expires\":\"11d\"}", ERR_DENIED);
	make(&v.me, "my.key.create", "{\"name\":\"b\",\"expires\":\"1d\"}", id,
	    NULL);
	assert_true(key_of(&v, id)->rec.expires_at < model->rec.expires_at);
	/* Not parameters of theirs at all. */
	asked_badly(&v.me, "my.key.create", "{\"name\":\"c\",\"rate\":\"0.1\"}",
	    ERR_VALUE);
	asked_badly(&v.me, "my.key.create", "{\"name\":\"c\"," HERS "}",
	    ERR_VALUE);
	village_end(&v);
}

static void
names_have_the_length_that_operators_say(void **state)
{
	struct village v;

	village_begin(&v, state);
	set(&v.admin, "self_name_min", "3");
	set(&v.admin, "self_name_max", "5");
	asked_badly(&v.me, "my.key.create", "{\"name\":\"ab\"}", ERR_VALUE);
	asked_badly(&v.me, "my.key.create", "{\"name\":\"  ab \"}", ERR_VALUE);
	asked_badly(&v.me, "my.key.create", "{\"name\":\"abcdef\"}", ERR_VALUE);
	asked_badly(&v.me, "my.key.create", "{\"name\":\"a\\nbc\"}", ERR_VALUE);
	asked_well(&v.me, "my.key.create", "{\"name\":\"abc\"}");
	asked_well(&v.me, "my.key.create", "{\"name\":\"abcde\"}");
	village_end(&v);
}

static void
what_an_operator_disabled_its_owner_cannot_enable(void **state)
{
	struct village v;

	village_begin(&v, state);
	asked_well(&v.me, "my.key.create", "{\"name\":\"lap\"}");
	asked_well(&v.me, "my.key.disable", "{\"key\":\"lap\"}");
	asked_well(&v.admin, "key.disable", "{\"key\":\"lap\"}");
	asked_badly(&v.me, "my.key.enable", "{\"key\":\"lap\"}", ERR_DENIED);
	/* Nor make it theirs by disabling it once more. */
	asked_badly(&v.me, "my.key.disable", "{\"key\":\"lap\"}", ERR_DENIED);
	asked_well(&v.me, "my.key.rotate", "{\"key\":\"lap\"}");
	asked_badly(&v.me, "my.key.enable", "{\"key\":\"lap\"}", ERR_DENIED);
	asked_well(&v.admin, "key.enable", "{\"key\":\"lap\"}");
	asked_well(&v.me, "my.key.disable", "{\"key\":\"lap\"}");
	village_end(&v);
}

/* --- new values ------------------------------------------------------------ */

static void
rotate(struct client *c, const char *params, char value[APIKEY_VALUE_LEN + 1])
{
	make(c, "key.rotate", params, NULL, value);
}

static void
the_old_value_works_until_its_grace_ends(void **state)
{
	char id[16], value[4][APIKEY_VALUE_LEN + 1];
	struct keyring *keys;
	struct village v;
	struct ctl_frame f;
	int64_t until = 0;

	village_begin(&v, state);
	keys = v.h->d.keys;
	make(&v.admin, "key.create", "{\"name\":\"lap\"}", id, value[0]);
	rotate(&v.admin, "{\"key\":\"lap\",\"grace\":\"1d\"}", value[1]);
	assert_ptr_equal(keyring_match(keys, str_of(value[0])), key_of(&v, id));
	assert_ptr_equal(keyring_match(keys, str_of(value[1])), key_of(&v, id));
	f = ask(&v.admin, "key.show", "{\"key\":\"lap\"}");
	assert_int_equal(json_may_i64(f.data, "old_until", 1, INT64_MAX / 4,
			     &until, NULL),
	    OK);
	assert_true(str_eq(text_at(f.data, "old_value_end"),
	    str_of(value[0] + APIKEY_VALUE_LEN - 4)));
	ctl_frame_fini(&f);
	assert_true(apikey_in_grace(&key_of(&v, id)->rec, until - 1));
	assert_false(apikey_in_grace(&key_of(&v, id)->rec, until));

	/* Once more: the older one ends. */
	rotate(&v.admin, "{\"key\":\"lap\",\"grace\":\"1d\"}", value[2]);
	assert_null(keyring_match(keys, str_of(value[0])));
	assert_non_null(keyring_match(keys, str_of(value[1])));
	assert_non_null(keyring_match(keys, str_of(value[2])));
	/* Without a grace all before it do. */
	rotate(&v.admin, "{\"key\":\"lap\"}", value[3]);
	assert_null(keyring_match(keys, str_of(value[1])));
	assert_null(keyring_match(keys, str_of(value[2])));
	assert_non_null(keyring_match(keys, str_of(value[3])));
	asked_badly(&v.admin, "key.rotate",
	    "{\"key\":\"lap\",\"grace\":\"31d\"}", ERR_VALUE);
	asked_badly(&v.admin, "key.rotate",
	    "{\"key\":\"lap\",\"grace\":\"soon\"}", ERR_VALUE);
	/* A key that goes takes both with it. */
	rotate(&v.admin, "{\"key\":\"lap\",\"grace\":\"1d\"}", value[0]);
	asked_well(&v.admin, "key.rm", "{\"key\":\"lap\"}");
	assert_deleted(&v, value[3]);
	assert_deleted(&v, value[0]);
	asked_well(&v.admin, "key.purge", "{\"all\":true}");
	assert_null(keyring_match(keys, str_of(value[3])));
	assert_null(keyring_match(keys, str_of(value[0])));
	village_end(&v);
}

/* The loop's clock goes on: a grace of a millisecond is over by the time the
 * next thing is asked. */
static void
a_grace_that_is_over_is_over(void **state)
{
	char id[16], old[APIKEY_VALUE_LEN + 1], next[APIKEY_VALUE_LEN + 1];
	struct village v;
	struct ctl_frame f;

	village_begin(&v, state);
	make(&v.admin, "key.create", "{\"name\":\"lap\"}", id, old);
	rotate(&v.admin, "{\"key\":\"lap\",\"grace\":\"1ms\"}", next);
	for (int i = 0; keyring_match(v.h->d.keys, str_of(old)); i++)
		assert_true(i < 10000000);
	f = ask(&v.admin, "key.show", "{\"key\":\"lap\"}");
	assert_int_equal(text_at(f.data, "old_value_end").len, 0);
	ctl_frame_fini(&f);
	assert_non_null(keyring_match(v.h->d.keys, str_of(next)));
	asked_well(&v.admin, "key.rm", "{\"key\":\"lap\"}");
	assert_deleted(&v, next);
	assert_null(keyring_match(v.h->d.keys, str_of(old)));
	village_end(&v);
}

/* A change that was made from the record before the rotation must not bring
 * the old value back. */
static void
a_change_that_meets_a_rotation_is_stale(void **state)
{
	static const char line[] =
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"key.rotate\","
	    "\"params\":{\"key\":\"lap\"}}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"key.set\","
	    "\"params\":{\"key\":\"lap\",\"note\":\"n\"}}\n";
	char id[16], old[APIKEY_VALUE_LEN + 1];
	struct ctl_frame f;
	struct village v;

	village_begin(&v, state);
	make(&v.admin, "key.create", "{\"name\":\"lap\"}", id, old);
	say(&v.admin, str_of(line));
	assert_true(hear(&v.admin, &f));
	assert_int_equal(f.kind, CTL_RESULT);
	ctl_frame_fini(&f);
	assert_true(hear(&v.admin, &f));
	assert_true(ctl_frame_is(&f, ERR_STALE));
	ctl_frame_fini(&f);
	assert_null(keyring_match(v.h->d.keys, str_of(old)));
	village_end(&v);
}

/* --- one like another ------------------------------------------------------ */

/* Everything that is not in this list is taken over; a new field of the record
 * is therefore tried here without a word. */
static const char *const own[] = { "id", "name", "hash", "value_end",
	"disabled", "rev", "created_at", "changed_at", "old_hash",
	"old_value_end", "old_until", "self_made", "self_disabled",
	"activated_at", "deleted_at", "deleted_by", "template", "foreign_hash",
	"foreign_salt" };

static bool
is_own(const char *name)
{
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strcmp(name, own[i]))
			return true;
	return false;
}

/* A value that is nobody's default. */
static void
fill(struct apikey_rec *r, const struct rec_field *f)
{
	void *at = (char *)r + f->offset;

	switch (f->type) {
	case REC_T_TEXT:
	case REC_T_SEALED:
		*(struct str *)at = str_of(f->name);
		break;
	case REC_T_U64:
	case REC_T_I64:
		*(uint64_t *)at = 77;
		break;
	case REC_T_FLAG:
		*(bool *)at = true;
		break;
	case REC_T_BYTES16:
		memset(at, 7, 16);
		break;
	case REC_T_BYTES32:
		memset(at, 7, 32);
		break;
	}
}

static void
one_like_another_has_every_field_of_it(void **state)
{
	struct apikey_rec model, r, empty;
	struct buf a, b;

	(void)state;
	memset(&empty, 0, sizeof(empty));
	for (size_t i = 0; i < apikey_kind.count; i++) {
		const struct rec_field *f = &apikey_kind.fields[i];
		bool same;

		memset(&model, 0, sizeof(model));
		memset(&r, 0, sizeof(r));
		fill(&model, f);
		apikey_like(&r, &model);
		buf_init(&a, 4096);
		buf_init(&b, 4096);
		assert_int_equal(apikey_rec_write(&r, &a), OK);
		assert_int_equal(apikey_rec_write(is_own(f->name) ? &empty
								  : &model,
				     &b),
		    OK);
		same = str_eq(buf_str(&a), buf_str(&b));
		buf_fini(&a);
		buf_fini(&b);
		if (!same)
			fail_msg("%s is %s", f->name,
			    is_own(f->name) ? "taken over" : "forgotten");
	}
}

/* How many limits of its own a key has. */
static unsigned
limits_of(const struct village *v, const char *id, int64_t amount)
{
	const struct budget *b;
	unsigned n = 0;

	TAILQ_FOREACH (b, &v->h->budgets.list, link)
		n += b->scope == BUDGET_KEY &&
		    str_eq(b->rec.subject, str_of(id)) &&
		    b->rec.amount == amount;
	return n;
}

static void
one_like_another_has_limits_of_its_own_like_it(void **state)
{
	char of[16], id[16];
	struct village v;

	village_begin(&v, state);
	make(&v.admin, "key.create", "{\"name\":\"people\"}", of, NULL);
	asked_well(&v.admin, "budget.add",
	    "{\"scope\":\"key:people\",\"limit\":\"5 usd\",\"per\":\"day\"}");
	asked_well(&v.admin, "budget.add",
	    "{\"scope\":\"key:people\",\"limit\":\"7 "
	    "requests\",\"per\":\"life\"}");
	asked_well(&v.admin, "budget.add",
	    "{\"scope\":\"all\",\"limit\":\"7 requests\",\"per\":\"life\"}");
	make(&v.admin, "key.create", "{\"name\":\"b\",\"like\":\"people\"}", id,
	    NULL);
	assert_int_equal(limits_of(&v, id, 5000000), 1);
	assert_int_equal(limits_of(&v, id, 7), 1);
	set(&v.admin, "self_keys_template", "people");
	make(&v.me, "my.key.create", "{\"name\":\"mine\"}", id, NULL);
	assert_int_equal(limits_of(&v, id, 5000000), 1);
	assert_int_equal(limits_of(&v, id, 7), 1);
	assert_int_equal(limits_of(&v, of, 5000000), 1);
	assert_int_equal(v.h->budgets.count, 7);
	/* They are not a person's to change. */
	asked_badly(&v.me, "budget.rm", "{\"budget\":\"x\"}", ERR_DENIED);
	asked_badly(&v.me, "budget.set", "{\"budget\":\"x\"}", ERR_DENIED);
	village_end(&v);
}

static void
what_is_said_beside_a_likeness_goes_first(void **state)
{
	struct village v;
	char id[16];

	village_begin(&v, state);
	make(&v.admin, "key.create",
	    "{\"name\":\"a\",\"rate\":\"2\",\"tags\":\"t\",\"note\":\"n\"," HERS
	    "}",
	    NULL, NULL);
	make(&v.admin, "key.create",
	    "{\"name\":\"b\",\"like\":\"a\",\"rate\":\"3\"}", id, NULL);
	assert_true(str_eq(key_of(&v, id)->rec.rate, STR("3")));
	assert_true(str_eq(key_of(&v, id)->rec.tags, STR("t")));
	assert_true(str_eq(key_of(&v, id)->rec.owner, STR("uid:4712")));
	asked_badly(&v.admin, "key.create",
	    "{\"name\":\"c\",\"like\":\"" NOTHING "\"}", ERR_UNKNOWN);
	village_end(&v);
}

/* --- people ---------------------------------------------------------------- */

static struct str
state_of(const struct village *v, const char *id)
{
	return str_of(apikey_state(key_of(v, id), 1));
}

static void
a_disabled_person_has_no_key_that_works_and_makes_none(void **state)
{
	char one[16], two[16], hers[16], late[16];
	struct village v;

	village_begin(&v, state);
	make(&v.me, "my.key.create", "{\"name\":\"one\"}", one, NULL);
	make(&v.admin, "key.create", "{\"name\":\"two\"," OWNER "}", two, NULL);
	make(&v.her, "my.key.create", "{\"name\":\"one\"}", hers, NULL);
	asked_well(&v.admin, "key.disable", "{\"key\":\"two\"}");
	asked_well(&v.admin, "user.disable",
	    "{\"user\":\"uid:4711\",\"reason\":\"left\"}");
	assert_true(str_eq(state_of(&v, one), STR("owner-disabled")));
	assert_true(str_eq(state_of(&v, two), STR("disabled")));
	assert_true(str_eq(state_of(&v, hers), STR("active")));
	asked_badly(&v.me, "my.key.create", "{\"name\":\"x\"}", ERR_DENIED);
	/* Nor does one that is made for them. */
	make(&v.admin, "key.create", "{\"name\":\"late\"," OWNER "}", late,
	    NULL);
	assert_true(str_eq(state_of(&v, late), STR("owner-disabled")));
	/* Given to somebody else it does. */
	asked_well(&v.admin, "key.set", "{\"key\":\"late\"," HERS "}");
	assert_true(str_eq(state_of(&v, late), STR("active")));
	/* Not a record of the keys was touched. */
	assert_int_equal(key_of(&v, one)->rec.rev, 1);

	asked_well(&v.admin, "user.enable", "{\"user\":\"uid:4711\"}");
	assert_true(str_eq(state_of(&v, one), STR("active")));
	assert_true(str_eq(state_of(&v, two), STR("disabled")));
	asked_well(&v.me, "my.key.create", "{\"name\":\"x\"}");
	village_end(&v);
}

static void
people_are_listed_with_what_was_said_of_them(void **state)
{
	struct village v;
	struct ctl_frame f;
	struct client view;

	village_begin(&v, state);
	client_adopt_as(&view, v.h, CTL_VIEW, 99);
	asked_well(&v.me, "my.key.create", "{\"name\":\"one\"}");
	asked_well(&v.admin, "key.create",
	    "{\"name\":\"t\",\"owner\":\"a team\"}");
	asked_well(&v.admin, "key.create", "{\"name\":\"nobodys\"}");
	asked_badly(&view, "user.show", "{\"user\":\"uid:9\"}", ERR_UNKNOWN);
	asked_badly(&view, "user.disable", "{\"user\":\"uid:9\"}", ERR_DENIED);
	/* One without keys may be forbidden to make any. */
	asked_well(&v.admin, "user.disable", "{\"user\":\"uid:9\"}");
	assert_int_equal(rows_of(&view, "user.list", "{}"), 3);
	f = ask(&view, "user.list", "{\"limit\":1}");
	assert_true(str_eq(text_at(json_first(f.data), "user"), STR("a team")));
	assert_true(str_eq(f.next, STR("a team")));
	ctl_frame_fini(&f);
	f = ask(&view, "user.list", "{\"limit\":2,\"cursor\":\"a team\"}");
	assert_true(str_eq(text_at(json_first(f.data), "user"),
	    STR("uid:4711")));
	assert_int_equal(f.next.len, 0);
	ctl_frame_fini(&f);
	f = ask(&view, "user.show", "{\"user\":\"uid:9\"}");
	assert_true(str_eq(text_at(f.data, "state"), STR("disabled")));
	ctl_frame_fini(&f);
	assert_int_equal(rows_of(&view, "user.show", "{\"user\":\"uid:4711\"}"),
	    1);
	client_fini(&view);
	village_end(&v);
}

static void
what_is_said_of_a_person_is_audited_and_has_a_revision(void **state)
{
	struct village v;
	struct ctl_frame f;

	village_begin(&v, state);
	asked_well(&v.admin, "user.disable",
	    "{\"user\":\"uid:4711\",\"dry_run\":true}");
	assert_null(user_find(&v.h->d.keys->users, STR("uid:4711")));
	asked_well(&v.admin, "user.disable", "{\"user\":\"uid:4711\"}");
	asked_badly(&v.admin, "user.enable",
	    "{\"user\":\"uid:4711\",\"if_rev\":7}", ERR_STALE);
	asked_well(&v.admin, "user.enable",
	    "{\"user\":\"uid:4711\",\"if_rev\":1}");
	asked_badly(&v.admin, "user.disable", "{\"user\":\"\"}", ERR_VALUE);
	asked_badly(&v.admin, "user.disable", "{\"user\":\"a\\nb\"}",
	    ERR_VALUE);
	f = ask(&v.admin, "audit.list", "{\"type\":\"user\"}");
	assert_int_equal(json_count(f.data), 2);
	assert_true(str_eq(text_at(json_first(f.data), "object"),
	    STR("uid:4711")));
	ctl_frame_fini(&f);
	asked_well(&v.admin, "audit.verify", "{}");
	village_end(&v);
}

/* --- lists in pages -------------------------------------------------------- */

static void
keys_come_in_pages_and_none_is_lost(void **state)
{
	char params[160] = "{\"limit\":3}", seen[11] = "";
	struct village v;
	size_t n = 0;

	village_begin(&v, state);
	for (int c = 'a'; c < 'k'; c++) {
		snprintf(params, sizeof(params), "{\"name\":\"%c\"}", c);
		asked_well(&v.admin, "key.create", params);
	}
	snprintf(params, sizeof(params), "{\"limit\":3}");
	for (;;) {
		struct ctl_frame f = ask(&v.admin, "key.list", params);
		size_t more = f.next.len;

		for (const struct json *r = json_first(f.data); r && n < 10;
		     r = json_next(r))
			seen[n++] = text_at(r, "name").at[0];
		snprintf(params, sizeof(params),
		    "{\"limit\":3,\"cursor\":\"%.*s\"}", STR_ARG(f.next));
		ctl_frame_fini(&f);
		if (!more)
			break;
	}
	assert_int_equal(n, 10);
	for (int c = 'a'; c < 'k'; c++)
		assert_non_null(strchr(seen, c));
	village_end(&v);
}

#define HOUSED(test)                                                           \
	cmocka_unit_test_setup_teardown(test, house_setup, house_teardown)

/* --- vouchers -------------------------------------------------------------- */

static void
make_voucher(struct client *c, char code[32])
{
	struct ctl_frame f = ask(c, "voucher.create",
	    "{\"quota\":\"5 usd\",\"note\":\"canary\"}");

	assert_int_equal(f.kind, CTL_RESULT);
	snprintf(code, 32, "%.*s",
	    STR_ARG(text_at(json_first(json_at(f.data, "made")), "code")));
	ctl_frame_fini(&f);
}

static void
people_redeem_for_their_own_keys_and_see_their_own_history(void **state)
{
	static const char *const operators[] = { "voucher.create",
		"voucher.list", "voucher.show", "voucher.rm",
		"voucher.revoke" };
	char code[32], id[16], params[128];
	struct village v;
	struct ctl_frame f;

	village_begin(&v, state);
	make(&v.me, "my.key.create", "{\"name\":\"lap\"}", NULL, NULL);
	make(&v.her, "my.key.create", "{\"name\":\"top\"}", id, NULL);
	make_voucher(&v.admin, code);
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		asked_badly(&v.me, operators[i], "{}", ERR_DENIED);
	/* Of hers neither name nor id is there. */
	snprintf(params, sizeof(params),
	    "{\"code\":\"%s\",\"key\":\"%s\",\"begin\":true}", code, id);
	asked_badly(&v.me, "my.redeem", params, ERR_UNKNOWN);
	/* Nor are people's keys an operator's own. */
	asked_badly(&v.admin, "my.redeem", params, ERR_UNKNOWN);
	snprintf(params, sizeof(params), "{\"code\":\"%s\",\"begin\":true}",
	    code);
	f = ask(&v.me, "my.redeem", params);
	assert_int_equal(f.kind, CTL_RESULT);
	assert_true(str_eq(text_at(f.data, "key"), STR("lap")));
	assert_null(json_at(f.data, "note"));
	assert_null(json_at(f.data, "created_by"));
	ctl_frame_fini(&f);
	asked_badly(&v.her, "my.redeem", params, ERR_EXISTS);
	assert_int_equal(rows_of(&v.me, "voucher.history", "{}"), 1);
	assert_int_equal(rows_of(&v.me, "voucher.history",
			     "{\"key\":\"lap\",\"user\":\"uid:4711\"}"),
	    1);
	assert_int_equal(rows_of(&v.her, "voucher.history", "{}"), 0);
	assert_int_equal(rows_of(&v.her, "voucher.history",
			     "{\"user\":\"uid:4711\"}"),
	    0);
	assert_int_equal(rows_of(&v.admin, "voucher.history", "{}"), 1);
	assert_int_equal(rows_of(&v.admin, "voucher.history",
			     "{\"key\":\"top\"}"),
	    0);
	village_end(&v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSED(people_make_no_keys_until_they_may),
		HOUSED(a_person_makes_uses_and_ends_a_key_of_theirs),
		HOUSED(what_a_person_does_is_in_the_audit_with_their_uid),
		HOUSED(an_operator_sees_under_my_what_a_person_would),
		HOUSED(what_is_hers_is_answered_as_what_does_not_exist),
		HOUSED(a_person_hears_of_their_own_requests_only),
		HOUSED(people_leave_room_for_operators),
		HOUSED(lists_are_of_what_is_theirs_whatever_is_asked),
		HOUSED(names_of_others_are_free_and_hide_nothing),
		HOUSED(four_at_once_make_as_many_as_there_may_be),
		HOUSED(two_at_once_do_not_get_one_name),
		HOUSED(a_persons_key_is_like_the_template_and_no_more),
		HOUSED(names_have_the_length_that_operators_say),
		HOUSED(what_an_operator_disabled_its_owner_cannot_enable),
		HOUSED(the_old_value_works_until_its_grace_ends),
		HOUSED(a_grace_that_is_over_is_over),
		HOUSED(a_change_that_meets_a_rotation_is_stale),
		cmocka_unit_test(one_like_another_has_every_field_of_it),
		HOUSED(one_like_another_has_limits_of_its_own_like_it),
		HOUSED(what_is_said_beside_a_likeness_goes_first),
		HOUSED(a_disabled_person_has_no_key_that_works_and_makes_none),
		HOUSED(people_are_listed_with_what_was_said_of_them),
		HOUSED(what_is_said_of_a_person_is_audited_and_has_a_revision),
		HOUSED(keys_come_in_pages_and_none_is_lost),
		HOUSED(
		    people_redeem_for_their_own_keys_and_see_their_own_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
