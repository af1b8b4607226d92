/* SPDX-License-Identifier: MIT */
/* peer.h - who is at the other end of a Unix socket, and what they may do.
 *
 * The kernel says uid and groups (SO_PEERCRED, SO_PEERGROUPS); names of groups
 * were turned into numbers before, so nothing here waits for a directory. */
#ifndef RELAYD_PEER_H
#define RELAYD_PEER_H

#include <sys/types.h>

#include "proto/ctl.h"

struct conf;

#define PEER_GROUPS_MAX 16 /* of one role */

/* The groups that give a role. */
struct peer_groups {
	unsigned count[CTL_ADMIN + 1];
	gid_t gid[CTL_ADMIN + 1][PEER_GROUPS_MAX];
};

struct peer {
	uid_t uid;
	pid_t pid;
	enum ctl_role role;
};

/* The groups of admin_groups, ops_groups and view_groups; ERR_UNKNOWN names
 * one that does not exist.  May ask NSS: only at start and reload. */
enum err peer_groups_find(const struct conf *conf, struct peer_groups *out,
    struct why *out_why) CHECKED;
/* One group; `field` is the option it stands in. */
enum err peer_group_id(const char *field, const char *name, gid_t *out,
    struct why *out_why) CHECKED;

/* root and `own` are admin, members of a group have its role, all others are
 * self. */
enum ctl_role peer_role(const struct peer_groups *groups, uid_t own, uid_t uid,
    const gid_t *gids, size_t count);

enum err peer_read(int fd, const struct peer_groups *groups, struct peer *out,
    struct why *out_why) CHECKED;

/* What stands as owner in their keys: "uid:1000". */
#define PEER_OWNER 32
struct str peer_owner(const struct peer *peer, char out[PEER_OWNER]);
/* Is it theirs? */
bool peer_owns(const struct peer *peer, struct str owner);

#endif
