/* SPDX-License-Identifier: MIT */
/* signin.h - sign-ins under way: a person has been given an address (or a code
 * to type), and brings back what the provider shows them.
 *
 * There are few of them, each for ten minutes and for the one who began it;
 * they live in memory alone and end with the daemon.  Nothing is stored before
 * the tokens are there. */
#ifndef RELAYD_SIGNIN_H
#define RELAYD_SIGNIN_H

#define SIGNINS_MAX	64
#define SIGNIN_LIFE_MS	(10 * 60 * 1000)
#define SIGNIN_TOTAL_MS 30000 /* for each call of the provider */

struct daemon;
struct signins;

void signins_new(struct daemon *d, struct signins **out);
/* Calls that wait have been abandoned by then (control_free). */
void signins_free(struct signins *all);

#endif
