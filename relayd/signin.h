/* SPDX-License-Identifier: MIT */
/* signin.h - sign-ins under way: a person has been given an address (or a code
 * to type), and brings back what the provider shows them.
 *
 *	begin --> OPEN --(finish: the pasted answer)--> ASKING --> SAVING --> gone
 *	begin --> STARTING --> OPEN --(poll, by and by)--^   a device flow
 *	import ----------------------------------------->^   tokens from a file
 *
 * There are few of them, each for ten minutes and for the one who began it;
 * they live in memory alone and end with the daemon.  Nothing is stored before
 * all of it is there, and all calls go the account's way out. */
#ifndef RELAYD_SIGNIN_H
#define RELAYD_SIGNIN_H

#include <sys/types.h>

#include "relayd/account.h"
#include "relayd/audit.h"
#include "relayd/dial.h"
#include "relayd/loop.h"

#define SIGNINS_MAX	64
#define SIGNIN_ID_TEXT	17
#define SIGNIN_LIFE_MS	(10 * 60 * 1000)
#define SIGNIN_TOTAL_MS 30000 /* for each call of the provider */

struct conf;
struct daemon;
struct signins;

enum signin_state {
	SIGNIN_STARTING, /* the provider is asked for a code to type */
	SIGNIN_OPEN,	 /* the person's turn */
	SIGNIN_ASKING,	 /* the provider's */
	SIGNIN_SAVING,	 /* the store's */
};

/* How a call of this module ended, from a task or a completion of the store. OK
 * with an account: signed in, and the sign-in is gone.  OK without one: open,
 * its address (or code) is there.  ERR_AGAIN: nobody has said yes so far.
 * Others: why not; `is_over` tells whether the sign-in is gone. */
struct signin;
struct signin_end {
	enum err e;
	struct why why;
	const struct account *account;
	struct signin *open;
	bool is_over;
};
typedef void signin_done(void *arg, const struct signin_end *end);

struct signin {
	LIST_ENTRY(signin) link;
	struct signins *all;
	char id[SIGNIN_ID_TEXT];
	uid_t uid;
	enum signin_state state;
	bool is_again; /* of an account that is there */
	bool replaces; /* ... also for somebody else */
	bool is_import;
	bool by_device;		/* a code to type, nothing to paste */
	struct account_rec rec; /* as it is to be; points into blob */
	char *blob, *proxy_password;
	struct outlet outlet;
	const struct conf *conf; /* counted: the flow points into it */
	struct oauth_flow flow;
	struct oauth_device device;
	struct oauth_grant grant;
	unsigned step;
	bool waited; /* for the step, as long as it wants */
	int64_t ends_ms, poll_ms, pace_s; /* monotonic */
	struct timer timer, pause;
	struct fetch *fetch;
	struct task saver;
	/* The call that waits; NULL: none. */
	signin_done *done;
	void *arg;
	struct audit_who who;
};

void signins_new(struct daemon *d, struct signins **out);
/* Calls that wait have been told to forget by then (signin_forget). */
void signins_stop(struct signins *all);
/* After the store is closed. */
void signins_free(struct signins *all);

/* What is signed in to: a record with name, kind and fields.  `again`: that of
 * an account there is, whose identity must be the same unless `replaces`. */
struct signin_ask {
	const struct account_rec *rec;
	struct str proxy_password;
	uid_t uid;
	bool again, replaces;
	/* By a code to type, where the kind knows both ways. */
	bool by_device;
};

/* Begin; done tells the address or code.  ERR_LIMIT: too many are under way. */
enum err signin_begin(struct signins *all, const struct signin_ask *ask,
    signin_done *done, void *arg, struct why *out_why) CHECKED;
/* Take over tokens of a file; they are moved out of *io_grant. */
enum err signin_import(struct signins *all, const struct signin_ask *ask,
    struct oauth_grant *io_grant, const struct audit_who *who,
    signin_done *done, void *arg, struct why *out_why) CHECKED;
/* The sign-in of that id, if that uid began it (0: whoever did). */
struct signin *signin_find(const struct signins *all, struct str id, uid_t uid);
/* Those under way, newest first, that the uid began (0: all): the one behind
 * that one (NULL: the first), or NULL.  None that came from a file: nobody has
 * anything to do for them. */
const struct signin *
signin_next(const struct signins *all, const struct signin *s, uid_t uid);
/* The address a person opens, or types the code at. */
enum err signin_address(const struct signin *s, struct buf *out) CHECKED;

/* The person's answer.  A refusal before the provider was asked leaves the
 * sign-in open. */
enum err
signin_finish(struct signin *s, struct str pasted, const struct audit_who *who,
    signin_done *done, void *arg, struct why *out_why) CHECKED;
/* Has the person said yes?  The provider is asked when it may be (its pace),
 * otherwise the answer is ERR_AGAIN at once. */
enum err signin_poll(struct signin *s, const struct audit_who *who,
    signin_done *done, void *arg, struct why *out_why) CHECKED;
/* Nothing comes of it.  Not while the store has it: ERR_BUSY. */
enum err signin_cancel(struct signin *s) CHECKED;
/* Whoever waits is gone: go on without telling. */
void signin_forget(struct signins *all, void *arg);

#endif
