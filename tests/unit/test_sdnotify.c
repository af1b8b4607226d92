/* SPDX-License-Identifier: MIT */
/* test_sdnotify.c - what the service manager hears. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "relayd/sdnotify.h"

/* Bind the manager's socket; `name` as in $NOTIFY_SOCKET. */
static int
manager(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(at.sun_path, name, len);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
			     (socklen_t)(offsetof(struct sockaddr_un,
					     sun_path) +
				 len)),
	    0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void
heard(int fd, const char *want)
{
	char got[600];
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	assert_true(n >= 0);
	got[n] = '\0';
	assert_string_equal(got, want);
}

static void
every_message_is_heard(const char *name)
{
	struct timespec before, after;
	struct str rest;
	uint64_t us;
	struct sdnotify n;
	char got[600];
	ssize_t len;
	int fd = manager(name);

	assert_int_equal(sdnotify_open(&n, NULL), OK);
	sdnotify_ready(&n, "serving");
	heard(fd, "READY=1\nSTATUS=serving\n");
	sdnotify_ready(&n, NULL);
	heard(fd, "READY=1\n");
	sdnotify_status(&n, "12 requests\n\033[1mREADY=1");
	heard(fd, "STATUS=12 requests[1mREADY=1\n");
	sdnotify_stopping(&n, "draining");
	heard(fd, "STOPPING=1\nSTATUS=draining\n");
	sdnotify_alive(&n);
	heard(fd, "WATCHDOG=1\n");

	clock_gettime(CLOCK_MONOTONIC, &before);
	sdnotify_reloading(&n);
	clock_gettime(CLOCK_MONOTONIC, &after);
	len = recv(fd, got, sizeof(got) - 1, 0);
	assert_true(len > 0);
	got[len] = '\0';
	rest = str_of(got);
	assert_true(str_eq(str_cut(&rest, '='), STR("RELOADING")));
	assert_true(str_starts(rest, STR("1\nMONOTONIC_USEC=")));
	rest = str_skip(rest, sizeof("1\nMONOTONIC_USEC=") - 1);
	assert_int_equal(str_u64(str_cut(&rest, '\n'), &us), OK);
	assert_int_equal(rest.len, 0);
	assert_true(us / 1000000 >= (uint64_t)before.tv_sec);
	assert_true(us / 1000000 <= (uint64_t)after.tv_sec);
	sdnotify_close(&n);
	close(fd);
	unsetenv("NOTIFY_SOCKET");
}

static void
an_abstract_socket_hears(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "@test_sdnotify.%d", (int)getpid());
	every_message_is_heard(name);
}

static void
a_socket_in_a_folder_hears(void **state)
{
	char dir[] = "/tmp/test_sdnotify.XXXXXX", name[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(name, sizeof(name), "%s/notify", dir);
	every_message_is_heard(name);
	unlink(name);
	rmdir(dir);
}

static void
a_long_status_is_cut_and_a_deaf_manager_harms_nobody(void **state)
{
	char name[64], status[2000], want[600];
	struct sdnotify n;
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@test_sdnotify.%d", (int)getpid());
	fd = manager(name);
	assert_int_equal(sdnotify_open(&n, NULL), OK);
	memset(status, 'x', sizeof(status) - 1);
	status[sizeof(status) - 1] = '\0';
	sdnotify_status(&n, status);
	snprintf(want, sizeof(want), "STATUS=%.504s\n", status);
	heard(fd, want);
	/* Nobody reads: the queue fills, the sender does not wait. */
	for (int i = 0; i < 10000; i++)
		sdnotify_alive(&n);
	close(fd);
	sdnotify_alive(&n);
	sdnotify_close(&n);
	unsetenv("NOTIFY_SOCKET");
}

static void
without_a_manager_nothing_happens(void **state)
{
	struct sdnotify n;

	(void)state;
	assert_int_equal(sdnotify_open(&n, NULL), OK);
	assert_int_equal(n.fd, -1);
	assert_int_equal(n.watchdog_ms, 0);
	sdnotify_ready(&n, "x");
	sdnotify_close(&n);
}

static void
a_broken_address_is_told(void **state)
{
	static const char long_path[] =
	    "/a/path/that/is/longer/than/the/hundred/and/eight/bytes/that/"
	    "the/address/of/a/unix/socket/has/room/for/in/linux";
	static const char *const cases[] = { "relative/path", "@", "vsock:1:2",
		long_path };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sdnotify n;
		struct why why;

		setenv("NOTIFY_SOCKET", cases[i], 1);
		assert_int_equal(sdnotify_open(&n, &why), ERR_VALUE);
		assert_string_equal(why.field, "NOTIFY_SOCKET");
	}
	unsetenv("NOTIFY_SOCKET");
}

static void
the_watchdog_is_fed_at_half_its_time(void **state)
{
	char name[64], pid[32];
	struct sdnotify n;
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@test_sdnotify.%d", (int)getpid());
	fd = manager(name);
	setenv("WATCHDOG_USEC", "10000000", 1);
	assert_int_equal(sdnotify_open(&n, NULL), OK);
	assert_int_equal(n.watchdog_ms, 5000);
	sdnotify_close(&n);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(sdnotify_open(&n, NULL), OK);
	assert_int_equal(n.watchdog_ms, 0);
	sdnotify_close(&n);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(sdnotify_open(&n, NULL), OK);
	assert_int_equal(n.watchdog_ms, 5000);
	sdnotify_close(&n);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	unsetenv("NOTIFY_SOCKET");
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_abstract_socket_hears),
		cmocka_unit_test(a_socket_in_a_folder_hears),
		cmocka_unit_test(
		    a_long_status_is_cut_and_a_deaf_manager_harms_nobody),
		cmocka_unit_test(without_a_manager_nothing_happens),
		cmocka_unit_test(a_broken_address_is_told),
		cmocka_unit_test(the_watchdog_is_fed_at_half_its_time),
	};

	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
