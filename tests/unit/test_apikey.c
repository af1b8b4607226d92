/* SPDX-License-Identifier: MIT */
/* test_apikey.c - the keys of clients: their shape, finding and saving them,
 * also while a request holds one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/audit.h"
#include "relayd/loop.h"
#include "relayd/trash.h"
#include "tests/support/relaybox.h"

struct saved {
	bool done;
	enum err e;
	struct apikey *key;
};

static int
setup(void **state)
{
	*state = relaybox_new("");
	relaybox_reset(*state);
	return 0;
}

static int
teardown(void **state)
{
	relaybox_free(*state);
	return 0;
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	struct saved *s = arg;

	(void)why;
	s->done = true;
	s->e = e;
	s->key = k;
}

static struct saved
wait_saved(struct relaybox *b, struct saved *s)
{
	for (int i = 0; i < RELAYBOX_PATIENCE && !s->done; i++)
		relaybox_turn(b);
	assert_true(s->done);
	return *s;
}

static struct saved
save(struct relaybox *b, const struct apikey_rec *r, const char *value,
    bool must_exist, uint64_t if_rev)
{
	struct saved s = { .done = false };

	apikey_save(&b->keys, r, str_of(value), must_exist, if_rev, NULL,
	    on_saved, &s);
	return wait_saved(b, &s);
}

static struct saved
discard(struct relaybox *b, const char *id, uint64_t if_rev)
{
	struct apikey_rec r = keyring_id(&b->keys, str_of(id))->rec;

	r.deleted_at = 1;
	return save(b, &r, "", true, if_rev);
}

struct purged {
	bool done;
	enum err e;
	unsigned count;
};

static void
on_purged(void *arg, enum err e, const struct why *why, unsigned count)
{
	struct purged *p = arg;

	(void)why;
	*p = (struct purged){ .done = true, .e = e, .count = count };
}

/* How many went. */
static unsigned
purge(struct relaybox *b, struct str id)
{
	const struct audit_who who = { .method = "key_purge" };
	struct purged p = { .done = false };

	trash_purge(&b->keys, &b->budgets, &id, 1, &who, on_purged, &p);
	for (int i = 0; i < RELAYBOX_PATIENCE && !p.done; i++)
		relaybox_turn(b);
	assert_true(p.done);
	assert_int_equal(p.e, OK);
	return p.count;
}

static void
a_value_has_its_shape_and_no_other_passes(void **state)
{
	char value[APIKEY_VALUE_LEN + 1], other[APIKEY_VALUE_LEN + 1];

	(void)state;
	for (int round = 0; round < 50; round++) {
		apikey_make_value(value);
		assert_int_equal(strlen(value), APIKEY_VALUE_LEN);
		assert_memory_equal(value, "cr_", 3);
		for (int i = 3; i < APIKEY_VALUE_LEN; i++)
			assert_non_null(strchr("0123456789ABCDEFGHIJKLMNOPQRST"
					       "UVWXYZabcdefghijklmnopqrstuvw"
					       "xyz",
			    value[i]));
		assert_true(apikey_well_formed(str_of(value)));
		/* One wrong letter, wherever it is. */
		for (int i = 0; i < APIKEY_VALUE_LEN; i++) {
			memcpy(other, value, sizeof(other));
			other[i] = other[i] == 'x' ? 'y' : 'x';
			assert_false(apikey_well_formed(str_of(other)));
		}
		assert_false(apikey_well_formed(str_first(str_of(value),
		    APIKEY_VALUE_LEN - 1)));
	}
	assert_false(apikey_well_formed(STR("")));
	apikey_make_value(other);
	assert_string_not_equal(value, other);
}

static void
an_id_has_its_shape(void **state)
{
	char id[10];

	(void)state;
	for (int round = 0; round < 50; round++) {
		apikey_make_id(id);
		assert_int_equal(strlen(id), 9);
		assert_int_equal(id[0], 'k');
		for (int i = 1; i < 9; i++)
			assert_true(id[i] >= 'a' && id[i] <= 'z');
	}
}

static void
a_key_is_found_by_its_value_its_id_and_its_name(void **state)
{
	struct relaybox *b = *state;
	struct apikey *k = keyring_match(&b->keys, str_of(b->key));
	char other[APIKEY_VALUE_LEN + 1];
	struct buf record;

	assert_non_null(k);
	assert_ptr_equal(keyring_id(&b->keys, STR("kbox00001")), k);
	assert_ptr_equal(keyring_find(&b->keys, STR("kbox00001")), k);
	assert_ptr_equal(keyring_find(&b->keys, STR("box")), k);
	assert_true(str_eq(k->rec.value_end,
	    str_skip(str_of(b->key), APIKEY_VALUE_LEN - 4)));
	/* Only its hash is kept. */
	buf_init(&record, 4096);
	assert_int_equal(apikey_rec_write(&k->rec, &record), OK);
	assert_true(str_find(buf_str(&record), str_of(b->key)) < 0);
	buf_fini(&record);
	apikey_make_value(other);
	assert_null(keyring_match(&b->keys, str_of(other)));
	assert_null(keyring_match(&b->keys, STR("")));
	b->key[APIKEY_VALUE_LEN - 1] ^= 1;
	assert_null(keyring_match(&b->keys, str_of(b->key)));
	assert_null(keyring_find(&b->keys, STR("nobody")));
}

static void
a_name_that_two_have_finds_neither(void **state)
{
	struct relaybox *b = *state;
	const struct apikey_rec r = { .id = STR("kother001"),
		.name = STR("box") };

	assert_int_equal(save(b, &r, "a-value-of-its-own", false, 0).e, OK);
	assert_int_equal(b->keys.count, 2);
	assert_null(keyring_find(&b->keys, STR("box")));
	assert_non_null(keyring_find(&b->keys, STR("kother001")));
	/* Any value may be brought along: it is found like another. */
	assert_ptr_equal(keyring_match(&b->keys, STR("a-value-of-its-own")),
	    keyring_id(&b->keys, STR("kother001")));
}

static void
a_key_is_saved_against_its_revision(void **state)
{
	struct relaybox *b = *state;
	struct apikey_rec r = { .id = STR("kbox00001"), .name = STR("new") };
	struct apikey *k = keyring_id(&b->keys, r.id);

	memcpy(r.hash, k->rec.hash, sizeof(r.hash));
	assert_int_equal(k->rec.rev, 1);
	assert_int_equal(save(b, &r, "", false, 0).e, ERR_EXISTS);
	assert_int_equal(save(b, &r, "", true, 9).e, ERR_STALE);
	assert_true(str_eq(k->rec.name, STR("box")));
	assert_int_equal(save(b, &r, "", true, 1).e, OK);
	k = keyring_id(&b->keys, r.id);
	assert_int_equal(k->rec.rev, 2);
	assert_true(str_eq(k->rec.name, STR("new")));
	assert_true(k->rec.created_at && k->rec.changed_at);
	assert_ptr_equal(keyring_match(&b->keys, str_of(b->key)), k);
	/* Another value: the old one is no key any more. */
	assert_int_equal(save(b, &r, "another-value", true, 2).e, OK);
	assert_null(keyring_match(&b->keys, str_of(b->key)));
	assert_non_null(keyring_match(&b->keys, STR("another-value")));
	r.id = STR("knobody01");
	assert_int_equal(save(b, &r, "", true, 0).e, ERR_UNKNOWN);
}

static void
a_deleted_key_is_found_by_its_value_until_it_is_purged(void **state)
{
	struct relaybox *b = *state;
	struct apikey *k = keyring_id(&b->keys, STR("kbox00001"));
	struct apikey_rec r;

	/* What is in use is not purged. */
	assert_int_equal(purge(b, STR("kbox00001")), 0);
	assert_int_equal(purge(b, STR("knobody01")), 0);
	assert_int_equal(discard(b, "kbox00001", 9).e, ERR_STALE);
	assert_int_equal(b->keys.count, 1);
	assert_int_equal(discard(b, "kbox00001", 1).e, OK);
	assert_int_equal(b->keys.count, 0);
	assert_true(TAILQ_EMPTY(&b->keys.keys));
	assert_ptr_equal(keyring_match(&b->keys, str_of(b->key)), k);
	assert_string_equal(apikey_state(k, 999), "deleted");
	assert_null(keyring_find(&b->keys, STR("box")));
	assert_null(keyring_find(&b->keys, STR("kbox00001")));
	assert_ptr_equal(keyring_find_deleted(&b->keys, STR("box")), k);
	r = k->rec;
	r.deleted_at = 0;
	assert_int_equal(save(b, &r, "", true, 2).e, OK);
	assert_ptr_equal(keyring_find(&b->keys, STR("box")), k);
	assert_null(keyring_find_deleted(&b->keys, STR("kbox00001")));
	assert_int_equal(b->keys.count, 1);
	assert_int_equal(discard(b, "kbox00001", 0).e, OK);
	assert_int_equal(purge(b, STR("kbox00001")), 1);
	assert_null(keyring_match(&b->keys, str_of(b->key)));
	assert_null(keyring_id(&b->keys, STR("kbox00001")));
}

static void
a_deleted_key_is_refused_and_told_so(void **state)
{
	struct relaybox *b = *state;
	struct boxclient c;

	assert_int_equal(discard(b, "kbox00001", 0).e, OK);
	boxclient_init(&c, b);
	boxclient_ask(&c, false);
	boxclient_wait(&c);
	assert_int_equal(c.status, 401);
	assert_non_null(strstr(buf_cstr(&c.body), "was deleted"));
	boxclient_fini(&c);
}

static void
a_key_is_active_until_it_is_not(void **state)
{
	struct apikey k = { .rec = { .expires_at = 1000 } };

	(void)state;
	assert_string_equal(apikey_state(&k, 999), "active");
	assert_string_equal(apikey_state(&k, 1000), "expired");
	k.rec.disabled = true;
	assert_string_equal(apikey_state(&k, 999), "disabled");
	k.rec.expires_at = 0;
	k.rec.disabled = false;
	assert_string_equal(apikey_state(&k, INT64_MAX), "active");
}

static void
what_a_first_use_has_set_is_not_taken_over(void **state)
{
	const struct apikey_rec used = { .expires_after = 500,
		.activated_at = 1000,
		.expires_at = 1500,
		.note = STR("n") };
	const struct apikey_rec fixed = { .expires_at = 1500 };
	struct apikey_rec r = { .id = STR("k") };

	(void)state;
	apikey_like(&r, &used);
	assert_true(str_eq(r.note, STR("n")));
	assert_true(apikey_is_unused(&r));
	assert_int_equal(r.expires_after, 500);
	assert_int_equal(r.activated_at, 0);
	assert_int_equal(r.expires_at, 0);
	apikey_like(&r, &fixed);
	assert_int_equal(r.expires_at, 1500);
	assert_false(apikey_is_unused(&r));
}

/* What lies in the store of the box's key, after what was under way. */
static struct apikey_rec
settle(struct relaybox *b)
{
	struct apikey *k = keyring_id(&b->keys, STR("kbox00001"));

	for (int i = 0; i < RELAYBOX_PATIENCE && k->activating; i++)
		relaybox_turn(b);
	assert_false(k->activating);
	return k->rec;
}

static void
the_first_use_begins_the_time_of_a_key_once(void **state)
{
	struct relaybox *b = *state;
	struct apikey *k = keyring_id(&b->keys, STR("kbox00001"));
	struct apikey_rec r = k->rec;
	struct saved s = { .done = false };

	/* There is nothing to begin. */
	apikey_activate(&b->keys, k, 500);
	assert_false(k->activating);
	r.expires_after = 3000;
	assert_int_equal(save(b, &r, "", true, 0).e, OK);
	assert_string_equal(apikey_state(k, 1), "unused");
	assert_true(apikey_state_serves("unused"));
	apikey_activate(&b->keys, k, 1000);
	apikey_activate(&b->keys, k, 2000);
	r = settle(b);
	assert_int_equal(r.activated_at, 1000);
	assert_int_equal(r.expires_at, 4000);
	assert_string_equal(apikey_state(k, 3999), "active");
	assert_string_equal(apikey_state(k, 4000), "expired");
	apikey_activate(&b->keys, k, 3000);
	assert_false(k->activating);
	/* A change that was read before the use is stale; one that takes the
	 * end off before the use is stored wins over it. */
	r.activated_at = r.expires_at = 0;
	assert_int_equal(save(b, &r, "", true, r.rev).e, OK);
	r = k->rec;
	apikey_activate(&b->keys, k, 5000);
	assert_int_equal(save(b, &r, "", true, r.rev).e, ERR_STALE);
	r = settle(b);
	assert_int_equal(r.activated_at, 5000);
	r.activated_at = r.expires_at = 0;
	assert_int_equal(save(b, &r, "", true, r.rev).e, OK);
	r = k->rec;
	r.expires_after = 0;
	apikey_save(&b->keys, &r, STR(""), true, 0, NULL, on_saved, &s);
	apikey_activate(&b->keys, k, 6000);
	assert_int_equal(wait_saved(b, &s).e, OK);
	r = settle(b);
	assert_int_equal(r.activated_at, 0);
	assert_int_equal(r.expires_at, 0);
}

static void
a_first_use_of_a_key_that_goes_is_forgotten(void **state)
{
	struct relaybox *b = *state;
	struct apikey *k = keyring_id(&b->keys, STR("kbox00001"));
	struct apikey_rec r = k->rec;
	struct saved s = { .done = false };

	r.expires_after = 3000;
	assert_int_equal(save(b, &r, "", true, 0).e, OK);
	r = k->rec;
	r.deleted_at = 1;
	apikey_save(&b->keys, &r, STR(""), true, 0, NULL, on_saved, &s);
	apikey_activate(&b->keys, k, 6000);
	assert_int_equal(wait_saved(b, &s).e, OK);
	r = settle(b);
	assert_int_equal(r.activated_at, 0);
	assert_string_equal(apikey_state(k, 1), "deleted");
}

/* A request that hangs at the upstream. */
static void
ask_and_hang(struct relaybox *b, struct boxclient *c)
{
	unsigned heard = player_heard(b->player);

	b->script[0] = "hang";
	boxclient_init(c, b);
	boxclient_ask(c, false);
	for (int i = 0; player_heard(b->player) == heard; i++) {
		assert_true(i < RELAYBOX_PATIENCE);
		relaybox_turn(b);
	}
}

static void
let_go(struct relaybox *b, struct boxclient *c)
{
	boxclient_fini(c);
	for (int i = 0; b->d.counters.connections_now; i++) {
		assert_true(i < RELAYBOX_PATIENCE);
		relaybox_turn(b);
	}
}

static void
a_key_that_is_deleted_lasts_as_long_as_its_request(void **state)
{
	struct relaybox *b = *state;
	struct apikey *k = keyring_id(&b->keys, STR("kbox00001"));
	struct boxclient c;

	ask_and_hang(b, &c);
	assert_int_equal(k->in_flight, 1);
	assert_int_equal(k->users, 1);
	assert_int_equal(discard(b, "kbox00001", 0).e, OK);
	assert_int_equal(purge(b, STR("kbox00001")), 1);
	assert_true(k->deleted);
	assert_int_equal(k->in_flight, 1);
	let_go(b, &c);
	assert_int_equal(b->receipts_count, 1);
	relaybox_wait_stored(b);
}

static void
a_key_that_is_disabled_lets_its_request_end_and_no_other_begin(void **state)
{
	struct relaybox *b = *state;
	struct apikey *k = keyring_id(&b->keys, STR("kbox00001"));
	struct apikey_rec r;
	struct boxclient c, late;

	ask_and_hang(b, &c);
	r = k->rec;
	r.disabled = true;
	assert_int_equal(save(b, &r, "", true, 0).e, OK);
	assert_ptr_equal(keyring_id(&b->keys, STR("kbox00001")), k);
	assert_int_equal(k->in_flight, 1);
	boxclient_init(&late, b);
	boxclient_ask(&late, false);
	boxclient_wait(&late);
	assert_int_equal(late.status, 401);
	assert_non_null(strstr(buf_cstr(&late.body), "disabled"));
	boxclient_fini(&late);
	let_go(b, &c);
	assert_int_equal(k->in_flight, 0);
	assert_int_equal(k->users, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_has_its_shape_and_no_other_passes),
		cmocka_unit_test(an_id_has_its_shape),
		TEST(a_key_is_found_by_its_value_its_id_and_its_name),
		TEST(a_name_that_two_have_finds_neither),
		TEST(a_key_is_saved_against_its_revision),
		TEST(a_deleted_key_is_found_by_its_value_until_it_is_purged),
		TEST(a_deleted_key_is_refused_and_told_so),
		cmocka_unit_test(a_key_is_active_until_it_is_not),
		cmocka_unit_test(what_a_first_use_has_set_is_not_taken_over),
		TEST(the_first_use_begins_the_time_of_a_key_once),
		TEST(a_first_use_of_a_key_that_goes_is_forgotten),
		TEST(a_key_that_is_deleted_lasts_as_long_as_its_request),
		TEST(
		    a_key_that_is_disabled_lets_its_request_end_and_no_other_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
