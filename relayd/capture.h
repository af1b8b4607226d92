/* SPDX-License-Identifier: MIT */
/* capture.h - the details of one traced request, noted as they pass.
 *
 * The moves of a relay call these only where r->capture is set: a request that
 * is not traced pays for one look at the number of active traces.  Everything is
 * copied, nothing waits. */
#ifndef RELAYD_CAPTURE_H
#define RELAYD_CAPTURE_H

#include "proto/str.h"

struct apikey;
struct relay;

/* The head was read, and passed or refused: is it one of a traced key? */
void capture_look(struct relay *r, const struct apikey *k);
/* The request's body is there as far as it will be. */
void capture_asked(struct relay *r);
/* A try begins: r->up_head and r->up_body go to r->account, which may be traced
 * itself. */
void capture_sent(struct relay *r);
/* The account's answer: its head, and a piece of its body. */
void capture_heard_head(struct relay *r);
void capture_heard(struct relay *r, struct str piece);
/* What the client is told: from a head on, and a piece of the body. */
void capture_told_head(struct relay *r, struct str written);
void capture_told(struct relay *r, struct str piece);
/* The request has ended. */
void capture_end(struct relay *r);

#endif
