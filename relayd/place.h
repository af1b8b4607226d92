/* SPDX-License-Identifier: MIT */
/* place.h - where things are when nobody says otherwise.
 *
 *	          system (root, systemd)      a user
 *	file      /etc/relayd/relayd.conf     $XDG_CONFIG_HOME/relayd/relayd.conf
 *	state     /var/lib/relayd             $XDG_STATE_HOME/relayd
 *	control   /run/relayd/control.sock    $XDG_RUNTIME_DIR/relayd/control.sock
 *
 * $CONFIGURATION_DIRECTORY, $STATE_DIRECTORY and $RUNTIME_DIRECTORY, as systemd
 * sets them, come before either. */
#ifndef RELAYD_PLACE_H
#define RELAYD_PLACE_H

#include "proto/err.h"

struct places {
	char *file, *state_dir, *control;
};

/* Fails for a user without a home only. */
enum err places_find(struct places *out, struct why *out_why) CHECKED;
void places_copy(const struct places *from, struct places *out);
void places_fini(struct places *p);

#endif
