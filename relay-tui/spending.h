/* SPDX-License-Identifier: MIT */
/* spending.h - the commands about usage that take more than one question:
 * `usage --chart`, `usage heat`, `usage top`, and `cost` for people. */
#ifndef RELAY_TUI_SPENDING_H
#define RELAY_TUI_SPENDING_H

#include "relay-tui/command.h"

enum verdict spending_chart(const struct command *c);
enum verdict spending_heat(const struct command *c);
enum verdict spending_top(const struct command *c);
enum verdict spending_cost(const struct command *c);

#endif
