/* SPDX-License-Identifier: MIT */
/* sandbox.c - user, limits, landlock.
 *
 * Whole folders are allowed rather than files: landlock holds on to inodes,
 * and resolv.conf, certificates and relayd.conf are replaced, not rewritten.
 * What an ordinary user may not read in /etc we may not read either. */
#include "relayd/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/mem.h"

#include "relayd/conf.h"
#include "relayd/log.h"

/* Newer than the headers of the oldest system we build on. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif

#define OF_FILES                                                               \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |          \
	    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |       \
	    LANDLOCK_ACCESS_FS_IOCTL_DEV)
#define MAY_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define MAY_WRITE                                                              \
	(MAY_READ | LANDLOCK_ACCESS_FS_WRITE_FILE |                            \
	    LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_REFER |           \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |   \
	    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |        \
	    LANDLOCK_ACCESS_FS_MAKE_SOCK)

/* What libc, its name services and our libraries read; missing ones are
 * skipped. */
static const char *const read_folders[] = {
	"/etc",
	"/usr/share/zoneinfo",
	"/usr/lib",
	"/lib",
	"/lib64",
	"/run/systemd/resolve",
	"/run/systemd/userdb",
	"/run/nscd",
	"/var/lib/sss",
	"/proc/self",
};

static const char *const devices[] = { "/dev/null", "/dev/urandom" };

/* --- limits ------------------------------------------------------------------ */

void
sandbox_begin(void)
{
	struct rlimit none = { .rlim_cur = 0, .rlim_max = 0 };
	struct rlimit files;

	umask(077);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* --- user --------------------------------------------------------------------- */

static char *
folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	if (!slash)
		return xstrdup(".");
	return slash == file ? xstrdup("/")
			     : xmemdup(file, (size_t)(slash - file));
}

/* mkdir -p; the mode is that of the last one. */
static enum err
make_folder(const char *path, mode_t mode, struct why *out_why)
{
	char *part = xstrdup(path);
	struct stat st;

	if (stat(path, &st) == 0) {
		free(part);
		if (S_ISDIR(st.st_mode))
			return OK;
		return why_set(out_why, ERR_VALUE, NULL, "%s: not a folder",
		    path);
	}
	for (char *p = part + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(part, 0755) == 0)
			chmod(part, 0755);
		*p = '/';
	}
	free(part);
	if ((mkdir(path, mode) && errno != EEXIST) || chmod(path, mode))
		return why_set(out_why, ERR_IO, NULL, "%s: %s", path,
		    strerror(errno));
	return OK;
}

static enum err
give(const char *path, const struct passwd *to, struct why *out_why)
{
	if (chown(path, to->pw_uid, to->pw_gid))
		return why_set(out_why, ERR_IO, NULL, "%s: %s", path,
		    strerror(errno));
	return OK;
}

/* Make the log file while we may, and never follow a link that its later
 * owner could have left there. */
static enum err
give_log(const char *file, const struct passwd *to, struct why *out_why)
{
	enum err e = OK;
	int fd = open(file,
	    O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY |
		O_NONBLOCK,
	    0640);

	if (fd < 0 || fchown(fd, to->pw_uid, to->pw_gid))
		e = why_set(out_why, ERR_IO, "log_file", "%s: %s", file,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	return e;
}

static enum err
become(const struct passwd *user, struct why *out_why)
{
	if (initgroups(user->pw_name, user->pw_gid) || setgid(user->pw_gid) ||
	    setuid(user->pw_uid))
		return why_set(out_why, ERR_DENIED, "user",
		    "cannot become %s: %s", SANDBOX_USER, strerror(errno));
	/* Never trust it: a root that can come back is still root. */
	if (setuid(0) == 0 || geteuid() != user->pw_uid)
		return why_set(out_why, ERR_DENIED, "user",
		    "still root after becoming %s", SANDBOX_USER);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return OK;
}

enum err
sandbox_user(const struct conf *c, struct why *out_why)
{
	char *run = folder_of(c->control);
	const struct passwd *user;
	enum err e;

	e = make_folder(c->state_dir, 0700, out_why);
	if (e == OK)
		e = make_folder(run, 0755, out_why);
	if (e || geteuid() != 0)
		goto out_free;
	user = getpwnam(SANDBOX_USER);
	if (!user) {
		log_note(LOG_WARN, "sandbox",
		    "runs as root: there is no user %s", SANDBOX_USER);
		goto out_free;
	}
	e = give(c->state_dir, user, out_why);
	if (e == OK)
		e = give(run, user, out_why);
	if (e == OK && *c->log_file)
		e = give_log(c->log_file, user, out_why);
	if (e == OK)
		e = become(user, out_why);
out_free:
	free(run);
	return e;
}

/* --- landlock ------------------------------------------------------------------ */

/* All that the kernel can forbid: what a ruleset does not handle is allowed. */
static uint64_t
handled(int abi)
{
	uint64_t all = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1;

	if (abi >= 2)
		all |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		all |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= 5)
		all |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return all;
}

static enum err
allow(int ruleset, const char *path, uint64_t access, bool may_miss,
    struct why *out_why)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access };
	struct stat st;
	int r;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0) {
		if (may_miss)
			return OK;
		return why_set(out_why, ERR_IO, "sandbox", "%s: %s", path,
		    strerror(errno));
	}
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= OF_FILES;
	r = (int)syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	if (r)
		return why_set(out_why, ERR_IO, "sandbox", "landlock, %s: %s",
		    path, strerror(errno));
	return OK;
}

static enum err
allow_folder_of(int ruleset, const char *file, uint64_t access, bool may_miss,
    struct why *out_why)
{
	enum err e = OK;

	if (*file) {
		char *folder = folder_of(file);

		e = allow(ruleset, folder, access, may_miss, out_why);
		free(folder);
	}
	return e;
}

/* /etc/resolv.conf is often a link to somewhere below /run. */
static enum err
allow_resolv_conf(int ruleset, uint64_t access, struct why *out_why)
{
	char *real = realpath("/etc/resolv.conf", NULL);
	enum err e = OK;

	if (real)
		e = allow_folder_of(ruleset, real, access, true, out_why);
	free(real);
	return e;
}

static enum err
allow_all(int ruleset, uint64_t all, const struct conf *c, struct why *out_why)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	uint64_t ro = MAY_READ & all, rw = MAY_WRITE & all;
	enum err e;

	e = allow(ruleset, c->state_dir, rw, false, out_why);
	if (e == OK)
		e = allow_folder_of(ruleset, c->control, rw, false, out_why);
	if (e == OK)
		e = allow_folder_of(ruleset, c->log_file, rw, false, out_why);
	if (e == OK)
		e = allow_folder_of(ruleset, c->file, ro, true, out_why);
	if (e == OK)
		e = allow_folder_of(ruleset, c->ca_file, ro, true, out_why);
	if (e == OK)
		e = allow_folder_of(ruleset, c->master_key, ro, true, out_why);
	if (e == OK && credentials)
		e = allow(ruleset, credentials, ro, true, out_why);
	if (e == OK)
		e = allow_resolv_conf(ruleset, ro, out_why);
	for (size_t i = 0;
	     e == OK && i < sizeof(read_folders) / sizeof(*read_folders); i++)
		e = allow(ruleset, read_folders[i], ro, true, out_why);
	for (size_t i = 0; e == OK && i < sizeof(devices) / sizeof(*devices);
	     i++)
		e = allow(ruleset, devices[i], rw, true, out_why);
	return e;
}

static enum err
landlock(const struct conf *c, struct why *out_why)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = 0 };
	int abi, ruleset;
	enum err e;

	abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		log_note(LOG_WARN, "sandbox",
		    "the kernel has no landlock; the file system stays open");
		return OK;
	}
	attr.handled_access_fs = handled(abi);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr,
	    sizeof(attr.handled_access_fs), 0);
	if (ruleset < 0)
		return why_set(out_why, ERR_IO, "sandbox", "landlock: %s",
		    strerror(errno));
	e = allow_all(ruleset, attr.handled_access_fs, c, out_why);
	if (e == OK && syscall(SYS_landlock_restrict_self, ruleset, 0))
		e = why_set(out_why, ERR_IO, "sandbox", "landlock: %s",
		    strerror(errno));
	close(ruleset);
	if (e == OK)
		log_note(LOG_INFO, "sandbox", "landlock, ABI %d", abi);
	return e;
}

/* How many threads this process has; 1 when /proc does not tell. */
static unsigned
threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned n = 0;

	if (!tasks)
		return 1;
	while (true) {
		const struct dirent *entry = readdir(tasks);

		if (!entry)
			break;
		n += entry->d_name[0] != '.';
	}
	closedir(tasks);
	return n;
}

enum err
sandbox_enter(const struct conf *c, struct why *out_why)
{
	if (!c->sandbox) {
		log_note(LOG_WARN, "sandbox", "off by configuration");
		return OK;
	}
	if (threads() > 1)
		return why_set(out_why, ERR_BUSY, "sandbox",
		    "a thread that runs already would stay outside");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return why_set(out_why, ERR_IO, "sandbox", "no_new_privs: %s",
		    strerror(errno));
	return landlock(c, out_why);
}
