/* SPDX-License-Identifier: MIT */
/* why.h - the story of a request: how its account was chosen, what it waited
 * for, which rule judged each failure, and what the failure said.
 *
 *	loop: r->story, at most WHY_MAX bytes --> whys --> one job of the writer
 *
 * Tries, times and the first word stand in the receipt; a request that went
 * straight to its first account has no story but that, and nothing of it is
 * stored.  What is stored goes after why_keep, or when all of it is more than
 * why_max, the oldest first.  No request waits for it: when the store does not
 * keep up, stories are not kept, and counted. */
#ifndef RELAYD_WHY_H
#define RELAYD_WHY_H

#include <sys/queue.h>

#include "proto/ulid.h"

#include "store/rec.h"
#include "store/store.h"

struct receipt_rec;
struct relay;
struct sched_choice;
struct settings;

#define WHY_MAX 2048
/* Of them, kept for the last step. */
#define WHY_LAST 400

enum why_step {
#define X(name, word) WHY_##name,
#include "relayd/why_step.def"
#undef X
	WHY_STEPS
};
/* "chose"; of a number as it is kept. */
const char *why_step_name(uint64_t kind);

/* --- telling, while it runs ------------------------------------------------- */

/* An account; before the session is bound to it. */
void why_chose(struct relay *r, const struct sched_choice *choice);
void why_nobody(struct relay *r, const struct sched_choice *choice);
/* For what, and how long (took or will take). */
void why_waits(struct relay *r, const char *what, int64_t us);
/* r->verdict is about this answer, and the gate it names is shut. */
void why_judged(struct relay *r, unsigned status, struct str body);
/* The token of r->account; NULL: it is being renewed. */
void why_renewed(struct relay *r, const char *trouble);
void why_reserved(struct relay *r);
/* Its receipt is written: keep the story if it tells something. */
void why_ended(struct relay *r, const struct receipt_rec *rec);

/* The next step of a story; false at the end. */
bool why_next(struct str *io_rest, struct step_rec *out);

/* --- keeping ---------------------------------------------------------------- */

/* What waits for the writer, in stories. */
#define WHYS_WAITING_MAX 1024

struct why_story {
	STAILQ_ENTRY(why_story) link;
	struct ulid id;
	size_t len;
	char steps[];
};
STAILQ_HEAD(why_list, why_story);

struct whys {
	struct store *store;
	const struct settings *settings;
	struct why_list waiting;
	unsigned waiting_count;
	uint64_t bytes;	     /* in the store */
	uint64_t lost;	     /* stories there was no room for */
	struct why_job *job; /* at the writer; NULL: none */
};

void whys_init(struct whys *w, struct store *s, const struct settings *set);
/* Before the store's threads run: how much there is. */
enum err whys_load(struct whys *w, struct why *out_why) CHECKED;
void whys_keep(struct whys *w, const struct ulid *id, struct str steps);
/* What was kept long enough goes. */
void whys_prune(struct whys *w);
/* Hand the store what it does not have yet; after the last request. */
void whys_stop(struct whys *w);
/* After the store's end. */
void whys_fini(struct whys *w);

/* The steps of a request; none: there is nothing to tell but its receipt.
 * They last for the call; answered at once or later. */
typedef void
why_found(void *arg, enum err e, const struct why *why, struct str steps);
void
whys_find(struct whys *w, const struct ulid *id, why_found *done, void *arg);

#endif
