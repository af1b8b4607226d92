/* SPDX-License-Identifier: MIT */
/* version.h - which relayd this is. */
#ifndef PROTO_VERSION_H
#define PROTO_VERSION_H

extern const char relayd_version[];

#endif
