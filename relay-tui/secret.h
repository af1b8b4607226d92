/* SPDX-License-Identifier: MIT */
/* secret.h - secrets from a terminal, a pipe, a file or a descriptor; never
 * from the command line, which every user of the machine can read. */
#ifndef RELAY_TUI_SECRET_H
#define RELAY_TUI_SECRET_H

#include "proto/ctl_words.h"

#define SECRET_MAX 8192

/* A fresh buffer for a secret, which does not leave copies behind when it
 * grows; buf_wipe() it. */
void secret_init(struct buf *out);

/* Read to the end (from a terminal: one line, not shown), without the line's
 * end.  ERR_VALUE: nothing came. */
enum err secret_read(enum ctl_source source, struct str from,
    const char *prompt, struct buf *out, struct why *out_why) CHECKED;
/* Is there a terminal to ask at? */
bool secret_can_ask(void);

/* Does a word look like a key of a provider or of a relayd?  Is it the name
 * of a field that would hold one? */
bool secret_is_like(struct str word);
bool secret_is_name(const char *name);

#endif
