/* SPDX-License-Identifier: MIT */
/* control.h - the control socket: who asks, what they may, and the answers.
 *
 * A Unix socket of mode 0660 on the loop.  Everything is bounded: connections,
 * frames, calls under way, bytes that wait to be read.  A client that does not
 * read is not read from; a follower that does not keep up loses events and is
 * told how many.  Nothing a client does disturbs anybody but itself.
 *
 * A method is answered by ctl_<method>(call) in relayd/ctl/, now or later;
 * every call ends with exactly one ctl_answer() or ctl_refuse().  A client may
 * leave meanwhile: the call does not notice, the answer goes nowhere. */
#ifndef RELAYD_CONTROL_H
#define RELAYD_CONTROL_H

#include <sys/queue.h>
#include <sys/types.h>

#include "proto/ctl.h"

#include "relayd/audit.h"
#include "relayd/peer.h"

#define CONTROL_CONNECTIONS_MAX 64
/* Of one person without a role, and of all of them together: operators get in
 * whatever people do. */
#define CONTROL_PERSON_MAX 8
#define CONTROL_PEOPLE_MAX 48
#define CONTROL_CALLS_MAX  4 /* under way, per connection */
#define CONTROL_SUBS_MAX   8 /* per connection */

struct conf;
struct control;
struct daemon;

/* As the options control, control_group and *_groups of d->conf say.  A socket
 * on which nobody answers is replaced, one on which somebody does is ERR_BUSY.
 * The directory is made when it is missing.  A control_group that is only the
 * default need not exist. */
enum err control_new(struct daemon *d, struct control **out,
    struct why *out_why) CHECKED;
/* Closes all connections, abandons what waits for the world outside, removes
 * the socket.  Jobs of the store may still come back.  NULL is fine. */
void control_free(struct control *c);
/* After a reload: look the groups of these options up. */
enum err control_reload(struct control *c, const struct conf *conf,
    struct why *out_why) CHECKED;
/* Serve a connected socket as this peer; false (and closed): too many, in all
 * or of theirs. */
bool control_adopt(struct control *c, int take_fd, const struct peer *peer);
unsigned control_connections(const struct control *c);

/* --- calls ----------------------------------------------------------------- */

struct ctl_call {
	struct daemon *daemon;
	enum ctl_method method;
	struct peer peer;
	/* Checked against ctl.def: names, types, what is required. */
	const struct json *params;
	uint64_t if_rev; /* 0: any */
	bool dry_run;
	unsigned limit;	   /* rows of a page */
	struct str cursor; /* begin behind it; empty: at the beginning */
	/* The data of the answer, to be written by the handler. */
	struct json_out out;

	/* Of one that waits for the world outside (ctl_wait). */
	void (*abandon)(struct ctl_call *take_c);
	void *state;
	LIST_ENTRY(ctl_call) waiting;

	/* The connection's; NULL once the client has left. */
	struct ctl_conn *conn;
	struct ctl_call *next;
	struct ctl_frame frame;
	struct buf data;
};

typedef void ctl_handler(struct ctl_call *c);
#define X(method, words, role, parameters, help)                               \
	void ctl_##method(struct ctl_call *c);
#include "proto/ctl.def"
#undef X

/* What was put into c->out is the answer's data (nothing: null).  rev 0 and an
 * empty next are left out. */
void ctl_answer(struct ctl_call *take_c, uint64_t rev, struct str next);
void ctl_refuse(struct ctl_call *take_c, enum err e, const struct why *why);
/* The same with a text made here. */
void ctl_refusef(struct ctl_call *take_c, enum err e, const char *field,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Who asks, for the audit. */
struct audit_who ctl_who(const struct ctl_call *c);

/* The answer waits for something that the daemon does not wait for when it
 * ends: then `abandon` cancels that, and refuses the call. */
void ctl_wait(struct ctl_call *c, void (*abandon)(struct ctl_call *take_c),
    void *state);

/* ERR_STALE unless the caller named no revision, or this one. */
enum err ctl_check_rev(const struct ctl_call *c, uint64_t rev,
    struct why *out_why) CHECKED;

/* Is the member of an object a parameter of a method, of its type? */
enum err ctl_check_member(const struct ctl_row *row, const struct json *m,
    struct why *out_why) CHECKED;

/* Parameters; empty, 0, false when absent. */
struct str ctl_text(const struct ctl_call *c, const char *name);
int64_t ctl_number(const struct ctl_call *c, const char *name);
bool ctl_flag(const struct ctl_call *c, const char *name);
bool ctl_has(const struct ctl_call *c, const char *name);

/* May a page of n rows get one more? */
bool ctl_has_room(const struct ctl_call *c, unsigned n);

/* Those who may only see their own: whose record says "uid:1000". */
bool ctl_may_see(const struct ctl_call *c, struct str owner);

/* --- events ---------------------------------------------------------------- */

/* What a follower wants to hear of; empty members match all. */
struct ctl_filter {
	unsigned topics; /* bits, as in follow.h */
	char key_id[16], account[64];
	struct peer peer;
};

/* Answer with the number of a new subscription. */
void ctl_subscribe(struct ctl_call *take_c, const struct ctl_filter *filter);
/* ERR_UNKNOWN: this connection has no such subscription. */
enum err ctl_unsubscribe(struct ctl_call *c, int64_t sub) CHECKED;
bool control_has_subs(const struct control *c);
/* An event for all whose filter `wants` accepts. */
void control_publish(struct control *c,
    bool (*wants)(void *arg, const struct ctl_filter *f), void *arg,
    struct str data);

/* --- between control.c and control_call.c ---------------------------------- */

/* Take a line of a connection: answers at once or starts a call. */
void control_take_line(struct ctl_conn *conn, struct daemon *d,
    const struct peer *peer, struct str line);
/* Room for one whole frame is there by construction. */
struct buf *control_out(struct ctl_conn *conn);
void control_call_begun(struct ctl_conn *conn, struct ctl_call *c);
void control_call_ended(struct ctl_conn *conn, struct ctl_call *c);
void control_call_waits(struct control *c, struct ctl_call *call);
int64_t control_sub_add(struct ctl_conn *conn, const struct ctl_filter *f);
bool control_sub_drop(struct ctl_conn *conn, int64_t sub);

#endif
