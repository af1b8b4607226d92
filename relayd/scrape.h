/* SPDX-License-Identifier: MIT */
/* scrape.h - GET /metrics, on an address of its own.
 *
 * A connection of another user than the clients' and not a row of route.def:
 * so it is no request that is counted, timed, logged or refused when relayd is
 * full, and no client can reach it whatever stands in front of relayd. */
#ifndef RELAYD_SCRAPE_H
#define RELAYD_SCRAPE_H

#include "relayd/conn.h"

extern const struct conn_user scrape_conn_user;

#endif
