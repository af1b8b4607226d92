/* SPDX-License-Identifier: MIT */
/* decimal.h - decimal numbers as whole ones: 1.25 with six digits is 1250000.
 *
 * Money and rates never become floating point: 0.1 has no such form. */
#ifndef RELAYD_DECIMAL_H
#define RELAYD_DECIMAL_H

#include "proto/str.h"

/* Room for any number of ours as text. */
#define DECIMAL_TEXT 40

/* A number as JSON writes it, "0.3" or "3e-06", times 10^digits, rounded half
 * up.  ERR_SYNTAX: it is none; ERR_VALUE: below zero; ERR_LIMIT: above max. */
enum err decimal_read(struct str text, unsigned digits, int64_t max,
    int64_t *out) CHECKED;
/* Without needless zeros, but with at least `least` digits behind the point:
 * "0.3", and with least 2 "0.30".  n may be below zero. */
void decimal_write(int64_t n, unsigned digits, unsigned least,
    char out[DECIMAL_TEXT]);

#endif
