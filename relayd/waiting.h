/* SPDX-License-Identifier: MIT */
/* waiting.h - what else is known of those who wait for a place: for people.
 * The moves stand in relay.h. */
#ifndef RELAYD_WAITING_H
#define RELAYD_WAITING_H

#include "relayd/queue.h"

struct account;
struct relay;

/* Of a key that had to wait once: its own places, and its turns in the line
 * for accounts. */
struct key_line {
	struct queue own;
	struct queue_flow own_flow, account_flow;
};

struct waiting_row {
	/* NULL: for a place of its key, or at any account */
	const struct account *account;
	bool is_for_key;
	bool is_for_turn;    /* at a serial account */
	unsigned position;   /* 1: it is the next one */
	int64_t since_us;    /* monotonic */
	int64_t expected_ms; /* from now; as requests have lasted lately */
	int64_t until_ms;    /* then it is refused; monotonic */
};

/* False: it does not wait. */
bool waiting_row(struct relay *r, struct waiting_row *out);

#endif
