/* SPDX-License-Identifier: MIT */
/* seal.c - secrets at rest, and the master key they hang on.
 *
 * A ring of master keys, each with an id: the newest one seals, any of them
 * opens.  The ring has one key, number 1, until keys can be changed.
 *
 *	master --crypto_kdf--> "sealrec_"  seals and opens the fields of records
 *	                       "keyindex"  finds client keys (oldest master)
 *	                       "chkvalue"  recognises the master  (oldest master)
 *
 * The whole ring lives in guarded memory, read-only once it is made.  Nothing
 * here formats a secret, and no reason given to people holds one. */
#include "store/seal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "proto/mem.h"

#define SEAL_VERSION 1
#define MASTER_BYTES 32
#define RING_MAX     4
#define NONCE_BYTES  crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES    crypto_aead_xchacha20poly1305_ietf_ABYTES
/* Names of tables, records and fields are short; this is far above them. */
#define PLACE_MAX 2048

_Static_assert(SEAL_OVERHEAD == 2 + NONCE_BYTES + TAG_BYTES, "as drawn");
_Static_assert(MASTER_BYTES == crypto_kdf_KEYBYTES, "a master derives");

struct ring_key {
	uint8_t id;
	uint8_t master[MASTER_BYTES];
	uint8_t records[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
};

struct seal {
	unsigned count;
	struct ring_key key[RING_MAX]; /* oldest first */
};

/* --- the ring -------------------------------------------------------------- */

static void
derive(const uint8_t *master, const char *context, uint8_t out[32])
{
	int r = crypto_kdf_derive_from_key(out, 32, 1, context, master);

	assert(r == 0);
	(void)r;
}

struct seal *
seal_of_key(const uint8_t master[32])
{
	struct seal *s;
	struct ring_key *k;

	if (sodium_init() < 0)
		abort();
	s = sodium_malloc(sizeof(*s));
	if (!s)
		abort();
	memset(s, 0, sizeof(*s));
	k = &s->key[s->count++];
	k->id = 1;
	memcpy(k->master, master, MASTER_BYTES);
	derive(master, "sealrec_", k->records);
	sodium_mprotect_readonly(s);
	return s;
}

void
seal_free(struct seal *s)
{
	sodium_free(s);
}

static const struct ring_key *
ring_find(const struct seal *s, uint8_t id)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->key[i].id == id)
			return &s->key[i];
	return NULL;
}

/* --- sealing --------------------------------------------------------------- */

/* Everything the value is bound to; each part with its length in front, so
 * that no two places read the same. */
static enum err
place_write(const struct seal_place *p, uint8_t key_id, struct buf *out)
{
	const struct str parts[] = { STR("relayd"), STR("sealrec"), p->table,
		p->record, p->field };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char len[2] = { (char)(parts[i].len >> 8), (char)parts[i].len };

		if (parts[i].len > UINT16_MAX || buf_add(out, str_at(len, 2)) ||
		    buf_add(out, parts[i]))
			return ERR_LIMIT;
	}
	return buf_add(out, str_at((char[]){ SEAL_VERSION, (char)key_id }, 2));
}

enum err
seal_close(struct seal *s, const struct seal_place *place, struct str plain,
    struct buf *out)
{
	const struct ring_key *k = &s->key[s->count - 1];
	size_t room;
	uint8_t *to;
	struct buf aad;
	char *at;
	enum err e;

	buf_init(&aad, PLACE_MAX);
	e = place_write(place, k->id, &aad);
	if (e)
		goto out;
	if (plain.len > SIZE_MAX - SEAL_OVERHEAD) {
		e = ERR_LIMIT;
		goto out;
	}
	e = buf_room(out, SEAL_OVERHEAD + plain.len, &at, &room);
	if (e)
		goto out;
	to = (uint8_t *)at;
	to[0] = SEAL_VERSION;
	to[1] = k->id;
	randombytes_buf(to + 2, NONCE_BYTES);
	crypto_aead_xchacha20poly1305_ietf_encrypt(to + 2 + NONCE_BYTES, NULL,
	    (const uint8_t *)plain.at, plain.len, (uint8_t *)aad.mem,
	    buf_len(&aad), NULL, to + 2, k->records);
	buf_grew(out, SEAL_OVERHEAD + plain.len);
out:
	buf_fini(&aad);
	return e;
}

enum err
seal_open(struct seal *s, const struct seal_place *place, struct str sealed,
    struct buf *out_plain)
{
	const uint8_t *from = (const uint8_t *)sealed.at;
	const struct ring_key *k;
	size_t len, room;
	struct buf aad;
	char *at;
	enum err e;

	if (sealed.len < SEAL_OVERHEAD || from[0] != SEAL_VERSION)
		return ERR_CRYPTO;
	k = ring_find(s, from[1]);
	if (!k)
		return ERR_CRYPTO;
	len = sealed.len - SEAL_OVERHEAD;
	buf_init(&aad, PLACE_MAX);
	e = place_write(place, k->id, &aad);
	if (e)
		goto out;
	e = buf_room(out_plain, len, &at, &room);
	if (e)
		goto out;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt((uint8_t *)at, NULL,
		NULL, from + 2 + NONCE_BYTES, len + TAG_BYTES,
		(uint8_t *)aad.mem, buf_len(&aad), from + 2, k->records) != 0)
		e = ERR_CRYPTO;
	else
		buf_grew(out_plain, len);
out:
	buf_fini(&aad);
	return e;
}

/* --- what hangs on the oldest master --------------------------------------- */

/* A stored hash cannot be made anew without the client's key, so the index
 * stays with the first master for ever; and so does the check of identity. */
void
seal_key_index(struct seal *s, struct key_index *out)
{
	derive(s->key[0].master, "keyindex", out->key);
}

void
key_index_of(const struct key_index *k, struct str value,
    uint8_t out[SEAL_INDEX_BYTES])
{
	int r = crypto_generichash(out, SEAL_INDEX_BYTES,
	    (const uint8_t *)value.at, value.len, k->key, sizeof(k->key));

	assert(r == 0);
	(void)r;
}

void
seal_check_value(struct seal *s, uint8_t out[32])
{
	derive(s->key[0].master, "chkvalue", out);
}

/* --- the master key's file ------------------------------------------------- */

/* What may be wrong with a file differs: systemd keeps a credential as root's
 * and lets us in by an ACL, whose mask shows as the group's right to read. */
struct source {
	const char *path;
	bool is_credential;
};

static enum err
master_check(const struct source *from, const struct stat *st,
    struct why *out_why)
{
	const char *path = from->path;
	mode_t open_to = st->st_mode & (from->is_credential ? 0037 : 0077);

	if (!S_ISREG(st->st_mode))
		return why_set(out_why, ERR_DENIED, "master key",
		    "%s is not a regular file; put the key itself there", path);
	if (st->st_uid != geteuid() &&
	    !(from->is_credential && st->st_uid == 0))
		return why_set(out_why, ERR_DENIED, "master key",
		    "%s belongs to uid %u, not to uid %u; chown it", path,
		    (unsigned)st->st_uid, (unsigned)geteuid());
	if (open_to)
		return why_set(out_why, ERR_DENIED, "master key",
		    "%s is open to others (mode %04o); chmod 400 it", path,
		    (unsigned)st->st_mode & 07777);
	if (st->st_nlink != 1)
		return why_set(out_why, ERR_DENIED, "master key",
		    "%s has %u names; remove the other links", path,
		    (unsigned)st->st_nlink);
	if (st->st_size != MASTER_BYTES)
		return why_set(out_why, ERR_VALUE, "master key",
		    "%s holds %lld bytes, a master key is %d bytes as they "
		    "are; restore it from a backup",
		    path, (long long)st->st_size, MASTER_BYTES);
	return OK;
}

/* ERR_UNKNOWN: there is no such file. */
static enum err
master_read(const struct source *from, uint8_t out[MASTER_BYTES],
    struct why *out_why)
{
	struct stat st;
	enum err e;
	int fd;

	fd = open(from->path,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		e = errno == ENOENT			? ERR_UNKNOWN
		    : errno == ELOOP || errno == EACCES ? ERR_DENIED
							: ERR_IO;
		return why_set(out_why, e, "master key", "%s: %s", from->path,
		    errno == ELOOP ? "is a symbolic link; name the file itself"
				   : strerror(errno));
	}
	if (fstat(fd, &st) != 0)
		e = why_set(out_why, ERR_IO, "master key", "%s: %s", from->path,
		    strerror(errno));
	else
		e = master_check(from, &st, out_why);
	if (!e && read(fd, out, MASTER_BYTES) != MASTER_BYTES)
		e = why_set(out_why, ERR_IO, "master key", "%s: %s", from->path,
		    "could not be read as a whole");
	close(fd);
	return e;
}

static enum err
folder_sync(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = OK;

	if (fd < 0)
		return ERR_IO;
	if (fsync(fd) != 0)
		e = ERR_IO;
	close(fd);
	return e;
}

/* The file appears under its name as a whole and on disk: a key that seals
 * something and is gone after a power cut would be the worst of losses. */
static enum err
master_make(const char *dir, const char *path, uint8_t out[MASTER_BYTES],
    struct why *out_why)
{
	char *draft = xasprintf("%s.new", path);
	enum err e = OK;
	int fd;

	(void)unlink(draft); /* left by a run that was killed here */
	fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0) {
		e = why_set(out_why, ERR_IO, "master key", "cannot make %s: %s",
		    path, strerror(errno));
		goto out;
	}
	randombytes_buf(out, MASTER_BYTES);
	if (fchmod(fd, 0400) != 0 ||
	    write(fd, out, MASTER_BYTES) != MASTER_BYTES || fsync(fd) != 0 ||
	    rename(draft, path) != 0 || folder_sync(dir))
		e = why_set(out_why, ERR_IO, "master key", "cannot make %s: %s",
		    path, strerror(errno));
	close(fd);
	if (e)
		(void)unlink(draft);
out:
	free(draft);
	return e;
}

static enum err
master_of_dir(const char *dir, bool may_make, uint8_t out[MASTER_BYTES],
    struct why *out_why)
{
	char *path = xasprintf("%s/master.key", dir);
	enum err e;

	e = master_read(&(struct source){ .path = path }, out, out_why);
	if (e == ERR_UNKNOWN && may_make)
		e = master_make(dir, path, out, out_why);
	else if (e == ERR_UNKNOWN)
		why_set(out_why, e, "master key",
		    "%s is missing, and without it no stored credential can "
		    "be opened; restore it from a backup",
		    path);
	free(path);
	return e;
}

static enum err
master_find(const char *dir, const char *key_file, bool may_make,
    uint8_t out[MASTER_BYTES], struct why *out_why)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	char *path;
	enum err e;

	if (key_file)
		return master_read(&(struct source){ .path = key_file }, out,
		    out_why);
	if (credentials) {
		path = xasprintf("%s/master", credentials);
		e = master_read(&(struct source){ .path = path,
				    .is_credential = true },
		    out, out_why);
		free(path);
		if (e != ERR_UNKNOWN)
			return e;
	}
	return master_of_dir(dir, may_make, out, out_why);
}

enum err
seal_try(const char *dir, const char *key_file, struct why *out_why)
{
	uint8_t master[MASTER_BYTES];
	struct why why;
	enum err e = master_find(dir, key_file, false, master, &why);

	sodium_memzero(master, sizeof(master));
	if (!e || (e == ERR_UNKNOWN && !key_file))
		return OK;
	if (out_why)
		*out_why = why;
	return e;
}

enum err
seal_new(const char *dir, const char *key_file, bool may_make,
    struct seal **out, struct why *out_why)
{
	uint8_t master[MASTER_BYTES];
	enum err e;

	if (sodium_init() < 0)
		return why_set(out_why, ERR_IO, NULL,
		    "libsodium found no source of random numbers");
	e = master_find(dir, key_file, may_make, master, out_why);
	if (!e)
		*out = seal_of_key(master);
	sodium_memzero(master, sizeof(master));
	return e;
}
