/* SPDX-License-Identifier: MIT */
/* gate_save.h - gates that are shut for a minute and more outlive the daemon.
 *
 * Every few seconds the loop looks whether those of an account are others than
 * the store has, and gives the writer all that changed in one job.  They are
 * kept with the wall clock and with the machine's own: in the same run of the
 * machine that one counts, so that nobody comes back early because a clock was
 * set; after a new start the wall clock does, and no gate is shut for longer
 * than it was. */
#ifndef RELAYD_GATE_SAVE_H
#define RELAYD_GATE_SAVE_H

#include "store/rec.h"
#include "store/store.h"

#include "relayd/loop.h"

struct pool;

#define GATE_KEPT_MS 60000
#define GATE_LOOK_MS 5000

struct gate_clock {
	int64_t wall_ms, boot_ms; /* boot_ms goes on while the machine sleeps */
	int64_t now_ms;		  /* of gates */
	char boot[40];
};

struct gate_keeper {
	struct pool *pool;
	struct loop *loop;
	struct store *store;
	struct timer timer;
	bool is_busy; /* a job is at the writer */
	char boot[40];
	void (*read_clock)(struct gate_keeper *k, struct gate_clock *out);
};

/* How long the gate is still shut; 0: it is open. */
int64_t gate_left_ms(const struct rest_rec *r, const struct gate_clock *now);

/* A NULL loop: nothing happens by itself (tests). */
void gate_keeper_init(struct gate_keeper *k, struct loop *l, struct store *s,
    struct pool *p);
/* Before the store's threads run, behind pool_load(). */
enum err gate_keeper_load(struct gate_keeper *k, struct why *out_why) CHECKED;
/* Begin to look. */
void gate_keeper_start(struct gate_keeper *k);
/* Give the writer what has changed. */
void gate_keeper_look(struct gate_keeper *k);
/* The last look; after the last request. */
void gate_keeper_stop(struct gate_keeper *k);

#endif
