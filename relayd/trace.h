/* SPDX-License-Identifier: MIT */
/* trace.h - traces: of whose requests the details are kept for a while.
 *
 *	trace	 t.............	   |<-- until -->|<----- trace_keep ----->|
 *				   active	  ended			  removed
 *	request	   captured in memory (capture.h), then one job of the writer:
 *		   its receipt and each of its parts, sealed, under
 *		   id(9) ulid(16) number(1)
 *
 * Everything is bounded: requests of a trace, bytes of a part, of a trace and of
 * all, in memory and in the store together.  What does not fit is not kept, and
 * counted; no request waits or fails for it.  One job is under way at a time, so
 * receipts never wait behind more than one.  Nobody can open what is kept but
 * the writer, for `trace show`, which leaves a row in the audit. */
#ifndef RELAYD_TRACE_H
#define RELAYD_TRACE_H

#include <sys/queue.h>

#include "proto/coding.h"
#include "proto/ulid.h"

#include "store/rec.h"
#include "store/store.h"

#include "relayd/loop.h"

struct audit_who;
struct settings;

#define TRACE_ID_LEN	   9
#define TRACE_LONGEST_MS   (INT64_C(24) * 3600 * 1000)
#define TRACE_REQUESTS	   50
#define TRACE_REQUESTS_MAX 1000
#define TRACES_MAX	   100
/* What a part takes beside its bytes. */
#define TRACE_PART_EXTRA 256

/* --- parts of a request ---------------------------------------------------- */

/* Each try has four numbers of its own; further tries are not kept. */
#define TRACED_TRIES_MAX 8

enum traced {
	TRACED_RECEIPT,
	TRACED_CLIENT_HEAD,
	TRACED_CLIENT_BODY,
	TRACED_UP_HEAD = 4, /* of the first try */
	TRACED_UP_BODY,
	TRACED_UP_ANSWER_HEAD,
	TRACED_UP_ANSWER_BODY,
	TRACED_ANSWER_HEAD = 4 + 4 * TRACED_TRIES_MAX,
	TRACED_ANSWER_BODY,
	TRACED_NUMBERS,
};
#define TRACED_TEXT 24

/* "client.head", "up2.answer.body"; false: there is none of that number. */
bool traced_name(unsigned number, char out[TRACED_TEXT]);
enum err traced_find(struct str name, unsigned *out_number) CHECKED;
bool traced_is_head(unsigned number);

struct part_bytes {
	unsigned number;
	uint64_t whole; /* bytes there were */
	enum coding coding;
	bool decoded; /* already */
	struct buf bytes;
};

/* A request, from its capture to the store. */
#define CAPTURE_PARTS (4 + 4 * TRACED_TRIES_MAX)
struct capture {
	struct job job;
	TAILQ_ENTRY(capture) link;
	struct traces *all;
	struct trace *trace;
	struct ulid id;
	unsigned count;
	struct part_bytes parts[CAPTURE_PARTS];
	size_t charged;	    /* bytes, to its trace */
	uint64_t lost;	    /* parts there was no room for */
	struct buf receipt; /* encoded */
	/* Credentials that were used; a length byte pair in front of each. */
	struct buf secrets;
	bool asked;	  /* the client's body is there */
	enum coding told; /* of the answer to the client */
	/* Of the job. */
	char trace_id[TRACE_ID_LEN + 1];
	uint64_t stored;
};
TAILQ_HEAD(capture_list, capture);

/* --- traces ---------------------------------------------------------------- */

enum trace_state {
	TRACE_ACTIVE,
	TRACE_ENDED,
	TRACE_STOPPED,
	TRACE_DONE, /* it holds as many requests as it may */
	TRACE_FULL, /* it, or all together, hold as many bytes as they may */
};
const char *trace_state_name(enum trace_state s);

struct trace {
	TAILQ_ENTRY(trace) link; /* the oldest first */
	struct trace_rec rec;	 /* its strs point into blob */
	char *blob;
	uint64_t begun; /* captures, since the daemon's start and before */
	size_t held;	/* bytes in memory */
	unsigned users; /* captures that point here */
	bool full;
	bool gone; /* off the list; freed with the last user */
	char trouble[120];
};
TAILQ_HEAD(trace_list, trace);

struct removal;
TAILQ_HEAD(removal_list, removal);

struct traces {
	unsigned active; /* what a request looks at */
	unsigned count;
	struct trace_list list;
	uint64_t bytes; /* of all, in memory and in the store */
	struct capture_list waiting;
	struct capture *writing;
	struct removal_list unremoved; /* the store failed */
	struct loop *loop;
	struct store *store;
	const struct settings *settings;
	struct timer timer;
	int64_t (*wall_ms)(void); /* clock_wall_ms(), but in tests */
};

/* A NULL loop: nothing happens by itself (tests). */
void traces_init(struct traces *all, struct loop *l, struct store *s,
    const struct settings *settings);
/* Before the store's threads run. */
enum err traces_load(struct traces *all, struct why *out_why) CHECKED;
/* Hand the store what it does not have yet; after the last request. */
void traces_stop(struct traces *all);
/* After the store's end. */
void traces_fini(struct traces *all);

struct trace *traces_find(const struct traces *all, struct str id);
enum trace_state trace_state(const struct traces *all, const struct trace *t);
/* When it ended or will, and when it is removed. */
int64_t trace_ends_at(const struct trace *t);
int64_t trace_goes_at(const struct traces *all, const struct trace *t);
/* The time has gone on, or something has changed: count those that are active,
 * remove what was kept long enough. */
void traces_turn(struct traces *all);

/* --- capturing (the loop) -------------------------------------------------- */

/* The oldest active trace of that key or account; .at NULL: not of one.  A trace
 * of neither is of all requests. */
struct trace *
traces_match(struct traces *all, struct str key_id, struct str account);
struct capture *
capture_new(struct traces *all, struct trace *t, const struct ulid *id);
void capture_free(struct capture *c);
/* The part of that number, made when it is not there; NULL: no room. */
struct part_bytes *capture_part(struct capture *c, unsigned number);
/* As much of the bytes as there is room for. */
void capture_add(struct capture *c, struct part_bytes *p, struct str bytes);
/* It must not be found in the parts. */
void capture_secret(struct capture *c, struct str secret);
/* Whole: into the store. */
void capture_keep(struct capture *take_c);

/* --- changing and showing; answered on the loop, never at once ------------- */

/* t is NULL after a failure, and after its removal. */
typedef void
trace_done(void *arg, enum err e, const struct why *why, struct trace *t);
/* rec.id is made here. `text` tells the audit what was wanted. */
void trace_start(struct traces *all, const struct trace_rec *r, struct str text,
    const struct audit_who *who, trace_done *done, void *arg);
void trace_stop(struct traces *all, struct trace *t,
    const struct audit_who *who, trace_done *done, void *arg);
/* At once gone from the list, in slices from the store.  NULL who: by itself. */
void trace_remove(struct traces *all, struct trace *t,
    const struct audit_who *who, trace_done *done, void *arg);

/* What a look has found; it lasts for the call. */
struct trace_row {
	struct ulid id;
	struct receipt_rec receipt;
};
struct trace_part {
	unsigned number;
	struct part_rec rec; /* of bodies in a list of parts without bytes */
	uint64_t size;	     /* of all the bytes that are kept */
};
struct trace_found {
	struct trace_row *rows;
	size_t rows_count;
	bool more;
	struct trace_part *parts;
	size_t parts_count;
};
struct trace_look {
	struct str trace;
	bool lists; /* requests; else it is about one of them */
	struct ulid request;
	struct ulid behind; /* of the list */
	unsigned limit;
	unsigned part;	       /* this one alone; 0: what parts there are */
	uint64_t offset, most; /* of its bytes */
};
typedef void trace_looked(void *arg, enum err e, const struct why *why,
    const struct trace_found *found);
void trace_look(struct traces *all, const struct trace_look *q,
    const struct audit_who *who, trace_looked *done, void *arg);

/* --- between trace.c and trace_save.c -------------------------------------- */

enum err trace_adopt(struct trace *t, struct str encoded) CHECKED;
void traces_insert(struct traces *all, struct trace *t);
void traces_unlist(struct traces *all, struct trace *t);
/* A user less. */
void trace_release(struct trace *t);
/* Those that failed; without a store, forget them. */
void traces_remove_again(struct traces *all);
/* Parts in the key's order. */
#define TRACE_KEY_LEN (TRACE_ID_LEN + 16 + 1)
void trace_key(struct str id, const struct ulid *request, unsigned number,
    char out[TRACE_KEY_LEN]);
/* Sealed for its place; the first byte tells the version. */
enum err trace_put(struct txn *t, struct str key, struct str plain,
    uint64_t *io_bytes) CHECKED;
enum err trace_open(struct txn *t, struct str key, struct str sealed,
    struct buf *out_plain) CHECKED;
/* The job of a capture. */
enum err capture_work(struct job *j, struct txn *t, struct why *out_why);

#endif
