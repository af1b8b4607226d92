/* SPDX-License-Identifier: MIT */
/* delivery.h - one try to tell one notice at one channel. */
#ifndef RELAYD_DELIVERY_H
#define RELAYD_DELIVERY_H

#include "relayd/channel.h"

struct delivery;
struct dialer;
struct fetch_result;

/* The most a try may take. */
#define DELIVERY_TOTAL_MS 20000

enum delivered_how {
	DELIVERED,
	DELIVERY_LATER,	  /* it may work another time */
	DELIVERY_REFUSED, /* it never will */
};

struct delivered {
	enum delivered_how how;
	bool heard;	 /* somebody answered */
	unsigned status; /* of HTTP, or of SMTP; 0: none */
	int64_t wait_ms; /* as the receiver asked for; 0: it did not */
	/* The receiver's words, or what went wrong: harmless, without any of
	 * the channel's secrets. */
	char text[180];
	int64_t name_us, connect_us, tls_us, first_us, total_us;
};

/* Called once, from a task of the loop; c is not touched in between, and may
 * be gone. */
typedef void delivery_done(void *arg, const struct delivered *d);
struct delivery *delivery_start(struct dialer *d, const struct channel *c,
    const struct notice *n, delivery_done *done, void *arg);
/* Forget it. NULL is fine; never after done. */
void delivery_cancel(struct delivery *take_d);

/* What an answer means. */
enum delivered_how
delivery_judge(const struct messenger *m, unsigned status, struct str body);

#endif
