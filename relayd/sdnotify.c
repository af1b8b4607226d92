/* SPDX-License-Identifier: MIT */
/* sdnotify.c - one datagram per message to the service manager. */
#include "relayd/sdnotify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 512

/* Half of what systemd grants, as sd_watchdog_enabled(3) advises.  The
 * variable may be meant for another process. */
static int64_t
watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t us, whose;

	if (!usec || str_u64(str_of(usec), &us))
		return 0;
	if (pid &&
	    (str_u64(str_of(pid), &whose) || whose != (uint64_t)getpid()))
		return 0;
	return us / 2000 > INT32_MAX ? INT32_MAX : (int64_t)(us / 2000);
}

enum err
sdnotify_open(struct sdnotify *out, struct why *out_why)
{
	struct str at = str_of(getenv("NOTIFY_SOCKET"));
	struct sdnotify n = { .fd = -1 };

	if (at.len == 0) {
		*out = n;
		return OK;
	}
	if ((at.at[0] != '/' && at.at[0] != '@') || at.len < 2 ||
	    at.len >= sizeof(n.to.sun_path))
		return why_set(out_why, ERR_VALUE, "NOTIFY_SOCKET",
		    "is not the path of a socket");
	n.to.sun_family = AF_UNIX;
	memcpy(n.to.sun_path, at.at, at.len);
	if (at.at[0] == '@')
		n.to.sun_path[0] = '\0';
	/* The name of an abstract socket has no end of its own. */
	n.to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + at.len +
	    (at.at[0] == '@' ? 0 : 1));
	n.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n.fd < 0)
		return why_set(out_why, ERR_IO, "NOTIFY_SOCKET", "socket: %s",
		    strerror(errno));
	n.watchdog_ms = watchdog_ms();
	*out = n;
	return OK;
}

void
sdnotify_close(struct sdnotify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

/* `first` ends with a newline; a status that is NULL or empty is left out. */
static void
say(struct sdnotify *n, const char *first, const char *status)
{
	char message[MESSAGE_MAX];
	size_t len = strlen(first);

	if (n->fd < 0)
		return;
	memcpy(message, first, len);
	if (status && *status) {
		memcpy(message + len, "STATUS=", 7);
		len += 7;
		for (; *status && len < sizeof(message) - 1; status++)
			if ((unsigned char)*status >= ' ' && *status != 0x7f)
				message[len++] = *status;
		message[len++] = '\n';
	}
	/* Lost is lost: the manager will ask again, or not. */
	(void)!sendto(n->fd, message, len, MSG_NOSIGNAL,
	    (struct sockaddr *)&n->to, n->to_len);
}

void
sdnotify_ready(struct sdnotify *n, const char *status)
{
	say(n, "READY=1\n", status);
}

void
sdnotify_status(struct sdnotify *n, const char *status)
{
	say(n, "", status);
}

void
sdnotify_reloading(struct sdnotify *n)
{
	struct timespec now;
	char text[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text),
	    "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\n",
	    (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	say(n, text, NULL);
}

void
sdnotify_stopping(struct sdnotify *n, const char *status)
{
	say(n, "STOPPING=1\n", status);
}

void
sdnotify_alive(struct sdnotify *n)
{
	say(n, "WATCHDOG=1\n", NULL);
}
