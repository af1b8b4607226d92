/* SPDX-License-Identifier: MIT */
/* salt.c - the salts of other relays, whose keys go on working here. */
#include "relayd/salt.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "proto/mem.h"

#include "store/arena.h"
#include "store/seal.h"
#include "store/store.h"

#include "relayd/audit.h"

static struct seal_place
place_of(struct str name)
{
	return (struct seal_place){
		.table = STR("salt"), .record = name, .field = STR("value")
	};
}

const struct salt *
salts_find(const struct salts *s, struct str name)
{
	for (unsigned i = 0; i < s->count; i++)
		if (str_eq(str_of(s->at[i].name), name))
			return &s->at[i];
	return NULL;
}

void
salt_hash(const struct salt *s, struct str value, uint8_t out[SALT_HASH])
{
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const uint8_t *)value.at, value.len);
	crypto_hash_sha256_update(&state, (const uint8_t *)s->value.at,
	    s->value.len);
	crypto_hash_sha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
}

enum err
salt_check_name(struct str name, struct why *out_why)
{
	bool ok = name.len > 0 && name.len <= SALT_NAME_MAX;

	for (size_t i = 0; ok && i < name.len; i++)
		ok = isalnum((unsigned char)name.at[i]) || name.at[i] == '-' ||
		    name.at[i] == '_' || name.at[i] == '.';
	if (ok)
		return OK;
	return why_set(out_why, ERR_VALUE, "salt_name",
	    "a salt's name has from 1 to %d letters, digits and - _ . , for "
	    "example old-relay",
	    SALT_NAME_MAX);
}

/* --- loading --------------------------------------------------------------- */

struct load {
	struct salts *to;
	struct txn *txn;
	enum err result;
};

static void
append(struct salts *s, struct str name, struct str value)
{
	struct salt *one = &s->at[s->count++];

	snprintf(one->name, sizeof(one->name), "%.*s", STR_ARG(name));
	one->value = value;
}

static bool
load_one(void *arg, struct str key, struct str sealed)
{
	const struct seal_place place = place_of(key);
	struct load *l = arg;
	struct str value = STR("");
	struct buf plain;
	enum err e = l->to->count < SALTS_MAX ? OK : ERR_LIMIT;

	buf_init(&plain, SALT_MAX);
	if (!e)
		e = seal_open(txn_seal(l->txn), &place, sealed, &plain);
	if (!e)
		e = arena_put(txn_arena(l->txn), buf_str(&plain), &value);
	if (!e)
		append(l->to, key, value);
	buf_wipe(&plain);
	l->result = e;
	return !e;
}

enum err
salts_load(struct salts *s, struct txn *t, struct why *out_why)
{
	struct load l = { .to = s, .txn = t };
	enum err e;

	s->count = 0;
	e = txn_scan(t, TABLE_salt, STR(""), false, load_one, &l);
	if (e || !l.result)
		return e;
	return why_set(out_why, l.result, "salt",
	    "the salt of another relay cannot be read: %s", err_text(l.result));
}

/* --- changing -------------------------------------------------------------- */

struct change {
	struct job job;
	struct salts *of;
	struct store *store;
	char name[SALT_NAME_MAX + 1];
	struct buf plain; /* of a new one */
	struct str value; /* in the arena */
	struct audit_who who;
	salt_saved *done;
	void *arg;
};

static void
change_free(struct change *ch)
{
	buf_wipe(&ch->plain);
	free(ch);
}

static struct change *
change_new(struct salts *salts, struct store *s, struct str name,
    const struct audit_who *who, salt_saved *done, void *arg)
{
	struct change *ch = xcalloc(1, sizeof(*ch));

	ch->of = salts;
	ch->store = s;
	snprintf(ch->name, sizeof(ch->name), "%.*s", STR_ARG(name));
	ch->who = *who;
	ch->done = done;
	ch->arg = arg;
	buf_init(&ch->plain, SALT_MAX);
	return ch;
}

static bool
count_one(void *arg, struct str key, struct str value)
{
	(void)key;
	(void)value;
	++*(unsigned *)arg;
	return true;
}

static enum err
check_new(struct txn *t, struct str name, struct why *out_why)
{
	unsigned count = 0;
	struct str had;
	enum err e = txn_get(t, TABLE_salt, name, &had);

	if (!e)
		return why_set(out_why, ERR_EXISTS, "salt_name",
		    "there is a salt of that name already");
	if (e == ERR_UNKNOWN)
		e = txn_scan(t, TABLE_salt, STR(""), false, count_one, &count);
	if (!e && count >= SALTS_MAX)
		e = why_set(out_why, ERR_LIMIT, "salt_name",
		    "there are %d salts already, which is as many as there can "
		    "be; `relayctl salt rm NAME` removes one that no key needs",
		    SALTS_MAX);
	return e;
}

static enum err
add_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct change *ch = (struct change *)j;
	struct str name = str_of(ch->name);
	const struct seal_place place = place_of(name);
	struct buf sealed;
	enum err e = check_new(t, name, out_why);

	/* Of a transaction that was lost. */
	arena_drop(txn_arena(t), ch->value);
	ch->value = STR("");
	buf_init(&sealed, SALT_MAX + SEAL_OVERHEAD);
	if (!e)
		e = seal_close(txn_seal(t), &place, buf_str(&ch->plain),
		    &sealed);
	if (!e)
		e = txn_put(t, TABLE_salt, name, buf_str(&sealed));
	if (!e)
		e = audit_write_text(t, &ch->who, "salt", name, STR("added"),
		    out_why);
	if (!e)
		e = arena_put(txn_arena(t), buf_str(&ch->plain), &ch->value);
	buf_fini(&sealed);
	return e;
}

static enum err
drop_work(struct job *j, struct txn *t, struct why *out_why)
{
	(void)out_why;
	arena_drop(txn_arena(t), ((struct change *)j)->value);
	return OK;
}

static void
drop_done(struct job *j)
{
	change_free((struct change *)j);
}

/* The writer gives back what the loop does not read. */
static void
drop(struct change *take_ch)
{
	take_ch->job = (struct job){ .work = drop_work, .done = drop_done };
	store_post(take_ch->store, LANE_WRITE, &take_ch->job);
}

static void
add_done(struct job *j)
{
	struct change *ch = (struct change *)j;

	if (!j->result)
		append(ch->of, str_of(ch->name), ch->value);
	ch->done(ch->arg, j->result, &j->why);
	if (j->result)
		drop(ch);
	else
		change_free(ch);
}

void
salt_add(struct salts *salts, struct store *s, struct str name,
    struct str value, const struct audit_who *who, salt_saved *done, void *arg)
{
	struct change *ch = change_new(salts, s, name, who, done, arg);

	ch->job = (struct job){ .work = add_work, .done = add_done };
	buf_must(&ch->plain, value);
	store_post(s, LANE_WRITE, &ch->job);
}

static enum err
remove_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct change *ch = (struct change *)j;
	struct str name = str_of(ch->name);
	enum err e = txn_del(t, TABLE_salt, name);

	if (e)
		return e;
	return audit_write_text(t, &ch->who, "salt", name, STR("removed"),
	    out_why);
}

static void
remove_done(struct job *j)
{
	struct change *ch = (struct change *)j;
	struct salts *s = ch->of;

	for (unsigned i = 0; !j->result && i < s->count; i++) {
		if (strcmp(s->at[i].name, ch->name) != 0)
			continue;
		ch->value = s->at[i].value;
		s->at[i] = s->at[--s->count];
	}
	ch->done(ch->arg, j->result, &j->why);
	drop(ch);
}

void
salt_remove(struct salts *salts, struct store *s, struct str name,
    const struct audit_who *who, salt_saved *done, void *arg)
{
	struct change *ch = change_new(salts, s, name, who, done, arg);

	ch->job = (struct job){ .work = remove_work, .done = remove_done };
	store_post(s, LANE_WRITE, &ch->job);
}
