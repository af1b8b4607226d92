/* SPDX-License-Identifier: MIT */
/* map.h - pointers found by a string.
 *
 *	slots	 [ 2 | - | 0 | - | - | 1 | - | - ]	by hash, half empty
 *		   |       |           |
 *	entries	 [ a | b | c |   ]			in order of arrival
 *
 * Keys are copied, values are the caller's and never NULL.  Keys come from
 * strangers, so their hash (SipHash) is seeded with a secret.  Entries are
 * walked in the order in which they came, and may be deleted on the way. */
#ifndef PROTO_MAP_H
#define PROTO_MAP_H

#include "proto/str.h"

#define MAP_SEED 16

struct map_entry; /* private */

struct map {
	struct map_entry *entries;
	uint32_t *slots;
	size_t used;  /* entries, with those deleted since the last rebuild */
	size_t size;  /* entries there is room for; twice as many slots */
	size_t count; /* entries that are there */
	uint8_t seed[MAP_SEED];
};

/* An empty map; it owns no memory until something is set. */
void map_init(struct map *m, const uint8_t seed[MAP_SEED]);
/* Free keys and tables, not the values; the map is empty after it. */
void map_fini(struct map *m);

static inline size_t
map_count(const struct map *m)
{
	return m->count;
}

/* The value of that key, or NULL. */
void *map_get(const struct map *m, struct str key);
/* Returns the value that was replaced, or NULL. */
void *map_set(struct map *m, struct str key, void *value);
/* Returns the value that was removed, or NULL. */
void *map_del(struct map *m, struct str key);

/* The next entry; *io_at is 0 at first.  False at the end.  Either pointer may
 * be NULL.  The key is valid until it is deleted. Do not set new keys on the
 * way. */
bool map_next(const struct map *m, size_t *io_at, struct str *out_key,
    void **out_value);

#endif
