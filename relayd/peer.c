/* SPDX-License-Identifier: MIT */
/* peer.c - who is at the other end of a Unix socket, and what they may do. */
#include "relayd/peer.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/mem.h"

#include "relayd/conf.h"

enum err
peer_group_id(const char *field, const char *name, gid_t *out,
    struct why *out_why)
{
	/* Members are listed too, and some groups have thousands. */
	size_t room = 4096;
	char *text = xmalloc(room);
	struct group g, *found = NULL;
	int failed;

	while ((failed = getgrnam_r(name, &g, text, room, &found)) == ERANGE) {
		room *= 2;
		text = xrealloc(text, room);
	}
	free(text);
	if (failed)
		return why_set(out_why, ERR_IO, field,
		    "group %s cannot be looked up: %s", name, strerror(failed));
	if (!found)
		return why_set(out_why, ERR_UNKNOWN, field,
		    "there is no group %s; make it with `groupadd -r %s`", name,
		    name);
	*out = g.gr_gid;
	return OK;
}

static enum err
find_role(const char *field, const struct conf_list *names, enum ctl_role role,
    struct peer_groups *io, struct why *out_why)
{
	if (names->n > PEER_GROUPS_MAX)
		return why_set(out_why, ERR_LIMIT, field,
		    "at most %d groups have a role", PEER_GROUPS_MAX);
	for (size_t i = 0; i < names->n; i++) {
		enum err e = peer_group_id(field, names->at[i],
		    &io->gid[role][i], out_why);

		if (e)
			return e;
	}
	io->count[role] = (unsigned)names->n;
	return OK;
}

enum err
peer_groups_find(const struct conf *conf, struct peer_groups *out,
    struct why *out_why)
{
	struct peer_groups groups = { .count = { 0 } };
	enum err e = find_role("admin_groups", &conf->admin_groups, CTL_ADMIN,
	    &groups, out_why);

	if (!e)
		e = find_role("ops_groups", &conf->ops_groups, CTL_OPS, &groups,
		    out_why);
	if (!e)
		e = find_role("view_groups", &conf->view_groups, CTL_VIEW,
		    &groups, out_why);
	if (!e)
		*out = groups;
	return e;
}

static bool
has_gid(const struct peer_groups *groups, int role, gid_t gid)
{
	for (unsigned i = 0; i < groups->count[role]; i++)
		if (groups->gid[role][i] == gid)
			return true;
	return false;
}

enum ctl_role
peer_role(const struct peer_groups *groups, uid_t own, uid_t uid,
    const gid_t *gids, size_t count)
{
	if (uid == 0 || uid == own)
		return CTL_ADMIN;
	for (int role = CTL_ADMIN; role > CTL_SELF; role--)
		for (size_t i = 0; i < count; i++)
			if (has_gid(groups, role, gids[i]))
				return (enum ctl_role)role;
	return CTL_SELF;
}

/* The supplementary groups, and behind them the primary one. */
static enum err
read_groups(int fd, gid_t primary, gid_t **out, size_t *out_count)
{
	socklen_t size = 64 * sizeof(gid_t);
	gid_t *gids = xmalloc(size + sizeof(gid_t));

	while (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &size)) {
		if (errno != ERANGE) {
			free(gids);
			return ERR_IO;
		}
		/* The kernel has said in `size` how much it takes. */
		gids = xrealloc(gids, size + sizeof(gid_t));
	}
	*out_count = size / sizeof(gid_t);
	gids[(*out_count)++] = primary;
	*out = gids;
	return OK;
}

enum err
peer_read(int fd, const struct peer_groups *groups, struct peer *out,
    struct why *out_why)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);
	gid_t *gids;
	size_t count;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) ||
	    read_groups(fd, cred.gid, &gids, &count))
		return why_set(out_why, ERR_IO, "",
		    "the kernel does not say who is at the other end");
	*out = (struct peer){ .uid = cred.uid,
		.pid = cred.pid,
		.role = peer_role(groups, geteuid(), cred.uid, gids, count) };
	free(gids);
	return OK;
}

struct str
peer_owner(const struct peer *peer, char out[PEER_OWNER])
{
	int len = snprintf(out, PEER_OWNER, "uid:%ld", (long)peer->uid);

	return str_at(out, (size_t)len);
}

bool
peer_owns(const struct peer *peer, struct str owner)
{
	char own[PEER_OWNER];

	return str_eq(owner, peer_owner(peer, own));
}
