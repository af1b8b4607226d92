/* SPDX-License-Identifier: MIT */
/* statedir.c - the state directory: made, checked and locked.
 *
 * The lock is flock(2) on a file of its own: it goes with the process, however
 * that ends.  The file says who has it, and in which boot of the machine; it
 * is emptied at an end in order:
 *
 *	4711
 *	8f0d0d5e-3c60-4b55-a0b7-5a3e8a2bd29a */
#include "store/statedir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/str.h"

#define FIELD "state"

static enum err
err_of_errno(int code)
{
	switch (code) {
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_DENIED;
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
		return ERR_UNKNOWN;
	case ENOSPC:
	case EDQUOT:
		return ERR_FULL;
	default:
		return ERR_IO;
	}
}

static enum err
check_dir(const char *dir, int fd, struct why *out_why)
{
	struct stat st;

	if (fstat(fd, &st))
		return why_set(out_why, ERR_IO, FIELD, "cannot look at %s: %s",
		    dir, strerror(errno));
	if (st.st_uid != geteuid())
		return why_set(out_why, ERR_DENIED, FIELD,
		    "%s belongs to uid %u, not to us (uid %u)", dir,
		    (unsigned)st.st_uid, (unsigned)geteuid());
	if (st.st_mode & 077)
		return why_set(out_why, ERR_DENIED, FIELD,
		    "%s is open to others (mode %03o): chmod 700 %s", dir,
		    (unsigned)st.st_mode & 0777, dir);
	return OK;
}

/* Empty where there is no /proc: then no end looks suspect. */
static struct str
boot_id(char *at, size_t size)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, at, size);
	struct str rest = str_at(at, n > 0 ? (size_t)n : 0);

	if (fd >= 0)
		close(fd);
	return str_cut(&rest, '\n');
}

/* Who wrote the lock file. */
struct holder {
	char text[96];
	struct str pid, boot;
};

static void
holder_read(int fd, struct holder *out)
{
	ssize_t n = pread(fd, out->text, sizeof(out->text), 0);
	struct str rest = str_at(out->text, n > 0 ? (size_t)n : 0);

	out->pid = str_cut(&rest, '\n');
	out->boot = str_cut(&rest, '\n');
}

static enum err
tell_busy(const char *dir, int fd, struct why *out_why)
{
	struct holder holder;
	uint64_t pid;

	holder_read(fd, &holder);
	if (str_u64(holder.pid, &pid))
		return why_set(out_why, ERR_BUSY, FIELD,
		    "another relayd uses %s", dir);
	return why_set(out_why, ERR_BUSY, FIELD,
	    "another relayd (pid %llu) uses %s", (unsigned long long)pid, dir);
}

/* On a full disk nothing is written, which harms nobody. */
static void
holder_write(int fd, struct str boot)
{
	char text[96];
	int len = snprintf(text, sizeof(text), "%ld\n%.*s\n", (long)getpid(),
	    STR_ARG(boot));

	if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)len, 0) < 0)
		(void)!ftruncate(fd, 0);
}

/* Put our name in the place of the last holder's.  A suspect boot stays, so
 * that the next start suspects it too when this one comes to nothing. */
static bool
sign(int fd)
{
	struct holder last;
	char id[64];
	struct str boot = boot_id(id, sizeof(id));
	bool is_suspect;

	holder_read(fd, &last);
	is_suspect =
	    last.boot.len > 0 && boot.len > 0 && !str_eq(last.boot, boot);
	holder_write(fd, is_suspect ? last.boot : boot);
	return is_suspect;
}

static enum err
take_lock(const char *dir, int dir_fd, struct statedir *out,
    struct why *out_why)
{
	int fd = openat(dir_fd, "lock",
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return why_set(out_why, err_of_errno(errno), FIELD,
		    "cannot open %s/lock: %s", dir, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		enum err e = errno == EWOULDBLOCK
		    ? tell_busy(dir, fd, out_why)
		    : why_set(out_why, ERR_IO, FIELD, "cannot lock %s: %s", dir,
			  strerror(errno));

		close(fd);
		return e;
	}
	*out = (struct statedir){ .lock_fd = fd, .is_suspect = sign(fd) };
	return OK;
}

enum err
statedir_lock(const char *dir, struct statedir *out, struct why *out_why)
{
	enum err e;
	int fd;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return why_set(out_why, err_of_errno(errno), FIELD,
		    "cannot make %s: %s", dir, strerror(errno));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return why_set(out_why, err_of_errno(errno), FIELD,
		    "cannot open %s: %s", dir, strerror(errno));
	e = check_dir(dir, fd, out_why);
	if (!e)
		e = take_lock(dir, fd, out, out_why);
	close(fd);
	return e;
}

void
statedir_trust(struct statedir *d)
{
	char id[64];

	holder_write(d->lock_fd, boot_id(id, sizeof(id)));
	d->is_suspect = false;
}

void
statedir_unlock(struct statedir *d)
{
	if (d->lock_fd < 0)
		return;
	if (!d->is_suspect)
		(void)!ftruncate(d->lock_fd, 0);
	close(d->lock_fd);
	d->lock_fd = -1;
}

enum err
statedir_sync(const char *dir, struct why *out_why)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && !fsync(fd);

	if (!ok)
		why_set(out_why, ERR_IO, FIELD, "cannot sync %s: %s", dir,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok ? OK : ERR_IO;
}
