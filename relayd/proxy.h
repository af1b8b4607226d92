/* SPDX-License-Identifier: MIT */
/* proxy.h - the ways out: records plus this moment, and which of them an
 * account's calls take.
 *
 * The list lives in memory, is loaded at start and changed only by what the
 * store has committed.  Whatever leads nowhere is closed: nobody goes straight
 * who was told of a proxy. */
#ifndef RELAYD_PROXY_H
#define RELAYD_PROXY_H

#include <sys/queue.h>

#include "store/rec.h"

#include "relayd/dial.h"
#include "relayd/field.h"

struct audit_who;
struct store;

#define PROXIES_MAX 256
/* What an account says that never takes the default. */
#define PROXY_DIRECT "direct"

struct proxy {
	TAILQ_ENTRY(proxy) link; /* by name */
	struct proxy_rec rec;	 /* its strs point into blob */
	char *blob;
	size_t blob_len;
	char *url;   /* without password */
	char *shown; /* without user, too: for people */
	/* Open, in the store's arena; rec.user is empty. */
	struct str user, password;

	/* True at this moment. */
	int64_t fault_ms;      /* the last fault; monotonic */
	int64_t rest_until_ms; /* two in a minute: nobody goes that way */
	unsigned rests;	       /* in a row, for growing waits */
	char last_error[160];
	int64_t last_error_wall_ms;
	int64_t tested_wall_ms; /* the last test that went well; 0: none */
	int64_t tested_us;	/* how long it took */
	char address[48];	/* that it was seen to come from */
};

TAILQ_HEAD(proxy_list, proxy);

struct proxies {
	struct proxy_list list;
	unsigned count;
	struct store *store;
	char *standard; /* proxy_default; NULL: none */
	/* Accounts may have another way now. */
	void (*changed)(void *arg);
	void *changed_arg;
};

void proxies_init(struct proxies *ps, struct store *s);
void proxies_fini(struct proxies *ps);
/* Before the store's threads run: read all of them. */
enum err proxies_load(struct proxies *ps, struct why *out_why) CHECKED;
struct proxy *proxy_find(const struct proxies *ps, struct str name);
/* The name of the one that accounts take which name none; empty: none. */
void proxies_set_default(struct proxies *ps, const char *name);
void proxy_note_error(struct proxy *p, const char *text);
/* It gave no connection: two in a minute, and it rests for a minute, then two,
 * up to ten, a tenth more or less as `random` says. */
void proxy_note_fault(struct proxy *p, int64_t now_ms, uint32_t random);
/* It gave one. */
void proxy_note_good(struct proxy *p);
/* It was seen to work, or is another now: it rests no longer. */
void proxy_mend(struct proxy *p);
/* Until when it rests (monotonic ms); 0: it does not. */
int64_t proxy_rests_until(const struct proxy *p, int64_t now_ms);

/* What an operator can say of one, beside its URL; i counts from 0, NULL
 * ends. */
const struct field *proxy_field_at(unsigned i);
enum err proxy_field_set(struct proxy_rec *r, struct str name, struct str value,
    struct buf *io_text, struct why *out_why) CHECKED;
/* Take kind, host, port and user from a URL; io_text keeps bytes of it. */
enum err proxy_take_url(struct proxy_rec *r, struct str url,
    struct buf *io_text, struct why *out_why) CHECKED;
/* May the record be saved? */
enum err proxy_check(const struct proxy_rec *r, struct why *out_why) CHECKED;

/* --- which way ------------------------------------------------------------- */

/* The way out of an account, or of a sign-in that becomes one. */
struct outlet {
	char *proxy;	     /* URL without password; NULL: straight */
	struct str password; /* borrowed: a proxy's, or the account's own */
	char *no_way;	     /* why nothing may be connected to; NULL: fine */
	enum dial_family family;
	struct proxy *via; /* NULL: a URL, straight, or no way */
};

void outlet_fini(struct outlet *o);
/* Look it up for what a record says: the name of a proxy, a URL (whose
 * password is `own`), "direct", or nothing, which is the default.  ps NULL:
 * there are no proxies.  True: it is another way than it was. */
bool outlet_find(struct outlet *io, const struct proxies *ps, struct str proxy,
    struct str family, struct str own);
/* Say it to a dial or a fetch. */
void outlet_lead(const struct outlet *o, struct dial_to *to);
/* Its name, for people: that of the proxy, a URL, "direct", or empty. */
struct str outlet_name(const struct outlet *o);
/* May an account say that?  A name must be known. */
enum err proxies_check_said(const struct proxies *ps, struct str proxy,
    struct why *out_why) CHECKED;

/* --- saving ---------------------------------------------------------------- */

/* Called on the loop when the store has it, or refused it.  p is the proxy as
 * it is now, NULL after a failure and after a removal. */
typedef void
proxy_saved(void *arg, enum err e, const struct why *why, struct proxy *p);

/* As account_save() and account_delete(); r->user is the user, open, and goes
 * into the record sealed; a password with .at NULL is kept, an
 * empty one removed. */
void proxy_save(struct proxies *ps, const struct proxy_rec *r,
    struct str password, bool must_exist, uint64_t if_rev,
    const struct audit_who *who, proxy_saved *done, void *arg);
void proxy_delete(struct proxies *ps, struct str name, uint64_t if_rev,
    const struct audit_who *who, proxy_saved *done, void *arg);

/* --- between proxy.c and proxy_save.c -------------------------------------- */

enum err proxy_adopt(struct proxy *p, char *take_blob, size_t len,
    struct str user, struct str password) CHECKED;
void proxies_changed(struct proxies *ps);
void proxies_insert(struct proxies *ps, struct proxy *take_p);
void proxies_remove(struct proxies *ps, struct proxy *take_p);

#endif
