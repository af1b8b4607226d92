/* SPDX-License-Identifier: MIT */
/* journal.c - a ring on disk that survives a kill.
 *
 * Positions count bytes since the ring was made and never go back; where one
 * lies in the file is its rest by the capacity.  An entry is never split by
 * the end of the file: when it does not fit there it begins the next lap.
 *
 *	file	head(64) | entry entry ... entry (unused)
 *	entry	 0 length of the payload (4)
 *		 4 crc32c (4), over ring id, position, length, kind and payload
 *		 8 position (8)
 *		16 kind (1)
 *		17 payload, padded to a multiple of 8
 *
 * Two threads share a ring: the loop moves `head`, the reader `released`.  Both
 * are in memory only.  After a kill nothing but the entries themselves says
 * how far the ring reaches, so every one of them proves its own place.
 * Numbers are in the machine's order: a ring never leaves its machine. */
#include "store/journal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/mem.h"

#include "store/crc32c.h"

#define MAGIC	     UINT64_C(0x3130676e69726c72) /* "rlring01" */
#define HEAD_BYTES   64
#define ENTRY_HEAD   17
#define GRAIN	     8
#define CAPACITY_MIN (2 * (size_t)JOURNAL_ENTRY_MAX)
/* What a promised entry takes at most, as entry_len() counts. */
#define PROMISED                                                               \
	((ENTRY_HEAD + (uint64_t)JOURNAL_PROMISE_MAX + GRAIN - 1) / GRAIN *    \
	    GRAIN)
/* Room for "journal-" 16 digits ".ring". */
#define NAME_PATTERN "journal-%016" PRIx64 ".ring"

struct ring_head {
	uint64_t magic, id, capacity;
	uint32_t crc; /* of the three above */
};

struct entry_head {
	uint32_t len, crc;
	uint64_t position;
	uint8_t kind;
};

struct journal {
	/* Each of the two is written by one thread and read by the other;
	 * apart, so that they do not pull one cache line to and fro.  What
	 * never changes stands with the one that seldom does. */
	_Alignas(64) _Atomic uint64_t released;
	char *path;
	uint8_t *map; /* the whole file */
	size_t map_len;
	uint8_t *ring;
	uint64_t id, capacity;
	bool read_only;
	_Alignas(64) _Atomic uint64_t head;
	uint64_t promises; /* the loop's */
};

static uint32_t
head_crc(const struct ring_head *h)
{
	return crc32c(0,
	    str_at((const char *)h, offsetof(struct ring_head, crc)));
}

/* --- making and opening ---------------------------------------------------- */

static struct journal *
journal_of(const char *path, void *map, size_t map_len)
{
	struct journal *j;
	struct ring_head h;

	memcpy(&h, map, sizeof(h));
	j = aligned_alloc(64, sizeof(*j));
	if (!j)
		abort();
	*j = (struct journal){
		.path = xstrdup(path),
		.map = map,
		.map_len = map_len,
		.ring = (uint8_t *)map + HEAD_BYTES,
		.id = h.id,
		.capacity = h.capacity,
	};
	return j;
}

static bool
name_read(const char *name, uint64_t *out_id)
{
	char again[64], *end;
	size_t skip = strlen("journal-");

	if (strncmp(name, "journal-", skip) != 0)
		return false;
	errno = 0;
	*out_id = strtoull(name + skip, &end, 16);
	if (errno)
		return false;
	snprintf(again, sizeof(again), NAME_PATTERN, *out_id);
	return strcmp(name, again) == 0;
}

/* Ids grow with the clock, and past every ring there is when the clock was
 * set back. */
static enum err
note_newest(void *arg, const char *path, struct why *out_why)
{
	uint64_t *newest = arg, id;

	(void)out_why;
	if (name_read(strrchr(path, '/') + 1, &id) && id > *newest)
		*newest = id;
	return OK;
}

static enum err
next_id(const char *dir, uint64_t *out, struct why *out_why)
{
	struct timespec now;
	uint64_t newest = 0, id;
	enum err e;

	e = journal_each(dir, NULL, note_newest, &newest, out_why);
	if (e)
		return e;
	clock_gettime(CLOCK_REALTIME, &now);
	id = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	*out = id > newest ? id : newest + 1;
	return OK;
}

/* Blocks for every byte, now: a store into a hole of a full disk would be
 * SIGBUS. */
static enum err
file_fill(int fd, size_t bytes, void **out_map)
{
	int r = posix_fallocate(fd, 0, (off_t)bytes);
	void *map;

	if (r != 0) {
		errno = r;
		return r == ENOSPC ? ERR_FULL : ERR_IO;
	}
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return ERR_IO;
	*out_map = map;
	return OK;
}

/* The ring gets its name when its head is written, so that no half-made one
 * is ever found. */
static enum err
file_make(const char *path, const char *draft, const struct ring_head *h,
    size_t bytes, void **out_map)
{
	void *map = NULL;
	enum err e;
	int fd, saved;

	(void)unlink(draft);
	fd = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return ERR_IO;
	e = file_fill(fd, bytes, &map);
	if (!e) {
		memcpy(map, h, sizeof(*h));
		if (fsync(fd) != 0 || rename(draft, path) != 0)
			e = ERR_IO;
	}
	saved = errno;
	if (e) {
		(void)unlink(draft);
		if (map)
			munmap(map, bytes);
	}
	close(fd);
	errno = saved;
	if (!e)
		*out_map = map;
	return e;
}

enum err
journal_new(const char *dir, size_t bytes, struct journal **out,
    struct why *out_why)
{
	struct ring_head h = { .magic = MAGIC };
	char *path, *draft;
	void *map;
	enum err e;

	if (bytes < HEAD_BYTES + CAPACITY_MIN)
		return why_set(out_why, ERR_VALUE, "journal",
		    "a ring of %zu bytes is too small", bytes);
	h.capacity = (bytes - HEAD_BYTES) / GRAIN * GRAIN;
	e = next_id(dir, &h.id, out_why);
	if (e)
		return e;
	h.crc = head_crc(&h);
	path = xasprintf("%s/" NAME_PATTERN, dir, h.id);
	draft = xasprintf("%s/journal.new", dir);
	e = file_make(path, draft, &h, HEAD_BYTES + h.capacity, &map);
	if (e)
		why_set(out_why, e, "journal", "cannot make %s: %s", path,
		    strerror(errno));
	else
		*out = journal_of(path, map, HEAD_BYTES + h.capacity);
	free(path);
	free(draft);
	return e;
}

static enum err
head_check(const struct ring_head *h, size_t file_len)
{
	if (h->magic != MAGIC)
		return ERR_UNSUPPORTED;
	if (h->crc != head_crc(h) || h->capacity < CAPACITY_MIN ||
	    h->capacity % GRAIN != 0 || h->capacity > file_len - HEAD_BYTES)
		return ERR_CORRUPT;
	return OK;
}

enum err
journal_open(const char *path, struct journal **out, struct why *out_why)
{
	struct ring_head h;
	struct stat st;
	void *map;
	enum err e;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0) {
		e = why_set(out_why, ERR_IO, "journal", "%s: %s", path,
		    strerror(errno));
		if (fd >= 0)
			close(fd);
		return e;
	}
	if (!S_ISREG(st.st_mode) ||
	    st.st_size < (off_t)(HEAD_BYTES + CAPACITY_MIN)) {
		close(fd);
		return why_set(out_why, ERR_CORRUPT, "journal",
		    "%s is not a whole ring", path);
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return why_set(out_why, ERR_IO, "journal", "%s: %s", path,
		    strerror(errno));
	memcpy(&h, map, sizeof(h));
	e = head_check(&h, (size_t)st.st_size);
	if (e) {
		munmap(map, (size_t)st.st_size);
		return why_set(out_why, e, "journal", "%s: %s", path,
		    e == ERR_UNSUPPORTED ? "not a ring of this version"
					 : "its head is damaged");
	}
	*out = journal_of(path, map, (size_t)st.st_size);
	(*out)->read_only = true;
	return OK;
}

void
journal_close(struct journal *j)
{
	if (!j)
		return;
	munmap(j->map, j->map_len);
	free(j->path);
	free(j);
}

void
journal_remove(struct journal *j)
{
	if (!j)
		return;
	(void)unlink(j->path);
	journal_close(j);
}

uint64_t
journal_id(const struct journal *j)
{
	return j->id;
}

const char *
journal_path(const struct journal *j)
{
	return j->path;
}

/* --- entries --------------------------------------------------------------- */

static size_t
entry_len(size_t payload_len)
{
	return (ENTRY_HEAD + payload_len + GRAIN - 1) / GRAIN * GRAIN;
}

static uint64_t
room_in_lap(const struct journal *j, uint64_t at)
{
	return j->capacity - at % j->capacity;
}

static uint32_t
entry_crc(const struct journal *j, const struct entry_head *h,
    struct str payload)
{
	uint64_t bound[3] = { j->id, h->position,
		(uint64_t)h->len << 8 | h->kind };

	return crc32c(crc32c(0, str_at((char *)bound, sizeof(bound))), payload);
}

static void
entry_write(uint8_t *to, const struct entry_head *h, struct str payload)
{
	memcpy(to, &h->len, 4);
	memcpy(to + 4, &h->crc, 4);
	memcpy(to + 8, &h->position, 8);
	to[16] = h->kind;
	if (payload.len > 0)
		memcpy(to + ENTRY_HEAD, payload.at, payload.len);
}

/* The whole entry at exactly this position, or none. */
static bool
entry_read(const struct journal *j, uint64_t at, struct entry_head *out_head,
    struct str *out_payload)
{
	const uint8_t *from = j->ring + at % j->capacity;
	uint64_t room = room_in_lap(j, at);
	struct entry_head h;
	struct str payload;

	if (room < ENTRY_HEAD)
		return false;
	memcpy(&h.len, from, 4);
	memcpy(&h.crc, from + 4, 4);
	memcpy(&h.position, from + 8, 8);
	h.kind = from[16];
	if (h.position != at || h.len > JOURNAL_ENTRY_MAX ||
	    entry_len(h.len) > room)
		return false;
	payload = str_at((const char *)from + ENTRY_HEAD, h.len);
	if (h.crc != entry_crc(j, &h, payload))
		return false;
	*out_head = h;
	*out_payload = payload;
	return true;
}

/* --- the loop's side ------------------------------------------------------- */

/* Where an entry of that size goes: the next lap when this one has no room. */
static uint64_t
place(const struct journal *j, uint64_t head, size_t len)
{
	uint64_t room = room_in_lap(j, head);

	return room < len ? head + room : head;
}

/* What `promises` entries can take behind `head` at the most.  The room there
 * is spans the end of a lap once at the most, and what is lost there is less
 * than one of them. */
static uint64_t
promised_bytes(const struct journal *j, uint64_t head, uint64_t promises)
{
	uint64_t bytes = promises * PROMISED;

	return bytes > room_in_lap(j, head) ? bytes + PROMISED - GRAIN : bytes;
}

static bool
fits(const struct journal *j, uint64_t head, uint64_t promises)
{
	uint64_t released =
	    atomic_load_explicit(&j->released, memory_order_acquire);

	return head + promised_bytes(j, head, promises) - released <=
	    j->capacity;
}

static void
entry_put(struct journal *j, uint64_t at, uint8_t kind, struct str payload)
{
	struct entry_head h = {
		.len = (uint32_t)payload.len, .position = at, .kind = kind
	};

	h.crc = entry_crc(j, &h, payload);
	entry_write(j->ring + at % j->capacity, &h, payload);
	atomic_store_explicit(&j->head, at + entry_len(payload.len),
	    memory_order_release);
}

enum err
journal_append(struct journal *j, uint8_t kind, struct str payload)
{
	uint64_t at = atomic_load_explicit(&j->head, memory_order_relaxed);
	size_t len = entry_len(payload.len);

	assert(!j->read_only);
	if (payload.len > JOURNAL_ENTRY_MAX)
		return ERR_LIMIT;
	at = place(j, at, len);
	if (!fits(j, at + len, j->promises))
		return ERR_FULL;
	entry_put(j, at, kind, payload);
	return OK;
}

enum err
journal_promise(struct journal *j)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_relaxed);

	assert(!j->read_only);
	if (!fits(j, head, j->promises + 1))
		return ERR_FULL;
	j->promises++;
	return OK;
}

void
journal_redeem(struct journal *j, uint8_t kind, struct str payload)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_relaxed);
	size_t len = entry_len(payload.len);

	assert(j->promises > 0 && payload.len <= JOURNAL_PROMISE_MAX);
	head = place(j, head, len);
	j->promises--;
	assert(fits(j, head + len, j->promises));
	entry_put(j, head, kind, payload);
}

void
journal_forgo(struct journal *j)
{
	assert(j->promises > 0);
	j->promises--;
}

unsigned
journal_fill(const struct journal *j)
{
	uint64_t released =
	    atomic_load_explicit(&j->released, memory_order_acquire);
	uint64_t head = atomic_load_explicit(&j->head, memory_order_acquire);

	return (unsigned)((head - released) * 100 / j->capacity);
}

/* --- the reader's side ----------------------------------------------------- */

bool
journal_next(struct journal *j, uint64_t *io_at, uint8_t *out_kind,
    struct str *out_payload)
{
	uint64_t at = *io_at;
	struct entry_head h;

	/* No such position was ever given out. */
	if (at % GRAIN != 0 || at > UINT64_MAX / 2)
		return false;
	if (!j->read_only &&
	    at >= atomic_load_explicit(&j->head, memory_order_acquire))
		return false;
	if (!entry_read(j, at, &h, out_payload)) {
		/* It may not have fitted into what is left of this lap. */
		if (room_in_lap(j, at) >= entry_len(JOURNAL_ENTRY_MAX))
			return false;
		at += room_in_lap(j, at);
		if (!entry_read(j, at, &h, out_payload))
			return false;
	}
	*io_at = at + entry_len(h.len);
	*out_kind = h.kind;
	return true;
}

void
journal_release(struct journal *j, uint64_t at)
{
	assert(at >= atomic_load_explicit(&j->released, memory_order_relaxed));
	atomic_store_explicit(&j->released, at, memory_order_release);
}

/* --- all of them ----------------------------------------------------------- */

struct found {
	uint64_t id;
	char *path;
};

static int
found_cmp(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static enum err
found_all(const char *dir, struct found **out, size_t *out_count,
    struct why *out_why)
{
	struct found *all = NULL;
	size_t count = 0;
	struct dirent *d;
	uint64_t id;
	DIR *folder;

	folder = opendir(dir);
	if (!folder)
		return why_set(out_why, ERR_IO, "journal", "%s: %s", dir,
		    strerror(errno));
	while ((d = readdir(folder)) != NULL) {
		if (!name_read(d->d_name, &id))
			continue;
		all = xrealloc(all, (count + 1) * sizeof(*all));
		all[count].id = id;
		all[count++].path = xasprintf("%s/%s", dir, d->d_name);
	}
	closedir(folder);
	if (count > 0)
		qsort(all, count, sizeof(*all), found_cmp);
	*out = all;
	*out_count = count;
	return OK;
}

enum err
journal_each(const char *dir, const struct journal *but,
    enum err (*fn)(void *arg, const char *path, struct why *out_why), void *arg,
    struct why *out_why)
{
	struct found *all = NULL;
	size_t count = 0;
	enum err e;

	e = found_all(dir, &all, &count, out_why);
	if (e)
		return e;
	for (size_t i = 0; i < count; i++) {
		if (!e && !(but && all[i].id == but->id))
			e = fn(arg, all[i].path, out_why);
		free(all[i].path);
	}
	free(all);
	return e;
}
