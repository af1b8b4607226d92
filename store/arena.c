/* SPDX-License-Identifier: MIT */
/* arena.c - opened secrets in locked memory that is never dumped.
 *
 *	block | bytes ... | block | bytes ... | ...	one after the other
 *
 * First fit over the blocks in order of address; neighbours that are free are
 * joined while looking.  There are a few hundred secrets and they change when
 * an operator changes them, so nothing cleverer pays.  Whoever reads a secret
 * never touches a block's head, so readers need no lock. */
#include "store/arena.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sodium.h>

#include "proto/mem.h"

struct arena {
	uint8_t *mem;
	size_t size; /* whole pages */
	bool locked;
};

/* In front of each block; what follows is `size` bytes. */
struct block {
	alignas(16) size_t size;
	bool used;
};

#define GRAIN sizeof(struct block)

static struct block *
block_at(const struct arena *a, size_t at)
{
	return (void *)(a->mem + at);
}

enum err
arena_new(size_t size, struct arena **out, struct why *out_why)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct arena *a;
	void *mem;

	if (size == 0 || size > SIZE_MAX / 2)
		return why_set(out_why, ERR_VALUE, "arena_size",
		    "%zu bytes of memory for secrets cannot be had", size);
	size = (size + page - 1) / page * page;
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return why_set(out_why, ERR_FULL, "arena_size",
		    "%zu bytes of memory for secrets: %s", size,
		    strerror(errno));
	a = xmalloc(sizeof(*a));
	*a = (struct arena){ .mem = mem, .size = size };
	a->locked = mlock(mem, size) == 0;
	/* Advice that an old kernel does not know changes nothing for us. */
	(void)madvise(mem, size, MADV_DONTDUMP);
	(void)madvise(mem, size, MADV_WIPEONFORK);
	*block_at(a, 0) = (struct block){ .size = size - GRAIN };
	*out = a;
	return OK;
}

void
arena_free(struct arena *a)
{
	if (!a)
		return;
	sodium_memzero(a->mem, a->size);
	munmap(a->mem, a->size);
	free(a);
}

/* Join what is free behind b to it. */
static void
block_join(const struct arena *a, size_t at)
{
	struct block *b = block_at(a, at);

	for (;;) {
		size_t behind = at + GRAIN + b->size;

		if (behind == a->size || block_at(a, behind)->used)
			return;
		b->size += GRAIN + block_at(a, behind)->size;
	}
}

/* Take `want` bytes of the free block b and leave the rest as another one. */
static void
block_split(const struct arena *a, size_t at, size_t want)
{
	struct block *b = block_at(a, at);

	if (b->size - want >= 2 * GRAIN) {
		*block_at(a, at + GRAIN + want) =
		    (struct block){ .size = b->size - want - GRAIN };
		b->size = want;
	}
	b->used = true;
}

enum err
arena_put(struct arena *a, struct str secret, struct str *out)
{
	size_t want;

	if (secret.len == 0) {
		*out = (struct str){ .at = NULL };
		return OK;
	}
	if (secret.len > a->size)
		return ERR_FULL;
	want = (secret.len + GRAIN - 1) / GRAIN * GRAIN;
	for (size_t at = 0; at < a->size;) {
		struct block *b = block_at(a, at);

		/* A forked child finds zeros here and has no business here. */
		assert(b->size > 0);
		if (!b->used)
			block_join(a, at);
		if (!b->used && b->size >= want) {
			block_split(a, at, want);
			memcpy(a->mem + at + GRAIN, secret.at, secret.len);
			*out = str_at((char *)a->mem + at + GRAIN, secret.len);
			return OK;
		}
		at += GRAIN + b->size;
	}
	return ERR_FULL;
}

void
arena_drop(struct arena *a, struct str secret)
{
	struct block *b;
	size_t at;

	if (secret.len == 0)
		return;
	at = (size_t)((uintptr_t)secret.at - (uintptr_t)a->mem);
	assert(at >= GRAIN && at < a->size && at % GRAIN == 0);
	b = block_at(a, at - GRAIN);
	assert(b->used && b->size >= secret.len);
	sodium_memzero(a->mem + at, b->size);
	b->used = false;
}

bool
arena_is_locked(const struct arena *a)
{
	return a->locked;
}
