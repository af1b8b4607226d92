/* SPDX-License-Identifier: MIT */
/* apikey.c - the keys that clients use: made here, found by hash. */
#include "relayd/apikey.h"

#include <assert.h>
#include <stdlib.h>

#include <sodium.h>

#include "proto/enc.h"
#include "proto/mem.h"

#include "store/store.h"

#include "relayd/audit.h"
#include "relayd/loop.h"

#define RECORD_MAX (8 * 1024)
#define RANDOM_LEN 32
#define DIGITS_LEN 43 /* of 32 bytes in base 62 */
#define CHECK_LEN  6

static const char digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* --- values -------------------------------------------------------------------- */

/* Six digits over what stands before them: tells a typing error from a key
 * that is not known.  It protects nothing, so an unkeyed hash is right. */
static void
put_check(const char *value, size_t len, char out[CHECK_LEN])
{
	uint8_t hash[16];
	uint64_t n = 0;

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)value, len,
	    (const uint8_t *)"relayd-key-check", 16);
	for (int i = 0; i < 8; i++)
		n = n << 8 | hash[i];
	for (int i = CHECK_LEN - 1; i >= 0; i--) {
		out[i] = digits[n % 62];
		n /= 62;
	}
}

void
apikey_make_value(char out[APIKEY_VALUE_LEN + 1])
{
	uint8_t random[RANDOM_LEN];
	struct buf text;
	enum err e;

	randombytes_buf(random, sizeof(random));
	buf_init(&text, DIGITS_LEN);
	e = enc_base62(&text, str_at((const char *)random, sizeof(random)));
	assert(e == OK && buf_len(&text) == DIGITS_LEN);
	memcpy(out, "cr_", 3);
	memcpy(out + 3, buf_str(&text).at, DIGITS_LEN);
	buf_wipe(&text);
	put_check(out, 3 + DIGITS_LEN, out + 3 + DIGITS_LEN);
	out[APIKEY_VALUE_LEN] = '\0';
	sodium_memzero(random, sizeof(random));
}

void
apikey_make_id(char out[10])
{
	out[0] = 'k';
	for (int i = 1; i < 9; i++)
		out[i] = digits[10 + 26 + randombytes_uniform(26)];
	out[9] = '\0';
}

bool
apikey_well_formed(struct str value)
{
	char check[CHECK_LEN];

	if (value.len != APIKEY_VALUE_LEN || !str_starts(value, STR("cr_")))
		return false;
	put_check(value.at, 3 + DIGITS_LEN, check);
	return !memcmp(value.at + 3 + DIGITS_LEN, check, CHECK_LEN);
}

/* --- the ring ------------------------------------------------------------------- */

enum err
keyring_init(struct keyring *k, struct loop *l, struct store *s)
{
	uint8_t seed[MAP_SEED];

	*k = (struct keyring){ .loop = l, .store = s };
	TAILQ_INIT(&k->keys);
	randombytes_buf(seed, sizeof(seed));
	map_init(&k->by_hash, seed);
	map_init(&k->by_id, seed);
	return OK;
}

static void
apikey_free(void *it)
{
	struct apikey *k = it;

	free(k->blob);
	free(k);
}

void
keyring_fini(struct keyring *k)
{
	struct apikey *key;

	while ((key = TAILQ_FIRST(&k->keys))) {
		TAILQ_REMOVE(&k->keys, key, link);
		apikey_free(key);
	}
	map_fini(&k->by_hash);
	map_fini(&k->by_id);
}

static struct str
hash_str(const struct apikey *k)
{
	return str_at((const char *)k->rec.hash, sizeof(k->rec.hash));
}

struct apikey *
keyring_match(const struct keyring *k, struct str value)
{
	uint8_t hash[SEAL_INDEX_BYTES];
	struct apikey *found;

	if (value.len < 10 || value.len > 512)
		return NULL;
	key_index_of(&k->index, value, hash);
	found = map_get(&k->by_hash, str_at((const char *)hash, sizeof(hash)));
	if (!found || sodium_memcmp(found->rec.hash, hash, sizeof(hash)))
		return NULL;
	return found;
}

struct apikey *
keyring_id(const struct keyring *k, struct str id)
{
	return map_get(&k->by_id, id);
}

struct apikey *
keyring_find(const struct keyring *k, struct str id_or_name)
{
	struct apikey *key = keyring_id(k, id_or_name), *found = NULL;

	if (key)
		return key;
	TAILQ_FOREACH (key, &k->keys, link) {
		if (!str_eq(key->rec.name, id_or_name))
			continue;
		if (found)
			return NULL;
		found = key;
	}
	return found;
}

const char *
apikey_state(const struct apikey *k, int64_t wall_ms)
{
	if (k->rec.disabled)
		return "disabled";
	if (k->rec.expires_at && (int64_t)k->rec.expires_at <= wall_ms)
		return "expired";
	return "active";
}

void
apikey_ref(struct apikey *k)
{
	k->users++;
}

void
apikey_unref(struct keyring *ring, struct apikey *k)
{
	assert(k->users > 0);
	k->users--;
	if (k->deleted && !k->users)
		loop_bury(ring->loop, apikey_free, k);
}

static void
ring_insert(struct keyring *k, struct apikey *key)
{
	struct apikey *next;

	TAILQ_FOREACH (next, &k->keys, link)
		if (next->rec.created_at > key->rec.created_at)
			break;
	if (next)
		TAILQ_INSERT_BEFORE(next, key, link);
	else
		TAILQ_INSERT_TAIL(&k->keys, key, link);
	k->count++;
	map_set(&k->by_hash, hash_str(key), key);
	map_set(&k->by_id, key->rec.id, key);
}

static void
ring_remove(struct keyring *k, struct apikey *key)
{
	map_del(&k->by_hash, hash_str(key));
	map_del(&k->by_id, key->rec.id);
	TAILQ_REMOVE(&k->keys, key, link);
	k->count--;
}

static enum err
apikey_adopt(struct apikey *key, char *take_blob, size_t len)
{
	struct apikey_rec rec;
	enum err e;

	e = apikey_rec_read(str_at(take_blob, len), &rec);
	if (e) {
		free(take_blob);
		return e;
	}
	free(key->blob);
	key->blob = take_blob;
	key->rec = rec;
	return OK;
}

/* --- jobs of the store ------------------------------------------------------------- */

struct load {
	struct job job;
	struct keyring *ring;
	struct why *why;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	struct apikey *k = xcalloc(1, sizeof(*k));
	enum err e;

	e = apikey_adopt(k, xmemdup(value.at, value.len), value.len);
	if (e) {
		free(k);
		l->job.result =
		    why_set(l->why, e, "key", "the key %.*s cannot be read: %s",
			STR_ARG(key), err_text(e));
		return false;
	}
	ring_insert(l->ring, k);
	return true;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;
	enum err e;

	l->why = out_why;
	seal_key_index(txn_seal(t), &l->ring->index);
	e = txn_scan(t, TABLE_apikey, STR(""), false, load_one, l);
	return e ? e : l->job.result;
}

enum err
keyring_load(struct keyring *k, struct why *out_why)
{
	struct load l = { .job = { .work = load_work }, .ring = k };
	enum err e;

	e = store_now(k->store, LANE_WRITE, &l.job);
	if (e && out_why)
		*out_why = l.job.why;
	return e;
}

struct save {
	struct job job;
	struct keyring *ring;
	char *blob;
	size_t blob_len;
	char *id;
	bool must_exist, remove;
	uint64_t if_rev;
	struct audit_who who; /* method NULL: nobody */
	apikey_saved *done;
	void *arg;
};

static void
save_free(struct save *s)
{
	free(s->blob);
	free(s->id);
	free(s);
}

static enum err
check_stored(struct save *s, struct txn *t, struct apikey_rec *out_old,
    struct why *out_why)
{
	struct str stored;
	enum err e;

	*out_old = (struct apikey_rec){ .rev = 0 };
	e = txn_get(t, TABLE_apikey, str_of(s->id), &stored);
	if (e == ERR_UNKNOWN && !s->must_exist)
		return OK;
	if (e == ERR_UNKNOWN)
		return why_set(out_why, e, "id", "no key %s", s->id);
	if (e)
		return e;
	if (!s->must_exist)
		return why_set(out_why, ERR_EXISTS, "id",
		    "there is a key %s already", s->id);
	e = apikey_rec_read(stored, out_old);
	if (!e && s->if_rev && out_old->rev != s->if_rev)
		return why_set(out_why, ERR_STALE, "if_rev",
		    "%s is at revision %llu by now", s->id,
		    (unsigned long long)out_old->rev);
	return e;
}

/* A home of its own for a record that lies in the store. */
static enum err
copy_record(struct apikey_rec *io, char **out_blob)
{
	struct buf copy;
	size_t len;
	enum err e;

	buf_init(&copy, RECORD_MAX);
	e = apikey_rec_write(io, &copy);
	if (!e) {
		*out_blob = buf_take(&copy, &len);
		e = apikey_rec_read(str_at(*out_blob, len), io);
	}
	buf_fini(&copy);
	return e;
}

static enum err
remove_record(struct save *s, struct txn *t, const struct apikey_rec *old,
    struct why *out_why)
{
	enum err e;

	e = audit_write(t, s->who.method ? &s->who : NULL, "key", str_of(s->id),
	    &apikey_kind, old, NULL, out_why);
	return e ? e : txn_del(t, TABLE_apikey, str_of(s->id));
}

static enum err
save_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct save *s = (struct save *)j;
	struct apikey_rec old, r;
	char *old_blob = NULL;
	struct buf out;
	enum err e;

	e = check_stored(s, t, &old, out_why);
	if (e)
		return e;
	if (s->remove)
		return remove_record(s, t, &old, out_why);
	e = apikey_rec_read(str_at(s->blob, s->blob_len), &r);
	if (e)
		return e;
	r.rev = old.rev + 1;
	r.changed_at = (uint64_t)clock_wall_ms();
	r.created_at = old.rev ? old.created_at : r.changed_at;
	buf_init(&out, RECORD_MAX);
	/* Of what stood there: writing the audit moves it. */
	if (old.rev)
		e = copy_record(&old, &old_blob);
	if (!e)
		e = audit_write(t, s->who.method ? &s->who : NULL, "key", r.id,
		    &apikey_kind, old.rev ? &old : NULL, &r, out_why);
	free(old_blob);
	if (!e)
		e = apikey_rec_write(&r, &out);
	if (!e)
		e = txn_put(t, TABLE_apikey, r.id, buf_str(&out));
	if (!e) {
		free(s->blob);
		s->blob = buf_take(&out, &s->blob_len);
	}
	buf_fini(&out);
	return e;
}

static void
save_done(struct job *j)
{
	struct save *s = (struct save *)j;
	struct keyring *ring = s->ring;
	struct apikey *k = keyring_id(ring, str_of(s->id));
	enum err e = j->result;

	if (e) {
		s->done(s->arg, e, &j->why, NULL);
		save_free(s);
		return;
	}
	if (k)
		ring_remove(ring, k);
	if (s->remove) {
		assert(k);
		s->done(s->arg, OK, &j->why, NULL);
		k->deleted = true;
		if (!k->users)
			loop_bury(ring->loop, apikey_free, k);
		save_free(s);
		return;
	}
	if (!k)
		k = xcalloc(1, sizeof(*k));
	e = apikey_adopt(k, s->blob, s->blob_len);
	/* The writer has just encoded it. */
	assert(e == OK);
	s->blob = NULL;
	ring_insert(ring, k);
	s->done(s->arg, OK, &j->why, k);
	save_free(s);
}

static struct save *
save_new(struct keyring *k, struct str id, uint64_t if_rev,
    const struct audit_who *who, apikey_saved *done, void *arg)
{
	struct save *s = xcalloc(1, sizeof(*s));

	s->job = (struct job){ .work = save_work, .done = save_done };
	s->ring = k;
	s->id = xmemdup(id.at, id.len);
	s->if_rev = if_rev;
	if (who)
		s->who = *who;
	s->done = done;
	s->arg = arg;
	return s;
}

void
apikey_save(struct keyring *k, const struct apikey_rec *r, struct str value,
    bool must_exist, uint64_t if_rev, const struct audit_who *who,
    apikey_saved *done, void *arg)
{
	struct save *s = save_new(k, r->id, if_rev, who, done, arg);
	struct apikey_rec rec = *r;
	struct buf blob;
	enum err e;

	s->must_exist = must_exist;
	if (value.len) {
		key_index_of(&k->index, value, rec.hash);
		rec.value_end = str_skip(value, value.len - 4);
	}
	buf_init(&blob, RECORD_MAX);
	e = apikey_rec_write(&rec, &blob);
	if (e) {
		struct why why;

		why_set(&why, e, "", "the record is too large");
		buf_fini(&blob);
		done(arg, e, &why, NULL);
		save_free(s);
		return;
	}
	s->blob = buf_take(&blob, &s->blob_len);
	store_post(k->store, LANE_WRITE, &s->job);
}

void
apikey_delete(struct keyring *k, struct str id, uint64_t if_rev,
    const struct audit_who *who, apikey_saved *done, void *arg)
{
	struct save *s = save_new(k, id, if_rev, who, done, arg);

	s->must_exist = true;
	s->remove = true;
	store_post(k->store, LANE_WRITE, &s->job);
}
