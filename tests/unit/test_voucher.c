/* SPDX-License-Identifier: MIT */
/* test_voucher.c - vouchers: what is a code, redeemed exactly once whatever
 * fails on the way, and what revoking takes back. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/apikey.h"
#include "relayd/audit.h"
#include "relayd/budget.h"
#include "relayd/loop.h"
#include "relayd/setting.h"
#include "relayd/spent.h"
#include "relayd/voucher.h"
#include "relayd/zone.h"
#include "tests/support/storebox.h"

#define USD	INT64_C(1000000)
#define DAY_MS	INT64_C(86400000)
#define PERSON	"uid:4711"
#define TRIES_N 4
#define WAIT_MS 20000
/* STR() is no constant. */
#define TEXT(literal)                                                          \
	{                                                                      \
		.at = literal, .len = sizeof(literal) - 1                      \
	}

static const struct audit_who me = { .uid = 4711, .method = "my_redeem" };

/* --- codes ----------------------------------------------------------------- */

static enum err
read_code(const char *said, char out[VOUCHER_CODE_LEN + 1])
{
	return voucher_code_read(str_of(said), out, NULL);
}

static void
a_code_reads_back_however_it_is_typed(void **state)
{
	char code[VOUCHER_CODE_LEN + 1], again[VOUCHER_CODE_LEN + 1];
	char lower[64], bare[64];

	(void)state;
	for (int round = 0; round < 200; round++) {
		size_t n = 0;

		voucher_make_code(code);
		assert_int_equal(strlen(code), VOUCHER_CODE_LEN);
		assert_null(strpbrk(code, "01ILO"));
		assert_int_equal(read_code(code, again), OK);
		assert_string_equal(code, again);
		for (size_t i = 0; code[i]; i++)
			if (code[i] != '-')
				bare[n++] = code[i];
		bare[n] = '\0';
		assert_int_equal(read_code(bare, again), OK);
		assert_string_equal(code, again);
		snprintf(lower, sizeof(lower), " %.4s_%.4s %.8s\t", bare,
		    bare + 4, bare + 8);
		for (char *c = lower; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c - 'A' + 'a');
		assert_int_equal(read_code(lower, again), OK);
		assert_string_equal(code, again);
	}
}

static void
every_single_error_and_every_swap_is_noticed(void **state)
{
	static const char letters[] = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";
	char code[VOUCHER_CODE_LEN + 1], wrong[VOUCHER_CODE_LEN + 1];
	char out[VOUCHER_CODE_LEN + 1];

	(void)state;
	voucher_make_code(code);
	for (int i = 0; i < VOUCHER_CODE_LEN; i++) {
		for (const char *c = letters; code[i] != '-' && *c; c++) {
			memcpy(wrong, code, sizeof(code));
			wrong[i] = *c;
			assert_int_equal(read_code(wrong, out),
			    *c == code[i] ? OK : ERR_SYNTAX);
		}
		for (int k = i + 1; k < VOUCHER_CODE_LEN; k++) {
			memcpy(wrong, code, sizeof(code));
			if (code[i] == '-' || code[k] == '-')
				continue;
			wrong[i] = code[k];
			wrong[k] = code[i];
			assert_int_equal(read_code(wrong, out),
			    code[i] == code[k] ? OK : ERR_SYNTAX);
		}
	}
}

static void
hostile_codes_are_refused_with_a_word(void **state)
{
	static const struct str cases[] = {
		TEXT(""),
		TEXT("-"),
		TEXT("AAAA-AAAA-AAAA-AAA"),
		TEXT("AAAA-AAAA-AAAA-AAAAA"),
		TEXT("AAAA-AAAA-AAAA-AAA0"),
		TEXT("AAAA-AAAA-AAAA-AAAl"),
		TEXT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
		TEXT("AAAA\0AAAA-AAAA-AAA"),
		TEXT("\xff\xfe\xfd\xfc-\x1b[2J"),
		TEXT("----------------------------------------------"
		     "------------------------------"),
		TEXT("' or 1=1; --%s%n"),
	};
	char out[VOUCHER_CODE_LEN + 1] = "untouched";
	struct why why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		why.text[0] = '\0';
		assert_int_equal(voucher_code_read(cases[i], out, &why),
		    ERR_SYNTAX);
		assert_string_equal(out, "untouched");
		assert_string_equal(why.field, "code");
		assert_true(why.text[0] != '\0');
	}
}

/* --- a store with one key --------------------------------------------------- */

/* The backend's own, to let it fail. */
static void *mem_db;

static enum err
open_spied(const char *dir, size_t map_size, void **out_db, struct why *out_why)
{
	enum err e = store_mem.open(dir, map_size, out_db, out_why);

	mem_db = e ? NULL : *out_db;
	return e;
}

struct shop {
	struct store_ops ops;
	struct storebox box;
	struct loop *loop;
	struct zone *zone;
	struct settings settings;
	struct keyring keys;
	struct budgets budgets;
	struct vouchers all;
	char key[16];
	char code[VOUCHERS_BATCH][VOUCHER_CODE_LEN + 1];
	char id[VOUCHERS_BATCH][16];
};

/* How jobs ended. */
struct ends {
	unsigned count;
	enum err e[16];
	struct why why;
};

static void
wait_for(struct shop *s, const unsigned *count, unsigned wanted)
{
	struct pollfd p = { .fd = store_fd(s->box.s), .events = POLLIN };

	while (*count < wanted) {
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		store_collect(s->box.s);
	}
}

static void
on_end(void *arg, enum err e, const struct why *why, struct voucher *v)
{
	struct ends *ends = arg;

	(void)v;
	ends->e[ends->count++ % 16] = e;
	if (e)
		ends->why = *why;
}

static void
on_key(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	(void)why;
	(void)k;
	assert_int_equal(e, OK);
	++*(unsigned *)arg;
}

static void
shop_load(struct shop *s)
{
	assert_int_equal(storebox_open(&s->box, &s->ops, NULL), OK);
	assert_int_equal(keyring_init(&s->keys, s->loop, s->box.s), OK);
	assert_int_equal(keyring_load(&s->keys, NULL), OK);
	budgets_init(&s->budgets, s->loop, s->box.s, s->zone);
	assert_int_equal(budgets_load(&s->budgets, NULL), OK);
	vouchers_init(&s->all, s->loop, s->box.s, &s->keys, &s->budgets,
	    &s->settings);
	assert_int_equal(vouchers_load(&s->all, NULL), OK);
	storebox_start(&s->box);
}

static void
shop_unload(struct shop *s)
{
	storebox_close(&s->box);
	vouchers_fini(&s->all);
	budgets_fini(&s->budgets);
	keyring_fini(&s->keys);
}

static void
add_key(struct shop *s, int64_t expires_at)
{
	struct apikey_rec r = { .name = STR("laptop"),
		.owner = STR(PERSON),
		.expires_at = (uint64_t)expires_at };
	char value[APIKEY_VALUE_LEN + 1], id[10];
	unsigned came = 0;

	apikey_make_id(id);
	apikey_make_value(value);
	r.id = str_of(id);
	snprintf(s->key, sizeof(s->key), "%s", id);
	apikey_save(&s->keys, &r, str_of(value), false, 0, NULL, on_key, &came);
	wait_for(s, &came, 1);
}

static void
shop_begin_in(struct shop *s, const struct store_ops *ops, int64_t expires_at)
{
	*s = (struct shop){ .ops = *ops };
	storebox_init(&s->box);
	assert_int_equal(loop_new(&s->loop, NULL), OK);
	s->zone = zone_new(STR("UTC"));
	settings_default(&s->settings);
	shop_load(s);
	add_key(s, expires_at);
}

static void
shop_begin(struct shop *s, int64_t expires_at)
{
	struct store_ops ops = store_mem;

	ops.open = open_spied;
	shop_begin_in(s, &ops, expires_at);
}

static void
shop_end(struct shop *s)
{
	shop_unload(s);
	storebox_fini(&s->box);
	zone_free(s->zone);
	loop_free(s->loop);
}

struct made {
	struct shop *s;
	unsigned came;
};

static void
on_made(void *arg, enum err e, const struct why *why,
    const struct voucher_made *made, unsigned count)
{
	struct made *m = arg;

	(void)why;
	assert_int_equal(e, OK);
	for (unsigned i = 0; i < count; i++) {
		memcpy(m->s->code[i], made[i].code, sizeof(made[i].code));
		snprintf(m->s->id[i], sizeof(m->s->id[i]), "%s", made[i].id);
	}
	m->came++;
}

static void
make(struct shop *s, unsigned count, int64_t quota, int64_t time_ms,
    int64_t expires_at)
{
	const struct voucher_rec like = { .quota_micro = quota,
		.time_ms = time_ms,
		.expires_at = (uint64_t)expires_at };
	struct made m = { .s = s };

	vouchers_make(&s->all, &like, count, &me, on_made, &m);
	wait_for(s, &m.came, 1);
}

static void
ask_for(struct shop *s, const char *code, bool begin, struct ends *ends)
{
	const struct voucher_ask ask = { .code = str_of(code),
		.key_id = str_of(s->key),
		.guesser = STR(PERSON),
		.may_begin = begin };

	voucher_redeem(&s->all, &ask, &me, on_end, ends);
}

static enum err
redeem(struct shop *s, const char *code, bool begin)
{
	struct ends ends = { .count = 0 };

	ask_for(s, code, begin, &ends);
	wait_for(s, &ends.count, 1);
	return ends.e[0];
}

static enum err
revoke(struct shop *s, unsigned i)
{
	struct ends ends = { .count = 0 };

	voucher_revoke(&s->all, str_of(s->id[i]), STR("test"), 0, &me, on_end,
	    &ends);
	wait_for(s, &ends.count, 1);
	return ends.e[0];
}

static struct budget *
quota_of(const struct shop *s)
{
	struct budget *b, *found = NULL;

	TAILQ_FOREACH (b, &s->budgets.list, link)
		if (str_eq(b->rec.subject, str_of(s->key))) {
			assert_null(found);
			found = b;
		}
	return found;
}

static int64_t
expiry_of(const struct shop *s)
{
	return (int64_t)keyring_id(&s->keys, str_of(s->key))->rec.expires_at;
}

static const struct voucher_rec *
rec_of(const struct shop *s, unsigned i)
{
	return &vouchers_find(&s->all, str_of(s->id[i]))->rec;
}

struct spending {
	uint8_t key[BUDGET_ID_LEN + 8];
	uint8_t sum[8];
};

static enum err
spend_work(struct txn *t, void *arg, struct why *out_why)
{
	struct spending *s = arg;

	(void)out_why;
	return txn_put(t, TABLE_spent,
	    str_at((const char *)s->key, sizeof(s->key)),
	    str_at((const char *)s->sum, sizeof(s->sum)));
}

/* As receipts would. */
static void
spend(struct shop *s, int64_t micro)
{
	struct budget *b = quota_of(s);
	struct spending p = { .key = { 0 } };

	memcpy(p.key, b->rec.id.at, BUDGET_ID_LEN);
	for (int i = 0; i < 8; i++)
		p.sum[7 - i] = (uint8_t)(micro >> 8 * i);
	assert_int_equal(storebox_run(&s->box, LANE_WRITE, spend_work, &p,
			     NULL),
	    OK);
	b->used = micro;
}

/* --- redeeming ------------------------------------------------------------- */

static void
four_at_once_redeem_it_once(void **state)
{
	struct ends ends = { .count = 0 };
	unsigned well = 0;
	struct shop s;

	(void)state;
	shop_begin(&s, clock_wall_ms() + DAY_MS);
	make(&s, 1, 20 * USD, 30 * DAY_MS, 0);
	for (int i = 0; i < TRIES_N; i++)
		ask_for(&s, s.code[0], true, &ends);
	wait_for(&s, &ends.count, TRIES_N);
	for (int i = 0; i < TRIES_N; i++) {
		well += ends.e[i] == OK;
		assert_true(ends.e[i] == OK || ends.e[i] == ERR_EXISTS);
	}
	assert_int_equal(well, 1);
	assert_int_equal(quota_of(&s)->rec.amount, 20 * USD);
	assert_true(expiry_of(&s) <= clock_wall_ms() + 31 * DAY_MS);
	shop_end(&s);
}

static void
many_at_once_begin_one_limit(void **state)
{
	struct ends ends = { .count = 0 };
	struct shop s;

	(void)state;
	shop_begin(&s, 0);
	make(&s, 5, 2 * USD, 0, 0);
	for (int i = 0; i < 5; i++)
		ask_for(&s, s.code[i], true, &ends);
	wait_for(&s, &ends.count, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ends.e[i], OK);
	/* quota_of() finds one, and not two. */
	assert_int_equal(quota_of(&s)->rec.amount, 10 * USD);
	assert_int_equal(rec_of(&s, 4)->limit_micro, 10 * USD);
	shop_end(&s);
}

static void
a_key_without_limits_is_asked_for_before_it_gets_any(void **state)
{
	struct shop s;

	(void)state;
	shop_begin(&s, 0);
	make(&s, 1, 20 * USD, 0, 0);
	assert_int_equal(redeem(&s, s.code[0], false), ERR_VALUE);
	assert_null(quota_of(&s));
	assert_string_equal(voucher_state(rec_of(&s, 0), clock_wall_ms()),
	    "unused");
	assert_int_equal(redeem(&s, s.code[0], true), OK);
	assert_int_equal(quota_of(&s)->rec.amount, 20 * USD);
	assert_int_equal(quota_of(&s)->unit, BUDGET_COST_RATED);
	make(&s, 1, 0, DAY_MS, 0);
	assert_int_equal(redeem(&s, s.code[0], false), ERR_VALUE);
	assert_int_equal(expiry_of(&s), 0);
	assert_int_equal(redeem(&s, s.code[0], true), OK);
	assert_true(expiry_of(&s) > clock_wall_ms());
	/* Now it has both. */
	make(&s, 1, 1 * USD, DAY_MS, 0);
	assert_int_equal(redeem(&s, s.code[0], false), OK);
	assert_int_equal(quota_of(&s)->rec.amount, 21 * USD);
	shop_end(&s);
}

static void
time_goes_on_from_the_end_or_from_now(void **state)
{
	int64_t ahead = clock_wall_ms() + 5 * DAY_MS, before, at;
	struct shop s;

	(void)state;
	shop_begin(&s, ahead);
	make(&s, 2, 0, 10 * DAY_MS, 0);
	assert_int_equal(redeem(&s, s.code[0], false), OK);
	assert_int_equal(expiry_of(&s), ahead + 10 * DAY_MS);
	/* Another one, of a key that has expired already. */
	add_key(&s, 1000);
	make(&s, 1, 0, 10 * DAY_MS, 0);
	before = clock_wall_ms();
	assert_int_equal(redeem(&s, s.code[0], false), OK);
	at = expiry_of(&s) - 10 * DAY_MS;
	assert_true(at >= before && at <= clock_wall_ms());
	shop_end(&s);
}

/* Of a key whose time begins with its first use. */
static void
time_of_an_unused_key_waits_for_its_first_use(void **state)
{
	struct apikey_rec r;
	unsigned came = 0;
	struct shop s;

	(void)state;
	shop_begin(&s, 0);
	r = keyring_id(&s.keys, str_of(s.key))->rec;
	r.expires_after = (uint64_t)DAY_MS;
	apikey_save(&s.keys, &r, STR(""), true, 0, NULL, on_key, &came);
	wait_for(&s, &came, 1);
	make(&s, 2, 0, 10 * DAY_MS, 0);
	assert_int_equal(redeem(&s, s.code[0], false), OK);
	r = keyring_id(&s.keys, str_of(s.key))->rec;
	assert_int_equal(r.expires_after, 11 * DAY_MS);
	assert_int_equal(r.expires_at, 0);
	/* Less than was given is left of it: all of that goes. */
	r.expires_after = (uint64_t)DAY_MS;
	apikey_save(&s.keys, &r, STR(""), true, 0, NULL, on_key, &came);
	wait_for(&s, &came, 2);
	assert_int_equal(revoke(&s, 0), OK);
	assert_string_equal(apikey_state(keyring_id(&s.keys, str_of(s.key)),
				clock_wall_ms()),
	    "expired");
	assert_int_equal(redeem(&s, s.code[1], false), OK);
	r = keyring_id(&s.keys, str_of(s.key))->rec;
	assert_int_equal(r.expires_after, 10 * DAY_MS);
	assert_string_equal(apikey_state(keyring_id(&s.keys, str_of(s.key)),
				clock_wall_ms()),
	    "unused");
	shop_end(&s);
}

static void
too_much_is_refused_whole_and_the_voucher_stays_good(void **state)
{
	struct shop s;

	(void)state;
	shop_begin(&s, clock_wall_ms() + 80 * DAY_MS);
	make(&s, 3, 600 * USD, 0, 0);
	assert_int_equal(redeem(&s, s.code[0], true), OK);
	assert_int_equal(redeem(&s, s.code[1], true), ERR_LIMIT);
	assert_int_equal(quota_of(&s)->rec.amount, 600 * USD);
	spend(&s, 200 * USD);
	assert_int_equal(redeem(&s, s.code[1], true), OK);
	assert_int_equal(quota_of(&s)->rec.amount, 1200 * USD);
	s.settings.voucher_quota_max = 0;
	assert_int_equal(redeem(&s, s.code[2], true), OK);
	/* Both or none. */
	make(&s, 1, 1 * USD, 11 * DAY_MS, 0);
	assert_int_equal(redeem(&s, s.code[0], true), ERR_LIMIT);
	assert_int_equal(quota_of(&s)->rec.amount, 1800 * USD);
	s.settings.voucher_time_max_ms = 0;
	assert_int_equal(redeem(&s, s.code[0], true), OK);
	assert_int_equal(quota_of(&s)->rec.amount, 1801 * USD);
	shop_end(&s);
}

static void
what_is_over_is_over(void **state)
{
	struct ends ends = { .count = 0 };
	struct shop s;

	(void)state;
	shop_begin(&s, 0);
	make(&s, 1, USD, 0, 1000);
	assert_string_equal(voucher_state(rec_of(&s, 0), clock_wall_ms()),
	    "expired");
	assert_int_equal(redeem(&s, s.code[0], true), ERR_EXISTS);
	make(&s, 3, USD, 0, 0);
	assert_int_equal(revoke(&s, 0), OK);
	assert_int_equal(rec_of(&s, 0)->quota_back_micro, 0);
	assert_int_equal(redeem(&s, s.code[0], true), ERR_EXISTS);
	assert_int_equal(revoke(&s, 0), ERR_EXISTS);
	assert_int_equal(redeem(&s, s.code[1], true), OK);
	voucher_remove(&s.all, str_of(s.id[1]), 0, &me, on_end, &ends);
	voucher_remove(&s.all, str_of(s.id[2]), 0, &me, on_end, &ends);
	voucher_remove(&s.all, str_of(s.id[2]), 0, &me, on_end, &ends);
	wait_for(&s, &ends.count, 3);
	assert_int_equal(ends.e[0], ERR_EXISTS);
	assert_int_equal(ends.e[1], OK);
	assert_int_equal(ends.e[2], ERR_UNKNOWN);
	assert_int_equal(redeem(&s, s.code[2], true), ERR_UNKNOWN);
	s.settings.voucher_enabled = 1; /* no */
	assert_int_equal(redeem(&s, s.code[1], true), ERR_DENIED);
	shop_end(&s);
}

static void
guesses_are_bounded_and_right_codes_are_none(void **state)
{
	char code[VOUCHER_CODE_LEN + 1];
	struct shop s;

	(void)state;
	shop_begin(&s, 0);
	make(&s, VOUCHER_GUESSES + 2, USD, 0, 0);
	for (int i = 0; i <= VOUCHER_GUESSES; i++)
		assert_int_equal(redeem(&s, s.code[i], true), OK);
	/* In one minute: the clock of the loop stands still in a turn. */
	s.all.guesses.minute = loop_ms(s.loop) / 60000;
	for (int i = 0; i < VOUCHER_GUESSES; i++) {
		voucher_make_code(code);
		assert_true(vouchers_may_guess(&s.all, STR(PERSON)));
		vouchers_guessed(&s.all, STR(PERSON));
	}
	assert_false(vouchers_may_guess(&s.all, STR(PERSON)));
	assert_true(vouchers_may_guess(&s.all, STR("key:other")));
	s.all.guesses.minute--;
	assert_true(vouchers_may_guess(&s.all, STR(PERSON)));
	assert_int_equal(redeem(&s, code, true), ERR_UNKNOWN);
	assert_int_equal(redeem(&s, "AAAA", true), ERR_SYNTAX);
	assert_int_equal(s.all.guesses.at[0].tries, 2);
	shop_end(&s);
}

/* --- revoking -------------------------------------------------------------- */

static void
revoking_takes_back_what_is_left(void **state)
{
	static const struct {
		int64_t used, back, limit;
	} cases[] = {
		{ 0, 20, 10 },		       /* nothing was used */
		{ 10, 20, 10 },		       /* only what was there before */
		{ 15, 15, 15 }, { 30, 0, 30 }, /* all of it */
		{ 31, 0, 30 }, /* and a little more, by requests at once */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct shop s;

		shop_begin(&s, 0);
		make(&s, 2, 10 * USD, 0, 0);
		assert_int_equal(redeem(&s, s.code[0], true), OK);
		make(&s, 1, 20 * USD, 0, 0);
		assert_int_equal(redeem(&s, s.code[0], true), OK);
		spend(&s, cases[i].used * USD);
		assert_int_equal(revoke(&s, 0), OK);
		assert_int_equal(rec_of(&s, 0)->quota_back_micro,
		    cases[i].back * USD);
		assert_int_equal(quota_of(&s)->rec.amount,
		    cases[i].limit * USD);
		assert_int_equal(revoke(&s, 0), ERR_EXISTS);
		assert_int_equal(quota_of(&s)->rec.amount,
		    cases[i].limit * USD);
		shop_end(&s);
	}
}

static void
what_requests_under_way_have_reserved_is_not_taken(void **state)
{
	struct shop s;

	(void)state;
	shop_begin(&s, 0);
	make(&s, 1, 20 * USD, 0, 0);
	assert_int_equal(redeem(&s, s.code[0], true), OK);
	spend(&s, 3 * USD);
	quota_of(&s)->reserved = 4 * USD;
	assert_int_equal(revoke(&s, 0), OK);
	assert_int_equal(rec_of(&s, 0)->quota_back_micro, 13 * USD);
	assert_int_equal(quota_of(&s)->rec.amount, 7 * USD);
	quota_of(&s)->reserved = 0;
	shop_end(&s);
}

static void
all_revoked_together_take_no_more_than_there_is(void **state)
{
	struct shop s;
	int64_t back = 0;

	(void)state;
	shop_begin(&s, clock_wall_ms() + DAY_MS);
	make(&s, 3, 10 * USD, 10 * DAY_MS, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(redeem(&s, s.code[i], true), OK);
	spend(&s, 12 * USD);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(revoke(&s, i), OK);
		back += rec_of(&s, i)->quota_back_micro;
		assert_int_equal(rec_of(&s, i)->time_back_ms, 10 * DAY_MS);
	}
	assert_int_equal(back, 18 * USD);
	assert_int_equal(quota_of(&s)->rec.amount, 12 * USD);
	assert_true(expiry_of(&s) <= clock_wall_ms() + DAY_MS);
	assert_true(expiry_of(&s) > clock_wall_ms());
	shop_end(&s);
}

/* An operator has shortened its time meanwhile. */
static void
no_key_expires_before_the_moment_of_revoking(void **state)
{
	int64_t before = clock_wall_ms();
	struct apikey_rec r;
	unsigned came = 0;
	struct shop s;

	(void)state;
	shop_begin(&s, 1000);
	make(&s, 2, 0, 10 * DAY_MS, 0);
	assert_int_equal(redeem(&s, s.code[0], false), OK);
	assert_int_equal(redeem(&s, s.code[1], false), OK);
	r = keyring_id(&s.keys, str_of(s.key))->rec;
	r.expires_at = (uint64_t)(clock_wall_ms() + 12 * DAY_MS);
	apikey_save(&s.keys, &r, STR(""), true, 0, NULL, on_key, &came);
	wait_for(&s, &came, 1);
	assert_int_equal(revoke(&s, 0), OK);
	assert_int_equal(rec_of(&s, 0)->time_back_ms, 10 * DAY_MS);
	assert_int_equal(revoke(&s, 1), OK);
	assert_true(rec_of(&s, 1)->time_back_ms > DAY_MS);
	assert_true(rec_of(&s, 1)->time_back_ms <= 2 * DAY_MS);
	assert_true(expiry_of(&s) >= before);
	assert_true(expiry_of(&s) <= clock_wall_ms());
	/* What has expired has nothing left. */
	make(&s, 1, 0, DAY_MS, 0);
	assert_int_equal(redeem(&s, s.code[0], false), OK);
	r = keyring_id(&s.keys, str_of(s.key))->rec;
	r.expires_at = 1000;
	apikey_save(&s.keys, &r, STR(""), true, 0, NULL, on_key, &came);
	wait_for(&s, &came, 2);
	assert_int_equal(revoke(&s, 0), OK);
	assert_int_equal(rec_of(&s, 0)->time_back_ms, 0);
	assert_int_equal(expiry_of(&s), 1000);
	shop_end(&s);
}

/* --- what fails on the way ------------------------------------------------- */

/* Whichever write of them fails: all of it is there, or nothing. */
static void
a_redeeming_that_fails_anywhere_leaves_no_trace(void **state)
{
	struct shop s;
	unsigned failed = 0;
	bool done = false;

	(void)state;
	shop_begin(&s, clock_wall_ms() + DAY_MS);
	make(&s, 1, 20 * USD, DAY_MS, 0);
	for (unsigned n = 1; !done; n++) {
		int64_t was = expiry_of(&s);

		assert_true(n < 64);
		store_mem_fail(mem_db, n, ERR_FULL);
		done = redeem(&s, s.code[0], true) == OK;
		store_mem_fail(mem_db, 0, OK);
		if (done)
			break;
		failed++;
		assert_null(quota_of(&s));
		assert_int_equal(expiry_of(&s), was);
		assert_int_equal(rec_of(&s, 0)->redeemed_at, 0);
	}
	/* Three records, and two writes for each row of the audit. */
	assert_true(failed >= 9);
	assert_int_equal(quota_of(&s)->rec.amount, 20 * USD);
	shop_end(&s);
}

static void
a_restart_finds_all_of_it(void **state)
{
	const struct voucher *v, *before = NULL;
	struct shop s;

	(void)state;
	shop_begin_in(&s, &store_lmdb, 0);
	make(&s, 100, USD, 0, 0);
	assert_int_equal(redeem(&s, s.code[7], true), OK);
	assert_int_equal(revoke(&s, 8), OK);
	shop_unload(&s);
	shop_load(&s);
	assert_int_equal(s.all.count, 100);
	TAILQ_FOREACH (v, &s.all.list, link) {
		assert_true(!before ||
		    before->rec.created_at < v->rec.created_at ||
		    (before->rec.created_at == v->rec.created_at &&
			str_cmp(before->rec.id, v->rec.id) < 0));
		before = v;
	}
	assert_int_equal(quota_of(&s)->rec.amount, USD);
	assert_int_equal(redeem(&s, s.code[7], true), ERR_EXISTS);
	assert_int_equal(redeem(&s, s.code[8], true), ERR_EXISTS);
	assert_int_equal(redeem(&s, s.code[9], true), OK);
	assert_int_equal(quota_of(&s)->rec.amount, 2 * USD);
	shop_end(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_reads_back_however_it_is_typed),
		cmocka_unit_test(every_single_error_and_every_swap_is_noticed),
		cmocka_unit_test(hostile_codes_are_refused_with_a_word),
		cmocka_unit_test(four_at_once_redeem_it_once),
		cmocka_unit_test(many_at_once_begin_one_limit),
		cmocka_unit_test(
		    a_key_without_limits_is_asked_for_before_it_gets_any),
		cmocka_unit_test(time_goes_on_from_the_end_or_from_now),
		cmocka_unit_test(time_of_an_unused_key_waits_for_its_first_use),
		cmocka_unit_test(
		    too_much_is_refused_whole_and_the_voucher_stays_good),
		cmocka_unit_test(what_is_over_is_over),
		cmocka_unit_test(guesses_are_bounded_and_right_codes_are_none),
		cmocka_unit_test(revoking_takes_back_what_is_left),
		cmocka_unit_test(
		    what_requests_under_way_have_reserved_is_not_taken),
		cmocka_unit_test(
		    all_revoked_together_take_no_more_than_there_is),
		cmocka_unit_test(no_key_expires_before_the_moment_of_revoking),
		cmocka_unit_test(
		    a_redeeming_that_fails_anywhere_leaves_no_trace),
		cmocka_unit_test(a_restart_finds_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
