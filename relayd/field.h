/* SPDX-License-Identifier: MIT */
/* field.h - what an operator can say about a thing: makes the command line,
 * the forms and the checks.
 *
 * `name` is a member of the thing's record (store/rec/), with a '-' on the
 * outside where the member has '_'. */
#ifndef RELAYD_FIELD_H
#define RELAYD_FIELD_H

#include "store/rec.h"

enum field_type {
	FIELD_TEXT,
	FIELD_URL,
	FIELD_LIST,  /* comma-separated globs */
	FIELD_COUNT, /* min to max */
	FIELD_FLAG,
	FIELD_CHOICE, /* one of `choices`, separated by '|' */
	FIELD_SECRET, /* never shown, never in argv */
};

struct field {
	const char *name;
	enum field_type type;
	bool required;
	uint64_t min, max;
	const char *choices;
	const char *help;
};

const char *field_type_name(enum field_type type); /* "choice" */

/* Equal, but for '-' against '_'. */
bool field_same_name(struct str a, struct str b);
/* 1 to 64 letters, digits, '-', '_', '.', the first of them no mark. */
bool field_is_name(struct str s);
/* No control bytes? */
bool field_is_text(struct str s);

/* Set the member of a record from text.  *io_text keeps the bytes that the
 * record then points at; it must have memory for all that come, because it may
 * not move.  A NULL field, and a secret, are ERR_UNKNOWN; `of` says in the
 * reason whose field it is.  The reason of a NULL field wants field_offer() for
 * each there is. */
enum err field_set(const struct rec_kind *kind, void *rec,
    const struct field *f, const char *of, struct str name, struct str value,
    struct buf *io_text, struct why *out_why) CHECKED;
/* End the reason with one more field that can be set. */
void field_offer(const struct field *f, struct why *io_why);

#endif
