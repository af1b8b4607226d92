/* SPDX-License-Identifier: MIT */
/* channel.h - the ways to tell people: records plus this moment.
 *
 * The list lives in memory, is loaded at start and changed only by what the
 * store has committed.  Secrets are sealed at rest and open in the arena. */
#ifndef RELAYD_CHANNEL_H
#define RELAYD_CHANNEL_H

#include <sys/queue.h>

#include "relayd/messenger.h"
#include "relayd/quiet.h"

struct audit_who;
struct delivery;
struct notice_entry;
struct notices;
struct outlet;
struct proxies;
struct store;

#define CHANNELS_MAX 32

enum channel_secret {
	CHANNEL_SECRET,
	CHANNEL_SIGN,
	CHANNEL_PROXY_PASSWORD,
	CHANNEL_SECRETS
};

struct channel {
	TAILQ_ENTRY(channel) link; /* by name */
	struct channel_rec rec;	   /* its strs point into blob */
	char *blob;
	const struct messenger *messenger;
	char *url;
	const struct proxies *proxies; /* those of the list */
	struct quiet quiet;
	struct str secrets[CHANNEL_SECRETS]; /* open, in the store's arena */

	/* True at this moment. */
	struct notices *notices; /* that tells them */
	struct delivery *delivery;
	struct notice_entry *going; /* of the delivery under way */
	unsigned failures;	    /* in a row */
	int64_t rest_until_ms;	    /* wall */
	uint64_t sent, failed;	    /* since start; attempts, given up */
	int64_t sent_at_ms;	    /* wall; 0: never */
	char error[200];
	int64_t error_at_ms;
};

TAILQ_HEAD(channel_list, channel);

struct channels {
	struct channel_list list;
	unsigned count;
	struct store *store;
	const struct proxies *proxies; /* NULL: there are none */
};

void channels_init(struct channels *cs, struct store *s);
void channels_fini(struct channels *cs);
/* Before the store's threads run: read all of them. */
enum err channels_load(struct channels *cs, struct why *out_why) CHECKED;
/* Those that channels may name as their way out. */
void channels_set_proxies(struct channels *cs, const struct proxies *ps);
struct channel *channel_find(const struct channels *cs, struct str name);

/* New secrets; .at NULL keeps what is sealed, empty removes it. */
struct channel_secrets {
	struct str at[CHANNEL_SECRETS];
};
const char *channel_secret_name(enum channel_secret s); /* "proxy_password" */

/* May the record be saved with these secrets, `fresh` when there were none
 * before?  Fills in rec.origin, in io_text, when there is a new secret URL. */
enum err channel_check(struct channel_rec *r, const struct channel_secrets *s,
    bool fresh, struct buf *io_text, struct why *out_why) CHECKED;
/* Set one field from text, as account_field_set(). */
enum err channel_field_set(struct channel_rec *r, const struct messenger *m,
    struct str name, struct str value, struct buf *io_text,
    struct why *out_why) CHECKED;
/* "ready", "held", "resting" (it has failed), or "quiet"; *out_until_ms is
 * when that ends (wall), 0 when unknown. */
const char *
channel_state(const struct channel *c, int64_t wall_ms, int64_t *out_until_ms);
/* Does it want to be told of that? */
bool channel_wants(const struct channel *c, enum notice_event event);

/* The way out as it is now: a proxy's name or a URL; nothing is straight,
 * because proxy_default is that of accounts. */
void channel_find_way(const struct channel *c, struct outlet *io);

/* Called on the loop when the store has it, or refused it.  c is the channel
 * as it is now, NULL after a failure.  Of a removal it is the one that is
 * freed when this returns. */
typedef void
channel_saved(void *arg, enum err e, const struct why *why, struct channel *c);

/* As account_save() and account_delete(). */
void channel_save(struct channels *cs, const struct channel_rec *r,
    const struct channel_secrets *secrets, bool must_exist, uint64_t if_rev,
    const struct audit_who *who, channel_saved *done, void *arg);
void channel_delete(struct channels *cs, struct str name, uint64_t if_rev,
    const struct audit_who *who, channel_saved *done, void *arg);

/* --- between channel.c and channel_save.c ---------------------------------- */

enum err channel_adopt(struct channel *c, char *take_blob, size_t len,
    const struct str secrets[CHANNEL_SECRETS]) CHECKED;
void channels_insert(struct channels *cs, struct channel *take_c);
void channels_remove(struct channels *cs, struct channel *take_c);

#endif
