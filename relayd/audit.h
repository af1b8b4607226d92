/* SPDX-License-Identifier: MIT */
/* audit.h - who changed what, in a chain.
 *
 * A change and its row are one transaction of the store: neither is there
 * without the other.  Each row holds the hash of the row before it, and the
 * table meta the number and hash of the last one, so a row that is altered,
 * inserted or taken away is noticed.  Secrets are told as changed, never
 * shown. */
#ifndef RELAYD_AUDIT_H
#define RELAYD_AUDIT_H

#include "store/rec.h"

struct store;
struct txn;

/* Who asks. `method` is a literal. */
struct audit_who {
	uint64_t uid;
	int64_t pid;
	const char *method;
};

/* In a job of the writer: note the change from one record of a kind to another
 * (NULL: there was none, there is none any more).  A NULL who writes
 * nothing. */
enum err audit_write(struct txn *t, const struct audit_who *who,
    const char *type, struct str object, const struct rec_kind *kind,
    const void *before, const void *after, struct why *out_why) CHECKED;
/* The same with the words of what changed. */
enum err
audit_write_text(struct txn *t, const struct audit_who *who, const char *type,
    struct str object, struct str changes, struct why *out_why) CHECKED;
/* From the loop, of something that has no record: nobody waits for it. */
void audit_post(struct store *s, const struct audit_who *who, const char *type,
    struct str object, struct str changes);

/* --- questions: asked on the loop, answered there, never at once ---------- */

#define AUDIT_ROWS_MAX 200

struct audit_query {
	uint64_t below; /* numbers under this one; 0: from the newest */
	unsigned limit; /* at most AUDIT_ROWS_MAX; 0: that many */
	struct str type, object; /* only of these; .at NULL: any */
};
struct audit_row {
	uint64_t number;
	struct audit_rec rec;
};
/* Newest first; they last for the call. */
typedef void audit_list_done(void *arg, enum err e, const struct why *why,
    const struct audit_row *rows, size_t count, bool more);
void audit_list(struct store *s, const struct audit_query *q,
    audit_list_done *done, void *arg);

struct audit_check {
	uint64_t rows;
	uint64_t broken_at; /* the first number that does not fit; 0: none */
	char text[160];	    /* what is wrong with it */
};
typedef void audit_verify_done(void *arg, enum err e, const struct why *why,
    const struct audit_check *check);
void audit_verify(struct store *s, audit_verify_done *done, void *arg);

#endif
