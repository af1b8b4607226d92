/* SPDX-License-Identifier: MIT */
/* client.h - programs that keys can be for: those relayd knows
 * (client_rule.def), those an operator has added, and those that were seen.
 *
 * A client is told by its User-Agent and by the path it asks; neither proves
 * anything.  The added ones are loaded at start and changed only by what the
 * store has committed; what was seen is counted since the start, and bounded:
 * the one that was not seen for longest makes room. */
#ifndef RELAYD_CLIENT_H
#define RELAYD_CLIENT_H

#include <sys/queue.h>

#include "proto/http1.h"
#include "proto/map.h"

#include "store/rec.h"

struct audit_who;
struct store;

#define CLIENTS_MAX	 64 /* of those added */
#define CLIENT_SEEN_MAX	 256
#define CLIENT_NAME_TEXT 48
#define CLIENT_SAYS_TEXT 160

/* One that relayd knows. */
struct client_rule {
	const char *name, *label;
	const char *agents, *paths; /* globs, '|' between; "": any */
	const char *field, *value;  /* a POST needs it; NULL: none */
};

/* i counts from 0, NULL ends. */
const struct client_rule *client_rule_at(unsigned i);

struct client {
	TAILQ_ENTRY(client) link; /* by name */
	struct client_rec rec;	  /* its strs point into blob */
	char *blob;
};

TAILQ_HEAD(client_list, client);

/* Of one product, whatever its version. */
struct client_seen {
	TAILQ_ENTRY(client_seen) link; /* seen last, first */
	char name[CLIENT_NAME_TEXT];   /* "claude-cli"; empty: it said none */
	char says[CLIENT_SAYS_TEXT];   /* the last User-Agent, inert */
	uint64_t requests;
	int64_t at_wall_ms;
};

TAILQ_HEAD(client_seen_list, client_seen);

struct clients {
	struct client_list list;
	unsigned count;
	struct client_seen_list seen;
	struct map seen_by_name;
	struct store *store;
};

void clients_init(struct clients *cs, struct store *s);
void clients_fini(struct clients *cs);
/* Before the store's threads run. */
enum err clients_load(struct clients *cs, struct why *out_why) CHECKED;
struct client *client_find(const struct clients *cs, struct str name);

/* Does the request look like that client's?  `path` is cleaned.  One that is
 * not known (any more) looks like none. */
bool client_fits(const struct clients *cs, struct str name,
    const struct http1_head *head, struct str path);
/* ERR_UNKNOWN names a member of the list that is no client, and those there
 * are. */
enum err clients_check(const struct clients *cs, struct str names,
    struct why *out_why) CHECKED;
/* The name of the first client with such a User-Agent; empty: none. */
struct str client_of(const struct clients *cs, struct str agent);

/* A request with that User-Agent was there. */
void clients_see(struct clients *cs, struct str agent, int64_t wall_ms);

/* May it be added?  Its name must be free, and it must tell something. */
enum err client_check(const struct clients *cs, const struct client_rec *r,
    struct why *out_why) CHECKED;

/* Called on the loop when the store has it, or refused it.  c is the client as
 * it is now, NULL after a failure and after a removal. */
typedef void
client_saved(void *arg, enum err e, const struct why *why, struct client *c);

void client_add(struct clients *cs, const struct client_rec *r,
    const struct audit_who *who, client_saved *done, void *arg);
void client_delete(struct clients *cs, struct str name, uint64_t if_rev,
    const struct audit_who *who, client_saved *done, void *arg);

/* --- between client.c and client_save.c ------------------------------------ */

enum err client_read(struct client *c, char *take_blob, size_t len) CHECKED;
void clients_insert(struct clients *cs, struct client *take_c);
void clients_remove(struct clients *cs, struct client *take_c);

#endif
