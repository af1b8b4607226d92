/* SPDX-License-Identifier: MIT */
/* notice.h - what people are told of, and the telling.
 *
 *	notice_raise() --> log, and for each channel that wants it an entry
 *	                   of the queue (store) --> delivery --> receiver
 *
 * Raising never waits: the store writes behind it, and what is raised too
 * often is only counted.  A notice survives a kill and is told at least once;
 * its id tells receivers that they know it already. */
#ifndef RELAYD_NOTICE_H
#define RELAYD_NOTICE_H

#include "proto/str.h"

struct loop;
struct notices;
struct settings;

enum notice_severity {
	NOTICE_INFO,
	NOTICE_WARNING,
	NOTICE_CRITICAL,
};

enum notice_event {
#define X(name, severity, repeat, text) NOTICE_##name,
#include "relayd/notice.def"
#undef X
	NOTICE_EVENTS
};

struct notice_row {
	const char *name; /* "account_held" */
	enum notice_severity severity;
	const char *text; /* "account held" */
};
const struct notice_row *notice_row(enum notice_event event);
const char *notice_severity_name(enum notice_severity s); /* "info" */

/* The most of what is kept, with an end. */
#define NOTICE_OBJECT_MAX 100
#define NOTICE_TEXT_MAX	  500

/* One as it is told. */
struct notice {
	const char *id; /* ulid */
	enum notice_event event;
	struct str object, text; /* harmless, but not escaped for anybody */
	int64_t at_ms;		 /* wall */
	uint64_t missed;	 /* like ones that were not told before it */
	uint64_t attempt;	 /* counts from 1 */
	const char *host;	 /* ours */
};

/* It has happened, to the object (the name of an account, a model; empty: to
 * relayd).  Both texts may be foreign; they are made harmless.  False: it was
 * told lately, and is only counted.  NULL notices tell nobody. */
bool notice_raise(struct notices *n, enum notice_event event, struct str object,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* `s` is looked at whenever something is raised. */
struct notices *notices_new(struct loop *l, const struct settings *s);
/* NULL is fine. */
void notices_free(struct notices *n);

#endif
