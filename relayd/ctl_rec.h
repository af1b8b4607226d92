/* SPDX-License-Identifier: MIT */
/* ctl_rec.h - what the handlers of the control socket share: records as JSON,
 * differences between them, texts from people, moments. */
#ifndef RELAYD_CTL_REC_H
#define RELAYD_CTL_REC_H

#include "proto/json.h"

#include "store/rec.h"

#include "relayd/field.h"

/* The members of a record into an open object.  Sealed members and digests
 * are left out: they have no form for people. */
void
ctl_put_rec(struct json_out *j, const struct rec_kind *kind, const void *rec);
/* The same without the members in `but`, a list with commas. */
void ctl_put_rec_but(struct json_out *j, const struct rec_kind *kind,
    const void *rec, struct str but);

/* {"field":...,"from":...,"to":...} for each member that differs, into an open
 * array; what the daemon keeps by itself (rev, *_at) is left out. */
void ctl_put_changes(struct json_out *j, const struct rec_kind *kind,
    const void *from, const void *to);

/* What can be said about a thing, as an object. */
void ctl_put_field(struct json_out *j, const struct field *f);

/* One line of UTF-8 without control bytes, at most max bytes. */
enum err ctl_check_text(struct str s, size_t max, const char *field,
    struct why *out_why) CHECKED;

/* "2026-11-01", "2026-11-01 13:30", "today", "yesterday", "now", or an amount
 * of time as in unit.h: so long ago, or ahead of now.  Days are those of the
 * daemon's zone. */
enum err ctl_read_when(struct str s, int64_t now_wall_ms, bool ahead,
    const char *field, int64_t *out_wall_ms, struct why *out_why) CHECKED;

/* The end of something: "never", which is 0, or a moment to come.  `else_say`
 * tells who names a past one what to do instead. */
enum err ctl_read_end(struct str s, int64_t now_wall_ms, const char *field,
    const char *else_say, uint64_t *out_at, struct why *out_why) CHECKED;

#endif
