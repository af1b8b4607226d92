/* SPDX-License-Identifier: MIT */
/* apikey.c - the keys that clients use: made here, found by hash. */
#include "relayd/apikey.h"

#include <assert.h>
#include <stdlib.h>

#include <sodium.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/audit.h"
#include "relayd/budget.h"
#include "relayd/loop.h"
#include "relayd/policy.h"

#define RECORD_MAX (8 * 1024)

/* --- the ring ------------------------------------------------------------------- */

enum err
keyring_init(struct keyring *k, struct loop *l, struct store *s)
{
	uint8_t seed[MAP_SEED];

	*k = (struct keyring){ .loop = l, .store = s };
	TAILQ_INIT(&k->keys);
	TAILQ_INIT(&k->making);
	randombytes_buf(seed, sizeof(seed));
	map_init(&k->by_hash, seed);
	map_init(&k->by_id, seed);
	users_init(&k->users, seed);
	return OK;
}

static void
apikey_free(void *it)
{
	struct apikey *k = it;

	budget_set_free(k->budgets);
	free(k->binding);
	policy_free(k->policy);
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
	users_fini(&k->users);
}

static struct str
hash_str(const struct apikey *k)
{
	return str_at((const char *)k->rec.hash, sizeof(k->rec.hash));
}

static struct str
old_hash_str(const struct apikey *k)
{
	return str_at((const char *)k->rec.old_hash, sizeof(k->rec.old_hash));
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
	if (!found)
		return NULL;
	if (!sodium_memcmp(found->rec.hash, hash, sizeof(hash)))
		return found;
	if (apikey_in_grace(&found->rec, clock_wall_ms()) &&
	    !sodium_memcmp(found->rec.old_hash, hash, sizeof(hash)))
		return found;
	return NULL;
}

struct apikey *
keyring_id(const struct keyring *k, struct str id)
{
	return map_get(&k->by_id, id);
}

struct apikey *
keyring_find(const struct keyring *k, struct str id_or_name)
{
	struct apikey *key = keyring_id(k, id_or_name);
	struct apikey *found[2] = { NULL, NULL };
	unsigned count[2] = { 0, 0 };

	if (key)
		return key;
	TAILQ_FOREACH (key, &k->keys, link) {
		if (!str_eq(key->rec.name, id_or_name))
			continue;
		found[key->rec.self_made] = key;
		count[key->rec.self_made]++;
	}
	if (count[false])
		return count[false] == 1 ? found[false] : NULL;
	return count[true] == 1 ? found[true] : NULL;
}

struct apikey *
keyring_find_own(const struct keyring *k, struct str owner,
    struct str id_or_name)
{
	struct apikey *key = keyring_id(k, id_or_name), *found = NULL;

	if (key && str_eq(key->rec.owner, owner))
		return key;
	TAILQ_FOREACH (key, &k->keys, link) {
		if (!str_eq(key->rec.owner, owner) ||
		    !str_eq(key->rec.name, id_or_name))
			continue;
		if (found)
			return NULL;
		found = key;
	}
	return found;
}

/* What must be known of a key before the store has it. */
struct apikey_making {
	TAILQ_ENTRY(apikey_making) link;
	struct apikey_rec rec; /* its strs point into blob */
	char *blob;
};

unsigned
keyring_owned(const struct keyring *k, struct str owner)
{
	const struct apikey_making *m;
	const struct apikey *key;
	unsigned n = 0;

	TAILQ_FOREACH (key, &k->keys, link)
		n += str_eq(key->rec.owner, owner);
	TAILQ_FOREACH (m, &k->making, link)
		n += str_eq(m->rec.owner, owner);
	return n;
}

static bool
is_same_name(const struct apikey_rec *a, const struct apikey_rec *b)
{
	return str_eq(a->name, b->name) && !str_eq(a->id, b->id) &&
	    (str_eq(a->owner, b->owner) || (!a->self_made && !b->self_made));
}

bool
keyring_has_name(const struct keyring *k, const struct apikey_rec *r)
{
	const struct apikey_making *m;
	const struct apikey *key;

	TAILQ_FOREACH (key, &k->keys, link)
		if (is_same_name(&key->rec, r))
			return true;
	TAILQ_FOREACH (m, &k->making, link)
		if (is_same_name(&m->rec, r))
			return true;
	return false;
}

void
keyring_obey(struct keyring *k, struct str owner)
{
	bool disabled = user_is_disabled(&k->users, owner);
	struct apikey *key;

	TAILQ_FOREACH (key, &k->keys, link)
		if (str_eq(key->rec.owner, owner))
			key->owner_disabled = disabled;
}

const char *
apikey_state(const struct apikey *k, int64_t wall_ms)
{
	if (k->rec.disabled)
		return "disabled";
	if (k->rec.expires_at && (int64_t)k->rec.expires_at <= wall_ms)
		return "expired";
	if (k->owner_disabled)
		return "owner-disabled";
	return apikey_is_unused(&k->rec) ? "unused" : "active";
}

bool
apikey_state_serves(const char *state)
{
	return !strcmp(state, "active") || !strcmp(state, "unused");
}

bool
apikey_is_unused(const struct apikey_rec *r)
{
	return r->expires_after && !r->activated_at;
}

bool
apikey_in_grace(const struct apikey_rec *r, int64_t wall_ms)
{
	return (int64_t)r->old_until > wall_ms;
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

static bool
is_before(const struct apikey_rec *a, const struct apikey_rec *b)
{
	if (a->created_at != b->created_at)
		return a->created_at < b->created_at;
	return str_cmp(a->id, b->id) < 0;
}

static void
ring_insert(struct keyring *k, struct apikey *key)
{
	struct apikey *next;

	key->owner_disabled = user_is_disabled(&k->users, key->rec.owner);
	TAILQ_FOREACH (next, &k->keys, link)
		if (is_before(&key->rec, &next->rec))
			break;
	if (next)
		TAILQ_INSERT_BEFORE(next, key, link);
	else
		TAILQ_INSERT_TAIL(&k->keys, key, link);
	k->count++;
	map_set(&k->by_hash, hash_str(key), key);
	if (apikey_in_grace(&key->rec, clock_wall_ms()))
		map_set(&k->by_hash, old_hash_str(key), key);
	map_set(&k->by_id, key->rec.id, key);
}

static void
ring_remove(struct keyring *k, struct apikey *key)
{
	map_del(&k->by_hash, hash_str(key));
	if (key->rec.old_until)
		map_del(&k->by_hash, old_hash_str(key));
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
	policy_free(key->policy);
	free(key->blob);
	key->blob = take_blob;
	key->rec = rec;
	key->policy = policy_new(&rec);
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
	/* First the people, whom the keys ask as they come. */
	e = users_load(&l->ring->users, t, out_why);
	if (e)
		return e;
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
	/* Of a new one.  The blob above is the writer's to replace. */
	struct apikey_making making;
};

static void
making_begin(struct save *s)
{
	struct apikey_making *m = &s->making;
	enum err e;

	m->blob = xmemdup(s->blob, s->blob_len);
	e = apikey_rec_read(str_at(m->blob, s->blob_len), &m->rec);
	/* It has just been encoded. */
	assert(e == OK);
	TAILQ_INSERT_TAIL(&s->ring->making, m, link);
}

static void
making_end(struct save *s)
{
	if (!s->making.blob)
		return;
	TAILQ_REMOVE(&s->ring->making, &s->making, link);
	free(s->making.blob);
	s->making.blob = NULL;
}

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

enum err
apikey_put(struct txn *t, const struct apikey_rec *old, struct apikey_rec *io,
    const struct audit_who *who, struct buf *out, struct why *out_why)
{
	enum err e;

	io->rev = old->rev + 1;
	io->changed_at = (uint64_t)clock_wall_ms();
	io->created_at = old->rev ? old->created_at : io->changed_at;
	e = audit_write(t, who, "key", io->id, &apikey_kind,
	    old->rev ? old : NULL, io, out_why);
	if (!e)
		e = apikey_rec_write(io, out);
	return e ? e : txn_put(t, TABLE_apikey, io->id, buf_str(out));
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
	buf_init(&out, RECORD_MAX);
	/* Of what stood there: writing the audit moves it. */
	if (old.rev)
		e = copy_record(&old, &old_blob);
	if (!e)
		e = apikey_put(t, &old, &r, s->who.method ? &s->who : NULL,
		    &out, out_why);
	free(old_blob);
	if (!e) {
		free(s->blob);
		s->blob = buf_take(&out, &s->blob_len);
	}
	buf_fini(&out);
	return e;
}

struct apikey *
keyring_take_up(struct keyring *ring, char *take_blob, size_t len)
{
	struct apikey_rec r;
	struct apikey *k = NULL;
	enum err e = apikey_rec_read(str_at(take_blob, len), &r);

	if (!e)
		k = keyring_id(ring, r.id);
	if (k)
		ring_remove(ring, k);
	else
		k = xcalloc(1, sizeof(*k));
	e = apikey_adopt(k, take_blob, len);
	/* The writer has just encoded it. */
	assert(e == OK);
	ring_insert(ring, k);
	return k;
}

static void
save_done(struct job *j)
{
	struct save *s = (struct save *)j;
	struct keyring *ring = s->ring;
	struct apikey *k = keyring_id(ring, str_of(s->id));
	enum err e = j->result;

	making_end(s);
	if (e) {
		s->done(s->arg, e, &j->why, NULL);
		save_free(s);
		return;
	}
	if (s->remove) {
		assert(k);
		ring_remove(ring, k);
		s->done(s->arg, OK, &j->why, NULL);
		k->deleted = true;
		if (!k->users)
			loop_bury(ring->loop, apikey_free, k);
		save_free(s);
		return;
	}
	k = keyring_take_up(ring, s->blob, s->blob_len);
	s->blob = NULL;
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
	if (!must_exist)
		making_begin(s);
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
