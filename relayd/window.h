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
	/* How it fills, by what was told: a moving average. */
	int64_t hourly_ppm;	   /* 0: not known, or not at all */
	int64_t seen_ppm, seen_at; /* from where to measure on */
	/* Monotonic: until then it stops new sessions, and also bound ones. */
	int64_t stop_ms[2];
	int64_t late_for_at, late_ms; /* after the reset of that run */
};

struct windows {
	struct window at[WINDOWS_MAX];
	unsigned count;
	int64_t stop_ms; /* the latest of theirs: nobody looks before */
};

/* From when on a window stops an account: at a share of it, or when the
 * provider warns.  Sessions that are bound to it may go a little further. */
struct window_stop {
	int64_t at_ppm; /* 0: not by share */
	bool at_warning;
};
#define WINDOW_BOUND_MORE_PPM 50000

/* The window of that name, made if there is room (else NULL); names that are
 * too long or no plain words are NULL too. */
struct window *window_of(struct windows *w, struct str name);
/* "0.59" or "59.0" as millionths of a whole of 1 or 100; -1: no number. */
int64_t window_share(struct str number, int64_t whole);
/* The same of a number that is read already, of a fraction too. */
int64_t window_share_of(double number, double whole);
/* "2026-08-20T15:00:00.123456+00:00" as wall ms; 0: no moment. */
int64_t window_moment(struct str text);

/* Is it of all that the account serves, and not of some models alone?
 * "7d_oi", "7d-sonnet" and "5h-spark" are not. */
bool window_is_whole(const struct window *w);
/* The family or limit behind its length; empty: it is whole. */
struct str window_part(const struct window *w);

/* --- stopping before the end ----------------------------------------------- */

/* "warning", "85%", "85"; empty: never. */
enum err window_stop_read(struct str s, struct window_stop *out) CHECKED;
/* Something was told, or the stop has changed: note how it fills, and until
 * when it stops.  `random` spreads the moment after its reset. */
void windows_turn(struct windows *w, const struct window_stop *stop,
    int64_t wall_ms, int64_t now_ms, uint32_t random);
/* Until when a request for that model is stopped; 0: it is not. */
int64_t windows_until(const struct windows *w, struct str model, bool is_bound,
    int64_t now_ms);
/* When it will be full if it goes on so; 0: not before its reset, or nobody
 * knows. */
int64_t window_full_at(const struct window *w);

#endif
