/* SPDX-License-Identifier: MIT */
/* curl.h - libcurl's multi interface on the loop.
 *
 * libevent's callbacks note which sockets are ready; a task tells libcurl and
 * then hands out what is finished.  Nobody is called from inside of libcurl,
 * so a job may be removed at any time from a task or a timer of the loop. */
#ifndef RELAYD_CURL_H
#define RELAYD_CURL_H

#include <curl/curl.h>

#include "proto/err.h"

struct loop;
struct curl_loop;

/* One transfer under way.  Embed it; `easy` stays the owner's. */
struct curl_job {
	CURL *easy;
	void (*done)(void *arg, CURLcode code); /* from a task of the loop */
	void *arg;
};

enum err curl_loop_new(struct loop *l, struct curl_loop **out,
    struct why *out_why) CHECKED;
/* All jobs must have been removed. */
void curl_loop_free(struct curl_loop *c);

/* Begin; it is driven in this turn of the loop, not from inside of here. */
enum err curl_loop_add(struct curl_loop *c, struct curl_job *job) CHECKED;
/* Also after `done`: a handle stays where it is until it is removed. */
void curl_loop_remove(struct curl_loop *c, struct curl_job *job);

#endif
