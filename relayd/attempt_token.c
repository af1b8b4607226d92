/* SPDX-License-Identifier: MIT */
/* attempt_token.c - what a try at a subscription's account has beside others:
 * a token that may have ended, and the operator's own words in front. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"

#include "relayd/daemon.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/outbound.h"
#include "relayd/relay.h"

/* As long may a request wait for a token; the renewal itself goes on. */
#define RENEW_WAIT_MS 20000

/* --- a new token -------------------------------------------------------------------- */

static void
on_renewed(void *arg, enum err e, const struct why *why)
{
	struct relay *r = arg;

	r->renew_end = e;
	r->renew_why = *why;
	/* The state's timer is due now. */
	relay_wait_until(r, loop_ms(r->d->loop));
}

bool
attempt_token_is_old(const struct relay *r, unsigned status)
{
	return status == 401 && !r->head_sent && !r->renewed &&
	    renew_is_possible(r->account);
}

enum relay_state
attempt_renew(struct relay *r)
{
	struct account *a = r->account;
	int64_t now_ms = loop_ms(r->d->loop);

	r->renewed = true;
	r->renew_end = OK;
	snprintf(r->account_name, sizeof(r->account_name), "%.*s",
	    STR_ARG(a->rec.name));
	/* Another request may have had it renewed since this one was sent. */
	if (r->token_at && a->rec.renewed_at != r->token_at) {
		relay_wait_until(r, now_ms);
		return R_BACKOFF;
	}
	log_note(LOG_INFO, "attempt",
	    "%s: the token of %s is renewed before it is tried again",
	    r->id_text, r->account_name);
	r->renewing = (struct renew_wait){ .done = on_renewed, .arg = r };
	relay_wait_until(r, now_ms + RENEW_WAIT_MS);
	renew_join(r->d->renewals, a, &r->renewing);
	return R_BACKOFF;
}

bool
attempt_renewed(struct relay *r, enum relay_state *out_next)
{
	bool waited_in_vain = r->renewing.in != NULL;
	struct account *a;

	if (!waited_in_vain && !r->renew_end)
		return false;
	attempt_forget_renewal(r);
	a = pool_find(r->d->pool, str_of(r->account_name));
	if (!a) {
		r->renew_end = OK;
		return false;
	}
	r->account = a;
	r->told_ms = 0;
	r->renew_end = OK;
	*out_next = attempt_failed(r, 401, STR(""),
	    waited_in_vain ? "its token was not renewed in time"
			   : "its token is refused and could not be renewed");
	return true;
}

void
attempt_forget_renewal(struct relay *r)
{
	renew_leave(&r->renewing);
}

/* --- a preamble ------------------------------------------------------------------------ */

static const struct span_want system_want[] = { { "system" } };

/* {"type":"text","text":PREAMBLE} */
static void
put_block(struct buf *out, struct str text)
{
	struct json_out j;

	json_begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "type", STR("text"));
	json_say(&j, "text", text);
	json_close(&j, '}');
	/* Records are smaller than this buffer. */
	if (json_end(&j))
		abort();
}

static bool
has_members(struct str inside)
{
	for (size_t i = 0; i < inside.len; i++)
		if (!strchr(" \t\r\n", inside.at[i]))
			return true;
	return false;
}

/* The operator's block in front of what the client says: a list as it was, a
 * text as a block of its own, or nothing.  Returns how many splices do that. */
static size_t
splice_system(const struct scan *scan, struct str body, struct buf *block,
    struct splice out[2])
{
	const struct span *s = &scan->found[0];
	struct str inside;

	switch (s->type) {
	case SPAN_ARRAY:
		inside = str_at(body.at + s->from + 1, s->to - s->from - 2);
		if (has_members(inside))
			buf_must(block, STR(","));
		out[0] =
		    (struct splice){ s->from + 1, s->from + 1, buf_str(block) };
		return 1;
	case SPAN_STRING:
		buf_must(block, STR(",{\"type\":\"text\",\"text\":"));
		out[0] = (struct splice){ s->from, s->from, buf_str(block) };
		out[1] = (struct splice){ s->to, s->to, STR("}]") };
		return 2;
	case SPAN_ABSENT:
		buf_must(block, scan->empty ? STR("]") : STR("],"));
		out[0] =
		    (struct splice){ scan->open, scan->open, buf_str(block) };
		return 1;
	case SPAN_NULL:
		buf_must(block, STR("]"));
		out[0] = (struct splice){ s->from, s->to, buf_str(block) };
		return 1;
	case SPAN_NUMBER:
	case SPAN_TRUE:
	case SPAN_FALSE:
	case SPAN_OBJECT:
		break;
	}
	/* The provider will say what it thinks of that. */
	return 0;
}

enum err
attempt_preface(struct relay *r)
{
	const struct account *a = r->account;
	struct splice splices[2];
	struct buf block;
	struct scan scan;
	size_t count = 0;
	enum err e;

	if (!a->rec.preamble.len || r->dialect != &dialect_anthropic ||
	    !a->provider->is_native || a->provider->is_native(r->c->head))
		return ERR_UNKNOWN;
	scan_init(&scan, system_want, 1);
	e = scan_feed(&scan, r->body, NULL);
	if (!e)
		e = scan_end(&scan, NULL);
	if (e)
		return ERR_UNKNOWN;
	buf_init(&block, 64 * 1024);
	if (scan.found[0].type == SPAN_ABSENT)
		buf_must(&block, STR("\"system\":["));
	else if (scan.found[0].type != SPAN_ARRAY)
		buf_must(&block, STR("["));
	put_block(&block, a->rec.preamble);
	count = splice_system(&scan, r->body, &block, splices);
	buf_clear(&r->prefaced);
	e = count ? splice_apply(r->body, splices, count, &r->prefaced)
		  : ERR_UNKNOWN;
	buf_fini(&block);
	relay_charge(r);
	return e;
}
