/* SPDX-License-Identifier: MIT */
/* assist.h - Google's Code Assist: the Gemini API in an envelope, with the
 * project of an account in it (protocols/gemini.md 2).
 *
 *	{"model":M,"project":P,"request":{...}}  -->  {"response":{...}}
 *
 * What comes as plain Gemini is put into the envelope and taken out again;
 * what comes in it is left as it is but for the project, which the client has
 * learned from another account, or not at all. */
#ifndef RELAYD_ASSIST_H
#define RELAYD_ASSIST_H

#include "relayd/oauth.h"
#include "relayd/provider.h"
#include "relayd/reshape.h"

/* A method of /v1internal. */
struct assist_method {
	const char *name;
	enum op op;
	const char *http;
	/* The member that an account's project is put into when the client
	 * names none; NULL: none. */
	const char *put;
};

/* By name, or NULL: it is none that is passed on. */
const struct assist_method *assist_method_find(struct str name);

/* The project of requests: the operator's, else the one that was found when
 * somebody signed in; may be empty. */
struct str assist_project(const struct account_rec *r);
/* Google's spelling of a project's id? */
bool assist_is_project(struct str s);
/* For provider.check: ERR_VALUE when the operator's is none. */
enum err assist_check(const struct account_rec *r, struct why *out_why) CHECKED;

/* --- requests ------------------------------------------------------------------ */

/* For provider.target, .plan and .body.  `agent`: with what Antigravity's
 * service wants besides, and without what it refuses. */
enum err assist_target(const struct ask *ask, struct buf *out) CHECKED;
enum err assist_plan(const struct account *a, const struct ask *ask, bool agent,
    struct buf *out, struct why *out_why) CHECKED;
enum err assist_body(struct str plan, struct str body, struct buf *out,
    struct why *out_why) CHECKED;

/* --- answers ------------------------------------------------------------------- */

/* Out of the envelope: a stream of events; a whole answer, or an array of
 * them.  What is in none passes. */
extern const struct reshape_ops assist_events, assist_whole;
/* For provider.answer. */
const struct reshape_ops *
assist_answer(const struct ask *ask, const struct http1_head *answer);

/* When a refusal says that it may be asked again, in ms from now; 0: it does
 * not say.  A quota of a day ends when the day does in California. */
int64_t assist_retry_ms(struct str body, int64_t wall_ms);

/* --- limits ---------------------------------------------------------------------- */

/* Ask a method about the flow's project: {"project":P}. */
enum err assist_ask_about(const struct oauth_flow *f, struct str token,
    const char *method, struct oauth_ask *out) CHECKED;
/* What it answered, to be freed. */
enum err assist_quota(unsigned status, struct str body, struct json **out,
    struct why *out_why) CHECKED;

/* --- signing in ------------------------------------------------------------------ */

/* Who that is, and which project is theirs: for oauth.next_ask and next_read;
 * `metadata` is the JSON that says on whose behalf. */
enum err
assist_next_ask(const struct oauth_flow *f, const struct oauth_grant *g,
    const char *metadata, unsigned step, struct oauth_ask *out) CHECKED;
enum err
assist_next_read(const struct oauth_flow *f, unsigned step, unsigned status,
    struct str body, struct oauth_grant *io, struct why *out_why) CHECKED;
/* {"access_token","refresh_token","expiry_date",...} of Gemini CLI. */
enum err assist_import(const struct json *file, struct oauth_grant *out,
    struct why *out_why) CHECKED;

#endif
