/* SPDX-License-Identifier: MIT */
/* doctor.h - looks for what is wrong, or will be, and says what to do.
 *
 *	doctor_look()	   what the loop knows		at once
 *	doctor_look_disk() what only the disk knows	on the store's reader
 *
 * How the world outside is reached is asked by ctl/doctor.c. */
#ifndef RELAYD_DOCTOR_H
#define RELAYD_DOCTOR_H

#include "proto/str.h"

struct daemon;

enum doctor_check {
#define X(name, word) DOCTOR_##name,
#include "relayd/doctor.def"
#undef X
	DOCTOR_CHECKS
};

enum doctor_state {
	DOCTOR_FINE,
	DOCTOR_NOTE,   /* worth knowing */
	DOCTOR_SMELL,  /* works, and should not stay so */
	DOCTOR_BROKEN, /* does not work */
};

#define FINDINGS_MAX 256

struct finding {
	enum doctor_check check;
	enum doctor_state state;
	char object[72]; /* the name of an account and so on; may be empty */
	char text[256], advice[256];
};

struct findings {
	struct finding *at;
	unsigned count;
	unsigned dropped; /* more than FINDINGS_MAX */
};

const char *doctor_check_word(enum doctor_check c);
const char *doctor_state_word(enum doctor_state s);

void findings_init(struct findings *f);
void findings_fini(struct findings *f);
/* advice: what to do, may be "". */
void findings_add(struct findings *f, enum doctor_check check,
    enum doctor_state state, struct str object, const char *advice,
    const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* By check, the worst first. */
void findings_sort(struct findings *f);

void doctor_look(struct daemon *d, struct findings *f);

/* What doctor_look_disk() is to look at; its own copies. */
struct doctor_places {
	char *state_dir, *conf_file, *key_file, *ca_file, *control;
};

void doctor_places_init(struct doctor_places *p, const struct daemon *d);
void doctor_places_fini(struct doctor_places *p);
/* Waits on the disk. */
void doctor_look_disk(const struct doctor_places *p, struct findings *f);

#endif
