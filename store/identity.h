/* SPDX-License-Identifier: MIT */
/* identity.h - what a store knows about itself, in the table meta: that it is
 * one, which one, and which master key it was made with.
 *
 *	"schema"	its version (migrate.h)
 *	"id"		16 random bytes
 *	"check"		seal_check_value() of its master key */
#ifndef STORE_IDENTITY_H
#define STORE_IDENTITY_H

#include <stdbool.h>

#include "proto/err.h"

struct seal;
struct txn;

#define IDENTITY_ID_BYTES 16

/* Is it empty?  ERR_UNSUPPORTED: it is newer than we are. */
enum err
identity_look(struct txn *t, bool *out_is_fresh, struct why *out_why) CHECKED;
/* ERR_CRYPTO: the master key is another one's. */
enum err
identity_check(struct txn *t, struct seal *seal, struct why *out_why) CHECKED;
/* Give an empty store its id, and tie it to the master key. */
enum err
identity_write(struct txn *t, struct seal *seal, struct why *out_why) CHECKED;

#endif
