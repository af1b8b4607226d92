/* SPDX-License-Identifier: MIT */
/* relaybox.h - a daemon in the test's own process: loop, store in memory,
 * ledger, two accounts at a scripted upstream, one key, and its clients.
 *
 *	boxclient --socketpair--> conn, relay --TCP--> player
 *
 * Time passes only in relaybox_turn(). */
#ifndef TESTS_SUPPORT_RELAYBOX_H
#define TESTS_SUPPORT_RELAYBOX_H

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/client.h"
#include "relayd/daemon.h"
#include "relayd/relay.h"
#include "relayd/trace.h"
#include "relayd/voucher.h"
#include "tests/support/player.h"
#include "tests/support/storebox.h"

/* Turns of at most 10 ms; a test that needs more has failed. */
#define RELAYBOX_PATIENCE 2000

struct boxreceipt {
	struct ulid id;
	unsigned status, outcome, flags;
	int64_t input, output;
	char fault[32];
	char tries[256]; /* "a:error_status/429 b:ok/200" */
	unsigned tries_count;
};

struct relaybox {
	struct daemon d;
	struct pool pool;
	struct keyring keys;
	struct clients clients;
	struct budgets budgets;
	struct vouchers vouchers;
	struct traces traces;
	struct storebox box;
	struct event *collect;
	struct player *player;
	const char *script[2]; /* acts of account a and b, by blanks */
	char act[32];
	/* Instead of the script, when set. */
	player_choose *choose;
	void *choose_arg;
	struct account *a, *b; /* b is used when a cannot be */
	char key[APIKEY_VALUE_LEN + 1];
	struct boxreceipt *receipts;
	size_t receipts_count, receipts_max;
	uint64_t receipts_ever;
};

struct relaybox *relaybox_new(const char *conf);
void relaybox_free(struct relaybox *b);
void relaybox_turn(struct relaybox *b);
/* Gates open, strikes and budgets forgotten, default settings, no receipts. */
void relaybox_reset(struct relaybox *b);
/* The timers of requests in that state are due now. */
void relaybox_hurry(struct relaybox *b, enum relay_state s);
/* Stop, and go on, taking what the store has done. */
void relaybox_hold_store(struct relaybox *b, bool held);
/* NULL: there is none. */
const struct boxreceipt *
relaybox_receipt(const struct relaybox *b, const struct ulid *id);
/* Wait until the ledger has as many receipts as there ever were, no more, and
 * its sums agree with them. */
void relaybox_wait_stored(struct relaybox *b);

/* --- clients --------------------------------------------------------------- */

struct boxclient {
	struct relaybox *b;
	int fd;	       /* -1: it has left */
	bool has_head; /* of the answer */
	bool whole;    /* and all of its body */
	bool closed;   /* by relayd */
	unsigned status;
	struct ulid id; /* of the request, as the head told */
	struct http1_body framing;
	struct buf in, body;
};

void boxclient_init(struct boxclient *c, struct relaybox *b);
/* Leave, if still there. */
void boxclient_fini(struct boxclient *c);
void boxclient_say(struct boxclient *c, struct str s);
/* POST /v1/messages with the key. */
void boxclient_ask(struct boxclient *c, bool stream);
/* Take what has come. */
void boxclient_look(struct boxclient *c);
/* Turn until the answer is whole or broken off. */
void boxclient_wait(struct boxclient *c);
void boxclient_leave(struct boxclient *c);

#endif
