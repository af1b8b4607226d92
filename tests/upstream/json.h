/* SPDX-License-Identifier: MIT */
/* json.h - small helps for writing JSON and reading cJSON trees. */
#ifndef TESTS_UPSTREAM_JSON_H
#define TESTS_UPSTREAM_JSON_H

#include <cjson/cJSON.h>

#include "proto/buf.h"
#include "proto/str.h"

/* Append s as a JSON string, quotes included.  Bytes that are not UTF-8
 * become U+FFFD. */
void json_add(struct buf *out, struct str s);
/* The same for a C string. */
void json_add_c(struct buf *out, const char *s);

/* The string of a member, or NULL. */
const char *json_string(const cJSON *object, const char *name);

/* The smallest value that fits a JSON schema, for requests that ask for
 * structured output. */
void json_from_schema(struct buf *out, const cJSON *schema);

#endif
