/* SPDX-License-Identifier: MIT */
/* statedir.c - the state directory: made, checked and locked.
 *
 * The lock is flock(2) on a file of its own: it goes with the process, however
 * that ends, and the pid in it is only there to be shown. */
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

static enum err
tell_busy(const char *dir, int fd, struct why *out_why)
{
	char text[24];
	uint64_t pid;
	ssize_t n = pread(fd, text, sizeof(text), 0);
	struct str s = str_at(text, n > 0 ? (size_t)n : 0);

	if (str_u64(str_cut(&s, '\n'), &pid))
		return why_set(out_why, ERR_BUSY, FIELD,
		    "another relayd uses %s", dir);
	return why_set(out_why, ERR_BUSY, FIELD,
	    "another relayd (pid %llu) uses %s", (unsigned long long)pid, dir);
}

static enum err
take_lock(const char *dir, int dir_fd, int *out_fd, struct why *out_why)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
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
	/* On a full disk the pid is not written, which harms nobody. */
	if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)len, 0) < 0)
		(void)!ftruncate(fd, 0);
	*out_fd = fd;
	return OK;
}

enum err
statedir_lock(const char *dir, int *out_fd, struct why *out_why)
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
		e = take_lock(dir, fd, out_fd, out_why);
	close(fd);
	return e;
}
