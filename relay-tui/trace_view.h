/* SPDX-License-Identifier: MIT */
/* trace_view.h - `trace show TRACE REQUEST`: one request and all its parts. */
#ifndef RELAY_TUI_TRACE_VIEW_H
#define RELAY_TUI_TRACE_VIEW_H

#include "relay-tui/command.h"

enum verdict trace_view(const struct command *c);

/* JSON text indented, appended to out; what is no JSON comes out as odd as it
 * went in, but no byte of it is lost. */
void trace_indent(struct str text, struct buf *out);

/* A request with the parts that are text in the answer; of the others what
 * they are. */
void trace_print(struct output *o, const struct json *data);

#endif
