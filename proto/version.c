/* SPDX-License-Identifier: MIT */
/* version.c - the only object that knows the version (see the Makefile). */
#include "proto/version.h"

#ifndef RELAYD_VERSION
#define RELAYD_VERSION "unknown"
#endif

const char relayd_version[] = RELAYD_VERSION;
