/* SPDX-License-Identifier: MIT */
/* answer.c - what comes back: held until it is worth showing, then passed on
 * event by event, listened to on the way.
 *
 *	held = | whole events (or body) | part of an event |
 *	       0                      whole              end
 *
 * Only whole events are passed on, so that a ping or an error can always be
 * put between two of them, and so that the receipt is written before a byte
 * of the event that ends the answer can be seen. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/capture.h"
#include "relayd/conf.h"
#include "relayd/daemon.h"
#include "relayd/log.h"
#include "relayd/outbound.h"
#include "relayd/relay.h"
#include "relayd/rename.h"
#include "relayd/reshape.h"
#include "relayd/shape.h"
#include "relayd/tally.h"

/* An answer that is no stream is held whole up to this, so that it can be
 * replaced when it breaks, and its usage be read; a larger one is passed on
 * as it comes. */
#define WHOLE_MAX (8 * 1024 * 1024)
/* One relay's share of a turn. */
#define TURN_MAX (64 * 1024)
/* What may follow the end of an answer gets this long. */
#define ENDING_MS 5000

/* --- writing to the client ---------------------------------------------------------- */

static void
emit(struct relay *r, struct str bytes)
{
	struct buf *out = conn_out(r->c);
	enum err e;

	if (!bytes.len)
		return;
	if (r->capture)
		capture_told(r, bytes);
	e = r->chunked ? http1_put_chunk(out, bytes) : buf_add(out, bytes);
	if (e) {
		/* Marks hold the source back long before this ceiling. */
		log_note(LOG_ERROR, "output", "%s: the output is full",
		    r->id_text);
		return;
	}
	r->bytes_out += bytes.len;
	r->said_ms = loop_ms(r->d->loop);
	if (!r->first_us)
		r->first_us = clock_us() - r->began_us;
}

/* Pass on the whole events that are held. */
static void
emit_whole(struct relay *r)
{
	emit(r, str_first(buf_str(&r->held), r->whole));
	buf_eat(&r->held, r->whole);
	r->whole = 0;
}

/* Send, and hold the upstream back while the client is slow. */
static void
flush(struct relay *r)
{
	conn_flush(r->c);
	if (conn_backlog(r->c) > CONN_OUT_HIGH && r->up_open) {
		r->c->told_room = true;
		upstream_hold(&r->up, true);
	}
}

/* The head of a stream whose first bytes are a ping of ours. */
static void
show_bare_head(struct relay *r)
{
	struct buf *out = conn_out(r->c);
	size_t from = buf_len(out);

	r->chunked = r->c->head->minor >= 1;
	buf_mustf(out,
	    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
	    "cache-control: no-cache\r\nx-relay-request-id: %s\r\n%s\r\n",
	    r->id_text,
	    r->chunked ? "transfer-encoding: chunked\r\n"
		       : "connection: close\r\n");
	if (!r->chunked)
		r->c->keeps = false;
	if (r->capture)
		capture_told_head(r, str_skip(buf_str(out), from));
	r->head_sent = true;
	r->status = 200;
}

void
answer_ping(struct relay *r)
{
	if (!r->head_sent)
		show_bare_head(r);
	emit(r, r->dialect->ping);
	r->bytes_out -= r->dialect->ping.len;
	flush(r);
}

static bool
is_ended(const struct relay *r)
{
	return r->up.phase == UP_ENDED;
}

/* There will be no other try: the request's memory is not needed while the
 * answer streams for minutes. */
static void
let_request_go(struct relay *r)
{
	if (!upstream_drop_request(&r->up))
		return;
	conn_drop_body(r->c);
	buf_fini(&r->decoded);
	buf_fini(&r->own_body);
	buf_fini(&r->shaped);
	relay_charge(r);
	buf_wipe(&r->up_head);
	r->body = r->up_body = STR("");
}

/* Show the client the upstream's head.  From here on the answer can be ended,
 * not replaced. */
static void
show_head(struct relay *r)
{
	const struct http1_head *h = &r->up.answer;
	struct buf *out = conn_out(r->c);
	bool sized = !r->is_sse && is_ended(r);
	size_t from = buf_len(out);

	let_request_go(r);
	if (r->head_sent)
		return;
	r->head_sent = true;
	r->status = h->status;
	r->chunked = !sized && r->c->head->minor >= 1;
	if (!sized && !r->chunked)
		r->c->keeps = false;
	if (http1_put_status(out, h->status) ||
	    outbound_answer(h, r->undo != NULL, r->shown_type, out) ||
	    http1_put_field(out, STR("x-relay-request-id"),
		str_of(r->id_text)) ||
	    (sized && h->status != 204 &&
		http1_put_number(out, STR("content-length"),
		    buf_len(&r->held))))
		log_note(LOG_ERROR, "output", "%s: the head does not fit",
		    r->id_text);
	if (r->chunked)
		buf_must(out, STR("transfer-encoding: chunked\r\n"));
	if (!conn_keeps(r->c))
		buf_must(out, STR("connection: close\r\n"));
	buf_must(out, STR("\r\n"));
	if (r->capture)
		capture_told_head(r, str_skip(buf_str(out), from));
}

/* --- listening ------------------------------------------------------------------------ */

/* Put a piece of a stream behind what is held and see which events it makes
 * whole.  Returns what was noticed in them (WATCH_ bits). */
static unsigned
take_events(struct relay *r, struct str piece)
{
	unsigned noticed = 0;
	struct sse_event event;
	size_t used;

	while (piece.len && !r->lost_track) {
		unsigned bits;
		enum err e = sse_feed(&r->sse, piece, &used, &event);

		if (e == ERR_AGAIN)
			break;
		if (e) {
			/* An event over the ceiling: pass on, unheard. */
			r->lost_track = true;
			break;
		}
		bits = r->dialect->watch(&r->watch, &event);
		r->saw_event = true;
		noticed |= bits;
		if (r->hides_usage && bits & WATCH_USAGE_ONLY) {
			buf_chop(&r->held, buf_len(&r->held) - r->whole);
		} else if (buf_add(&r->held, str_first(piece, used))) {
			r->lost_track = true;
			break;
		}
		r->whole = buf_len(&r->held);
		piece = str_skip(piece, used);
	}
	if (buf_add(&r->held, piece)) {
		emit_whole(r);
		emit(r, buf_str(&r->held));
		buf_clear(&r->held);
		emit(r, piece);
	}
	if (r->lost_track || sse_between(&r->sse))
		r->whole = buf_len(&r->held);
	return noticed;
}

static unsigned
bad_body(struct relay *r, enum upstream_fault f)
{
	r->up.fault = f;
	r->events |= 1u << E_FAIL;
	return 0;
}

/* A piece of the body in the dialect's own form. */
static unsigned
take_plain(struct relay *r, struct str piece)
{
	if (r->is_sse)
		return take_events(r, piece);
	r->watch.delta_bytes += piece.len;
	if (buf_add(&r->held, piece)) {
		emit_whole(r);
		emit(r, piece);
	} else {
		r->whole = buf_len(&r->held);
	}
	return 0;
}

/* A piece of the body in whatever form it came: decoded, reshaped, held. */
static unsigned
take_piece(struct relay *r, struct str piece)
{
	if (r->capture)
		capture_heard(r, piece);
	if (r->undo) {
		buf_clear(&r->plain);
		if (decoder_feed(r->undo, piece, &r->plain))
			return bad_body(r, UP_BAD_BODY);
		piece = buf_str(&r->plain);
	}
	if (r->reshape) {
		enum err e;

		buf_clear(&r->reshaped);
		e = r->reshape->ops->feed(r->reshape, piece, &r->reshaped,
		    &r->up.why);
		relay_charge(r);
		if (e)
			return bad_body(r, UP_BAD_BODY);
		piece = buf_str(&r->reshaped);
	}
	return take_plain(r, piece);
}

/* The upstream's body has ended; what reshapes it may have kept a last word. */
static unsigned
take_last(struct relay *r)
{
	struct reshape *s = r->reshape;

	if (!s || s->ended)
		return 0;
	s->ended = true;
	if (!s->ops->end)
		return 0;
	buf_clear(&r->reshaped);
	if (s->ops->end(s, &r->reshaped, &r->up.why))
		return bad_body(r, UP_CUT);
	return take_plain(r, buf_str(&r->reshaped));
}

/* All that the upstream has sent by now, within a turn's share. */
static unsigned
take_all(struct relay *r)
{
	unsigned noticed = 0;
	struct str piece;
	size_t turn = 0;

	while (turn < TURN_MAX && upstream_piece(&r->up, &piece)) {
		r->heard_ms = loop_ms(r->d->loop);
		noticed |= take_piece(r, piece);
		turn += piece.len;
		if (noticed & WATCH_TERMINAL || r->events & 1u << E_FAIL)
			break;
	}
	if (r->up.phase == UP_ENDED)
		noticed |= take_last(r);
	if (r->events & 1u << E_FAIL)
		return noticed;
	if (r->up.phase == UP_ENDED)
		r->events |= 1u << E_END;
	else if (r->up.phase == UP_FAILED)
		r->events |= 1u << E_FAIL;
	else if (turn >= TURN_MAX || noticed & WATCH_TERMINAL)
		loop_ready(r->d->loop, &r->task);
	return noticed;
}

static enum relay_state seal(struct relay *r);

/* --- the beginning ----------------------------------------------------------------------- */

static bool
client_takes(const struct relay *r, struct str coding)
{
	return http1_has_token(r->c->head, STR("accept-encoding"), coding);
}

/* An upstream that compresses though it was not asked to, or a stream, is
 * decoded; other answers pass compressed when the client takes that. */
static void
choose_decoding(struct relay *r)
{
	const struct header *f =
	    http1_find(&r->up.answer, STR("content-encoding"));
	enum coding coding;

	if (!f)
		return;
	coding = coding_of(f->value);
	if (coding == CODING_IDENTITY)
		return;
	if (coding == CODING_OTHER) {
		r->lost_track = true;
		return;
	}
	if (!r->is_sse && !r->reshape && r->up.answer.status < 300 &&
	    client_takes(r, f->value)) {
		r->is_coded = coding;
		return;
	}
	r->undo = decoder_new(coding, 1024 * 1024 * 1024);
}

static bool
is_event_stream(const struct http1_head *h)
{
	const struct header *f = http1_find(h, STR("content-type"));

	return f && str_istarts(f->value, STR("text/event-stream"));
}

/* Nothing can be put between events that cannot be told apart. */
static bool
may_ping(const struct relay *r)
{
	return r->is_sse && !r->lost_track;
}

static void
wait_holding(struct relay *r)
{
	const struct settings *s = &r->d->settings;
	int64_t at_ms = r->deadline_ms;
	int64_t ping_ms =
	    r->said_ms + (r->head_sent ? s->ping_after_ms : s->ping_before_ms);

	if (may_ping(r) && ping_ms < at_ms)
		at_ms = ping_ms;
	relay_wait_until(r, at_ms);
}

/* An upstream that speaks in another form is listened to in the dialect's. */
static void
choose_reshaping(struct relay *r)
{
	const struct provider *p = r->account->provider;
	const struct ask ask = attempt_ask(r);
	const struct reshape_ops *ops =
	    p->answer ? p->answer(&ask, &r->up.answer) : NULL;

	if (ops)
		r->is_sse = reshape_is_events(ops);
	else if (buf_len(&r->up_model))
		ops = r->is_sse ? &rename_events : &rename_whole;
	if (!ops)
		return;
	r->reshape = reshape_new(ops);
	r->shown_type = ops->content_type;
	if (buf_len(&r->up_model))
		r->reshape->model = buf_str(&r->model);
}

enum relay_state
answer_begin(struct relay *r)
{
	const struct settings *s = &r->d->settings;

	r->is_sse = is_event_stream(&r->up.answer);
	choose_reshaping(r);
	choose_decoding(r);
	r->deadline_ms = r->heard_ms +
	    (r->is_sse ? s->first_event_wait_ms : s->stream_idle_ms);
	wait_holding(r);
	r->events |= 1u << E_DATA;
	return R_HOLDING;
}

static enum relay_state
go_streaming(struct relay *r)
{
	if (r->is_sse)
		account_note_ttft(r->account,
		    (clock_us() - r->up.began_us) / 1000);
	show_head(r);
	emit_whole(r);
	flush(r);
	return do_silent(r);
}

/* The upstream says no in the stream before it said anything else. */
static enum relay_state
error_first(struct relay *r)
{
	struct str type = str_of(r->watch.error_type);
	unsigned status = verdict_status_of(type);
	char error[96];

	snprintf(error, sizeof(error), "%u in the stream: %.*s", status,
	    STR_ARG(type));
	r->verdict = verdict_find(status, type);
	if (r->verdict->next == NEXT_RETURN) {
		tally_verdict(r->d->tally, r->verdict);
		return go_streaming(r);
	}
	attempt_end(r, ATTEMPT_ERROR_STATUS, status, error);
	r->told_ms = 0;
	return attempt_failed(r, status, type, error);
}

/* The answer has come to its end: the receipt first, then the rest of it. */
static enum relay_state
end_answer(struct relay *r)
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
do_hold(struct relay *r)
{
	const struct settings *s = &r->d->settings;
	bool had = r->saw_event;
	int64_t heard_ms = r->heard_ms;
	unsigned noticed = take_all(r);

	if (!r->is_sse) {
		if (buf_len(&r->held) > WHOLE_MAX) {
			r->lost_track = true;
			return go_streaming(r);
		}
		/* Only what was heard moves the deadline: setting the timer
		 * anew takes back that it has expired. */
		if (r->heard_ms != heard_ms) {
			r->deadline_ms = r->heard_ms + s->stream_idle_ms;
			wait_holding(r);
		}
		return R_HOLDING;
	}
	if (noticed & WATCH_ERROR && !r->watch.content)
		return error_first(r);
	if (noticed & WATCH_TERMINAL)
		return end_answer(r);
	if (noticed & WATCH_CONTENT || r->lost_track ||
	    buf_len(&r->held) > s->hold_size_bytes)
		return go_streaming(r);
	if (r->saw_event && !had) {
		r->deadline_ms = r->heard_ms + s->hold_time_ms;
		wait_holding(r);
	}
	return R_HOLDING;
}

/* HOLDING's timer: long enough held, or too long silent. */
enum relay_state
do_enough(struct relay *r)
{
	int64_t now_ms = loop_ms(r->d->loop);

	if (now_ms >= r->deadline_ms && r->saw_event)
		return go_streaming(r);
	if (now_ms >= r->deadline_ms) {
		attempt_end(r, ATTEMPT_TIMEOUT, 0, "no event in time");
		r->told_ms = 0;
		return attempt_failed(r, 504, STR(""), "no event in time");
	}
	if (may_ping(r))
		answer_ping(r);
	wait_holding(r);
	return R_HOLDING;
}

/* The usage of an answer that was not streamed. */
static void
read_whole(struct relay *r)
{
	struct decoder *d;
	struct buf plain;

	if (r->op != OP_GENERATE && r->op != OP_COMPACT && r->op != OP_EMBED)
		return;
	r->watch.delta_bytes = buf_len(&r->held);
	if (!r->is_coded) {
		r->dialect->watch_body(&r->watch, buf_str(&r->held));
		return;
	}
	d = decoder_new(r->is_coded, 4 * WHOLE_MAX);
	buf_init(&plain, 4 * WHOLE_MAX);
	if (!decoder_feed(d, buf_str(&r->held), &plain))
		r->dialect->watch_body(&r->watch, buf_str(&plain));
	decoder_free(d);
	buf_fini(&plain);
}

/* The answer ended while nothing of it was shown. */
enum relay_state
do_whole(struct relay *r)
{
	if (r->is_sse && !r->watch.terminal) {
		attempt_end(r, ATTEMPT_CUT, 0, "the stream ended too early");
		r->told_ms = 0;
		return attempt_failed(r, 502, STR(""),
		    "the stream ended too early");
	}
	if (r->reshape && r->reshape->status)
		return attempt_refused(r, r->reshape->status);
	r->whole = buf_len(&r->held);
	if (!r->is_sse)
		read_whole(r);
	return end_answer(r);
}

/* --- the middle --------------------------------------------------------------------------- */

enum relay_state
do_pass(struct relay *r)
{
	unsigned noticed = take_all(r);

	if (noticed & WATCH_TERMINAL)
		return end_answer(r);
	emit_whole(r);
	flush(r);
	return R_STREAMING;
}

/* STREAMING's timer: the upstream is silent for too long, or the client has
 * heard nothing for a while. */
enum relay_state
do_silent(struct relay *r)
{
	const struct settings *s = &r->d->settings;
	int64_t now_ms = loop_ms(r->d->loop), at_ms;

	/* While the client is slow, the silence is its own. */
	if (r->up.held)
		r->heard_ms = now_ms;
	at_ms = r->heard_ms + s->stream_idle_ms;
	if (now_ms >= at_ms)
		return do_cut(r);
	if (may_ping(r)) {
		if (now_ms >= r->said_ms + s->ping_after_ms)
			answer_ping(r);
		if (r->said_ms + s->ping_after_ms < at_ms)
			at_ms = r->said_ms + s->ping_after_ms;
	}
	relay_wait_until(r, at_ms);
	return R_STREAMING;
}

/* --- the end -------------------------------------------------------------------------------- */

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
	show_head(r);
	emit_whole(r);
	if (is_ended(r))
		return do_close(r);
	flush(r);
	r->events |= 1u << E_DATA;
	relay_wait_until(r, loop_ms(r->d->loop) + ENDING_MS);
	return R_ENDING;
}

enum relay_state
do_tail(struct relay *r)
{
	take_all(r);
	emit_whole(r);
	flush(r);
	return R_ENDING;
}

/* Everything was said and booked: end the body as it should end. */
enum relay_state
do_close(struct relay *r)
{
	struct conn *c = r->c;

	emit(r, buf_str(&r->held));
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
	return end_answer(r);
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
	bool told = r->watch.error, ended = told && is_ended(r);
	struct buf event;

	if (told)
		attempt_end(r, ATTEMPT_STREAM_ERROR, 0, r->watch.error_type);
	else
		attempt_end(r, ATTEMPT_CUT, 0, r->up.why.text);
	if (!r->fault && !told)
		r->fault = FAULT_UPSTREAM;
	emit_whole(r);
	buf_clear(&r->held);
	relay_settle(r,
	    r->watch.content ? OUTCOME_CUT
		: told	     ? OUTCOME_UPSTREAM
			     : OUTCOME_FAILED);
	if (r->is_sse || r->asked.stream) {
		buf_init(&event, 16 * 1024);
		if (!told)
			r->dialect->write_fault(&refusal, true, &event);
		emit(r, buf_str(&event));
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

/* An upstream's refusal that is the request's affair: as it came. */
enum relay_state
answer_pass_error(struct relay *r)
{
	bool ended = r->up.phase == UP_ENDED || r->up.phase == UP_FAILED;
	unsigned status = r->up.answer.status;

	/* What was put into other words is all there is. */
	if (r->shown_type)
		ended = true;
	r->whole = buf_len(&r->held);
	r->is_sse = false;
	r->lost_track = true;
	r->watch.error = true;
	if (!ended)
		return go_streaming(r);
	if (r->up.phase != UP_ENDED)
		r->up.answer.keep_alive = false;
	r->up.phase = UP_ENDED;
	show_head(r);
	attempt_note(r, ATTEMPT_ERROR_STATUS, status, "");
	relay_settle(r, OUTCOME_UPSTREAM);
	emit_whole(r);
	attempt_end(r, ATTEMPT_ERROR_STATUS, status, "");
	return do_settle(r);
}
