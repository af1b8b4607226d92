/* SPDX-License-Identifier: MIT */
/* controlbox.h - a small house for tests of the control socket: loop, store in
 * memory, pool, keys, socket; and clients that ask there.  What a client hears
 * is looked through for the credential of the accounts, which nobody says. */
#ifndef TESTS_SUPPORT_CONTROLBOX_H
#define TESTS_SUPPORT_CONTROLBOX_H

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/group.h"
#include "relayd/trace.h"
#include "relayd/voucher.h"
#include "relayd/why.h"
#include "tests/support/storebox.h"

/* Turns of at most 10 ms; a test that needs more has failed. */
#define PATIENCE 2000

#define SECRET "sk-ant-api03-not-to-be-seen-0001"

struct house {
	struct daemon d;
	struct pool pool;
	struct groups groups;
	struct keyring keys;
	struct budgets budgets;
	struct vouchers vouchers;
	struct traces traces;
	struct whys whys;
	struct storebox box;
	struct event *collect;
	char socket[100];
};

/* A cmocka fixture: *state is the house. */
int house_setup(void **state);
int house_teardown(void **state);
/* A configuration with this house's socket and more lines. */
const struct conf *house_conf(const struct house *h, const char *more);

struct client {
	struct house *h;
	int fd;
	struct buf in;
	bool over; /* the daemon has closed */
};

/* By the socket: we are the daemon's own user, and so admin. */
void client_connect(struct client *c, struct house *h);
/* As somebody with a role; the plain one is uid 4711. */
void client_adopt(struct client *c, struct house *h, enum ctl_role role);
void client_adopt_as(struct client *c, struct house *h, enum ctl_role role,
    uid_t uid);
void client_fini(struct client *c);

/* Send all of it, the daemon running meanwhile. */
void say(struct client *c, struct str s);
/* What has come, without waiting. */
void take_bytes(struct client *c);
/* The next frame, into *out; false when the daemon has closed. */
bool hear(struct client *c, struct ctl_frame *out);
/* Ask and hear; the answer is the caller's. */
struct ctl_frame ask(struct client *c, const char *method, const char *params);
/* The test fails unless it is answered, or refused with this. */
void asked_well(struct client *c, const char *method, const char *params);
void asked_badly(struct client *c, const char *method, const char *params,
    enum err e);
/* A member that must be there. */
struct str text_at(const struct json *o, const char *key);

#endif
