/* SPDX-License-Identifier: MIT */
/* err.h - how functions of ours say that they could not do it.
 *
 * Zero is success.  ERR_AGAIN is not a failure: it asks for more input or a
 * later call.  Text for people is written once, where the cause is known,
 * into a struct why. */
#ifndef PROTO_ERR_H
#define PROTO_ERR_H

enum err {
	OK = 0,
#define X(name, word, text) ERR_##name,
#include "proto/err.def"
#undef X
};

#define CHECKED __attribute__((warn_unused_result))

/* Why something failed.  `field` names the culprit ("url", "line 7") or is
 * empty.  Both are short, end with NUL and hold no secret; there is room for a
 * list of what would have been right. */
struct why {
	char field[48];
	char text[384];
};

/* The name of an error in lower case ("limit"), and its default text. */
const char *err_name(enum err e);
const char *err_text(enum err e);

/* Write the reason; a NULL why is fine.  Returns e, so that a function can
 * end with `return why_set(...)`. */
enum err why_set(struct why *out_why, enum err e, const char *field,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Add a name to the list that ends a reason: "the kinds are:" becomes "the
 * kinds are: a", and that "the kinds are: a, b". */
void why_offer(struct why *io_why, const char *name);
#ifdef __clang_analyzer__
/* It cannot see that an error comes back as an error. */
#define why_set(why, e, ...) (why_set((why), (e), __VA_ARGS__), (e))
#endif

#endif
