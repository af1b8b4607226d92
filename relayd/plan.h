/* SPDX-License-Identifier: MIT */
/* plan.h - which models a subscription's plan holds (plan.def). */
#ifndef RELAYD_PLAN_H
#define RELAYD_PLAN_H

#include "proto/str.h"

struct provider;

/* May an account of that kind use the model, as its provider calls it?  What
 * is not known to be withheld, it may. */
bool
plan_allows(const struct provider *kind, struct str plan, struct str model);

#endif
