/* SPDX-License-Identifier: MIT */
/* player.h - an upstream on the test's own loop that plays what it is told.
 *
 * Every request is answered by an act, named by a word ("200", "sse-cut");
 * the table of them is player.def.  Speaks Anthropic Messages. */
#ifndef TESTS_SUPPORT_PLAYER_H
#define TESTS_SUPPORT_PLAYER_H

#include <stdint.h>

#include "proto/str.h"

struct loop;
struct player;

/* Which act answers the request for that path; NULL: "hang". */
typedef const char *player_choose(void *arg, struct str path);

struct player *player_new(struct loop *l, player_choose *choose, void *arg);
void player_free(struct player *p);
uint16_t player_port(const struct player *p);
/* Requests that came whole so far. */
unsigned player_heard(const struct player *p);
/* Break all connections that wait for a next request. */
void player_drop_idle(struct player *p);

/* The words, for choosing at random: i counts from 0, NULL ends. */
const char *player_act(unsigned i);

#endif
