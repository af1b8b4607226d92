/* SPDX-License-Identifier: MIT */
/* answer_end.c - how an answer ends: whole, cut, or without its client; and
 * the receipt that is on disk before the end can be seen. */
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/conf.h"
#include "relayd/daemon.h"
#include "relayd/log.h"
#include "relayd/relay.h"
#include "relayd/shape.h"

/* What may follow the end of an answer gets this long. */
#define ENDING_MS 5000

/* --- sealing ----------------------------------------------------------------- */

/* Waits for the receipt's commit; outlives the relay if the client leaves. */
struct seal_job {
	struct job job;
	struct ulid id;
	struct relay *r;
};

/* How long an end is held for a disk that does not take it, and how long until
 * it is asked once more.  After that the journal, which survives a kill, has
 * to do: a client must not wait for ever. */
#define SEAL_MS	      30000
#define SEAL_AGAIN_MS 250

static enum err
seal_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct seal_job *s = (struct seal_job *)j;
	struct str row;

	/* What the journal holds is folded into a transaction before its jobs,
	 * unless the last one was lost: then it is not there yet. */
	(void)out_why;
	return txn_get(t, TABLE_receipt,
	    str_at((const char *)s->id.byte, sizeof(s->id.byte)), &row);
}

static void
seal_done(struct job *j)
{
	struct seal_job *s = (struct seal_job *)j;

	if (s->r) {
		s->r->sealing = NULL;
		if (!j->result)
			relay_post(s->r, E_STORED);
		else
			relay_wait_until(s->r,
			    loop_ms(s->r->d->loop) + SEAL_AGAIN_MS);
	}
	free(s);
}

static void
ask_the_store(struct relay *r)
{
	struct seal_job *s = xcalloc(1, sizeof(*s));

	s->job = (struct job){ .work = seal_work, .done = seal_done };
	s->id = r->id;
	s->r = r;
	r->sealing = s;
	store_post(r->d->store, LANE_WRITE, &s->job);
	relay_wait_until(r, r->deadline_ms);
}

static enum relay_state
seal(struct relay *r)
{
	/* What follows the end is not read meanwhile. */
	upstream_hold(&r->up, true);
	r->deadline_ms = loop_ms(r->d->loop) + SEAL_MS;
	ask_the_store(r);
	return R_SEALING;
}

/* SEALING's timer: the store failed, or is silent for too long. */
enum relay_state
do_reseal(struct relay *r)
{
	if (loop_ms(r->d->loop) >= r->deadline_ms) {
		log_note(LOG_ERROR, "seal",
		    "%s: the receipt is not on disk after %d s; the end is "
		    "shown all the same",
		    r->id_text, SEAL_MS / 1000);
		return do_unseal(r);
	}
	if (!r->sealing)
		ask_the_store(r);
	else
		relay_wait_until(r, r->deadline_ms);
	return R_SEALING;
}

void
answer_forget_seal(struct relay *r)
{
	if (r->sealing)
		r->sealing->r = NULL;
	r->sealing = NULL;
}

enum relay_state
do_unseal(struct relay *r)
{
	answer_forget_seal(r);
	upstream_hold(&r->up, false);
	answer_show_head(r);
	answer_emit_whole(r);
	if (answer_is_ended(r))
		return do_close(r);
	answer_flush(r);
	r->events |= 1u << E_DATA;
	relay_wait_until(r, loop_ms(r->d->loop) + ENDING_MS);
	return R_ENDING;
}

/* --- the end ----------------------------------------------------------------- */

/* The answer has come to its end: the receipt first, then the rest of it. */
enum relay_state
answer_end(struct relay *r)
{
	int64_t now_us = clock_us() - r->began_us;

	/* The receipt speaks of what is shown right after it. */
	if (!r->head_sent)
		r->status = r->up.answer.status;
	if (!r->first_us)
		r->first_us = now_us;
	r->bytes_out += buf_len(&r->held);
	if (!r->watch.error)
		attempt_note(r, ATTEMPT_OK, 0, "");
	else if (r->is_sse)
		attempt_note(r, ATTEMPT_STREAM_ERROR, 0, r->watch.error_type);
	else
		attempt_note(r, ATTEMPT_ERROR_STATUS, 0, "");
	relay_settle(r, r->watch.error ? OUTCOME_UPSTREAM : OUTCOME_OK);
	r->bytes_out -= buf_len(&r->held);
	if (r->d->conf->durable == DURABLE_POWER && r->key)
		return seal(r);
	return do_unseal(r);
}

enum relay_state
do_tail(struct relay *r)
{
	answer_take_all(r);
	answer_emit_whole(r);
	answer_flush(r);
	return R_ENDING;
}

/* Everything was said and booked: end the body as it should end. */
enum relay_state
do_close(struct relay *r)
{
	struct conn *c = r->c;

	answer_emit(r, buf_str(&r->held));
	buf_clear(&r->held);
	if (r->chunked && http1_put_last_chunk(conn_out(c)))
		c->keeps = false;
	attempt_end(r, ATTEMPT_OK, 0, "");
	return do_settle(r);
}

/* END in STREAMING. */
enum relay_state
do_finish(struct relay *r)
{
	bool whole = !r->is_sse || r->watch.terminal || r->lost_track;

	if (!whole)
		return do_cut(r);
	r->whole = buf_len(&r->held);
	return answer_end(r);
}

/* The answer breaks off after the client has seen some of it.  A stream is
 * never made to look whole: the dialect's error, then a broken connection;
 * only Gemini's callers want a clean end (protocols/clients.md 1.1).  An error
 * that the upstream itself has told, and ended after, is passed on like that:
 * clients drop what they have not read yet when a connection breaks.  Where
 * the close is all that tells a caller of HTTP/1.0 of the end, breaking is a
 * reset. */
enum relay_state
do_cut(struct relay *r)
{
	struct refusal refusal = { .fault =
				       r->fault ? r->fault : FAULT_UPSTREAM,
		.text = r->fault ? buf_cstr(&r->fault_text)
				 : "the upstream's answer broke off",
		.request_id = r->id_text };
	struct conn *c = r->c;
	bool told = r->watch.error, ended = told && answer_is_ended(r);
	struct buf event;

	if (told)
		attempt_end(r, ATTEMPT_STREAM_ERROR, 0, r->watch.error_type);
	else
		attempt_end(r, ATTEMPT_CUT, 0, r->up.why.text);
	if (!r->fault && !told)
		r->fault = FAULT_UPSTREAM;
	answer_emit_whole(r);
	buf_clear(&r->held);
	relay_settle(r,
	    r->watch.content ? OUTCOME_CUT
		: told	     ? OUTCOME_UPSTREAM
			     : OUTCOME_FAILED);
	if (r->is_sse || r->asked.stream) {
		buf_init(&event, 16 * 1024);
		if (!told)
			r->dialect->write_fault(&refusal, true, &event);
		answer_emit(r, buf_str(&event));
		buf_fini(&event);
		if ((!r->dialect->has_terminal || ended) &&
		    (!r->chunked || !http1_put_last_chunk(conn_out(c))))
			return do_settle(r);
	}
	r->c = NULL;
	conn_break(c, !r->chunked);
	return do_settle(r);
}

/* The client left while an answer was on its way. */
enum relay_state
do_part(struct relay *r)
{
	/* It may have seen the end already (decision of the dialect's event). */
	enum outcome o = r->watch.terminal ? OUTCOME_OK : OUTCOME_GONE;

	attempt_end(r, ATTEMPT_GONE, 0, "");
	relay_settle(r, o);
	r->c = NULL;
	return do_settle(r);
}

/* The client left before there was an answer. */
enum relay_state
do_leave(struct relay *r)
{
	shape_forget(r);
	attempt_end(r, ATTEMPT_GONE, 0, "");
	if (r->tries)
		relay_settle(r, OUTCOME_GONE);
	else
		relay_tally(r, OUTCOME_GONE);
	r->c = NULL;
	return do_settle(r);
}
