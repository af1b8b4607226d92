/* SPDX-License-Identifier: MIT */
/* test_sandbox.c - what is no longer possible inside.
 *
 * Each life is a child that tells by its exit status which step went wrong;
 * its own assertions would be lost. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "relayd/conf.h"
#include "relayd/log.h"
#include "relayd/sandbox.h"

static char dir[] = "/tmp/test_sandbox.XXXXXX";
static char outside[64];
static const struct conf *conf, *conf_open;

static const struct conf *
parsed(const char *more)
{
	char text[512], file[64], state_dir[64], control[64];
	struct places places = {
		.file = file, .state_dir = state_dir, .control = control
	};
	const struct conf *c = NULL;

	snprintf(file, sizeof(file), "%s/etc/relayd.conf", dir);
	snprintf(state_dir, sizeof(state_dir), "%s/var/lib/state", dir);
	snprintf(control, sizeof(control), "%s/run/control.sock", dir);
	snprintf(text, sizeof(text), "log_level = info\n%s", more);
	assert_int_equal(conf_parse(str_of(text), "f", &places, &c, NULL), OK);
	return c;
}

static int
set_up(void **state)
{
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(outside, sizeof(outside), "%s/outside", dir);
	fd = open(outside, O_CREAT | O_WRONLY, 0666);
	close(fd);
	conf = parsed("");
	conf_open = parsed("sandbox = no\n");
	return 0;
}

static int
tear_down(void **state)
{
	char path[128];

	(void)state;
	unlink(outside);
	for (const char *const *p = (const char *const[]){ "var/lib/state/x",
		 "var/lib/state", "var/lib", "var", "run/x", "run", NULL };
	     *p; p++) {
		snprintf(path, sizeof(path), "%s/%s", dir, *p);
		remove(path);
	}
	conf_unref(conf);
	conf_unref(conf_open);
	return rmdir(dir);
}

/* Run `life` in a child; returns its exit status. */
static int
lived(int (*life)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(life());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
note_landlock(void *arg, enum log_level level, struct str line)
{
	(void)level;
	if (str_find(line, STR("landlock, ABI")) >= 0)
		*(bool *)arg = true;
}

static bool
can(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool
can_below(const char *name, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return can(path, flags);
}

static int
life_inside(void)
{
	bool has_landlock = false;
	struct rlimit core;
	struct stat st;
	char path[128];

	log_capture(note_landlock, &has_landlock);
	sandbox_begin();
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 1;
	if (getrlimit(RLIMIT_CORE, &core) || core.rlim_max != 0)
		return 2;
	if (sandbox_user(conf, NULL) || sandbox_enter(conf, NULL))
		return 3;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 4;
	snprintf(path, sizeof(path), "%s/var/lib/state", dir);
	if (stat(path, &st) || (st.st_mode & 0777) != 0700)
		return 5;
	if (!can_below("var/lib/state/x", O_CREAT | O_RDWR) ||
	    !can_below("run/x", O_CREAT | O_RDWR))
		return 6;
	if (!can("/etc/passwd", O_RDONLY) || !can("/dev/null", O_RDWR))
		return 7;
	if (!has_landlock)
		return 77;
	if (can(outside, O_RDONLY) || errno != EACCES)
		return 8;
	if (can_below("new", O_CREAT | O_WRONLY) || can("/tmp", O_RDONLY))
		return 9;
	if (can("/etc/relayd-test", O_CREAT | O_WRONLY))
		return 10;
	execl("/bin/true", "true", (char *)NULL);
	return errno == EACCES ? 0 : 11;
}

static void
inside_only_our_folders_are_left(void **state)
{
	int status = lived(life_inside);

	(void)state;
	if (status == 77)
		print_message("this kernel has no landlock\n");
	else
		assert_int_equal(status, 0);
}

static int
life_outside(void)
{
	bool has_landlock = false;

	log_capture(note_landlock, &has_landlock);
	if (sandbox_enter(conf_open, NULL) || has_landlock)
		return 1;
	return can(outside, O_RDONLY) ? 0 : 2;
}

static void
it_can_be_turned_off(void **state)
{
	(void)state;
	assert_int_equal(lived(life_outside), 0);
}

static void *
wait_for_end(void *arg)
{
	char byte;

	return read(*(int *)arg, &byte, 1) < 0 ? arg : NULL;
}

static int
life_with_a_thread(void)
{
	pthread_t thread;
	struct why why;
	int two[2];

	if (pipe(two) || pthread_create(&thread, NULL, wait_for_end, two))
		return 1;
	return sandbox_enter(conf, &why) == ERR_BUSY ? 0 : 2;
}

static void
a_thread_must_not_stay_outside(void **state)
{
	(void)state;
	assert_int_equal(lived(life_with_a_thread), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inside_only_our_folders_are_left),
		cmocka_unit_test(it_can_be_turned_off),
		cmocka_unit_test(a_thread_must_not_stay_outside),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
