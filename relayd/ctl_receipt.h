/* SPDX-License-Identifier: MIT */
/* ctl_receipt.h - a receipt as the control socket tells it. */
#ifndef RELAYD_CTL_RECEIPT_H
#define RELAYD_CTL_RECEIPT_H

#include "proto/json.h"
#include "proto/ulid.h"

#include "store/rec.h"

/* As an object; key_name is empty when the key is gone. */
void ctl_put_receipt(struct json_out *j, const struct ulid *id,
    const struct receipt_rec *r, struct str key_name);

#endif
