/* SPDX-License-Identifier: MIT */
/* rename.h - answers that name the model as its client does.
 *
 * For accounts that call a model otherwise: clients choose by the name that
 * answers, and would not know the upstream's.  Only that one value changes,
 * in each dialect's own place for it. */
#ifndef RELAYD_RENAME_H
#define RELAYD_RENAME_H

#include "relayd/reshape.h"

extern const struct reshape_ops rename_events, rename_whole;

/* Append an answer, or the data of an event, with its model called `name`:
 * `model`, `modelVersion`, `message.model`, `response.model`. */
enum err
rename_model(struct str json, struct str name, struct buf *out) CHECKED;

#endif
