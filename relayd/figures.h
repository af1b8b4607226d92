/* SPDX-License-Identifier: MIT */
/* figures.h - what was used with one key, as its holder may see it.
 *
 *	figures_ask() -> kept? -- yes --> at once
 *			   | no
 *			   v
 *			 queue -> one question to the store after the other
 *				  -> kept for FIGURES_FRESH_MS, told to all
 *				     that waited
 *
 * Holders ask as often as they like, the store's reader is asked rarely: there
 * is one question for a key, whoever waits for it, and FIGURES_BUSY_MAX for
 * all keys together. */
#ifndef RELAYD_FIGURES_H
#define RELAYD_FIGURES_H

#include <sys/queue.h>

#include "store/rec.h"

#include "relayd/rollup.h"

struct daemon;

#define FIGURES_DAYS	 14
#define FIGURES_FRESH_MS 2000
/* Put to the store for the figures of one key. */
#define FIGURES_QUESTIONS 4
/* Keys whose questions are with the store at once; keys that are waited for or
 * kept. */
#define FIGURES_BUSY_MAX 4
#define FIGURES_KEYS_MAX 1024

/* The dearest ones of all time are told by name. */
#define FIGURES_MODELS 16

struct figures_model {
	char name[ROLLUP_NAME_MAX + 1];
	struct rollup_rec today, month, total;
};

struct figures {
	char dates[FIGURES_DAYS][11]; /* "2026-11-20"; the last is today */
	struct rollup_rec days[FIGURES_DAYS];
	struct rollup_rec month, total;
	struct figures_model models[FIGURES_MODELS]; /* by cost */
	unsigned models_count;
	bool is_moving; /* sums are being rebuilt: they are not final */
};

static inline const struct rollup_rec *
figures_today(const struct figures *f)
{
	return &f->days[FIGURES_DAYS - 1];
}

struct figures_desk;
struct figures_entry;

/* Somebody who waits.  Embed it. */
struct figures_wait {
	TAILQ_ENTRY(figures_wait) link;
	/* Once, from the loop, not from inside figures_ask(): takes note. */
	void (*done)(void *arg, enum err e);
	void *arg;
	struct figures_entry *of; /* NULL: asks nothing */
	bool is_told;
};

void figures_new(struct daemon *d, struct figures_desk **out);
/* After store_close(), which ends the questions under way. */
void figures_free(struct figures_desk *desk);

/* Want the figures of that key until figures_leave().  OK: they are there;
 * ERR_AGAIN: done() will be called; ERR_FULL: too many keys are asked for. */
enum err figures_ask(struct figures_desk *desk, struct str key_id,
    struct figures_wait *w) CHECKED;
/* What there is after OK, or after done() said so; good until the leaving. */
const struct figures *figures_of(const struct figures_wait *w);
/* Whenever; also of one that asks nothing. */
void figures_leave(struct figures_wait *w);

/* For the tests: questions put to the store so far, and keys kept. */
uint64_t figures_questions(const struct figures_desk *desk);
size_t figures_kept(const struct figures_desk *desk);

#endif
