/* SPDX-License-Identifier: MIT */
/* owner.h - people by name here, by number in the daemon, which never asks a
 * directory: "alice" is "uid:1000" there.  An owner that is no number is a
 * text like any other. */
#ifndef RELAY_TUI_OWNER_H
#define RELAY_TUI_OWNER_H

#include "proto/buf.h"

#define OWNER_TEXT 80

/* "uid:1000", or "user uid:1000", with the name of whoever that is on this
 * machine; as it is when it is nobody, or no number. */
void owner_write(struct str owner, struct buf *out);
void uid_write(int64_t uid, struct buf *out);

/* What was typed as an owner: "alice" or "@alice", "1000" or "uid:1000" for
 * somebody this machine need not know, "=any text" for a text.  A name that
 * nobody has is ERR_UNKNOWN, or a text when it only chooses among the owners
 * there are. */
enum err owner_read(struct str said, bool chooses, char out[OWNER_TEXT],
    struct why *out_why) CHECKED;

#endif
