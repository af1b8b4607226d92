/* SPDX-License-Identifier: MIT */
/* apikey.c - the keys that clients use: made here, found by hash. */
#include "relayd/apikey.h"

#include <assert.h>
#include <stdlib.h>

#include <sodium.h>

#include "proto/mem.h"

#include "relayd/budget.h"
#include "relayd/loop.h"
#include "relayd/policy.h"

enum err
keyring_init(struct keyring *k, struct loop *l, struct store *s)
{
	uint8_t seed[MAP_SEED];

	*k = (struct keyring){ .loop = l, .store = s };
	TAILQ_INIT(&k->keys);
	TAILQ_INIT(&k->trash);
	TAILQ_INIT(&k->templates);
	TAILQ_INIT(&k->making);
	randombytes_buf(seed, sizeof(seed));
	map_init(&k->by_hash, seed);
	map_init(&k->by_foreign, seed);
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
	free(k->line);
	free(k->blob);
	free(k);
}

static void
free_all(struct apikey_list *list)
{
	struct apikey *key;

	while ((key = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, key, link);
		apikey_free(key);
	}
}

void
keyring_fini(struct keyring *k)
{
	free_all(&k->keys);
	free_all(&k->trash);
	free_all(&k->templates);
	map_fini(&k->by_hash);
	map_fini(&k->by_foreign);
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

static struct str
foreign_str(const struct apikey_rec *r)
{
	return str_at((const char *)r->foreign_hash, sizeof(r->foreign_hash));
}

/* A key of another relay, by what that one kept of it. */
static struct apikey *
match_foreign(const struct keyring *k, struct str value)
{
	uint8_t hash[SALT_HASH];
	struct apikey *found;

	for (unsigned i = 0; i < k->salts.count; i++) {
		const struct salt *salt = &k->salts.at[i];

		salt_hash(salt, value, hash);
		found = map_get(&k->by_foreign,
		    str_at((const char *)hash, sizeof(hash)));
		if (found &&
		    str_eq(found->rec.foreign_salt, str_of(salt->name)) &&
		    apikey_is_foreign(&found->rec, clock_wall_ms()) &&
		    !sodium_memcmp(found->rec.foreign_hash, hash, sizeof(hash)))
			return found;
	}
	return NULL;
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
		return map_count(&k->by_foreign) ? match_foreign(k, value)
						 : NULL;
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

/* Neither in the trash nor a template. */
static bool
is_in_use(const struct apikey_rec *r)
{
	return !r->deleted_at && !r->template;
}

struct apikey *
keyring_find(const struct keyring *k, struct str id_or_name)
{
	struct apikey *key = keyring_id(k, id_or_name);
	struct apikey *found[2] = { NULL, NULL };
	unsigned count[2] = { 0, 0 };

	if (key && is_in_use(&key->rec))
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

	if (key && is_in_use(&key->rec) && str_eq(key->rec.owner, owner))
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

/* The only one of a list by that id or name; NULL also when there are more. */
static struct apikey *
find_in(const struct apikey_list *list, struct str id_or_name)
{
	struct apikey *key, *found = NULL;

	TAILQ_FOREACH (key, list, link) {
		if (str_eq(key->rec.id, id_or_name))
			return key;
		if (!str_eq(key->rec.name, id_or_name))
			continue;
		if (found)
			return NULL;
		found = key;
	}
	return found;
}

struct apikey *
keyring_find_deleted(const struct keyring *k, struct str id_or_name)
{
	struct apikey *key = keyring_id(k, id_or_name);

	if (key && key->rec.deleted_at)
		return key;
	return find_in(&k->trash, id_or_name);
}

struct apikey *
keyring_find_template(const struct keyring *k, struct str id_or_name)
{
	return find_in(&k->templates, id_or_name);
}

unsigned
keyring_owned(const struct keyring *k, struct str owner)
{
	const struct apikey_making *m;
	const struct apikey *key;
	unsigned n = 0;

	TAILQ_FOREACH (key, &k->keys, link)
		n += str_eq(key->rec.owner, owner);
	TAILQ_FOREACH (m, &k->making, link)
		n += str_eq(m->rec.owner, owner) ? m->count : 0;
	return n;
}

unsigned
keyring_discarded(const struct keyring *k, struct str owner)
{
	const struct apikey *key;
	unsigned n = 0;

	TAILQ_FOREACH (key, &k->trash, link)
		n += str_eq(key->rec.owner, owner);
	return n;
}

static bool
is_same_name(const struct apikey_rec *a, const struct apikey_rec *b)
{
	return str_eq(a->name, b->name) && !str_eq(a->id, b->id) &&
	    (str_eq(a->owner, b->owner) || (!a->self_made && !b->self_made));
}

/* One of those that a batch has on its way? */
static bool
is_name_of_batch(const struct apikey_making *m, const struct apikey_rec *r)
{
	if (m->count == 1)
		return is_same_name(&m->rec, r);
	return apikey_is_numbered(m->rec.name, m->count, r->name) &&
	    (str_eq(m->rec.owner, r->owner) || !r->self_made);
}

bool
keyring_has_name(const struct keyring *k, const struct apikey_rec *r)
{
	const struct apikey_making *m;
	const struct apikey *key;

	TAILQ_FOREACH (key, &k->keys, link)
		if (is_same_name(&key->rec, r))
			return true;
	TAILQ_FOREACH (key, &k->templates, link)
		if (is_same_name(&key->rec, r))
			return true;
	TAILQ_FOREACH (m, &k->making, link)
		if (is_name_of_batch(m, r))
			return true;
	return false;
}

static bool
is_same_value(const struct apikey_rec *a, const struct apikey_rec *b)
{
	const uint8_t *hash = b->hash;

	if (b->foreign_salt.len)
		return a->foreign_salt.len &&
		    !memcmp(a->foreign_hash, b->foreign_hash,
			sizeof(a->foreign_hash));
	return !sodium_is_zero(hash, sizeof(b->hash)) &&
	    !memcmp(a->hash, hash, sizeof(a->hash));
}

bool
keyring_has_value(const struct keyring *k, const struct apikey_rec *r)
{
	const struct apikey_making *m;
	const struct map *map =
	    r->foreign_salt.len ? &k->by_foreign : &k->by_hash;
	struct str hash = r->foreign_salt.len
	    ? foreign_str(r)
	    : str_at((const char *)r->hash, sizeof(r->hash));

	if (map_get(map, hash))
		return true;
	TAILQ_FOREACH (m, &k->making, link)
		if (is_same_value(&m->rec, r))
			return true;
	return false;
}

static unsigned
count_salted(const struct apikey_list *list, struct str salt)
{
	const struct apikey *key;
	unsigned n = 0;

	TAILQ_FOREACH (key, list, link)
		n += str_eq(key->rec.foreign_salt, salt) &&
		    apikey_is_foreign(&key->rec, clock_wall_ms());
	return n;
}

unsigned
keyring_salted(const struct keyring *k, struct str salt)
{
	const struct apikey_making *m;
	unsigned n =
	    count_salted(&k->keys, salt) + count_salted(&k->trash, salt);

	TAILQ_FOREACH (m, &k->making, link)
		n += str_eq(m->rec.foreign_salt, salt);
	return n;
}

struct str
keyring_has_numbered(const struct keyring *k, const struct apikey_rec *r,
    unsigned count)
{
	const struct apikey_making like = { .rec = *r, .count = count };
	const struct apikey_making *m;
	const struct apikey *key;

	TAILQ_FOREACH (key, &k->keys, link)
		if (is_name_of_batch(&like, &key->rec))
			return key->rec.name;
	TAILQ_FOREACH (key, &k->templates, link)
		if (is_name_of_batch(&like, &key->rec))
			return key->rec.name;
	TAILQ_FOREACH (m, &k->making, link)
		if (m->count > 1 ? str_eq(m->rec.name, r->name)
				 : is_name_of_batch(&like, &m->rec))
			return m->rec.name;
	return STR("");
}

static void
note_change(struct keyring *k, struct apikey *key)
{
	if (k->on_change)
		k->on_change(k->on_change_arg, key);
}

void
keyring_obey(struct keyring *k, struct str owner)
{
	bool disabled = user_is_disabled(&k->users, owner);
	struct apikey *key;

	TAILQ_FOREACH (key, &k->keys, link)
		if (str_eq(key->rec.owner, owner)) {
			key->owner_disabled = disabled;
			note_change(k, key);
		}
}

const char *
apikey_state(const struct apikey *k, int64_t wall_ms)
{
	if (k->rec.deleted_at)
		return "deleted";
	if (k->rec.template)
		return "template";
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

static struct apikey_list *
list_of(struct keyring *k, const struct apikey_rec *r)
{
	if (r->template)
		return &k->templates;
	return r->deleted_at ? &k->trash : &k->keys;
}

/* Most come in their order, so from behind. */
static void
list_insert(struct apikey_list *list, struct apikey *key)
{
	struct apikey *before;

	TAILQ_FOREACH_REVERSE(before, list, apikey_list, link)
	if (!is_before(&key->rec, &before->rec))
		break;
	if (before)
		TAILQ_INSERT_AFTER(list, before, key, link);
	else
		TAILQ_INSERT_HEAD(list, key, link);
}

/* Of a value that was never told there is no hash. */
static void
map_hash(struct keyring *k, struct str hash, struct apikey *key)
{
	if (!sodium_is_zero((const unsigned char *)hash.at, hash.len))
		map_set(&k->by_hash, hash, key);
}

/* What a key is found by.  That of a deleted one stays, so that whoever still
 * sends it is told; a template has none. */
static void
index_add(struct keyring *k, struct apikey *key)
{
	int64_t now = clock_wall_ms();

	key->owner_disabled = user_is_disabled(&k->users, key->rec.owner);
	map_set(&k->by_id, key->rec.id, key);
	if (key->rec.template)
		return;
	if (apikey_is_foreign(&key->rec, now))
		map_set(&k->by_foreign, foreign_str(&key->rec), key);
	map_hash(k, hash_str(key), key);
	if (apikey_in_grace(&key->rec, now))
		map_hash(k, old_hash_str(key), key);
}

static void
index_remove(struct keyring *k, struct apikey *key)
{
	map_del(&k->by_id, key->rec.id);
	if (key->rec.template)
		return;
	if (key->rec.foreign_salt.len)
		map_del(&k->by_foreign, foreign_str(&key->rec));
	map_del(&k->by_hash, hash_str(key));
	if (key->rec.old_until)
		map_del(&k->by_hash, old_hash_str(key));
}

void
keyring_insert(struct keyring *k, struct apikey *take_key)
{
	struct apikey_list *list = list_of(k, &take_key->rec);

	list_insert(list, take_key);
	k->count += list == &k->keys;
	index_add(k, take_key);
}

static void
ring_remove(struct keyring *k, struct apikey *key)
{
	struct apikey_list *list = list_of(k, &key->rec);

	index_remove(k, key);
	TAILQ_REMOVE(list, key, link);
	k->count -= list == &k->keys;
}

void
keyring_drop(struct keyring *k, struct apikey *take_key)
{
	ring_remove(k, take_key);
	take_key->deleted = true;
	note_change(k, take_key);
	if (!take_key->users)
		loop_bury(k->loop, apikey_free, take_key);
}

enum err
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

/* Where it stands in its list depends on what never changes, but for a key
 * that changes lists. */
static void
take_up_again(struct keyring *ring, struct apikey *k, char *take_blob,
    size_t len)
{
	const struct apikey_list *list = list_of(ring, &k->rec);
	enum err e;

	index_remove(ring, k);
	e = apikey_adopt(k, take_blob, len);
	/* The writer has just encoded it. */
	assert(e == OK);
	index_add(ring, k);
	if (list_of(ring, &k->rec) == list)
		return;
	ring->count += k->rec.deleted_at ? -1U : 1;
	TAILQ_REMOVE(k->rec.deleted_at ? &ring->keys : &ring->trash, k, link);
	list_insert(list_of(ring, &k->rec), k);
}

struct apikey *
keyring_take_up(struct keyring *ring, char *take_blob, size_t len)
{
	struct apikey_rec r;
	struct apikey *k;
	enum err e = apikey_rec_read(str_at(take_blob, len), &r);

	assert(e == OK);
	k = keyring_id(ring, r.id);
	if (k) {
		take_up_again(ring, k, take_blob, len);
		note_change(ring, k);
		return k;
	}
	k = xcalloc(1, sizeof(*k));
	e = apikey_adopt(k, take_blob, len);
	assert(e == OK);
	keyring_insert(ring, k);
	return k;
}
