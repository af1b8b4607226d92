/* SPDX-License-Identifier: MIT */
/* oauth.h - signing in at a provider, and what comes of it, as data.
 *
 *	flow ---> a URL for a person (authorize), or a code to type (device)
 *	flow + pasted answer ---> ask (exchange) ---> answer ---> grant
 *	flow + refresh token ---> ask (renew)    ---> answer ---> grant
 *	grant ---> ask (next: profile, ...)      ---> answer ---> more of it
 *
 * Nothing here waits, sends or stores: signin.c and renew.c do.  A kind of
 * account fills in a struct oauth; its hooks are for what is really its own,
 * everything that is plain RFC 6749, 7636 or 8628 is done from the data. */
#ifndef RELAYD_OAUTH_H
#define RELAYD_OAUTH_H

#include "proto/buf.h"

#include "relayd/window.h"

struct account_rec;
struct client_secrets;
struct conf;
struct json;
struct oauth_grant;
struct provider;

/* 32 random bytes in base64url, with the NUL. */
#define OAUTH_RANDOM 44
#define OAUTH_FIELDS 4
/* The most an answer of a token endpoint, or a pasted one, may have. */
#define OAUTH_ANSWER_MAX (256 * 1024)
#define OAUTH_PASTE_MAX	 4096

/* --- one sign-in or refresh --------------------------------------------------- */

/* What it is about.  The strs are borrowed. */
struct oauth_flow {
	const struct provider *provider;
	struct str client;	  /* the OAuth client's id */
	struct str client_secret; /* empty: a public client */
	struct str auth_url;	  /* instead of the kind's origins; empty */
	struct str api_url;	  /* where the account's API is */
	struct str organization;  /* of an account that is signed in */
	struct str project;	  /* Google: the operator's; may be empty */
	struct str user_agent;	  /* the operator's; may be empty */
	/* Of a sign-in. */
	char verifier[OAUTH_RANDOM], challenge[OAUTH_RANDOM];
	char state[OAUTH_RANDOM];
	struct str device_code;
	struct str user_code;
};

/* What is asked of a provider, as data. */
struct oauth_ask {
	const char *method; /* "POST" */
	struct buf url, body;
	struct buf fields[OAUTH_FIELDS]; /* "Name: value" */
	unsigned count;
	int64_t wait_ms; /* not before that has passed; 0: at once */
};

void oauth_ask_init(struct oauth_ask *a);
/* Wipes: it may hold tokens. */
void oauth_ask_fini(struct oauth_ask *a);
enum err oauth_ask_field(struct oauth_ask *a, const char *name,
    struct str value) CHECKED;
/* Authorization: Bearer TOKEN */
enum err oauth_ask_bearer(struct oauth_ask *a, struct str token) CHECKED;

/* The texts of a grant that stand in the account's record under that name. */
enum grant_text {
#define X(name) GRANT_##name,
#include "relayd/grant.def"
#undef X
	GRANT_COUNT
};

/* What was granted: tokens, and whose they are. */
struct oauth_grant {
	struct buf access, refresh;
	int64_t life_s;	       /* from now; 0: not told */
	int64_t until_wall_ms; /* when it ends, where a file tells; or 0 */
	struct buf text[GRANT_COUNT];
	/* What a kind remembers between its next steps. */
	struct buf note;
};

void oauth_grant_init(struct oauth_grant *g);
void oauth_grant_fini(struct oauth_grant *g);
/* Replace one text; what is too long or no line of text is left out. */
void
oauth_grant_say(struct oauth_grant *g, enum grant_text which, struct str value);
struct str oauth_grant_text(const struct oauth_grant *g, enum grant_text which);
/* The record with the grant's texts and times in it; it then borrows from g.
 * Texts of which the grant knows nothing stay. */
void oauth_grant_note(const struct oauth_grant *g, int64_t now_wall_ms,
    struct account_rec *io_rec);

/* What a device flow begins with. */
struct oauth_device {
	struct buf code, user_code, url, url_whole;
	int64_t interval_s, life_s;
};

void oauth_device_init(struct oauth_device *d);
void oauth_device_fini(struct oauth_device *d);

/* --- what is particular to a kind --------------------------------------------- */

struct oauth_place {
	const char *origin; /* "https://claude.ai"; auth_url stands for it */
	const char *path;
};

struct oauth {
	/* What people are told before they sign in: the provider's terms. */
	const char *notice;
	/* The option of relayd.conf that holds the client's id. */
	int client_option; /* enum conf_option */
	/* That client has a secret, which the operator must have set. */
	bool needs_secret;
	/* NULL origin: there is no such flow. */
	struct oauth_place authorize, token, device;
	const char *redirect;
	const char *scopes; /* by blanks */
	/* Further parameters, "name=value&..." and percent-encoded, in front
	 * of the others. NULL: none. */
	const char *authorize_more;
	/* Further members or parameters of the exchange, NULL-ended pairs;
	 * a value of digits is a number in JSON. */
	const char *const *exchange_more;
	bool json;	 /* the token endpoint takes JSON, else a form */
	bool says_state; /* the exchange carries the state */
	bool renews;	 /* tokens are refreshed */
	bool renews_for; /* ... and for which organisation is said */

	/* Read more of a token endpoint's answer than tokens, life and scope.
	 * NULL: there is no more. */
	enum err (*read)(const struct json *answer, struct oauth_grant *io);
	/* Calls once the tokens are there, step 0, 1, ...; ERR_UNKNOWN: no
	 * more.  A failed read of a step whose answer it can do without is
	 * not reported.  NULL: none. */
	enum err (*next_ask)(const struct oauth_flow *f,
	    const struct oauth_grant *g, unsigned step, struct oauth_ask *out);
	enum err (*next_read)(const struct oauth_flow *f, unsigned step,
	    unsigned status, struct str body, struct oauth_grant *io,
	    struct why *out_why);
	/* Instead of RFC 8628, where a provider has its own ways. */
	enum err (*device_ask)(const struct oauth_flow *f,
	    struct oauth_ask *out);
	enum err (*device_read)(const struct oauth_flow *f, unsigned status,
	    struct str body, struct oauth_device *out, struct why *out_why);
	enum err (*poll_ask)(const struct oauth_flow *f, struct oauth_ask *out);
	/* ERR_AGAIN: nobody has said yes yet; a changed *io_interval_s is the
	 * new pace. */
	enum err (*poll_read)(unsigned status, struct str body,
	    int64_t *io_interval_s, struct oauth_grant *out,
	    struct why *out_why);
	/* Is this its own client's file?  Then what it grants; ERR_UNKNOWN:
	 * it is none. */
	enum err (*import)(const struct json *file, struct oauth_grant *out,
	    struct why *out_why);
	/* Asking for the limits, on demand; NULL: it cannot be asked. */
	enum err (*limits_ask)(const struct oauth_flow *f, struct str token,
	    struct oauth_ask *out);
	enum err (*limits_read)(unsigned status, struct str body,
	    struct windows *io, struct why *out_why);
};

/* --- the engine --------------------------------------------------------------- */

/* A flow for accounts of that record (its kind, url, auth_url).  ERR_VALUE:
 * the operator has not said with which client, or not its secret.  The secret
 * is borrowed for this turn of the loop: oauth_flow_secret() looks again. */
enum err oauth_flow_init(struct oauth_flow *f, const struct account_rec *r,
    const struct conf *conf, const struct client_secrets *secrets,
    struct why *out_why) CHECKED;
void oauth_flow_secret(struct oauth_flow *f, const struct conf *conf,
    const struct client_secrets *secrets);
/* Make verifier, challenge and state out of 2 x 32 random bytes. */
void oauth_flow_draw(struct oauth_flow *f, const uint8_t random[64]);
/* S256 of RFC 7636. */
void oauth_challenge(struct str verifier, char out[OAUTH_RANDOM]);

/* The address a person opens. */
enum err oauth_authorize(const struct oauth_flow *f, struct buf *out) CHECKED;
/* What the person brought back: CODE, CODE#STATE, or the whole address the
 * browser was sent to; blanks, and what a terminal puts around pasted text,
 * are ignored.  ERR_STALE: it belongs to another sign-in; ERR_DENIED: the
 * provider said no. */
enum err oauth_paste(const struct oauth_flow *f, struct str pasted,
    struct buf *out_code, struct why *out_why) CHECKED;
enum err oauth_exchange(const struct oauth_flow *f, struct str code,
    struct oauth_ask *out) CHECKED;
enum err oauth_renew(const struct oauth_flow *f, struct str refresh,
    struct oauth_ask *out) CHECKED;
/* An answer of the token endpoint.  ERR_DENIED: the code or refresh token is
 * no longer good; ERR_AGAIN: the endpoint has trouble; ERR_VALUE: it refuses
 * what relayd asks; ERR_SYNTAX: it is no answer.  A refresh token that the
 * answer does not tell is left as it is. */
enum err oauth_read(const struct oauth_flow *f, unsigned status,
    struct str body, struct oauth_grant *io, struct why *out_why) CHECKED;

/* Is a refusal with this status the endpoint's trouble, and no answer? */
bool oauth_is_for_a_while(unsigned status);

/* The device flow, by RFC 8628 or the kind's own ways. */
enum err
oauth_device(const struct oauth_flow *f, struct oauth_ask *out) CHECKED;
enum err oauth_device_read(const struct oauth_flow *f, unsigned status,
    struct str body, struct oauth_device *out, struct why *out_why) CHECKED;
enum err oauth_poll(const struct oauth_flow *f, struct oauth_ask *out) CHECKED;
enum err oauth_poll_read(const struct oauth_flow *f, unsigned status,
    struct str body, int64_t *io_interval_s, struct oauth_grant *out,
    struct why *out_why) CHECKED;

/* Whose file is it?  The kind of account it makes, and its grant.
 * ERR_UNKNOWN: nobody's; ERR_UNSUPPORTED: of a client whose kind of account
 * does not exist here (the text names both). */
enum err oauth_import(struct str file, const struct provider **out_kind,
    struct oauth_grant *out, struct why *out_why) CHECKED;

/* When to renew a token that was got at `since` and ends at `until`: min(10
 * min, a fifth of its life) before, give or take a tenth of that, the same for
 * the same name and end.  0: never. */
int64_t oauth_renew_at(struct str name, int64_t since, int64_t until);
/* The wait after so many failures in a row: 5 s, doubled up to 5 min. */
int64_t oauth_renew_wait_ms(unsigned failures);

#endif
