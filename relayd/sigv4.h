/* SPDX-License-Identifier: MIT */
/* sigv4.h - requests signed as AWS wants them (Signature Version 4).
 *
 * A pure function of its input, the time included (protocols/bedrock.md 5.2).
 * Paths are encoded once more for signing, as all services but S3 want it. */
#ifndef RELAYD_SIGV4_H
#define RELAYD_SIGV4_H

#include "proto/buf.h"

#define SIGV4_SHA256	 32
#define SIGV4_FIELDS_MAX 8

struct sigv4_field {
	struct str name, value; /* the name in lower case */
};

struct sigv4 {
	struct str access_key, secret_key;
	struct str region, service;
	int64_t wall_ms;
	struct str method;
	struct str path;  /* as it is sent */
	struct str query; /* without the '?'; may be empty */
	/* Header fields to be signed besides x-amz-date; any order. */
	struct sigv4_field fields[SIGV4_FIELDS_MAX - 1];
	size_t count;
	const uint8_t *body_sha256; /* SIGV4_SHA256 bytes */
};

#define SIGV4_DATE_SIZE 17 /* "20150830T123600Z" */

/* The value of X-Amz-Date. */
void sigv4_date(int64_t wall_ms, char out[SIGV4_DATE_SIZE]);

/* Append the value of the Authorization header.  ERR_LIMIT: too long for out
 * or for being signed.  The secret and what is made of it are wiped from the
 * stack. */
enum err sigv4_sign(const struct sigv4 *q, struct buf *out) CHECKED;

/* --- for tests: what is made on the way ------------------------------------ */

enum err sigv4_canonical(const struct sigv4 *q, struct buf *out) CHECKED;

#endif
