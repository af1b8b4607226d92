/* SPDX-License-Identifier: MIT */
/* map.c - pointers found by a string: open addressing over an ordered table.
 *
 * A deleted entry keeps its slot, without a key, so that those behind it are
 * still found; the next rebuild drops it. */
#include "proto/map.h"

#include <assert.h>
#include <stdlib.h>

#include <sodium.h>

#include "proto/mem.h"

#define SIZE_MIN 8
#define NOBODY	 UINT32_MAX

struct map_entry {
	char *key; /* NULL when deleted */
	size_t len;
	uint64_t hash;
	void *value;
};

_Static_assert(MAP_SEED == crypto_shorthash_KEYBYTES, "the seed is a key");

void
map_init(struct map *m, const uint8_t seed[MAP_SEED])
{
	*m = (struct map){ .entries = NULL };
	memcpy(m->seed, seed, MAP_SEED);
}

void
map_fini(struct map *m)
{
	for (size_t i = 0; i < m->used; i++)
		free(m->entries[i].key);
	free(m->entries);
	free(m->slots);
	m->entries = NULL;
	m->slots = NULL;
	m->used = m->size = m->count = 0;
}

static uint64_t
hash_of(const struct map *m, struct str key)
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint64_t number;

	crypto_shorthash(hash, (const uint8_t *)key.at, key.len, m->seed);
	memcpy(&number, hash, sizeof(number));
	return number;
}

/* The entry of that key, or NULL. */
static struct map_entry *
entry_find(const struct map *m, struct str key, uint64_t hash)
{
	size_t mask = m->size * 2 - 1, at = hash & mask;

	if (m->size == 0)
		return NULL;
	for (; m->slots[at] != NOBODY; at = (at + 1) & mask) {
		struct map_entry *e = &m->entries[m->slots[at]];

		if (e->key && e->hash == hash &&
		    str_eq(str_at(e->key, e->len), key))
			return e;
	}
	return NULL;
}

static void
slot_take(struct map *m, uint64_t hash, size_t index)
{
	size_t mask = m->size * 2 - 1, at = hash & mask;

	while (m->slots[at] != NOBODY)
		at = (at + 1) & mask;
	m->slots[at] = (uint32_t)index;
}

/* Drop what is deleted and make room for as many again. */
static void
rebuild(struct map *m)
{
	size_t size = SIZE_MIN, used = 0;

	while (size < m->count * 2)
		size *= 2;
	assert(size < NOBODY / 2);
	for (size_t i = 0; i < m->used; i++)
		if (m->entries[i].key)
			m->entries[used++] = m->entries[i];
	m->entries = xrealloc(m->entries, size * sizeof(*m->entries));
	m->slots = xrealloc(m->slots, size * 2 * sizeof(*m->slots));
	memset(m->slots, 0xff, size * 2 * sizeof(*m->slots));
	m->size = size;
	m->used = used;
	for (size_t i = 0; i < used; i++)
		slot_take(m, m->entries[i].hash, i);
}

void *
map_get(const struct map *m, struct str key)
{
	const struct map_entry *e = entry_find(m, key, hash_of(m, key));

	return e ? e->value : NULL;
}

void *
map_set(struct map *m, struct str key, void *value)
{
	uint64_t hash = hash_of(m, key);
	struct map_entry *e = entry_find(m, key, hash);

	assert(value);
	if (e) {
		void *old = e->value;

		e->value = value;
		return old;
	}
	if (m->used == m->size)
		rebuild(m);
	m->entries[m->used] = (struct map_entry){
		.key = xmemdup(key.at, key.len),
		.len = key.len,
		.hash = hash,
		.value = value,
	};
	slot_take(m, hash, m->used++);
	m->count++;
	return NULL;
}

void *
map_del(struct map *m, struct str key)
{
	struct map_entry *e = entry_find(m, key, hash_of(m, key));
	void *value;

	if (!e)
		return NULL;
	value = e->value;
	free(e->key);
	e->key = NULL;
	m->count--;
	return value;
}

bool
map_next(const struct map *m, size_t *io_at, struct str *out_key,
    void **out_value)
{
	while (*io_at < m->used) {
		const struct map_entry *e = &m->entries[(*io_at)++];

		if (!e->key)
			continue;
		if (out_key)
			*out_key = str_at(e->key, e->len);
		if (out_value)
			*out_value = e->value;
		return true;
	}
	return false;
}
