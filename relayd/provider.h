/* SPDX-License-Identifier: MIT */
/* provider.h - what is particular to a kind of account.
 *
 * Members do not wait: they turn input into output. */
#ifndef RELAYD_PROVIDER_H
#define RELAYD_PROVIDER_H

#include "proto/dialect.h"
#include "proto/http1.h"

#include "relayd/field.h"
#include "relayd/oauth.h"

struct account;
struct account_rec;
struct reshape_ops;

/* What is asked of an upstream. */
enum op {
#define X(name, text) OP_##name,
#include "relayd/op.def"
#undef X
};

/* "generate", and back (false: no such operation). */
const char *op_name(enum op op);

/* A client's request as a provider sees it. */
struct ask {
	const struct dialect *dialect;
	enum op op;
	const struct http1_head *head; /* the client's */
	struct str model;	       /* as it goes upstream; may be empty */
	struct str action;	       /* Gemini: "streamGenerateContent" */
	struct str id;		       /* Code Assist: of an operation */
	struct str query;	       /* without credentials; may be empty */
	bool stream;
	bool enveloped;	     /* Code Assist: it comes in the envelope */
	bool renamed;	     /* the client does not call the model so */
	struct str encoding; /* Content-Encoding of the body; empty: none */
	uint64_t length;
	bool has_body;
	struct str credential; /* the account's, or the key whose turn it is */
	/* For kinds that sign: of the body as it is sent, and now. */
	const uint8_t *sha256;
	int64_t wall_ms;
};

/* Where a provider tells which models it has for an account: a GET, or a POST
 * of {"project":...} where that is wanted. */
struct model_list {
	const char *path;  /* and query, behind the account's base */
	const char *in;	   /* the member that holds them */
	const char *name;  /* of each, this member; NULL: its key */
	const char *start; /* of names, taken off; or NULL */
	bool of_project;
};

extern const struct model_list anthropic_list, openai_list;

struct provider {
	const char *name;  /* "claude-api" */
	const char *label; /* "Anthropic API key" */
	const char *url;  /* where to, when the account does not say; or NULL */
	const char *auth; /* "x-api-key", "bearer", "x-goog-api-key" */
	const struct field *fields; /* ends with name NULL */
	/* Known model names, for lists when the account names none; NULL-ended. */
	const char *const *models;
	const struct model_list *list; /* NULL: nobody can be asked */
	/* Does it serve this, in this dialect? */
	bool (*serves)(const struct dialect *dialect, enum op op);
	/* Does it take bodies with this Content-Encoding?  NULL: none. */
	bool (*takes)(struct str encoding);
	/* The target to ask (path and query), appended to out; the base path
	 * of the account's URL stands in front of it already. */
	enum err (*target)(const struct account *a, const struct ask *ask,
	    struct buf *out, struct why *out_why);
	/* A token that must stand in a list header beside the client's own,
	 * such as anthropic-beta; NULL: none. */
	const char *list_name, *list_token;
	/* Further header lines that the account has to say about itself (an
	 * id, a project), appended to out.  NULL: none. */
	enum err (*own_fields)(const struct account *a, const struct ask *ask,
	    struct buf *out);
	/* Does this head come from the provider's own client?  The account
	 * then serves no others unless it says clients = any.  NULL: it
	 * serves whoever has a key. */
	bool (*is_native)(const struct http1_head *head);
	const char *native; /* what that client is called */
	/* What the head of an answer tells about limits; NULL: nothing. */
	void (*read_limits)(const struct http1_head *answer,
	    int64_t now_wall_ms, struct windows *io);
	/* How one signs in; NULL: a key never grows old. */
	const struct oauth *oauth;

	/* --- of kinds that want another form; all NULL: byte for byte ------- */

	/* The body, in two steps.  On the loop `plan` notes what is to be done
	 * (in bytes of its own making, appended to out; nothing: the body is
	 * fine as it is); `body` does it from
	 * those and the client's decoded body alone, perhaps on another
	 * thread.  Both or none.  Failures are the request's. */
	enum err (*plan)(const struct account *a, const struct ask *ask,
	    struct buf *out, struct why *out_why);
	enum err (*body)(struct str plan, struct str body, struct buf *out,
	    struct why *out_why);
	/* With `body`: is ask->sha256 wanted in `head`?  NULL: no. */
	bool (*signs)(const struct account *a);
	/* The fields of the request's head, all of them, each ended by CRLF;
	 * `target` is path and query as sent.  NULL: the client's, as
	 * headers.def says. */
	enum err (*head)(const struct account *a, const struct ask *ask,
	    struct str target, struct buf *out, struct why *out_why);
	/* What the answer with this head (2xx) has to go through; NULL, or it
	 * returns NULL: it passes as it is. */
	const struct reshape_ops *(*answer)(const struct ask *ask,
	    const struct http1_head *answer);
	/* An error answer in the words of the dialect: appends its body to out
	 * and returns the status it stands for. */
	unsigned (*refusal)(const struct http1_head *answer, struct str body,
	    struct buf *out);
	/* When the body of a refusal says that it may be asked again, in ms
	 * from now; 0: it does not say. */
	int64_t (*retry_ms)(struct str body, int64_t wall_ms);
	/* Where to, when the account has no URL and it is not `url`. */
	enum err (*origin)(const struct account_rec *r, struct buf *out,
	    struct why *out_why);
	/* The credential may be several keys (account_keys.h). */
	bool many_keys;
	/* What is wrong with a record, beyond its fields' types? */
	enum err (*check)(const struct account_rec *r, struct why *out_why);
	/* Or with a credential?  The text must not repeat it. */
	enum err (*check_credential)(struct str credential,
	    struct why *out_why);
};

#define X(symbol) extern const struct provider provider_##symbol;
#include "relayd/provider.def"
#undef X

/* By name, or NULL.  provider_at(0), (1), ... until NULL lists them. */
const struct provider *provider_find(struct str name);
/* There is no such kind: says so, and which there are. */
enum err provider_refuse(struct str name, struct why *out_why) CHECKED;
const struct provider *provider_at(unsigned i);
/* The i at which it stands there. */
unsigned provider_nr(const struct provider *p);

#endif
