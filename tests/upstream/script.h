/* SPDX-License-Identifier: MIT */
/* script.h - what shall go wrong: one set of keys (keys.def).
 *
 * Written as `key=value; key=value`, in a header, in a marker of a prompt or
 * in a rule of the control interface; later ones lie over earlier ones. */
#ifndef TESTS_UPSTREAM_SCRIPT_H
#define TESTS_UPSTREAM_SCRIPT_H

#include <stdint.h>

#include "proto/str.h"

/* A number that was not given. */
#define NONE INT64_MIN

struct script {
#define FIELD_NUM(field)		 int64_t field;
#define FIELD_TEXT(field)		 char *field;
#define FIELD_LINES(field)		 char *field;
#define X(kind, key, field, class, help) FIELD_##kind(field)
#include "tests/upstream/keys.def"
#undef X
	/* The first key nobody knows, for the answer that says so. */
	char unknown[64];
};

void script_init(struct script *s);
void script_fini(struct script *s);

/* Lay the keys of `text` over s. */
void script_add(struct script *s, struct str text);
/* Lay the last `[[practice:...]]` of a body over s. */
void script_add_marker(struct script *s, struct str body);
/* Forget the faults, keep what an honest answer says. */
void script_heal(struct script *s);

/* The number, or `other` when it was not given. */
int64_t script_num(int64_t value, int64_t other);

/* Remove every marker from a text, in place. */
void script_strip(char *text);

/* The table of keys, for people. */
void script_help(void);

#endif
