/* SPDX-License-Identifier: MIT */
/* fuzz_journal.c - any bytes may stand in a ring's file: reading them ends,
 * stays inside, and goes forward; and what was appended comes out again
 * whatever the order of appending, reading and releasing.
 *
 * The first byte says which: 0 the whole file, 1 what follows the head, else a
 * list of things to do. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/journal.h"

#define BYTES (64 + 2 * JOURNAL_ENTRY_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

static void
read_all(const char *path, uint64_t at)
{
	uint64_t before = at;
	unsigned count = 0;
	struct journal *j;
	struct str got;
	struct why why;
	uint8_t kind;
	unsigned sum = 0;

	if (journal_open(path, &j, &why))
		return;
	while (journal_next(j, &at, &kind, &got)) {
		must(at > before);
		before = at;
		must(++count <= BYTES / 24 + 1);
		for (size_t i = 0; i < got.len; i++)
			sum += (uint8_t)got.at[i];
	}
	journal_close(j);
	must(sum != UINT32_MAX);
}

static void
foreign_bytes(const char *dir, bool with_head, const uint8_t *bytes, size_t len)
{
	struct journal *j;
	uint64_t at = 0;
	char *path;
	int fd;

	must(journal_new(dir, BYTES, &j, NULL) == OK);
	must((path = strdup(journal_path(j))) != NULL);
	if (len > BYTES - 64)
		len = BYTES - 64;
	if (len >= 8)
		memcpy(&at, bytes + len - 8, 8);
	fd = open(path, O_WRONLY);
	must(fd >= 0);
	must(pwrite(fd, bytes, len, with_head ? 64 : 0) == (ssize_t)len);
	close(fd);
	read_all(path, 0);
	read_all(path, at);
	journal_remove(j);
	free(path);
}

static void
things_to_do(const char *dir, const uint8_t *bytes, size_t len)
{
	static const char zeros[JOURNAL_ENTRY_MAX];
	uint64_t at = 0, in = 0, out = 0;
	struct {
		size_t len;
		uint8_t kind;
	} want[4096];
	struct journal *j;
	struct str got;
	uint8_t kind;

	must(journal_new(dir, BYTES, &j, NULL) == OK);
	for (size_t i = 0; i < len; i++) {
		size_t n = (size_t)bytes[i] * bytes[i] / 8;

		if (bytes[i] == 0) {
			journal_release(j, at);
		} else if (bytes[i] % 2 && in < 4096) {
			if (journal_append(j, bytes[i], str_at(zeros, n)))
				continue;
			want[in].kind = bytes[i];
			want[in++].len = n;
		} else if (journal_next(j, &at, &kind, &got)) {
			must(out < in && got.len == want[out].len &&
			    kind == want[out].kind);
			out++;
		} else {
			must(out == in);
		}
	}
	while (journal_next(j, &at, &kind, &got))
		must(out < in && got.len == want[out++].len);
	must(out == in);
	journal_remove(j);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char dir[64];

	if (len == 0)
		return 0;
	/* In memory, where there is such a place. */
	snprintf(dir, sizeof(dir), "%s/fuzz-journal.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(dir) != NULL);
	if (bytes[0] <= 1)
		foreign_bytes(dir, bytes[0] == 1, bytes + 1, len - 1);
	else
		things_to_do(dir, bytes + 1, len - 1);
	must(rmdir(dir) == 0);
	return 0;
}
