/* SPDX-License-Identifier: MIT */
/* sandbox.h - giving up what is not needed, in this order:
 *
 *	sandbox_begin()	  first of all: no core, not dumpable, many files
 *	(listen on ports that need root)
 *	sandbox_user()	  make the folders, stop being root
 *	sandbox_enter()	  no new privileges, a short list of folders
 *	(open the log and the store, start threads)
 *
 * All of it is for good.  Landlock holds for the calling thread and for those
 * it starts later, so no thread may run yet. */
#ifndef RELAYD_SANDBOX_H
#define RELAYD_SANDBOX_H

#include "proto/err.h"

struct conf;

/* The user we become when started as root. */
#define SANDBOX_USER "relayd"

/* No core dump, no debugger of our own uid, files private to us, and as many
 * descriptors as the hard limit allows. */
void sandbox_begin(void);

/* Make the state folder (0700) and the folder of the control socket when they
 * are missing.  As root: give both to SANDBOX_USER and become it; when there
 * is no such user we stay root, and the log says so. */
enum err sandbox_user(const struct conf *c, struct why *out_why) CHECKED;

/* Unless `sandbox = no`: no new privileges, and of the file system only what c
 * names and what the C library reads.  A kernel without landlock is logged. */
enum err sandbox_enter(const struct conf *c, struct why *out_why) CHECKED;

#endif
