/* SPDX-License-Identifier: MIT */
/* seal.h - secrets at rest: XChaCha20-Poly1305 under a master key.
 *
 *	sealed = version(1) key-id(1) nonce(24) ciphertext tag(16)
 *
 * The associated data binds a sealed value to its place ("relayd", purpose,
 * table, record, field, version, key id), so that it opens nowhere else.
 * Sub-keys are derived per purpose with crypto_kdf.  Nothing here formats a
 * secret. */
#ifndef STORE_SEAL_H
#define STORE_SEAL_H

#include "proto/buf.h"

#define SEAL_OVERHEAD	 (1 + 1 + 24 + 16)
#define SEAL_INDEX_BYTES 32

struct seal;

/* Where the master key comes from, in this order: `key_file` when given;
 * $CREDENTIALS_DIRECTORY/master (systemd); dir/master.key.  The last one is
 * made (32 random bytes, mode 0400) when it does not exist and `may_make` is
 * set.  A file must be regular, ours, of one link, 32 bytes, and closed to
 * others; out_why says what is wrong and what to do. */
enum err seal_new(const char *dir, const char *key_file, bool may_make,
    struct seal **out, struct why *out_why) CHECKED;
/* Is there such a key, or could one be made?  Touches nothing. */
enum err
seal_try(const char *dir, const char *key_file, struct why *out_why) CHECKED;
/* From 32 bytes given (tests). */
struct seal *seal_of_key(const uint8_t master[32]);
void seal_free(struct seal *s);

/* The place a secret belongs to. */
struct seal_place {
	struct str table, record, field;
};

enum err seal_close(struct seal *s, const struct seal_place *place,
    struct str plain, struct buf *out) CHECKED;
/* ERR_CRYPTO: damaged, moved, or sealed with another key. */
enum err seal_open(struct seal *s, const struct seal_place *place,
    struct str sealed, struct buf *out_plain) CHECKED;

/* The keyed BLAKE2b-256 of a client key under the sub-key "keyindex".  The
 * sub-key is copied out once so that the loop can look keys up without the
 * master key. */
struct key_index {
	uint8_t key[32];
};
void seal_key_index(struct seal *s, struct key_index *out);
void key_index_of(const struct key_index *k, struct str value,
    uint8_t out[SEAL_INDEX_BYTES]);

/* A value that proves the master key to be the one of this store, kept in the
 * table meta. */
void seal_check_value(struct seal *s, uint8_t out[32]);

#endif
