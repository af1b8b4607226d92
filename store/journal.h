/* SPDX-License-Identifier: MIT */
/* journal.h - a ring on disk that survives a kill: what must not be forgotten
 * between an answer's end and the next commit of the store.
 *
 * A file of fixed size in the state directory, MAP_SHARED and preallocated (so
 * that no write can meet a full disk), one per run of the daemon.  The loop
 * appends, the store's writer reads; nothing else is shared between them.
 *
 *	header | entry entry entry ... (wraps)
 *	entry = length(4) crc32c(4) position(8) kind(1) ... payload, padded to 8
 *
 * An append is whole or not there: the checksum covers position and ring id,
 * so neither a torn entry nor one of an earlier lap or file is ever read. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "proto/str.h"

#define JOURNAL_BYTES	  (4 * 1024 * 1024)
#define JOURNAL_ENTRY_MAX 8192

struct journal;

/* Make a fresh ring "journal-<id>.ring" in dir. */
enum err journal_new(const char *dir, size_t bytes, struct journal **out,
    struct why *out_why) CHECKED;
/* Open what an earlier run left, for reading only. */
enum err journal_open(const char *path, struct journal **out,
    struct why *out_why) CHECKED;
/* Unmap; the file stays. */
void journal_close(struct journal *j);
/* Unmap and remove the file: everything in it is in the store. */
void journal_remove(struct journal *j);

uint64_t journal_id(const struct journal *j);
const char *journal_path(const struct journal *j);

/* Loop: append. ERR_FULL: the reader is behind, and what is left is promised.
 * About 20 ns and no system call. */
enum err
journal_append(struct journal *j, uint8_t kind, struct str payload) CHECKED;
/* Loop: promise room for one more entry of at most JOURNAL_PROMISE_MAX bytes,
 * whatever else is appended and however far the reader is behind.  ERR_FULL. */
#define JOURNAL_PROMISE_MAX 271
enum err journal_promise(struct journal *j) CHECKED;
/* Loop: append it; uses one promise up, and cannot fail. */
void journal_redeem(struct journal *j, uint8_t kind, struct str payload);
/* Loop: that one is not needed any more. */
void journal_forgo(struct journal *j);
/* How full it is, 0 to 100. */
unsigned journal_fill(const struct journal *j);

/* Reader: entries from *io_at on; false when there is no further whole entry.
 * *io_at is a position as kept in the store (0 begins); it is moved behind the
 * entry.  The payload is borrowed until journal_release(). */
bool journal_next(struct journal *j, uint64_t *io_at, uint8_t *out_kind,
    struct str *out_payload);
/* Reader: everything before `at` is in the store, its room can be used. */
void journal_release(struct journal *j, uint64_t at);

/* Every ring file in dir except `but` (may be NULL), in the order they were
 * made; stops at the first error of fn. */
enum err journal_each(const char *dir, const struct journal *but,
    enum err (*fn)(void *arg, const char *path, struct why *out_why), void *arg,
    struct why *out_why) CHECKED;

#endif
