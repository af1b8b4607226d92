/* SPDX-License-Identifier: MIT */
/* place.c - the places of the system's relayd and of a user's own. */
#include "relayd/place.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/mem.h"

/* An absolute path from the environment; of a list (systemd) the first. */
static char *
from_env(const char *name)
{
	const char *value = getenv(name);

	if (!value || value[0] != '/')
		return NULL;
	return xmemdup(value, strcspn(value, ":"));
}

/* What the XDG rules give for a user; NULL without a home. */
static char *
of_user(const char *variable, const char *below_home)
{
	char *base = from_env(variable);
	const char *home = getenv("HOME");
	char *path = NULL;

	if (base)
		path = xasprintf("%s/relayd", base);
	else if (home && home[0] == '/')
		path = xasprintf("%s/%s/relayd", home, below_home);
	free(base);
	return path;
}

static bool
is_system(void)
{
	return geteuid() == 0 || getenv("CONFIGURATION_DIRECTORY") ||
	    getenv("STATE_DIRECTORY") || getenv("RUNTIME_DIRECTORY");
}

static char *
folder(const char *systemd, const char *system, const char *xdg,
    const char *below_home)
{
	char *path = from_env(systemd);

	if (path)
		return path;
	return is_system() ? xstrdup(system) : of_user(xdg, below_home);
}

static char *
join(char *take_dir, const char *name)
{
	char *path = xasprintf("%s/%s", take_dir, name);

	free(take_dir);
	return path;
}

enum err
places_find(struct places *out, struct why *out_why)
{
	char *conf = folder("CONFIGURATION_DIRECTORY", "/etc/relayd",
	    "XDG_CONFIG_HOME", ".config");
	char *state = folder("STATE_DIRECTORY", "/var/lib/relayd",
	    "XDG_STATE_HOME", ".local/state");
	/* Without a runtime folder the socket lives beside the state. */
	char *run = folder("RUNTIME_DIRECTORY", "/run/relayd",
	    "XDG_RUNTIME_DIR", ".local/state");

	if (!conf || !state || !run) {
		free(conf);
		free(state);
		free(run);
		return why_set(out_why, ERR_UNKNOWN, "HOME",
		    "no home directory is known: set HOME");
	}
	out->file = join(conf, "relayd.conf");
	out->state_dir = state;
	out->control = join(run, "control.sock");
	return OK;
}

void
places_copy(const struct places *from, struct places *out)
{
	out->file = xstrdup(from->file);
	out->state_dir = xstrdup(from->state_dir);
	out->control = xstrdup(from->control);
}

void
places_fini(struct places *p)
{
	free(p->file);
	free(p->state_dir);
	free(p->control);
	*p = (struct places){ .file = NULL };
}
