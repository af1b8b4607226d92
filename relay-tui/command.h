/* SPDX-License-Identifier: MIT */
/* command.h - one command of relayctl: a match becomes a call, its answer is
 * printed. */
#ifndef RELAY_TUI_COMMAND_H
#define RELAY_TUI_COMMAND_H

#include "proto/ctl_words.h"

#include "relay-tui/output.h"

struct ctl_client;
struct ctl_frame;

/* The exit status, as relayctl(8) tells it. */
enum verdict {
	DONE = 0,
	FAILED = 1,
	MISUSED = 2,
	UNREACHABLE = 3,
	NOT_PERMITTED = 4,
};

struct command {
	const struct ctl_match *match;
	struct output *out;
	const char *socket; /* NULL: the usual ones */
	const char *url;    /* NULL: the daemon's first listener */
	const char *client; /* of `key create --env CLIENT`; or NULL */
};

/* A refusal of ours or of the daemon's, to the standard error (with --json as
 * {"error":{...}}). */
enum verdict
command_fail(const struct output *o, enum verdict v, const struct why *why);

/* The same of an answer that is an error, and of what went wrong here. */
enum verdict
command_fail_answer(const struct output *o, const struct ctl_frame *f);
enum verdict
command_fail_local(const struct output *o, enum err e, const struct why *why);

/* Connect, ask, print. */
enum verdict command_run(const struct command *c);
/* What relayctl alone shows. */
enum verdict command_overview(const struct command *c);
/* From here on moments are told in the daemon's zone. */
void command_take_zone(const struct command *c, struct ctl_client *client);
/* `env CLIENT`: settings with $RELAY_KEY in place of a key. */
enum verdict command_env(const struct command *c, struct str name);

#endif
