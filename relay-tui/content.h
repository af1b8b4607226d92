/* SPDX-License-Identifier: MIT */
/* content.h - a file of the operator's, packed for the control socket. */
#ifndef RELAY_TUI_CONTENT_H
#define RELAY_TUI_CONTENT_H

#include "proto/buf.h"

/* The base64 of the file at `path` ("-": the standard input), packed with zstd,
 * appended to out. */
enum err
content_read(struct str path, struct buf *out, struct why *out_why) CHECKED;
/* The same of bytes that are here.  ERR_LIMIT: too much, even packed. */
enum err content_pack(struct str plain, struct buf *out) CHECKED;

#endif
