/* SPDX-License-Identifier: MIT */
/* dialer.h - what dials, wires and fetches share; nobody else's business. */
#ifndef RELAYD_DIALER_H
#define RELAYD_DIALER_H

#include "relayd/curl.h"
#include "relayd/dial.h"
#include "relayd/way.h"

/* libcurl takes this much for its messages at least (CURL_ERROR_SIZE). */
#define CARRIER_TEXT_BYTES CURL_ERROR_SIZE
/* Handles that rest between two uses. */
#define RESTING_MAX 64
/* The most one TLS record carries. */
#define RECORD_BYTES 16384

/* Handles that share TLS sessions and, above all, a cache of connections of
 * their own: at every curl_easy_send() and _recv() libcurl walks through the
 * cache to find the handle's connection, which in one cache of 1,000 takes
 * longer than what is to be done. */
struct circle {
	CURLSH *share;
	unsigned members;
};
#define CIRCLE_MEMBERS_MAX 16

struct dialer {
	struct loop *loop;
	struct dns *dns;
	struct dialer_conf conf;
	char *ca_file;
	struct curl_loop *curl;
	struct circle **circles;
	unsigned circles_count;
	CURL *resting[RESTING_MAX];
	unsigned resting_count;
	char *record; /* where TLS wires put a record together */
};

/* A handle of libcurl on its way. */
struct carrier {
	struct dialer *dialer;
	struct way way;
	struct circle *circle; /* as job.easy */
	struct curl_job job;   /* easy: NULL before carrier_load() */
	bool is_going;	       /* in the multi */
	char text[CARRIER_TEXT_BYTES];
};

enum err
carrier_new(struct dialer *d, const struct dial_to *to, struct carrier **out,
    enum dial_step *out_step, struct why *out_why) CHECKED;
/* Stops it, and puts the handle to rest.  NULL is fine. */
void carrier_free(struct carrier *c);
/* Get a handle with all options of the way, and the URL of its root. */
enum err carrier_load(struct carrier *c, void (*done)(void *arg, CURLcode code),
    void *arg, struct why *out_why) CHECKED;
enum err carrier_go(struct carrier *c) CHECKED;

/* Make a wire of a carrier that has connected. */
enum err wire_new(struct carrier *take_carrier, struct wire **out,
    struct why *out_why) CHECKED;

#endif
