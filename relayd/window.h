/* SPDX-License-Identifier: MIT */
/* window.h - how much of a subscription's limits is used, as the provider
 * tells it: in the headers of its answers, or when asked. */
#ifndef RELAYD_WINDOW_H
#define RELAYD_WINDOW_H

#include "proto/str.h"

#define WINDOWS_MAX 12

struct window {
	char name[32];	  /* "5h", "7d", "7d-opus" */
	char status[24];  /* the provider's word; may be empty */
	int64_t used_ppm; /* of the whole; can exceed it; -1: not told */
	int64_t reset_at; /* wall ms; 0: not told */
	int64_t told_at;  /* wall ms */
	/* The reset_at of the run in which people were warned. */
	int64_t warned_for_at;
};

struct windows {
	struct window at[WINDOWS_MAX];
	unsigned count;
};

/* The window of that name, made if there is room (else NULL); names that are
 * too long or no plain words are NULL too. */
struct window *window_of(struct windows *w, struct str name);
/* "0.59" or "59.0" as millionths of a whole of 1 or 100; -1: no number. */
int64_t window_share(struct str number, int64_t whole);
/* The same of a number that is read already, of a fraction too. */
int64_t window_share_of(double number, double whole);
/* "2026-08-20T15:00:00.123456+00:00" as wall ms; 0: no moment. */
int64_t window_moment(struct str text);

#endif
